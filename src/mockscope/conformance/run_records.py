"""The names of the records that a run creates, and the removal of records with such names."""

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

# The names of a run begin with its mark, which ends with eight random digits.
MARK_PREFIX: Final = "mockscope-check-"
MARK: Final = re.compile(rf"{MARK_PREFIX}[0-9a-f]{{8}}(?![0-9a-z])", re.IGNORECASE)
# The maximum number of attempts to remove all records. Some may appear late.
MAX_ROUNDS: Final = 3


class Record(NamedTuple):
    """A record that a run created, or may have created."""

    kind: RecordKind
    name: str

    def __str__(self) -> str:
        return f"the {self.kind} {escape_control(self.name)}"


class RecordNames:
    """A generator of names for the records of one run.

    Args:
        run: The eight digits of the run. "" stands for all runs. The default is random.
    """

    def __init__(self, run: str | None = None) -> None:
        self.mark = f"{MARK_PREFIX}{secrets.token_hex(4) if run is None else run}"
        self._numbers = count(1)

    def email(self, tag: str = "") -> str:
        """Return a new email that no user has."""
        return f"{self.mark}-{next(self._numbers)}{tag}@example.com"

    def group(self) -> str:
        """Return a new name that no group has. A path can contain it, so that the group can be removed."""
        return f"{self.mark} {next(self._numbers)}"

    def owns(self, name: str) -> bool:
        """Return whether a name belongs to this run."""
        return bool(MARK.match(name)) and name.lower().startswith(self.mark)


# Owns the names of all runs, to remove what earlier runs left.
ALL_RUNS: Final = RecordNames("")


def find_marked(listing: Listing, names: RecordNames) -> list[Record]:
    """Return the records of a list that belong to a run."""
    listed = [record.get(listing.kind.key_field) for record in listing.records if isinstance(record, dict)]
    return [Record(listing.kind, name) for name in listed if isinstance(name, str) and names.owns(name)]


def find_leftovers(request: Callable[..., Exchange], names: RecordNames, *, max_pages: int) -> list[Record]:
    """Return the records on a site that belong to a run."""
    found: list[Record] = []
    for kind in KINDS:
        listing = read_list(request, kind, max_pages=max_pages)
        found += find_marked(listing, names)
        if not listing.is_complete:
            # In a list that is too long to be read, marked records are found at their place in the order.
            found += find_marked(read_list(request, kind, max_pages=max_pages, start=MARK_PREFIX), names)
    return list(dict.fromkeys(found))


def remove_records(
    request: Callable[..., Exchange], known: Iterable[Record], names: RecordNames, *, max_pages: int
) -> list[Record]:
    """Delete the known records and all others of a run. Return the records that are still there."""
    left = list(known)
    for _ in range(MAX_ROUNDS):
        for record in left:
            # The server may have chosen a name that a request cannot contain.
            with suppress(OutcomeException, ValueError):
                request("DELETE", **record.kind.target(record.name))
        left = find_leftovers(request, names, max_pages=max_pages)
        if not left:
            break
    return left
