"""A terminal for the documentation: run commands, with ``mockscope serve`` in the background."""

import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from support.bounds import WAIT_SECONDS

# What the documentation calls the server, wherever it really is.
ADDRESS: Final = "127.0.0.1:8765"


class Exchange(NamedTuple):
    """A command, and what the terminal shows after it."""

    command: str
    output: str


class Served(NamedTuple):
    """A server that runs: its address, what it said at the start, and the files it writes."""

    address: str
    banner: str
    log: Path
    ready_file: Path


def exchanges(text: str) -> list[Exchange]:
    """The commands of a console block; one goes on in the next line after a backslash or inside quotes."""
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
        raise ValueError(f"a command never ends: {pending}")
    return found


def is_whole(command: str) -> bool:
    """Return whether a shell would take the text as a complete command."""
    try:
        shlex.split(command)
    except ValueError:
        return False
    return not command.endswith("\\\n")


def environment() -> dict[str, str]:
    """This environment, with the commands of this Python first, and without what would lead them astray."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.upper().startswith(("MOCKSCOPE_", "PYTEST_")) and not name.upper().endswith("_PROXY")
    }
    commands = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)))
    return kept | {"PATH": commands}


def run(command: str, directory: Path) -> str:
    """Run a command; return both streams together, without trailing blanks."""
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
    """``mockscope serve`` on a free port, until the block ends; its log is whole only then."""
    log, ready_file = directory / "log.txt", directory / "ready.json"
    # The arguments come last: where one is given twice, the last counts.
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
        if line.startswith("    curl "):
            address = line.rpartition("http://")[2].partition("/")[0]
            return Served(address, banner.replace(address, ADDRESS).rstrip(), log, ready_file)
    raise RuntimeError(f"the server ended before it answered: {log.read_text(encoding='utf-8')}")
