"""What came of a run, written down: a table for people, JSON, JUnit and HTML for what reads them."""

import json
from collections import Counter
from collections.abc import Iterator
from html import escape
from string import Template
from textwrap import indent
from typing import Any, Final
from xml.etree import ElementTree

from mockscope.checking.outcome import Finding, Outcome, RuleFinding
from mockscope.checking.run import Report
from mockscope.target import Exchange

VERSION: Final = 1
# Stands for the site's host in a report that is to be shown to others.
NO_HOST: Final = "<site-host>"
WORDS: Final = {"holds": "holds", "differs": "differs", "not-seen": "not seen"}
# What several of them do.
PLURALS: Final = {"differs": "differ", "holds": "hold", "not-seen": "not seen"}

PAGE: Final = Template("""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>mockscope check: $title</title>
<style>
body { font: 15px/1.45 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; color: #222; }
table { border-collapse: collapse; width: 100%; }
td:first-child { white-space: nowrap; }
td, th { text-align: left; vertical-align: top; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid #ddd; }
.holds { color: #176a2c; } .differs { color: #b00020; font-weight: bold; } .not-seen { color: #666; }
pre { background: #f5f5f5; padding: .6rem; overflow-x: auto; white-space: pre-wrap; word-break: break-word; }
</style>
</head>
<body>
<h1>mockscope check: $title</h1>
<p>$summary</p>
$policy<table>
<thead><tr><th>rule</th><th>check</th><th>outcome</th></tr></thead>
<tbody>
$rows</tbody>
</table>
</body>
</html>
""")


def to_json(report: Report, *, with_exchanges: bool = True) -> str:
    """The report as JSON, in the form of docs/observations."""
    return json.dumps(_plain(report, with_exchanges=with_exchanges), indent=2, ensure_ascii=False) + "\n"


def _plain(report: Report, *, with_exchanges: bool) -> dict[str, Any]:
    return {
        "mockscope_check": VERSION,
        "at": report.at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "level": report.level.word,
        "url": report.url,
        "site": report.host if with_exchanges else NO_HOST,
        "rules": [
            {
                "rule": rule.rule,
                "outcome": rule.word,
                "checks": [_plain_finding(finding, with_exchanges=with_exchanges) for finding in rule.findings],
            }
            for rule in report.rules
        ],
        "policy": dict(report.policy),
    }


def _plain_finding(finding: Finding, *, with_exchanges: bool) -> dict[str, Any]:
    row, outcome = finding
    exchanges = outcome.exchanges if with_exchanges else ()
    return {
        "title": row.title,
        "outcome": outcome.word,
        "reason": outcome.reason,
        "switch": dict(outcome.switch),
        "exchanges": [
            {
                "method": exchange.method,
                "path": exchange.path,
                "status": exchange.status,
                "text": str(exchange),
                "curl": exchange.curl(),
            }
            for exchange in exchanges
        ],
    }


def to_junit(report: Report, *, with_exchanges: bool = True) -> str:
    """The report as JUnit's XML: a case for each check, skipped where it was not seen."""
    counts: Counter[str] = Counter(finding.outcome.word for finding in report.findings)
    suite = ElementTree.Element(
        "testsuite",
        name="mockscope check",
        timestamp=report.at.strftime("%Y-%m-%dT%H:%M:%S"),
        tests=str(len(report.findings)),
        failures=str(counts["differs"]),
        errors="0",
        skipped=str(counts["not-seen"]),
    )
    for row, outcome in report.findings:
        case = ElementTree.SubElement(suite, "testcase", classname=row.rule, name=row.title)
        if outcome.word == "differs":
            failure = ElementTree.SubElement(case, "failure", message=_printable(f"expected: {outcome.reason}"))
            exchanges = map(_shown, outcome.exchanges if with_exchanges else ())
            failure.text = _printable("\n\n".join([*_remedies(outcome), *exchanges]))
        elif outcome.word == "not-seen":
            ElementTree.SubElement(case, "skipped", message=_printable(outcome.reason))
    suites = ElementTree.Element("testsuites")
    suites.append(suite)
    ElementTree.indent(suites)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(suites, encoding="unicode") + "\n"


def _printable(text: str) -> str:
    """The text without what XML can't hold."""
    return "".join(sign if sign in "\t\n" or sign.isprintable() else "\ufffd" for sign in text)


def to_html(report: Report, *, with_exchanges: bool = True) -> str:
    """The report as one page that needs nothing else."""
    site = report.host if with_exchanges else NO_HOST
    policy = "".join(f"<li><code>{escape(line)}</code></li>\n" for line in _switches(report))
    return PAGE.substitute(
        title=escape(f"{site} at {report.url}"),
        summary=escape(f"{report.at:%Y-%m-%d %H:%M} UTC, level {report.level.word}: {summary(report)}"),
        policy=f"<p>Switches for a mock that answers like this server:</p>\n<ul>\n{policy}</ul>\n" if policy else "",
        rows="".join(_html_row(finding, with_exchanges=with_exchanges) for finding in report.findings),
    )


def _html_row(finding: Finding, *, with_exchanges: bool) -> str:
    row, outcome = finding
    said = f"expected: {outcome.reason}" if outcome.word == "differs" else outcome.reason
    detail = "".join(f"<br>{escape(line)}" for line in (said, *_remedies(outcome)) if line)
    detail += "".join(
        f"<pre>{escape(_shown(exchange))}</pre>" for exchange in (outcome.exchanges if with_exchanges else ())
    )
    word = WORDS[outcome.word]
    return (
        f"<tr><td>{escape(row.rule)}</td><td>{escape(row.title)}{detail}</td>"
        f'<td class="{outcome.word}">{word}</td></tr>\n'
    )


def table(report: Report, *, with_exchanges: bool = True) -> str:
    """The report for a terminal: a line for each rule, then what differs, then what to make of it."""
    width = max((len(rule.rule) for rule in report.rules), default=0)
    lines = [f"{rule.rule:<{width}}  {WORDS[rule.word]:<8}  {_said(rule)}" for rule in report.rules]
    for finding in report.findings:
        if finding.outcome.word == "differs":
            lines += ["", *_told(finding, with_exchanges=with_exchanges)]
    if switches := list(_switches(report)):
        lines += ["", "A mock with these switches answers like this server:", *(f"  {line}" for line in switches)]
    return "\n".join([*lines, "", f"{report.level.word}: {summary(report)}", ""])


def summary(report: Report) -> str:
    """How many rules hold, differ, and were not seen."""
    counts: Counter[str] = Counter(rule.word for rule in report.rules)
    rules = len(report.rules)
    told = [f"{counts[word]} {(WORDS if counts[word] == 1 else PLURALS)[word]}" for word in WORDS]
    return f"{rules} rule{'s' * (rules != 1)}: {', '.join(told)}"


def _said(rule: RuleFinding) -> str:
    if rule.word == "not-seen":
        return rule.findings[0].outcome.reason
    counts: Counter[str] = Counter(finding.outcome.word for finding in rule.findings)
    return ", ".join(
        f"{counts[word]} {(WORDS if counts[word] == 1 else PLURALS)[word]}" for word in PLURALS if counts[word]
    )


def _told(finding: Finding, *, with_exchanges: bool) -> Iterator[str]:
    row, outcome = finding
    yield f"{row.rule}: {row.title}"
    yield f"  expected: {outcome.reason}"
    yield from (f"  {line}" for line in _remedies(outcome))
    for exchange in outcome.exchanges if with_exchanges else ():
        yield ""
        yield indent(_shown(exchange), "  ")


def _remedies(outcome: Outcome) -> Iterator[str]:
    """The switches under which mockscope answers like this."""
    for switch, value in outcome.switch.items():
        yield f"a mock answers like this with the switch {switch}: {json.dumps(value)}"


def _shown(exchange: Exchange) -> str:
    return f"{exchange}\n{exchange.curl()}"


def _switches(report: Report) -> Iterator[str]:
    return (f"{switch}: {json.dumps(value)}" for switch, value in report.policy.items())
