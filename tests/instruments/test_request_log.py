"""The request log: hints wrapped to the terminal, and JSON lines."""

import fcntl
import io
import json
import os
import struct
import termios
from typing import Final

from mockscope import Call
from mockscope.instruments.hints import HintTemplate
from mockscope.instruments.request_log import JSONLines, RequestLog, text_lines

HINT: Final = HintTemplate.USER_UNKNOWN.fill(email="joey@example.com", nearest="")
WRAPPED: Final = [
    "    user-unknown: The site has no user",
    "    joey@example.com. Use the email of a",
    "    user of this site; for one that does",
    "    not exist the status is 400, not 404.",
]


def test_a_hint_is_wrapped_to_the_terminal() -> None:
    terminal, other_end = os.openpty()
    fcntl.ioctl(other_end, termios.TIOCSWINSZ, struct.pack("HHHH", 25, 41, 0, 0))
    with open(terminal, "rb", buffering=0) as shown, open(other_end, "w", encoding="utf-8") as stream:
        RequestLog(stream, text_lines)(Call("1", "DELETE", "/api/v1/users", hint=HINT))
        lines = shown.read(4096).decode().splitlines()

    assert lines[1:] == WRAPPED


def test_a_hint_in_a_file_is_one_line() -> None:
    stream = io.StringIO()

    RequestLog(stream, text_lines)(Call("1", "DELETE", "/api/v1/users", hint=HINT))

    assert stream.getvalue().splitlines()[1:] == [f"    {HINT}"]


def test_a_hint_of_a_call_is_shown_once() -> None:
    other = HintTemplate.BODY_IGNORED.fill(method="DELETE")
    call = Call("1", "DELETE", "/api/v1/users", hint=HINT, hints=(HINT, other))

    assert text_lines(call).splitlines()[1:] == [f"    {HINT}", f"    {other}"]


def test_a_stream_of_json_lines_has_an_object_for_each_text_that_ends_a_line() -> None:
    stream = io.StringIO()
    lines = JSONLines(stream)

    print("mockscope: one", "two", file=lines)
    lines.write("Traceback:\n  out of coffee\n")
    lines.write("no end yet")
    lines.flush()

    shown = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [line["message"] for line in shown] == ["one two", "Traceback:\n  out of coffee"]
    assert [list(line) for line in shown] == [["time", "level", "message"]] * 2
    assert not lines.isatty()
