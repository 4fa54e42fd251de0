"""The tables of docs/faults.md, for tests that compare them with the behaviour."""

from pathlib import Path
from typing import Final

DOCUMENT: Final = Path(__file__).resolve().parents[2] / "docs/faults.md"


def tables(section: str) -> list[list[list[str]]]:
    """Return the rows of the tables of a section, without headers, and with cells without backticks."""
    text = DOCUMENT.read_text(encoding="utf-8").partition(f"\n## {section}\n\n")[2].partition("\n## ")[0]
    return [
        [[cell.strip().strip("`") for cell in line.strip("| ").split(" |")] for line in block.splitlines()[2:]]
        for block in text.split("\n\n")
        if block.startswith("| ")
    ]


def row_of(name: str, section: str, *, first: int = 0) -> list[str]:
    """Return the cells of a row, from the first table of a section that has one of this kind."""
    return [
        cell for table in tables(section)[first:] for row in table if name in row[0].split(", ") for cell in row[1:]
    ]
