"""Tools that a test needs, and that need not be installed."""

import os
from typing import NoReturn

import pytest


def skip_unless_required(reason: str, variable: str) -> NoReturn:
    """Skip the test, or the module that is imported. If the environment variable is "required", fail instead."""
    if os.environ.get(variable) == "required":
        pytest.fail(reason)
    pytest.skip(reason, allow_module_level=True)
