"""A pytest plugin that fails a run of the whole suite if a test of a rule did not run.

A skipped test, a deselected one and one that was never collected all count.
"""

from collections.abc import Collection
from typing import Final

import pytest

from support.rule_tests import RuleTest, read_rule_tests

# The marker expression of the project's configuration.
DEFAULT_MARKERS: Final = "not slow"
# Options that select tests, or run none.
SELECTING_OPTIONS: Final = (
    *("keyword", "lf", "stepwise", "collectonly"),
    *("showfixtures", "show_fixtures_per_test", "setuponly", "setupplan"),
)


class UnrunRuleTests:
    """Compare the tests that ran with the tests of the rules.

    Reports of tests arrive in pytest-xdist's controller, which collects nothing itself.
    """

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.ran: set[str] = set()
        self.unrun: list[RuleTest] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" and report.outcome != "skipped":
            self.ran |= {report.nodeid, report.nodeid.partition("[")[0]}

    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        is_complete = exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED)
        if is_complete and not session.shouldstop and not session.shouldfail:
            tests = read_rule_tests(self.config.rootpath / "tests")
            without_slow = self.config.getoption("markexpr") == DEFAULT_MARKERS
            self.unrun = unrun([test for test in tests if not (without_slow and test.is_slow)], self.ran)
        if self.unrun:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self.unrun:
            terminalreporter.section("tests of rules that did not run", red=True)
            for test in self.unrun:
                terminalreporter.line(f"{test.rule}: {test.node_id}")


def pytest_configure(config: pytest.Config) -> None:
    if is_whole_suite(config) and not hasattr(config, "workerinput"):
        config.pluginmanager.register(UnrunRuleTests(config), "unrun-rule-tests")


def is_whole_suite(config: pytest.Config) -> bool:
    """Return whether the command line neither names nor selects tests."""
    # Some of the options do not exist without pytest's cache.
    selecting = any(config.getoption(name, default=None) for name in SELECTING_OPTIONS)
    has_markers = config.getoption("markexpr") not in ("", DEFAULT_MARKERS)
    return config.args_source is pytest.Config.ArgsSource.TESTPATHS and not has_markers and not selecting


def unrun(tests: Collection[RuleTest], ran: Collection[str]) -> list[RuleTest]:
    """Return the tests of which no case ran. The id of a file or a class stands for all tests in it."""
    reached = {
        "::".join(parts[:end]) for parts in (node_id.split("::") for node_id in ran) for end in range(1, len(parts) + 1)
    }
    return [test for test in tests if test.node_id not in reached]
