"""The control API on a large site: another client's waiting time during an export, and the time of a search."""

import time
from collections.abc import Iterator
from threading import Thread
from typing import Final

from benchmarks.figures import Figure, Goal
from benchmarks.loads import ADMIN, AUTH, PATH, SITE, mockscope
from benchmarks.plan import Plan
from benchmarks.servers import Server, running, send
from mockscope._vendor import EMAIL_HEADER

USERS: Final = 100_000
SITE_PATH: Final = f"/_mockscope/v1/sites/{SITE}"
# The system counts processor time in hundredths of a second.
SEARCHES: Final = 10
# No user has it, so that every field of every user is compared.
UNKNOWN_TEXT: Final = "nobody-has-this"


def measure(plan: Plan) -> Iterator[Figure]:
    """Measure an export and a search of a site with 100,000 users."""
    plan.tell(f"the control API with {USERS:,} users")
    with running(mockscope(plan.work, USERS), plan.work / "control.log") as server:
        exports = [_export(server) for _ in range(plan.rounds)]
        searches = [_search(server) for _ in range(plan.rounds)]
    waits, times, sizes = zip(*exports, strict=True)
    processor, elapsed = zip(*searches, strict=True)
    note = f"the export took {min(times):.2f} to {max(times):.2f} s, {max(sizes) / 1e6:.0f} MB"
    wait_name = f"GET one user during an export of {USERS:,} users, longest wait"
    yield Figure(wait_name, "ms", waits, note, Goal(100, at_most=True))
    note = f"by processor time, without a match; {min(elapsed):.0f} to {max(elapsed):.0f} ms elapsed"
    yield Figure(f"search in {USERS:,} users, a page", "ms", processor, note, Goal(150, at_most=True))


def _export(server: Server) -> tuple[float, float, int]:
    """Return the longest wait of another client in ms, the time of the export in s, and its size in bytes."""
    waits: list[float] = []
    export: list[bytes] = []
    thread = Thread(target=lambda: export.append(send(server.port, "GET", f"{SITE_PATH}/export", {})[1]))
    began = time.perf_counter()
    thread.start()
    while thread.is_alive():
        waits.append(_seconds(server, PATH, AUTH | {EMAIL_HEADER: ADMIN}) * 1000)
    return max(waits), time.perf_counter() - began, len(export[0])


def _search(server: Server) -> tuple[float, float]:
    """Return the processor time and the elapsed time of a search in ms."""
    before = server.cpu_seconds
    elapsed = [_seconds(server, f"{SITE_PATH}/users?q={UNKNOWN_TEXT}", {}) for _ in range(SEARCHES)]
    return (server.cpu_seconds - before) / SEARCHES * 1000, sum(elapsed) / SEARCHES * 1000


def _seconds(server: Server, target: str, headers: dict[str, str]) -> float:
    began = time.perf_counter()
    send(server.port, "GET", target, headers)
    return time.perf_counter() - began
