"""Schemathesis against the ASGI application in process: every phase, every check."""

from typing import Any

import pytest
from schemathesis import Case
from support.contract_cases import chains, contract, reproducible, restore

from mockscope import Mockscope

mock = Mockscope()
# An alias differs from its operation in the path alone.
schema = contract(app=mock.app, max_examples=1).exclude(tag="aliases")
thorough_schema = contract(app=mock.app)


@pytest.mark.rule("HTTP-1", "HTTP-10", "USER-1", "GROUP-1")
@schema.parametrize()
def test_every_response_follows_the_contract(case: Case[Any]) -> None:
    restore(mock)
    case.call_and_validate()


@pytest.mark.slow
@thorough_schema.parametrize()
def test_every_response_to_many_cases_follows_the_contract(case: Case[Any]) -> None:
    restore(mock)
    case.call_and_validate()


@pytest.mark.parametrize("max_examples", [5, pytest.param(60, marks=pytest.mark.slow)])
def test_every_chain_of_calls_follows_the_contract(max_examples: int) -> None:
    chains(schema, mock).run(settings=reproducible(max_examples))
