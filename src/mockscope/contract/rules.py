"""The rules of docs/rules.yaml with the words of the vendor's page, and the hints: for programs and as text."""

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from string import Formatter
from textwrap import wrap
from typing import Any, Final, NamedTuple

import msgspec

from mockscope._support.suggestions import find_nearest
from mockscope.contract.document import packaged_file, parse_yaml
from mockscope.domain.policy import Policy
from mockscope.instruments.hints import HintTemplate

WIDTH: Final = 100
INDENT: Final = "  "


class Quotation(NamedTuple):
    """The vendor's words about a rule.

    Args:
        basis: "stated" if the words state the rule, "inferred" if the rule is inferred from them.
        section: The heading on the vendor's page.
        text: The words.
    """

    basis: str
    section: str
    text: str


class Rule(NamedTuple):
    """A rule of the contract.

    Args:
        family: The heading above the rule.
        id: The id, which never changes.
        summary: The sentence of `mockscope check`, without a full stop.
        sentence: The behaviour of mockscope.
        basis: The part of the rule that has each basis; an empty text if the whole rule has it.
        policy: The names of the policy switches that change the behaviour.
    """

    family: str
    id: str
    summary: str
    sentence: str
    basis: Mapping[str, str]
    policy: tuple[str, ...]

    @property
    def quotations(self) -> list[Quotation]:
        """The words of the vendor's page about the rule, in the order of the page."""
        return _quotations().get(self.id, [])

    def as_dict(self) -> dict[str, Any]:
        """Return the rule as plain data, as the control API shows it."""
        return {
            "id": self.id,
            "family": self.family,
            "summary": self.summary,
            "sentence": self.sentence,
            "basis": [{"word": word, "part": part} for word, part in self.basis.items()],
            "policy": list(self.policy),
            "quotations": [quotation._asdict() for quotation in self.quotations],
        }


@cache
def read_rules() -> tuple[Rule, ...]:
    """Return the rules in the order of docs/rules.yaml."""
    return tuple(
        Rule(
            family,
            row["id"],
            row["summary"],
            row["sentence"].strip(),
            {row["basis"]: ""} if isinstance(row["basis"], str) else row["basis"],
            tuple(row.get("policy", ())),
        )
        for family, rows in _load("rules.yaml").items()
        for row in rows
    )


def hint_as_dict(hint: HintTemplate) -> dict[str, Any]:
    """Return a hint of the catalogue as plain data. Words in angle brackets stand for parts of a request."""
    return {"code": hint.code, "cause": _shown(hint.cause), "remedy": _shown(hint.remedy), "rule": hint.rule}


def explain(id: str) -> str:
    """Return a rule or a hint as a text of several lines.

    Args:
        id: The id of a rule, or the code of a hint, in any case.

    Raises:
        LookupError: If the rule or hint is unknown. The message has the nearest id.
    """
    name = id.strip().lower()
    rules = {rule.id.lower(): rule for rule in read_rules()}
    hints = {hint.code: hint for hint in HintTemplate}
    if name in rules:
        return "\n".join(_rule_lines(rules[name]))
    if name in hints:
        return "\n".join(_hint_lines(hints[name]))
    guess = find_nearest(name, [*(rule.id for rule in rules.values()), *hints])
    known = f"did you mean {guess}?" if guess else "a rule is named like USER-CREATE-2, a hint like user-unknown"
    raise LookupError(f"there is no rule or hint {id!r}; {known}")


def _rule_lines(rule: Rule) -> Iterator[str]:
    yield f"{rule.id}: {rule.summary}"
    yield ""
    yield from wrap(rule.sentence, WIDTH, break_on_hyphens=False)
    yield from ("", "Basis:")
    for word, part in rule.basis.items():
        yield from _item(f"{word}: {part}" if part else word)
    if rule.quotations:
        yield from ("", "The vendor's page:")
        for each in rule.quotations:
            yield from _item(f"{each.text} ({each.section}; {each.basis})")
    if rule.policy:
        yield from ("", "Policy switches:")
        described = msgspec.json.schema(Policy)["$defs"]["Policy"]["properties"]
        for switch in rule.policy:
            yield from _item(f"{switch}: {described[switch]['description']} Default: {_value(described[switch])}.")


def _hint_lines(hint: HintTemplate) -> Iterator[str]:
    yield f"{hint.code}: a hint"
    yield ""
    yield from wrap(f"Cause: {_shown(hint.cause)}", WIDTH, subsequent_indent=INDENT, break_on_hyphens=False)
    yield from wrap(f"Remedy: {_shown(hint.remedy)}", WIDTH, subsequent_indent=INDENT, break_on_hyphens=False)
    if hint.rule is not None:
        yield from ("", f"By {hint.rule} such a request may succeed, although the vendor's page does not promise it.")


def _value(switch: Mapping[str, Any]) -> str:
    """Return the default of a policy switch, as JSON has it."""
    return msgspec.json.encode(switch["default"]).decode().strip('"')


def _item(text: str) -> list[str]:
    return wrap(text, WIDTH, initial_indent=f"{INDENT}- ", subsequent_indent=INDENT * 2, break_on_hyphens=False)


def _shown(template: str) -> str:
    """Return a template of a hint with the names of its fields. A suggestion of a name is left out."""
    names = {name: f"<{name}>" for _, name, _, _ in Formatter().parse(template) if name}
    return template.format(**names | {"nearest": ""})


@cache
def _quotations() -> dict[str, list[Quotation]]:
    found: dict[str, list[Quotation]] = {}
    for section in _load("page.yaml")["sections"]:
        for fact in section["facts"]:
            for basis, key in (("stated", "states"), ("inferred", "suggests")):
                for rule in fact.get(key, ()):
                    found.setdefault(rule, []).append(Quotation(basis, section["heading"], fact["quote"].strip()))
    return found


def _load(name: str) -> Any:
    return parse_yaml(packaged_file(name, Path("docs")))
