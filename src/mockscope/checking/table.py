"""The table of checks: what each looks for, the rule that it belongs to, and the level that it needs."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, NamedTuple

from mockscope.checking.outcome import Level, Outcome, Word, unseen
from mockscope.checking.session import Session


class Check(NamedTuple):
    """One check of a rule."""

    rule: str
    title: str
    level: Level
    run: Callable[[Session], None]
    # Whether it looks through the responses to all others.
    is_last: bool = False
    # Whether anything can be seen of the rule from outside.
    is_visible: bool = True


class Family:
    """The checks of a family of rules, in the order of the rules.

    Args:
        name: The name of the family, as in docs/rules.yaml.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.checks: list[Check] = []

    def check(
        self, rule: str, title: str, level: Level = Level.READ_ONLY, *, is_last: bool = False, **arguments: Any
    ) -> Callable[[Callable[..., None]], Callable[..., None]]:
        """Return a decorator that adds a check. It raises a verdict unless the rule holds.

        Args:
            rule: The rule.
            title: What the check looks for.
            level: The level that it needs.
            is_last: Whether it looks through the responses to all others.
            arguments: Arguments of the check beside the session.
        """

        def add(run: Callable[..., None]) -> Callable[..., None]:
            self.checks.append(Check(rule, title, level, partial(run, **arguments), is_last))
            return run

        return add

    def cannot_see(self, rule: str, reason: str) -> None:
        """Add a rule that cannot be seen from outside, and why."""

        def run(session: Session) -> None:
            raise unseen(reason)

        self.checks.append(Check(rule, "It cannot be seen from outside", Level.READ_ONLY, run, is_visible=False))


class Finding(NamedTuple):
    """A check and its outcome."""

    check: Check
    outcome: Outcome


class RuleFinding(NamedTuple):
    """A rule, and the outcomes of its checks."""

    rule: str
    findings: tuple[Finding, ...]

    @property
    def word(self) -> Word:
        """The outcome of the rule: it differs if one check does, and was not seen if none of them was."""
        words = {finding.outcome.word for finding in self.findings}
        return "differs" if "differs" in words else "holds" if "holds" in words else "not-seen"


def by_rule(findings: Iterable[Finding]) -> list[RuleFinding]:
    """Return the findings of each rule together."""
    rules: dict[str, list[Finding]] = {}
    for finding in findings:
        rules.setdefault(finding.check.rule, []).append(finding)
    return [RuleFinding(rule, tuple(found)) for rule, found in rules.items()]
