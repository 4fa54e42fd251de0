"""The cost of a request to ``mockscope serve``, as a ratio to the bare application in the same run."""

import random
import socket
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from statistics import fmean, median
from threading import Thread
from typing import Final

from benchmarks import loads
from benchmarks.figures import Figure, Goal
from benchmarks.loads import SITE, Load, draw_emails, mockscope
from benchmarks.plan import Plan
from benchmarks.servers import BARE, HOST, BenchmarkError, Server, running, send
from benchmarks.wrk import Cost, Wrk

SMALL: Final = 100
MIDDLE: Final = 10_000
# The number of different users in the requests of a load.
USERS_IN_LOAD: Final = 512
# 1.15 times the processor time of the release before.
GOALS: Final = {"GET one user": 2.07, "page of 100": 3.45, "create": 4.49, "create in test mode": 3.34}
COMPARED: Final = (loads.get_user, loads.get_page, loads.create_user, loads.create_user_in_test_mode)


def measure(plan: Plan) -> Iterator[Figure]:
    """Measure every load, a large site against a small one, and the memory of a user."""
    wrk = Wrk(plan.work)
    with ExitStack() as stack:

        def start(name: str, command: tuple[str, ...]) -> Server:
            plan.tell(f"starting {name}")
            return stack.enter_context(running(command, plan.work / f"{name}.log", cpu=wrk.server_cpu))

        bare = start("bare", BARE)
        middle = start("mockscope", mockscope(plan.work, MIDDLE))
        logged = start("mockscope-logged", mockscope(plan.work, MIDDLE, "--log", "text"))
        watched = start("mockscope-watched", mockscope(plan.work, MIDDLE))
        stack.enter_context(event_reader(watched))
        recording = start("mockscope-recording", mockscope(plan.work, MIDDLE))
        with event_reader(recording):
            plan.tell("a reader of events comes and goes")
        emails = draw_emails(middle.port, USERS_IN_LOAD)
        work = [(loads.bare()._replace(name="bare against itself"), bare)]
        work += [(load(emails), middle) for load in COMPARED]
        work += [(loads.get_user_repeated(emails), middle)]
        work += [(loads.get_user(emails)._replace(name="GET one user, --log text"), logged)]
        work += [(loads.get_user(emails)._replace(name="GET one user, events kept, no reader"), recording)]
        work += [(loads.get_user(emails)._replace(name="GET one user, one reader of events"), watched)]
        work += [(loads.create_user(emails)._replace(name="create, one reader of events"), watched)]
        yield from _against_bare(plan, wrk, bare, work)
        small = start(f"{SMALL} users", mockscope(plan.work, SMALL))
        large = start(f"{plan.large} users", mockscope(plan.work, plan.large))
        yield _memory(plan, small, large)
        yield from _large_against_small(plan, wrk, small, large)


def _against_bare(plan: Plan, wrk: Wrk, bare: Server, work: Sequence[tuple[Load, Server]]) -> Iterator[Figure]:
    """Run each load once a round, in random order, between two runs of the bare application."""
    costs: dict[str, list[Cost]] = {load.name: [] for load, _ in work}
    ratios: dict[str, list[Cost]] = {load.name: [] for load, _ in work}
    for turn in range(plan.rounds):
        plan.tell(f"round {turn + 1} of {plan.rounds}")
        before = wrk.run(loads.bare(), bare)
        for load, server in random.Random(turn).sample(work, len(work)):
            done, after = wrk.run(load, server), wrk.run(loads.bare(), bare)
            costs[load.name].append(done)
            ratios[load.name].append(_ratio(done, before, after))
            before = after
            if load.status == 201:
                reset(server)
    for name in costs:
        cpu, rate = (median(column) for column in zip(*costs[name], strict=True))
        note = f"{cpu:.1f} µs; rate {median(ratio.rate for ratio in ratios[name]):.2f} of bare, {rate:,.0f}/s"
        goal = Goal(GOALS[name], at_most=True) if name in GOALS else None
        yield Figure(name, "x bare's CPU", [ratio.cpu_microseconds for ratio in ratios[name]], note, goal)


def _large_against_small(plan: Plan, wrk: Wrk, small: Server, large: Server) -> Iterator[Figure]:
    """Run each load on the large site between two runs on the small one. The loads have equal numbers of users."""
    emails = {server: draw_emails(server.port, SMALL) for server in (small, large)}
    for load in COMPARED:
        name = f"{load(()).name}, {plan.large:,} against {SMALL:,} users"
        plan.tell(name)
        ratios = []
        for _ in range(plan.rounds):
            costs = []
            for server in (small, large, small):
                costs.append(wrk.run(load(emails[server]), server))
                if load is loads.create_user:
                    reset(server)
            ratios.append(_ratio(costs[1], costs[0], costs[2]))
        note = f"by processor time; rate {median(ratio.rate for ratio in ratios):.2f}"
        yield Figure(name, "of the speed", [1 / ratio.cpu_microseconds for ratio in ratios], note, Goal(0.85))


@contextmanager
def event_reader(server: Server) -> Iterator[None]:
    """Read the events of a server in a thread until the block ends.

    Raises:
        BenchmarkError: If the server has no stream of events.
    """
    with socket.create_connection((HOST, server.port)) as connection:
        connection.sendall(b"GET /_mockscope/v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        if not connection.recv(65536).startswith(b"HTTP/1.1 200"):
            raise BenchmarkError(f"{server.name} has no stream of events")
        thread = Thread(target=_read_all, args=(connection,))
        thread.start()
        try:
            yield
        finally:
            connection.shutdown(socket.SHUT_RDWR)
            thread.join()


def _read_all(connection: socket.socket) -> None:
    while connection.recv(1024 * 1024):
        pass


def _memory(plan: Plan, small: Server, large: Server) -> Figure:
    more = (large.resident_bytes - small.resident_bytes) / (plan.large - SMALL)
    note = f"{large.resident_bytes / 2**20:,.0f} MiB for {plan.large:,} users"
    return Figure("resident memory of a user", "bytes", [more], note, Goal(1024, at_most=True))


def _ratio(done: Cost, before: Cost, after: Cost) -> Cost:
    neighbours = (fmean(column) for column in zip(before, after, strict=True))
    return Cost(*(own / other for own, other in zip(done, neighbours, strict=True)))


def reset(server: Server) -> None:
    """Reset the site, so that every round begins with the same users."""
    status, body = send(server.port, "POST", f"/_mockscope/v1/sites/{SITE}/reset", {})
    if status != 200:
        raise BenchmarkError(f"reset of {server.name}: {status} {body!r}")
