"""The names of the records that a run makes, and the removal of what bears them. No site has such names."""

import re
import secrets
from collections.abc import Callable, Iterable
from contextlib import suppress
from itertools import count
from typing import Final, NamedTuple

from mockscope._support.text import printable
from mockscope.conformance.listing import KINDS, Kind, Walk, walk
from mockscope.conformance.outcome import Verdict
from mockscope.remote.exchange import Exchange

# Each run has a mark of its own, with eight digits that name the run.
FIRST_MARK: Final = "mockscope-check-"
MARK: Final = re.compile(rf"{FIRST_MARK}[0-9a-f]{{8}}(?![0-9a-z])", re.IGNORECASE)
# How often the lists are searched again for records that could not be removed, or came late.
ROUNDS: Final = 3


class Record(NamedTuple):
    """A record that a run has made, or may have made."""

    kind: Kind
    name: str

    def __str__(self) -> str:
        return f"the {self.kind} {printable(self.name)}"


class Names:
    """Made-up names for the records of one run.

    Args:
        run: The eight digits of the run; "" stands for all runs, and without it they are random.
    """

    def __init__(self, run: str | None = None) -> None:
        self.mark = f"{FIRST_MARK}{secrets.token_hex(4) if run is None else run}"
        self._numbers = count(1)

    def email(self, tag: str = "") -> str:
        """Return an email that no user has."""
        return f"{self.mark}-{next(self._numbers)}{tag}@example.com"

    def group(self) -> str:
        """Return a name that no group has, and that every path can hold, so that the group can be removed."""
        return f"{self.mark} {next(self._numbers)}"

    def is_ours(self, name: str) -> bool:
        """Return whether a name is one of this run."""
        return bool(MARK.match(name)) and name.lower().startswith(self.mark)


# The names of all runs, for the removal of what they left.
ALL_RUNS: Final = Names("")


def marked_in(walked: Walk, names: Names) -> list[Record]:
    """Return the records of a list that bear the names of a run."""
    listed = [record.get(walked.kind.by) for record in walked.records if isinstance(record, dict)]
    return [Record(walked.kind, name) for name in listed if isinstance(name, str) and names.is_ours(name)]


def left_behind(request: Callable[..., Exchange], names: Names, *, max_pages: int) -> list[Record]:
    """Return the records on a site that bear the names of a run."""
    found: list[Record] = []
    for kind in KINDS:
        walked = walk(request, kind, max_pages=max_pages)
        found += marked_in(walked, names)
        if not walked.is_whole:
            # In a list that is too long to be read, marked records are still found in their place.
            found += marked_in(walk(request, kind, max_pages=max_pages, start=FIRST_MARK), names)
    return list(dict.fromkeys(found))


def clean(request: Callable[..., Exchange], known: Iterable[Record], names: Names, *, max_pages: int) -> list[Record]:
    """Delete the records that are known, and all others of a run; return those that are still there."""
    left = list(known)
    for _ in range(ROUNDS):
        for record in left:
            # The name may be one of the server's choice, which no request can hold.
            with suppress(Verdict, ValueError):
                request("DELETE", **record.kind.target(record.name))
        left = left_behind(request, names, max_pages=max_pages)
        if not left:
            break
    return left
