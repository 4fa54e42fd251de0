"""Requests a second of each operation, as ratios to the bare application, interleaved in one run."""

import random
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from itertools import count
from pathlib import Path
from statistics import median
from typing import NamedTuple

from benchmarks import wrk
from benchmarks.children import BARE, UNRECORDED_MOCKSCOPE, Server, cpus, serving
from benchmarks.figures import (
    LOG_PRICE,
    LOGGED,
    MIDDLE,
    NOISE,
    RECORDED,
    RECORDING_PRICE,
    SMALL,
    UNRECORDED,
    Figure,
    Form,
    create,
    dry_run,
    first_page,
    get_one,
    get_one_anew,
    memory_listed,
    memory_loaded,
    page_at_cursor,
    page_at_new_cursor,
    ratio,
    scaled,
)
from benchmarks.sites import AUTH, NEW_HEADER, PATH, creates, drawn, gets, mockscope, next_page, numbered, request
from benchmarks.wrk import Load, Run


class Sample(NamedTuple):
    """One run against the two runs of the bare application around it."""

    ratio: float
    cpu_ratio: float
    rate: float


def measure(rounds: int, work: Path, tell: Callable[[str], None], form: Form) -> list[Figure]:
    """Measure every load, and the memory that a user takes.

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
    with ExitStack() as stack:

        def start(name: str, *command: str) -> Server:
            tell(f"starting {name}")
            return stack.enter_context(serving(command, work / f"{name}.log", cpu=server_cpu))

        servers = {"bare": start("bare", *BARE)}
        for users in (SMALL, MIDDLE, form.large):
            servers[_site(users)] = start(_site(users), *mockscope(work, users))
        servers["recorded"] = start("recorded", *mockscope(work, SMALL))
        servers["unrecorded"] = start("unrecorded", *mockscope(work, SMALL, command=UNRECORDED_MOCKSCOPE))
        servers["logged"] = start("logged", *mockscope(work, SMALL, log="text"))
        # Both before any load, so that no created user is in it.
        memory = [_memory(memory_loaded, servers, form.large)]
        loads = _loads(servers, form.large, random.Random(1))
        memory.append(_memory(memory_listed, servers, form.large))
        samples: dict[str, list[Sample]] = {load.name: [] for load in loads}
        # No run sends what another one sent: the same users can't be created twice.
        numbers = count()
        compared: dict[str, list[float]] = {name: [] for name in _pairs(form.large)}
        for turn in range(rounds):
            tell(f"round {turn + 1} of {rounds}")
            with serving(mockscope(work, SMALL), work / "created.log", cpu=server_cpu) as created:
                # Creates from a small site need one that is small again: a fresh server each round.
                servers["created"] = created
                run = partial(_run, servers, numbers, work / "load", load_cpu)
                for name, sample in _round(loads, run, turn, form.between):
                    samples[name].append(sample)
                for name, times in _compared(loads, run, form.large):
                    compared[name].append(times)
    pairs = [Figure(name, "times the rate", runs) for name, runs in compared.items()]
    return [*_figures(samples), *pairs, *memory]


def _run(servers: dict[str, Server], numbers: Iterator[int], file: Path, cpu: int, load: Load) -> Run:
    return wrk.run(load, servers[load.server], next(numbers), file, cpu)


def _round(loads: list[Load], run: Callable[[Load], Run], turn: int, between: int) -> Iterator[tuple[str, Sample]]:
    """Each load once, in an order of its own, with the bare application before and after so many of them."""
    bare = Load("bare", "bare", [request("GET", "/")])
    order = random.Random(turn).sample(loads, len(loads))
    before = run(bare)
    for at in range(0, len(order), between):
        measured = [(load.name, run(load)) for load in order[at : at + between]]
        after = run(bare)
        yield from ((name, _sample(done, before, after)) for name, done in measured)
        before = after


def _pairs(large: int) -> dict[str, tuple[str, str]]:
    """Which loads are measured against which others."""
    return {
        RECORDING_PRICE: (RECORDED, UNRECORDED),
        LOG_PRICE: (LOGGED, RECORDED),
        **scaled(large),
    }


def _compared(loads: list[Load], run: Callable[[Load], Run], large: int) -> Iterator[tuple[str, float]]:
    """Each such load between two runs of the other: what is near in time is compared."""
    named = {load.name: load for load in loads}
    for name, (over, under) in _pairs(large).items():
        less = named[under]
        before, done, after = (run(load) for load in (less, as_varied(named[over], less), less))
        yield name, ratio(done.rate, (before.rate, after.rate))


def as_varied(load: Load, other: Load) -> Load:
    """The load with as many different requests as the other one has: more of them cost more on a site of any size."""
    return load._replace(requests=list(dict.fromkeys(load.requests))[: len(set(other.requests))])


def _sample(done: Run, before: Run, after: Run) -> Sample:
    return Sample(
        ratio(done.rate, (before.rate, after.rate)),
        ratio(done.cpu_microseconds, (before.cpu_microseconds, after.cpu_microseconds)),
        done.rate,
    )


def _figures(samples: dict[str, list[Sample]]) -> list[Figure]:
    figures = {
        name: Figure(
            name,
            "of bare",
            [sample.ratio for sample in runs],
            f"{median(sample.rate for sample in runs):,.0f}/s, CPU {median(sample.cpu_ratio for sample in runs):.2f}",
        )
        for name, runs in samples.items()
    }
    return list(figures.values())


def _memory(name: Callable[[int], str], servers: dict[str, Server], large: int) -> Figure:
    most, least = servers[_site(large)].resident_bytes, servers[_site(SMALL)].resident_bytes
    aside = f"{most / 2**20:,.0f} MiB against {least / 2**20:,.0f}"
    return Figure(name(large), "bytes", [(most - least) / (large - SMALL)], aside)


def _site(users: int) -> str:
    return f"site-of-{users}"


def _loads(servers: dict[str, Server], large: int, draw: random.Random) -> list[Load]:
    loads = [Load(NOISE, "bare", [request("GET", "/")])]
    people: dict[int, list[str]] = {}
    for users in (SMALL, MIDDLE, large):
        emails, cursors = drawn(servers[_site(users)], draw)
        people[users] = emails
        loads += [
            Load(get_one(users), _site(users), gets(emails)),
            Load(first_page(users), _site(users), [request("GET", PATH, AUTH)]),
            Load(page_at_cursor(users), _site(users), [request("GET", next_page(cursor), AUTH) for cursor in cursors]),
        ]
    loads += [
        Load(
            page_at_new_cursor(users),
            _site(users),
            [request("GET", next_page(numbered(email)), AUTH) for email in people[users]],
        )
        for users in (MIDDLE, large)
    ]
    return [
        *loads,
        Load(get_one_anew(MIDDLE), _site(MIDDLE), gets(people[MIDDLE], NEW_HEADER)),
        Load(create(SMALL), "created", creates(people[SMALL]), 201),
        Load(create(large), _site(large), creates(people[large]), 201),
        *(
            Load(dry_run(users), _site(users), creates(people[users], query="?test_mode=true"))
            for users in (SMALL, MIDDLE, large)
        ),
        Load(RECORDED, "recorded", gets(people[SMALL])),
        Load(UNRECORDED, "unrecorded", gets(people[SMALL])),
        Load(LOGGED, "logged", gets(people[SMALL])),
    ]


__all__ = ["measure"]
