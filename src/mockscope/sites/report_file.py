"""Report files: the state of sites at the end of a failed test, which `mockscope show` opens."""

from collections.abc import Iterable, Iterator
from os import PathLike
from pathlib import Path
from typing import Any, Final

import msgspec

from mockscope import __version__, codec
from mockscope._support import atomic_file
from mockscope._support.arguments import check_type
from mockscope.contract.rules import read_rules
from mockscope.instruments.call import Call
from mockscope.instruments.clock import Clock
from mockscope.instruments.redaction import mask
from mockscope.seeds import format as seed_format
from mockscope.sites.protocols import SiteAPI

FORMAT: Final = "mockscope report"
FORMAT_VERSION: Final = 1

Plain = dict[str, Any]


class ReportError(ValueError):
    """A file is not a report that this version can read."""


class ClockReport(msgspec.Struct):
    """The clock of a site."""

    now: str
    frozen: bool
    autojump: bool


class SiteReport(msgspec.Struct):
    """A site: its records as a seed, the rest as the control API shows it."""

    host: str
    api_key: str
    label: str
    strict: bool
    contract: bool
    clock: ClockReport
    calls: list[Plain]
    changes: list[Plain]
    faults: list[Plain]
    findings: list[Plain]
    records: Plain


class Report(msgspec.Struct):
    """The content of a report file. ``calls`` are those that reached no site, ``rules`` those that the calls name."""

    format: str
    version: int
    mockscope: str
    test: str
    time: str
    sites: list[SiteReport]
    calls: list[Plain]
    rules: list[Plain]

    def summary(self) -> Plain:
        """Return the test, the time of the report and the versions."""
        return {"test": self.test, "time": self.time, "mockscope": self.mockscope, "version": self.version}


class _Head(msgspec.Struct):
    """The fields that each version of the format has."""

    format: str
    version: int
    mockscope: str


def save_report(
    path: str | PathLike[str], sites: Iterable[SiteAPI], *, test: str = "", calls: Iterable[Call] = ()
) -> None:
    """Write a report file of sites, for `mockscope show`. API keys are redacted.

    Args:
        path: the path of the file, which is replaced as a whole. Its folder is made if necessary.
        sites: the sites.
        test: the id of the test.
        calls: calls that reached no site.

    Raises:
        OSError: If the file cannot be written.
        ValueError: If the path is not a path.
    """
    check_type("path", path, str | PathLike)
    check_type("test", test, str)
    sites = list(sites)
    reported = [_report_site(site) for site in sites]
    unrouted = [call.as_dict() for call in calls]
    named = {id for shown in (unrouted, *(site.calls for site in reported)) for call in shown for id in _rules_of(call)}
    report = Report(
        FORMAT,
        FORMAT_VERSION,
        __version__,
        test,
        Clock().as_dict()["now"],
        reported,
        unrouted,
        [rule.as_dict() for rule in read_rules() if rule.id in named],
    )
    content = codec.encode(report)
    # Calls are redacted already. Records and faults may have a key too.
    for redactor in dict.fromkeys(site.calls.redactor for site in sites):
        content = redactor.redact_bytes(content)
    file = Path(path)
    file.parent.mkdir(parents=True, exist_ok=True)
    atomic_file.write(file, content)


def parse_report(content: bytes) -> Report:
    """Parse the content of a report file.

    Raises:
        ReportError: If it is not a report, or of a newer format.
    """
    try:
        head = msgspec.json.decode(content, type=_Head)
    except msgspec.DecodeError as error:
        raise ReportError(f"it is not a report of mockscope: {error}") from None
    except RecursionError:
        raise ReportError("it is not a report of mockscope: it is nested too deeply") from None
    if head.format != FORMAT:
        raise ReportError(f"it is not a report of mockscope: its format is {head.format!r}")
    if head.version != FORMAT_VERSION:
        raise ReportError(
            f"version {head.version} of the format is not known to mockscope {__version__}, which knows version "
            f"{FORMAT_VERSION}: use mockscope {head.mockscope}, which wrote it, or a later one"
        )
    try:
        return msgspec.json.decode(content, type=Report)
    except msgspec.ValidationError as error:
        raise ReportError(f"it is damaged: {error}") from None


def _report_site(site: SiteAPI) -> SiteReport:
    # First, because it waits for the calls in progress.
    calls = [call.as_dict() for call in site.calls]
    [records] = site.export()["sites"]
    del records["api_key"]
    return SiteReport(
        site.host,
        mask(site.api_key),
        site.label,
        site.strict,
        site.contract,
        ClockReport(**site.clock.as_dict()),
        calls,
        site.changes(),
        [_mask_key(fault.as_dict()) for fault in site.faults],
        [finding.as_dict() for finding in site.findings()],
        {"mockscope": seed_format.FORMAT_VERSION, "sites": [records]},
    )


def _mask_key(planned: Plain) -> Plain:
    # A short key is redacted only where it is known to be one.
    return planned | {"api_key": mask(planned["api_key"])} if "api_key" in planned else planned


def _rules_of(call: Plain) -> Iterator[str | None]:
    yield call["rule"]
    yield from (hint["rule"] for hint in (call["hint"], *call["hints"]) if hint)
