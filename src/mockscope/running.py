"""A command that runs beside a server and meets it: its environment, its signals, its end."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence, Set
from contextlib import contextmanager, suppress
from pathlib import Path
from shutil import which
from types import FrameType
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from mockscope.adopting import adopting, descendants
from mockscope.instruments.report import report
from mockscope.tls import BUNDLE_FILE, BUNDLE_VARIABLES, CA_FILE, JAVA_FILE, WGET_FILE

if TYPE_CHECKING:
    from mockscope.server import LiveServer

# As shells have it.
NOT_FOUND: Final = 127
NOT_EXECUTABLE: Final = 126
KILLED_BY: Final = 128
LOOPBACK: Final = "localhost,127.0.0.1,::1"
PROXY_VARIABLES: Final = ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
PASSED_ON: Final = (
    *(signal.SIGINT, signal.SIGTERM, signal.SIGHUP),
    *(signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2),
)
# How long what the command left running may take to end when it is asked to.
GRACE_SECONDS: Final = 2
POLL_SECONDS: Final = 0.01
# Its file descriptor, where standard input is one.
TERMINAL: Final = 0


def variables(
    url: str,
    *,
    site: str | None = None,
    api_key: str | None = None,
    proxy: str | None = None,
    trust: Path | None = None,
    java: str = "",
) -> dict[str, str]:
    """The environment in which a program meets a server.

    Args:
        url: the server's URL.
        site: the host of a site.
        api_key: its key.
        proxy: the URL of the server's proxy.
        trust: the directory with the files of its authority.
        java: what JAVA_TOOL_OPTIONS says already.
    """
    found = {"MOCKSCOPE_URL": url}
    if site is not None and api_key is not None:
        auth = f"{site}:{api_key}"
        found |= {"MOCKSCOPE_SITE": site, "MOCKSCOPE_API_KEY": api_key, "MOCKSCOPE_AUTH": auth}
    if trust is not None:
        found |= dict.fromkeys(BUNDLE_VARIABLES, str(trust / BUNDLE_FILE))
        # Node adds these to its own; wget, where it is built with GnuTLS, looks at its settings only.
        found |= {"NODE_EXTRA_CA_CERTS": str(trust / CA_FILE), "WGETRC": str(trust / WGET_FILE)}
    if proxy is not None:
        found |= dict.fromkeys(PROXY_VARIABLES, proxy)
        # Node's fetch looks at the proxy from version 24 on, and then only if it is told to.
        found |= {"NO_PROXY": LOOPBACK, "no_proxy": LOOPBACK, "NODE_USE_ENV_PROXY": "1"}
    if proxy is not None and trust is not None:
        found["JAVA_TOOL_OPTIONS"] = f"{java} {_java(proxy, trust / JAVA_FILE)}".lstrip()
    return found


def run(command: Sequence[str], server: "LiveServer", say: Callable[[str], None]) -> int:
    """Run a command that meets a server, and wait for its end; on failure say what it asked.

    Meanwhile this process has no other children: what the command leaves behind becomes one, and is ended too.

    Args:
        command: the command and its arguments.
        server: a server that runs, with a proxy and at least one site.
        say: takes a line for the user.

    Returns:
        The exit status of the command; as in a shell 128 and the number where a signal ended it, 127 where there is
        no such command, and 126 where it can't be executed.

    Raises:
        OSError: the files that make clients believe the proxy can't be written.
    """
    early: list[int] = []
    before = descendants()
    with _signals(lambda number, frame: early.append(number)) as handle, adopting():
        environment = os.environ | _environment(server)
        if early:
            return KILLED_BY + early[0]
        try:
            # A group of its own: so a signal reaches all of it at once.
            child = subprocess.Popen(command, env=environment, process_group=0)
        except OSError as error:
            status, reason = _obstacle(command[0], error)
            say(reason)
            return status
        handle(lambda number, frame: _send(child.pid, number))
        for number in early:
            _send(child.pid, number)
        try:
            status = _wait(child)
        finally:
            _end(child.pid, before)
    if status:
        _explain(status, server, say)
    return status


def _obstacle(name: str, error: OSError) -> tuple[int, str]:
    """Why a command was not started, and the status that shells give for it."""
    if not isinstance(error, FileNotFoundError):
        return NOT_EXECUTABLE, f"can't execute {name}: {error.strerror or error}"
    if which(name) is None:
        return NOT_FOUND, f"there is no command {name}"
    return NOT_EXECUTABLE, f"can't execute {name}: its first line asks for an interpreter that is not there"


def _environment(server: "LiveServer") -> dict[str, str]:
    site = next(iter(server.sites.values()))
    return variables(
        server.url,
        site=site.host,
        api_key=site.api_key,
        proxy=server.proxy_url,
        trust=server.authority.directory,
        java=os.environ.get("JAVA_TOOL_OPTIONS", ""),
    )


def _wait(child: "subprocess.Popen[bytes]") -> int:
    with _terminal(child.pid) as is_ours:
        while True:
            pid, status = os.waitpid(-1, os.WUNTRACED if is_ours else 0)
            if pid != child.pid:
                # One that was left behind, and has ended by itself.
                continue
            if not os.WIFSTOPPED(status):
                child.returncode = code = os.waitstatus_to_exitcode(status)
                return KILLED_BY - code if code < 0 else code
            if os.WSTOPSIG(status) not in (signal.SIGTTIN, signal.SIGTTOU):
                # Ctrl-Z: the shell that waits for us must see us stopped as well.
                os.tcsetpgrp(TERMINAL, os.getpgrp())
                os.kill(os.getpid(), signal.SIGSTOP)
            os.tcsetpgrp(TERMINAL, child.pid)
            _send(child.pid, signal.SIGCONT)


@contextmanager
def _terminal(group: int) -> Iterator[bool]:
    """Let a group read from the terminal, and be ended from there, if there is one and it is ours to give."""
    try:
        is_ours = os.tcgetpgrp(TERMINAL) == os.getpgrp()
    except OSError:
        is_ours = False
    if not is_ours:
        yield False
        return
    # It is taken back from the background, which stops who does not ignore this.
    before = signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    try:
        os.tcsetpgrp(TERMINAL, group)
        yield True
    finally:
        with suppress(OSError):
            os.tcsetpgrp(TERMINAL, os.getpgrp())
        signal.signal(signal.SIGTTOU, before)


def _end(group: int, before: Set[int]) -> None:
    """End what the command left running: its group, and what has left that."""
    asked = {pid for pid in _left(before) if _group_of(pid) == group}
    _send(group, signal.SIGTERM)
    latest = time.monotonic() + GRACE_SECONDS
    while (left := _left(before)) or _is_there(group):
        # Some show only when what started them has ended.
        _send_each(left - asked, signal.SIGTERM)
        asked |= left
        if time.monotonic() >= latest:
            break
        time.sleep(POLL_SECONDS)
    _send(group, signal.SIGKILL)
    latest = time.monotonic() + GRACE_SECONDS
    while (left := _left(before)) and time.monotonic() < latest:
        _send_each(left, signal.SIGKILL)
        time.sleep(POLL_SECONDS)


def _left(before: Set[int]) -> Set[int]:
    """What descends from this process and did not before."""
    with suppress(ChildProcessError):
        # Else those that were adopted would never be quite gone.
        while os.waitpid(-1, os.WNOHANG) != (0, 0):
            pass
    return descendants() - before


def _group_of(pid: int) -> int | None:
    with suppress(ProcessLookupError):
        return os.getpgid(pid)
    return None


def _is_there(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except OSError:
        return False
    return True


def _send_each(pids: Set[int], number: int) -> None:
    for pid in pids:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)


def _send(group: int, number: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


Handler = Callable[[int, FrameType | None], object]


@contextmanager
def _signals(handler: Handler) -> Iterator[Callable[[Handler], None]]:
    """Have signals handled; what it gives takes another handler."""
    # What is ignored here, as by nohup, the command shall ignore too.
    numbers = [number for number in PASSED_ON if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, handler) for number in numbers}

    def take(other: Handler) -> None:
        for number in numbers:
            signal.signal(number, other)

    try:
        yield take
    finally:
        for number, handled in before.items():
            signal.signal(number, handled)


def _explain(status: int, server: "LiveServer", say: Callable[[str], None]) -> None:
    calls = server.calls_since(0)
    rest = f"its last calls:\n{report(calls)}" if calls else "it made no call to the API."
    say(f"the command ended with status {status}; {rest}")
    assert server.proxy is not None
    for name, times in server.proxy.refused.items():
        say(f"the proxy refused {name} ({_often(times)}): --proxy-others pass would let it through")
    for name, times in server.proxy.doubted.items():
        say(f"a client gave up before it asked {name} anything ({_often(times)}): does it look at SSL_CERT_FILE?")


def _often(times: int) -> str:
    return "once" if times == 1 else f"{times} times"


def _java(proxy: str, trust_store: Path) -> str:
    """Options for every JVM. Without a password, because the store holds no secret."""
    parts = urlsplit(proxy)
    direct = "localhost|127.*|[::1]"
    return " ".join(
        [
            *(f"-D{way}.proxyHost={parts.hostname} -D{way}.proxyPort={parts.port}" for way in ("http", "https")),
            f"-Dhttp.nonProxyHosts={direct}",
            f'"-Djavax.net.ssl.trustStore={trust_store}"',
        ]
    )
