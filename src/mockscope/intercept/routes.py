"""The vendor's hosts, and the routes of the active redirects to mock servers.

This module patches nothing and imports no client.
"""

import errno
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from mockscope._vendor import VENDOR_HOSTS

DEFAULT_PORTS: Final = {"http": 80, "https": 443, "ws": 80, "wss": 443}
PORTS: Final = frozenset(DEFAULT_PORTS.values())


class VendorHostRefused(ConnectionError):
    """A connection to a vendor's host was refused, because the active redirect does not support it.

    It is raised before anything is sent. It is an OSError, because clients handle an OSError of a DNS look-up.

    Args:
        message: the refused connection and the remedy.
    """

    def __init__(self, message: str) -> None:
        # Some clients show the text of an OSError only if it has an errno.
        super().__init__(errno.ECONNREFUSED, message)

    def __str__(self) -> str:
        return str(self.strerror)


class Route(NamedTuple):
    """The address of the server that receives the redirected requests."""

    url: str
    host: str
    port: int

    @classmethod
    def to(cls, url: str) -> "Route":
        """Parse the URL of a server.

        Raises:
            ValueError: If it is not a valid URL with the scheme http.
        """
        host, port = address_of(url)
        if host is None or port is None or not url.lower().startswith("http://"):
            raise ValueError(f"mockscope can only redirect to a server that speaks plain HTTP, not to {url}")
        return cls(url, host, port)


class ActiveRoutes:
    """The routes of the active redirects of this process, the latest last."""

    def __init__(self) -> None:
        # Replaced as a whole, so that hooks read it without a lock.
        self.routes: tuple[Route, ...] = ()

    @property
    def current(self) -> Route | None:
        """The latest route that is still active."""
        routes = self.routes
        return routes[-1] if routes else None


ACTIVE: Final = ActiveRoutes()


def vendor_host(host: object) -> str | None:
    """Return the vendor's host for a name in any spelling, or None for any other host."""
    if isinstance(host, bytes | bytearray):
        host = host.decode("latin-1")
    if not isinstance(host, str):
        return None
    if not host.isascii():
        try:
            # As the interpreter does before a DNS look-up.
            host = host.encode("idna").decode()
        except UnicodeError:
            return None
    name = host.lower().removesuffix(".")
    return name if name in VENDOR_HOSTS else None


def route_to(host: object, port: object) -> Route | None:
    """Return the active route for requests to this host and port, if there is one."""
    return ACTIVE.current if port in PORTS and vendor_host(host) is not None else None


def address_of(url: str) -> tuple[str | None, int | None]:
    """Return the host and port of a URL, or None for both if it is not valid."""
    try:
        parts = urlsplit(url)
        return parts.hostname, parts.port or DEFAULT_PORTS.get(parts.scheme)
    except ValueError:
        return None, None


def check_host(host: object) -> None:
    """Check a host before a connection to it.

    Args:
        host: the host, or an address: a tuple that begins with the host.

    Raises:
        VendorHostRefused: If it is a vendor's host, and a redirect is active.
    """
    route = ACTIVE.current
    name = vendor_host(host[0] if isinstance(host, tuple) and host else host)
    if route is None or name is None:
        return
    raise VendorHostRefused(
        f"mockscope refused a connection to {name}: a redirect to {route.url} is active, and it does not support "
        "this client or port. Nothing was sent. Use requests, urllib3, urllib, http.client, httpx, httpx2 or aiohttp "
        f"on port 80 or 443, or use {route.url} (server.url) instead of the vendor's URL."
    )
