"""A command that runs with a server: its signals, terminal and exit status. It needs POSIX."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from shutil import which
from types import FrameType
from typing import TYPE_CHECKING, Final

from mockscope._support.signals import ignore_signals
from mockscope.cli.environment import environment_variables
from mockscope.cli.ready_file import Ready, ReadySite
from mockscope.instruments.report import report

if TYPE_CHECKING:
    from mockscope.server.live import LiveServer

if sys.platform == "win32":
    raise ImportError("Windows has no process groups, which exec needs")

# The exit statuses of shells.
NOT_FOUND: Final = 127
NOT_EXECUTABLE: Final = 126
KILLED_BY: Final = 128
FORWARDED: Final = [
    getattr(signal, name)
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2")
    if hasattr(signal, name)
]
# The time that processes left by the command have to end after SIGTERM, and after SIGKILL.
GRACE_SECONDS: Final = 2
POLL_SECONDS: Final = 0.01
# The file descriptor of the terminal: standard input, if that is a terminal.
TERMINAL: Final = 0


def run(command: Sequence[str], server: "LiveServer", print_line: Callable[[str], None]) -> int:
    """Run a command with a server, and wait for its end. If it fails, stop the server and print its calls.

    Signals are passed on to the command. After its end they are ignored, because this process must still save its
    state.

    Args:
        command: The command and its arguments.
        server: A server that runs, with a proxy and at least one site.
        print_line: Prints a line for the user.

    Returns:
        The exit status of the command. As in a shell, it is 128 plus the number of the signal that ended the command,
        127 for an unknown command, and 126 for one that cannot be executed.

    Raises:
        OSError: If the files that make clients trust the proxy cannot be written.
    """
    early: list[int] = []
    _handle_signals(lambda number, frame: early.append(number))
    try:
        sites = [ReadySite(site.host, site.api_key) for site in server.sites.values()]
        ready = Ready(server.url, sites, server.proxy_url, str(server.authority.directory))
        environment = os.environ | environment_variables(ready)
        if early:
            return KILLED_BY + early[0]
        try:
            # In a group of its own, so that a signal reaches all of it at once.
            child = subprocess.Popen(command, env=environment, process_group=0)
        except OSError as error:
            status, reason = _start_error(command[0], error)
            print_line(reason)
            return status
        _handle_signals(lambda number, frame: _send(child.pid, number))
        for number in early:
            _send(child.pid, number)
        try:
            status = _wait(child)
        finally:
            _end_group(child.pid)
    finally:
        ignore_signals(FORWARDED)
    if status:
        # First, so that each request of the command is handled and counted.
        server.stop()
        _explain(status, server, print_line)
    return status


def _start_error(name: str, error: OSError) -> tuple[int, str]:
    """Return the status that shells give for a command that does not start, and the reason."""
    if not isinstance(error, FileNotFoundError):
        return NOT_EXECUTABLE, f"can't execute {name}: {error.strerror or error}"
    if which(name) is None:
        return NOT_FOUND, f"there is no command {name}"
    return NOT_EXECUTABLE, f"can't execute {name}: its first line asks for an interpreter that is not there"


def _wait(child: "subprocess.Popen[bytes]") -> int:
    with _terminal(child.pid) as has_terminal:
        while True:
            _, status = os.waitpid(child.pid, os.WUNTRACED if has_terminal else 0)
            if not os.WIFSTOPPED(status):
                child.returncode = code = os.waitstatus_to_exitcode(status)
                return KILLED_BY - code if code < 0 else code
            if os.WSTOPSIG(status) not in (signal.SIGTTIN, signal.SIGTTOU):
                # Ctrl-Z: the shell that waits for this process must see it stopped as well.
                os.tcsetpgrp(TERMINAL, os.getpgrp())
                os.kill(os.getpid(), signal.SIGSTOP)
            os.tcsetpgrp(TERMINAL, child.pid)
            _send(child.pid, signal.SIGCONT)


@contextmanager
def _terminal(group: int) -> Iterator[bool]:
    """Give the terminal to a process group, if this process has one. Yield whether it has."""
    try:
        has_terminal = os.tcgetpgrp(TERMINAL) == os.getpgrp()
    except OSError:
        has_terminal = False
    if not has_terminal:
        yield False
        return
    # Taking it back from the background stops a process that does not ignore this signal.
    before = signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    try:
        os.tcsetpgrp(TERMINAL, group)
        yield True
    finally:
        with suppress(OSError):
            os.tcsetpgrp(TERMINAL, os.getpgrp())
        signal.signal(signal.SIGTTOU, before)


def _end_group(group: int) -> None:
    """End the processes that a command left running in its group: SIGTERM first, then SIGKILL."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        is_there = _send(group, number)
        latest = time.monotonic() + GRACE_SECONDS
        while is_there and time.monotonic() < latest:
            time.sleep(POLL_SECONDS)
            is_there = _send(group, 0)


def _send(group: int, number: int) -> bool:
    """Send a signal to a process group, and return whether there is one."""
    try:
        os.killpg(group, number)
    except OSError:
        return False
    return True


def _handle_signals(handler: Callable[[int, FrameType | None], object]) -> None:
    for number in FORWARDED:
        # A signal that is ignored here, as by nohup, is ignored by the command too.
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, handler)


def _explain(status: int, server: "LiveServer", print_line: Callable[[str], None]) -> None:
    calls = server.all_calls()
    rest = f"its last calls:\n{report(calls)}" if calls else "it made no call to the API."
    print_line(f"the command ended with status {status}; {rest}")
    assert server.proxy is not None
    for name, times in server.proxy.refused_hosts.items():
        print_line(f"the proxy refused {name} ({_count(times)}): --proxy-others pass would let it through")
    for name, times in server.proxy.handshake_failures.items():
        print_line(
            f"a client ended the TLS handshake with {name} ({_count(times)}): "
            "perhaps it does not trust the certificate in SSL_CERT_FILE"
        )


def _count(times: int) -> str:
    return "once" if times == 1 else f"{times} times"
