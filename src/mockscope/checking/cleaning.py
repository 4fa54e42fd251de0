"""The end of what a check made: by name, and then by looking for what bears its mark."""

from collections.abc import Callable, Iterable
from typing import Final
from urllib.parse import quote

from mockscope.checking.guard import GROUPS, USERS
from mockscope.checking.names import FIRST_MARK, Record
from mockscope.checking.walking import LISTS, Ask, walk

# A record that is still there after so many tries stays.
ROUNDS: Final = 3


def remove(ask: Ask, record: Record) -> bool:
    """Delete a record; whether it was there to be deleted."""
    if record.kind == "user":
        return ask("DELETE", USERS, headers=[("Http-X-Email", record.name)]).status < 300
    return ask("DELETE", path_of(record.name)).status < 300


def path_of(group: str) -> str:
    """The path of a group."""
    return f"{GROUPS}/{quote(group, safe='')}"


def left_behind(ask: Ask, is_meant: Callable[[str], bool], *, most_pages: int) -> list[Record]:
    """The records on a site whose names are meant."""
    found: dict[Record, None] = {}
    for kind in LISTS:
        walks = [walk(ask, kind, most_pages=most_pages)]
        if not walks[0].is_whole:
            # Where a list is too long to be read, what is looked for should still be in its place.
            walks.append(walk(ask, kind, most_pages=most_pages, start=FIRST_MARK))
        for walked in walks:
            for record in walked.records:
                name = record.get(kind.by) if isinstance(record, dict) else None
                if isinstance(name, str) and is_meant(name):
                    found[Record("user" if kind.by == "email" else "group", name)] = None
    return list(found)


def clean(
    ask: Ask, known: Iterable[Record], is_meant: Callable[[str], bool], *, most_pages: int
) -> tuple[list[Record], list[Record]]:
    """Delete the records that are known, and then all others that are meant.

    Returns:
        What was deleted, and what is still there.
    """
    removed = [record for record in known if remove(ask, record)]
    left: list[Record] = []
    for _ in range(ROUNDS):
        left = left_behind(ask, is_meant, most_pages=most_pages)
        if not left:
            break
        removed += [record for record in left if remove(ask, record) and record not in removed]
    return removed, left
