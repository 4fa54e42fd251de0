"""Run the shell commands of the documentation, with ``mockscope serve`` in the background."""

import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from support.bounds import WAIT_SECONDS

# The address of the server in the documentation; in a test it has another port.
ADDRESS: Final = "127.0.0.1:8765"


class Exchange(NamedTuple):
    """A command and its output in the document."""

    command: str
    output: str


class Served(NamedTuple):
    """A running server: its address, the text that it printed at the start, and the files that it writes."""

    address: str
    banner: str
    log: Path
    ready_file: Path


def exchanges(text: str) -> list[Exchange]:
    """Parse the commands of a console block.

    A command continues on the next line after a backslash or inside quotes.

    Raises:
        ValueError: If the block begins with output, or ends inside a command.
    """
    found: list[Exchange] = []
    pending = ""
    for line in text.splitlines(keepends=True):
        if pending or line.startswith("$ "):
            pending += line if pending else line[2:]
            if is_whole(pending):
                found.append(Exchange(pending.rstrip("\n"), ""))
                pending = ""
        elif found:
            found[-1] = Exchange(found[-1].command, found[-1].output + line)
        else:
            raise ValueError(f"output before any command: {line}")
    if pending:
        raise ValueError(f"a command has no end: {pending}")
    return found


def is_whole(command: str) -> bool:
    """Return whether a shell would take the text as a complete command."""
    try:
        shlex.split(command)
    except ValueError:
        return False
    return not command.endswith("\\\n")


def environment() -> dict[str, str]:
    """Return the environment with this Python's commands first, and without variables that change their behaviour."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.upper().startswith(("MOCKSCOPE_", "PYTEST_")) and not name.upper().endswith("_PROXY")
    }
    commands = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)))
    return kept | {"PATH": commands}


def run(command: str, directory: Path) -> str:
    """Run a command and return stdout and stderr together, without trailing blanks."""
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=directory,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=WAIT_SECONDS,
        check=False,
    )
    return done.stdout.decode().replace("\r\n", "\n").rstrip()


@contextmanager
def served(directory: Path, *arguments: str) -> Iterator[Served]:
    """Run ``mockscope serve`` on a free port until the block ends. Only then is its log complete."""
    log, ready_file = directory / "log.txt", directory / "ready.json"
    # The given arguments come last: of two values for an option the last one counts.
    command = [sys.executable, "-m", "mockscope", "serve", "--port=0", f"--ready-file={ready_file}", *arguments]
    with (
        log.open("wb") as stderr,
        subprocess.Popen(
            command, cwd=directory, env=environment(), stdout=subprocess.PIPE, stderr=stderr, text=True
        ) as process,
    ):
        assert process.stdout is not None
        try:
            yield _started(process.stdout, log, ready_file)
        finally:
            process.terminate()
            status = process.wait(WAIT_SECONDS)
    assert status == 0, log.read_text(encoding="utf-8")


def _started(stdout: Iterator[str], log: Path, ready_file: Path) -> Served:
    banner = ""
    for line in stdout:
        banner += line
        if line.endswith("/_mockscope/\n"):
            address = line.rpartition("http://")[2].partition("/")[0]
            return Served(address, banner.replace(address, ADDRESS).rstrip(), log, ready_file)
    raise RuntimeError(f"the server ended before it answered: {log.read_text(encoding='utf-8')}")
