"""The runs of wrk: one load on one server, for some seconds."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Final, NamedTuple

from benchmarks.loads import NUMBER, Load
from benchmarks.servers import HOST, ROOT, BenchmarkError, Server, pinned, send, server_and_load_cpu

CONNECTIONS: Final = 32
# Many short runs rather than a few long ones: what else runs on the machine changes in seconds.
SECONDS: Final = 1
# More than a run sends.
NUMBERS_A_RUN: Final = 1_000_000


class Cost(NamedTuple):
    """The cost of a request: the server's processor time, and the requests a second."""

    cpu_microseconds: float
    rate: float


class Wrk:
    """wrk, which sends a load to a server from a CPU of its own.

    Args:
        work: A directory for the requests.

    Raises:
        BenchmarkError: If wrk is not installed.
    """

    def __init__(self, work: Path) -> None:
        if shutil.which("wrk") is None:
            raise BenchmarkError("the load comes from wrk, which is not installed: apt install wrk")
        self._file = work / "requests"
        self._numbers: Iterator[int] = count(NUMBERS_A_RUN, NUMBERS_A_RUN)
        self.server_cpu, self._cpu = server_and_load_cpu()

    def run(self, load: Load, server: Server, seconds: int = SECONDS) -> Cost:
        """Send a load to a server for some seconds.

        Raises:
            BenchmarkError: If a response is not as it should be.
        """
        number = next(self._numbers)
        # wrk tells only success from failure; the first request has its exact status checked.
        send_once(load, server.port, number)
        self._file.write_bytes(b"\0".join(load.requests))
        used = server.cpu_seconds
        with pinned(self._cpu):
            done = subprocess.run(
                [
                    *("wrk", "--threads", "1", "--connections", f"{CONNECTIONS}", "--duration", f"{seconds}s"),
                    *("--script", f"{ROOT / 'benchmarks' / 'wrk.lua'}", f"http://{HOST}:{server.port}"),
                    *("--", f"{self._file}", f"{number}"),
                ],
                capture_output=True,
                text=True,
                timeout=seconds + 300,
            )
        used = server.cpu_seconds - used
        return cost(done.stdout + done.stderr, used, load.name)


def cost(output: str, cpu_seconds: float, name: str) -> Cost:
    """Parse the last line of wrk's output, which wrk.lua wrote.

    Raises:
        BenchmarkError: If it is not there, or a request failed.
    """
    line = output.rstrip().rpartition("\n")[2]
    if not line.startswith("{"):
        raise BenchmarkError(f"{name}: wrk printed no figures: {output}")
    told = json.loads(line)
    if told["failed"] or not told["requests"]:
        raise BenchmarkError(f"{name}: {told['failed']} of {told['requests']} requests failed")
    return Cost(cpu_seconds / told["requests"] * 1e6, told["requests"] / told["microseconds"] * 1e6)


def send_once(load: Load, port: int, number: int = 0) -> bytes:
    """Send the first request of a load, and return the body of the response.

    Raises:
        BenchmarkError: If the status is not the load's.
    """
    head, _, body = load.requests[0].replace(NUMBER.encode(), b"%09d" % number).partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    method, target, _ = first.split(" ")
    status, response = send(port, method, target, dict(line.split(": ", 1) for line in lines), body)
    if status != load.status:
        raise BenchmarkError(f"{load.name}: {status} {response[:300]!r}")
    return response
