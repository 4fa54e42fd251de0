"""Options with their ini twins, and the marker: what they are called, and what they may say."""

from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final

import pytest

MARKER: Final = (
    "mockscope(host=None, api_key=None, seed=None, **policy): what the site of the fixture mockscope is like: "
    "its host, its key, a seed for its records, and policy switches; module, class and test add up, the nearest wins"
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
MARKER_NAMES: Final = ("host", "api_key", "seed", *POLICY)


@dataclass(frozen=True)
class MockscopeConfig:
    """What the server and the sites of a test run are like. Override the fixture mockscope_config to change it.

    Args:
        seed: a seed file for the site of each test; a marker's own seed goes before it.
        host: the address that the server binds to.
        port: the port; 0 lets the kernel choose.
        hint_header: whether answers carry ``X-Mockscope-Hint``.
    """

    seed: str | Path | None = None
    host: str = "127.0.0.1"
    port: int = 0
    hint_header: bool = True


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("mockscope", "mockscope: a test double of the User and Group Management API")
    group.addoption("--mockscope-seed", metavar="FILE", help="seed file for the site of each test")
    group.addoption("--mockscope-host", metavar="ADDRESS", help="address that the server binds to (127.0.0.1)")
    group.addoption("--mockscope-port", metavar="PORT", type=int, help="port of the server (0: the kernel chooses)")
    parser.addini("mockscope_seed", "seed file for the site of each test, relative to the ini file", type="paths")
    parser.addini("mockscope_host", "address that the server binds to", default="127.0.0.1")
    parser.addini("mockscope_port", "port of the server; 0: the kernel chooses", default="0")
    parser.addini("mockscope_hint_header", "whether answers carry X-Mockscope-Hint", type="bool", default=True)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", MARKER)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.get_closest_marker("mockscope"):
            site_options(item)


def config_of(config: pytest.Config) -> MockscopeConfig:
    """The configuration that options and ini file give; an option goes before its ini twin."""
    seeds: list[Path] = config.getini("mockscope_seed")
    if len(seeds) > 1:
        raise pytest.UsageError("mockscope_seed takes one file")
    port = config.getoption("--mockscope-port")
    text = config.getini("mockscope_port")
    if port is None and not text.isdigit():
        raise pytest.UsageError(f"mockscope_port must be a number, and is {text!r}")
    return MockscopeConfig(
        seed=config.getoption("--mockscope-seed") or (seeds[0] if seeds else None),
        host=config.getoption("--mockscope-host") or config.getini("mockscope_host"),
        port=int(text) if port is None else port,
        hint_header=config.getini("mockscope_hint_header"),
    )


def site_options(item: pytest.Item) -> dict[str, Any]:
    """What the markers of a test say of its site, merged from module to test.

    Raises:
        pytest.UsageError: a marker has positional arguments, or a name that means nothing.
    """
    merged: dict[str, Any] = {}
    for marker in reversed(list(item.iter_markers("mockscope"))):
        if marker.args:
            raise pytest.UsageError(f"{item.nodeid}: the mockscope marker takes named arguments only")
        for name in marker.kwargs:
            if name not in MARKER_NAMES:
                near = get_close_matches(name, MARKER_NAMES, n=1)
                guess = f"did you mean {near[0]}?" if near else f"known: {', '.join(MARKER_NAMES)}"
                raise pytest.UsageError(f"{item.nodeid}: the mockscope marker knows no {name}; {guess}")
        merged |= marker.kwargs
    return merged
