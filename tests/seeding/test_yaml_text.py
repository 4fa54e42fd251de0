"""Seeds are read and written as PyYAML does it, by a shorter way wherever there is nothing but plain data."""

import math
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from mockscope import yaml_text
from mockscope.domain.state import SeedError

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
# What means something in YAML, so that texts are often more than one scalar.
pieces = st.sampled_from(
    [*"abyn01~.:-,?#&*!|>'\"%@`{}[]=<\n\n\n ", "  ", "- ", ": ", "&a ", "*a", "<<: ", "---\n", "...\n", "!!str ", "yes"]
)
plain = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(scalars, inner, max_size=4),
    max_leaves=12,
)
rich = st.sampled_from(
    [
        "a: &people [Monica]\nb: *people\n",
        "a: &key x\n*key : b\n",
        "people: {<<: {a: 1}, b: 2}\n",
        "base: &base {a: 1}\npeople: {<<: *base, b: 2}\n",
        "- !!str 1\n- !!float 1\n- !!set {a, b}\n",
        "? [a, b]\n: c\n",
        "1: a\n0x1: b\n",
        "=: a\n",
        "a: =\n",
        "a: 1\na: 2\n",
        "null: 1\n'null': 2\n",
        "null: 1\n~: 2\n",
        "a: &a {b: 1}\nc: {<<: *a, '<<': 2}\n",
        "--- a\n--- b\n",
        "--- !!binary YWI=\n",
        "[" * 990 + "]" * 990,
        "a: *nobody\n",
        "a: !!nothing b\n",
        "'<<': a\n",
        "a: 2017-11-04\n",
    ]
)


def dumped(data: object) -> str:
    text: str = yaml.dump(data, Dumper=NoAliases, sort_keys=False, allow_unicode=True, width=120)
    return text


class NoAliases(yaml.CSafeDumper):
    """PyYAML's own way, where the same list in two places is written twice."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def outcome(text: str) -> object:
    try:
        return yaml_text.parse(text, "seed.yaml")
    except SeedError as error:
        return str(error)


def whole_way(text: str) -> object:
    """What is read where nothing is plain."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(yaml_text.Loader, "get_event", refuses)
        return outcome(text)


def refuses(_: object) -> None:
    raise yaml.YAMLError


@given(data=plain)
@example(data=[True, 1, 1.0, "1", "1.0", "true", None, "null", "", [], {}, "2017-11-04", "=", "<<", "a: b", "\n a"])
@example(data=[-0.0, 0.0, 0, False, math.inf])
@example(data={"a": ["x " * 100, "é\n\n  b\n", "\x85\u2028", "🐤", "\x00\x7f"], "": {1: {None: 2.5}}})
def test_plain_data_is_written_as_pyyaml_writes_it_and_comes_back(data: object) -> None:
    text = yaml_text.to_text(data)

    assert text == dumped(data)
    assert repr(yaml_text.parse(text, "seed.yaml")) == repr(data)


@given(text=rich | st.lists(pieces, max_size=25).map("".join) | plain.map(dumped))
def test_any_text_means_the_same_on_the_shorter_way(text: str) -> None:
    assert repr(outcome(text)) == repr(whole_way(text))


def test_a_list_in_two_places_is_written_twice() -> None:
    groups = ["All Users"]

    assert yaml_text.to_text({"a": groups, "b": groups}) == "a:\n- All Users\nb:\n- All Users\n"


def test_what_is_no_plain_data_is_not_written() -> None:
    with pytest.raises(yaml.representer.RepresenterError, match="cannot represent an object"):
        yaml_text.to_text({"users": [object()]})


def test_plain_data_is_read_and_written_without_a_tree_of_nodes(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tree of nodes for 100,000 users is what the garbage collector spends a quarter of a minute on."""
    for whole in ("load", "dump", "compose", "serialize"):
        monkeypatch.setattr(yaml, whole, None)
    data = {"users": [{"email": f"{place}@example.com", "groups": ["All Users"], "age": 1} for place in range(3)]}

    text = yaml_text.to_text(data)

    assert yaml_text.parse(text, "seed.yaml") == data
    assert yaml_text.line_of(text, ("users", 2, "groups", 0)) == text.splitlines().index("- email: 2@example.com") + 3


def places(node: yaml.Node, line: int, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], int]]:
    """Each path into a tree, and the line that it leads to."""
    yield path, line
    if isinstance(node, yaml.SequenceNode):
        for place, item in enumerate(node.value):
            yield from places(item, item.start_mark.line + 1, (*path, place))
    elif isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield from places(value, key.start_mark.line + 1, (*path, key.value))


named = st.recursive(
    st.none() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(data=named, before=st.sampled_from(["", "\n\n", "# Chandler\n---\n"]))
def test_each_path_leads_to_its_line(data: object, before: str) -> None:
    text = before + yaml_text.to_text(data)
    root = yaml.compose(text, Loader=yaml.CSafeLoader)
    assert root is not None
    known = dict(places(root, root.start_mark.line + 1))

    assert {path: yaml_text.line_of(text, path) for path in known} == known


@pytest.mark.parametrize(
    ("text", "path", "line"),
    [
        ("a:\n- 1\n- b: 2\n", ("a", 1, "nothing", "more"), 3),
        ("a:\n- 1\n", ("b",), 1),
        ("\n\na: 1\n", (), 3),
        ("a: 1\nb: &b\n  c: 2\nd: *b\n", ("d", "c"), 4),
        ("? [x, y]\n: z\nb: 1\n", ("b",), 3),
        ("a: [\n", ("a",), 1),
        ("", (), 1),
        ("a:\n  b: 1\n", ("a", 0), 1),
    ],
)
def test_a_path_that_ends_early_leads_to_its_last_line(text: str, path: tuple[str | int, ...], line: int) -> None:
    assert yaml_text.line_of(text, path) == line
