"""The tests of each rule: the checks of `mockscope check`, and the tests that carry the rule's id."""

import ast
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

from mockscope.conformance.check import CHECKS as ALL_CHECKS
from mockscope.conformance.table import NOT_VISIBLE
from support.paths import ROOT

# Puts the checks of a rule to the mock; which rules have some, they say themselves.
CHECKS: Final = "tests/checking/test_checking_rules.py::test_the_mock_keeps_a_rule_as_check_asks_for_it"
# The rules of which something can be seen from outside.
SEEN: Final = tuple(dict.fromkeys(row.rule for row in ALL_CHECKS if row.title != NOT_VISIBLE))


class Proof(NamedTuple):
    """A test that is marked with a rule, in pytest's own spelling."""

    rule: str
    node: str
    is_slow: bool = False


@cache
def read_proofs(tests: Path = ROOT / "tests") -> list[Proof]:
    """The checks of each rule, and every mark in the tests, which are only read: which can run here must not matter."""
    is_checked = (tests.parent / CHECKS.partition("::")[0]).is_file()
    return [Proof(rule, f"{CHECKS}[{rule}]") for rule in SEEN if is_checked] + [
        proof
        for path in sorted(tests.rglob("test_*.py"))
        for proof in proofs_in(path.read_text(encoding="utf-8"), path.relative_to(tests.parent).as_posix())
    ]


def proofs_in(source: str, name: str) -> list[Proof]:
    """The marks in one test file: on functions, classes and parameters, and in ``pytestmark``.

    Raises:
        ValueError: a mark stands where it proves nothing, or names a rule by something else than a literal.
    """
    tree = ast.parse(source)
    tables = {
        target.id: node
        for node in tree.body
        if isinstance(node, ast.Assign | ast.AnnAssign)
        for target in ([node.target] if isinstance(node, ast.AnnAssign) else node.targets)
        if isinstance(target, ast.Name)
    }
    seen: set[ast.Call] = set()
    proofs = list(_proofs_below(tree, name, tables, seen, is_slow=False))
    for call in _marks(tree):
        if call not in seen:
            raise ValueError(f"{name}, line {call.lineno}: this mark of a rule is on no test")
    return proofs


def _proofs_below(
    parent: ast.Module | ast.ClassDef,
    node_id: str,
    tables: dict[str, ast.Assign | ast.AnnAssign],
    seen: set[ast.Call],
    *,
    is_slow: bool,
) -> Iterator[Proof]:
    marks = [*(parent.decorator_list if isinstance(parent, ast.ClassDef) else []), *_pytestmarks(parent)]
    is_slow = is_slow or _are_slow(marks)
    yield from _proofs(node_id, marks, tables, seen, is_slow=is_slow)
    for child in parent.body:
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            if child.name.startswith("test"):
                marks = child.decorator_list
                yield from _proofs(f"{node_id}::{child.name}", marks, tables, seen, is_slow=is_slow or _are_slow(marks))
        elif isinstance(child, ast.ClassDef):
            yield from _proofs_below(child, f"{node_id}::{child.name}", tables, seen, is_slow=is_slow)
        elif isinstance(child, ast.Assign) and (marked := _marked_class(child.targets[0])):
            marks = [child.value]
            yield from _proofs(f"{node_id}::{marked}", marks, tables, seen, is_slow=is_slow or _are_slow(marks))


def _are_slow(marks: Sequence[ast.expr]) -> bool:
    """Return whether the marker ``slow`` is among these; a single slow parameter does not make the test slow."""
    written = [each for mark in marks for each in (mark.elts if isinstance(mark, ast.List) else [mark])]
    return any(ast.unparse(mark) == "pytest.mark.slow" for mark in written)


def _marked_class(target: ast.expr) -> str | None:
    """TestSite, in ``TestSite.pytestmark = ...``: how a class that Hypothesis made is marked."""
    if isinstance(target, ast.Attribute) and target.attr == "pytestmark":
        return ast.unparse(target.value)
    return None


def _proofs(
    node_id: str,
    sources: Sequence[ast.expr],
    tables: dict[str, ast.Assign | ast.AnnAssign],
    seen: set[ast.Call],
    *,
    is_slow: bool,
) -> Iterator[Proof]:
    nodes: list[ast.AST] = list(sources)
    # @pytest.mark.parametrize("case", CASES): the parameters of the table may be marked.
    nodes += [
        tables[used.id]
        for source in sources
        for used in ast.walk(source)
        if isinstance(used, ast.Name) and used.id in tables
    ]
    rules: dict[str, None] = {}
    for node in nodes:
        for call in _marks(node):
            seen.add(call)
            rules |= dict.fromkeys(_ids(call))
    for rule in rules:
        yield Proof(rule, node_id, is_slow)


def _pytestmarks(parent: ast.Module | ast.ClassDef) -> list[ast.expr]:
    return [
        node.value
        for node in parent.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name) and target.id == "pytestmark"
    ]


def _marks(node: ast.AST) -> list[ast.Call]:
    return [
        call
        for call in ast.walk(node)
        if isinstance(call, ast.Call) and ast.unparse(call.func) in ("pytest.mark.rule", "mark.rule")
    ]


def _ids(call: ast.Call) -> list[str]:
    ids = [ast.literal_eval(argument) for argument in call.args]
    if not ids or not all(isinstance(rule, str) for rule in ids):
        raise ValueError(f"line {call.lineno}: the marker rule takes ids of rules")
    return ids
