"""The contract, ready to be tried as the command contract tries it.

Every check of Schemathesis runs on every answer; none is switched off.
"""

import json
import tomllib
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import schemathesis
import yaml
from hypothesis import HealthCheck, settings
from schemathesis import Case
from schemathesis.generation.stateful.state_machine import APIStateMachine
from schemathesis.schemas import BaseSchema
from starlette.types import ASGIApp

from mockscope import LiveServer, Mockscope
from mockscope.contract import hooks  # noqa: F401  (they are registered by the import)

OPENAPI: Final = Path(__file__).resolve().parents[2] / "openapi.yaml"
CONTRACT: Final[dict[str, Any]] = yaml.safe_load(OPENAPI.read_bytes())
DEMO: Final[dict[str, Any]] = json.loads((files("mockscope") / "demo.json").read_bytes())
SITE: Final[dict[str, Any]] = DEMO["sites"][0]

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


def contract(*, app: ASGIApp | None = None, max_examples: int = 60) -> BaseSchema:
    """The contract, ready to be tried: each operation with examples, coverage and fuzzing, good data and bad.

    Args:
        app: what answers, in process; without it the caller names a ``base_url`` with each call.
        max_examples: how many cases of fuzzing for each operation.
    """
    generation = {"mode": "all", "max-examples": max_examples, "deterministic": True, "database": "none"}
    config = schemathesis.Config.from_dict({**CONFIG, "generation": generation})
    schema = schemathesis.openapi.from_path(OPENAPI, config=config)
    schema.app = app
    return schema


def reproducible(max_examples: int) -> settings:
    """Settings for so many cases, or chains of eight calls; the same ones every time."""
    return settings(
        max_examples=max_examples,
        stateful_step_count=8,
        deadline=None,
        derandomize=True,
        database=None,
        print_blob=True,
        suppress_health_check=list(HealthCheck),
    )


def restore(double: Mockscope | LiveServer) -> None:
    """Put the demo site back as it was; each case begins with it, whatever the one before has deleted."""
    for site in double.sites.values():
        site.remove()
    double.site(SITE["host"], SITE["api_key"], seed=DEMO)


def chains(schema: BaseSchema, double: Mockscope | LiveServer, **call: Any) -> type[APIStateMachine]:
    """Calls that follow the links of the contract, each with what the one before answered.

    Args:
        schema: the contract.
        double: what answers; its demo site is restored before each chain.
        call: what each call is made with, such as ``base_url``.
    """

    class Chains(schema.as_state_machine()):  # type: ignore[misc]  # a base that is made at run time
        def setup(self) -> None:
            restore(double)

        def get_call_kwargs(self, case: Case[Any]) -> dict[str, Any]:
            return call

    return Chains
