"""The names of the records that a run makes, and the removal of what bears them. No site has such names."""

import re
import secrets
from collections.abc import Callable, Iterable
from contextlib import suppress
from itertools import count
from typing import Final, NamedTuple

from mockscope._support.text import escape_control
from mockscope.conformance.listing import KINDS, Listing, RecordKind, read_list
from mockscope.conformance.outcome import OutcomeException
from mockscope.remote.exchange import Exchange

# Each run has a mark of its own, with eight digits that name the run.
MARK_PREFIX: Final = "mockscope-check-"
MARK: Final = re.compile(rf"{MARK_PREFIX}[0-9a-f]{{8}}(?![0-9a-z])", re.IGNORECASE)
# How often the lists are searched again for records that could not be removed, or came late.
MAX_ROUNDS: Final = 3


class Record(NamedTuple):
    """A record that a run has made, or may have made."""

    kind: RecordKind
    name: str

    def __str__(self) -> str:
        return f"the {self.kind} {escape_control(self.name)}"


class RecordNames:
    """Made-up names for the records of one run.

    Args:
        run: The eight digits of the run; "" stands for all runs, and without it they are random.
    """

    def __init__(self, run: str | None = None) -> None:
        self.mark = f"{MARK_PREFIX}{secrets.token_hex(4) if run is None else run}"
        self._numbers = count(1)

    def email(self, tag: str = "") -> str:
        """Return an email that no user has."""
        return f"{self.mark}-{next(self._numbers)}{tag}@example.com"

    def group(self) -> str:
        """Return a name that no group has, and that every path can hold, so that the group can be removed."""
        return f"{self.mark} {next(self._numbers)}"

    def owns(self, name: str) -> bool:
        """Return whether a name is one of this run."""
        return bool(MARK.match(name)) and name.lower().startswith(self.mark)


# The names of all runs, for the removal of what they left.
ALL_RUNS: Final = RecordNames("")


def find_marked(listing: Listing, names: RecordNames) -> list[Record]:
    """Return the records of a list that bear the names of a run."""
    listed = [record.get(listing.kind.key_field) for record in listing.records if isinstance(record, dict)]
    return [Record(listing.kind, name) for name in listed if isinstance(name, str) and names.owns(name)]


def find_leftovers(request: Callable[..., Exchange], names: RecordNames, *, max_pages: int) -> list[Record]:
    """Return the records on a site that bear the names of a run."""
    found: list[Record] = []
    for kind in KINDS:
        listing = read_list(request, kind, max_pages=max_pages)
        found += find_marked(listing, names)
        if not listing.is_complete:
            # In a list that is too long to be read, marked records are still found in their place.
            found += find_marked(read_list(request, kind, max_pages=max_pages, start=MARK_PREFIX), names)
    return list(dict.fromkeys(found))


def remove_records(
    request: Callable[..., Exchange], known: Iterable[Record], names: RecordNames, *, max_pages: int
) -> list[Record]:
    """Delete the records that are known, and all others of a run; return those that are still there."""
    left = list(known)
    for _ in range(MAX_ROUNDS):
        for record in left:
            # The name may be one of the server's choice, which no request can hold.
            with suppress(OutcomeException, ValueError):
                request("DELETE", **record.kind.target(record.name))
        left = find_leftovers(request, names, max_pages=max_pages)
        if not left:
            break
    return left
