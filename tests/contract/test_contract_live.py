"""Schemathesis against a live server, where parser and socket are real: every phase, every check."""

from collections.abc import Iterator
from typing import Any

import pytest
from schemathesis import Case
from support.contract_cases import chains, contract, reproducible, restore

from mockscope import LiveServer, serve

pytestmark = pytest.mark.slow

schema = contract(max_examples=15)


@pytest.fixture(scope="module")
def server() -> Iterator[LiveServer]:
    with serve() as server:
        yield server


@pytest.mark.rule("HTTP-1", "HTTP-10")
@schema.parametrize()
def test_every_response_over_http_follows_the_contract(case: Case[Any], server: LiveServer) -> None:
    restore(server)
    case.call_and_validate(base_url=server.url)


def test_every_chain_of_calls_over_http_follows_the_contract(server: LiveServer) -> None:
    chains(schema, server, base_url=server.url).run(settings=reproducible(max_examples=25))
