"""Mockscope: the sites of one server with the ASGI application that answers for them, without a socket."""

from starlette.types import ASGIApp

from mockscope._support.arguments import check_kind
from mockscope.bench import Bench
from mockscope.instruments.calls import MOST_CALLS
from mockscope.seeding import SeedSource
from mockscope.web.app import build_app
from mockscope.web.control.door import Door


class Mockscope(Bench):
    """The sites of one server and the ASGI application that answers for them, without a socket.

    Args:
        seed: a path to a seed file, or the same as plain data; without it the server starts without sites.
        hint_header: whether answers carry ``X-Mockscope-Hint`` (HTTP-10).
        strict: whether its sites are in strict mode unless they say otherwise.
        contract: whether requests to its sites are held against openapi.yaml unless they say otherwise.
        calls_kept: how many calls each site keeps, and how many are kept that reached no site.
        control: whether the control API answers under ``/_mockscope/v1/``.
        control_token: the bearer token that it demands; None demands one only where others than this machine can
            reach the port, and makes it up.

    Raises:
        SeedError: the seed can't be loaded.
        ValueError: the token can't stand in a header, a switch is neither True nor False, or ``calls_kept`` is not 1
            or more.
        OSError: the seed can't be read.
        ImportError: requests are to be held against the contract, and the validator is not installed.
    """

    def __init__(
        self,
        seed: SeedSource | None = None,
        *,
        hint_header: bool = True,
        strict: bool = False,
        contract: bool = False,
        calls_kept: int = MOST_CALLS,
        control: bool = True,
        control_token: str | None = None,
    ) -> None:
        for name, switch in (("hint_header", hint_header), ("control", control)):
            check_kind(name, switch, bool)
        super().__init__(seed, strict=strict, contract=contract, calls_kept=calls_kept)
        self._door = Door(control_token) if control else None
        self._hide_token()
        self.app: ASGIApp = build_app(self, hint_header=hint_header, door=self._door)

    @property
    def control_token(self) -> str | None:
        """The bearer token that the control API demands; None where it demands none, or is switched off."""
        return None if self._door is None else self._door.token

    def listens_at(self, *names: str) -> None:
        """Say where the double is reached; a server does so once its socket is bound.

        Args:
            names: the address of the socket, and the name that it was bound by.
        """
        if self._door is not None:
            self._door.listens_at(*names)
            self._hide_token()

    def _hide_token(self) -> None:
        if self.control_token is not None:
            self.veil.learn(self.control_token)
