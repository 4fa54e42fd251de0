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
        """Whether the figure is so far off that noise can't be the reason: by more than a factor of three."""
        return value > self.bound * 3 if self.at_most else value < self.bound / 3


class Figure(NamedTuple):
    """One row: a name, its unit, one sample a round, and what is worth knowing beside it."""

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
        return GOALS.get(self.name)


def get_one(users: int) -> str:
    return f"GET one, {users:,} users"


def first_page(users: int) -> str:
    return f"first page of 100, {users:,} users"


def page_at_cursor(users: int) -> str:
    return f"page of 100 at a cursor, {users:,} users"


def page_at_new_cursor(users: int) -> str:
    return f"page of 100 at a new cursor, {users:,} users"


def create(users: int) -> str:
    return f"create, from {users:,} users"


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


NOISE: Final = "bare against itself"
DRY_RUN: Final = f"create in test mode, {MIDDLE:,} users"
LOGGED: Final = f"GET one, {SMALL:,} users, --log text"
UNRECORDED: Final = f"GET one, {SMALL:,} users, without recording and faults"
RECORDING_PRICE: Final = "recording and faults against none"
LOG_PRICE: Final = "--log text against --log off"
FIXTURE: Final = "fixture mockscope, after the first"
START: Final = "mockscope serve against uvicorn's command line"

# What grows with the site is measured against the same on the small site.
SCALED: Final[Mapping[str, tuple[str, str]]] = {
    f"{what}, {LARGE:,} against {SMALL:,} users": (name(LARGE), name(SMALL))
    for what, name in (
        ("GET one", get_one),
        ("first page of 100", first_page),
        ("page of 100 at a cursor", page_at_cursor),
        ("create", create),
    )
}

GOALS: Final[Mapping[str, Goal]] = {
    **{get_one(users): Goal(0.55) for users in (SMALL, MIDDLE, LARGE)},
    page_at_cursor(MIDDLE): Goal(0.30),
    page_at_new_cursor(MIDDLE): Goal(0.30),
    create(SMALL): Goal(0.30),
    create(LARGE): Goal(0.30),
    DRY_RUN: Goal(0.40),
    RECORDING_PRICE: Goal(0.85),
    **{name: Goal(0.8) for name in SCALED},
    FIXTURE: Goal(1.0, at_most=True),
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
}


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
    return [
        (
            figure.name,
            f"{_spelled(figure.value)} {figure.unit}",
            f"{_spelled(min(figure.samples))} to {_spelled(max(figure.samples))}",
            str(figure.goal or ""),
            "" if figure.goal is None else "met" if figure.goal.met(figure.value) else "missed",
            figure.aside,
        )
        for figure in figures
    ]


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
            "median": figure.value,
            "samples": list(figure.samples),
            "goal": figure.goal and str(figure.goal),
            "met": figure.goal and figure.goal.met(figure.value),
            "beside": figure.aside,
        }
        for figure in figures
    ]


def collapsed(figures: Iterable[Figure]) -> list[Figure]:
    """The figures that are off their goal by more than a factor of three."""
    return [figure for figure in figures if figure.goal and figure.goal.collapsed(figure.value)]


def _spelled(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}" if value >= 0.1 else f"{value:.2g}"
