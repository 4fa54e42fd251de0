"""The recorder: an entry for each request to the vendor's API, complete once the answer was sent."""

import logging
from collections.abc import Iterator
from typing import Final

from mockscope._support.randomness import random_hex
from mockscope.instruments.calls import Journal
from mockscope.instruments.entry import Entry, Observer
from mockscope.instruments.lines import pack
from mockscope.web.head import Head

logger: Final = logging.getLogger("mockscope")


class Recorder:
    """Makes the entries of requests, and shows them to observers once they are complete.

    Args:
        observers: Called with each complete entry, in the server's thread. The list may change at any time, and an
            error that an observer raises is logged.
        numbers: The source of the requests' numbers.
    """

    def __init__(self, observers: list[Observer], numbers: Iterator[int]) -> None:
        self._observers = observers
        self._prefix = f"{random_hex(4)}-"
        self._numbers = numbers

    def new_entry(self, head: Head, scheme: str) -> Entry:
        """Make the entry of a request."""
        number = next(self._numbers)
        id = f"{self._prefix}{number}"
        return Entry(id, head.method, head.path, head.query_string, pack(head.headers), number, scheme)

    def close(self, entry: Entry, log: Journal) -> None:
        """Complete an entry in the log that holds it."""
        log.close(entry)
        # Copied, because an observer that waits for one call removes itself.
        for observe in (*self._observers, *log.observers):
            try:
                observe(entry)
            except Exception:
                logger.exception("An observer of calls raised an error; the answer was out before.")
