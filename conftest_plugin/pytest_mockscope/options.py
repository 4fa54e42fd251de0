"""The options with their ini twins, and the parts of the plugin that they switch on."""

from __future__ import annotations

import pytest

from pytest_mockscope.hold import Hold, check_hold
from pytest_mockscope.markers import MARKER_LINE
from pytest_mockscope.saved_reports import SavedReports
from pytest_mockscope.settings import LOG, check_settings, check_validator, config_of, log_of, report_folder_of


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("mockscope", "mockscope: a test double of the User and Group Management API")
    group.addoption("--mockscope-seed", metavar="FILE", help="seed file for the site of each test")
    group.addoption("--mockscope-host", metavar="ADDRESS", help="address that the server binds to (127.0.0.1)")
    group.addoption("--mockscope-port", metavar="PORT", help="port of the server (0: the kernel chooses)")
    group.addoption("--mockscope-url", metavar="URL", help="URL of a server that runs already")
    group.addoption("--mockscope-token", metavar="TOKEN", help="token for the control API of that server")
    group.addoption("--mockscope-log", choices=LOG, help="whose calls are shown: those of failed tests, all, or none")
    group.addoption("--mockscope-strict", action="store_true", help="fail tests for calls that only work by accident")
    group.addoption("--mockscope-contract", action="store_true", help="fail tests for requests that break the contract")
    group.addoption("--mockscope-report", metavar="DIR", help="write a file for each failed test into this folder")
    group.addoption("--mockscope-hold", action="store_true", help="keep the server of a failed test up until Enter")
    parser.addini("mockscope_seed", "seed file for the site of each test, relative to the ini file", type="paths")
    parser.addini("mockscope_host", "address that the server binds to", default="127.0.0.1")
    parser.addini("mockscope_port", "port of the server; 0: the kernel chooses", default="0")
    parser.addini("mockscope_url", "URL of a server that runs already", default=None)
    parser.addini("mockscope_hint_header", "whether answers carry X-Mockscope-Hint", type="bool", default=True)
    parser.addini("mockscope_log", "whose calls are shown: failed, all or none", default="failed")
    parser.addini("mockscope_strict", "fail tests for calls that only work by accident", type="bool", default=None)
    parser.addini("mockscope_contract", "fail tests for requests that break the contract", type="bool", default=None)
    parser.addini("mockscope_calls_kept", "how many calls each site keeps", default="10000")
    parser.addini("mockscope_report", "folder for a file of each failed test, relative to the ini file", type="paths")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", MARKER_LINE)
    # A wrong value must stop the run here, and not fail in the report of a test.
    settings = config_of(config)
    log_of(config)
    if (folder := report_folder_of(config)) is not None:
        # A worker of xdist gets the options of this process, and may have another working directory.
        config.option.mockscope_report = str(folder)
        config.pluginmanager.register(SavedReports(folder))
    if config.getoption("--mockscope-hold"):
        check_hold(config)
        config.pluginmanager.register(Hold())
    try:
        # Without a URL here, a fixture may still set one.
        if settings.url:
            check_settings(config, settings)
    except ValueError as error:
        raise pytest.UsageError(str(error)) from None
    # A running server has its own validator.
    if settings.contract and not settings.url:
        check_validator("mockscope_contract")
