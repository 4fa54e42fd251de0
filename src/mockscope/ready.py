"""The ready file: what serve tells those who wait for it, as it is written and as it is read."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from msgspec import DecodeError, Meta, Struct
from msgspec.json import decode


class ReadySite(Struct):
    """A site in a ready file."""

    host: str
    api_key: str


class Ready(Struct):
    """What a ready file says, as far as it matters to those who read it."""

    url: Annotated[str, Meta(pattern=r"^https?://.+:\d+$")]
    sites: list[ReadySite]
    proxy: str | None = None
    trust: str | None = None


def parse(content: bytes) -> Ready:
    """Read what a ready file holds.

    Raises:
        ValueError: it is none.
    """
    try:
        return decode(content, type=Ready)
    except DecodeError as error:
        raise ValueError(str(error)) from None


class ReadyFile:
    """A file that is there, whole, exactly while the port accepts. Use it in a ``with`` block.

    What is written goes to a file beside it, ``.NAME.PID``, which then takes its place.

    Args:
        path: the file.

    Raises:
        OSError: it can't be written here.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._part = path.parent / f".{path.name}.{os.getpid()}"
        self._written: bytes | None = None

    def __repr__(self) -> str:
        return f"<ReadyFile {self._path}>"

    def __enter__(self) -> "ReadyFile":
        if self._path.exists() and not self._path.is_file():
            # A device would be removed like any file, were it ours to remove.
            raise OSError(None, "it is no regular file")
        # One left behind by a server that was killed would tell a waiting script the wrong port.
        self._path.unlink(missing_ok=True)
        self._part.touch()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._part.unlink(missing_ok=True)
        # Another server with the same file may have written it since, and its port still accepts.
        if self._path.is_file() and self._path.read_bytes() == self._written:
            self._path.unlink(missing_ok=True)

    def write(self, content: Mapping[str, Any]) -> None:
        """Have it there, whole.

        Raises:
            OSError: it could not be written.
        """
        self._written = (json.dumps(content, indent=2) + "\n").encode()
        self._part.write_bytes(self._written)
        self._part.replace(self._path)
