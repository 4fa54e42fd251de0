"""The rules of the project's prose that a program can check."""

import ast
import re
from collections.abc import Iterator
from typing import Final

import pytest
import pytest_mockscope
from support.paths import ROOT, package_folder

import mockscope

FOLDERS: Final = (package_folder(mockscope), package_folder(pytest_mockscope), ROOT / "tests", ROOT / "benchmarks")
DOCUMENTS: Final = tuple(
    path
    for folder, pattern in ((ROOT, "*"), (ROOT / "docs", "**/*"), (FOLDERS[0], "**/*"))
    for path in sorted(folder.glob(pattern))
    if path.suffix in (".md", ".yaml")
)
DOCUMENTED: Final = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
QUESTION: Final = re.compile(r"(?:What|Who|Whose|Whom|Whether|Where|How|Which|Why)\b")
# "There is no …" and "is no longer" are plain English; the rest is written "is not a …".
NEGATION: Final = re.compile(r"(?<![Tt]here )\b(?:is|are) (?:no|none)\b(?! (?:longer|more|less|fewer)\b)")


def modules() -> dict[str, str]:
    """Return the source of each module of the project, by its path."""
    found = [path for folder in FOLDERS for path in sorted(folder.rglob("*.py")) if "node_modules" not in path.parts]
    return {str(path): path.read_text("utf-8") for path in found}


def docstrings(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, DOCUMENTED) and (text := ast.get_docstring(node)):
            yield text


def as_running_text(text: str) -> str:
    """Return text on one line, without comment signs and without the quotes between two parts of a string."""
    return re.sub(r"\s+(?:#\s+)?", " ", re.sub(r'"\s*\n\s*[fr]?"', "", text))


def negations(text: str) -> list[str]:
    running = as_running_text(text)
    return [running[max(match.start() - 60, 0) : match.end() + 60] for match in NEGATION.finditer(running)]


def test_no_docstring_begins_with_a_question_word() -> None:
    found = [(path, text) for path, source in modules().items() for text in docstrings(source) if QUESTION.match(text)]
    assert found == []


def test_a_negation_is_written_with_not() -> None:
    texts = modules() | {str(path): path.read_text("utf-8") for path in DOCUMENTS}
    assert {path: found for path, text in texts.items() if (found := negations(text))} == {}


@pytest.mark.parametrize("text", ["# 1.0 is\n    # {} integer", '"1.0 is"\n    f" {} integer"', "1.0\nis {} integer"])
def test_a_negation_is_found_across_lines(text: str) -> None:
    assert negations(text.format("no")) != []


@pytest.mark.parametrize("text", ["there are no calls", "There is no call", "the call is no longer there", "x is None"])
def test_plain_negations_pass(text: str) -> None:
    assert negations(text) == []
