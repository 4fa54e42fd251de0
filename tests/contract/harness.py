"""Schemathesis set up for mockscope: the contract, the demo site's own words, and the two verdicts that are not kept.

Every check of Schemathesis runs on every answer; none is switched off.
"""

from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import schemathesis
import yaml
from hypothesis import HealthCheck, settings
from schemathesis import Case, HookContext, Response
from schemathesis.core.failures import Failure
from schemathesis.generation.stateful.state_machine import APIStateMachine
from schemathesis.openapi.checks import RejectedPositiveData, UseAfterFree
from schemathesis.schemas import BaseSchema
from starlette.types import ASGIApp

from mockscope import Mockscope

OPENAPI: Final = Path(__file__).resolve().parents[2] / "openapi.yaml"
DEMO: Final[dict[str, Any]] = yaml.safe_load((files("mockscope") / "demo.yaml").read_bytes())
SITE: Final[dict[str, Any]] = DEMO["sites"][0]

# Hints of the refusals that hang on what the site holds, which no schema can say.
STATE_REFUSALS: Final = frozenset({"user-unknown", "inviter-not-administrator", "group-unknown", "builtin-group"})
WOULD_SUCCEED: Final = {"message": "Action would have completed successfully"}

# The words of the demo site: without them, nearly every request would be about users and groups that nobody has.
CONFIG: Final[dict[str, Any]] = {
    "auth": {"openapi": {"PartnerAuth": {"api_key": f"{SITE['host']}:{SITE['api_key']}"}}},
    "dictionaries": {
        "emails": {"values": [user["email"] for user in SITE["users"]]},
        "groups": {"values": ["Administrators", "All Users", *(group["name"] for group in SITE["groups"])]},
        "switch": {"values": ["true", "false"]},
    },
    "parameters": {
        "header.Http-X-Email": {"dictionary": "emails", "probability": 0.5},
        "path.group_name": {"dictionary": "groups", "probability": 0.5},
        "query.test_mode": {"dictionary": "switch", "probability": 0.3},
        "body.invited_by_email": {"dictionary": "emails", "probability": 0.7},
        "body.created_by_email": {"dictionary": "emails", "probability": 0.7},
        "body.create_by_email": {"dictionary": "emails", "probability": 0.7},
    },
    "phases": {"stateful": {"max-steps": 8}},
}


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
    dry_runs: set[str] = set()

    @schema.hook
    def after_call(context: HookContext, case: Case[Any], response: Response) -> None:
        if response.status_code == 200 and response.json() == WOULD_SUCCEED:
            dry_runs.add(case.id)

    @schema.hook
    def filter_failure(context: HookContext, failure: Failure, case: Case[Any], response: Response) -> bool:
        # The vendor's page asks for 400, not 404, where the request is well formed and names a user, an inviter or a
        # group that the site has not, or a built-in group: "400 if the email_address does NOT belong to the user".
        if isinstance(failure, RejectedPositiveData):
            hint = response.headers.get("x-mockscope-hint", [""])[0]
            return not (response.status_code == 400 and hint in STATE_REFUSALS)
        # A DELETE in test mode is answered 200 and deletes nothing (TEST-1): of course the group is still there.
        if isinstance(failure, UseAfterFree):
            return failure.deleted_case_id not in dry_runs
        return True

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


def restore(double: Mockscope) -> None:
    """Put the demo site back as it was; each case begins with it, whatever the one before has deleted."""
    for site in double.sites.values():
        site.remove()
    double.site(SITE["host"], SITE["api_key"], seed=DEMO)


def chains(schema: BaseSchema, double: Mockscope, **call: Any) -> type[APIStateMachine]:
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
