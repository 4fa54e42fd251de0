"""Versions of a store. The store is never copied.

Each version keeps the old values of the records that were changed after it. The cost of restoring a version grows with
the number of writes since then, and not with the size of the store.
"""

from collections import deque
from collections.abc import Callable, Mapping
from itertools import islice
from typing import Any, Final
from weakref import WeakSet

from mockscope.domain.changes import (
    NO_RENAMES,
    Pair,
    RecordChanges,
    Renames,
    add_later_names,
    invert_names,
    pair_records,
)
from mockscope.domain.store import Change, Store

# Above this number of unreferenced versions, they are merged into the earlier ones.
MAX_UNUSED_VERSIONS: Final = 32
# The maximum number of records in the undo log.
MAX_UNDO_RECORDS: Final = 2_000


# The old values of records: for each table a mapping of keys to records, or None if the record did not exist.
_Records = tuple[dict[str, Any], ...]


class _Step:
    """The old values and the earlier names of the records that were changed between one version and the next."""

    __slots__ = ("names", "next", "undo")

    def __init__(self) -> None:
        self.next: _Step | None = None
        self.undo: _Records = ({}, {}, {})
        self.names: tuple[dict[str, str | None], ...] = ({}, {}, {})

    def merge(self, later: "_Step") -> None:
        """Add the next step. If a record is in both, the earlier value stays."""
        for records, others in zip(self.undo, later.undo, strict=True):
            for key, record in others.items():
                records.setdefault(key, record)
        for names, others in zip(self.names, later.names, strict=True):
            add_later_names(names, others)


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
        # Called with the records that differ after a write, in the thread that writes. It must not block.
        self.observer: Callable[[RecordChanges], None] | None = None
        self._store = store
        self._latest = _Step()
        self._versions: WeakSet[Version] = WeakSet()
        self._steps_since_merge = 0
        # The number of writes, and the old values of the latest ones.
        self.writes = 0
        self._undo: deque[Change] = deque()
        self._undo_records = 0

    def write(self, change: Change, renames: Renames = NO_RENAMES) -> None:
        """Write a change, keep the old values for the current version, and notify the observer.

        Args:
            change: the change.
            renames: the records that it renames.
        """
        before, step = self._store.apply(change), self._latest
        self._log_undo(before)
        pairs: list[Pair] = []
        for undo, names, old_records, new_records, renamed in zip(
            step.undo, step.names, before, change, renames, strict=True
        ):
            if not old_records:
                continue
            for key, old in old_records.items():
                new = new_records[key]
                # The value at the current version may be an earlier one. If it is the new one too, nothing has changed.
                if undo.setdefault(key, old) == new:
                    del undo[key]
                if not renamed and old != new:
                    pairs.append((old, new))
            if renamed:
                pairs += pair_records(old_records, new_records, renamed)
                add_later_names(names, renamed)
            if names:
                _forget_removed(names, new_records, undo)
        if pairs and self.observer is not None:
            self.observer(RecordChanges(tuple(pairs)))

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
        since = _merge_since(version)
        tables = self._store.tables
        renames = Renames(*(invert_names(names, table) for names, table in zip(since.names, tables, strict=True)))
        self.write(Change(*since.undo), renames)

    def changes_since(self, version: Version) -> RecordChanges:
        """Return the records that differ from a version. The cost grows with the number of writes since then."""
        since = _merge_since(version)
        pairs: list[Pair] = []
        for table, undo, names in zip(self._store.tables, since.undo, since.names, strict=True):
            # A renamed record may have taken the name of an equal one. That name is not among the old values.
            keys = {*undo, *names, *filter(None, names.values())}
            after = {key: table.get(key) for key in keys}
            pairs += pair_records(after | undo, after, names)
        return RecordChanges(tuple(pairs))

    def undo_since(self, writes: int) -> Change:
        """Return the change that undoes the writes after the first ``writes`` ones.

        Raises:
            ValueError: If they are not in the undo log any more.
        """
        since = self.writes - writes
        if since > len(self._undo):
            raise ValueError(f"the site has changed too much since then: over {MAX_UNDO_RECORDS} records")
        undo: _Records = ({}, {}, {})
        for before in islice(self._undo, len(self._undo) - since, None):
            for records, others in zip(undo, before, strict=True):
                for key, record in others.items():
                    records.setdefault(key, record)
        return Change(*undo)

    def _log_undo(self, before: Change) -> None:
        self.writes += 1
        self._undo.append(before)
        self._undo_records += sum(map(len, before))
        while self._undo_records > MAX_UNDO_RECORDS:
            self._undo_records -= sum(map(len, self._undo.popleft()))

    def _merge_unused(self) -> None:
        """Merge each unreferenced version into the one before."""
        wanted = {version.step for version in self._versions} | {self._latest}
        for step in wanted:
            while step.next is not None and step.next not in wanted:
                step.merge(step.next)
                step.next = step.next.next
        self._steps_since_merge = 0


def _forget_removed(names: dict[str, str | None], records: Mapping[str, object], undo: dict[str, Any]) -> None:
    """Remove the earlier names of removed records. A later record may get the name of one that a version has."""
    for key, record in records.items():
        if record is None:
            names[key] = None
            if undo.get(key) is None:
                del names[key]


def _merge_since(version: Version) -> _Step:
    """Return one step for all that was changed since a version."""
    merged = _Step()
    step: _Step | None = version.step
    while step is not None:
        merged.merge(step)
        step = step.next
    return merged
