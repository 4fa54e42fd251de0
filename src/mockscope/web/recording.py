"""The wrapper that opens an entry for each request to the vendor's API and completes it with the answer."""

import logging
from collections.abc import Iterator
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from mockscope._support.randomness import random_hex
from mockscope.instruments.calls import Journal
from mockscope.instruments.entry import Entry, Observer
from mockscope.web.head import HEAD, Head

logger: Final = logging.getLogger("mockscope")

# Where wrappers and the API find the entry of the request at hand: ASGI hands one scope through all of them.
ENTRY: Final = "mockscope.entry"
# The log that keeps it, once it is open.
LOG: Final = "mockscope.log"


class Recording:
    """ASGI in, ASGI out: every request gets an id and an entry, and every observer sees it once the answer is out.

    Args:
        app: what answers, and opens the entry in the journal of the site that the request reaches.
        unclaimed: the journal of requests that reach no site.
        observers: called with each completed entry, in the server's thread. The list may change at any time, and what
            one raises is logged.
        numbers: where each request gets its number from.
    """

    def __init__(
        self,
        app: ASGIApp,
        unclaimed: Journal,
        observers: list[Observer],
        numbers: Iterator[int],
    ) -> None:
        self._app = app
        self._unclaimed = unclaimed
        self._observers = observers
        self._prefix = f"{random_hex(4)}-"
        self._numbers = numbers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        head: Head | None = scope.get(HEAD)
        if head is None or not head.is_of(scope):
            scope[HEAD] = head = Head(scope)
        number = next(self._numbers)
        scope[ENTRY] = entry = Entry(
            f"{self._prefix}{number}",
            head.method,
            head.path,
            head.query_string,
            head.lines,
            number,
            scope.get("scheme", "http"),
        )
        try:
            await self._app(scope, receive, send)
        finally:
            log: Journal | None = scope.get(LOG)
            if log is None:
                log = self._unclaimed
                log.open(entry)
            log.close(entry)
            if self._observers or log.observers:
                # Copied: one that is there for one call takes itself off the list meanwhile.
                self._show(entry, (*self._observers, *log.observers))

    def _show(self, entry: Entry, observers: tuple[Observer, ...]) -> None:
        for observe in observers:
            try:
                observe(entry)
            except Exception:
                # Whatever is wrong with one, the others see the call.
                logger.exception("An observer of calls raised an error; the answer was out before.")
