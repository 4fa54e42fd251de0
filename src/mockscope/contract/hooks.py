"""Hooks for Schemathesis: ``SCHEMATHESIS_HOOKS=mockscope.contract.hooks st run openapi.yaml ...``.

They drop failures that no schema can decide. They reset the site before each case if MOCKSCOPE_CONTRACT_RESET_URL is
set.
"""

import os
from typing import Any, Final
from urllib.parse import unquote

import requests
import schemathesis
from hypothesis.control import BuildContext, current_build_context, currently_in_test_context
from schemathesis import Case, HookContext, Response
from schemathesis.core.failures import Failure
from schemathesis.openapi.checks import RejectedPositiveData, UseAfterFree

from mockscope._vendor import (
    API_PATH,
    BUILTIN_GROUPS,
    CREATOR_FIELD,
    EMAIL_HEADER,
    INVITER_FIELD,
    OTHER_CREATOR_FIELD,
    TEST_MODE_MESSAGE,
)

HINT: Final = "x-mockscope-hint"
# Hints of refusals that depend on the records of the site, which a schema cannot describe.
BY_STATE: Final = ("user-unknown", "inviter-unknown", "inviter-not-administrator", "group-unknown", "builtin-group")
# The fields of a body that name records.
NAMING_FIELDS: Final = ("groups", INVITER_FIELD, CREATOR_FIELD, OTHER_CREATOR_FIELD)

_test_mode_cases: set[str] = set()
_current: BuildContext | None = None
_session = requests.Session()


@schemathesis.hook
def before_call(context: HookContext, case: Case[Any], kwargs: dict[str, Any]) -> None:
    """Reset the site before each case and each chain of calls."""
    if (url := os.environ.get("MOCKSCOPE_CONTRACT_RESET_URL")) and _begins_case():
        token = os.environ.get("MOCKSCOPE_CONTROL_TOKEN")
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        _session.post(url, json={}, headers=headers, timeout=60).raise_for_status()


@schemathesis.hook
def after_call(context: HookContext, case: Case[Any], response: Response) -> None:
    """Store the ids of the cases in test mode."""
    if response.status_code == 200 and TEST_MODE_MESSAGE.encode() in response.content:
        _test_mode_cases.add(case.id)


@schemathesis.hook
def filter_failure(context: HookContext, failure: Failure, case: Case[Any], response: Response) -> bool:
    """Return whether a failure counts. Two kinds do not.

    The vendor's page asks for 400 if a well-formed request names an unknown user, inviter or group, or a built-in
    group. After a DELETE in test mode, the group still exists (TEST-1).
    """
    if isinstance(failure, UseAfterFree):
        return failure.deleted_case_id not in _test_mode_cases
    is_refusal = isinstance(failure, RejectedPositiveData) and response.status_code == 400
    return not (is_refusal and case.path.startswith(f"{API_PATH}/") and _depends_on_records(case, response))


def _begins_case() -> bool:
    """Return whether a call is the first one of its case.

    Hypothesis has a context for each example, and a chain of calls is one example. Without a context, each call is a
    case.
    """
    global _current
    before, _current = _current, current_build_context() if currently_in_test_context() else None
    return _current is None or _current is not before


def _depends_on_records(case: Case[Any], response: Response) -> bool:
    """Return whether a well-formed request may have been refused because of the records of the site.

    A hint decides. Without one, every request that names a record may have been.
    """
    if HINT in response.headers:
        return response.headers[HINT][0] in BY_STATE
    body = case.body if isinstance(case.body, dict) else {}
    names_user = EMAIL_HEADER.lower() in {name.lower() for name in case.headers or {}}
    # Schemathesis stores path parameters percent-encoded.
    names_builtin = unquote(str((case.path_parameters or {}).get("group_name"))) in BUILTIN_GROUPS
    return names_user or names_builtin or any(body.get(field) for field in NAMING_FIELDS)
