"""The commands' view of a server elsewhere."""
