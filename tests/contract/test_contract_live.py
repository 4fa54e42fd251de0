"""Schemathesis against a live server, where parser and socket are real: every phase, every check."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from schemathesis import Case
from support.bounds import WAIT_SECONDS
from support.changed_servers import PLAIN
from support.contract_cases import DEMO, SITE, chains, contract, reproducible, restore

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


@pytest.mark.timeout(4 * WAIT_SECONDS)
def test_schemathesis_finds_nothing_with_the_hooks_and_its_own_defaults(tmp_path: Path) -> None:
    with serve(DEMO) as server:
        done = subprocess.run(
            [
                *(sys.executable, "-m", "schemathesis.cli", "run", f"{server.url}/openapi.yaml", "--seed", "1"),
                *("--header", f"Http-X-Partner-Auth: {SITE['host']}:{SITE['api_key']}"),
            ],
            capture_output=True,
            text=True,
            # It sends some 2,000 requests.
            timeout=3 * WAIT_SECONDS,
            check=False,
            cwd=tmp_path,
            env=PLAIN | {"SCHEMATHESIS_HOOKS": "mockscope.contract.hooks"},
        )

    assert done.returncode == 0, done.stdout
    assert "18 selected / 18 total" in done.stdout
