"""The tables of one site in their order, and the indexes that keep every write as cheap as the records it touches.

No rule lives here: a Change is applied as it is, and applying returns the Change that takes it back.
"""

from collections.abc import Iterator, Mapping
from typing import Generic, NamedTuple, TypeVar

from sortedcontainers import SortedDict

from mockscope.domain.model import Dashboard, Group, User
from mockscope.domain.paging import cut

R = TypeVar("R")


class Change(NamedTuple):
    """Records to put in (or, where the value is None, to take out), by key."""

    users: Mapping[str, User | None] = {}
    groups: Mapping[str, Group | None] = {}
    dashboards: Mapping[str, Dashboard | None] = {}


class Table(Generic[R]):
    """Records in the order of their keys; look-up, page and write do not slow down as it grows."""

    def __init__(self) -> None:
        self._rows: SortedDict = SortedDict()

    def __len__(self) -> int:
        return len(self._rows)

    def __contains__(self, key: str) -> bool:
        return key in self._rows

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def __repr__(self) -> str:
        return f"<Table of {len(self)}>"

    def get(self, key: str) -> R | None:
        record: R | None = self._rows.get(key)
        return record

    def records(self) -> list[R]:
        return list(self._rows.values())

    def page(self, start: str, size: int) -> tuple[list[R], R | None]:
        """The records of a page and the first record after it, from the first key not before ``start``."""
        rows = self._rows
        keys, following = cut(rows.irange(minimum=start) if start else rows, size)
        return [rows[key] for key in keys], None if following is None else rows[following]

    def near(self, key: str, reach: int) -> list[str]:
        """The keys around the place where ``key`` would stand, at most ``reach`` on either side."""
        place = self._rows.bisect_left(key)
        return list(self._rows.keys()[max(0, place - reach) : place + reach])

    def put(self, key: str, record: R | None) -> R | None:
        """Write or, with None, remove a record; return what stood there."""
        before: R | None = self._rows.get(key)
        if record is not None:
            self._rows[key] = record
        elif before is not None:
            del self._rows[key]
        return before


class Index:
    """For each name the keys of the records that mention it."""

    def __init__(self) -> None:
        self._keys: dict[str, set[str]] = {}

    def __getitem__(self, name: str) -> set[str]:
        return self._keys.get(name, set())

    def move(self, key: str, before: tuple[str, ...], after: tuple[str, ...]) -> None:
        """Record that ``key`` mentioned the names of ``before`` and now mentions those of ``after``."""
        if before == after:
            return
        for name in before:
            keys = self._keys[name]
            keys.discard(key)
            if not keys:
                del self._keys[name]
        for name in after:
            self._keys.setdefault(name, set()).add(key)


class Store:
    """Users, groups and dashboards of one site. Not locked: the Site is."""

    def __init__(self) -> None:
        self.users: Table[User] = Table()
        self.groups: Table[Group] = Table()
        self.dashboards: Table[Dashboard] = Table()
        self.members = Index()  # group name -> user keys
        self.owned = Index()  # user key -> dashboard names
        self.shared = Index()  # group name -> dashboard names

    def apply(self, change: Change) -> Change:
        """Write a change whole; return the change that takes it back."""
        return Change(
            users={key: self._put_user(key, user) for key, user in change.users.items()},
            groups={name: self.groups.put(name, group) for name, group in change.groups.items()},
            dashboards={name: self._put_dashboard(name, board) for name, board in change.dashboards.items()},
        )

    def _put_user(self, key: str, user: User | None) -> User | None:
        before = self.users.put(key, user)
        self.members.move(key, before.groups if before else (), user.groups if user else ())
        return before

    def _put_dashboard(self, name: str, dashboard: Dashboard | None) -> Dashboard | None:
        before = self.dashboards.put(name, dashboard)
        self.owned.move(name, _owner(before), _owner(dashboard))
        self.shared.move(name, _readers(before), _readers(dashboard))
        return before


def _owner(dashboard: Dashboard | None) -> tuple[str, ...]:
    return (dashboard.owner.lower(),) if dashboard and dashboard.owner else ()


def _readers(dashboard: Dashboard | None) -> tuple[str, ...]:
    return tuple(dashboard.access) if dashboard else ()
