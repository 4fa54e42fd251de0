"""The contract, prepared as the command contract uses it.

Every check of Schemathesis runs on every response.
"""

import json
import tomllib
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis import Case
from schemathesis.generation.stateful.state_machine import APIStateMachine
from schemathesis.schemas import BaseSchema
from starlette.types import ASGIApp

from mockscope import LiveServer, Mockscope
from mockscope.contract import hooks  # noqa: F401  (they are registered by the import)
from support.yaml_documents import load_yaml

OPENAPI: Final = Path(__file__).resolve().parents[2] / "openapi.yaml"
CONTRACT: Final[dict[str, Any]] = load_yaml(OPENAPI.read_bytes())
DEMO: Final[dict[str, Any]] = json.loads((files("mockscope") / "demo.json").read_bytes())
SITE: Final[dict[str, Any]] = DEMO["sites"][0]
# The operations of the contract, by method and path. An alias is another one's path with a slash at its end.
OPERATIONS: Final[dict[tuple[str, str], dict[str, Any]]] = {
    (method.upper(), path): operation
    for path, item in CONTRACT["paths"].items()
    for method, operation in item.items()
    if "x-alias-of" not in operation
}
ALIASES: Final[dict[tuple[str, str], dict[str, Any]]] = {
    (method.upper(), path): operation
    for path, item in CONTRACT["paths"].items()
    for method, operation in item.items()
    if "x-alias-of" in operation
}
# TEST-2: what the contract writes as 2XX has this status.
TEST_MODE_STATUS: Final = 200

CONFIG: Final[dict[str, Any]] = tomllib.loads(
    (files("mockscope") / "contract" / "schemathesis.toml").read_text("utf-8")
)
CONFIG["auth"]["openapi"]["PartnerAuth"]["api_key"] = f"{SITE['host']}:{SITE['api_key']}"


def resolved(node: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the target of a reference in the contract."""
    while "$ref" in node:
        name, of, kind, key = node["$ref"].split("/")
        assert (name, of) == ("#", "components")
        node = CONTRACT["components"][kind][key]
    return node


def status_number(documented: str) -> int:
    """Return the status that a documented one stands for."""
    return TEST_MODE_STATUS if documented == "2XX" else int(documented)


def contract(*, app: ASGIApp | None = None, max_examples: int = 60) -> BaseSchema:
    """Return the contract with examples, coverage and fuzzing for each operation, valid and invalid.

    Args:
        app: The application to call in process. Without it the caller passes a ``base_url`` with each call.
        max_examples: The number of fuzzing cases for each operation.
    """
    generation = {"mode": "all", "max-examples": max_examples, "deterministic": True, "database": "none"}
    config = schemathesis.Config.from_dict({**CONFIG, "generation": generation})
    schema = schemathesis.openapi.from_path(OPENAPI, config=config)
    schema.app = app
    return schema


def reproducible(max_examples: int) -> settings:
    """Return settings for a number of cases, or chains of eight calls, that are the same in every run."""
    return settings(
        max_examples=max_examples,
        stateful_step_count=8,
        deadline=None,
        derandomize=True,
        database=None,
        print_blob=True,
        suppress_health_check=list(HealthCheck),
    )


def restore(mock: Mockscope | LiveServer) -> None:
    """Restore the demo site, because each case expects all of its records."""
    for site in mock.sites.values():
        site.remove()
    mock.site(SITE["host"], SITE["api_key"], seed=DEMO)


def chains(schema: BaseSchema, mock: Mockscope | LiveServer, **call: Any) -> type[APIStateMachine]:
    """Return calls that follow the links of the contract, each with the response before it.

    Args:
        schema: The contract.
        mock: The mock; its demo site is restored before each chain.
        call: The arguments of each call, such as ``base_url``.
    """

    class Chains(schema.as_state_machine()):  # type: ignore[misc]  # a base that is made at run time
        def setup(self) -> None:
            restore(mock)

        def get_call_kwargs(self, case: Case[Any]) -> dict[str, Any]:
            return call

    return Chains
