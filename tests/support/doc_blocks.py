"""A parser of the project's documents: fenced blocks, tables and headings."""

import re
from typing import Final, NamedTuple

from support.paths import ROOT

DOCUMENTS: Final = (
    *("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "RELEASING.md"),
    *sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").rglob("*.md")),
)
# Shell blocks that the tests do not run, because they install packages. `.ci/run` runs them.
NOT_RUN_HERE: Final = (
    "pip install . && mockscope serve\n",
    "pip install -e '.[dev]' && pytest\n",
)

FILE_NAME: Final = re.compile(r"# ([\w.-]+\.(?:py|toml|yaml))\n")


class Block(NamedTuple):
    """A fenced block of a document.

    Args:
        document: The path of the document, from the root of the checkout.
        section: The nearest heading above the block.
        line: The number of the line with the opening fence.
        language: The word after the fence.
        text: The lines between the fences.
    """

    document: str
    section: str
    line: int
    language: str
    text: str

    @property
    def file_name(self) -> str | None:
        """The file name in a first line like ``# test_phoebe.py``."""
        match = FILE_NAME.match(self.text)
        return match[1] if match else None

    @property
    def where(self) -> str:
        """The document and the line, for messages."""
        return f"{self.document}, line {self.line}"


def read(document: str) -> str:
    """Return the text of a document."""
    return (ROOT / document).read_text(encoding="utf-8")


def blocks(language: str | None = None, *, document: str | None = None) -> list[Block]:
    """Return the fenced blocks of one document or all, in one language or all."""
    return [
        block
        for name in ((document,) if document else DOCUMENTS)
        for block in blocks_in(read(name), name)
        if language in (None, block.language)
    ]


def blocks_in(text: str, document: str) -> list[Block]:
    """Return the fenced blocks of a text.

    Raises:
        ValueError: If a fence is indented, made of tildes, or not closed. No test would run such a block.
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
        raise ValueError(f"{document}, line {opened[0]}: this block is not closed")
    return found


def prose(document: str) -> str:
    """Return a document without its fenced blocks."""
    return re.sub(r"^```.*?^```$", "", read(document), flags=re.DOTALL | re.MULTILINE)


def tables(document: str, section: str) -> list[list[list[str]]]:
    """Return the tables under a heading as rows of cells, without the header row."""
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
    """Return the anchors that GitHub gives to the headings of a document."""
    headings = re.findall(r"^#+ (.*)$", prose(document), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
