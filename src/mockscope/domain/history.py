"""Versions of a store: any of them can be gone back to, at the price of what differs.

The store is always one version and what was written since. Each other version is kept as the change that leads to it
from a neighbour, so marking one costs nothing, and the store itself is never copied (Baker, "Shallow binding makes
functional arrays fast", 1991).
"""

from collections.abc import Mapping
from typing import TypeVar

from mockscope.domain.store import Change, Store

R = TypeVar("R")


class Version:
    """The records of a site at one moment.

    ``undo`` leads to it from the version ``base``, or, where that is None, from what the store holds now.
    """

    __slots__ = ("base", "undo")

    def __init__(self) -> None:
        self.base: Version | None = None
        self.undo = Change({}, {}, {})


class History:
    """What a store was. Every write of a store that has one goes through it; not locked: the Site is.

    Args:
        store: the store, as it is at first.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._head = Version()

    def write(self, change: Change) -> None:
        """Write a change, and remember how to take it back."""
        before = self._store.apply(change)
        undo = self._head.undo
        _remember(undo.users, before.users, change.users)
        _remember(undo.groups, before.groups, change.groups)
        _remember(undo.dashboards, before.dashboards, change.dashboards)

    def mark(self) -> Version:
        """The version that the store is at now."""
        if any(self._head.undo):
            self._head.base = Version()
            self._head = self._head.base
        return self._head

    def return_to(self, version: Version) -> None:
        """Bring the store back to a version; what was written since the latest one is lost."""
        self._store.apply(self._head.undo)
        self._head.undo = Change({}, {}, {})
        way = [version]
        while way[-1].base is not None:
            way.append(way[-1].base)
        # From the latest version to the one that is wanted, turning every step round: so each stays within reach.
        for later, earlier in zip(reversed(way), reversed(way[:-1]), strict=False):
            later.undo, later.base = self._store.apply(earlier.undo), earlier
            earlier.undo, earlier.base = Change({}, {}, {}), None
        self._head = version


def _remember(undo: Mapping[str, R | None], before: Mapping[str, R | None], after: Mapping[str, R | None]) -> None:
    assert isinstance(undo, dict)
    for key, record in before.items():
        first = undo.setdefault(key, record)
        if first == after[key]:
            # Back to what it was: nothing to take back.
            del undo[key]
