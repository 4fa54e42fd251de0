"""The patterns of both contracts in the engines of their readers: ECMA 262, Python, and RE2, which Go has."""

import re
from collections.abc import Iterator
from typing import Any, Final

import pytest
import re2
from jsonschema_rs import Draft202012Validator
from support.yaml_documents import load_yaml

from mockscope.contract.document import control_yaml, openapi_yaml
from mockscope.domain.rules import NOT_BLANK

CONTRACTS: Final = [load_yaml(contract) for contract in (openapi_yaml(), control_yaml())]
NAME: Final[str] = CONTRACTS[0]["components"]["schemas"]["PersonName"]["pattern"]
# There is no white space above these.
CHARACTERS: Final = [chr(code) for code in range(0x10000) if not 0xD800 <= code <= 0xDFFF]


def patterns(node: Any) -> Iterator[str]:
    """Yield the patterns of a contract."""
    if isinstance(node, dict):
        if isinstance(pattern := node.get("pattern"), str):
            yield pattern
        for each in node.values():
            yield from patterns(each)
    elif isinstance(node, list):
        for each in node:
            yield from patterns(each)


@pytest.mark.parametrize("pattern", sorted({*patterns(CONTRACTS)}))
def test_a_pattern_is_in_the_common_subset_of_ecma_and_re2(pattern: str) -> None:
    re.compile(pattern)
    re2.compile(pattern)
    Draft202012Validator({"pattern": pattern})
    # RE2 has no \u, and ECMA no \x{…}, \A, \z or inline flags.
    assert re.search(r"\\u|\\x\{|\\[AzZ]|\(\?[^:]", pattern) is None


@pytest.mark.rule("USER-CREATE-1", "GROUP-CREATE-1")
def test_a_name_is_blank_in_ecma_if_it_is_blank_for_the_mock() -> None:
    validator = Draft202012Validator({"pattern": NAME})
    for engine_matches, different in (
        (validator.is_valid, []),
        # These have less white space than ECMA.
        (re.compile(NAME).search, ["\ufeff"]),
        (re2.compile(NAME).search, [*"\u1680\u2028\u2029\u202f\u205f\u3000\ufeff", *map(chr, range(0x2000, 0x200B))]),
    ):
        found = [char for char in CHARACTERS if bool(engine_matches(char)) != bool(NOT_BLANK.search(char))]
        assert found == sorted(different)


def test_a_name_may_begin_with_a_blank_and_have_lines() -> None:
    # Some generated clients match a pattern at the start of a text alone.
    assert [bool(re.match(NAME, name)) for name in (" Joey", "\nJoey\n", " \n", "")] == [True, True, False, False]
