"""Versions of a store: any of them can be gone back to, at the price of what differs.

The store is always one version and what was written since. Each other version is kept as the change that leads to it
from a neighbour, so marking one costs nothing, and the store itself is never copied (Baker, "Shallow binding makes
functional arrays fast", 1991).
"""

from collections.abc import Mapping
from typing import Final, TypeVar
from weakref import WeakSet

from mockscope.domain.store import Change, Store

R = TypeVar("R")

# Of versions that nobody holds any more, so many are left on the way to the others before they are taken out.
MOST_LEFT: Final = 32


class _Moment:
    """``undo`` leads to it from the moment ``base``, or, where that is None, from what the store holds now."""

    __slots__ = ("base", "undo")

    def __init__(self) -> None:
        self.base: _Moment | None = None
        self.undo = Change({}, {}, {})


class Version:
    """The records of a site at one moment, for as long as somebody holds it."""

    __slots__ = ("__weakref__", "moment")

    def __init__(self, moment: _Moment) -> None:
        self.moment = moment


class History:
    """What a store was. Every write of a store that has one goes through it; not locked: the Site is.

    Args:
        store: the store, as it is at first.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._head = _Moment()
        self._held: WeakSet[Version] = WeakSet()
        self._passed = 0

    def write(self, change: Change) -> None:
        """Write a change, and remember how to take it back."""
        before, undo = self._store.apply(change), self._head.undo
        # Most changes are of one kind.
        if change.users:
            _remember(undo.users, before.users, change.users)
        if change.groups:
            _remember(undo.groups, before.groups, change.groups)
        if change.dashboards:
            _remember(undo.dashboards, before.dashboards, change.dashboards)

    def mark(self) -> Version:
        """The version that the store is at now."""
        if any(self._head.undo):
            self._head.base = _Moment()
            self._head = self._head.base
            self._passed += 1
            if self._passed > MOST_LEFT + len(self._held):
                self._forget()
        version = Version(self._head)
        self._held.add(version)
        return version

    def return_to(self, version: Version) -> None:
        """Bring the store back to a version; what was written since the latest one is lost."""
        self._store.apply(self._head.undo)
        self._head.undo = Change({}, {}, {})
        way = [version.moment]
        while way[-1].base is not None:
            way.append(way[-1].base)
        # From the latest moment to the one that is wanted, turning every step round: so each stays within reach.
        for later, earlier in zip(reversed(way), reversed(way[:-1]), strict=False):
            later.undo, later.base = self._store.apply(earlier.undo), earlier
            earlier.undo, earlier.base = Change({}, {}, {}), None
        self._head = version.moment

    def _forget(self) -> None:
        """Join the steps that meet at a moment that nobody can ask for any more."""
        wanted = {version.moment for version in self._held} | {self._head}
        for moment in wanted:
            while moment.base is not None and moment.base not in wanted:
                _prepend(moment.undo.users, moment.base.undo.users)
                _prepend(moment.undo.groups, moment.base.undo.groups)
                _prepend(moment.undo.dashboards, moment.base.undo.dashboards)
                moment.base = moment.base.base
        self._passed = 0


def _remember(undo: Mapping[str, R | None], before: Mapping[str, R | None], after: Mapping[str, R | None]) -> None:
    assert isinstance(undo, dict)
    for key, record in before.items():
        first = undo.setdefault(key, record)
        if first == after[key]:
            # Back to what it was: nothing to take back.
            del undo[key]


def _prepend(undo: Mapping[str, R | None], earlier: Mapping[str, R | None]) -> None:
    assert isinstance(undo, dict)
    for key, record in earlier.items():
        undo.setdefault(key, record)
