"""A run of the whole suite fails where a proof of the ledger did not run, and says which; a run of a part does not."""

from pathlib import Path
from typing import Final

import pytest
from support.rule_tests import Proof
from support.unrun_rule_tests import idle

TESTS: Final = str(Path(__file__).parents[1])
PROVED: Final = """
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
    """A project whose proofs all run, and a test that proves nothing."""
    monkeypatch.setenv("PYTHONPATH", TESTS)
    # No other plugin: most of the time of a run would go into loading them.
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.makeini("[pytest]\ntestpaths = tests\nmarkers =\n  rule(*ids): proves\n  slow: takes long")
    pytester.mkdir("tests")
    write(pytester, "test_proved.py", PROVED)
    write(pytester, "test_plain.py", "def test_nothing():\n    pass\n")
    return pytester


def write(project: pytest.Pytester, name: str, text: str) -> None:
    (project.path / "tests" / name).write_text(text, encoding="utf-8")


def run(project: pytest.Pytester, *options: str) -> pytest.RunResult:
    # Workers import what a plugin of a process of its own imports.
    start = project.runpytest_subprocess if "-n" in options else project.runpytest_inprocess
    return start(*OPTIONS, *options)


def complaint(result: pytest.RunResult) -> list[str]:
    """Return the text under the heading, if there is a heading."""
    lines = [line for line in result.outlines if line]
    headings = [number for number, line in enumerate(lines) if "proofs that did not run" in line]
    return [line for line in lines[headings[0] + 1 :] if line.startswith(("PAGE", "USER"))] if headings else []


@pytest.mark.parametrize("options", [(), pytest.param(("-n", "2"), marks=pytest.mark.slow)], ids=["one", "two workers"])
def test_a_run_of_all_proofs_passes(project: pytest.Pytester, options: tuple[str, ...]) -> None:
    result = run(project, *options)

    result.assert_outcomes(passed=4, skipped=1)
    assert (result.ret, complaint(result)) == (pytest.ExitCode.OK, [])


@pytest.mark.parametrize("options", [(), ("-n", "2"), ("-q",)], ids=["one process", "two workers", "quiet"])
def test_a_proof_that_is_skipped_fails_the_run(project: pytest.Pytester, options: tuple[str, ...]) -> None:
    write(project, "test_proved.py", PROVED.replace("def test_one", "@pytest.mark.skip\ndef test_one"))

    result = run(project, *options)

    assert (result.ret, complaint(result)) == (
        pytest.ExitCode.TESTS_FAILED,
        ["PAGE-1: tests/test_proved.py::test_one"],
    )


def test_a_proof_that_skips_itself_fails_the_run(project: pytest.Pytester) -> None:
    write(
        project,
        "test_proved.py",
        PROVED.replace(
            "def test_three(self):\n        pass", "def test_three(self):\n        pytest.skip('not today')"
        ),
    )

    result = run(project)

    assert (result.ret, complaint(result)) == (
        pytest.ExitCode.TESTS_FAILED,
        ["USER-1: tests/test_proved.py::TestUsers"],
    )


@pytest.mark.parametrize(
    ("options", "silent"),
    [
        (("--deselect", "tests/test_proved.py::test_two"), ["PAGE-2: tests/test_proved.py::test_two"]),
        (
            ("--ignore", "tests/test_proved.py"),
            [
                "PAGE-1: tests/test_proved.py::test_one",
                "PAGE-2: tests/test_proved.py::test_two",
                "USER-1: tests/test_proved.py::TestUsers",
            ],
        ),
    ],
    ids=["deselected", "ignored"],
)
def test_a_proof_that_is_left_out_fails_the_run(
    options: tuple[str, ...], silent: list[str], project: pytest.Pytester
) -> None:
    result = run(project, *options)

    assert (result.ret, complaint(result)) == (pytest.ExitCode.TESTS_FAILED, silent)


def test_a_proof_that_pytest_never_collects_fails_the_run(project: pytest.Pytester) -> None:
    write(project, "test_proved.py", PROVED.replace("class TestUsers:", "class TestUsers:\n    __test__ = False\n"))

    result = run(project)

    assert (result.ret, complaint(result)) == (
        pytest.ExitCode.TESTS_FAILED,
        ["USER-1: tests/test_proved.py::TestUsers"],
    )


def test_a_proof_that_fails_has_run(project: pytest.Pytester) -> None:
    write(project, "test_proved.py", PROVED.replace("def test_one():\n    pass", "def test_one():\n    assert False"))

    result = run(project)

    result.assert_outcomes(passed=3, skipped=1, failed=1)
    assert complaint(result) == []


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
def test_who_asks_for_a_part_gets_it(options: tuple[str, ...], project: pytest.Pytester) -> None:
    write(project, "test_proved.py", PROVED.replace("def test_one", "@pytest.mark.skip\ndef test_one"))

    result = run(project, *options)

    assert (result.ret, complaint(result)) == (pytest.ExitCode.OK, [])


SLOW: Final = PROVED.replace('@pytest.mark.rule("PAGE-1")', '@pytest.mark.slow\n@pytest.mark.rule("PAGE-1")')


@pytest.mark.parametrize(
    ("options", "missing"),
    [
        (("-m", "not slow"), []),
        pytest.param(("-m", "not slow", "-n", "2"), [], marks=pytest.mark.slow),
        (("-m", ""), []),
        (("-m", "slow"), []),
        # The other proofs are still expected.
        (
            ("-m", "not slow", "--deselect", "tests/test_proved.py::test_two"),
            ["PAGE-2: tests/test_proved.py::test_two"],
        ),
        # A run of all tests expects slow proofs.
        (("-m", "", "--deselect", "tests/test_proved.py::test_one"), ["PAGE-1: tests/test_proved.py::test_one"]),
    ],
    ids=["default", "two workers", "all", "slow", "another is left out", "all, a slow one is left out"],
)
def test_a_slow_proof_is_expected_only_where_slow_tests_run(
    options: tuple[str, ...], missing: list[str], project: pytest.Pytester
) -> None:
    write(project, "test_proved.py", SLOW)

    assert complaint(run(project, *options)) == missing


def test_a_run_that_was_cut_short_is_not_blamed_for_what_it_did_not_reach(project: pytest.Pytester) -> None:
    write(project, "test_a.py", "def test_wrong():\n    assert False\n")

    result = run(project, "-x")

    result.assert_outcomes(failed=1)
    assert complaint(result) == []


def test_of_a_case_that_is_named_no_other_will_do() -> None:
    proofs = [
        Proof("PAGE-1", "tests/test_a.py::test_one[PAGE-1]"),
        Proof("PAGE-2", "tests/test_a.py::test_one[PAGE-2]"),
    ]

    assert idle(proofs, {"tests/test_a.py::test_one[PAGE-2]", "tests/test_a.py::test_one"}) == proofs[:1]


def test_of_a_class_or_a_file_one_test_will_do_and_a_name_is_compared_whole() -> None:
    proofs = [
        Proof("PAGE-1", "tests/test_a.py"),
        Proof("PAGE-2", "tests/test_a.py::TestOne"),
        Proof("PAGE-3", "tests/test_a.py::TestOne::test_two"),
        Proof("PAGE-4", "tests/test_a.py::TestOne::test_tw"),
        Proof("PAGE-5", "tests/test_b.py"),
    ]

    assert idle(proofs, {"tests/test_a.py::TestOne::test_two"}) == proofs[3:]
