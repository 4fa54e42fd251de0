"""What every room of the suite shares."""

from collections.abc import Iterator

import pytest

import mockscope
from mockscope.server import LiveServer

pytest_plugins = ["pytester"]


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "rule(*ids): the rules of the contract that a test proves (docs/fidelity.md)")


@pytest.fixture
def server() -> Iterator[LiveServer]:
    """A server of the test's own, without sites."""
    with mockscope.serve() as server:
        yield server
