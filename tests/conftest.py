"""What every room of the suite shares."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import mockscope
from mockscope.server import LiveServer

# What these rooms have for all. pytest adds a room when it collects its tests, which xdist's controller never does.
sys.path += [str(Path(__file__).parent / room) for room in ("docs", "redirect")]

pytest_plugins = ["pytester", "proofs"]


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "rule(*ids): the rules of the contract that a test proves (docs/fidelity.md)")


@pytest.fixture
def server() -> Iterator[LiveServer]:
    """A server of the test's own, without sites."""
    with mockscope.serve() as server:
        yield server
