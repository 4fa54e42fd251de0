"""The tables of one site in their order, and the indexes that keep every write as cheap as the records it touches.

No rule lives here: a Change is applied as it is, and applying returns the Change that takes it back.
"""

from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from operator import attrgetter
from typing import Any, Final, Generic, NamedTuple, TypeVar

import msgspec
from sortedcontainers import SortedKeyList

from mockscope.domain.model import Dashboard, Group, User, email_key
from mockscope.domain.paging import cut

R = TypeVar("R")
T = TypeVar("T")
V = TypeVar("V")

# A site that is listed in more places than this forgets the oldest: 20 MB of answers at 100 users a page.
PAGES_REMEMBERED: Final = 1024
ROWS_REMEMBERED: Final = 1024
# Writes are few where they touch less than one record in so many, and then placed one by one.
FEW: Final = 16
NONE_MENTIONED: Final[tuple[str, ...]] = ()
NO_KEYS: Final[Set[str]] = frozenset()


class Change(NamedTuple):
    """Records to put in (or, where the value is None, to take out), by key."""

    users: Mapping[str, User | None] = {}
    groups: Mapping[str, Group | None] = {}
    dashboards: Mapping[str, Dashboard | None] = {}


class Row(msgspec.Struct, Generic[R], gc=False, eq=False):
    """A record in its place in a table. A changed record gets a new row: whoever holds a page holds it whole.

    ``rendered`` is for whoever shows records outside: what was made of this one, once.
    """

    key: str
    record: R
    rendered: bytes | None = None


class Page(msgspec.Struct, Generic[R]):
    """A page of a list: its rows, the count of the whole table, and where the next page starts (PAGE-2, PAGE-5).

    ``rendered`` is again for whoever shows it outside.
    """

    rows: Sequence[Row[R]]
    total: int
    next_start: str | None
    rendered: bytes | None = None

    @property
    def records(self) -> list[R]:
        """The records of the page."""
        return [row.record for row in self.rows]


class Table(Generic[R]):
    """Records in the order of their keys; look-up, page and write do not slow down as it grows.

    Rows are found by key in a dict, and stand next to their neighbours in a sorted list: a page of a million records
    is then one stretch of memory and not a hundred look-ups. Pages are remembered until the next write.

    Args:
        name: the name of a record as it is spelled; keys are what names are compared by.
    """

    def __init__(self, name: Callable[[R], str]) -> None:
        self._name = name
        self._rows: dict[str, Row[R]] = {}
        # Of a dict the first is found behind all that were there before it.
        self._pages: OrderedDict[tuple[str, int], Page[R] | None] = OrderedDict()
        self._asked: OrderedDict[str, Row[R]] = OrderedDict()
        self._order: SortedKeyList = SortedKeyList(key=attrgetter("key"))

    def __len__(self) -> int:
        return len(self._rows)

    def __contains__(self, key: str) -> bool:
        return key in self._rows

    def __iter__(self) -> Iterator[str]:
        return (row.key for row in self._order)

    def __repr__(self) -> str:
        return f"<Table of {len(self)}>"

    def row(self, key: str) -> Row[R] | None:
        """The row of a key, for whoever shows the record alone.

        What is asked for is asked for again: of a large table the rows lie wide apart, and their copies do not.
        """
        row = self._asked.get(key)
        if row is None and (found := self._rows.get(key)) is not None:
            if len(self._asked) >= ROWS_REMEMBERED:
                self._asked.popitem(last=False)
            self._asked[key] = row = Row(key, found.record)
        return row

    def get(self, key: str) -> R | None:
        row = self._rows.get(key)
        return None if row is None else row.record

    def records(self) -> list[R]:
        return [row.record for row in self._order]

    def all(self) -> dict[str, R]:
        """The records by key, in order."""
        return {row.key: row.record for row in self._order}

    def page(self, start: str, size: int) -> Page[R]:
        """The page that starts at the first key not before ``start``."""
        asked = start, size
        page = self._pages.get(asked)
        if page is None:
            # A slice is copied in one go, where a walk would take the records one by one.
            place = self._order.bisect_key_left(start)
            rows, following = cut(self._order[place : place + size + 1], size)
            page = Page(rows, len(self._rows), self._name(following.record) if following else None)
            if asked in self._pages:
                self._pages[asked] = page
            else:
                # What is asked for only once is not worth more than its name.
                if len(self._pages) >= PAGES_REMEMBERED:
                    self._pages.popitem(last=False)
                self._pages[asked] = None
        return page

    def near(self, key: str, reach: int) -> list[str]:
        """The keys around the place where ``key`` would stand, at most ``reach`` on either side."""
        place = self._order.bisect_key_left(key)
        return [row.key for row in self._order.islice(max(0, place - reach), place + reach)]

    def put(self, key: str, record: R | None) -> R | None:
        """Write or, with None, remove a record; return what stood there."""
        self._pages.clear()
        self._asked.pop(key, None)
        before = self._rows.get(key)
        if before is not None:
            self._order.remove(before)
        if record is not None:
            # In one step: a look-up from another thread finds the old row or the new one, never none.
            self._rows[key] = row = Row(key, record)
            self._order.add(row)
        elif before is not None:
            del self._rows[key]
        return None if before is None else before.record

    def put_all(self, records: Mapping[str, R | None]) -> dict[str, R | None]:
        """Write and remove records; return what stood there."""
        if len(records) * FEW < len(self._rows) or len(records) < FEW:
            return {key: self.put(key, record) for key, record in records.items()}
        before = _each(_RECORD, list(map(self._rows.get, records)), None)
        # Not in a loop of ours: this is done to a whole site while a test waits.
        self._rows.update(zip(records, map(_ROW, records, records.values()), strict=True))
        if not all(records.values()):
            for key in [key for key, record in records.items() if record is None]:
                del self._rows[key]
        self._reorder()
        return dict(zip(records, before, strict=True))

    def _reorder(self) -> None:
        # To sort anew what is nearly sorted is quicker than to find the places of many.
        self._pages.clear()
        self._asked.clear()
        self._order.clear()
        self._order.update(self._rows.values())

    def fill(self, records: Mapping[str, R]) -> None:
        """Write many records into an empty table at once."""
        # Made in order, keys too, so that neighbours are neighbours in memory: a search goes from one to the next.
        keys = [key.encode().decode() for key in sorted(records)]
        self._rows = {key: Row(key, records[key]) for key in keys}
        self._reorder()


class Index:
    """For each name the keys of the records that mention it."""

    def __init__(self) -> None:
        self._keys: dict[str, set[str]] = {}

    def __getitem__(self, name: str) -> Set[str]:
        return self._keys.get(name, NO_KEYS)

    def move(self, moves: "Moves") -> None:
        """Record which keys mentioned which names before, and mention which ones now."""
        for (before, after), keys in moves.items():
            for name in before:
                left = self._keys[name]
                left.difference_update(keys)
                if not left:
                    del self._keys[name]
            for name in after:
                self._keys.setdefault(name, set()).update(keys)


# Keys by the names that they mentioned before and mention now: those who moved alike are moved together.
Moves = Mapping[tuple[tuple[str, ...], tuple[str, ...]], list[str]]


class Store:
    """Users, groups and dashboards of one site. Not locked: the Site is."""

    def __init__(self) -> None:
        self.users: Table[User] = Table(lambda user: user.email)
        self.groups: Table[Group] = Table(lambda group: group.name)
        self.dashboards: Table[Dashboard] = Table(lambda dashboard: dashboard.name)
        self.members = Index()  # group name -> user keys
        self.owned = Index()  # user key -> dashboard names
        self.shared = Index()  # group name -> dashboard names

    def fill(self, users: Mapping[str, User]) -> None:
        """Write the users of a site that has none yet: the same as apply, quicker."""
        self.users.fill(users)
        self.members.move(_moves(dict.fromkeys(users), users, _MEMBERSHIPS))

    def apply(self, change: Change) -> Change:
        """Write a change whole; return the change that takes it back."""
        # Most changes are of one kind.
        return Change(
            self._put_users(change.users) if change.users else {},
            self.groups.put_all(change.groups) if change.groups else {},
            self._put_dashboards(change.dashboards) if change.dashboards else {},
        )

    def everything(self) -> Change:
        """The change that makes an empty store hold what this one does."""
        return Change(self.users.all(), self.groups.all(), self.dashboards.all())

    def copy(self) -> "Store":
        """A store with the same records."""
        made = Store()
        made.fill(self.users.all())
        made.apply(Change(groups=self.groups.all(), dashboards=self.dashboards.all()))
        return made

    def replacing_by(self, records: Change) -> Change:
        """The change after which these records are all that the store holds."""
        return Change(
            users=dict.fromkeys(self.users) | dict(records.users),
            groups=dict.fromkeys(self.groups) | dict(records.groups),
            dashboards=dict.fromkeys(self.dashboards) | dict(records.dashboards),
        )

    def _put_users(self, users: Mapping[str, User | None]) -> dict[str, User | None]:
        replaced = self.users.put_all(users)
        self.members.move(_moves(replaced, users, _MEMBERSHIPS))
        return replaced

    def _put_dashboards(self, dashboards: Mapping[str, Dashboard | None]) -> dict[str, Dashboard | None]:
        replaced = self.dashboards.put_all(dashboards)
        self.owned.move(_moves(replaced, dashboards, _owner))
        self.shared.move(_moves(replaced, dashboards, _readers))
        return replaced


# Not functions of ours: a site's users are looked through whenever they change in great number.
_ROW: Final[Callable[[str, Any], Row[Any]]] = Row
_RECORD: Final[Callable[[Row[Any]], Any]] = attrgetter("record")
_MEMBERSHIPS: Final[Callable[[User], tuple[str, ...]]] = attrgetter("groups")


def _moves(
    before: Mapping[str, R | None], after: Mapping[str, R | None], mentioned: Callable[[R], tuple[str, ...]]
) -> Moves:
    if len(after) == 1:
        # By far the most.
        [(key, record)], [replaced] = after.items(), before.values()
        move = () if replaced is None else mentioned(replaced), () if record is None else mentioned(record)
        return {} if move[0] == move[1] else {move: [key]}
    old = _each(mentioned, list(before.values()), NONE_MENTIONED)
    new = _each(mentioned, list(after.values()), NONE_MENTIONED)
    moves: defaultdict[tuple[tuple[str, ...], tuple[str, ...]], list[str]] = defaultdict(list)
    # Most changes leave all of it as it was.
    if old != new:
        for key, move in zip(after, zip(old, new, strict=True), strict=True):
            if move[0] != move[1]:
                moves[move].append(key)
    return moves


def _each(function: Callable[[T], V], values: list[T | None], nothing: V) -> list[V]:
    """What a function makes of each value, and ``nothing`` of None."""
    if all(values):
        return list(map(function, values))  # type: ignore[arg-type]  # none of them is None
    return [nothing if value is None else function(value) for value in values]


def _owner(dashboard: Dashboard) -> tuple[str, ...]:
    return (email_key(dashboard.owner),) if dashboard.owner else ()


def _readers(dashboard: Dashboard) -> tuple[str, ...]:
    return tuple(dashboard.access)
