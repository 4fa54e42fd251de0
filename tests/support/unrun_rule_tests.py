"""Fails a run of the whole suite in which a proof of the ledger did not run: skipped, deselected or never collected."""

from collections.abc import Collection
from typing import Final

import pytest

from support.rule_tests import Proof, read_proofs

# The markers that the project's configuration asks for: the slow tests are left out.
BY_DEFAULT: Final = "not slow"
# The options with which fewer tests run than there are, or none.
NARROWING: Final = (
    *("keyword", "lf", "stepwise", "collectonly"),
    *("showfixtures", "show_fixtures_per_test", "setuponly", "setupplan"),
)


class ProofsRun:
    """Watches which tests run, and compares them with the marks of rules at the end.

    It sits where reports arrive: with pytest-xdist that is the controller, which itself collects nothing.
    """

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.ran: set[str] = set()
        self.idle: list[Proof] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" and report.outcome != "skipped":
            self.ran |= {report.nodeid, report.nodeid.partition("[")[0]}

    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        ended = exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED)
        if ended and not session.shouldstop and not session.shouldfail:
            proofs = read_proofs(self.config.rootpath / "tests")
            leaves_slow = self.config.getoption("markexpr") == BY_DEFAULT
            self.idle = idle([proof for proof in proofs if not (leaves_slow and proof.is_slow)], self.ran)
        if self.idle:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self.idle:
            terminalreporter.section("proofs that did not run", red=True)
            for proof in self.idle:
                terminalreporter.line(f"{proof.rule}: {proof.node}")


def pytest_configure(config: pytest.Config) -> None:
    if is_whole(config) and not hasattr(config, "workerinput"):
        config.pluginmanager.register(ProofsRun(config), "proofs-run")


def is_whole(config: pytest.Config) -> bool:
    """Return whether the whole suite is to run: no test is named or selected."""
    # Without pytest's cache some of the options do not exist.
    chosen = [config.getoption(name, default=None) for name in NARROWING]
    is_by_marker = config.getoption("markexpr") not in ("", BY_DEFAULT)
    return config.args_source is pytest.Config.ArgsSource.TESTPATHS and not is_by_marker and not any(chosen)


def idle(proofs: Collection[Proof], ran: Collection[str]) -> list[Proof]:
    """The proofs of which nothing ran. One is a file, a class, a function, of which any case will do, or a case."""
    reached = {
        "::".join(parts[:end]) for parts in (node.split("::") for node in ran) for end in range(1, len(parts) + 1)
    }
    return [proof for proof in proofs if proof.node not in reached]
