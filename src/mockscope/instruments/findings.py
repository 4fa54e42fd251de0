"""Strict mode: what a test did that the page does not promise to work, and what it planned and never met."""

from typing import NamedTuple

from mockscope.instruments.calls import Journal
from mockscope.instruments.entry import Entry
from mockscope.instruments.faults import Faults


class Finding(NamedTuple):
    """One thing that strict mode objects to.

    Args:
        problem: what, and what to do about it.
        rule: the rule under which the mock let it pass; None for a planned fault.
        call: the call; None for a planned fault.
    """

    problem: str
    rule: str | None = None
    call: Entry | None = None

    def __str__(self) -> str:
        where = f"{self.call} ({self.rule}, call {self.call.id}): " if self.call is not None else ""
        return f"{where}{self.problem}"


def findings(calls: Journal, faults: Faults) -> list[Finding]:
    """What strict mode objects to: successes that nobody promises, and planned faults that never came."""
    suspicious = [
        Finding(str(advice), advice.rule, call) for call in tuple(calls.suspicious) for advice in call.suspicions
    ]
    unused = [Finding(f"a planned fault never came: {fault}") for fault in faults.unused()]
    return [*suspicious, *unused]
