"""Child processes: servers on loopback, pinned to a CPU, and ended with the block that started them."""

import http.client
import os
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
HOST: Final = "127.0.0.1"
# A million made-up users take some twenty seconds to load.
PATIENCE_SECONDS: Final = 180

# Both as users start them, but for the request log.
MOCKSCOPE: Final = (sys.executable, "-m", "mockscope", "serve")
UNRECORDED_MOCKSCOPE: Final = (sys.executable, "-m", "benchmarks.unrecorded", "serve")
BARE: Final = (
    *(sys.executable, "-m", "uvicorn", "benchmarks.bare:app"),
    *("--loop", "uvloop", "--http", "httptools", "--ws", "none", "--lifespan", "off"),
    *("--no-access-log", "--log-level", "critical"),
)

# Start-up is measured with the bytecode cached, and nobody's own settings may leak into a server.
ENVIRONMENT: Final[Mapping[str, str]] = {
    name: value
    for name, value in os.environ.items()
    if name != "PYTHONDONTWRITEBYTECODE" and not name.startswith("MOCKSCOPE_")
}


class Failed(Exception):
    """The measurement can't go on."""


class Server:
    """A server in a process of its own.

    Args:
        process: the process.
        port: its port on loopback.
    """

    def __init__(self, process: subprocess.Popen[bytes], port: int) -> None:
        self.process = process
        self.port = port

    def __repr__(self) -> str:
        return f"<Server {self.process.pid} at port {self.port}>"

    @property
    def cpu_seconds(self) -> float:
        """The CPU time that the process has used."""
        # The name in parentheses may hold blanks: fields are counted from behind it. 14 and 15 are utime and stime.
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    @property
    def resident_bytes(self) -> int:
        """The memory that the process occupies."""
        pages = Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]
        return int(pages) * resource.getpagesize()

    @contextmanager
    def awake(self) -> Iterator[None]:
        """The process runs in this block, and is stopped behind it."""
        self.resume()
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it run on. A process that is stopped would not even end."""
        self.process.send_signal(signal.SIGCONT)


def cpus() -> tuple[int, int]:
    """The CPU of the servers, and that of the load.

    Raises:
        Failed: this is not Linux, or there is one CPU only.
    """
    if sys.platform != "linux":
        raise Failed("CPUs are pinned and /proc is read: this needs Linux")
    free = sorted(os.sched_getaffinity(0))
    if len(free) < 2:
        raise Failed("server and load need a CPU each, and there is only one")
    return free[0], free[1]


@contextmanager
def pinned(cpu: int | None) -> Iterator[None]:
    """Children that are started in this block run on one CPU; None leaves them free."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, before if cpu is None else {cpu})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextmanager
def serving(command: tuple[str, ...], log: Path, *, cpu: int | None = None) -> Iterator[Server]:
    """Start a server and wait for its first answer.

    Args:
        command: the command line, without the port.
        log: where its output goes.
        cpu: the CPU to pin it to.

    Raises:
        Failed: it ended, or gave no answer in time.
    """
    port = _free_port()
    with log.open("wb") as stream, pinned(cpu):
        process = subprocess.Popen(
            [*command, "--port", str(port)], stdout=stream, stderr=stream, cwd=ROOT, env=ENVIRONMENT
        )
    try:
        _wait_for_an_answer(process, port, log)
        yield Server(process, port)
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(10)
        process.kill()
        process.wait()


def answers(port: int) -> bool:
    """Whether a server on loopback answers a request, whatever the answer."""
    connection = http.client.HTTPConnection(HOST, port, timeout=5)
    try:
        connection.request("GET", "/")
        connection.getresponse().read()
    except ConnectionError:
        return False
    finally:
        connection.close()
    return True


def python(*arguments: str, timeout: float = 120, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the interpreter to its end.

    Args:
        arguments: its arguments.
        timeout: how long it may take, in seconds.
        environment: what to set in its environment.

    Raises:
        Failed: it did not end well.
    """
    done = subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        timeout=timeout,
        cwd=ROOT,
        env={**ENVIRONMENT, **environment},
    )
    if done.returncode:
        raise Failed(f"python {' '.join(arguments)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done


def _wait_for_an_answer(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not answers(port):
        if process.poll() is not None or time.monotonic() > deadline:
            raise Failed(f"no answer from {process.args!r}:\n{log.read_text(errors='replace')}")
        time.sleep(0.001)


def _free_port() -> int:
    with socket.create_server((HOST, 0)) as listener:
        port: int = listener.getsockname()[1]
        return port
