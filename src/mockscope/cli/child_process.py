"""A command that runs with a server: its environment, signals and exit status."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from shutil import which
from types import FrameType
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from mockscope._support.signals import ignore_signals
from mockscope.cli.ready_file import Ready, ReadySite
from mockscope.instruments.report import report
from mockscope.server.certificates import BUNDLE_FILE, BUNDLE_VARIABLES, CA_FILE, JAVA_FILE, WGET_FILE

if TYPE_CHECKING:
    from mockscope.server.live import LiveServer

# The exit statuses of shells.
NOT_FOUND: Final = 127
NOT_EXECUTABLE: Final = 126
KILLED_BY: Final = 128
LOOPBACK: Final = "localhost,127.0.0.1,::1"
PROXY_VARIABLES: Final = ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
FORWARDED: Final = (
    *(signal.SIGINT, signal.SIGTERM, signal.SIGHUP),
    *(signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2),
)
# The time that processes left by the command have to end after SIGTERM, and after SIGKILL.
GRACE_SECONDS: Final = 2
POLL_SECONDS: Final = 0.01
# The file descriptor of the terminal: standard input, if that is a terminal.
TERMINAL: Final = 0


def environment_variables(ready: Ready) -> dict[str, str]:
    """Return the environment variables by which a program finds a server.

    Args:
        ready: The server. The program gets the first of its sites.
    """
    found = {"MOCKSCOPE_URL": ready.url}
    for site in ready.sites[:1]:
        auth = f"{site.host}:{site.api_key}"
        found |= {"MOCKSCOPE_SITE": site.host, "MOCKSCOPE_API_KEY": site.api_key, "MOCKSCOPE_AUTH": auth}
    if ready.trust is not None:
        trust = Path(ready.trust)
        found |= dict.fromkeys(BUNDLE_VARIABLES, str(trust / BUNDLE_FILE))
        # Node adds these to its own certificates. A wget that is built with GnuTLS reads only its settings.
        found |= {"NODE_EXTRA_CA_CERTS": str(trust / CA_FILE), "WGETRC": str(trust / WGET_FILE)}
        # PHP reads all .ini files of these folders. An empty name stands for its own folder.
        found["PHP_INI_SCAN_DIR"] = f"{os.environ.get('PHP_INI_SCAN_DIR', '')}:{trust}"
    if ready.proxy is not None:
        found |= dict.fromkeys(PROXY_VARIABLES, ready.proxy)
        # Node's fetch uses the proxy since version 24, and only with NODE_USE_ENV_PROXY.
        found |= {"NO_PROXY": LOOPBACK, "no_proxy": LOOPBACK, "NODE_USE_ENV_PROXY": "1"}
        if ready.trust is not None:
            options = _java_options(ready.proxy, Path(ready.trust) / JAVA_FILE)
            found["JAVA_TOOL_OPTIONS"] = f"{os.environ.get('JAVA_TOOL_OPTIONS', '')} {options}".lstrip()
    return found


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


def _java_options(proxy: str, trust_store: Path) -> str:
    """Return the options for every JVM. They name no password: the store holds no secret."""
    parts = urlsplit(proxy)
    direct = "localhost|127.*|[::1]"
    return " ".join(
        [
            *(f"-D{way}.proxyHost={parts.hostname} -D{way}.proxyPort={parts.port}" for way in ("http", "https")),
            f"-Dhttp.nonProxyHosts={direct}",
            f'"-Djavax.net.ssl.trustStore={trust_store}"',
        ]
    )
