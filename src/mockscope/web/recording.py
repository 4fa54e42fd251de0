"""The wrapper that opens an entry for each request to the vendor's API and completes it with the answer."""

import secrets
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import partial
from itertools import count
from time import perf_counter
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mockscope.instruments.calls import Entry, Observer

# Where wrappers and the API find the entry of the request at hand: ASGI hands one scope through all of them.
ENTRY: Final = "mockscope.entry"


utc_now: Final = partial(datetime.now, UTC)


class Recording:
    """ASGI in, ASGI out: every request gets an id, and every observer its entry once the answer is out.

    Args:
        app: what answers.
        observers: called with each completed entry, in the server's thread. The list may grow later.
        hint_header: whether answers carry X-Mockscope-Hint (HTTP-10).
        now: the time.
    """

    def __init__(
        self,
        app: ASGIApp,
        observers: list[Observer],
        *,
        hint_header: bool = True,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self._app = app
        self._observers = observers
        self._hint_header = hint_header
        self._now = now
        self._prefix = f"{secrets.token_hex(4)}-"
        self._numbers = count(1)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = perf_counter()
        path: bytes = scope.get("raw_path") or scope["path"].encode()
        request_id = f"{self._prefix}{next(self._numbers)}"
        scope[ENTRY] = entry = Entry(request_id, self._now(), scope["method"], path.decode("utf-8", "replace"))

        def send_with_id(message: Message) -> Awaitable[None]:
            if message["type"] == "http.response.start":
                entry.status = message["status"]
                # HTTP-10: "X-Request-Id, the id of its entry in the journal"
                message["headers"].append((b"x-request-id", request_id.encode()))
                if entry.advice is not None and self._hint_header:
                    message["headers"].append((b"x-mockscope-hint", entry.advice.code.encode()))
            return send(message)

        try:
            await self._app(scope, receive, send_with_id)
        finally:
            entry.duration = perf_counter() - started
            for observe in self._observers:
                observe(entry)
