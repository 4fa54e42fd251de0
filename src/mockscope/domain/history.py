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


class _Step:
    """The old values of the records that were changed between one version and the next."""

    __slots__ = ("next", "undo")

    def __init__(self) -> None:
        self.next: _Step | None = None
        self.undo: _Records = ({}, {}, {})


class Version:
    """A version of a store. It can be restored as long as this object is referenced."""

    __slots__ = ("__weakref__", "step")

    def __init__(self, step: _Step) -> None:
        self.step = step


class History:
    """The versions of a store. All writes to the store go through it. It has no lock, because the Site has one.

    Args:
        store: the store in its initial state.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._latest = _Step()
        self._versions: WeakSet[Version] = WeakSet()
        self._steps_since_merge = 0

    def write(self, change: Change) -> None:
        """Write a change, and keep the old values for the current version."""
        before = self._store.apply(change)
        for undo, old_records, new_records in zip(self._latest.undo, before, change, strict=True):
            for key, old in old_records.items():
                # The value at the current version may be an earlier one. If it is the new one too, nothing has changed.
                if undo.setdefault(key, old) == new_records[key]:
                    del undo[key]

    def current_version(self) -> Version:
        """Return the current version of the store."""
        if any(self._latest.undo):
            self._latest.next = _Step()
            self._latest = self._latest.next
            self._steps_since_merge += 1
            if self._steps_since_merge > MAX_UNUSED_VERSIONS + len(self._versions):
                self._merge_unused()
        version = Version(self._latest)
        self._versions.add(version)
        return version

    def restore(self, version: Version) -> None:
        """Restore a version. Later versions stay valid, and can be restored afterwards."""
        records: _Records = ({}, {}, {})
        step: _Step | None = version.step
        while step is not None:
            _merge(records, step.undo)
            step = step.next
        self.write(Change(*records))

    def _merge_unused(self) -> None:
        """Merge each unreferenced version into the one before."""
        wanted = {version.step for version in self._versions} | {self._latest}
        for step in wanted:
            while step.next is not None and step.next not in wanted:
                _merge(step.undo, step.next.undo)
                step.next = step.next.next
        self._steps_since_merge = 0


def _merge(undo: _Records, later: _Records) -> None:
    """Add the old values of a later version. If a record is in both, the earlier value stays."""
    for records, others in zip(undo, later, strict=True):
        for key, record in others.items():
            records.setdefault(key, record)
