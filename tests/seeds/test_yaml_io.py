"""Seeds in YAML: parsed and written as PyYAML does, except for refused features."""

import math
import re
from collections.abc import Iterator
from typing import Any, Final

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from mockscope import SeedError
from mockscope.seeds import yaml_io

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
# What means something in YAML, so that texts are often more than one scalar.
pieces = st.sampled_from(
    [*"abyn01~.:-,?#&*!|>'\"%@`{}[]=<\n\n\n ", "  ", "- ", ": ", "&a ", "*a", "<<: ", "---\n", "...\n", "!!str ", "yes"]
)
plain = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
rich = st.sampled_from(
    [
        "a: &people [Monica]\nb: *people\n",
        "a: &key x\n*key : b\n",
        "people: {<<: {a: 1}, b: 2}\n",
        "base: &base {a: 1}\npeople: {<<: *base, b: 2}\n",
        "- !!str 1\n- !!float 1\n",
        "people: {<<: [{a: 1, b: 1}, {b: 2, c: 2}], c: 3}\n",
        "people: {<<: a}\n",
        "people: {<<: [a]}\n",
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
    """PyYAML's dumper, except that a list in two places is written twice."""

    def ignore_aliases(self, data: object) -> bool:
        return True


class Reference(yaml_io.Loader):
    """PyYAML's constructors, except that a repeated key is an error."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002
        keys = [yaml_io.MERGE if key.tag == yaml_io.MERGE else self.construct_object(key) for key, _ in node.value]
        if len(set(keys)) < len(keys):
            raise yaml.YAMLError
        return dict(super().construct_mapping(node, deep))


REFUSED: Final = object()


def parsed(text: str) -> object:
    try:
        return yaml_io.parse(text, "seed.yaml")
    except SeedError as error:
        is_beyond_pyyaml = any(word in error.problem for word in ("contains itself", "a key must", "too deeply"))
        return error if is_beyond_pyyaml else REFUSED


def parsed_by_reference(text: str) -> object:
    try:
        return yaml.load(text, Loader=Reference)
    except (yaml.YAMLError, ValueError, LookupError, AttributeError, TypeError, RecursionError):
        return REFUSED


def ordered(data: object) -> object:
    """Return the data with the keys of its mappings in order."""
    if isinstance(data, dict):
        return {key: ordered(data[key]) for key in sorted(data, key=repr)}
    return [ordered(item) for item in data] if isinstance(data, list) else data


@given(data=plain)
@example(data=[True, 1, 1.0, "1", "1.0", "true", None, "null", "", [], {}, "2017-11-04", "=", "<<", "a: b", "\n a"])
@example(data=[-0.0, 0.0, 0, False, math.inf])
@example(data={"a": ["x " * 100, "é\n\n  b\n", "\x85\u2028", "🐤", "\x00\x7f"], "": {"1": {"null": 2.5}}})
def test_plain_data_is_written_as_pyyaml_writes_it_and_comes_back(data: object) -> None:
    text = yaml_io.to_text(data)

    assert text == dumped(data)
    assert repr(yaml_io.parse(text, "seed.yaml")) == repr(data)


@given(text=rich | st.lists(pieces, max_size=25).map("".join) | plain.map(dumped))
def test_a_text_is_parsed_as_pyyaml_parses_it(text: str) -> None:
    data = parsed(text)

    if not isinstance(data, SeedError):
        assert repr(ordered(data)) == repr(ordered(parsed_by_reference(text)))


def test_a_list_in_two_places_is_written_twice() -> None:
    groups = ["All Users"]

    assert yaml_io.to_text({"a": groups, "b": groups}) == "a:\n- All Users\nb:\n- All Users\n"


def test_only_plain_data_is_written() -> None:
    with pytest.raises(yaml.representer.RepresenterError, match="cannot represent an object"):
        yaml_io.to_text({"users": [object()]})


LAUGHS: Final = "".join(f"a{step}: &a{step} [{', '.join([f'*a{step - 1}'] * 10)}]\n" for step in range(1, 10))
MERGES: Final = "".join(f"a{step}: &a{step} {{<<: [*a{step - 1}, *a{step - 1}]}}\n" for step in range(1, 60))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"a0: &a0 [haha]\n{LAUGHS}", "line 6: not YAML: aliases of this repeat more than 1000000 values"),
        (f"a0: &a0 {{b: 1}}\n{MERGES}", "line 17: not YAML: aliases of this repeat more than 1000000 values"),
        ("a: 1\nb: &b\n  - *b\n", "line 2: not YAML: it contains itself"),
        ("a: 1\nb: &b {c: {<<: *b}}\n", "line 2: not YAML: it contains itself"),
        ("a:\n" + "[" * 2000, "line 2: not YAML: exceeded maximum nesting depth"),
        ("a:\n" + "- " * 990 + "b", "nested too deeply"),
        ("a:\n\t- 1\n", "line 2: not YAML: a tab stands here: indent by blanks"),
        ("a: 1\nb: 1\na: 2\n", "line 3: not YAML: a stands here twice"),
        ("a: 1\nb: {<<: {}, <<: {}}\n", "line 2: not YAML: << stands here twice"),
        ("a: 1\n? [b]\n: c\n", "line 2: not YAML: a key must be a text: write it in quotes"),
        ("a: 1\n? !!str [b]\n: c\n", "line 2: not YAML: a key must be a text: write it in quotes"),
        ("a: 1\n12: b\n", "line 2: not YAML: a key must be a text: write it in quotes"),
        ("a: 1\non: b\n", "line 2: not YAML: a key must be a text: write it in quotes"),
        ("a: 1\nb: {<<: c}\n", "line 2: not YAML: << needs a mapping"),
        ("a: 1\nb: !!set {c}\n", "line 2: not YAML: could not determine a constructor for the tag"),
        ("a: 1\nb: !!python/object/apply:os.getpid []\n", "line 2: not YAML: could not determine a constructor"),
        ("a: 1\nb: *nobody\n", "line 2: not YAML: found undefined alias"),
        ("a: 1\n--- 2\n", "line 2: not YAML: but found another document"),
        ("a: 1\nb: " + "9" * 5000, "line 2: not YAML: 5000 characters are too many for one int"),
    ],
)
def test_yaml_features_that_seeds_do_not_need_are_refused_with_their_line(text: str, message: str) -> None:
    with pytest.raises(SeedError) as refused:
        yaml_io.parse(text, "seed.yaml")

    assert re.match(r"seed\.yaml(, |: )", str(refused.value))
    assert re.sub(r"^seed\.yaml(, |: )", "", str(refused.value)).startswith(message)
    assert "\n" not in str(refused.value)


def test_aliases_may_repeat_at_most_a_million_values() -> None:
    # A list counts as one value beside its items.
    base = f"base: &base [{', '.join(['1'] * 999)}]\n"

    assert len(yaml_io.parse(f"{base}again: [{', '.join(['*base'] * 1000)}]\n", "seed.yaml")["again"]) == 1000
    with pytest.raises(SeedError, match="aliases of this repeat more than 1000000 values"):
        yaml_io.parse(f"{base}again: [{', '.join(['*base'] * 1001)}]\n", "seed.yaml")


def test_aliases_and_merge_keys_are_understood() -> None:
    text = "base: &base {a: 1, b: 1}\nagain: [*base, *base]\nmore: {<<: *base, b: 2}\n"

    base = {"a": 1, "b": 1}
    assert yaml_io.parse(text, "seed.yaml") == {"base": base, "again": [base, base], "more": {"a": 1, "b": 2}}


def places(node: yaml.Node, line: int, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], int]]:
    """Return each path into a tree, with its line."""
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
def test_each_path_has_its_line(data: object, before: str) -> None:
    text = before + yaml_io.to_text(data)
    root = yaml.compose(text, Loader=yaml.CSafeLoader)
    assert root is not None
    known = dict(places(root, root.start_mark.line + 1))

    assert {path: yaml_io.line_of(text, path) for path in known} == known


@pytest.mark.parametrize(
    ("text", "path", "line"),
    [
        ("a:\n- 1\n- b: 2\n", ("a", 1, "nothing", "more"), 3),
        ("a:\n- 1\n", ("b",), 1),
        ("\n\na: 1\n", (), 3),
        ("a: 1\nb: &b\n  c: 2\nd: *b\n", ("d", "c"), 3),
        ("? [x, y]\n: z\nb: 1\n", ("b",), 3),
        ("", (), 1),
        ("a:\n  b: 1\n", ("a", 0), 1),
    ],
)
def test_a_path_that_ends_early_has_its_last_line(text: str, path: tuple[str | int, ...], line: int) -> None:
    assert yaml_io.line_of(text, path) == line


def test_a_text_that_is_not_yaml_has_no_line() -> None:
    assert yaml_io.line_of("a: [\n", ("a",)) is None
