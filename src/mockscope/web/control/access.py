"""Access to the control API. Pages of other sites are refused, and other machines need the token."""

import re
from hmac import compare_digest
from ipaddress import ip_address
from typing import Final

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import Scope

from mockscope._support.addresses import is_loopback
from mockscope._support.randomness import random_hex

# RFC 6750: a bearer token.
TOKEN: Final = re.compile(r"[A-Za-z0-9._~+/-]+=*")
PORT: Final = re.compile(r":\d*$")
CHALLENGE: Final = 'Bearer realm="mockscope"'


class ControlAccess:
    """The access control of the control API of one server.

    Args:
        token: the token that every request must have. None generates one if other machines can reach the port, and
            else requires none.

    Raises:
        ValueError: If the token is not valid in a header.
    """

    def __init__(self, token: str | None = None) -> None:
        if token is not None and not TOKEN.fullmatch(token):
            raise ValueError("a control token must consist of letters, digits and - . _ ~ + /, with = only at its end")
        self.token = token
        self._names: frozenset[str] | None = None

    def listens_at(self, *names: str) -> None:
        """Set the address of the server. A token is optional on loopback, and required elsewhere.

        Args:
            names: the address of the bound socket, and the name that it was bound by.
        """
        self._names = frozenset(map(_canonical, names))
        if self.token is None and not is_loopback(names[0]):
            self.token = random_hex(32)

    def check(self, scope: Scope) -> None:
        """Check that a request may use the control API.

        Raises:
            HTTPException: 403 for a foreign Host or Origin, or a page of another site; 401 for a missing or wrong
                token.
        """
        headers = Headers(scope=scope)
        hosts = headers.getlist("host")
        # The token protects from DNS rebinding too, because a page does not know it.
        if self.token is None and hosts and not self._knows(hosts, scope):
            raise HTTPException(
                403,
                f"The control API refuses the Host {', '.join(hosts) or '(none)'}: "
                "use localhost, a loopback address, or the address or name that the server was bound to (--host), "
                "or demand a token (--control-token).",
            )
        own = f"{scope.get('scheme', 'http')}://{''.join(hosts)}".lower()
        for origin in headers.getlist("origin"):
            if origin.lower() != own:
                raise HTTPException(
                    403, f"The control API refuses pages of another origin ({origin}): call it from a program."
                )
        # A page of another port is of the same site.
        is_foreign = headers.get("sec-fetch-site") in ("cross-site", "same-site")
        if is_foreign and not _is_navigation(headers, scope["method"]):
            raise HTTPException(403, "The control API refuses pages of another site: call it from a program.")
        self._check_token(headers.get("authorization"), scope)

    def _knows(self, hosts: list[str], scope: Scope) -> bool:
        # In DNS rebinding, a page lets its own name resolve to this machine, and sends that name. So only bound names,
        # loopback, and the local address of the connection are accepted. A page of another site has none of them.
        # Without a socket, the local address is the host in the URL of the transport.
        known = (self._names or frozenset()) | {_canonical((scope.get("server") or ("",))[0])}
        name = _canonical(PORT.sub("", hosts[0]).removeprefix("[").removesuffix("]"))
        return len(hosts) == 1 and name != "" and (name in known or is_loopback(name))

    def _check_token(self, sent: str | None, scope: Scope) -> None:
        if self.token is None:
            client = (scope.get("client") or ("",))[0]
            # Under another ASGI server the bound address is unknown, so the address of the client decides.
            if self._names is None and _address(client) and not is_loopback(client):
                raise HTTPException(
                    403,
                    "The control API requires a token from other machines, and this application has none: "
                    "set control_token.",
                )
            return
        scheme, _, token = (sent or "").partition(" ")
        if scheme.lower() != "bearer":
            raise HTTPException(
                401,
                "The control API requires the header Authorization: Bearer <token>. The token is that of "
                "--control-token or, without this option, the one that the server printed and "
                "wrote into its ready file.",
                {"WWW-Authenticate": CHALLENGE},
            )
        if not compare_digest(token.strip().encode(), self.token.encode()):
            raise HTTPException(
                401,
                "The token is not that of this server: use the one of --control-token, or the one that it printed.",
                {"WWW-Authenticate": f'{CHALLENGE}, error="invalid_token"'},
            )


def _is_navigation(headers: Headers, method: str) -> bool:
    """Return whether the user follows a link. Then only the user sees the response."""
    fetched = headers.get("sec-fetch-mode"), headers.get("sec-fetch-dest")
    return method in ("GET", "HEAD") and fetched == ("navigate", "document")


def _address(name: str) -> str:
    """Return an address in its canonical form, or "" for a name."""
    try:
        return str(ip_address(name))
    except ValueError:
        return ""


def _canonical(name: str) -> str:
    """Return a name or address in its canonical form."""
    return _address(name) or name.lower()
