"""What makes a double rather than a service: entries of calls, and hints.

Nothing here knows the domain or HTTP servers; only the standard library may be imported.
"""
