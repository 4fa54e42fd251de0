"""Names that the page repeats, because it is written in another language."""

import re
from pathlib import Path
from typing import Final

import pytest

from mockscope._vendor import OPERATIONS
from mockscope.seeds.scenarios import SCENARIOS
from mockscope.web import inspector

STATIC: Final = Path(inspector.__file__).parent / "static"


@pytest.mark.parametrize(
    ("module", "names", "pattern"),
    [
        ("scenarios.js", SCENARIOS, r'^  \["([a-z-]+)", "'),
        ("operations.js", OPERATIONS, r'^  ([a-z_]+): \{ method: "'),
    ],
)
def test_the_page_has_the_names_of_the_package(module: str, names: tuple[str, ...], pattern: str) -> None:
    source = (STATIC / module).read_text(encoding="utf-8")

    assert re.findall(pattern, source, flags=re.MULTILINE) == list(names)
