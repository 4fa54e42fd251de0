"""The request log: one entry, one line, for people or for machines."""

import json
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TextIO

from mockscope._support.text import printable
from mockscope.instruments.entry import Entry


def text_line(entry: Entry, about: str = "") -> str:
    """Time, status, operation, site, duration, planned fault and hint, in columns.

    Args:
        entry: the call.
        about: what else to say of it, before the fault.
    """
    time = entry.received_at.astimezone().strftime("%H:%M:%S.%f")[:-3]
    what = entry.operation or f"{entry.method} {entry.path}"
    line = f"{time}  {entry.status or '---'}  {what:<13}  {entry.site or '-'}  {_milliseconds(entry):.2f} ms"
    notes = (
        f"  {about}" if about else "",
        f"  [{entry.fault}]" if entry.fault else "",
        f"  {entry.advice}" if entry.advice else "",
    )
    return printable("".join((line, *notes)))


def json_line(entry: Entry) -> str:
    """The same and more as one JSON object."""
    return json.dumps(
        {
            "time": entry.received_at.isoformat(timespec="milliseconds"),
            "id": entry.id,
            "method": entry.method,
            "path": entry.path,
            "operation": entry.operation,
            "site": entry.site,
            "status": entry.status,
            "duration_ms": round(_milliseconds(entry), 3),
            "fault": entry.fault,
            "rule": entry.rule,
            "hint": entry.advice
            and {"code": entry.advice.code, "cause": entry.advice.cause, "remedy": entry.advice.remedy},
        }
    )


class RequestLog:
    """An observer that writes a line for each entry.

    Args:
        stream: where to.
        render: how.
    """

    def __init__(self, stream: TextIO, render: Callable[[Entry], str]) -> None:
        self._stream: TextIO | None = stream
        self._render = render

    def __call__(self, entry: Entry) -> None:
        if self._stream is None:
            return
        try:
            self._stream.write(self._render(entry) + "\n")
            self._stream.flush()
        except OSError:
            # Whoever read the log is gone; the server need not go with it.
            self._stream = None


class JSONFormatter(logging.Formatter):
    """Formats a message of the server, with its traceback, as one JSON object."""

    def format(self, record: logging.LogRecord) -> str:
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        return json.dumps({"time": time, "level": record.levelname.lower(), "message": super().format(record)})


def log_messages(form: str) -> None:
    """Write messages of the server to standard error, in the form of the request log.

    Args:
        form: ``text``, ``json``, or ``off``, which leaves out warnings.
    """
    level = logging.ERROR if form == "off" else logging.WARNING
    logging.basicConfig(level=level, format="%(asctime)s.%(msecs)03d  %(message)s", datefmt="%H:%M:%S")
    if form == "json":
        logging.getLogger().handlers[0].setFormatter(JSONFormatter())


def _milliseconds(entry: Entry) -> float:
    return (entry.duration or 0) * 1000
