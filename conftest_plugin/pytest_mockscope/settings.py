"""The settings of a test run, from its options and its ini file."""

from __future__ import annotations

import os
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import pytest

from pytest_mockscope.server_url import find_url

LOG: Final = ("failed", "all", "none")
MAX_PORT: Final = 65535
MAX_DIGITS: Final = 18


# The settings of a server that the test run starts, and how a running server gets the same.
SERVER_SETTINGS: Final = {
    "host": "",
    "port": "",
    "hint_header": ", and start that server with `mockscope serve --no-hints`",
    "calls_kept": ", and start that server with `mockscope serve --calls-kept`",
}


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


def check_settings(config: pytest.Config, settings: MockscopeConfig) -> None:
    """Refuse settings that only a server which the test run starts can have, and a token for such a server.

    Raises:
        ValueError: If there is such a setting.
    """
    url, url_name = find_url(config, settings.url)
    if not url:
        if config.getoption("--mockscope-token") is not None:
            raise ValueError("--mockscope-token is for a server that runs already: name it by --mockscope-url")
        return
    for setting, remedy in SERVER_SETTINGS.items():
        is_option = config.getoption(f"--mockscope-{setting}", None) is not None
        if is_option or getattr(settings, setting) != getattr(type(settings), setting):
            name = f"--mockscope-{setting}" if is_option else f"mockscope_{setting}"
            raise ValueError(
                f"{name} is for a server that pytest starts, and {url_name} names one that runs already: "
                f"leave one of them out{remedy}"
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


def check_validator(wish: str) -> None:
    """Check that the validator of the contract is installed.

    Args:
        wish: The setting that needs it.

    Raises:
        pytest.UsageError: If it is not installed.
    """
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
