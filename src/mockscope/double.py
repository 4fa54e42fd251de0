"""Mockscope: the sites of one server with the ASGI application that answers for them, without a socket."""

from starlette.types import ASGIApp

from mockscope.bench import Bench
from mockscope.instruments.calls import MOST_CALLS
from mockscope.seeding import SeedSource
from mockscope.web.app import build_app


class Mockscope(Bench):
    """The sites of one server and the ASGI application that answers for them, without a socket.

    Args:
        seed: a path to a seed file, or the same as plain data; without it there are no sites yet.
        hint_header: whether answers carry ``X-Mockscope-Hint`` (HTTP-10).
        strict: whether its sites are in strict mode unless they say otherwise.
        calls_kept: how many calls each site keeps, and how many are kept that reached no site.

    Raises:
        SeedError: the seed can't be loaded.
        OSError: the seed can't be read.
    """

    def __init__(
        self,
        seed: SeedSource | None = None,
        *,
        hint_header: bool = True,
        strict: bool = False,
        calls_kept: int = MOST_CALLS,
    ) -> None:
        super().__init__(seed, strict=strict, calls_kept=calls_kept)
        self.app: ASGIApp = build_app(self, hint_header=hint_header)
