"""The state file of a server: loaded at the start, replaced atomically at the end."""

import os
from collections.abc import Iterable
from pathlib import Path
from threading import Lock

from mockscope._support import atomic_file
from mockscope.domain.site import Site
from mockscope.seeds import files


class StateFile:
    """A file that holds the sites of a server, with their API keys.

    A process that is killed leaves the old or the new content. Its temporary file is removed at the next start.

    Args:
        path: The file. With the suffix ``.json`` it is JSON, else YAML. For a symbolic link, the target is replaced.

    Raises:
        OSError: If the file cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self._path = Path(os.path.realpath(path))
        self._lock = Lock()
        atomic_file.check(self._path)
        atomic_file.remove_leftovers(self._path)

    def __repr__(self) -> str:
        return f"<StateFile {self._path}>"

    def exists(self) -> bool:
        """Return whether the file exists."""
        return self._path.exists()

    def save(self, sites: Iterable[Site]) -> None:
        """Write the records of sites.

        Args:
            sites: The sites. The iterable is read when no other thread is saving.

        Raises:
            OSError: If the file cannot be written. The old content is unchanged.
        """
        to_text = files.to_json if self._path.name.endswith(".json") else files.to_yaml
        # Under the lock, so that an older state does not replace a newer one from another thread.
        with self._lock:
            text = to_text(list(sites))
            atomic_file.write(self._path, text.encode())
