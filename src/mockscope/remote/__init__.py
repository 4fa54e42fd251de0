"""The client for servers elsewhere, and the conversion of a site there to a seed."""
