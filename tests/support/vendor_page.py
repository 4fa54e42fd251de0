"""The facts of the vendor's page, from docs/page.yaml.

With a copy of the page, `python tests/support/vendor_page.py FILE` compares the quotations with it. The claims of
mockscope itself are in tests/support/page_claims.py.
"""

import html
import re
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final

import msgspec

from support.yaml_documents import load_yaml

PAGE: Final = Path(__file__).resolve().parents[2] / "docs/page.yaml"
# Inline tags stand inside words, the others between words.
INLINE: Final = re.compile(r"</?(?:b|i|code|small)>", re.IGNORECASE)
TAG: Final = re.compile(r"</?(?:a|br|div|hr|li|table|tbody|td|th|thead|tr|ul)\b[^>]*>", re.IGNORECASE)
EVERY: Final = "every operation "
IS: Final = re.compile(r"(\w+) is (?:GET|POST|PUT|DELETE) ")


class Fact(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A sentence, a cell or an example of the page, with its rules. The keys are explained in docs/page.yaml."""

    id: str
    line: int | tuple[int, int]
    quote: str
    claims: tuple[str, ...] = ()
    shows: dict[str, Any] = {}
    states: tuple[str, ...] = ()
    suggests: tuple[str, ...] = ()

    @property
    def lines(self) -> range:
        """The lines of the page's source, counted from 1."""
        first, last = (self.line, self.line) if isinstance(self.line, int) else self.line
        return range(first, last + 1)

    @property
    def place(self) -> str:
        """The lines in words, like "lines 3 to 5"."""
        return _place(self.lines)


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A heading of the page and the facts under it."""

    heading: str
    line: int
    facts: tuple[Fact, ...]


class Decision(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Facts that contradict each other, or that mockscope does not follow, and the decision."""

    id: str
    between: tuple[str, ...]
    says: str
    reading: str
    rule: str


class Page(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The content of docs/page.yaml."""

    shapes: dict[str, Any]
    sections: tuple[Section, ...]
    contradictions: tuple[Decision, ...]
    departures: tuple[Decision, ...]
    ours: dict[str, str]
    remarks: tuple[str, ...]
    layout: tuple[str, ...]

    @property
    def facts(self) -> list[Fact]:
        """All facts, in the page's order."""
        return [fact for section in self.sections for fact in section.facts]

    @property
    def decisions(self) -> list[Decision]:
        """All contradictions and departures."""
        return [*self.contradictions, *self.departures]

    @property
    def operations(self) -> list[str]:
        """The names of the operations, as mockscope calls them."""
        return [match[1] for fact in self.facts for claim in fact.claims if (match := IS.match(claim))]

    @property
    def claims(self) -> dict[str, list[Fact]]:
        """Return the claims of the page, each with its facts."""
        found: dict[str, list[Fact]] = {}
        for fact in self.facts:
            for claim in self._claims_of(fact):
                found.setdefault(claim, []).append(fact)
        return found

    def _claims_of(self, fact: Fact) -> Iterator[str]:
        for claim in fact.claims:
            yield from per_operation(claim, self.operations)
        for operation, shape in fact.shows.items():
            yield from shape_claims(operation, shape)


@cache
def read_page(path: Path = PAGE) -> Page:
    """Return the content of docs/page.yaml.

    Raises:
        msgspec.ValidationError: If the file does not have the form that its first lines describe.
    """
    return msgspec.convert(load_yaml(path.read_text(encoding="utf-8")), Page)


def per_operation(claim: str, operations: Iterable[str]) -> list[str]:
    """Return a claim about every operation as one claim for each; another claim stays alone."""
    return [f"{each} {claim.removeprefix(EVERY)}" for each in operations] if claim.startswith(EVERY) else [claim]


def shape_claims(operation: str, shape: Any, place: str = "") -> Iterator[str]:
    """Return the claims of a shape: the order of keys, and the types of values. A tuple holds alternative shapes."""
    if isinstance(shape, dict):
        yield f"{operation} orders {place or 'its answer'}: {', '.join(shape)}"
        for key, value in shape.items():
            yield from shape_claims(operation, value, f"{place}.{key}" if place else key)
    elif isinstance(shape, list):
        for item in shape:
            yield from shape_claims(operation, item, f"{place}[]")
    elif isinstance(shape, tuple):
        for either in shape:
            yield from shape_claims(operation, either, place)
    else:
        yield f"{operation} shows {place}: {shape}"


# -- comparison with a copy of the page ----------------------------------------------------------------------


def wrong_quotations(page: Page, source: str) -> list[str]:
    """Return the headings and quotations that are not at their place in a copy of the page."""
    lines = source.splitlines()
    found = [
        (f"the heading {section.heading}", range(section.line, section.line + 1), section.heading)
        for section in page.sections
    ]
    found += [(fact.id, fact.lines, fact.quote) for fact in page.facts]
    return [
        f"{name} is not at {_place(place)}"
        for name, place, quote in found
        if quote not in plain(" ".join(lines[place.start - 1 : place.stop - 1]))
    ]


def uncovered_lines(page: Page, source: str) -> list[str]:
    """Return the lines of a copy of the page that are not in a fact, in the layout, or in a remark."""
    covered = {number for fact in page.facts for number in fact.lines} | {section.line for section in page.sections}
    return [
        f"line {number}: {text}"
        for number, line in enumerate(source.splitlines(), start=1)
        if number not in covered
        and (text := plain(line)) not in ("", *page.layout)
        and not text.startswith(page.remarks)
    ]


def plain(source: str) -> str:
    """Return the text of HTML source."""
    return re.sub(r"\s+", " ", html.unescape(TAG.sub(" ", INLINE.sub("", source)))).strip()


def _place(lines: range) -> str:
    return f"line {lines.start}" if len(lines) == 1 else f"lines {lines.start} to {lines.stop - 1}"


def main(file: str) -> int:
    """Compare the facts with a copy of the page; return 1 if they differ."""
    source = Path(file).read_text(encoding="utf-8")
    problems = wrong_quotations(read_page(), source) + uncovered_lines(read_page(), source)
    sys.stdout.writelines(f"{problem}\n" for problem in problems)
    return bool(problems)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
