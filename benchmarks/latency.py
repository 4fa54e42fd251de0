"""What writes cost when it is most: the slowest in a hundred creates, and the last of very many in a row."""

import random
import re
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from functools import partial
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Final, NamedTuple, Self

from benchmarks import wrk
from benchmarks.children import BARE, HOST, Failed, Server, cpus, pinned, serving
from benchmarks.figures import CREATE_P99, SMALL, Figure, Form, creates_in_a_row, deletes_in_a_row, ratio
from benchmarks.sites import NUMBER, creates, deletes, drawn, mockscope, numbered
from benchmarks.wrk import CONNECTIONS, Load, Run

# The first and the last tenth are measured in so many pieces, each between two of the bare application.
PIECES: Final = 10
# The noisiest of all figures: whoever else gets the CPU for some milliseconds is all of its sample.
LEAST_ROUNDS: Final = 5
LENGTH: Final = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)


Fresh = Callable[[], AbstractContextManager[Server]]


class Tenth(NamedTuple):
    """A tenth of many requests in a row: the rate against the bare application's, both rates, and processor time."""

    ratio: float
    rate: float
    cpu_microseconds: float


def measure(rounds: int, work: Path, tell: Callable[[str], None], form: Form) -> list[Figure]:
    """Measure creates at their slowest, and many writes in a row.

    Args:
        rounds: how often.
        work: a directory for seeds, loads and logs.
        tell: called with what is being done.
        form: how much.

    Raises:
        Failed: wrk is not there, or something did not answer as it should.
    """
    wrk.find()
    server_cpu, load_cpu = cpus()
    with serving(BARE, work / "bare.log", cpu=server_cpu) as bare:

        def fresh() -> AbstractContextManager[Server]:
            return serving(mockscope(work, SMALL), work / "written.log", cpu=server_cpu)

        tell("latency of creates")
        rounds_of_p99 = list(_slowest(bare, fresh, max(rounds, LEAST_ROUNDS), form, work / "load", load_cpu))
        rows = []
        for _ in range(min(rounds, form.repeats)):
            tell(f"{form.in_a_row:,} creates and deletes in a row")
            with fresh() as server, pinned(load_cpu):
                rows.append(_in_a_row(bare, server, form.in_a_row))
    return [
        p99(rounds_of_p99),
        in_a_row(creates_in_a_row(form.in_a_row), [row["creates"] for row in rows]),
        in_a_row(deletes_in_a_row(form.in_a_row), [row["deletes"] for row in rows]),
    ]


# -- the slowest in a hundred ----------------------------------------------------------------------------------


def _slowest(
    bare: Server, fresh: Fresh, rounds: int, form: Form, file: Path, cpu: int
) -> Iterator[tuple[Run, Run, Run]]:
    """The same creates for the bare application, for a fresh server, and for the bare application again."""
    before: Run | None = None
    for turn in range(rounds):
        with fresh() as server:
            emails, _ = drawn(server, random.Random(turn))
            requests = creates(emails)
            ours, theirs = Load(CREATE_P99, "", requests, 201), Load("bare", "", requests)
            run = partial(wrk.run, turn=turn, file=file, cpu=cpu, seconds=form.latency_seconds)
            before = before or run(theirs, bare)
            done, after = run(ours, server), run(theirs, bare)
        yield before, done, after
        before = after


def p99(rounds: Sequence[tuple[Run, Run, Run]]) -> Figure:
    """The figure of rounds: each is the bare application, the server, and the bare application again."""
    samples = [
        ratio(ours.p99_microseconds, (before.p99_microseconds, after.p99_microseconds))
        for before, ours, after in rounds
    ]
    here = median(ours.p99_microseconds for _, ours, _ in rounds)
    there = median(run.p99_microseconds for before, _, after in rounds for run in (before, after))
    return Figure(CREATE_P99, "times bare's", samples, f"{here / 1000:.2f} ms against {there / 1000:.2f}")


# -- in a row --------------------------------------------------------------------------------------------------


def _in_a_row(bare: Server, server: Server, number: int) -> dict[str, tuple[Tenth, Tenth]]:
    """So many creates all over the order of emails, then as many deletes in an order of their own."""
    draw = random.Random(number)
    people, _ = drawn(server, draw)
    templates = creates(people)
    numbers = list(range(number))
    draw.shuffle(numbers)
    made = [_filled(templates[each % len(templates)], each) for each in numbers]
    draw.shuffle(numbers)
    gone = deletes([numbered(people[each % len(people)]).replace(NUMBER, f"{each:09d}") for each in numbers])
    with Caller(server.port) as caller:
        return {
            "creates": _ends(bare, server, caller, made, b"201"),
            "deletes": _ends(bare, server, caller, gone, b"200"),
        }


def _filled(template: bytes, number: int) -> bytes:
    return template.replace(NUMBER.encode(), b"%09d" % number)


def _ends(bare: Server, server: Server, caller: "Caller", requests: list[bytes], status: bytes) -> tuple[Tenth, Tenth]:
    """Send them all, and measure the first and the last tenth."""
    tenth = len(requests) // 10
    first = _tenth(bare, server, caller, requests[:tenth], status)
    caller.ask(requests[tenth:-tenth], status)
    return first, _tenth(bare, server, caller, requests[-tenth:], status)


def _tenth(bare: Server, server: Server, caller: "Caller", requests: list[bytes], status: bytes) -> Tenth:
    piece = len(requests) // PIECES
    samples, rates = [], []
    used = server.cpu_seconds
    # Only now, because the bare application closes connections that wait.
    with Caller(bare.port) as idle:
        before = idle.ask(requests[:piece], b"200")
        for at in range(0, len(requests), piece):
            rate = caller.ask(requests[at : at + piece], status)
            after = idle.ask(requests[:piece], b"200")
            samples.append(ratio(rate, (before, after)))
            rates.append(rate)
            before = after
    used = server.cpu_seconds - used
    return Tenth(median(samples), median(rates), used / len(requests) * 1e6)


def in_a_row(name: str, repeats: Sequence[tuple[Tenth, Tenth]]) -> Figure:
    """The figure of first and last tenths."""
    early, late = (median(each.rate for each in tenths) for tenths in zip(*repeats, strict=True))
    cpu = median(last.cpu_microseconds / first.cpu_microseconds for first, last in repeats)
    samples = [last.ratio / first.ratio for first, last in repeats]
    return Figure(name, "times the rate", samples, f"{early:,.0f}/s, then {late:,.0f}/s, CPU {cpu:.2f}")


class Caller:
    """Sends requests over kept connections, one under way on each: as many as wrk has, and a number known before.

    Args:
        port: where to, on loopback.
    """

    def __init__(self, port: int) -> None:
        self._sockets = [socket.create_connection((HOST, port), timeout=30) for _ in range(CONNECTIONS)]
        for each in self._sockets:
            each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        for each in self._sockets:
            each.close()

    def ask(self, requests: Sequence[bytes], status: bytes) -> float:
        """Send all, each once the connection's last one was answered.

        Args:
            requests: whole requests.
            status: what each must be answered with.

        Returns:
            The rate, in requests a second.

        Raises:
            Failed: one was answered otherwise, or not at all.
        """
        left = iter(requests)
        began = time.perf_counter()
        for connection, request in zip(self._sockets, islice(left, len(self._sockets)), strict=False):
            connection.sendall(request)
        for number in range(len(requests)):
            connection = self._sockets[number % len(self._sockets)]
            answer = _answer(connection)
            if answer[9:12] != status:
                raise Failed(f"{requests[number][:200]!r} was answered {answer[:300]!r}")
            if following := next(left, None):
                connection.sendall(following)
        return len(requests) / (time.perf_counter() - began)


def _answer(connection: socket.socket) -> bytes:
    answer = b""
    while not is_whole(answer):
        more = connection.recv(65536)
        if not more:
            raise Failed(f"a connection was closed after {answer[:300]!r}")
        answer += more
    return answer


def is_whole(answer: bytes) -> bool:
    """Whether an answer has come to its end, by its Content-Length."""
    head, end, body = answer.partition(b"\r\n\r\n")
    length = LENGTH.search(head + b"\r\n")
    return bool(end) and length is not None and len(body) >= int(length[1])


__all__ = ["Caller", "Tenth", "in_a_row", "is_whole", "measure", "p99"]
