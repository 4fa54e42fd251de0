"""The removal of the records that checks made: those that are known, and those that bear a mark."""

from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Final

from mockscope.checking.names import FIRST_MARK, Kind, Record
from mockscope.checking.outcome import Verdict
from mockscope.checking.walking import LISTS, USER_LIST, Walk, walk
from mockscope.remote.client import USERS, group_path
from mockscope.remote.exchange import Exchange

# How often the lists are searched again for records that could not be removed, or came late.
ROUNDS: Final = 3
# Sends a request.
Request = Callable[..., Exchange]


def remove(request: Request, record: Record) -> None:
    """Delete a record."""
    # The name may be one of the server's choice, which no request can hold.
    with suppress(Verdict, ValueError):
        if record.kind == "user":
            request("DELETE", USERS, email=record.name)
        else:
            request("DELETE", group_path(record.name))


def marked_in(walked: Walk, is_meant: Callable[[str], bool]) -> list[Record]:
    """Return the records of a list whose names are meant."""
    names = [record.get(walked.kind.by) for record in walked.records if isinstance(record, dict)]
    kind: Kind = "user" if walked.kind is USER_LIST else "group"
    return [Record(kind, name) for name in names if isinstance(name, str) and is_meant(name)]


def left_behind(request: Request, is_meant: Callable[[str], bool], *, max_pages: int) -> list[Record]:
    """Return the records on a site whose names are meant."""
    found: list[Record] = []
    for kind in LISTS:
        # In a list that is too long to be read, marked records are still found in their place.
        walks = [walk(request, kind, max_pages=max_pages)]
        if not walks[0].is_whole:
            walks.append(walk(request, kind, max_pages=max_pages, start=FIRST_MARK))
        found += [record for walked in walks for record in marked_in(walked, is_meant)]
    return list(dict.fromkeys(found))


def clean(
    request: Request, known: Iterable[Record], is_meant: Callable[[str], bool], *, max_pages: int
) -> list[Record]:
    """Delete the records that are known, and then all others that are meant; return those that are still there."""
    left = list(known)
    for _ in range(ROUNDS):
        for record in left:
            remove(request, record)
        left = left_behind(request, is_meant, max_pages=max_pages)
        if not left:
            break
    return left
