"""Options with their ini twins, and the marker: what they are called, and what they may say."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from mockscope import MockSite

MARKER: Final = (
    "mockscope(host=None, api_key=None, seed=None, strict=None, contract=None, faults=None, **policy): what the site "
    "of the fixture mockscope is like: its host, its key, a seed for its records, whether it is in strict mode, "
    "whether requests are held against the contract, faults that are planned for it, and policy switches; module, "
    "class and test add up, the nearest wins"
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
MARKER_NAMES: Final = ("host", "api_key", "seed", "strict", "contract", "faults", *POLICY)
# What the marker's arguments are, where they are not None. Policy switches are mockscope's to judge, at the fixture.
KINDS: Final[dict[str, tuple[tuple[type, ...], str]]] = {
    "host": ((str,), "text"),
    "api_key": ((str,), "text"),
    "seed": ((str, Path, Mapping), "a path or plain data"),
    "strict": ((bool,), "True or False"),
    "contract": ((bool,), "True or False"),
    "faults": ((list, tuple), "a list of planned faults"),
}
ANYTHING: Final = (object,), "anything"
LOG: Final = ("failed", "all", "none")
LAST_PORT: Final = 65535
# Of digits: more calls fit into no memory.
LONGEST_NUMBER: Final = 18


@dataclass(frozen=True)
class MockscopeConfig:
    """What the server and the sites of a test run are like. Override the fixture mockscope_config to change it.

    Args:
        seed: a seed file for the site of each test; a marker's own seed goes before it.
        host: the address that the server binds to.
        port: the port; 0 lets the kernel choose.
        hint_header: whether answers carry ``X-Mockscope-Hint``.
        strict: whether a test fails for what the vendor's page does not promise; a marker goes before it.
        contract: whether a test fails for requests that are not as openapi.yaml says; likewise.
        calls_kept: how many calls each site keeps.
    """

    seed: str | Path | None = None
    host: str = "127.0.0.1"
    port: int = 0
    hint_header: bool = True
    strict: bool = False
    contract: bool = False
    calls_kept: int = 10_000


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("mockscope", "mockscope: a test double of the User and Group Management API")
    group.addoption("--mockscope-seed", metavar="FILE", help="seed file for the site of each test")
    group.addoption("--mockscope-host", metavar="ADDRESS", help="address that the server binds to (127.0.0.1)")
    group.addoption("--mockscope-port", metavar="PORT", help="port of the server (0: the kernel chooses)")
    group.addoption("--mockscope-log", choices=LOG, help="whose calls are shown: those of failed tests, all, or none")
    group.addoption("--mockscope-strict", action="store_true", help="fail tests for what the page does not promise")
    group.addoption("--mockscope-contract", action="store_true", help="fail tests for requests that break the contract")
    parser.addini("mockscope_seed", "seed file for the site of each test, relative to the ini file", type="paths")
    parser.addini("mockscope_host", "address that the server binds to", default="127.0.0.1")
    parser.addini("mockscope_port", "port of the server; 0: the kernel chooses", default="0")
    parser.addini("mockscope_hint_header", "whether answers carry X-Mockscope-Hint", type="bool", default=True)
    parser.addini("mockscope_log", "whose calls are shown: failed, all or none", default="failed")
    parser.addini("mockscope_strict", "fail tests for what the page does not promise", type="bool", default=False)
    parser.addini("mockscope_contract", "fail tests for requests that break the contract", type="bool", default=False)
    parser.addini("mockscope_calls_kept", "how many calls each site keeps", default="10000")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", MARKER)
    # What means nothing stops the run here, and not in the report of some test.
    config_of(config)
    log_of(config)
    if contract_of(config):
        _check_validator("mockscope_contract")


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    items = [each for each in report.result or () if isinstance(each, pytest.Item)]
    if problems := [problem for item in items for problem in _marker_problems(item)]:
        # A report and not an exception, of which pytest-xdist would show nothing but INTERNALERROR.
        report.outcome, report.longrepr, report.result = "failed", "\n".join(dict.fromkeys(problems)), []
    return report


def _marker_problems(item: pytest.Item) -> Iterator[str]:
    """Yield the reason why the markers of a test mean nothing, if there is one."""
    if item.get_closest_marker("mockscope") is None:
        return
    try:
        options = site_options(item)
        if options.get("contract"):
            _check_validator("contract=True")
        if options.get("faults"):
            from mockscope import Mockscope  # here, not above: a run without planned faults pays nothing

            plan_faults(Mockscope().site(), options["faults"])
    except (ValueError, pytest.UsageError) as error:
        yield f"{item.nodeid.partition('[')[0]}: {error}"


def plan_faults(site: MockSite, faults: Sequence[Any]) -> None:
    """Plan the faults of a marker.

    Raises:
        ValueError: If one of them means nothing.
    """
    for fault in faults:
        try:
            site.faults.add_plain(fault)
        except ValueError as error:
            raise ValueError(f"the mockscope marker, of the fault {fault!r}: {error}") from None


def config_of(config: pytest.Config) -> MockscopeConfig:
    """The configuration that options and ini file give; an option goes before its ini twin.

    Raises:
        pytest.UsageError: a value means nothing.
    """
    seeds: list[Path] = config.getini("mockscope_seed")
    if len(seeds) > 1:
        raise pytest.UsageError("mockscope_seed takes one file")
    port: str | None = config.getoption("--mockscope-port")
    return MockscopeConfig(
        seed=config.getoption("--mockscope-seed") or (seeds[0] if seeds else None),
        host=config.getoption("--mockscope-host") or config.getini("mockscope_host"),
        port=(
            _number("mockscope_port", config.getini("mockscope_port"), 0, LAST_PORT)
            if port is None
            else _number("--mockscope-port", port, 0, LAST_PORT)
        ),
        hint_header=_switch(config, "mockscope_hint_header"),
        strict=config.getoption("--mockscope-strict") or _switch(config, "mockscope_strict"),
        contract=contract_of(config),
        calls_kept=_number("mockscope_calls_kept", config.getini("mockscope_calls_kept"), 1),
    )


def contract_of(config: pytest.Config) -> bool:
    """Whether requests are held against the contract; an option goes before its ini twin."""
    return config.getoption("--mockscope-contract") or _switch(config, "mockscope_contract")


def seed_named_by(config: pytest.Config, seed: object) -> str:
    """What named a seed that no marker did."""
    if seed == config.getoption("--mockscope-seed"):
        return "--mockscope-seed"
    return "mockscope_seed" if seed in config.getini("mockscope_seed") else "mockscope_config"


def log_of(config: pytest.Config) -> str:
    """Whose calls are shown; an option goes before its ini twin."""
    log: str = config.getoption("--mockscope-log") or config.getini("mockscope_log")
    if log not in LOG:
        raise pytest.UsageError(f"mockscope_log is one of {', '.join(LOG)}, and not {log!r}")
    return log


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


def _switch(config: pytest.Config, name: str) -> bool:
    try:
        return bool(config.getini(name))
    except (ValueError, pytest.UsageError) as error:
        raise pytest.UsageError(f"{name} must be true or false: {error}") from None


def _number(name: str, text: str, least: int, most: int | None = None) -> int:
    number = int(text) if text.isascii() and text.isdigit() and len(text) <= LONGEST_NUMBER else -1
    if number < least or (most is not None and number > most):
        bounds = f"{least} or more" if most is None else f"from {least} to {most}"
        raise pytest.UsageError(f"{name} must be a number, {bounds}, and is {text!r}")
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
        merged |= marker.kwargs
    return merged
