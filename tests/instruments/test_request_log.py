"""The request log: hints wrapped to the terminal, and JSON lines."""

import fcntl
import io
import json
import os
import re
import struct
import termios
from contextlib import suppress
from typing import Any, Final

import pytest

from mockscope import Call
from mockscope.instruments.hints import HintTemplate
from mockscope.instruments.packed_headers import encode_headers
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


def shown_on_a_terminal(columns: int, *calls: Call) -> list[str]:
    terminal, other_end = os.openpty()
    fcntl.ioctl(other_end, termios.TIOCSWINSZ, struct.pack("HHHH", 25, columns, 0, 0))
    with open(other_end, "w", encoding="utf-8") as stream:
        log = RequestLog(stream, text_lines)
        for call in calls:
            log(call)
    shown = b""
    with open(terminal, "rb", buffering=0) as reading, suppress(OSError):
        # On Linux, the end is an error.
        while piece := reading.read(4096):
            shown += piece
    return shown.decode().splitlines()


def test_a_hint_is_wrapped_to_the_terminal() -> None:
    lines = shown_on_a_terminal(41, Call("1", "DELETE", "/api/v1/users", hint=HINT))

    assert lines[1:] == [*WRAPPED, EXPLAINED]


def new_call(email: str, **fields: Any) -> Call:
    headers = encode_headers([(b"http-x-email", email.encode())])
    known: dict[str, Any] = {"operation": "delete_user", "site": "central_perk", "status": 200, "duration": 0.00125}
    return Call("1", "DELETE", "/api/v1/users", "", headers, **known | fields)


CALLS: Final = (
    new_call("joey@example.com", test_mode=True, fault="fault-1"),
    new_call("joseph.francis.tribbiani@days-of-our-lives.example.com", site="the-apartment-of-monica-geller"),
    new_call("日本@example.com", status=None, duration=12.5),
    Call("2", "GET", "/api/v2/dashboards/of/the/later/api/and/more", status=404),
)


WANTED: Final = {
    60: """\
200  delete_user    joey@example…      1.25 ms
    [fault-1]
200  delete_user    joseph.franc…      1.25 ms
---  delete_user    日本@example…  12500.00 ms
404  GET /api/v2/dashboards/of/t…      0.00 ms
""",
    80: """\
200  delete_user    joey@example.com        test mode      1.25 ms
    [fault-1]
200  delete_user    joseph.francis.tribbi…                 1.25 ms
---  delete_user    日本@example.com                   12500.00 ms
404  GET /api/v2/dashboards/of/the/later/…                 0.00 ms
""",
    100: """\
200  delete_user    joey@example.com          test mode  central_perk          1.25 ms
    [fault-1]
200  delete_user    joseph.francis.tribbian…             the-apartment-o…      1.25 ms
---  delete_user    日本@example.com                     central_perk      12500.00 ms
404  GET /api/v2/dashboards/of/the/later/ap…             -                     0.00 ms
""",
    120: """\
200  delete_user    joey@example.com                      test mode  central_perk                  1.25 ms
    [fault-1]
200  delete_user    joseph.francis.tribbiani@days-of-ou…             the-apartment-of-monica…      1.25 ms
---  delete_user    日本@example.com                                 central_perk              12500.00 ms
404  GET /api/v2/dashboards/of/the/later/api/and/more                -                             0.00 ms
""",
}


@pytest.mark.parametrize("columns", WANTED)
def test_columns_stay_columns_at_each_width(columns: int) -> None:
    lines = shown_on_a_terminal(columns, *CALLS)

    assert [line if line.startswith(" ") else line[14:] for line in lines] == WANTED[columns].splitlines()


def test_a_fault_that_fits_is_on_the_line() -> None:
    assert shown_on_a_terminal(150, CALLS[0])[0].endswith(f"  central_perk{' ' * 26}1.25 ms  [fault-1]")


def test_a_terminal_without_a_size_has_the_lines_of_a_file() -> None:
    assert shown_on_a_terminal(0, *CALLS) == [text_lines(call) for call in CALLS]


def test_colours_mark_status_hint_and_fault() -> None:
    stream = io.StringIO()
    log = RequestLog(stream, text_lines, has_colour=True)
    for call in (CALLS[0], CALLS[3], Call("3", "DELETE", "/api/v1/users", status=503, hint=HINT)):
        log(call)

    shown = re.findall(r"\x1b\[[^m]+m.*?\x1b\[0m", stream.getvalue())
    assert shown == [
        "\x1b[32m200\x1b[0m",
        "\x1b[35m[fault-1]\x1b[0m",
        "\x1b[31m404\x1b[0m",
        "\x1b[1;31m503\x1b[0m",
        "\x1b[33muser-unknown\x1b[0m",
    ]
    uncoloured = re.sub(r"\x1b\[[^m]+m", "", stream.getvalue())
    assert uncoloured.splitlines()[0] == text_lines(CALLS[0])


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
