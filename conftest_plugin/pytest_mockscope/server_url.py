"""The URL and the token of a server that runs already."""

from __future__ import annotations

import os
from typing import Final

import pytest

URL_VARIABLE: Final = "MOCKSCOPE_PYTEST_URL"
TOKEN_VARIABLE: Final = "MOCKSCOPE_CONTROL_TOKEN"
CONFIG_URL: Final = "the url of mockscope_config"


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
