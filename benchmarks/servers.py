"""The servers that are measured: processes on loopback, pinned to a CPU."""

import http.client
import os
import resource
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
START_TIMEOUT: Final = 300

MOCKSCOPE: Final = (sys.executable, "-m", "mockscope", "serve", "--log", "off")
BARE: Final = (
    *(sys.executable, "-m", "uvicorn", "benchmarks.bare:app"),
    *("--loop", "uvloop", "--http", "httptools", "--ws", "none", "--lifespan", "off"),
    *("--no-access-log", "--log-level", "critical"),
)

# Start-up is measured with cached bytecode, and without the user's own settings.
ENVIRONMENT: Final[Mapping[str, str]] = {
    name: value
    for name, value in os.environ.items()
    if name != "PYTHONDONTWRITEBYTECODE" and not name.startswith("MOCKSCOPE_")
}


class BenchmarkError(Exception):
    """A measurement failed. The message has the reason."""


class Server:
    """A running server.

    Args:
        name: The name in error messages.
        process: The process of the server.
        port: The port on loopback.
    """

    def __init__(self, name: str, process: subprocess.Popen[bytes], port: int) -> None:
        self.name = name
        self.process = process
        self.port = port

    def __repr__(self) -> str:
        return f"<Server {self.name} on port {self.port}>"

    @property
    def cpu_seconds(self) -> float:
        """The user and system time of the process so far."""
        # The second field, a name in parentheses, may contain blanks. Fields 14 and 15 are utime and stime.
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    @property
    def resident_bytes(self) -> int:
        """The resident memory of the process."""
        pages = Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]
        return int(pages) * resource.getpagesize()


def server_and_load_cpu() -> tuple[int, int]:
    """Return the CPU of the servers and the CPU of the load.

    Raises:
        BenchmarkError: If this is not Linux, or there is only one CPU.
    """
    if sys.platform != "linux":
        raise BenchmarkError("the benchmarks need Linux: they pin CPUs and read /proc")
    cpus = sorted(os.sched_getaffinity(0))
    if len(cpus) < 2:
        raise BenchmarkError("the benchmarks need two CPUs, one for the server and one for the load")
    return cpus[0], cpus[1]


@contextmanager
def pinned(cpu: int | None) -> Iterator[None]:
    """Pin processes that are started in the block to a CPU; None pins nothing."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, before if cpu is None else {cpu})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextmanager
def running(command: tuple[str, ...], log: Path, *, cpu: int | None = None) -> Iterator[Server]:
    """Start a server, wait for its first response, and end it after the block.

    Args:
        command: The command line, to which the port is added.
        log: The file for its output. Its stem is the name of the server.
        cpu: The CPU that it is pinned to.

    Raises:
        BenchmarkError: If the server ends, or does not respond within five minutes.
    """
    with socket.create_server((HOST, 0)) as listener:
        port = listener.getsockname()[1]
    with log.open("wb") as output, pinned(cpu):
        process = subprocess.Popen(
            [*command, "--port", str(port)], stdout=output, stderr=output, cwd=ROOT, env=ENVIRONMENT
        )
    try:
        deadline = time.monotonic() + START_TIMEOUT
        while not _responds(port):
            if process.poll() is not None or time.monotonic() > deadline:
                raise BenchmarkError(f"no response from {log.stem} ({command}):\n{log.read_text(errors='replace')}")
            time.sleep(0.001)
        yield Server(log.stem, process, port)
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(10)
        process.kill()
        process.wait()


def send(port: int, method: str, target: str, headers: Mapping[str, str], body: bytes = b"") -> tuple[int, bytes]:
    """Send a request over a new connection. Return the status and the body of the response."""
    connection = http.client.HTTPConnection(HOST, port, timeout=60)
    try:
        connection.request(method, target, body or None, headers)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def _responds(port: int) -> bool:
    try:
        send(port, "GET", "/", {})
    except ConnectionError:
        return False
    return True
