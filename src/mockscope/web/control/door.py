"""Who may use the control API: no page that a browser opened, and over the network only who has the token."""

import re
from hmac import compare_digest
from ipaddress import IPv6Address, ip_address
from typing import Final

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import Scope

from mockscope._support.randomness import random_hex

# RFC 6750: what can stand behind "Bearer".
TOKEN: Final = re.compile(r"[A-Za-z0-9._~+/-]+=*")
PORT: Final = re.compile(r":\d*$")
CHALLENGE: Final = {"WWW-Authenticate": 'Bearer realm="mockscope"'}


class Door:
    """Who may use the control API of one double.

    Args:
        token: the token that every request must carry; None demands one only where the port can be reached from
            elsewhere than this machine, and makes it up.

    Raises:
        ValueError: the token can't stand in a header.
    """

    def __init__(self, token: str | None = None) -> None:
        if token is not None and not TOKEN.fullmatch(token):
            raise ValueError("a control token is made of letters, digits and - . _ ~ + /, with = at the end only")
        self.token = token
        self._names: frozenset[str] | None = None

    def listens_at(self, *names: str) -> None:
        """Say where the double is reached: at loopback no token is demanded, and elsewhere one always is.

        Args:
            names: the address of the bound socket, and the name that it was bound by.
        """
        self._names = frozenset(map(_canonical, names))
        if self.token is None and not is_loopback(names[0]):
            self.token = random_hex(32)

    def check(self, scope: Scope) -> None:
        """Let a request in, or refuse it.

        Raises:
            HTTPException: 403 for a foreign Host or Origin, 401 where the token is missing or wrong.
        """
        headers = Headers(scope=scope)
        host = self._checked_host(headers.getlist("host"), scope)
        own = f"{scope.get('scheme', 'http')}://{host}"
        for origin in headers.getlist("origin"):
            if origin.lower() != own.lower():
                raise HTTPException(
                    403, f"The control API answers no page of another origin ({origin}): call it from a program."
                )
        self._check_token(headers.get("authorization"), scope)

    def _checked_host(self, hosts: list[str], scope: Scope) -> str:
        # A page that lets its own name point here (DNS rebinding) asks with that name. The address that a request
        # arrived at is nobody's name; without a socket it is whatever the transport was told to call.
        known = (self._names or frozenset()) | {_canonical((scope.get("server") or ("",))[0])}
        if not hosts:
            # No browser leaves it out.
            return ""
        name = _canonical(PORT.sub("", hosts[0]).removeprefix("[").removesuffix("]"))
        if len(hosts) == 1 and name and (name in known or name == "localhost" or is_loopback(name)):
            return hosts[0]
        raise HTTPException(
            403,
            f"The control API does not answer to the Host {', '.join(hosts) or '(none)'}: "
            "use localhost, a loopback address, or the address or name that the server was bound to (--host).",
        )

    def _check_token(self, sent: str | None, scope: Scope) -> None:
        if self.token is None:
            client = (scope.get("client") or ("",))[0]
            # Under a server that is not ours nobody said where it is bound: then the client's address decides.
            if self._names is None and _is_address(client) and not is_loopback(client):
                raise HTTPException(
                    403,
                    "The control API answers the network with a token only, and this application was given none: "
                    "set control_token.",
                )
            return
        scheme, _, token = (sent or "").partition(" ")
        if scheme.lower() != "bearer":
            raise HTTPException(
                401,
                "The control API needs the header Authorization: Bearer <token>; the token is the one that the server "
                "was given (--control-token) or, without one, printed at the start and wrote into its ready file.",
                CHALLENGE,
            )
        if not compare_digest(token.strip().encode(), self.token.encode()):
            raise HTTPException(
                401,
                "The token is not this server's: use the one that it was given or printed at the start.",
                {"WWW-Authenticate": f'{CHALLENGE["WWW-Authenticate"]}, error="invalid_token"'},
            )


def is_loopback(address: str) -> bool:
    """Whether an address is this machine's own."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    mapped = parsed.ipv4_mapped if isinstance(parsed, IPv6Address) else None
    return (mapped or parsed).is_loopback


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def _canonical(name: str) -> str:
    """A name or address in the one form in which it is compared."""
    return str(ip_address(name)) if _is_address(name) else name.lower()
