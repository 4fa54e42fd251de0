"""The sites of a report file, in a registry: what the control API reads of them is what the report has."""

from collections.abc import Iterator
from typing import Any, Final

from mockscope._support.timestamps import parse_time
from mockscope.instruments.call import Call
from mockscope.instruments.call_log import CallLog
from mockscope.instruments.clock import EPOCH, MICROSECOND, Clock
from mockscope.instruments.faults import Faults
from mockscope.instruments.findings import Finding
from mockscope.instruments.redaction import Redactor
from mockscope.seeds.files import load_seed
from mockscope.seeds.plan import NO_PLAN
from mockscope.sites.mock_site import MockSite
from mockscope.sites.registry import SiteRegistry
from mockscope.sites.report_file import ClockReport, Plain, Report, ReportError, SiteReport
from mockscope.sites.site_handle import SiteSnapshot

# The redactor of reported calls, in which all keys are redacted.
REDACTOR: Final = Redactor()


def add_reported_sites(registry: SiteRegistry, report: Report) -> None:
    """Add the sites of a report, and its calls that reached no site, to an empty registry.

    Raises:
        ReportError: If the report is damaged.
    """
    at = "sites"
    try:
        handles = {}
        for place, each in enumerate(report.sites):
            at = f"sites[{place}]"
            handle = ReportedSite(registry, each)
            handles[handle.domain_site] = handle
        registry.add(handles)
        at = "calls"
        registry.calls = ReportedCalls("the server", registry.clock, report.calls)
        at = "time"
        registry.clock = _fixed_clock(ClockReport(report.time, frozen=False, autojump=False))
    except (ValueError, LookupError, TypeError) as error:
        raise ReportError(f"it is damaged: {at}: {error}") from None
    registry.report = report.summary()


class ReportedSite(MockSite):
    """A site of a report. Its records are those of a seed, and the rest is plain data.

    Args:
        registry: the registry of the site.
        report: the report.

    Raises:
        ValueError: If the report is damaged.
    """

    def __init__(self, registry: SiteRegistry, report: SiteReport) -> None:
        [(self.domain_site, _)] = load_seed(report.records)
        super().__init__(self.domain_site, registry, NO_PLAN)
        self.label, self.strict, self.contract = report.label, report.strict, report.contract
        place = f"the site {self.host}"
        self.clock = _fixed_clock(report.clock)
        self.calls = ReportedCalls(place, self.clock, report.calls)
        self.faults = ReportedFaults(place, self.clock, report.faults)
        self._api_key = report.api_key
        self._changes = report.changes
        calls = {call.id: call for call in self.calls}
        self._findings = [
            # The call may have been discarded before the report.
            Finding(**each | {"call": each["call"] and calls.get(each["call"], Call(each["call"], "", ""))})
            for each in report.findings
        ]

    @property
    def api_key(self) -> str:
        """The redacted key of the site in the report."""
        return self._api_key

    def changes(self, since: SiteSnapshot | str | None = None) -> list[dict[str, Any]]:
        """Return the records that differed from the first state of the site."""
        return super().changes(since) if since is not None else self._changes

    def findings(self) -> list[Finding]:
        """Return the findings of strict mode and of the contract."""
        return self._findings

    def active_findings(self) -> list[Finding]:
        """Return the findings that failed the test."""
        return [finding for finding in self._findings if self.strict or finding.where]


class ReportedCalls(CallLog):
    """The calls of a report. Those that were in progress stay so, and are not waited for."""

    def __init__(self, place: str, clock: Clock, calls: list[Plain]) -> None:
        super().__init__(place, clock, redactor=REDACTOR)
        self._reported = [Call.from_dict(call, REDACTOR) for call in calls]

    def settled(self, timeout: float = 0.0) -> list[Call]:
        """Return all calls."""
        return self._reported


class ReportedFaults(Faults):
    """The planned faults, rate limits and changes of a report. They are only shown."""

    def __init__(self, place: str, clock: Clock, faults: list[Plain]) -> None:
        super().__init__(place, clock)
        self._reported = [ReportedFault(fault) for fault in faults]

    def __len__(self) -> int:
        return len(self._reported)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._reported)


class ReportedFault:
    """A planned fault, rate limit or change of a report."""

    def __init__(self, fault: Plain) -> None:
        self.id = fault["id"]
        self._fault = fault

    def as_dict(self) -> dict[str, Any]:
        """Return the fault as plain data."""
        return self._fault


def _fixed_clock(report: ClockReport) -> Clock:
    moment = (parse_time(report.now) - EPOCH) // MICROSECOND * 1000
    clock = Clock(source=lambda: moment)
    if report.frozen:
        clock.freeze(autojump=report.autojump)
    return clock
