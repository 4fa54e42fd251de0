"""The records of one site, in sorted tables with indexes. The cost of a write grows with its own records only.

This module checks no rules.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from operator import attrgetter, itemgetter
from typing import Any, Final, Generic, NamedTuple, TypeVar

import msgspec
from sortedcontainers import SortedKeyList

from mockscope.domain.model import Dashboard, Group, User, email_key

R = TypeVar("R")

# If a write changes less than one record in this many, each is inserted by itself. Else sorting again is faster.
# If a selection has less, its keys are sorted. Else filtering all rows is faster.
BULK_RATIO: Final = 16
NO_KEYS: Final[Set[str]] = frozenset()


class Change(NamedTuple):
    """A write to a store: records by key. None deletes a record."""

    users: Mapping[str, User | None] = {}
    groups: Mapping[str, Group | None] = {}
    dashboards: Mapping[str, Dashboard | None] = {}


class TableRow(msgspec.Struct, Generic[R], gc=False, eq=False):
    """A record with its key. A changed record gets a new row, so that the rows of a page never change.

    ``rendered`` caches the record as JSON, for mockscope.codec.
    """

    key: str
    record: R
    rendered: bytes | None = None


class Page(NamedTuple, Generic[R]):
    """A page of a list (PAGE-2, PAGE-5).

    Args:
        rows: the rows of the page.
        total: the number of records in the whole table.
        next_start: the cursor of the next page; None on the last page.
    """

    rows: Sequence[TableRow[R]]
    total: int
    next_start: str | None

    @property
    def records(self) -> list[R]:
        """The records of the page."""
        return [row.record for row in self.rows]


class Table(Generic[R]):
    """Records in the order of their keys. The cost of look-up, page and write hardly grows with the table.

    A dict finds a row by its key. A sorted list of rows makes a page one slice, instead of a hundred look-ups.

    Args:
        name_of: returns the name of a record.
        key_of: returns the key for a name: the form for comparing and sorting.
    """

    def __init__(self, name_of: Callable[[R], str], key_of: Callable[[str], str] = str) -> None:
        self.name_of = name_of
        self.key_of = key_of
        self._rows: dict[str, TableRow[R]] = {}
        self._order: SortedKeyList = SortedKeyList(key=attrgetter("key"))

    def __len__(self) -> int:
        return len(self._rows)

    def __contains__(self, key: str) -> bool:
        return key in self._rows

    def __iter__(self) -> Iterator[str]:
        return (row.key for row in self._order)

    def __repr__(self) -> str:
        return f"<Table of {len(self)}>"

    def get(self, key: str) -> R | None:
        """Return the record with a key, or None."""
        row = self._rows.get(key)
        return None if row is None else row.record

    def records(self) -> list[R]:
        """Return the records, in order."""
        return [row.record for row in self._order]

    def rows(self, keys: Set[str] | None = None) -> list[TableRow[R]]:
        """Return all rows, or those with these keys, in order. A key without a record is ignored."""
        if keys is None:
            return list(self._order)
        if len(keys) * BULK_RATIO > len(self._rows):
            return [row for row in self._order if row.key in keys]
        return [self._rows[key] for key in sorted(keys) if key in self._rows]

    def select(self, keys: Set[str]) -> list[R]:
        """Return the records with these keys, in order. A key without a record is ignored."""
        return [row.record for row in self.rows(keys)]

    def all(self) -> dict[str, R]:
        """Return the records by key, in order."""
        return {row.key: row.record for row in self._order}

    def page(self, start: str, size: int) -> Page[R]:
        """Return the page that starts at the first key equal to or after ``start``."""
        place = self._order.bisect_key_left(start)
        # "If there are more than 100 users, the API returns an email_address in next_page_start"
        rows = self._order[place : place + size + 1]
        following = self.name_of(rows.pop().record) if len(rows) > size else None
        return Page(rows, len(self._rows), following)

    def decode_cursor(self, start: str) -> str:
        """Return a cursor. If it names a record only with "+" in place of its blanks, return that name (PAGE-3)."""
        meant = start.replace(" ", "+")
        return meant if meant in self and start not in self else start

    def keys_near(self, key: str, reach: int) -> list[str]:
        """Return the keys around the position of ``key``, at most ``reach`` on either side."""
        place = self._order.bisect_key_left(key)
        return [row.key for row in self._order.islice(max(0, place - reach), place + reach)]

    def put(self, records: Mapping[str, R | None]) -> dict[str, R | None]:
        """Write records, delete those that are None, and return the old values."""
        if not records:
            return {}
        old_rows = {key: self._rows.get(key) for key in records}
        # Sorted, so that the rows of a page are allocated side by side in memory.
        for key, record in sorted(records.items(), key=itemgetter(0)):
            if record is None:
                self._rows.pop(key, None)
            else:
                # One assignment: a look-up in another thread finds the old row or the new one.
                self._rows[key] = TableRow(key, record)
        if len(records) * BULK_RATIO <= len(self._rows) + BULK_RATIO:
            for key, old_row in old_rows.items():
                if old_row is not None:
                    self._order.remove(old_row)
                if key in self._rows:
                    self._order.add(self._rows[key])
        else:
            self._order.clear()
            self._order.update(self._rows.values())
        return {key: None if row is None else row.record for key, row in old_rows.items()}


class Index:
    """An index: for each name, the keys of the records that refer to it."""

    def __init__(self) -> None:
        self._keys: dict[str, set[str]] = {}

    def __getitem__(self, name: str) -> Set[str]:
        return self._keys.get(name, NO_KEYS)

    def update(self, key: str, before: Iterable[str], after: Iterable[str]) -> None:
        """Update the index for a record that referred to some names before, and to others now."""
        if before == after:
            return
        for name in before:
            left = self._keys[name]
            left.discard(key)
            if not left:
                del self._keys[name]
        for name in after:
            self._keys.setdefault(name, set()).add(key)


class Store:
    """The users, groups and dashboards of one site. It has no lock, because the Site has one."""

    def __init__(self) -> None:
        self.users: Table[User] = Table(attrgetter("email"), email_key)
        self.groups: Table[Group] = Table(attrgetter("name"))
        self.dashboards: Table[Dashboard] = Table(attrgetter("name"))
        self.members = Index()  # group name -> user keys
        self.owned = Index()  # user key -> dashboard names
        self.shared = Index()  # group name -> dashboard names

    @property
    def tables(self) -> tuple[Table[Any], ...]:
        """The tables in the order of a Change."""
        return self.users, self.groups, self.dashboards

    def apply(self, change: Change) -> Change:
        """Write a change, and return the change that undoes it. No rule is checked."""
        before = Change(
            self.users.put(change.users), self.groups.put(change.groups), self.dashboards.put(change.dashboards)
        )
        for key, user in change.users.items():
            self.members.update(key, _memberships(before.users[key]), _memberships(user))
        for name, board in change.dashboards.items():
            was = before.dashboards[name]
            self.owned.update(name, _owner(was), _owner(board))
            self.shared.update(name, _groups_with_access(was), _groups_with_access(board))
        return before

    def to_change(self) -> Change:
        """Return all records as a change, which copies them into an empty store."""
        return Change(self.users.all(), self.groups.all(), self.dashboards.all())

    def plan_replacement(self, records: Change) -> Change:
        """Return the change that replaces all records of this store by those of another."""
        return Change(
            users=dict.fromkeys(self.users) | dict(records.users),
            groups=dict.fromkeys(self.groups) | dict(records.groups),
            dashboards=dict.fromkeys(self.dashboards) | dict(records.dashboards),
        )


def _memberships(user: User | None) -> tuple[str, ...]:
    return user.groups if user else ()


def _owner(dashboard: Dashboard | None) -> tuple[str, ...]:
    return (email_key(dashboard.owner),) if dashboard and dashboard.owner else ()


def _groups_with_access(dashboard: Dashboard | None) -> tuple[str, ...]:
    return tuple(dashboard.access) if dashboard else ()
