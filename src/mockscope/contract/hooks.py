"""Hooks for Schemathesis: ``SCHEMATHESIS_HOOKS=mockscope.contract.hooks st run openapi.yaml ...``.

They drop the verdicts that no schema can decide, and keep the key out of everything that Schemathesis shows: ``$NAME``
at the end of the auth header becomes the value of the environment variable in the request that is sent, nowhere else.
"""

import os
import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import unquote

import requests
import schemathesis
from hypothesis.control import BuildContext, current_build_context, currently_in_test_context
from schemathesis import Case, HookContext, Response
from schemathesis.core.failures import Failure
from schemathesis.openapi.checks import RejectedPositiveData, UseAfterFree

from mockscope.contract import RESET_VARIABLE
from mockscope.domain.model import BUILTIN_GROUPS

AUTH: Final = "Http-X-Partner-Auth"
HINT: Final = "x-mockscope-hint"
RESET_TIMEOUT: Final = 60
VARIABLE: Final = re.compile(r"\$([A-Za-z_]\w*)$", re.ASCII)
# The hints of refusals that depend on the records of the site, which no schema describes.
STATE_REFUSALS: Final = frozenset({"user-unknown", "inviter-not-administrator", "group-unknown", "builtin-group"})
# The fields of a body that name records.
NAMING_FIELDS: Final = ("groups", "invited_by_email", "created_by_email", "create_by_email")
WOULD_SUCCEED: Final = b"Action would have completed successfully"

# The auth header as it was sent -> as Schemathesis shows it.
_shown: dict[str, str] = {}
_test_mode_cases: set[str] = set()
_current: BuildContext | None = None
_session = requests.Session()


@schemathesis.hook
def before_call(context: HookContext, case: Case[Any], kwargs: dict[str, Any]) -> None:
    """Reset the site before each case and each chain of calls, and have the key put in when all else is there."""
    if (url := os.environ.get(RESET_VARIABLE)) and _begins_case():
        token = os.environ.get("MOCKSCOPE_CONTROL_TOKEN")
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        _session.post(url, json={}, headers=headers, timeout=RESET_TIMEOUT).raise_for_status()
    kwargs.setdefault("auth", put_key_in)


@schemathesis.hook
def after_call(context: HookContext, case: Case[Any], response: Response) -> None:
    """Take the key out again, and note which cases were in test mode."""
    take_key_out(response.request)
    if response.status_code == 200 and WOULD_SUCCEED in response.content:
        _test_mode_cases.add(case.id)


@schemathesis.hook
def after_network_error(context: HookContext, case: Case[Any], request: requests.PreparedRequest) -> None:
    """Take the key out of a request without a response."""
    take_key_out(request)


@schemathesis.hook
def filter_failure(context: HookContext, failure: Failure, case: Case[Any], response: Response) -> bool:
    """Return whether a failure counts.

    Two do not. The vendor's page asks for 400 where a well-formed request names a user, an inviter or a group that the
    site does not have, or a built-in group. And a group is still there after a DELETE in test mode (TEST-1).
    """
    if not case.path.startswith("/api/v1/"):
        return True
    if isinstance(failure, RejectedPositiveData):
        return not (response.status_code == 400 and _depends_on_records(case, response))
    if isinstance(failure, UseAfterFree):
        return failure.deleted_case_id not in _test_mode_cases
    return True


def put_key_in(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Replace ``$NAME`` at the end of the auth header by the value of the environment variable."""
    shown = str(request.headers.get(AUTH, ""))
    if (found := VARIABLE.search(shown)) and (key := os.environ.get(found[1])):
        request.headers[AUTH] = sent = f"{shown[: found.start()]}{key}"
        _shown[sent] = shown
    return request


def take_key_out(request: requests.PreparedRequest) -> None:
    """Replace the key in the auth header by ``$NAME``."""
    if (sent := request.headers.get(AUTH)) in _shown:
        request.headers[AUTH] = _shown[sent]


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
        return response.headers[HINT][0] in STATE_REFUSALS
    body = case.body if isinstance(case.body, Mapping) else {}
    names_user = "http-x-email" in {name.lower() for name in case.headers or {}}
    # Schemathesis keeps it percent-encoded.
    names_builtin = unquote(str((case.path_parameters or {}).get("group_name"))) in BUILTIN_GROUPS
    return names_user or names_builtin or any(body.get(field) for field in NAMING_FIELDS)
