"""The report of a run as a table for a terminal, as JSON, and as JUnit XML."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from textwrap import indent
from typing import Any, Final
from xml.etree import ElementTree

from mockscope._support.text import EXPLAIN
from mockscope.conformance.check import CheckResult, Report, RuleResult
from mockscope.conformance.outcome import Outcome, Verdict
from mockscope.conformance.policy import RULES

VERSION: Final = 1
# Replaces the host of the site in a report without exchanges.
NO_HOST: Final = "<site-host>"
# Each verdict in words, for one check and for several.
WORDS: Final[Mapping[Verdict, tuple[str, str]]] = {
    "holds": ("holds", "hold"),
    "differs": ("differs", "differ"),
    "not-seen": ("not seen", "not seen"),
}


def without_exchanges(report: Report) -> Report:
    """Return a copy of a report without requests, responses and the host of the site."""
    results = tuple(CheckResult(check, replace(outcome, exchanges=())) for check, outcome in report.results)
    return replace(report, host=NO_HOST, results=results)


def to_json(report: Report) -> str:
    """Render the report as JSON, in the format of docs/observations."""
    plain = {
        "mockscope_check": VERSION,
        "at": report.at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "level": report.level.label,
        "url": report.url,
        "site": report.host,
        "rules": [
            {
                "rule": rule.rule,
                "sentence": RULES[rule.rule],
                "outcome": rule.verdict,
                "checks": [_plain(result) for result in rule.results],
            }
            for rule in report.rules
        ],
        "policy": dict(report.policy),
    }
    return json.dumps(plain, indent=2, ensure_ascii=False) + "\n"


def _plain(result: CheckResult) -> dict[str, Any]:
    check, outcome = result
    return {
        "title": check.title,
        "outcome": outcome.verdict,
        "reason": outcome.reason,
        "switch": dict(outcome.switch),
        "exchanges": [
            {name: getattr(exchange, name) for name in ("method", "path", "status")}
            | {"text": str(exchange), "curl": exchange.curl}
            for exchange in outcome.exchanges
        ],
    }


def to_junit(report: Report) -> str:
    """Render the report as JUnit XML: a case for each check, skipped if it was not seen."""
    counts = Counter(result.outcome.verdict for result in report.results)
    suites = ElementTree.Element("testsuites")
    suite = ElementTree.SubElement(
        suites,
        "testsuite",
        name="mockscope check",
        timestamp=report.at.strftime("%Y-%m-%dT%H:%M:%S"),
        tests=str(len(report.results)),
        failures=str(counts["differs"]),
        errors="0",
        skipped=str(counts["not-seen"]),
    )
    for check, outcome in report.results:
        case = ElementTree.SubElement(suite, "testcase", classname=check.rule, name=check.title)
        rule = f"{check.rule}: {RULES[check.rule]}"
        if outcome.verdict == "differs":
            failure = ElementTree.SubElement(case, "failure", message=_in_xml(f"expected: {outcome.reason}"))
            failure.text = _in_xml("\n\n".join([rule, *_details(outcome)]))
        elif outcome.verdict == "not-seen":
            ElementTree.SubElement(case, "skipped", message=_in_xml(outcome.reason)).text = rule
    ElementTree.indent(suites)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(suites, encoding="unicode") + "\n"


def _in_xml(text: str) -> str:
    """Replace the characters that XML does not allow."""
    return "".join(sign if sign in "\t\n" or sign.isprintable() else "\ufffd" for sign in text)


def to_table(report: Report) -> str:
    """Render the report for a terminal: a line for each rule, then the differences, then the policy switches."""
    width = max((len(rule.rule) for rule in report.rules), default=0)
    lines = [
        f"{rule.rule:<{width}}  {WORDS[rule.verdict][0]:<8}  {RULES[rule.rule]} ({_summary_of(rule)})"
        for rule in report.rules
    ]
    for check, outcome in report.results:
        if outcome.verdict == "differs":
            lines += ["", f"{check.rule}: {check.title}", f"  expected: {outcome.reason}"]
            lines += [f"\n{indent(each, '  ')}" for each in _details(outcome)]
    if differing := [check.rule for check, outcome in report.results if outcome.verdict == "differs"]:
        lines += ["", EXPLAIN.format(id=differing[0])]
    if report.policy:
        lines += ["", "A mock with these switches answers like this server:"]
        lines += [f"  {switch}: {json.dumps(value)}" for switch, value in report.policy.items()]
    rules = len(report.rules)
    counts = _counted((rule.verdict for rule in report.rules), WORDS)
    return "\n".join([*lines, "", f"{report.level.label}: {rules} rule{'s' * (rules != 1)}: {counts}", ""])


def _summary_of(rule: RuleResult) -> str:
    if rule.verdict == "not-seen":
        return rule.results[0].outcome.reason
    found = [result.outcome.verdict for result in rule.results]
    return _counted(found, sorted(set(found)))


def _counted(found: Iterable[Verdict], words: Iterable[Verdict]) -> str:
    """Return the number of each verdict in words."""
    counts = Counter(found)
    return ", ".join(f"{counts[word]} {WORDS[word][counts[word] != 1]}" for word in words)


def _details(outcome: Outcome) -> Iterator[str]:
    for switch, value in outcome.switch.items():
        yield f"a mock answers like this with the switch {switch}: {json.dumps(value)}"
    for exchange in outcome.exchanges:
        yield f"{exchange}\n{exchange.curl}"
