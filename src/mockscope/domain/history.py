"""Versions of a store. The store is never copied.

Each version keeps the old values of the records that were changed after it. The cost of restoring a version grows with
the number of writes since then, and not with the size of the store.
"""

from typing import Any, Final
from weakref import WeakSet

from mockscope.domain.store import Change, Store

# Above this number of unreferenced versions, they are merged into the earlier ones.
MAX_UNUSED_VERSIONS: Final = 32


# The old values of records: for each table a mapping of keys to records, or None if the record did not exist.
_Records = tuple[dict[str, Any], ...]


class _VersionChanges:
    """The old values of the records that were changed between one version and the next, ``after``."""

    __slots__ = ("after", "undo")

    def __init__(self) -> None:
        self.after: _VersionChanges | None = None
        self.undo: _Records = ({}, {}, {})


class Version:
    """A version of a store. It can be restored as long as this object is referenced."""

    __slots__ = ("__weakref__", "moment")

    def __init__(self, moment: _VersionChanges) -> None:
        self.moment = moment


class History:
    """The versions of a store. All writes to the store go through it. It has no lock, because the Site has one.

    Args:
        store: the store in its initial state.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._latest = _VersionChanges()
        self._versions: WeakSet[Version] = WeakSet()
        self._marked = 0

    def write(self, change: Change) -> None:
        """Write a change, and keep the old values for the current version."""
        for undo, before, after in zip(self._latest.undo, self._store.apply(change), change, strict=True):
            for key, record in before.items():
                first = undo.setdefault(key, record)
                if first == after[key]:
                    # The record has its old value again.
                    del undo[key]

    def current_version(self) -> Version:
        """Return the current version of the store."""
        if any(self._latest.undo):
            self._latest.after = _VersionChanges()
            self._latest = self._latest.after
            self._marked += 1
            if self._marked > MAX_UNUSED_VERSIONS + len(self._versions):
                self._merge_unused()
        version = Version(self._latest)
        self._versions.add(version)
        return version

    def restore(self, version: Version) -> None:
        """Restore a version. Later versions stay valid, and can be restored afterwards."""
        records: _Records = ({}, {}, {})
        moment: _VersionChanges | None = version.moment
        while moment is not None:
            _merge(records, moment.undo)
            moment = moment.after
        self.write(Change(*records))

    def _merge_unused(self) -> None:
        """Merge each unreferenced version into the one before."""
        wanted = {version.moment for version in self._versions} | {self._latest}
        for moment in wanted:
            while moment.after is not None and moment.after not in wanted:
                _merge(moment.undo, moment.after.undo)
                moment.after = moment.after.after
        self._marked = 0


def _merge(undo: _Records, later: _Records) -> None:
    """Add the old values of a later version. If a record is in both, the earlier value stays."""
    for records, others in zip(undo, later, strict=True):
        for key, record in others.items():
            records.setdefault(key, record)
