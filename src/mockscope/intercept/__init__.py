"""The vendor's hosts inside this process, and clients without a socket."""
