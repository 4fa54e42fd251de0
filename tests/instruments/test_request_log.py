"""The request log: hints wrapped to the terminal, and JSON lines."""

import fcntl
import io
import json
import os
import struct
import termios
from typing import Final

import pytest

from mockscope import Call
from mockscope.instruments.hints import HintTemplate
from mockscope.instruments.report import report
from mockscope.instruments.request_log import JSONLines, Render, RequestLog, full_text, json_line, text_lines

EXPLAINED: Final = "    For more: mockscope explain user-unknown"
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

    assert lines[1:] == [*WRAPPED, EXPLAINED]


def test_a_hint_in_a_file_is_one_line() -> None:
    stream = io.StringIO()

    RequestLog(stream, text_lines)(Call("1", "DELETE", "/api/v1/users", hint=HINT))

    assert stream.getvalue().splitlines()[1:] == [f"    {HINT}", EXPLAINED]


@pytest.mark.parametrize(("render", "named"), [(text_lines, 1), (full_text, 1), (json_line, 0)])
def test_a_log_names_the_command_that_explains_a_rule_once(render: Render, named: int) -> None:
    stream = io.StringIO()
    log = RequestLog(stream, render)
    log(Call("1", "GET", "/api/v1/users"))
    log(Call("2", "DELETE", "/api/v1/users", rule="USER-GET-1", hint=HINT))
    log(Call("3", "DELETE", "/api/v1/users", rule="USER-DELETE-1", hint=HINT))

    shown = [line for line in stream.getvalue().splitlines() if "mockscope explain" in line]
    assert shown == ["    For more: mockscope explain USER-GET-1"] * named


def test_a_report_names_the_command_that_explains_a_rule_once() -> None:
    calls = [Call(str(n), "GET", "/api/v1/users", number=n, rule=f"USER-GET-{n}", hint=HINT) for n in (1, 2)]
    fine = Call("3", "GET", "/api/v1/users", number=3)

    shown = report([*calls, fine]).splitlines()
    assert [line for line in shown if "mockscope explain" in line] == shown[-1:]
    assert shown[-1] == "    For more: mockscope explain USER-GET-2"
    assert "mockscope explain" not in report([fine])


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
