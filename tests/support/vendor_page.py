"""The facts of the vendor's page, from docs/page.yaml.

With a copy of the page, `python tests/support/vendor_page.py FILE` compares the quotations with it. The claims of
mockscope itself are in tests/page/claims.py.
"""

import html
import re
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final

import msgspec
import yaml

PAGE: Final = Path(__file__).resolve().parents[2] / "docs/page.yaml"
# Of a tag in the page's source some stand between words and some inside.
INLINE: Final = re.compile(r"</?(?:b|i|code|small)>", re.IGNORECASE)
TAG: Final = re.compile(r"</?(?:a|br|div|hr|li|table|tbody|td|th|thead|tr|ul)\b[^>]*>", re.IGNORECASE)
EVERY: Final = "every operation "
IS: Final = re.compile(r"(\w+) is (?:GET|POST|PUT|DELETE) ")


class Fact(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A sentence, a cell or an example of the page, and the rules that stand on it."""

    id: str
    line: int | tuple[int, int]
    quote: str
    claims: tuple[str, ...] = ()
    shows: dict[str, Any] = {}
    states: tuple[str, ...] = ()
    suggests: tuple[str, ...] = ()

    @property
    def lines(self) -> range:
        """The lines of the page's source that it takes up, counted from 1."""
        first, last = (self.line, self.line) if isinstance(self.line, int) else self.line
        return range(first, last + 1)

    @property
    def place(self) -> str:
        """The same for people."""
        return _place(self.lines)


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A heading of the page, and what stands under it."""

    heading: str
    line: int
    facts: tuple[Fact, ...]


class Dispute(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Facts that do not go together, or that mockscope does not follow, and how it was settled."""

    id: str
    between: tuple[str, ...]
    says: str
    reading: str
    rule: str


class Page(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """docs/page.yaml."""

    shapes: dict[str, Any]
    sections: tuple[Section, ...]
    contradictions: tuple[Dispute, ...]
    departures: tuple[Dispute, ...]
    ours: dict[str, str]
    remarks: tuple[str, ...]
    layout: tuple[str, ...]

    @property
    def facts(self) -> list[Fact]:
        """All facts, in the page's order."""
        return [fact for section in self.sections for fact in section.facts]

    @property
    def disputes(self) -> list[Dispute]:
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
            yield from spread(claim, self.operations)
        for operation, shape in fact.shows.items():
            yield from shown(operation, shape)


@cache
def read_page(path: Path = PAGE) -> Page:
    """The facts, in the page's order.

    Raises:
        msgspec.ValidationError: the file is not in the form that its head describes.
    """
    return msgspec.convert(yaml.safe_load(path.read_text(encoding="utf-8")), Page)


def spread(claim: str, operations: Iterable[str]) -> list[str]:
    """A claim about every operation as one about each."""
    return [f"{each} {claim.removeprefix(EVERY)}" for each in operations] if claim.startswith(EVERY) else [claim]


def shown(operation: str, shape: Any, place: str = "") -> Iterator[str]:
    """Return the claims of a shape: the order of keys, and the types of values. A tuple holds alternative shapes."""
    if isinstance(shape, dict):
        yield f"{operation} orders {place or 'its answer'}: {', '.join(shape)}"
        for key, value in shape.items():
            yield from shown(operation, value, f"{place}.{key}" if place else key)
    elif isinstance(shape, list):
        for item in shape:
            yield from shown(operation, item, f"{place}[]")
    elif isinstance(shape, tuple):
        for either in shape:
            yield from shown(operation, either, place)
    else:
        yield f"{operation} shows {place}: {shape}"


# -- the page itself, where somebody has it ----------------------------------------------------------------------


def misquoted(page: Page, source: str) -> list[str]:
    """The headings and quotations that do not stand where they are said to."""
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


def passed_over(page: Page, source: str) -> list[str]:
    """The lines of the page of which no fact speaks, and which are neither layout nor a remark."""
    spoken = {number for fact in page.facts for number in fact.lines} | {section.line for section in page.sections}
    return [
        f"line {number}: {text}"
        for number, line in enumerate(source.splitlines(), start=1)
        if number not in spoken
        and (text := plain(line)) not in ("", *page.layout)
        and not text.startswith(page.remarks)
    ]


def plain(source: str) -> str:
    """The text of the page's source, without its markup."""
    return re.sub(r"\s+", " ", html.unescape(TAG.sub(" ", INLINE.sub("", source)))).strip()


def _place(lines: range) -> str:
    return f"line {lines.start}" if len(lines) == 1 else f"lines {lines.start} to {lines.stop - 1}"


def main(file: str) -> int:
    """Hold the facts against a copy of the page; the exit status says whether they fit."""
    source = Path(file).read_text(encoding="utf-8")
    problems = misquoted(read_page(), source) + passed_over(read_page(), source)
    sys.stdout.writelines(f"{problem}\n" for problem in problems)
    return bool(problems)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
