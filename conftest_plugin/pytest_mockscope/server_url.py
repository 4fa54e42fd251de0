"""The URL and the token of a server that runs already, and the settings that a test run cannot give it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from pytest_mockscope.options import MockscopeConfig

URL_VARIABLE: Final = "MOCKSCOPE_PYTEST_URL"
TOKEN_VARIABLE: Final = "MOCKSCOPE_CONTROL_TOKEN"
CONFIG_URL: Final = "the url of mockscope_config"
# The settings of a server that the test run starts, and how a running server gets the same.
SERVER_SETTINGS: Final = {
    "host": "",
    "port": "",
    "hint_header": ", and start that server with `mockscope serve --no-hints`",
    "calls_kept": ", and start that server with `mockscope serve --calls-kept`",
}


def find_url(config: pytest.Config, default: str | None = None) -> tuple[str, str]:
    """Return the URL of the running server, and the option, variable or ini value that names it; blank without one.

    Args:
        config: the configuration of the test run.
        default: the URL of mockscope_config, which the others go before.
    """
    sources = {
        "--mockscope-url": config.getoption("--mockscope-url"),
        URL_VARIABLE: os.environ.get(URL_VARIABLE),
        "mockscope_url": config.getini("mockscope_url"),
        CONFIG_URL: default,
    }
    return next(((url, name) for name, url in sources.items() if url), ("", ""))


def find_token(config: pytest.Config) -> str | None:
    """Return the token for the control API of the running server, or None."""
    return config.getoption("--mockscope-token") or os.environ.get(TOKEN_VARIABLE) or None


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
