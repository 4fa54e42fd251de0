"""The events of a server elsewhere, and of one of its sites."""

import json
import time
from typing import Any, Final

from mockscope._support.arguments import check_type
from mockscope._support.monotonic import monotonic
from mockscope.instruments.events import Event, EventLog, EventReader
from mockscope.remote.control_client import ControlClient

# The time between two requests while a reader waits.
PAUSE_SECONDS: Final = 0.05


class RemoteEventReader(EventReader):
    """A reader of the events of a server elsewhere.

    Args:
        client: the client.
        path: the path of the stream.
        site: the host of the site; None is the server.
        last_id: the id of the event to begin after; None is the latest event.
    """

    def __init__(self, client: ControlClient, path: str, site: str | None, last_id: str | None) -> None:
        self._client = client
        self._path = path
        self._site = site
        self._last_id = last_id
        if last_id is None:
            self._receive()

    @property
    def last_id(self) -> str:
        """The id of the latest event that this reader has passed."""
        return self._last_id or ""

    def read(self, timeout: float = 0.0) -> list[Event]:
        """Return the events since the last read, as ``EventReader.read`` does.

        Args:
            timeout: the maximum time to wait for an event, in seconds.

        Raises:
            ValueError: If the time is not a number.
        """
        check_type("timeout", timeout, int | float)
        deadline = monotonic() + timeout
        while not (found := self._receive()) and monotonic() < deadline:
            time.sleep(PAUSE_SECONDS)
        return found

    def _receive(self) -> list[Event]:
        found = []
        for block in self._client.events(self._path, self._last_id).split("\n\n"):
            fields = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
            self._last_id = fields.get("id", self._last_id)
            if "data" in fields:
                found.append(_event(fields["id"], fields["event"], json.loads(fields["data"])))
        return found


def _event(id: str, kind: Any, data: dict[str, Any]) -> Event:
    event = Event(EventLog(), kind, data.pop("site"), lambda: data, 0)
    event.id = id
    return event
