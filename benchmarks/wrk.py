"""Runs of wrk, which sends a load to a server for some seconds."""

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
# Short runs, because the load of the machine by other programs changes within seconds.
SECONDS: Final = 1
# A run sends fewer requests.
NUMBERS_A_RUN: Final = 1_000_000


class Cost(NamedTuple):
    """The cost of a request: the processor time of the server, and the number of requests a second."""

    cpu_microseconds: float
    rate: float


class Wrk:
    """wrk, pinned to another CPU than the server.

    Args:
        work: A directory for the requests.

    Raises:
        BenchmarkError: If wrk is not installed.
    """

    def __init__(self, work: Path) -> None:
        if shutil.which("wrk") is None:
            raise BenchmarkError("wrk is not installed: apt install wrk")
        self._file = work / "requests"
        self._numbers: Iterator[int] = count(NUMBERS_A_RUN, NUMBERS_A_RUN)
        self.server_cpu, self._cpu = server_and_load_cpu()

    def run(self, load: Load, server: Server, seconds: int = SECONDS) -> Cost:
        """Send a load to a server for some seconds.

        Raises:
            BenchmarkError: If a response has a wrong status.
        """
        number = next(self._numbers)
        # wrk does not check the exact status.
        send_once(load, server.port, number, name=server.name)
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
        return parse_cost(done.stdout + done.stderr, used, f"{load.name}, sent to {server.name}")


def parse_cost(output: str, cpu_seconds: float, name: str) -> Cost:
    """Parse the last line of wrk's output, which wrk.lua wrote.

    Args:
        output: The output of wrk.
        cpu_seconds: The processor time of the server in the run.
        name: The load and the server, for error messages.

    Raises:
        BenchmarkError: If the line is missing, or a request failed.
    """
    line = output.rstrip().rpartition("\n")[2]
    if not line.startswith("{"):
        raise BenchmarkError(f"{name}: wrk printed no figures: {output}")
    summary = json.loads(line)
    requests, failed = summary["requests"], summary["failed"]
    if failed or not requests:
        raise BenchmarkError(f"{name}: {failed} of {requests} requests failed")
    return Cost(cpu_seconds / requests * 1e6, requests / summary["microseconds"] * 1e6)


def send_once(load: Load, port: int, number: int = 0, *, name: str) -> bytes:
    """Send the first request of a load, and return the body of the response.

    Args:
        load: The load.
        port: The port of the server.
        number: The number to put into the request.
        name: The name of the server, for error messages.

    Raises:
        BenchmarkError: If the response has another status than the load.
    """
    head, _, body = load.requests[0].replace(NUMBER.encode(), b"%09d" % number).partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    method, target, _ = first.split(" ")
    status, response = send(port, method, target, dict(line.split(": ", 1) for line in lines), body)
    if status != load.status:
        raise BenchmarkError(f"{load.name}, sent to {name}: {status} {response[:300]!r}")
    return response
