"""Figures, the goals they are held against, and how they are printed. Pure: nothing is measured here."""

from collections.abc import Iterable, Mapping, Sequence
from statistics import mean, median
from typing import Any, Final, NamedTuple

SMALL: Final = 100
MIDDLE: Final = 10_000
BIG: Final = 100_000
LARGE: Final = 1_000_000
# Of the users of a large site so many are written to where few are.
FEW: Final = 100
# Units of what is not compared with anything.
TIMES: Final = frozenset({"ms", "s"})


class Form(NamedTuple):
    """How much is measured."""

    # Users of the largest site, users in a seed file, and creates in a row, with as many deletes after them.
    large: int
    seeded: int
    in_a_row: int
    # How often what takes long is measured, whatever the rounds.
    repeats: int
    # So many loads run between two runs of the bare application.
    between: int
    # A run in which latencies are taken, and what is compiled while it runs is given to warm up for each load.
    latency_seconds: int
    warm_seconds: int


FULL: Final = Form(large=LARGE, seeded=BIG, in_a_row=BIG, repeats=3, between=1, latency_seconds=3, warm_seconds=10)
# A tenth of the sizes. Figures are named by them, and keep the same goals: nothing is extrapolated.
QUICK: Final = Form(large=BIG, seeded=MIDDLE, in_a_row=20_000, repeats=1, between=4, latency_seconds=1, warm_seconds=3)


class Goal(NamedTuple):
    """The bound that a figure should keep."""

    bound: float
    at_most: bool = False

    def __str__(self) -> str:
        return f"{'at most' if self.at_most else 'at least'} {self.bound:g}"

    def met(self, value: float) -> bool:
        """Whether the figure keeps the bound."""
        return value <= self.bound if self.at_most else value >= self.bound

    def collapsed(self, value: float) -> bool:
        """Whether the figure is so far off that noise can't be the reason: by more than a factor of two."""
        return value > self.bound * 2 if self.at_most else value < self.bound / 2


class Figure(NamedTuple):
    """One row: a name, its unit, one sample a round, and what is worth knowing beside it.

    Without samples, what it is about is not there, and beside it stands what would be needed.
    """

    name: str
    unit: str
    samples: Sequence[float]
    aside: str = ""

    @property
    def value(self) -> float:
        """The median of the samples."""
        return median(self.samples)

    @property
    def goal(self) -> Goal | None:
        """The bound, where there is one."""
        return GOALS.get(self.name) or QUICK_GOALS.get(self.name)


def get_one(users: int) -> str:
    return f"GET one, {users:,} users"


def get_one_anew(users: int) -> str:
    return f"GET one with a new head each time, {users:,} users"


def first_page(users: int) -> str:
    return f"first page of 100, {users:,} users"


def page_at_cursor(users: int) -> str:
    return f"page of 100 at a cursor, {users:,} users"


def page_at_new_cursor(users: int) -> str:
    return f"page of 100 at a new cursor, {users:,} users"


def create(users: int) -> str:
    return f"create, from {users:,} users"


def dry_run(users: int) -> str:
    return f"create in test mode, {users:,} users"


def snapshot(users: int) -> str:
    return f"snapshot, {users:,} users"


def first_write(users: int) -> str:
    return f"first write after a snapshot, {users:,} users"


def later_write(users: int) -> str:
    return f"second write after a snapshot, {users:,} users"


def restore_after_one(users: int) -> str:
    return f"restore after 1 write, {users:,} users"


def restore_after_few(users: int) -> str:
    return f"restore after {FEW} writes, {users:,} users"


def restore_after_all(users: int) -> str:
    return f"restore after a write to each, {users:,} users"


def restore_after_all_deleted(users: int) -> str:
    return f"restore after all were deleted, {users:,} users"


def reset_after_few(users: int) -> str:
    return f"reset after {FEW} writes, {users:,} users"


def memory_loaded(users: int) -> str:
    return f"resident memory a user, {users:,} users loaded"


def memory_listed(users: int) -> str:
    return f"resident memory a user, {users:,} users, every page listed once"


def generated(users: int) -> str:
    return f"mockscope serve, {users:,} generated users: start to first answer"


def seed_file(users: int, language: str) -> str:
    return f"mockscope serve, {users:,} users in a {language} file: start to first answer"


def creates_in_a_row(number: int) -> str:
    return f"{number:,} creates in a row: last tenth against first"


def deletes_in_a_row(number: int) -> str:
    return f"{number:,} deletes in a row: last tenth against first"


def against(what: str, peer: str) -> str:
    return f"{what}, against {peer}"


def without_socket(client: str) -> str:
    return f"{client}, without a socket"


def by_nothing(client: str) -> str:
    return f"{client}, answered by nothing"


def redirected(client: str) -> str:
    return f"{client}, redirected"


HTTPX: Final = ("httpx", "httpx on asyncio", "httpx2", "httpx2 on asyncio")
NOISE: Final = "bare against itself"
LOGGED: Final = f"GET one, {SMALL:,} users, --log text"
# On servers that are asked for nothing else.
RECORDED: Final = f"GET one, {SMALL:,} users, with recording and faults"
UNRECORDED: Final = f"GET one, {SMALL:,} users, without recording and faults"
RECORDING_PRICE: Final = "recording and faults against none"
LOG_PRICE: Final = "--log text against --log off"
CREATE_P99: Final = f"p99 of creates, from {SMALL:,} users"
FIRST_FIXTURE: Final = "fixture mockscope, the first of a session"
FIXTURE: Final = "fixture mockscope, after the first"
PLUGIN_IMPORT: Final = "import of the plugin, unused"
PLUGIN_MODULES: Final = "modules of third parties that the unused plugin imports"
LIVE_START: Final = "LiveServer in a warm process: start"
LIVE_STOP: Final = "LiveServer in a warm process: stop"
START: Final = "mockscope serve against uvicorn's command line"

# What servers are compared by, and with.
ONE: Final = "GET one"
PAGE: Final = "page of 100"
CREATE: Final = "create"
HTTPSERVER: Final = "pytest-httpserver"
MOTO: Final = "moto's server"
WIREMOCK: Final = "WireMock"
WIREMOCK_WITHOUT: Final = "WireMock without its journal"
MOCKOON: Final = "Mockoon"
SERVERS: Final = (HTTPSERVER, MOTO, WIREMOCK, WIREMOCK_WITHOUT, MOCKOON)


def scaled(large: int) -> dict[str, tuple[str, str]]:
    """What grows with the site is measured against the same on the small site: which figures those are."""
    return {
        f"{what}, {large:,} against {SMALL:,} users": (name(large), name(SMALL))
        for what, name in (
            ("GET one", get_one),
            ("first page of 100", first_page),
            ("page of 100 at a cursor", page_at_cursor),
            ("create", create),
            ("create in test mode", dry_run),
        )
    }


def goals(form: Form) -> dict[str, Goal]:
    """The goals of figures, by name."""
    return {
        **{get_one(users): Goal(0.80) for users in (SMALL, MIDDLE, form.large)},
        first_page(MIDDLE): Goal(0.60),
        page_at_cursor(MIDDLE): Goal(0.40),
        page_at_new_cursor(MIDDLE): Goal(0.40),
        **{create(users): Goal(0.50) for users in (SMALL, form.large)},
        dry_run(MIDDLE): Goal(0.60),
        RECORDING_PRICE: Goal(0.85),
        **{name: Goal(0.90) for name in scaled(form.large)},
        **{name(form.large): Goal(1024, at_most=True) for name in (memory_loaded, memory_listed)},
        CREATE_P99: Goal(3.0, at_most=True),
        **{name(form.in_a_row): Goal(0.90) for name in (creates_in_a_row, deletes_in_a_row)},
        START: Goal(1.5, at_most=True),
        FIRST_FIXTURE: Goal(250, at_most=True),
        FIXTURE: Goal(0.5, at_most=True),
        PLUGIN_IMPORT: Goal(10, at_most=True),
        PLUGIN_MODULES: Goal(0, at_most=True),
        LIVE_START: Goal(1.0, at_most=True),
        LIVE_STOP: Goal(1.0, at_most=True),
        generated(form.large): Goal(15, at_most=True),
        **{seed_file(form.seeded, language): Goal(3.0, at_most=True) for language in ("JSON", "YAML")},
        **{snapshot(users): Goal(1.0, at_most=True) for users in (MIDDLE, BIG)},
        **{
            name: Goal(10.0, at_most=True)
            for name in (
                restore_after_one(MIDDLE),
                restore_after_few(MIDDLE),
                restore_after_all(MIDDLE),
                restore_after_all_deleted(MIDDLE),
                reset_after_few(BIG),
            )
        },
        **{without_socket(client): Goal(3.0) for client in ("requests", *HTTPX)},
        **{redirected(client): Goal(3.0) for client in ("requests", "urllib3", *HTTPX)},
        **{against(load, peer): Goal(1.0) for load in (PAGE, CREATE) for peer in SERVERS},
        against(ONE, HTTPSERVER): Goal(5),
        against(ONE, MOTO): Goal(40),
        against(ONE, WIREMOCK): Goal(1.0),
        against(ONE, WIREMOCK_WITHOUT): Goal(1.3),
        against(ONE, MOCKOON): Goal(5),
    }


GOALS: Final[Mapping[str, Goal]] = goals(FULL)
QUICK_GOALS: Final[Mapping[str, Goal]] = goals(QUICK)


def ratio(value: float, neighbours: Iterable[float]) -> float:
    """A rate against the mean of those measured right before and after it."""
    return value / mean(neighbours)


def quotient(name: str, over: Figure, under: Figure, *, unit: str) -> Figure:
    """Two figures of the same rounds against each other, round by round."""
    pairs = zip(over.samples, under.samples, strict=True)
    return Figure(name, unit, [one / other for one, other in pairs])


HEADINGS: Final = ("figure", "median", "lowest to highest", "goal", "", "beside it")


def rows(figures: Iterable[Figure]) -> list[tuple[str, ...]]:
    """The figures as cells of text."""
    return [(figure.name, *_shown(figure), figure.aside) for figure in figures]


def _shown(figure: Figure) -> tuple[str, str, str, str]:
    goal = str(figure.goal or "")
    if not figure.samples:
        return "not there", "", goal, ""
    return (
        f"{_spelled(figure.value)} {figure.unit}",
        f"{_spelled(min(figure.samples))} to {_spelled(max(figure.samples))}",
        goal,
        "" if figure.goal is None else "met" if figure.goal.met(figure.value) else "missed",
    )


def plain_table(figures: Iterable[Figure]) -> str:
    """The figures in columns."""
    lines = [HEADINGS, *rows(figures)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEADINGS))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )


def markdown_table(figures: Iterable[Figure]) -> str:
    """The figures as a table in Markdown."""
    return "\n".join(f"| {' | '.join(line)} |" for line in (HEADINGS, ("---",) * len(HEADINGS), *rows(figures)))


def plain_data(figures: Iterable[Figure]) -> list[dict[str, Any]]:
    """The figures for JSON."""
    return [
        {
            "name": figure.name,
            "unit": figure.unit,
            "median": figure.value if figure.samples else None,
            "samples": list(figure.samples),
            "goal": figure.goal and str(figure.goal),
            "met": figure.goal.met(figure.value) if figure.goal and figure.samples else None,
            "beside": figure.aside,
        }
        for figure in figures
    ]


def collapsed(figures: Iterable[Figure]) -> list[Figure]:
    """The figures that are off their goal by more than a factor of two in every round.

    A neighbour on a shared machine slows down one round and not the next; what has collapsed is slow in all of them.
    Times say more about the machine than about mockscope: they are shown, and no more. What is not there has not
    collapsed.
    """
    return [
        figure
        for figure in figures
        if (goal := figure.goal)
        and figure.unit not in TIMES
        and figure.samples
        and all(goal.collapsed(sample) for sample in figure.samples)
    ]


def _spelled(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}" if value >= 0.1 else f"{value:.2g}"
