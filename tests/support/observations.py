"""The reports of `mockscope check` in docs/observations: what users observed on the real service.

A report about another host than the vendor's is refused, not skipped, because it proves nothing.
"""

import re
from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Final, Literal, NamedTuple
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from mockscope import Policy
from mockscope._vendor import VENDOR_HOSTS
from support.paths import ROOT

FOLDER: Final = ROOT / "docs/observations"
# AUTH-4: the shape of the keys that the vendor gives out.
KEY: Final = re.compile(r"(?i)(?<![0-9a-f-])[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{8}(?![0-9a-f])")


class ReportRefused(ValueError):
    """A file is not a report of an observation. The message gives the file and the reason."""


class Outcome(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The outcome of one rule in a report."""

    rule: Annotated[str, Meta(description="the rule's id")]
    sentence: Annotated[str, Meta(description="what the rule says, in one sentence; it may be missing")] = ""
    outcome: Annotated[
        Literal["holds", "differs", "not-seen"], Meta(description="`holds`, `differs`, or `not-seen` at this level")
    ]
    checks: Annotated[
        list[dict[str, Any]], Meta(description="what was asked for it, with the exchange where it differs")
    ]


class Report(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A report, as `mockscope check --report json` writes it."""

    mockscope_check: Annotated[Literal[1], Meta(description="the version of this format: `1`")]
    at: Annotated[str, Meta(description="when it was made, in UTC: `2026-01-31T12:00:00Z`")]
    level: Annotated[Literal["read-only", "dry-run", "full"], Meta(description="`read-only`, `dry-run` or `full`")]
    url: Annotated[str, Meta(description="which server it is about: `https://` and one of the vendor's two hosts")]
    site: Annotated[str, Meta(description="the site's name; you may put another one in its place")]
    rules: Annotated[list[Outcome], Meta(description="one row for each rule, as below")]
    policy: Annotated[
        dict[str, Any],
        Meta(description="the [switches](../seed-format.md#policy-switches) that the service's answers ask for"),
    ]


class Observation(NamedTuple):
    """The outcome of one rule in one report."""

    rule: str
    differs: bool
    date: str
    file: str


@cache
def read_observations(rules: frozenset[str], folder: Path = FOLDER) -> list[Observation]:
    """Return the observations of all reports in a folder, the oldest first.

    Raises:
        ReportRefused: If a report is about a mock, holds a key, names an unknown rule, or is not a report.
    """
    found = [
        Observation(row.rule, row.outcome == "differs", moment.date().isoformat(), path.name)
        for path in sorted(folder.glob("*.json"))
        for report, moment in [_report(path, rules)]
        for row in report.rules
        if row.outcome != "not-seen"
    ]
    return sorted(found, key=lambda seen: (seen.date, seen.file))


def render_observations(observations: Sequence[Observation], rule: str) -> str:
    """Return the dates of the observations of a rule with links to the reports, or an empty string."""
    seen = [
        f"{'differs ' if each.differs else ''}on {each.date} ([report](observations/{each.file}))"
        for each in observations
        if each.rule == rule
    ]
    return ", ".join(seen)


def _report(path: Path, rules: Collection[str]) -> tuple[Report, datetime]:
    try:
        text = path.read_text(encoding="utf-8")
        if key := KEY.search(text):
            raise ReportRefused(f"it holds what looks like an API key ({key[0][:4]}…): take it out, and rotate the key")
        report = msgspec.json.decode(text, type=Report)
        _validate(report, rules)
        return report, _moment(report.at)
    except (ValueError, msgspec.DecodeError) as error:
        raise ReportRefused(f"{path.name}: {error}") from None


def _validate(report: Report, rules: Collection[str]) -> None:
    parts = urlsplit(report.url)
    if parts.scheme != "https" or parts.hostname not in VENDOR_HOSTS or parts.port not in (None, 443):
        hosts = " or ".join(VENDOR_HOSTS)
        raise ReportRefused(f"it is about {report.url}; only the real service is observed: https at {hosts}")
    named = [row.rule for row in report.rules]
    if unknown := [rule for rule in named if rule not in rules]:
        raise ReportRefused(f"there is no rule {unknown[0]}")
    if repeated := [rule for rule in named if named.count(rule) > 1]:
        raise ReportRefused(f"the rule {repeated[0]} is named more than once")
    Policy().with_changes(**report.policy)


def _moment(at: str) -> datetime:
    moment = datetime.fromisoformat(at)
    if moment.utcoffset() != timedelta(0):
        raise ReportRefused(f"{at} is not a time in UTC")
    return moment.astimezone(UTC)
