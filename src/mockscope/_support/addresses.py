"""The addresses that mean this machine alone."""

from ipaddress import IPv6Address, ip_address


def is_loopback(host: str) -> bool:
    """Return whether a host name or an address reaches this machine alone.

    These are localhost and the names below it (RFC 6761), 127.0.0.0/8, ::1, and IPv4 addresses mapped into IPv6.
    No name is looked up.

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
    # A port for both families shows IPv4 clients with mapped addresses; is_loopback knows those since Python 3.13.
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return (mapped or address).is_loopback
