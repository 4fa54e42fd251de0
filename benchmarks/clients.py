"""The cost of a call without a socket, compared with the same client over loopback.

Client and server run in one process.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from statistics import fmean, median
from typing import Any, Final, NamedTuple

import httpx
import requests

from benchmarks.figures import Figure, Goal
from benchmarks.loads import PATH, SITE, seed
from benchmarks.plan import Plan
from benchmarks.servers import BenchmarkError
from benchmarks.wrk import Cost
from mockscope import LiveServer
from mockscope._vendor import EMAIL_HEADER

CALLS: Final = 200
USERS: Final = 100

# A function that makes one call and returns its status.
MakeCall = Callable[[], int]


@contextmanager
def _requests(url: str, headers: Mapping[str, str], adapter: Any) -> Iterator[MakeCall]:
    with requests.Session() as session:
        # Otherwise it looks for a proxy in the environment at each call, which takes longer than the call.
        session.trust_env = False
        session.headers.update(headers)
        if adapter is not None:
            session.mount(url, adapter)
        yield lambda: session.get(f"{url}{PATH}").status_code


@contextmanager
def _httpx(url: str, headers: Mapping[str, str], transport: Any) -> Iterator[MakeCall]:
    with httpx.Client(base_url=url, headers=headers, transport=transport, trust_env=False) as client:
        yield lambda: client.get(PATH).status_code


class ClientLibrary(NamedTuple):
    """A client library: a function that opens a client, one that returns its transport, and its goal."""

    open: Callable[[str, Mapping[str, str], Any], AbstractContextManager[MakeCall]]
    transport: Callable[[LiveServer], Any]
    goal: Goal


CLIENTS: Final = {
    "requests": ClientLibrary(_requests, LiveServer.adapter, Goal(2)),
    "httpx": ClientLibrary(_httpx, LiveServer.transport, Goal(3)),
}


def measure(plan: Plan) -> Iterator[Figure]:
    """Measure each client without a socket, between two runs of the same client over loopback."""
    with LiveServer(seed(USERS)) as server:
        site = server.sites[SITE]
        headers = {**site.headers, EMAIL_HEADER: list(site.users)[USERS // 2]}
        for name, client in CLIENTS.items():
            plan.tell(f"{name}, without a socket and over loopback")
            with (
                client.open(server.url, headers, None) as loopback,
                client.open(server.url, headers, client.transport(server)) as direct,
            ):
                yield _figure(name, direct, loopback, plan.rounds, client.goal)


def _figure(name: str, direct: MakeCall, loopback: MakeCall, rounds: int, goal: Goal) -> Figure:
    speeds, rates, costs = [], [], []
    before = _cost(loopback)
    # The first round fills caches and is not counted.
    for _ in range(rounds + 1):
        done, after = _cost(direct), _cost(loopback)
        speeds.append(fmean((before.cpu_microseconds, after.cpu_microseconds)) / done.cpu_microseconds)
        rates.append(done.rate / fmean((before.rate, after.rate)))
        costs.append(done)
        before = after
    cpu = median(cost.cpu_microseconds for cost in costs[1:])
    note = f"by processor time, {cpu:.0f} µs a call; rate {median(rates[1:]):.2f}"
    return Figure(f"{name}, without a socket", "x loopback's speed", speeds[1:], note, goal)


def _cost(call: MakeCall) -> Cost:
    wall, cpu = time.perf_counter(), time.process_time()
    statuses = {call() for _ in range(CALLS)}
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    if statuses != {200}:
        raise BenchmarkError(f"the client got {statuses}")
    return Cost(cpu / CALLS * 1e6, CALLS / wall)
