"""Findings at the end of a test, of strict mode and of the contract."""

from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

from mockscope.instruments.call import Call
from mockscope.instruments.call_log import CallLog
from mockscope.instruments.faults import Faults
from mockscope.instruments.hints import HintTemplate
from mockscope.instruments.planned_change import PlannedChange

# For hints of strict mode: the place for which the contract reports the same mistake.
PLACES_BY_HINT: Final = {
    HintTemplate.CONTENT_TYPE_NOT_JSON.code: "header Content-Type",
    HintTemplate.BODY_IGNORED.code: "body",
    HintTemplate.TEST_MODE_ON_READ.code: "query test_mode",
    HintTemplate.EMAIL_NOT_IN_HEADER.code: "query email",
    # The document requires created_by_email in the body.
    HintTemplate.CREATE_BY_EMAIL.code: "body",
}
PARAMETERS: Final = {
    HintTemplate.PARAMETER_DRY_RUN.code,
    HintTemplate.PARAMETER_PAGING.code,
    HintTemplate.PARAMETER_UNKNOWN.code,
}


class Finding(NamedTuple):
    """A finding of strict mode, or a violation of the contract.

    Args:
        problem: the problem and its remedy.
        rule: the id of the violated rule; None for a planned fault.
        call: the call; None for a planned fault.
        where: the place in the request, e.g. ``body /groups/0`` or ``header Http-X-Email``. Only for the contract.
    """

    problem: str
    rule: str | None = None
    call: Call | None = None
    where: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the finding as plain data, as the control API shows it, with the id of the call."""
        return self._asdict() | {"call": self.call and self.call.id}

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        if self.call is None:
            return f"{place}{self.problem}"
        rule = f"{self.rule}, " if self.rule else ""
        return f"{self.call} ({rule}call {self.call.id}): {place}{self.problem}"


def collect_findings(calls: CallLog, faults: Faults) -> list[Finding]:
    """Return the findings of strict mode: calls that only worked by accident, and faults that were not used up.

    A planned change that was not made is also a finding.
    """
    accidental = [Finding(str(hint), hint.rule, call) for call in tuple(calls.accidental) for hint in call.hints]
    unused = [
        Finding(
            f"a planned change was not made: {planned}"
            if isinstance(planned, PlannedChange)
            else f"a planned fault was hit less often than planned: {planned}"
        )
        for planned in faults.unused()
    ]
    return [*accidental, *unused]


def drop_repeats(of_the_contract: Iterable[Finding]) -> list[Finding]:
    """Return the findings of the contract that strict mode does not already report for the same call."""
    return [finding for finding in of_the_contract if finding.call is None or not _is_repeated(finding, finding.call)]


def _is_repeated(finding: Finding, call: Call) -> bool:
    # Strict mode has no findings for a call that was refused.
    codes = {hint.code for hint in call.hints if call.rule is None}
    is_parameter = finding.rule == "HTTP-7" and (finding.where or "").startswith("query ")
    return finding.where in map(PLACES_BY_HINT.get, codes) or (is_parameter and not codes.isdisjoint(PARAMETERS))


def fail_on_findings(found: Mapping[str, Iterable[Finding]]) -> None:
    """Fail if there are findings.

    Args:
        found: the findings, by the place where they occurred.

    Raises:
        AssertionError: If there is a finding. The message names each call and rule.
    """
    __tracebackhide__ = True
    kinds: dict[str, list[str]] = {}
    for place, findings in found.items():
        for finding in findings:
            kind = "contract" if finding.where else "strict mode"
            kinds.setdefault(f"{kind}, {place}:", []).append(f"  {finding}")
    if kinds:
        raise AssertionError("\n".join(line for kind in kinds for line in (kind, *kinds[kind])))
