"""Mockscope: the sites of one server and their ASGI application, without a socket."""

from starlette.types import ASGIApp

from mockscope._support.arguments import check_kind
from mockscope.instruments.call_log import MAX_CALLS
from mockscope.seeds.files import SeedSource
from mockscope.sites.registry import SiteRegistry
from mockscope.web.app import build_app
from mockscope.web.control.access import ControlAccess


class Mockscope(SiteRegistry):
    """The sites of one server and their ASGI application, without a socket.

    Args:
        seed: a path to a seed file, or the same as plain data; without it the server starts without sites.
        hint_header: whether responses have the header ``X-Mockscope-Hint`` (HTTP-10).
        strict: the default of its sites for strict mode.
        contract: the default of its sites for validating requests against openapi.yaml.
        calls_kept: the maximum number of calls that each site keeps, and that the server keeps without a site.
        control: whether the application has the control API under ``/_mockscope/v1/``.
        control_token: the bearer token of the control API. None generates one if other machines can reach the port,
            and else requires none.

    Raises:
        SeedError: If the seed is not valid.
        ValueError: If the token is not valid in a header, a switch is neither True nor False, or ``calls_kept`` is
            not 1 or more.
        OSError: If the seed file can't be read.
        ImportError: If ``contract`` is True, and the validator is not installed.
    """

    def __init__(
        self,
        seed: SeedSource | None = None,
        *,
        hint_header: bool = True,
        strict: bool = False,
        contract: bool = False,
        calls_kept: int = MAX_CALLS,
        control: bool = True,
        control_token: str | None = None,
    ) -> None:
        for name, switch in (("hint_header", hint_header), ("control", control)):
            check_kind(name, switch, bool)
        super().__init__(seed, strict=strict, contract=contract, calls_kept=calls_kept)
        self._access = ControlAccess(control_token) if control else None
        self._hide_token()
        self.app: ASGIApp = build_app(self, hint_header=hint_header, access=self._access)

    @property
    def control_token(self) -> str | None:
        """The bearer token of the control API; None if it requires none, or is switched off."""
        return None if self._access is None else self._access.token

    def listens_at(self, *names: str) -> None:
        """Set the address of the server. A server calls this method once its socket is bound.

        Args:
            names: the address of the socket, and the name that it was bound by.
        """
        if self._access is not None:
            self._access.listens_at(*names)
            self._hide_token()

    def _hide_token(self) -> None:
        if self.control_token is not None:
            self.redactor.learn(self.control_token)
