"""The state of a server in a file: read at the start, written whole or not at all.

What the file says is seeding.py's; here is only how it gets onto the disk.
"""

import os
import stat
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import Final

from mockscope import seeding
from mockscope.domain.site import Site

# It holds API keys.
NEW_FILE_MODE: Final = 0o600


class StateFile:
    """A file that is replaced as a whole: a kill at any moment leaves the old one or the new one.

    What is written goes to a file beside it, ``.NAME.PID``, which then takes its place. One that a killed process left
    behind is taken away at the next start.

    Args:
        path: the file, YAML or JSON by its suffix. Where it is a link, the file that the link leads to is replaced.

    Raises:
        OSError: the file can't be written here.
    """

    def __init__(self, path: Path) -> None:
        self._path = Path(os.path.realpath(path))
        self._part = self._path.parent / f".{self._path.name}.{os.getpid()}"
        self._lock = Lock()
        self._check()
        self._clean()

    def __repr__(self) -> str:
        return f"<StateFile {self._path}>"

    def exists(self) -> bool:
        """Whether there is a state to load."""
        return self._path.exists()

    def save(self, sites: list[Site]) -> None:
        """Write the records of sites.

        Raises:
            OSError: it could not be written; the file is what it was.
        """
        text = seeding.to_json(sites) if self._path.name.endswith(".json") else seeding.to_yaml(sites)
        with self._lock:
            try:
                self._write(text.encode())
                self._part.replace(self._path)
            finally:
                self._part.unlink(missing_ok=True)
            _sync(self._path.parent)

    def _check(self) -> None:
        if self._path.exists():
            if not self._path.is_file():
                raise OSError(None, "it is no regular file")
            if os.path.ismount(self._path):
                raise OSError(None, "it is mounted by itself and can't be replaced; mount its directory")
            # To replace a file the directory alone need be writable; one that is marked read-only stays all the same.
            with self._path.open("ab"):
                pass
        try:
            self._write(b"")
        finally:
            self._part.unlink(missing_ok=True)

    def _write(self, content: bytes) -> None:
        self._part.unlink(missing_ok=True)
        mode = stat.S_IMODE(self._path.stat().st_mode) if self._path.exists() else NEW_FILE_MODE
        with open(os.open(self._part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, NEW_FILE_MODE), "wb") as file:
            os.chmod(self._part, mode)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())

    def _clean(self) -> None:
        for beside in self._path.parent.iterdir():
            name, _, pid = beside.name.rpartition(".")
            if name == f".{self._path.name}" and pid.isdecimal() and not _runs(int(pid)):
                beside.unlink(missing_ok=True)


def _runs(pid: int) -> bool:
    if os.name != "posix":
        # Elsewhere there is no way to ask that would not end the process.
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True


def _sync(directory: Path) -> None:
    """Have the directory's entries on the disk too, on systems that can be asked for that."""
    with suppress(OSError):
        handle = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
