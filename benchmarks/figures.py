"""Figures, their goals, and the table of figures."""

from collections.abc import Iterable, Sequence
from statistics import median
from typing import Any, Final, NamedTuple

HEADINGS: Final = ("figure", "median", "lowest to highest", "goal", "", "note")
# A time depends on the machine, so it cannot collapse.
TIME_UNITS: Final = frozenset({"ms", "s"})


class Goal(NamedTuple):
    """The bound of a figure."""

    bound: float
    at_most: bool = False

    def __str__(self) -> str:
        return f"at {'most' if self.at_most else 'least'} {self.bound:g}"

    def is_met(self, value: float, slack: float = 1) -> bool:
        """Return whether a value is within the bound, or misses it by at most the factor ``slack``."""
        return value <= self.bound * slack if self.at_most else value >= self.bound / slack


class Figure(NamedTuple):
    """A row of the table. It has a sample for each round. Without samples, the note names the missing requirement."""

    name: str
    unit: str
    samples: Sequence[float]
    note: str = ""
    goal: Goal | None = None

    @property
    def has_collapsed(self) -> bool:
        """Return whether every round misses the goal by more than a factor of two, which noise cannot cause."""
        if self.goal is None or not self.samples or self.unit in TIME_UNITS:
            return False
        return not any(self.goal.is_met(sample, slack=2) for sample in self.samples)

    def cells(self) -> tuple[str, ...]:
        """Return the text of each column."""
        goal = str(self.goal or "")
        if not self.samples:
            return (self.name, "not there", "", goal, "", self.note)
        value = median(self.samples)
        result = "" if self.goal is None else "met" if self.goal.is_met(value) else "missed"
        span = f"{_rounded(min(self.samples))} to {_rounded(max(self.samples))}"
        return (self.name, f"{_rounded(value)} {self.unit}", span, goal, result, self.note)

    def to_json(self) -> dict[str, Any]:
        """Return the figure as data."""
        return self._asdict() | {
            "goal": self.goal and str(self.goal),
            "median": median(self.samples) if self.samples else None,
        }


def plain_table(figures: Iterable[Figure]) -> str:
    """Render the figures as columns of text."""
    lines = [HEADINGS, *(figure.cells() for figure in figures)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)


def markdown_table(figures: Iterable[Figure]) -> str:
    """Render the figures as a Markdown table."""
    lines = [HEADINGS, ("---",) * len(HEADINGS), *(figure.cells() for figure in figures)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _rounded(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}" if value >= 0.1 else f"{value:.2g}"
