"""What a command leaves running behind its back, in sessions and groups of its own too: found, and taken over.

Linux alone tells; elsewhere there is nothing to be found.

psutil was tried in place of reading /proc here. Its Process.children() fails as a whole where the processes of others
are listed and not told of (hidepid=1, ProtectProc=noaccess in systemd); its process_iter() takes half as long again as
this, needs the same walk from parents to children, and is one more compiled package for everybody.
"""

import ctypes
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, NamedTuple

# As in linux/prctl.h.
SET_CHILD_SUBREAPER: Final = 36
PROCESSES: Final = Path("/proc")
# States of processes that ended.
OVER: Final = frozenset("ZX")


class Process(NamedTuple):
    """A process of the system."""

    pid: int
    parent: int
    is_over: bool


@contextmanager
def adopting() -> Iterator[None]:
    """Become the parent of processes whose own one ends, as far as they descend from this one."""
    _adopt(on=True)
    try:
        yield
    finally:
        _adopt(on=False)


def descendants() -> frozenset[int]:
    """The processes that descend from this one and still run."""
    children: dict[int, list[Process]] = {}
    for process in _processes():
        children.setdefault(process.parent, []).append(process)
    found: set[int] = set()
    parents = [os.getpid()]
    while parents:
        # Taken out: numbers are given anew while this reads, so that what it read may run in a circle.
        for process in children.pop(parents.pop(), ()):
            parents.append(process.pid)
            if not process.is_over:
                found.add(process.pid)
    return frozenset(found)


def _adopt(*, on: bool) -> None:
    if sys.platform == "linux":
        # A kernel that refuses leaves it at the command's own group.
        ctypes.CDLL(None).prctl(SET_CHILD_SUBREAPER, int(on), 0, 0, 0)


def _processes() -> Iterator[Process]:
    for path in PROCESSES.glob("[0-9]*/stat"):
        # It may have ended since it was listed.
        with suppress(OSError):
            # The name before it may hold anything, brackets included.
            state, parent, *_ = path.read_text(errors="replace").rpartition(")")[2].split()
            yield Process(int(path.parent.name), int(parent), state in OVER)
