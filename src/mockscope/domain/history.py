"""Versions of a store: any of them can be gone back to, at the price of what was written since.

Each version keeps what its records were before the next version changed them, so marking one costs nothing, and the
store itself is never copied.
"""

from typing import Any, Final
from weakref import WeakSet

from mockscope.domain.store import Change, Store

# So many versions that nobody holds are left between the others before they are taken out.
MOST_LEFT: Final = 32


# By table, the records as they were; None for one that was not there.
_Records = tuple[dict[str, Any], ...]


class _Moment:
    """The records of a version that were changed before the moment ``after``."""

    __slots__ = ("after", "undo")

    def __init__(self) -> None:
        self.after: _Moment | None = None
        self.undo: _Records = ({}, {}, {})


class Version:
    """The records of a site at one moment, for as long as somebody holds it."""

    __slots__ = ("__weakref__", "moment")

    def __init__(self, moment: _Moment) -> None:
        self.moment = moment


class History:
    """The versions of a store. Every write of a store that has one goes through it; not locked: the Site is.

    Args:
        store: the store, as it is at first.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._latest = _Moment()
        self._held: WeakSet[Version] = WeakSet()
        self._passed = 0

    def write(self, change: Change) -> None:
        """Write a change, and remember how to take it back."""
        for undo, before, after in zip(self._latest.undo, self._store.apply(change), change, strict=True):
            for key, record in before.items():
                first = undo.setdefault(key, record)
                if first == after[key]:
                    # Back to what it was: nothing to take back.
                    del undo[key]

    def mark(self) -> Version:
        """Return the version that the store is at now."""
        if any(self._latest.undo):
            self._latest.after = _Moment()
            self._latest = self._latest.after
            self._passed += 1
            if self._passed > MOST_LEFT + len(self._held):
                self._forget()
        version = Version(self._latest)
        self._held.add(version)
        return version

    def return_to(self, version: Version) -> None:
        """Bring the store back to a version. Those after it can still be gone to."""
        records: _Records = ({}, {}, {})
        moment: _Moment | None = version.moment
        while moment is not None:
            _append(records, moment.undo)
            moment = moment.after
        self.write(Change(*records))

    def _forget(self) -> None:
        """Join the moments of which nobody holds the later one."""
        wanted = {version.moment for version in self._held} | {self._latest}
        for moment in wanted:
            while moment.after is not None and moment.after not in wanted:
                _append(moment.undo, moment.after.undo)
                moment.after = moment.after.after
        self._passed = 0


def _append(undo: _Records, later: _Records) -> None:
    """Add what was changed later still; of a record that was changed twice, the earlier counts."""
    for records, others in zip(undo, later, strict=True):
        for key, record in others.items():
            records.setdefault(key, record)
