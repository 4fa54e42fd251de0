"""Negative controls: an application that breaks the contract in one way is found out, by the check meant for that way.

Without these, a green run would only say that Schemathesis had nothing to say.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import pytest
from hypothesis import Phase, given, settings
from schemathesis import Case, GenerationMode
from schemathesis.core.failures import FailureGroup
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from support.contract_cases import SITE, chains, contract, reproducible, restore

from mockscope import Mockscope

POSITIVE: Final = GenerationMode.POSITIVE
NEGATIVE: Final = GenerationMode.NEGATIVE
USERS: Final = "/api/v1/users"
GROUPS: Final = "/api/v1/groups"
ONE_GROUP: Final = "/api/v1/groups/{group_name}"


@dataclass
class Response:
    """A response on its way out, for a breaker to change."""

    method: str
    status: int
    headers: dict[str, str]
    body: dict[str, Any] = field(default_factory=dict)


Breaker = Callable[[Response], None]


def broken(app: ASGIApp, breaker: Breaker) -> ASGIApp:
    """Return the application with every response of the vendor's API changed."""

    async def response(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        sent: list[Message] = []

        async def keep(message: Message) -> None:
            sent.append(message)

        await app(scope, receive, keep)
        headers = {name.decode().lower(): value.decode() for name, value in sent[0]["headers"]}
        body = b"".join(message.get("body", b"") for message in sent[1:])
        changed = Response(scope["method"], sent[0]["status"], headers, json.loads(body or b"{}"))
        breaker(changed)
        body = json.dumps(changed.body).encode() if body else b""
        length = {"content-length": str(len(body))} if body else {}
        pairs = [(name.encode(), value.encode()) for name, value in (changed.headers | length).items()]
        await send({"type": "http.response.start", "status": changed.status, "headers": pairs})
        await send({"type": "http.response.body", "body": body})

    return response


def says_gone(response: Response) -> None:
    response.status = 410 if response.status == 404 else response.status


def adds_a_field(response: Response) -> None:
    if "total_groups" in response.body:
        response.body["next_page"] = None


def shortens_times(response: Response) -> None:
    for user in response.body.get("users", []):
        user["last_login_at"] = (user["last_login_at"] or "")[:10]


def drops_the_request_id(response: Response) -> None:
    del response.headers["x-request-id"]


def speaks_html(response: Response) -> None:
    response.headers["content-type"] = "text/html"


def opens_to_everybody(response: Response) -> None:
    if response.status == 403:
        response.status = 200
        response.body = {"total_groups": 0, "groups_this_page": 0, "next_page_start": None, "groups": []}


def crashes(response: Response) -> None:
    response.status = 500


def takes_every_body(response: Response) -> None:
    if response.method == "POST" and response.status == 400:
        response.status = 201
        response.body = {"name": "Friends", "access": "Sql"}


def refuses_good_bodies(response: Response) -> None:
    if response.method == "PUT" and response.status == 200:
        response.status = 400
        response.headers["x-mockscope-hint"] = "fields-invalid"
        response.body = {"message": "The request has invalid fields: access is missing."}


def nothing(response: Response) -> None:
    pass


def found(breaker: Breaker, path: str, method: str, mode: GenerationMode) -> set[str]:
    """Return the kinds of failures that some cases of one operation find."""
    mock = Mockscope()
    schema = contract(app=broken(mock.app, breaker))
    kinds: set[str] = set()

    @settings(reproducible(40), phases=[Phase.generate])
    @given(case=schema[path][method].as_strategy(mode))
    def tried(case: Case[Any]) -> None:
        restore(mock)
        try:
            case.call_and_validate()
        except FailureGroup as group:
            kinds.update(type(failure).__name__ for failure in group.exceptions)

    tried()
    return kinds


@pytest.mark.parametrize(
    ("breaker", "path", "method", "mode", "kinds"),
    [
        (says_gone, ONE_GROUP, "GET", POSITIVE, {"UndefinedStatusCode", "RejectedPositiveData"}),
        (adds_a_field, GROUPS, "GET", POSITIVE, {"JsonSchemaError"}),
        (shortens_times, USERS, "GET", POSITIVE, {"JsonSchemaError"}),
        (drops_the_request_id, GROUPS, "GET", POSITIVE, {"MissingHeaders"}),
        (speaks_html, GROUPS, "GET", POSITIVE, {"UndefinedContentType"}),
        (opens_to_everybody, GROUPS, "GET", POSITIVE, {"IgnoredAuth"}),
        (crashes, GROUPS, "GET", POSITIVE, {"ServerError", "UndefinedStatusCode"}),
        (takes_every_body, GROUPS, "POST", NEGATIVE, {"AcceptedNegativeData"}),
        (refuses_good_bodies, ONE_GROUP, "PUT", POSITIVE, {"RejectedPositiveData"}),
    ],
)
def test_a_broken_application_is_found(
    breaker: Breaker, path: str, method: str, mode: GenerationMode, kinds: set[str]
) -> None:
    assert found(breaker, path, method, mode) == kinds


@pytest.mark.slow
@pytest.mark.parametrize("mode", [POSITIVE, NEGATIVE])
@pytest.mark.parametrize(("path", "method"), [(GROUPS, "GET"), (USERS, "GET"), (GROUPS, "POST"), (ONE_GROUP, "PUT")])
def test_the_same_cases_find_nothing_in_a_correct_application(path: str, method: str, mode: GenerationMode) -> None:
    assert found(nothing, path, method, mode) == set()


@pytest.mark.slow
def test_a_group_that_can_be_read_after_its_deletion_is_found() -> None:
    mock = Mockscope()

    def says_removed(response: Response) -> None:
        if response.status == 200:
            response.body = {"message": f"Group removed from {SITE['host']}"}

    async def deletes_no_group(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "DELETE" and scope["path"].startswith(GROUPS):
            scope["query_string"] = b"test_mode=true"
            await broken(mock.app, says_removed)(scope, receive, send)
        else:
            await mock.app(scope, receive, send)

    with pytest.raises(BaseExceptionGroup) as caught:
        chains(contract(app=deletes_no_group), mock).run(
            settings=settings(reproducible(max_examples=150), phases=[Phase.generate])
        )
    assert "UseAfterFree" in [type(failure).__name__ for failure in caught.value.exceptions]
