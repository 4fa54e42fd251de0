"""Mockscope: the sites of one server and their ASGI application, without a socket."""

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar, Unpack

from mockscope.seeds.files import SeedSource
from mockscope.sites.mock_site import MockSite
from mockscope.sites.registry import SiteRegistry
from mockscope.sites.settings import Settings, SettingsArguments
from mockscope.web.app import build_app
from mockscope.web.control.access import ControlAccess

P = ParamSpec("P")
R = TypeVar("R")


def forwarded(method: Callable[Concatenate[SiteRegistry, P], R]) -> Callable[Concatenate[Any, P], R]:
    """Return a method for a class with a ``registry``: it has the signature of a method of the registry, and calls it.

    Args:
        method: the method of the registry.
    """

    @wraps(method)
    def forward(self: Any, /, *args: P.args, **kwargs: P.kwargs) -> R:
        return method(self.registry, *args, **kwargs)

    return forward


class Mockscope:
    """The sites of one server and their ASGI application, without a socket.

    ``clock`` is the clock of all sites. ``calls`` are the calls that reached no site.

    Args:
        seed: a path to a seed file, or the same as plain data; without it the server starts without sites.
        settings: ``hint_header``, ``strict``, ``contract``, ``calls_kept``, ``control`` and ``control_token``: the
            fields of ``mockscope.sites.settings.Settings``.

    Raises:
        SeedError: If the seed is not valid.
        ValueError: If a setting is not valid.
        OSError: If the seed file can't be read.
        ImportError: If ``contract`` is True, and the validator is not installed.
    """

    def __init__(self, seed: SeedSource | None = None, **settings: Unpack[SettingsArguments]) -> None:
        checked = Settings(**settings)
        self.registry = SiteRegistry(seed, checked)
        self.clock = self.registry.clock
        self.calls = self.registry.calls
        self.observers = self.registry.observers
        self._access = ControlAccess(checked.control_token) if checked.control else None
        self._hide_token()
        self.app = build_app(self.registry, hint_header=checked.hint_header, access=self._access)

    def __repr__(self) -> str:
        return f"<Mockscope: {len(self.registry.directory)} sites>"

    site = forwarded(SiteRegistry.site)
    all_calls = forwarded(SiteRegistry.all_calls)
    reset = forwarded(SiteRegistry.reset)
    export = forwarded(SiteRegistry.export)
    events = forwarded(SiteRegistry.events)

    @property
    def sites(self) -> dict[str, MockSite]:
        """The present sites, by host."""
        return self.registry.sites

    @property
    def url(self) -> str:
        """A base URL for in-process transports."""
        return self.registry.url

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
            self.registry.redactor.add_key(self.control_token)
