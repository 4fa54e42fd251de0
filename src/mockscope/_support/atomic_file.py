"""Atomic replacement of files: a reader sees either the old or the new content, even after a crash.

The content is written to a temporary part file in the same folder, which is then renamed. If the path is a symbolic
link, the link itself is replaced. A caller that wants to replace its target resolves the path first.
"""

import os
import re
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

PRIVATE_MODE: Final = 0o600
PUBLIC_MODE: Final = 0o666


def write(path: Path, content: bytes, *, private: bool = True) -> None:
    """Replace or create a file. After an error, the old file is unchanged and no part file is left.

    Args:
        path: The file. An existing file keeps its mode.
        content: The new content.
        private: Create a new file with mode 0600, for content with secrets or personal data. Otherwise the umask
            applies.

    Raises:
        OSError: If the file cannot be written.
    """
    check_regular(path)
    mode = PRIVATE_MODE if private else PUBLIC_MODE
    with _folder_lock(path.parent) as folder, _part_file(path, content, mode) as part:
        part.replace(path)
        if folder is not None:
            # The rename is durable only after the folder is synced. Not every file system supports that.
            with suppress(OSError):
                os.fsync(folder)


def check(path: Path) -> None:
    """Check that a file can be replaced or created.

    Raises:
        OSError: If it is not a regular file, is a mount point or read-only, or its folder is not writable.
    """
    check_regular(path)
    if path.exists():
        if os.path.ismount(path):
            raise OSError(None, "it is mounted by itself and cannot be replaced; mount its directory")
        # A rename would also replace a read-only file, against the intent of its owner.
        with path.open("ab"):
            pass
    with _part_file(path, b"", PRIVATE_MODE):
        pass


def check_regular(path: Path) -> None:
    """Check that a path is a regular file or does not exist.

    Raises:
        OSError: If it is a folder, a device or a pipe.
    """
    if path.exists() and not path.is_file():
        raise OSError(None, "it is not a regular file")


def remove_leftovers(path: Path) -> None:
    """Remove part files of a path that were left by killed processes.

    Nothing is removed while another process writes a file in the folder, or if folders cannot be locked.
    """
    part = re.compile(rf"\.{re.escape(path.name)}\.[0-9a-f]{{16}}\.part")
    with _folder_lock(path.parent, alone=True) as folder:
        for other in path.parent.iterdir() if folder is not None else ():
            if part.fullmatch(other.name):
                other.unlink(missing_ok=True)


@contextmanager
def _part_file(path: Path, content: bytes, mode: int) -> Iterator[Path]:
    """Write a part file for a ``with`` block, and remove it afterwards unless the block has renamed it."""
    part = path.with_name(f".{path.name}.{os.urandom(8).hex()}.part")
    # "x" is O_EXCL: it fails if a file or a link with this name exists.
    file = open(part, "xb", opener=lambda name, flags: os.open(name, flags, mode))  # noqa: SIM115  (closed below)
    try:
        with file:
            if path.is_file() and not path.is_symlink() and hasattr(os, "fchmod"):
                os.fchmod(file.fileno(), stat.S_IMODE(path.stat().st_mode))
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        yield part
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def _folder_lock(folder: Path, *, alone: bool = False) -> Iterator[int | None]:
    """Lock a folder for a ``with`` block, and yield its file descriptor, or None if that failed.

    Writers share the lock. Unlike process ids in file names, it also works across containers.
    """
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        yield None
        return
    try:
        yield handle if _lock(handle, alone=alone) or not alone else None
    finally:
        os.close(handle)


def _lock(handle: int, *, alone: bool) -> bool:
    if sys.platform == "win32" or fcntl is None:
        return False
    try:
        fcntl.flock(handle, (fcntl.LOCK_EX if alone else fcntl.LOCK_SH) | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
