"""Mistakes in JSON have the same messages under every version of Python."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockscope._support.json_errors import normalize_error

plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
blanks = st.text(" \t\n\r", max_size=3)


def json_error(text: str) -> tuple[str, int]:
    with pytest.raises(json.JSONDecodeError) as caught:
        json.loads(text)
    mistake = normalize_error(caught.value)
    return mistake.msg, mistake.pos


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ('{"a": 1,}', ("Illegal trailing comma before end of object", 7)),
        ('{"a": [1, 2,\n]}', ("Illegal trailing comma before end of array", 11)),
        ("{,}", ("Expecting property name enclosed in double quotes", 1)),
        ("[,]", ("Expecting value", 1)),
        ('{"a": 1,]', ("Expecting property name enclosed in double quotes", 8)),
        ("[1,}", ("Expecting value", 3)),
        ('{"a": }', ("Expecting value", 6)),
        ('{"a": 1,', ("Expecting property name enclosed in double quotes", 8)),
        ("[1,", ("Expecting value", 3)),
        ('{"a,}', ("Unterminated string starting", 1)),
        ("", ("Expecting value", 0)),
    ],
)
def test_a_trailing_comma_is_distinguished_from_a_missing_value(text: str, mistake: tuple[str, int]) -> None:
    assert json_error(text) == mistake


@given(value=plain.filter(bool), around=st.tuples(blanks, blanks), is_list=st.booleans())
def test_a_trailing_comma_is_named_before_any_closing_bracket(
    value: object, around: tuple[str, str], *, is_list: bool
) -> None:
    start, end, kind = ("[", "]", "array") if is_list else ('{"key":', "}", "object")
    before = f"{start}{json.dumps(value)}{around[0]}"

    assert json_error(f"{before},{around[1]}{end}") == (f"Illegal trailing comma before end of {kind}", len(before))
