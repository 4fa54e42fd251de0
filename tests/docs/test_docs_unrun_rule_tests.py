"""A run of the whole suite fails if a test of a rule did not run, and names it. A run of selected tests does not."""

from pathlib import Path
from typing import Final

import pytest
from support.rule_tests import RuleTest
from support.unrun_rule_tests import unrun

TESTS: Final = str(Path(__file__).parents[1])
MARKED: Final = """
import pytest

@pytest.mark.rule("PAGE-1")
def test_one():
    pass

@pytest.mark.rule("PAGE-2")
@pytest.mark.parametrize("case", [pytest.param(1, marks=pytest.mark.skip), 2])
def test_two(case):
    pass

@pytest.mark.rule("USER-1")
class TestUsers:
    def test_three(self):
        pass
"""
OPTIONS: Final = ("-p", "support.unrun_rule_tests", "-p", "xdist", "-p", "no:cacheprovider", "-W", "error")


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A project with tests of rules, which all run, and one other test."""
    monkeypatch.setenv("PYTHONPATH", TESTS)
    # No other plugin: most of the time of a run would go into loading them.
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.makeini("[pytest]\ntestpaths = tests\nmarkers =\n  rule(*ids): tests\n  slow: takes long")
    pytester.mkdir("tests")
    write(pytester, "test_marked.py", MARKED)
    write(pytester, "test_plain.py", "def test_nothing():\n    pass\n")
    return pytester


def write(project: pytest.Pytester, name: str, text: str) -> None:
    (project.path / "tests" / name).write_text(text, encoding="utf-8")


def run(project: pytest.Pytester, *options: str) -> pytest.RunResult:
    # Workers import what a plugin of a process of its own imports.
    start = project.runpytest_subprocess if "-n" in options else project.runpytest_inprocess
    return start(*OPTIONS, *options)


def unrun_lines(result: pytest.RunResult) -> list[str]:
    """Return the lines under the plugin's heading; none without the heading."""
    lines = [line for line in result.outlines if line]
    headings = [number for number, line in enumerate(lines) if "tests of rules that did not run" in line]
    return [line for line in lines[headings[0] + 1 :] if line.startswith(("PAGE", "USER"))] if headings else []


@pytest.mark.parametrize("options", [(), pytest.param(("-n", "2"), marks=pytest.mark.slow)], ids=["one", "two workers"])
def test_a_run_of_all_tests_of_rules_passes(project: pytest.Pytester, options: tuple[str, ...]) -> None:
    result = run(project, *options)

    result.assert_outcomes(passed=4, skipped=1)
    assert (result.ret, unrun_lines(result)) == (pytest.ExitCode.OK, [])


@pytest.mark.parametrize("options", [(), ("-n", "2"), ("-q",)], ids=["one process", "two workers", "quiet"])
def test_a_skipped_test_of_a_rule_fails_the_run(project: pytest.Pytester, options: tuple[str, ...]) -> None:
    write(project, "test_marked.py", MARKED.replace("def test_one", "@pytest.mark.skip\ndef test_one"))

    result = run(project, *options)

    assert (result.ret, unrun_lines(result)) == (
        pytest.ExitCode.TESTS_FAILED,
        ["PAGE-1: tests/test_marked.py::test_one"],
    )


def test_a_test_of_a_rule_that_skips_itself_fails_the_run(project: pytest.Pytester) -> None:
    write(
        project,
        "test_marked.py",
        MARKED.replace(
            "def test_three(self):\n        pass", "def test_three(self):\n        pytest.skip('not today')"
        ),
    )

    result = run(project)

    assert (result.ret, unrun_lines(result)) == (
        pytest.ExitCode.TESTS_FAILED,
        ["USER-1: tests/test_marked.py::TestUsers"],
    )


@pytest.mark.parametrize(
    ("options", "unrun_tests"),
    [
        (("--deselect", "tests/test_marked.py::test_two"), ["PAGE-2: tests/test_marked.py::test_two"]),
        (
            ("--ignore", "tests/test_marked.py"),
            [
                "PAGE-1: tests/test_marked.py::test_one",
                "PAGE-2: tests/test_marked.py::test_two",
                "USER-1: tests/test_marked.py::TestUsers",
            ],
        ),
    ],
    ids=["deselected", "ignored"],
)
def test_a_test_of_a_rule_that_is_not_selected_fails_the_run(
    options: tuple[str, ...], unrun_tests: list[str], project: pytest.Pytester
) -> None:
    result = run(project, *options)

    assert (result.ret, unrun_lines(result)) == (pytest.ExitCode.TESTS_FAILED, unrun_tests)


def test_a_test_of_a_rule_that_is_never_collected_fails_the_run(project: pytest.Pytester) -> None:
    write(project, "test_marked.py", MARKED.replace("class TestUsers:", "class TestUsers:\n    __test__ = False\n"))

    result = run(project)

    assert (result.ret, unrun_lines(result)) == (
        pytest.ExitCode.TESTS_FAILED,
        ["USER-1: tests/test_marked.py::TestUsers"],
    )


def test_a_failed_test_of_a_rule_has_run(project: pytest.Pytester) -> None:
    write(project, "test_marked.py", MARKED.replace("def test_one():\n    pass", "def test_one():\n    assert False"))

    result = run(project)

    result.assert_outcomes(passed=3, skipped=1, failed=1)
    assert unrun_lines(result) == []


@pytest.mark.parametrize(
    "options",
    [
        ("-k", "nothing"),
        ("-m", "not rule"),
        ("tests/test_plain.py",),
        ("tests",),
        ("--collect-only",),
        ("--setup-only",),
        ("--fixtures",),
    ],
    ids=" ".join,
)
def test_a_run_of_selected_tests_passes(options: tuple[str, ...], project: pytest.Pytester) -> None:
    write(project, "test_marked.py", MARKED.replace("def test_one", "@pytest.mark.skip\ndef test_one"))

    result = run(project, *options)

    assert (result.ret, unrun_lines(result)) == (pytest.ExitCode.OK, [])


SLOW: Final = MARKED.replace('@pytest.mark.rule("PAGE-1")', '@pytest.mark.slow\n@pytest.mark.rule("PAGE-1")')


@pytest.mark.parametrize(
    ("options", "missing"),
    [
        (("-m", "not slow"), []),
        pytest.param(("-m", "not slow", "-n", "2"), [], marks=pytest.mark.slow),
        (("-m", ""), []),
        (("-m", "slow"), []),
        # The other tests of rules are still expected.
        (
            ("-m", "not slow", "--deselect", "tests/test_marked.py::test_two"),
            ["PAGE-2: tests/test_marked.py::test_two"],
        ),
        # A run of all tests expects the slow ones.
        (("-m", "", "--deselect", "tests/test_marked.py::test_one"), ["PAGE-1: tests/test_marked.py::test_one"]),
    ],
    ids=["default", "two workers", "all", "slow", "another is left out", "all, a slow one is left out"],
)
def test_a_slow_test_of_a_rule_is_expected_only_if_slow_tests_run(
    options: tuple[str, ...], missing: list[str], project: pytest.Pytester
) -> None:
    write(project, "test_marked.py", SLOW)

    assert unrun_lines(run(project, *options)) == missing


def test_a_run_that_stops_early_does_not_name_the_tests_after_the_stop(project: pytest.Pytester) -> None:
    write(project, "test_a.py", "def test_wrong():\n    assert False\n")

    result = run(project, "-x")

    result.assert_outcomes(failed=1)
    assert unrun_lines(result) == []


def test_a_named_case_has_run_only_if_that_case_ran() -> None:
    tests = [
        RuleTest("PAGE-1", "tests/test_a.py::test_one[PAGE-1]"),
        RuleTest("PAGE-2", "tests/test_a.py::test_one[PAGE-2]"),
    ]

    assert unrun(tests, {"tests/test_a.py::test_one[PAGE-2]", "tests/test_a.py::test_one"}) == tests[:1]


def test_a_class_or_a_file_has_run_if_one_of_its_tests_ran_and_names_are_compared_whole() -> None:
    tests = [
        RuleTest("PAGE-1", "tests/test_a.py"),
        RuleTest("PAGE-2", "tests/test_a.py::TestOne"),
        RuleTest("PAGE-3", "tests/test_a.py::TestOne::test_two"),
        RuleTest("PAGE-4", "tests/test_a.py::TestOne::test_tw"),
        RuleTest("PAGE-5", "tests/test_b.py"),
    ]

    assert unrun(tests, {"tests/test_a.py::TestOne::test_two"}) == tests[3:]
