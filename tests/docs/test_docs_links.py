"""Links and named files exist, every module is in the architecture, and lines have at most 120 characters."""

import re
from pathlib import Path

import pytest
from generate_docs import BEGIN, END
from support.doc_blocks import DOCUMENTS, anchors, blocks, prose, read
from support.paths import ROOT, package_folder

import mockscope

WIDTH = 120
LINK = re.compile(r"\]\(([^)\s]+)\)|^\[[\w-]+\]: (\S+)$", re.MULTILINE)
# Files of these folders, named in code spans.
NAMED_FILE = re.compile(r"`((?:src|tests|docs)/[\w./-]+)`")
# A table that a program printed into the document.
PRINTED = r"<!-- begin: .*<!-- end -->"
ROOM = re.compile(r"`((?:\w+/)*\w+\.py|\w+/)`")


PACKAGE = package_folder(mockscope)
# The rooms whose modules the document names one by one.
ROOMS = tuple(
    path.parent.relative_to(PACKAGE).as_posix()
    for path in sorted(PACKAGE.rglob("__init__.py"))
    if path.parent != PACKAGE
)


def place(name: str) -> Path:
    """Return the path of a file of the project. The package may be installed elsewhere."""
    return PACKAGE / name.removeprefix("src/mockscope/") if name.startswith("src/mockscope/") else ROOT / name


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_link_has_an_existing_file_and_heading(document: str) -> None:
    for link in (first or second for first, second in LINK.findall(prose(document))):
        if link.startswith("https://"):
            continue
        path, _, anchor = link.partition("#")
        target = ((ROOT / document).parent / path).resolve() if path else ROOT / document
        assert target.exists(), link
        if anchor:
            assert anchor in anchors(target.relative_to(ROOT).as_posix()), link


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_named_file_exists(document: str) -> None:
    missing = [name for name in NAMED_FILE.findall(prose(document)) if not place(name).exists()]
    assert missing == []


def test_every_package_that_the_architecture_names_exists() -> None:
    places = [PACKAGE, *(PACKAGE / room for room in ROOMS), ROOT]
    named = ROOM.findall(prose("docs/architecture.md"))
    assert [name for name in named if not any((place / name).exists() for place in places)] == []


def test_every_module_is_in_the_architecture() -> None:
    text = read("docs/architecture.md")
    modules = [*PACKAGE.glob("*.py"), *(path for room in ROOMS for path in (PACKAGE / room).glob("*.py"))]
    public = [path.name for path in modules if not path.name.startswith("_")]
    assert [name for name in public if f"`{name}`" not in text] == []


def linked_from(document: str) -> set[str]:
    """Return the documents that a document links to."""
    paths = ((first or second).partition("#")[0] for first, second in LINK.findall(prose(document)))
    targets = (((ROOT / document).parent / path).resolve() for path in paths if path.endswith(".md"))
    return {target.relative_to(ROOT).as_posix() for target in targets}


def test_every_document_is_two_links_from_the_readme() -> None:
    first = linked_from("README.md")
    second = {name for document in first for name in linked_from(document)}
    assert [name for name in DOCUMENTS if name not in {"README.md", *first, *second}] == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_lines_have_at_most_120_characters(document: str) -> None:
    # Generated tables are exempt: a row cannot be wrapped.
    text = re.sub(f"{BEGIN}.*{END}|{PRINTED}", "", read(document), flags=re.DOTALL)
    assert [line for line in text.splitlines() if len(line) > WIDTH] == []


def test_the_readme_is_short() -> None:
    assert len(read("README.md").splitlines()) <= 130
    assert len(blocks(document="README.md")) <= 5
    assert len(LINK.findall(re.sub(r"!\[.*?\)", "", prose("README.md")))) <= 10
