"""The request log: a line for each call with its hints, as text or JSON."""

import io
import json
import logging
import os
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from textwrap import wrap
from typing import Final, NamedTuple, TextIO

from mockscope._support.text import EXPLAIN, clip, escape_control, fit
from mockscope.instruments.call import Call, describe_target
from mockscope.instruments.hints import Hint

INDENT: Final = "    "
FAULT_LINE: Final = f"\n{INDENT}"
# The fields of a call in JSON that a line of the log has.
LOGGED_FIELDS: Final = (
    *("id", "time", "site", "operation", "method", "path", "query", "status", "duration_ms", "test_mode"),
    *("rule", "hint", "fault"),
)
# The maximum characters of a body that are shown.
MAX_BODY_SHOWN: Final = 10_000

# The least width of a terminal that shows the column of the site, and the one of test mode.
MIN_WITH_SITE: Final = 100
MIN_WITH_MODE: Final = 73
# The colours of a status by its first digit, as numbers of ECMA-48.
STATUS_COLOURS: Final = {"2": "32", "3": "36", "4": "31", "5": "1;31"}
YELLOW: Final = "33"
MAGENTA: Final = "35"


class Display(NamedTuple):
    """The form in which a log is shown.

    Args:
        width: The number of columns of the terminal; None is a file or pipe, in which no line is cut or wrapped.
        has_colour: Whether colours are shown.
    """

    width: int | None = None
    has_colour: bool = False

    def paint(self, text: str, colour: str | None) -> str:
        """Return a text in a colour, if colours are shown."""
        return f"\x1b[{colour}m{text}\x1b[0m" if self.has_colour and colour else text


PLAIN: Final = Display()
Render = Callable[[Call, Display], str]


def text_line(call: Call, display: Display = PLAIN) -> str:
    """Return time, status, operation, user or group, test mode, site, duration and planned fault, in columns.

    A terminal that is too narrow for all has no column for the site. A fault that does not fit has a line of its own.
    """
    time = call.received_at.astimezone().strftime("%H:%M:%S.%f")[:-3]
    status = str(call.status or "---")
    operation, subject = describe_target(call)
    target = escape_control(f"{operation:<13}  {subject:<16}")
    mode, site = "test mode" if call.test_mode else "", escape_control(call.site or "-")
    duration = f"{(call.duration or 0) * 1000:.2f} ms"
    if display.width is None:
        cells = [target, f"{mode:<11}", site, duration]
    else:
        texts = zip((target.rstrip(), mode, site), _widths(display.width), strict=True)
        cells = [*(fit(text, width) for text, width in texts if width), f"{duration:>11}"]
    start, rest = f"{time}  ", f"  {'  '.join(cells)}"
    line = f"{start}{display.paint(status, STATUS_COLOURS.get(status[0]))}{rest}"
    if not call.fault:
        return line
    fault = f"[{call.fault}]"
    fits = display.width is None or len(f"{start}{status}{rest}  {fault}") <= display.width
    return f"{line}{'  ' if fits else FAULT_LINE}{display.paint(fault, MAGENTA)}"


def _widths(width: int) -> tuple[int, int, int]:
    """Return the widths of the columns for target, test mode and site on a terminal; 0 leaves a column out."""
    if width >= MIN_WITH_SITE:
        # Both names share the rest. The target begins with the operation.
        rest = width - 60
        subject = min(40, rest * 3 // 5)
        return subject + 15, 9, min(32, rest - subject)
    if width >= MIN_WITH_MODE:
        return min(55, width - 43), 9, 0
    return max(25, width - 32), 0, 0


def text_lines(call: Call, display: Display = PLAIN) -> str:
    """Return the line of a call, followed by a line for each hint.

    Args:
        call: The call.
        display: The form in which it is shown.
    """
    return "\n".join([text_line(call, display), *_hint_lines(call, display)])


def explain_line(call: Call) -> str | None:
    """Return a line with the command that explains the rule or the hint of a call, or None if it has neither."""
    hint = next(iter(_hints(call)), None)
    id = call.rule or (hint and (hint.rule or hint.code))
    return None if id is None else f"{INDENT}{EXPLAIN.format(id=id)}"


def full_text(call: Call, display: Display = PLAIN) -> str:
    """Return the lines of a call, followed by request and response with headers and bodies."""
    target = f"{call.path}?{call.query}" if call.query else call.path
    request = [f"{call.method} {target}", *_header_lines(call.headers), *_body_lines(call.body)]
    response = [f"{call.status or '---'}", *_header_lines(call.response_headers), *_body_lines(call.response)]
    shown = [*(f"> {line}" for line in request), *(f"< {line}" for line in response)]
    return "\n".join([text_lines(call, display), *(f"{INDENT}{escape_control(line)}".rstrip() for line in shown)])


def json_line(call: Call, display: Display = PLAIN) -> str:
    """Return a call as a JSON object on one line, without headers, bodies and changes."""
    data = call.as_dict()
    shown = {name: data[name] for name in LOGGED_FIELDS}
    shown["time"] = call.received_at.isoformat(timespec="milliseconds")
    if call.hint is not None:
        shown["hint"] = {name: getattr(call.hint, name) for name in ("code", "cause", "remedy")}
    others = [hint.code for hint in _hints(call)[1:]]
    return json.dumps({**shown, "email": call.email, "group": call.group, "other_hints": others})


RENDERERS: Final[dict[str, Render]] = {"text": text_lines, "full": full_text, "json": json_line}


class RequestLog:
    """An observer that writes each call to a stream. On a terminal, hints are wrapped, and long names are cut.

    In a text, the first hint or refusal is followed by the command that explains it.

    Args:
        stream: The stream.
        render: Renders a call.
        has_colour: Whether the log has colours.
    """

    def __init__(self, stream: TextIO, render: Render, *, has_colour: bool = False) -> None:
        self._stream: TextIO | None = stream
        self._render = render
        self._has_colour = has_colour
        # Each line of a log in JSON is a call.
        self._names_command = render is not json_line

    def __call__(self, call: Call) -> None:
        if self._stream is None:
            return
        try:
            width = os.get_terminal_size(self._stream.fileno()).columns if self._stream.isatty() else None
            # A terminal whose size nobody set has 0 columns.
            self._stream.write(self._render(call, Display(width or None, self._has_colour)) + "\n")
            if self._names_command and (line := explain_line(call)) is not None:
                self._stream.write(line + "\n")
                self._names_command = False
        except OSError:
            # The reader of the log has closed it. The server goes on without a log.
            self._stream = None


class JSONLines(io.TextIOBase):
    """A text stream that writes complete lines to another stream, as a JSON object for each write.

    Args:
        stream: The stream to write to.
    """

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self._rest = ""

    def write(self, text: str) -> int:
        """Write a text. The part after the last newline is kept until the next newline."""
        message, newline, self._rest = (self._rest + text).rpartition("\n")
        if newline:
            self.stream.write(_message(datetime.now(UTC), "info", message.removeprefix("mockscope: ")) + "\n")
        return len(text)

    def flush(self) -> None:
        """Flush the other stream."""
        self.stream.flush()


class JSONFormatter(logging.Formatter):
    """Formats a log record with its traceback as a JSON object."""

    def format(self, record: logging.LogRecord) -> str:
        time = datetime.fromtimestamp(record.created, UTC)
        return _message(time, record.levelname.lower(), super().format(record))


def configure_logging(form: str) -> TextIO:
    """Configure logging to standard error, in the format of the request log.

    Args:
        form: ``text``, ``full``, ``json``, or ``off``, which logs errors only.

    Returns:
        The stream for the request log.
    """
    stream = sys.stderr.stream if isinstance(sys.stderr, JSONLines) else sys.stderr
    level = logging.ERROR if form == "off" else logging.WARNING
    logging.basicConfig(level=level, stream=stream, format="%(asctime)s.%(msecs)03d  %(message)s", datefmt="%H:%M:%S")
    if form == "json":
        logging.getLogger().handlers[0].setFormatter(JSONFormatter())
    return stream


def _message(time: datetime, level: str, text: str) -> str:
    return json.dumps({"time": time.isoformat(timespec="milliseconds"), "level": level, "message": text})


def _hints(call: Call) -> list[Hint]:
    own = [] if call.hint is None else [call.hint]
    return own + [hint for hint in call.hints if hint not in own]


def _hint_lines(call: Call, display: Display) -> Iterator[str]:
    for hint in _hints(call):
        text, width = f"{INDENT}{escape_control(str(hint))}", display.width
        lines = [text] if width is None else wrap(text, width, subsequent_indent=INDENT, break_on_hyphens=False)
        lines[0] = lines[0].replace(hint.code, display.paint(hint.code, YELLOW), 1)
        yield from lines


def _header_lines(headers: list[tuple[str, str]]) -> list[str]:
    return [f"{name}: {value}" for name, value in headers]


def _body_lines(body: bytes | None) -> list[str]:
    return ["", *clip(body.decode("utf-8", "replace"), MAX_BODY_SHOWN).splitlines()] if body else []
