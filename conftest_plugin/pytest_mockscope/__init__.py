"""The pytest plugin: glue only. At import it needs pytest and the standard library; mockscope is loaded by fixtures."""

from pytest_mockscope.fixtures import (
    mockscope,
    mockscope_ca,
    mockscope_config,
    mockscope_redirect,
    mockscope_server,
)
from pytest_mockscope.options import (
    MockscopeConfig,
    pytest_addoption,
    pytest_configure,
    pytest_make_collect_report,
)
from pytest_mockscope.reporting import (
    pytest_runtest_makereport,
    pytest_runtest_setup,
    pytest_sessionstart,
    pytest_terminal_summary,
)

__all__ = [
    "MockscopeConfig",
    "mockscope",
    "mockscope_ca",
    "mockscope_config",
    "mockscope_redirect",
    "mockscope_server",
    "pytest_addoption",
    "pytest_configure",
    "pytest_make_collect_report",
    "pytest_runtest_makereport",
    "pytest_runtest_setup",
    "pytest_sessionstart",
    "pytest_terminal_summary",
]
