"""wrk: whole requests to one server for some seconds, and what came of it."""

import http.client
import json
import random
import shutil
import subprocess
from pathlib import Path
from typing import Final, NamedTuple

from benchmarks.children import HOST, ROOT, Failed, Server, pinned
from benchmarks.sites import NUMBER

SECONDS: Final = 1
CONNECTIONS: Final = 32
# A run sends fewer than this many requests; each run numbers its own from another multiple of it.
NUMBERS_A_RUN: Final = 1_000_000


class Load(NamedTuple):
    """What is asked of which server. Each request is sent whole; one is tried first and must get ``status``."""

    name: str
    server: str
    requests: list[bytes]
    status: int = 200


class Run(NamedTuple):
    """What one run came to."""

    rate: float
    cpu_microseconds: float
    p99_microseconds: float


class Report(NamedTuple):
    """What wrk says of a run."""

    requests: int
    microseconds: int
    failed: int
    p99_microseconds: float


def find() -> None:
    """Look for wrk.

    Raises:
        Failed: it is not there.
    """
    if shutil.which("wrk") is None:
        raise Failed("the load comes from wrk, which is not installed: apt install wrk")


def run(
    load: Load,
    server: Server,
    turn: int,
    file: Path,
    cpu: int,
    *,
    seconds: int = SECONDS,
    may_fail: bool = False,
) -> Run:
    """Load a server.

    Args:
        load: what is asked.
        server: whom.
        turn: which run on this server it is; numbers in requests and what is drawn depend on it.
        file: where the requests are written to.
        cpu: the CPU of wrk.
        seconds: how long.
        may_fail: whether single requests may; one that is tried first may not.

    Raises:
        Failed: an answer was not as it should be.
    """
    file.write_bytes(b"\0".join(load.requests))
    attempt(load, server)
    used = server.cpu_seconds
    with pinned(cpu):
        process = subprocess.run(
            [
                *("wrk", "--threads", "1", "--connections", f"{CONNECTIONS}", "--duration", f"{seconds}s"),
                *("--script", f"{ROOT / 'benchmarks' / 'load.lua'}", f"http://{HOST}:{server.port}"),
                *("--", f"{file}", f"{turn * NUMBERS_A_RUN}", f"{turn}"),
            ],
            capture_output=True,
            text=True,
            timeout=seconds + 60,
        )
    used = server.cpu_seconds - used
    if process.returncode:
        raise Failed(f"wrk ended with {process.returncode}: {process.stdout}{process.stderr}")
    done = report(process.stdout)
    if (done.failed and not may_fail) or not done.requests:
        raise Failed(f"{load.name}: {done.failed} of {done.requests} requests failed")
    return Run(done.requests / done.microseconds * 1e6, used / done.requests * 1e6, done.p99_microseconds)


def report(output: str) -> Report:
    """What wrk printed: its last line is load.lua's.

    Raises:
        Failed: it is not.
    """
    lines = output.splitlines()
    if not lines or not lines[-1].startswith("{"):
        raise Failed(f"wrk told no figures: {output}")
    return Report(**json.loads(lines[-1]))


def attempt(load: Load, server: Server) -> bytes:
    """Send the first request of a load once: wrk only tells success from failure, and this looks at the exact status.

    Returns:
        The body of the answer.

    Raises:
        Failed: the status is another than the load's.
    """
    request = load.requests[0].replace(NUMBER.encode(), b"%09d" % random.randrange(10**8, 10**9))
    head, _, body = request.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    method, target, _ = first.split(" ")
    connection = http.client.HTTPConnection(HOST, server.port, timeout=10)
    connection.request(method, target, body or None, dict(line.split(": ", 1) for line in lines))
    answer = connection.getresponse()
    text = answer.read()
    connection.close()
    if answer.status != load.status:
        raise Failed(f"{load.name}: {answer.status} {text[:300]!r}")
    return text
