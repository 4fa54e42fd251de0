"""The output at a terminal: colours, and the completion of words in a shell."""

import io
import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from typing import TextIO

import pytest
from support.bounds import WAIT_SECONDS

from mockscope.cli.output import has_colour
from mockscope.instruments.request_log import JSONLines

COMMAND = (sys.executable, "-m", "mockscope")
UNKNOWN = "No such command 'srve'. Did you mean 'serve'?"


@pytest.fixture
def terminal() -> Iterator[TextIO]:
    ours, theirs = pty.openpty()
    with open(theirs, "w", encoding="utf-8") as stream:
        yield stream
    os.close(ours)


@pytest.mark.parametrize(
    ("variables", "on_terminal", "in_file"),
    [
        ({}, True, False),
        ({"NO_COLOR": "1"}, False, False),
        ({"NO_COLOR": ""}, True, False),
        ({"TERM": "dumb"}, False, False),
        ({"FORCE_COLOR": "1"}, True, True),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False, False),
    ],
)
def test_colours_depend_on_terminal_and_environment(
    terminal: TextIO,
    variables: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    *,
    on_terminal: bool,
    in_file: bool,
) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    with io.TextIOWrapper(io.BytesIO()) as file:
        assert (has_colour(terminal), has_colour(file)) == (on_terminal, in_file)
        assert not has_colour(JSONLines(file))


def test_an_error_on_a_terminal_is_red_and_one_in_a_pipe_is_not() -> None:
    variables = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "FORCE_COLOR")}
    ours, theirs = pty.openpty()
    command = [*COMMAND, "srve"]
    on_terminal = subprocess.run(
        command, stderr=theirs, env=variables | {"TERM": "xterm"}, timeout=WAIT_SECONDS, check=False
    )
    in_pipe = subprocess.run(command, stderr=subprocess.PIPE, env=variables, timeout=WAIT_SECONDS, check=False)

    shown = os.read(ours, 4096).decode().rstrip()
    for end in (ours, theirs):
        os.close(end)
    assert (on_terminal.returncode, shown) == (2, f"\x1b[31mmockscope:\x1b[0m {UNKNOWN}")
    assert (in_pipe.returncode, in_pipe.stderr.decode()) == (2, f"mockscope: {UNKNOWN}\n")


def test_a_shell_completes_options() -> None:
    words = {"_MOCKSCOPE_COMPLETE": "bash_complete", "COMP_WORDS": "mockscope serve --lo", "COMP_CWORD": "2"}

    done = subprocess.run(
        [*COMMAND], env=os.environ | words, capture_output=True, text=True, timeout=WAIT_SECONDS, check=False
    )

    assert (done.returncode, done.stdout) == (0, "plain,--log\n")
