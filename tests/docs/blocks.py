"""The documents of the project, taken apart: fenced blocks, tables and headings."""

import re
from typing import Final, NamedTuple

from support.paths import ROOT

DOCUMENTS: Final = (
    *("README.md", "CHANGELOG.md", "CONTRIBUTING.md"),
    *sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").rglob("*.md")),
)
# The shell blocks that no test of this room runs, because they would install something: continuous integration does.
NOT_RUN_HERE: Final = (
    "pip install . && mockscope serve\n",
    "pip install -e '.[dev]' && pytest\n",
)

FILE_NAME: Final = re.compile(r"# ([\w.-]+\.(?:py|toml|yaml))\n")


class Block(NamedTuple):
    """A fenced block: where it stands, its language, and its text."""

    document: str
    section: str
    line: int
    language: str
    text: str

    @property
    def file_name(self) -> str | None:
        """The name in a first line like ``# test_phoebe.py``: what the block would be called as a file."""
        match = FILE_NAME.match(self.text)
        return match[1] if match else None

    @property
    def where(self) -> str:
        """The place of the block, as people read it."""
        return f"{self.document}, line {self.line}"


def read(document: str) -> str:
    """The text of a document."""
    return (ROOT / document).read_text(encoding="utf-8")


def blocks(language: str | None = None, *, document: str | None = None) -> list[Block]:
    """The fenced blocks of one document or all, of one language or all."""
    return [
        block
        for name in ((document,) if document else DOCUMENTS)
        for block in blocks_in(read(name), name)
        if language in (None, block.language)
    ]


def blocks_in(text: str, document: str) -> list[Block]:
    """The fenced blocks of a text.

    Raises:
        ValueError: a fence is indented, made of tildes, or never closed, so that a block would escape its test.
    """
    found: list[Block] = []
    section = ""
    opened: tuple[int, str] | None = None
    inside: list[str] = []
    for number, line in enumerate(text.splitlines(), start=1):
        if opened is None and line.lstrip(" >-").startswith(("```", "~~~")):
            if not line.startswith("```"):
                raise ValueError(f"{document}, line {number}: write fences as ``` at the start of the line")
            opened, inside = (number, line[3:].strip()), []
        elif opened is None:
            section = line.lstrip("#").strip() if line.startswith("#") else section
        elif line == "```":
            found.append(Block(document, section, opened[0], opened[1], "".join(f"{each}\n" for each in inside)))
            opened = None
        else:
            inside.append(line)
    if opened is not None:
        raise ValueError(f"{document}, line {opened[0]}: this block is never closed")
    return found


def prose(document: str) -> str:
    """A document without its fenced blocks."""
    return re.sub(r"^```.*?^```$", "", read(document), flags=re.DOTALL | re.MULTILINE)


def tables(document: str, section: str) -> list[list[list[str]]]:
    """The tables under a heading: rows of cells, without the head."""
    found: list[list[list[str]]] = [[]]
    here = ""
    for line in prose(document).splitlines():
        if line.startswith("#"):
            here = line.lstrip("#").strip()
        elif here == section and line.startswith("|"):
            found[-1].append([cell.strip() for cell in line.strip("|").split("|")])
        elif found[-1]:
            found.append([])
    return [rows[2:] for rows in found if rows]


def anchors(document: str) -> set[str]:
    """The anchors of a document's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", prose(document), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
