"""The tests of each rule: those with its id in a marker, and the test that runs the checks of `mockscope check`."""

import ast
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

from mockscope.conformance.check import CHECKS
from mockscope.conformance.check_factories import NOT_VISIBLE
from support.paths import ROOT

# Runs all checks of a rule against the mock; it has a case for each rule.
TEST_OF_CHECKS: Final = "tests/conformance/test_conformance_rules.py::test_the_mock_passes_the_checks_of_a_rule"
CHECKED_RULES: Final = tuple(dict.fromkeys(check.rule for check in CHECKS if check.title != NOT_VISIBLE))

# The assignments to names in a module: a name in a decorator may be a table of parameters with marks of their own.
Tables = dict[str, ast.Assign | ast.AnnAssign]


class RuleTest(NamedTuple):
    """A test of a rule.

    Args:
        rule: The rule's id.
        node_id: pytest's id of a file, a class, a function, or one case of a function.
        is_slow: Whether it has the marker slow.
    """

    rule: str
    node_id: str
    is_slow: bool = False


@cache
def read_rule_tests(tests: Path = ROOT / "tests") -> list[RuleTest]:
    """Return the tests of all rules.

    The files are parsed and not imported: a test counts even if this machine cannot run it.
    """
    has_checks = (tests.parent / TEST_OF_CHECKS.partition("::")[0]).is_file()
    return [RuleTest(rule, f"{TEST_OF_CHECKS}[{rule}]") for rule in CHECKED_RULES if has_checks] + [
        test
        for path in sorted(tests.rglob("test_*.py"))
        for test in rule_tests_in(path.read_text(encoding="utf-8"), path.relative_to(tests.parent).as_posix())
    ]


def rule_tests_in(source: str, name: str) -> list[RuleTest]:
    """Return the tests in one file that have the marker rule.

    The marker may be on a function, a class or a parameter, or in ``pytestmark``.

    Raises:
        ValueError: If a marker is not on a test, or its arguments are not literal strings.
    """
    tree = ast.parse(source)
    tables = {
        target.id: node
        for node in tree.body
        if isinstance(node, ast.Assign | ast.AnnAssign)
        for target in ([node.target] if isinstance(node, ast.AnnAssign) else node.targets)
        if isinstance(target, ast.Name)
    }
    used: set[ast.Call] = set()
    tests = list(_tests_below(tree, name, tables, used, is_slow=False))
    for call in _rule_marks(tree):
        if call not in used:
            raise ValueError(f"{name}, line {call.lineno}: this marker rule is not on a test")
    return tests


def _tests_below(
    parent: ast.Module | ast.ClassDef, node_id: str, tables: Tables, used: set[ast.Call], *, is_slow: bool
) -> Iterator[RuleTest]:
    marks = [*(parent.decorator_list if isinstance(parent, ast.ClassDef) else []), *_pytestmarks(parent)]
    is_slow = is_slow or _has_slow(marks)
    yield from _tests_of(node_id, marks, tables, used, is_slow=is_slow)
    for child in parent.body:
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            if child.name.startswith("test"):
                marks = child.decorator_list
                child_is_slow = is_slow or _has_slow(marks)
                yield from _tests_of(f"{node_id}::{child.name}", marks, tables, used, is_slow=child_is_slow)
        elif isinstance(child, ast.ClassDef):
            yield from _tests_below(child, f"{node_id}::{child.name}", tables, used, is_slow=is_slow)
        elif isinstance(child, ast.Assign) and (marked := _marked_class(child.targets[0])):
            marks = [child.value]
            yield from _tests_of(f"{node_id}::{marked}", marks, tables, used, is_slow=is_slow or _has_slow(marks))


def _has_slow(marks: Sequence[ast.expr]) -> bool:
    """Return whether a mark is ``slow``. The mark of a single parameter does not count."""
    written = [each for mark in marks for each in (mark.elts if isinstance(mark, ast.List) else [mark])]
    return any(ast.unparse(mark) == "pytest.mark.slow" for mark in written)


def _marked_class(target: ast.expr) -> str | None:
    """Return TestSite for ``TestSite.pytestmark = ...``, the way to mark a class that Hypothesis generated."""
    if isinstance(target, ast.Attribute) and target.attr == "pytestmark":
        return ast.unparse(target.value)
    return None


def _tests_of(
    node_id: str, marks: Sequence[ast.expr], tables: Tables, used: set[ast.Call], *, is_slow: bool
) -> Iterator[RuleTest]:
    nodes: list[ast.AST] = list(marks)
    # @pytest.mark.parametrize("case", CASES): the parameters of the table may be marked.
    nodes += [
        tables[name.id] for mark in marks for name in ast.walk(mark) if isinstance(name, ast.Name) and name.id in tables
    ]
    rules: dict[str, None] = {}
    for node in nodes:
        for call in _rule_marks(node):
            used.add(call)
            rules |= dict.fromkeys(_ids(call))
    for rule in rules:
        yield RuleTest(rule, node_id, is_slow)


def _pytestmarks(parent: ast.Module | ast.ClassDef) -> list[ast.expr]:
    return [
        node.value
        for node in parent.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name) and target.id == "pytestmark"
    ]


def _rule_marks(node: ast.AST) -> list[ast.Call]:
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
