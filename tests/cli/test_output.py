"""Standard output that cannot be written: the disk is full, it is closed, or its reader has left."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from mockscope import Mockscope

COMMAND: Final = (sys.executable, "-m", "mockscope")
FULL: Final = Path("/dev/full")
READY: Final = {"url": "http://127.0.0.1:1", "sites": []}
on_linux: Final = pytest.mark.skipif(sys.platform != "linux", reason="no other system has a device that is full")


def run(folder: Path, *arguments: str, output: str, unbuffered: str = "") -> tuple[int, str]:
    """Return the exit status and the text on stderr.

    Args:
        folder: The working directory.
        arguments: The arguments of mockscope.
        output: A shell redirection of standard output.
        unbuffered: The value of PYTHONUNBUFFERED.
    """
    (folder / "ready.json").write_text(json.dumps(READY))
    done = subprocess.run(
        ["sh", "-c", f'exec "$@" {output}', "sh", *COMMAND, *arguments],
        cwd=folder,
        stderr=subprocess.PIPE,
        text=True,
        timeout=300,
        env=os.environ | {"PYTHONUNBUFFERED": unbuffered},
        check=False,
    )
    return done.returncode, done.stderr


COMMANDS: Final = (
    ["--version"],
    ["--help"],
    ["openapi"],
    ["openapi", "--format", "json"],
    ["export-schema"],
    ["env", "--ready-file", "ready.json"],
)


@on_linux
@pytest.mark.parametrize(
    ("arguments", "unbuffered"), [*((command, "") for command in COMMANDS), (["openapi"], "1")], ids=str
)
def test_a_full_disk_is_one_line_and_exit_status_1(tmp_path: Path, arguments: list[str], unbuffered: str) -> None:
    done = run(tmp_path, *arguments, output=f">{FULL}", unbuffered=unbuffered)

    assert done == (1, "mockscope: can't write: No space left on device\n")


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_output_to_a_closed_stream_is_discarded(tmp_path: Path, arguments: list[str]) -> None:
    assert run(tmp_path, *arguments, output=">&-") == (0, "")


def test_a_closed_pipe_ends_the_output_without_an_error(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "wb") as pipe:
        done = subprocess.run(
            [*COMMAND, "openapi"], stdout=pipe, stderr=subprocess.PIPE, text=True, timeout=300, check=False
        )

    assert (done.returncode, done.stderr) == (1, "")


@on_linux
def test_a_server_whose_banner_cannot_be_written_stops_cleanly(tmp_path: Path) -> None:
    done = run(tmp_path, "serve", "--port=0", "--state=state.json", "--ready-file=ready.json", output=f">{FULL}")

    assert done == (1, "mockscope: can't write: No space left on device\n")
    assert [path.name for path in tmp_path.iterdir()] == ["state.json"]
    assert list(Mockscope(tmp_path / "state.json").sites) == ["example_site"]


def test_a_server_without_standard_streams_serves_and_stops_cleanly(tmp_path: Path) -> None:
    command = [*COMMAND, "serve", "--port=0", "--ready-file=ready.json"]
    with subprocess.Popen(["sh", "-c", 'exec "$@" >&- 2>&-', "sh", *command], cwd=tmp_path) as process:
        waited = subprocess.run(
            [*COMMAND, "wait", "--ready-file=ready.json", "--timeout=300"], cwd=tmp_path, timeout=300, check=False
        )
        process.send_signal(signal.SIGTERM)

        assert (waited.returncode, process.wait(300), list(tmp_path.iterdir())) == (0, 0, [])


def test_an_unexpected_error_keeps_its_traceback(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import mockscope.seeds.files\nmockscope.seeds.files.schema = lambda: open('none')"
    )
    done = subprocess.run(
        [*COMMAND, "export-schema"],
        capture_output=True,
        text=True,
        timeout=300,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        check=False,
    )

    assert (done.returncode, done.stderr.splitlines()[-1]) == (
        1,
        "FileNotFoundError: [Errno 2] No such file or directory: 'none'",
    )
