"""Redirects of the vendor's hosts inside this process, and transports that need no socket."""
