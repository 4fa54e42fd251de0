"""The contract of the control API, Schemathesis set up for it, and requests to it."""

import json
from copy import deepcopy
from importlib.resources import files
from typing import Any, Final
from urllib.parse import quote

import schemathesis
from schemathesis import Case, HookContext, Response
from schemathesis.core.failures import Failure
from schemathesis.generation.stateful.state_machine import APIStateMachine
from schemathesis.openapi.checks import RejectedPositiveData, UseAfterFree
from schemathesis.schemas import BaseSchema
from starlette.types import ASGIApp

from mockscope import Mockscope
from support.yaml_documents import load_yaml

BASE: Final = "/_mockscope/v1"
CONTRACT: Final[dict[str, Any]] = load_yaml((files("mockscope") / "control.yaml").read_bytes())
TOKEN: Final = "a-token-of-the-tests"
HOST: Final = "example_site"
DEMO: Final[dict[str, Any]] = json.loads((files("mockscope") / "demo.json").read_bytes())
# The names of groups and dashboards.
DEMO_NAMES: Final = [record["name"] for kind in ("groups", "dashboards") for record in DEMO["sites"][0][kind]]

# Operations with refusals that depend on several fields or on the records of the site, which no schema expresses.
TOGETHER: Final = frozenset(
    {"create_site", "import_site", "import_server", "add_fault", "record_login", "record_password_change"}
    | {f"{verb}_{record}" for verb in ("create", "update") for record in ("user", "group", "dashboard")}
    | {f"{verb}_clock{of}" for verb in ("shift", "move", "freeze") for of in ("", "_of_site")}
)
# DELETE of these paths empties the list and does not remove it.
LISTS: Final = ("/calls", "/calls/har", "/faults")
# JSON Schema takes 2.0 for an integer; mockscope does not.
NO_INTEGER: Final = b"Expected `int`, got `float`"
# The maximum numbers of generated users and groups in a seed, and the number for which a test has time.
MADE_UP: Final[dict[str, int]] = {
    name: made["maximum"]
    for name, made in CONTRACT["components"]["schemas"]["SeedGenerate"]["properties"].items()
    if "maximum" in made
}
FEW: Final = 20

CONFIG: Final[dict[str, Any]] = {
    "auth": {"openapi": {"Token": {"bearer": TOKEN}}},
    "dictionaries": {
        "hosts": {"values": [HOST]},
        "emails": {"values": [user["email"] for user in DEMO["sites"][0]["users"]]},
        "names": {"values": ["one", *DEMO_NAMES]},
        "faults": {"values": ["fault-1", "rate-limit-2"]},
    },
    "parameters": {
        "path.host": {"dictionary": "hosts", "probability": 0.8},
        "path.name": {"dictionary": "names", "probability": 0.7},
        "query.since": {"dictionary": "names", "probability": 0.7},
        "path.email": {"dictionary": "emails", "probability": 0.7},
        "path.fault": {"dictionary": "faults", "probability": 0.7},
        "body.email": {"dictionary": "emails", "probability": 0.7},
    },
    "phases": {"stateful": {"max-steps": 8}},
}


def path_of(host: str) -> str:
    """Return the path of a site."""
    return f"{BASE}/sites/{quote(host, safe='')}"


def control_contract(*, app: ASGIApp, max_examples: int) -> BaseSchema:
    """Return the contract of the control API, set up for Schemathesis. Streams are excluded, since they never end.

    Args:
        app: the application, called in process.
        max_examples: how many cases of fuzzing for each operation.
    """
    # What is wrong is generated at length, where there is time for it.
    mode = "all" if max_examples > 1 else "positive"
    generation = {"mode": mode, "max-examples": max_examples, "deterministic": True, "database": "none"}
    config = schemathesis.Config.from_dict({**CONFIG, "generation": generation})
    # Schemathesis writes into what it is given.
    loaded = schemathesis.openapi.from_dict(deepcopy(CONTRACT), config=config)
    loaded.app = app
    schema = loaded.exclude(path_regex="/(stream|events)$")

    @schema.hook
    def filter_failure(context: HookContext, failure: Failure, case: Case[Any], response: Response) -> bool:
        # DELETE of a list empties it, and an empty list is still there.
        if isinstance(failure, UseAfterFree) and case.path.endswith(LISTS):
            return False
        refused = isinstance(failure, RejectedPositiveData) and response.status_code == 400
        return not (refused and (_hangs_together(case) or NO_INTEGER in response.content))

    return schema


def _hangs_together(case: Case[Any]) -> bool:
    return case.operation.definition.raw["operationId"] in TOGETHER


def small(body: Any) -> None:
    """Reduce the number of generated users and groups in a seed: a test has no time for millions of users."""
    asked = body.get("generate") if isinstance(body, dict) else None
    if isinstance(asked, dict):
        for key, most in MADE_UP.items():
            if isinstance(asked.get(key), int) and FEW < asked[key] <= most:
                asked[key] = FEW
    for part in body.values() if isinstance(body, dict) else body if isinstance(body, list) else ():
        small(part)


def restore(mock: Mockscope) -> None:
    """Restore the demo site with a snapshot, a fault and a rate limit. Remove other sites, and reset the clock."""
    for site in mock.sites.values():
        site.remove()
    mock.clock.reset()
    mock.calls.reset()
    site = mock.site(HOST, DEMO["sites"][0]["api_key"], seed=DEMO)
    site.snapshot("one")
    site.faults.add("get_user", status=503)
    site.faults.rate_limit(100, per=60)


def chains(schema: BaseSchema, mock: Mockscope) -> type[APIStateMachine]:
    """Return a state machine of calls that follow the links of the contract, with values of earlier responses."""

    class Chains(schema.as_state_machine()):  # type: ignore[misc]  # a base that is made at run time
        def setup(self) -> None:
            restore(mock)

        def before_call(self, case: Case[Any]) -> None:
            small(case.body)

    return Chains
