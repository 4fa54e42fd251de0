"""The ready file, in which serve writes its URL and keys for scripts."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from msgspec import DecodeError, Meta, Struct
from msgspec.json import decode

from mockscope._support import atomic_file


class ReadySite(Struct):
    """A site in a ready file."""

    host: str
    api_key: str


class Ready(Struct):
    """The part of a ready file that mockscope reads itself."""

    url: Annotated[str, Meta(pattern=r"^https?://.+:\d+$")]
    sites: list[ReadySite]
    proxy: str | None = None
    trust: str | None = None


def parse(content: bytes) -> Ready:
    """Parse the content of a ready file.

    Raises:
        ValueError: If it is not a ready file.
    """
    try:
        return decode(content, type=Ready)
    except DecodeError as error:
        raise ValueError(str(error)) from None


class ReadyFile:
    """A file that exists while the port accepts connections. Use it in a ``with`` block.

    It holds API keys and perhaps the control token, so its owner alone can read it.

    Args:
        path: The file; with None nothing is written.

    Raises:
        OSError: If the file cannot be written here.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._written: bytes | None = None

    def __repr__(self) -> str:
        return f"<ReadyFile {self._path}>"

    def __enter__(self) -> "ReadyFile":
        if self._path is not None:
            atomic_file.check_regular(self._path)
            # One left behind by a server that was killed would give a waiting script the wrong port.
            self._path.unlink(missing_ok=True)
            atomic_file.check(self._path)
        return self

    def __exit__(self, *exc_info: object) -> None:
        # Another server with the same file may have written it since, and its port still accepts.
        if self._path is not None and self._path.is_file() and self._path.read_bytes() == self._written:
            self._path.unlink(missing_ok=True)

    def write(self, content: Mapping[str, Any]) -> None:
        """Write the whole file atomically.

        Raises:
            OSError: If the file cannot be written.
        """
        if self._path is not None:
            self._written = (json.dumps(content, indent=2) + "\n").encode()
            atomic_file.write(self._path, self._written)
