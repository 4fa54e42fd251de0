"""What a check is and what comes of it: it holds, it differs and shows how, or it can't be seen and says why."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from mockscope.target import Exchange

if TYPE_CHECKING:
    from mockscope.checking.session import Session


class Level(IntEnum):
    """How far a check may go; each level does what the one before does, too."""

    # GETs alone.
    READ_ONLY = 0
    # Writes as well, each of them with test_mode=true.
    DRY_RUN = 1
    # Creates, changes and deletes records that the check made itself.
    FULL = 2

    @property
    def word(self) -> str:
        """The name, as options and reports spell it."""
        return self.name.lower().replace("_", "-")


@dataclass(frozen=True, slots=True)
class Holds:
    """What was asked was answered as the rule says."""

    word: Literal["holds"] = "holds"
    reason: str = ""
    exchanges: tuple[Exchange, ...] = ()
    switch: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Differs:
    """The answer was another one.

    Args:
        reason: what the rule says, in words.
        exchanges: where it was answered otherwise.
        switch: the switch of a policy under which mockscope answers like this, with its value.
    """

    reason: str
    exchanges: tuple[Exchange, ...]
    switch: Mapping[str, object] = field(default_factory=dict)
    word: Literal["differs"] = "differs"


@dataclass(frozen=True, slots=True)
class NotSeen:
    """It can't be told at this level, on this site, or from outside at all.

    Args:
        reason: why not.
    """

    reason: str
    exchanges: tuple[Exchange, ...] = ()
    switch: Mapping[str, object] = field(default_factory=dict)
    word: Literal["not-seen"] = "not-seen"


Outcome = Holds | Differs | NotSeen
HOLDS: Final = Holds()


class Verdict(Exception):
    """How a check says that it does not simply hold."""

    def __init__(self, outcome: Differs | NotSeen) -> None:
        self.outcome = outcome
        super().__init__(outcome)


def differs(expected: str, *exchanges: Exchange, switch: Mapping[str, object] | None = None) -> Verdict:
    """To be raised where an answer is not as the rule says.

    Args:
        expected: what the rule says.
        exchanges: the answer, and what it is compared with.
        switch: the switch of a policy under which mockscope answers like this, with its value.
    """
    return Verdict(Differs(expected, exchanges, switch or {}))


def unseen(reason: str) -> Verdict:
    """To be raised where it can't be told whether the rule holds."""
    return Verdict(NotSeen(reason))


class Row(NamedTuple):
    """One check: the rule it belongs to, what it looks for, the level it needs, and how it asks.

    ``is_last`` says that it looks through the answers to all others; ``is_visible`` that there is something to be seen.
    """

    rule: str
    title: str
    level: Level
    ask: Callable[["Session"], None]
    is_last: bool = False
    is_visible: bool = True


def never(rule: str, reason: str) -> Row:
    """A rule that can't be seen from outside, and why."""

    def ask(look: "Session") -> None:
        raise unseen(reason)

    return Row(rule, "It can't be seen from outside", Level.READ_ONLY, ask, is_visible=False)


class Finding(NamedTuple):
    """A check and what came of it."""

    row: Row
    outcome: Outcome


class RuleFinding(NamedTuple):
    """A rule, what came of it, and of each of its checks."""

    rule: str
    word: Literal["holds", "differs", "not-seen"]
    findings: tuple[Finding, ...]


def by_rule(findings: Iterable[Finding]) -> list[RuleFinding]:
    """The findings of each rule together: it differs where one does, and is not seen where none is."""
    rules: dict[str, list[Finding]] = {}
    for finding in findings:
        rules.setdefault(finding.row.rule, []).append(finding)
    return [RuleFinding(rule, _together(found), tuple(found)) for rule, found in rules.items()]


def _together(findings: list[Finding]) -> Literal["holds", "differs", "not-seen"]:
    words = {finding.outcome.word for finding in findings}
    return "differs" if "differs" in words else "holds" if "holds" in words else "not-seen"


class CouldNotRun(Exception):
    """Nothing can be said of this server at all, and why."""
