"""What every room of the suite shares."""

import pytest

pytest_plugins = ["pytester"]


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "rule(*ids): the rules of the contract that a test proves (docs/fidelity.md)")
