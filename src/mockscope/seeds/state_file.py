"""The state of a server in a file: loaded at the start, replaced as a whole at the end."""

import os
from collections.abc import Iterable
from pathlib import Path
from threading import Lock

from mockscope._support import atomic_file
from mockscope.domain.site import Site
from mockscope.seeds import files


class StateFile:
    """A file that holds the sites of a server, with their API keys.

    A killed process leaves either the old or the new content. A temporary file that it leaves is removed at the next
    start.

    Args:
        path: The file, YAML or JSON by its suffix. If it is a symbolic link, its target is replaced.

    Raises:
        OSError: If the file cannot be written here.
    """

    def __init__(self, path: Path) -> None:
        self._path = Path(os.path.realpath(path))
        self._lock = Lock()
        atomic_file.check(self._path)
        atomic_file.remove_leftovers(self._path)

    def __repr__(self) -> str:
        return f"<StateFile {self._path}>"

    def exists(self) -> bool:
        """Return whether there is a state to load."""
        return self._path.exists()

    def save(self, sites: Iterable[Site]) -> None:
        """Write the records of sites.

        Args:
            sites: The sites, read once no other save is under way.

        Raises:
            OSError: If the file cannot be written. Its content is unchanged then.
        """
        to_text = files.to_json if self._path.name.endswith(".json") else files.to_yaml
        # An older state must not replace a newer one that another thread has written meanwhile.
        with self._lock:
            text = to_text(list(sites))
            atomic_file.write(self._path, text.encode())
