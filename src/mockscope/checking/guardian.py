"""A process that outlives a check: it learns what is about to be made, and removes what is left when the check ends."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, Final

from mockscope.checking.cleaning import clean
from mockscope.checking.guard import Guard
from mockscope.checking.names import Names, Record
from mockscope.checking.outcome import CouldNotRun, Level
from mockscope.target import Target, Unreachable

# What was under way when the check was killed may still arrive: so long after it was quiet it is looked for again.
PAUSE: Final = 1.0
MOST_LOOKS: Final = 5
# Keys that are shorter are only known as the whole of a value, or behind the host.
SHORTEST_SOUGHT: Final = 8


class Guardian:
    """The check's end of it. All that it says goes through a pipe, and no key is in a list of processes.

    Args:
        url: the server.
        host: the site's host.
        api_key: its key.
        names: the names of this run.
        most_pages: how many pages of a list are read at most.
        options: those of ``Target``.

    Raises:
        CouldNotRun: the process can't be started.
    """

    def __init__(
        self, url: str, host: str, api_key: str, names: Names, *, most_pages: int, options: Mapping[str, Any]
    ) -> None:
        ca_file = options.get("ca_file")
        target = {**options, "url": url, "host": host, "api_key": api_key, "ca_file": ca_file and str(ca_file)}
        try:
            self._process = subprocess.Popen(
                # -P: a module beside the user's files must not be taken for one of ours.
                [sys.executable, "-P", "-m", "mockscope.checking.guardian"],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                env={name: value for name, value in os.environ.items() if not _tells(value, api_key)},
                # Neither Ctrl-C nor the end of the terminal is for it.
                start_new_session=True,
                text=True,
            )
            self._say({"target": target, "run": names.mark[-8:], "most_pages": most_pages})
        except OSError as error:
            raise CouldNotRun(f"the process that would clean up can't be started: {error.strerror or error}") from None

    def __repr__(self) -> str:
        return f"<Guardian {self._process.pid}>"

    @property
    def pid(self) -> int:
        """The number of the process."""
        return self._process.pid

    def announce(self, record: Record, is_there: bool) -> None:  # noqa: FBT001  # the form that a guard calls
        """Say that a record may be there from now on, or that it is not there any more.

        Raises:
            CouldNotRun: nobody listens any more, so that nothing may be made.
        """
        try:
            self._say({"about" if is_there else "gone": list(record)})
        except OSError:
            if is_there:
                raise CouldNotRun("the process that would clean up has ended: nothing more is made") from None

    def dismiss(self) -> None:
        """Say that nothing is left to be removed, and wait for its end."""
        with suppress(OSError):
            self._say({"done": True})
        self.leave()

    def leave(self) -> None:
        """Leave what is left to it, and wait for its end."""
        assert self._process.stdin is not None
        with suppress(OSError):
            self._process.stdin.close()
        self._process.wait()

    def _say(self, what: Mapping[str, object]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(what) + "\n")
        self._process.stdin.flush()


def _tells(value: str, api_key: str) -> bool:
    """Whether the value of a variable tells a key. A short one may be part of any word."""
    return value == api_key or value.endswith(f":{api_key}") or (len(api_key) >= SHORTEST_SOUGHT and api_key in value)


def main(lines: Iterable[str], stderr: IO[str]) -> None:
    """Listen until the check ends, and remove what it left.

    Args:
        lines: what the check says.
        stderr: where to say what was removed.
    """
    listening = iter(lines)
    try:
        said = json.loads(next(listening, "null"))
    except ValueError:
        # Killed in the middle of its first line, it has made nothing.
        return
    if said is None:
        return
    about: dict[Record, None] = {}
    was_told = False
    for line in listening:
        if not line.endswith("\n"):
            # Half a line is no promise kept: what it was to announce was not sent.
            break
        heard = json.loads(line)
        if "done" in heard:
            return
        if "about" in heard:
            about[Record(*heard["about"])] = None
            was_told = True
        else:
            about.pop(Record(*heard["gone"]), None)
    if not was_told:
        # Nothing was about to be made.
        return
    names = Names(said["run"])
    options = said["target"]
    options["ca_file"] = options["ca_file"] and Path(options["ca_file"])
    with Target(**options) as target:
        try:
            removed, left = _clean_until_quiet(target, names, list(about), most_pages=said["most_pages"])
        except Unreachable as error:
            stderr.write(f"mockscope: what the check made may still be there: {error}\n")
            return
    _tell(removed, left, stderr)


def _clean_until_quiet(
    target: Target, names: Names, known: list[Record], *, most_pages: int
) -> tuple[list[Record], list[Record]]:
    guard = Guard(target, Level.FULL, names)
    removed, left = clean(guard.ask, known, names.is_ours, most_pages=most_pages)
    for _ in range(MOST_LOOKS):
        time.sleep(PAUSE)
        late, left = clean(guard.ask, left, names.is_ours, most_pages=most_pages)
        if not late:
            break
        removed += late
    return removed, left


def _tell(removed: list[Record], left: list[Record], stderr: IO[str]) -> None:
    if removed:
        stderr.write(f"mockscope: removed what the check had made: {spelled(removed)}\n")
    if left:
        stderr.write(f"mockscope: still there: {spelled(left)}\n")


def spelled(records: Iterable[Record]) -> str:
    """Records by name, for people."""
    return ", ".join(map(str, records))


if __name__ == "__main__":
    for number in (signal.SIGINT, signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else [])):
        signal.signal(number, signal.SIG_IGN)
    main(sys.stdin, sys.stderr)
