"""Loopback addresses."""

from ipaddress import IPv6Address, ip_address


def is_loopback(host: str) -> bool:
    """Return whether a host is a loopback name or address.

    These are localhost and the names below it (RFC 6761), 127.0.0.0/8, ::1, and 127.0.0.0/8 mapped into IPv6. No name
    is looked up.

    Args:
        host: A name or an address, without port and brackets.
    """
    name = host.lower().rstrip(".")
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        address = ip_address(host)
    except ValueError:
        return False
    # A dual-stack socket reports IPv4 clients with mapped addresses. is_loopback supports those since Python 3.13.
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return (mapped or address).is_loopback
