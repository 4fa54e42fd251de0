"""One run: the checks in an order in which none disturbs another, and the end of what they made."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from mockscope.checking.cleaning import clean, left_behind
from mockscope.checking.guard import Guard
from mockscope.checking.guardian import Guardian
from mockscope.checking.names import Names, NamesOfAll, Record
from mockscope.checking.outcome import (
    HOLDS,
    Finding,
    Level,
    NotSeen,
    Outcome,
    Row,
    RuleFinding,
    Verdict,
    by_rule,
)
from mockscope.checking.rows import ROWS
from mockscope.checking.session import MOST_PAGES, Session
from mockscope.target import Target, Unreachable

# Called with the number of checks that are done, and of all.
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Report:
    """What came of a run."""

    at: datetime
    level: Level
    url: str
    host: str
    findings: tuple[Finding, ...]
    # The switches to turn, for a mock that answers like this server.
    policy: Mapping[str, object]
    # What was made and is still there.
    left: tuple[Record, ...] = field(default=())

    @property
    def rules(self) -> list[RuleFinding]:
        """What came of each rule."""
        return by_rule(self.findings)

    @property
    def differs(self) -> bool:
        """Whether anything differs."""
        return any(finding.outcome.word == "differs" for finding in self.findings)


def check(
    target: Target,
    api_key: str,
    level: Level,
    *,
    rules: Collection[str] = (),
    policy: Mapping[str, object] | None = None,
    most_pages: int = MOST_PAGES,
    announce: Callable[[Record, bool], None] | None = None,
    names: Names | None = None,
    progress: Progress | None = None,
) -> Report:
    """Judge a server by the rules.

    Args:
        target: the server.
        api_key: the site's key.
        level: how far to go.
        rules: the rules to check; none are all.
        policy: the readings to judge by, where they are not mockscope's own.
        most_pages: how many pages of a list are read at most.
        announce: is told of each record before it may be there (True), and when it is gone (False).
        names: made-up names for records.
        progress: called before each check, and at the end.

    Raises:
        CouldNotRun: there is no such API, no such site, the key is not its key, or answers stopped coming.
        Unreachable: what was made could not be removed, because there was no answer.
        ValueError: a switch is unknown.
    """
    at = datetime.now(UTC)
    look = Session(
        target, api_key, level, policy=policy, most_pages=most_pages, announce=announce, names=names or Names()
    )
    rows = [row for row in ROWS if not rules or row.rule in rules]
    # What only reads comes before anything is made, and what looks through all answers comes last.
    ordered = sorted(rows, key=lambda row: (row.is_last, row.level))
    outcomes: dict[Row, Outcome] = {}
    look.open()
    left = look.leaked
    try:
        for number, row in enumerate(ordered):
            if progress is not None:
                progress(number, len(ordered))
            outcomes[row] = _outcome(row, look)
        if progress is not None:
            progress(len(ordered), len(ordered))
    finally:
        if level is Level.FULL:
            left = look.clean()
    findings = tuple(Finding(row, outcomes[row]) for row in rows)
    return Report(at, level, target.url, target.host, findings, look.readings.to_turn, tuple(left))


def check_guarded(
    target: Target,
    api_key: str,
    *,
    target_options: Mapping[str, Any],
    rules: Collection[str] = (),
    policy: Mapping[str, object] | None = None,
    most_pages: int = MOST_PAGES,
    progress: Progress | None = None,
) -> Report:
    """Judge a server at FULL, with a process beside it that cleans up even if this one is killed.

    Args:
        target: the server.
        api_key: the site's key.
        target_options: what the target was made with, for another one in that process.
        rules: the rules to check; none are all.
        policy: the readings to judge by, where they are not mockscope's own.
        most_pages: how many pages of a list are read at most.
        progress: called before each check, and at the end.

    Raises:
        CouldNotRun: as ``check``; or that process can't be started, or has ended.
        Unreachable: what was made could not be removed, because there was no answer.
        ValueError: a switch is unknown.
    """
    names = Names()
    guardian = Guardian(target.url, target.host, api_key, names, most_pages=most_pages, options=target_options)
    try:
        report = check(
            target,
            api_key,
            Level.FULL,
            rules=rules,
            policy=policy,
            most_pages=most_pages,
            announce=guardian.announce,
            names=names,
            progress=progress,
        )
    except BaseException:
        # What was under way may arrive only now.
        guardian.leave()
        raise
    if report.left:
        guardian.leave()
    else:
        guardian.dismiss()
    return report


def left_on(target: Target, api_key: str, *, most_pages: int = MOST_PAGES) -> list[Record]:
    """What earlier runs have left on a site.

    Raises:
        CouldNotRun: there is no such API, no such site, or the key is not its key.
        Unreachable: there was no answer.
    """
    look = Session(target, api_key, Level.READ_ONLY, most_pages=most_pages)
    look.open()
    return left_behind(look.ask, NamesOfAll().is_ours, most_pages=most_pages)


def remove_from(target: Target, records: list[Record], *, most_pages: int = MOST_PAGES) -> list[Record]:
    """Remove what earlier runs have left on a site; returns what is there still.

    Raises:
        Unreachable: there was no answer.
    """
    names = NamesOfAll()
    return clean(Guard(target, Level.FULL, names).ask, records, names.is_ours, most_pages=most_pages)[1]


def _outcome(row: Row, look: Session) -> Outcome:
    if row.level > look.level:
        return NotSeen(f"it takes --{row.level.word}")
    try:
        row.ask(look)
    except Verdict as verdict:
        return verdict.outcome
    except Unreachable as error:
        return NotSeen(f"there was no answer: {error}")
    return HOLDS
