"""The options with their ini twins, and the marker."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from pytest_mockscope.server_url import check_settings, find_url

if TYPE_CHECKING:
    from mockscope import MockSite

MARKER_LINE: Final = (
    "mockscope(host=None, api_key=None, seed=None, scenario=None, strict=None, contract=None, faults=None, "
    "timeline=None, **policy): the site of the fixture mockscope: its host, its key, a seed or a scenario for its "
    "records, strict mode, validation by the contract, planned faults, changes by other clients, and policy switches; "
    "module, class and test add up, the nearest wins"
)
# The policy switches are spelled here so that collecting a test run need not import mockscope; a test compares.
POLICY: Final = (
    "page_size",
    "test_mode_create_status",
    "unknown_groups",
    "implicit_all_users",
    "creator_must_be_admin",
    "protect_builtin_groups",
    "require_json_content_type",
)
MARKER_NAMES: Final = (
    *("host", "api_key", "seed", "scenario", "strict", "contract", "faults", "timeline"),
    *POLICY,
)
# The types of the marker's arguments that are not None. The fixture validates policy switches.
KINDS: Final[dict[str, tuple[tuple[type, ...], str]]] = {
    "host": ((str,), "text"),
    "api_key": ((str,), "text"),
    "seed": ((str, Path, Mapping), "a path or plain data"),
    "scenario": ((str,), "the name of a scenario"),
    "strict": ((bool,), "True or False"),
    "contract": ((bool,), "True or False"),
    "faults": ((list, tuple), "a list of planned faults"),
    "timeline": ((list, tuple), "a list of planned changes"),
}
ANYTHING: Final = (object,), "anything"
LOG: Final = ("failed", "all", "none")
MAX_PORT: Final = 65535
MAX_DIGITS: Final = 18


@dataclass(frozen=True)
class MockscopeConfig:
    """The settings of the server and the sites of a test run. Override the fixture mockscope_config to change them.

    Args:
        seed: A seed file for the site of each test. The seed of a marker goes before it.
        host: The address that the server binds to.
        port: The port; 0 lets the kernel choose.
        hint_header: Send ``X-Mockscope-Hint`` in responses.
        strict: Fail a test for calls that the vendor's page does not promise to work. A marker goes before it. With
            None, the seed of the test says so; the default is off.
        contract: Fail a test for requests that violate openapi.yaml, in the same way.
        calls_kept: The number of calls that each site keeps.
        url: The URL of a server that runs already. Without it, the test run starts one with ``host``, ``port``,
            ``hint_header`` and ``calls_kept``.
    """

    seed: str | Path | None = None
    host: str = "127.0.0.1"
    port: int = 0
    hint_header: bool = True
    strict: bool | None = None
    contract: bool | None = None
    calls_kept: int = 10_000
    url: str | None = None


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
        from pytest_mockscope.saved_reports import SavedReports

        config.pluginmanager.register(SavedReports(folder))
    if config.getoption("--mockscope-hold"):
        from pytest_mockscope.hold import Hold, check_hold

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
        _check_validator("mockscope_contract")


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    items = [each for each in report.result or () if isinstance(each, pytest.Item)]
    if problems := [problem for item in items for problem in _marker_problems(item)]:
        # A report, because pytest-xdist shows an exception as INTERNALERROR only.
        report.outcome, report.longrepr, report.result = "failed", "\n".join(dict.fromkeys(problems)), []
    return report


def _marker_problems(item: pytest.Item) -> Iterator[str]:
    """Yield the reason why the markers of a test are wrong, if there is one."""
    if item.get_closest_marker("mockscope") is None:
        return
    try:
        options = site_options(item)
        if options.get("contract") and not find_url(item.config)[0]:
            _check_validator("contract=True")
        faults, timeline = options.get("faults") or (), options.get("timeline") or ()
        if faults or timeline or options.get("scenario") is not None:
            from mockscope import Mockscope  # imported late: most runs need neither

            site = Mockscope().site(scenario=options.get("scenario"))
            plan_rows(site, "faults", faults)
            plan_rows(site, "timeline", timeline)
    except (ValueError, pytest.UsageError) as error:
        yield f"{item.nodeid.partition('[')[0]}: {error}"


def plan_rows(site: MockSite, key: str, rows: Sequence[Any]) -> None:
    """Plan the faults or the changes of a marker.

    Args:
        site: The site.
        key: faults or timeline, the argument of the marker.
        rows: The faults or changes, as plain data.

    Raises:
        ValueError: If one of them is wrong.
    """
    kind = "fault" if key == "faults" else "change"
    for row in rows:
        try:
            site.faults.add_plain(row, key)
        except ValueError as error:
            raise ValueError(f"the mockscope marker: the {kind} {row!r} is not valid: {error}") from None


def config_of(config: pytest.Config) -> MockscopeConfig:
    """Return the settings of options and ini file. An option goes before its ini twin.

    Raises:
        pytest.UsageError: If a value is wrong.
    """
    seeds: list[Path] = config.getini("mockscope_seed")
    if len(seeds) > 1:
        raise pytest.UsageError("mockscope_seed takes one file")
    port: str | None = config.getoption("--mockscope-port")
    port_name = "mockscope_port" if port is None else "--mockscope-port"
    return MockscopeConfig(
        seed=config.getoption("--mockscope-seed") or (seeds[0] if seeds else None),
        host=config.getoption("--mockscope-host") or config.getini("mockscope_host"),
        port=_number(port_name, config.getini("mockscope_port") if port is None else port, 0, MAX_PORT),
        hint_header=bool(_switch(config, "mockscope_hint_header")),
        strict=config.getoption("--mockscope-strict") or _switch(config, "mockscope_strict"),
        contract=contract_of(config),
        calls_kept=_number("mockscope_calls_kept", config.getini("mockscope_calls_kept"), 1),
        url=find_url(config)[0] or None,
    )


def contract_of(config: pytest.Config) -> bool | None:
    """Return whether openapi.yaml validates requests, or None. An option goes before its ini twin."""
    return config.getoption("--mockscope-contract") or _switch(config, "mockscope_contract")


def find_source_of_seed(config: pytest.Config, seed: object) -> str:
    """Return the option, ini value or fixture that named a seed."""
    if seed == config.getoption("--mockscope-seed"):
        return "--mockscope-seed"
    return "mockscope_seed" if seed in config.getini("mockscope_seed") else "mockscope_config"


def log_of(config: pytest.Config) -> str:
    """Return the tests whose calls are shown. An option goes before its ini twin."""
    log: str = config.getoption("--mockscope-log") or config.getini("mockscope_log")
    if log not in LOG:
        raise pytest.UsageError(f"mockscope_log must be one of {', '.join(LOG)}, not {log!r}")
    return log


def report_folder_of(config: pytest.Config) -> Path | None:
    """Return the absolute path of the folder for files of failed tests, or None. An option goes before its ini twin.

    Raises:
        pytest.UsageError: If it is not a folder.
    """
    option: str | None = config.getoption("--mockscope-report")
    folders: list[Path] = config.getini("mockscope_report") if option is None else [Path(option)]
    if len(folders) > 1:
        raise pytest.UsageError("mockscope_report takes one folder")
    if not folders:
        return None
    folder = Path(os.path.abspath(config.invocation_params.dir / folders[0]))
    if option == "" or (folder.exists() and not folder.is_dir()):
        raise pytest.UsageError(f"--mockscope-report and mockscope_report name a folder, not {option or folder}")
    return folder


def locate_seed(config: pytest.Config, seed: object) -> object:
    """Return a seed whose path, where it is relative, begins where pytest was started or, failing that, at the root."""
    if not isinstance(seed, str | Path):
        return seed
    started = config.invocation_params.dir / seed
    from_root = config.rootpath / seed
    return from_root if from_root.exists() and not started.exists() else started


def _check_validator(wish: str) -> None:
    if find_spec("jsonschema_rs") is None:
        raise pytest.UsageError(f"{wish} needs jsonschema-rs: pip install 'mockscope[contract]'")


def _switch(config: pytest.Config, name: str) -> bool | None:
    """Return the value of a switch in the ini file; its default, which may be None, if the file does not have it."""
    try:
        value = config.getini(name)
        return value if isinstance(value, bool) else None
    except (ValueError, pytest.UsageError) as error:
        raise pytest.UsageError(f"{name} must be true or false: {error}") from None


def _number(name: str, text: str, least: int, most: int | None = None) -> int:
    number = int(text) if text.isascii() and text.isdigit() and len(text) <= MAX_DIGITS else -1
    if number < least or (most is not None and number > most):
        bounds = f"{least} or more" if most is None else f"from {least} to {most}"
        raise pytest.UsageError(f"{name} must be a number, {bounds}, not {text!r}")
    return number


def site_options(item: pytest.Item) -> dict[str, Any]:
    """Return the arguments of the markers of a test, merged from module to test.

    Raises:
        ValueError: If an argument is positional, has an unknown name, or a value of the wrong kind.
    """
    merged: dict[str, Any] = {}
    for marker in reversed(list(item.iter_markers("mockscope"))):
        if marker.args:
            raise ValueError("the mockscope marker takes named arguments only")
        for name, value in marker.kwargs.items():
            if name not in MARKER_NAMES:
                near = get_close_matches(name, MARKER_NAMES, n=1)
                guess = f"did you mean {near[0]}?" if near else f"known: {', '.join(MARKER_NAMES)}"
                raise ValueError(f"the mockscope marker knows no {name}; {guess}")
            kinds, wanted = KINDS.get(name, ANYTHING)
            if value is not None and not isinstance(value, kinds):
                raise ValueError(f"{name} of the mockscope marker is {wanted}, not {value!r}")
        if {"seed", "scenario"} <= marker.kwargs.keys():
            raise ValueError("the mockscope marker takes one of seed and scenario: a scenario has its own records")
        if not marker.kwargs.keys().isdisjoint(("seed", "scenario")):
            merged = {name: value for name, value in merged.items() if name not in ("seed", "scenario")}
        merged |= marker.kwargs
    return merged
