"""Files that are replaced as a whole: a reader sees the old content or the new, whatever happens meanwhile.

The content goes to a part file of a random name in the same folder, and a rename puts it in place. A symbolic link
under the file's name is replaced, never followed: a caller that promises to follow one resolves it first.
"""

import os
import re
import stat
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
    """Replace a file, or create it. An error leaves the old file whole, and nothing beside it.

    Args:
        path: The file. One that is there keeps its mode.
        content: All of the new content.
        private: Give a new file mode 0600, for content with keys, tokens or people; else the umask decides.

    Raises:
        OSError: If the file cannot be written.
    """
    check_regular(path)
    with (
        _folder_lock(path.parent) as folder,
        _part_file(path, content, PRIVATE_MODE if private else PUBLIC_MODE) as part,
    ):
        part.replace(path)
        if folder is not None:
            # The rename reaches the disk with the folder; not every file system can be asked for that.
            with suppress(OSError):
                os.fsync(folder)


def check(path: Path) -> None:
    """Raise an error now if the file could not be replaced later.

    Raises:
        OSError: If it is not a regular file, is mounted by itself, is read-only, or its folder takes no new file.
    """
    check_regular(path)
    if path.exists():
        if os.path.ismount(path):
            raise OSError(None, "it is mounted by itself and cannot be replaced; mount its directory")
        # A rename needs a writable folder only, but a file that is marked read-only is meant to stay.
        with path.open("ab"):
            pass
    with _part_file(path, b"", PRIVATE_MODE):
        pass


def check_regular(path: Path) -> None:
    """Raise an error if something else than a file is there.

    Raises:
        OSError: If it is a folder, a device or a pipe.
    """
    if path.exists() and not path.is_file():
        raise OSError(None, "it is not a regular file")


def remove_leftovers(path: Path) -> None:
    """Remove the part files of processes that were killed while they wrote a file.

    Nothing is removed while another process writes into the folder, or where folders cannot be locked.
    """
    part = re.compile(rf"\.{re.escape(path.name)}\.[0-9a-f]{{16}}\.part")
    with _folder_lock(path.parent, alone=True) as folder:
        for other in path.parent.iterdir() if folder is not None else ():
            if part.fullmatch(other.name):
                other.unlink(missing_ok=True)


@contextmanager
def _part_file(path: Path, content: bytes, mode: int) -> Iterator[Path]:
    """Write a part file for a block, and remove it afterwards unless the block has renamed it."""
    part = path.with_name(f".{path.name}.{os.urandom(8).hex()}.part")
    # "x" is O_EXCL: it opens neither a file nor a link that is there.
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
    """Lock a folder, shared between writers; yield its handle, or None where that failed.

    A lock tells writers of other containers apart as well, which process numbers do not.
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
    if fcntl is None:
        return False
    try:
        fcntl.flock(handle, (fcntl.LOCK_EX if alone else fcntl.LOCK_SH) | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
