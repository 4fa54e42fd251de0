"""What going back in time costs: snapshots, restores and resets of large sites, in this process."""

import gc
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from benchmarks.figures import (
    BIG,
    FEW,
    MIDDLE,
    Figure,
    first_write,
    later_write,
    reset_after_few,
    restore_after_all,
    restore_after_all_deleted,
    restore_after_few,
    restore_after_one,
    snapshot,
)
from mockscope import Mockscope, MockSite

GROUPS: Final = 12
HOST: Final = "benchmark-site"


def measure(rounds: int, work: Path, tell: Callable[[str], None]) -> list[Figure]:
    """Measure snapshots, restores and resets.

    Args:
        rounds: how often.
        work: a directory for files; none is written.
        tell: called with what is being done.
    """
    figures = []
    for users in (MIDDLE, BIG):
        tell(f"back in time with {users:,} users")
        figures += _of_a_site(users, rounds)
    return figures


def _of_a_site(users: int, rounds: int) -> list[Figure]:
    generate = {"users": users, "groups": GROUPS}
    site = Mockscope({"mockscope": 1, "sites": [{"host": HOST, "generate": generate}]}).sites[HOST]
    emails = list(site.users)
    few = emails[:: users // FEW]
    # As in mockscope serve: the collector need not look through what was loaded.
    gc.collect()
    gc.freeze()
    taken: dict[str, list[float]] = {}
    # The first round does not count: in it caches are filled, and what is allocated once.
    for _ in range(rounds + 1):
        for name, milliseconds in _round(site, emails, few):
            taken.setdefault(name, []).append(milliseconds)
    gc.unfreeze()
    return [Figure(name, "ms", samples[1:]) for name, samples in taken.items()]


def _round(site: MockSite, emails: list[str], few: list[str]) -> list[tuple[str, float]]:
    users = len(emails)
    site.reset()
    _log_in(site, few[1:2])
    marked = _timed(lambda: site.snapshot("before"))
    first = _timed(lambda: _log_in(site, few[:1]))
    later = _timed(lambda: _log_in(site, few[1:2]))
    site.restore("before")
    return [
        (snapshot(users), marked),
        (first_write(users), first),
        (later_write(users), later),
        (restore_after_one(users), _restored(site, lambda: _log_in(site, emails[:1]))),
        (restore_after_few(users), _restored(site, lambda: _log_in(site, few))),
        (restore_after_all(users), _restored(site, lambda: _log_in(site, emails))),
        (restore_after_all_deleted(users), _restored(site, lambda: site.load(_empty()))),
        (reset_after_few(users), _reset(site, few)),
    ]


def _restored(site: MockSite, write: Callable[[], None]) -> float:
    write()
    return _timed(lambda: site.restore("before"))


def _reset(site: MockSite, few: list[str]) -> float:
    _log_in(site, few)
    return _timed(site.reset)


def _log_in(site: MockSite, emails: list[str]) -> None:
    for email in emails:
        site.record_login(email)


def _empty() -> dict[str, object]:
    return {"mockscope": 1, "sites": [{"host": HOST}]}


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1000
