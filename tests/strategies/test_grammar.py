"""The grammar of requests: each gets the response that it expects, and a refused one changes nothing."""

import asyncio
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
import pytest
import requests
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st
from support import grammar
from support.examples import examples
from support.grammar import MISTAKES, OPERATIONS, Mistake, Request, mistakes_of

from mockscope import LiveServer, Mockscope, MockSite, Refusal, strategies
from mockscope.web.routes import ROUTES

# No deadline: the time of one example depends on the machine.
SOME: Final = settings(deadline=None, max_examples=examples(100))
FEW: Final = settings(deadline=None, max_examples=examples(25))
# The first example that fits is enough, and need not be the simplest.
LOOKED_FOR: Final = settings(deadline=None, max_examples=3000, database=None, phases=[Phase.generate])
# Every mistake but one can be made on this site, and the one is made on the same site when it is not enabled.
STRICT: Final[dict[str, Any]] = {"require_json_content_type": True, "creator_must_be_admin": True}
EMPTY: Final = {
    "host": "empty",
    "policy": {"protect_builtin_groups": False},
    "removed_groups": ["Administrators", "All Users"],
}
FRIENDS: Final = {
    "host": "friends",
    "groups": [{"name": "Sales", "access": "View"}, {"name": "R&D/Ops", "access": "Discovery"}],
    "users": [
        {
            "first_name": "Rachel",
            "last_name": "Green",
            "email": "rachel@example.com",
            "groups": ["Administrators", "All Users"],
        },
        {"first_name": "Monica", "last_name": "Geller", "email": "Monica+Sales@example.com", "groups": ["Sales"]},
    ],
    "dashboards": [{"name": "Revenue", "owner": "rachel@example.com", "access": {"Sales": "Edit"}}],
}


class Stage:
    """A server without a socket, and a client of it."""

    def __init__(self, runner: asyncio.Runner) -> None:
        self.mock = Mockscope()
        self.calls: list[Any] = []
        self.mock.observers.append(self.calls.append)
        self._runner = runner
        self._client = httpx.AsyncClient(transport=httpx.ASGITransport(self.mock.app), trust_env=False)

    def site(self, seed: Mapping[str, Any] = FRIENDS, **policy: Any) -> MockSite:
        return self.mock.site(seed={"mockscope": 1, "sites": [seed]}, **policy)

    def request(self, request: Request) -> httpx.Response:
        return self._runner.run(
            self._client.request(
                request.method, request.url(self.mock.url), headers=request.headers, content=request.content
            )
        )


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    # Of the module, so that Hypothesis need not warn that its examples share it: each makes a site of its own.
    with asyncio.Runner() as runner:
        yield Stage(runner)


def matches(refusal: Refusal, message: str) -> bool:
    """Return whether a message is that refusal's, for any request."""
    return bool(re.fullmatch(re.sub(r"\\{\w+\\}", ".*", re.escape(refusal.template)), message, flags=re.DOTALL))


def found(strategy: st.SearchStrategy[Any], condition: Callable[[Any], Any]) -> Any:
    return find(strategy, condition, settings=LOOKED_FOR)


def was_refused_as_expected(stage: Stage, site: MockSite, request: Request) -> None:
    before = stage.mock.export()
    response = stage.request(request)

    assert request.refusal is not None
    assert (response.status_code, stage.calls[-1].rule) == (request.status, request.rule)
    assert request.status == request.refusal.status
    assert matches(request.refusal, response.json()["message"]), response.json()
    assert stage.mock.export() == before
    if request.refusal is Refusal.FIELDS_INVALID:
        # One thing is wrong, and no more: problems are joined with a semicolon.
        assert str(request.mistake).split()[0] in response.json()["message"]
        assert ";" not in response.json()["message"]


# -- valid requests --------------------------------------------------------------------------------------------


@SOME
@given(data=st.data(), seed=strategies.sites(strategies.policies()))
def test_a_valid_request_gets_the_status_it_expects_and_no_hint(
    stage: Stage, data: st.DataObject, seed: dict[str, Any]
) -> None:
    site = stage.site(seed)
    for _ in range(4):
        request = data.draw(grammar.valid_requests(site))
        response = stage.request(request)

        assert (response.status_code, response.headers.get("x-mockscope-hint")) == (request.status, None), response.text
        assert stage.calls[-1].operation == request.operation
        assert (request.mistake, request.refusal, request.rule) == (None, None, None)
    site.remove()


@pytest.mark.parametrize("operation", OPERATIONS)
def test_each_operation_is_drawn_when_it_is_requested(stage: Stage, operation: str) -> None:
    site = stage.site()
    request = found(grammar.valid_requests(site, [operation]), bool)

    assert request.operation == operation
    assert stage.request(request).status_code == request.status


@pytest.mark.parametrize("operation", OPERATIONS)
def test_each_operation_is_drawn_by_default(stage: Stage, operation: str) -> None:
    site = stage.site()
    assert found(grammar.valid_requests(site), lambda request: request.operation == operation).refusal is None


def test_the_operations_are_those_of_the_service() -> None:
    assert [(row.name, row.method) for row in OPERATIONS.values()] == [(row.operation, row.method) for row in ROUTES]


@pytest.mark.rule("TEST-2")
@pytest.mark.parametrize(("status", "operation"), [(200, "create_user"), (201, "create_group")])
def test_a_create_in_test_mode_expects_what_the_policy_says(stage: Stage, status: int, operation: str) -> None:
    site = stage.site(test_mode_create_status=status)
    request = found(grammar.valid_requests(site, [operation]), lambda request: "TRUE" in request.query.values())

    before = site.export()
    response = stage.request(request)

    assert request.status == status
    assert (response.status_code, response.json()) == (status, {"message": "Action would have completed successfully"})
    assert site.export() == before


def test_valid_requests_follow_the_site_as_it_changes(stage: Stage) -> None:
    site = stage.site()
    deletions = grammar.valid_requests(site, ["delete_user"])
    emails = {email.lower() for email in site.users}
    while len(site.users) > 1:
        request = found(deletions, lambda request: not request.query)
        emails.discard(request.headers["Http-X-Email"].lower())

        assert stage.request(request).status_code == 200
        assert {email.lower() for email in site.users} == emails


@pytest.mark.parametrize("policy", ["ignore", "create"])
def test_valid_requests_name_unknown_groups_where_the_policy_accepts_them(stage: Stage, policy: str) -> None:
    site = stage.site(unknown_groups=policy)
    request = found(
        grammar.valid_requests(site, ["update_user"]),
        lambda request: not request.query and set(request.fields.get("groups") or []) - set(site.groups),
    )
    assert stage.request(request).status_code == 200


@pytest.mark.rule("GROUP-5")
@pytest.mark.parametrize("name", [".", ".."])
def test_a_group_that_no_path_can_name_is_never_requested(stage: Stage, name: str) -> None:
    site = stage.site(EMPTY)
    site.add_group(name)
    for operation in ("get_group", "update_group", "delete_group"):
        with pytest.raises(ValueError, match="no such request can be drawn for <MockSite "):
            found(grammar.valid_requests(site, [operation]), bool)


# -- mistaken requests -----------------------------------------------------------------------------------------


@pytest.mark.rule("TEST-4", "HTTP-6")
@SOME
@given(data=st.data(), seed=strategies.sites(strategies.policies()), is_off=st.sampled_from([False, False, True]))
def test_a_mistaken_request_is_refused_as_it_expects_and_changes_nothing(
    stage: Stage, data: st.DataObject, seed: dict[str, Any], is_off: object
) -> None:
    site = stage.site(seed)
    site.enabled = not is_off
    for _ in range(4):
        was_refused_as_expected(stage, site, data.draw(grammar.mistaken_requests(site)))
    site.remove()


@pytest.mark.rule("TEST-4")
@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.name)
def test_each_mistake_can_be_made_with_each_operation_that_it_names(stage: Stage, mistake: Mistake) -> None:
    site = stage.site(**STRICT)
    site.enabled = mistake.refusal is not Refusal.API_DISABLED
    for operation in mistake.operations:
        request = found(grammar.mistaken_requests(site, [operation], [mistake]), bool)

        assert (request.operation, request.mistake, request.refusal) == (operation, mistake.name, mistake.refusal)
        was_refused_as_expected(stage, site, request)
    site.remove()


def test_no_two_mistakes_have_the_same_name() -> None:
    assert len({mistake.name for mistake in MISTAKES}) == len(MISTAKES)


def test_every_refusal_that_a_client_can_cause_is_drawn() -> None:
    # Not every client can send a header twice, or a long head. The API has no dashboards, and no request is a crash.
    assert set(Refusal) - {mistake.refusal for mistake in MISTAKES} == {
        Refusal.AUTH_REPEATED,
        Refusal.EMAIL_REPEATED,
        Refusal.LINE_TOO_LONG,
        Refusal.HEAD_TOO_LONG,
        Refusal.OWNER_UNKNOWN,
        Refusal.DASHBOARD_UNKNOWN,
        Refusal.DASHBOARD_TAKEN,
        Refusal.CRASHED,
        Refusal.FUNCTION_FAILED,
    }


def test_every_field_of_every_body_gets_every_mistake() -> None:
    fields = {name for mistake in MISTAKES if mistake.refusal is Refusal.FIELDS_INVALID for name in mistake.wrong}
    assert fields == {field.name for table in grammar.BODIES.values() for field in table.fields}
    assert [mistake.operations for mistake in MISTAKES if mistake.name == "name is missing"] == [("create_group",)]
    assert [mistake.name for mistake in MISTAKES if mistake.name.startswith("access ")] == [
        "access is missing",
        "access is blank",
        "access is null",
        "access is not a string",
        "access is misspelt",
    ]


@pytest.mark.parametrize("dry_run", [{}, {"test_mode": "true"}])
def test_mistakes_are_made_in_test_mode_too(stage: Stage, dry_run: dict[str, str]) -> None:
    site = stage.site()
    drawn = grammar.mistaken_requests(site, ["create_user"], mistakes_of(Refusal.EMAIL_TAKEN))
    request = found(drawn, lambda request: request.query == dry_run)
    was_refused_as_expected(stage, site, request)


@pytest.mark.rule("USER-2")
def test_an_email_that_is_taken_is_also_sent_in_another_spelling(stage: Stage) -> None:
    site = stage.site()
    drawn = grammar.mistaken_requests(site, mistakes=mistakes_of(Refusal.EMAIL_TAKEN))
    request = found(drawn, lambda request: request.fields["email"] not in site.users.__iter__())
    assert request.fields["email"] in ("RACHEL@EXAMPLE.COM", "mONICA+sALES@EXAMPLE.COM")
    was_refused_as_expected(stage, site, request)


def test_on_a_site_that_is_not_enabled_only_authentication_goes_wrong_before_that(stage: Stage) -> None:
    site = stage.site()
    site.enabled = False
    before = [mistake for mistake in MISTAKES if mistake.refusal.status == 403]
    assert found(grammar.mistaken_requests(site, mistakes=before), bool).status == 403

    others = [other for other in MISTAKES if other not in before and other.refusal is not Refusal.API_DISABLED]
    with pytest.raises(ValueError, match="no such request can be drawn for <MockSite "):
        found(grammar.mistaken_requests(site, mistakes=others), bool)


# -- both ------------------------------------------------------------------------------------------------------


def test_requests_are_of_both_kinds(stage: Stage) -> None:
    site = stage.site()
    assert found(grammar.requests(site), lambda request: request.refusal is None).status < 400
    assert found(grammar.requests(site), lambda request: request.refusal).status >= 400


def test_mistaken_requests_are_drawn_where_no_request_is_valid(stage: Stage) -> None:
    site = stage.site()
    site.enabled = False
    assert found(grammar.requests(site), bool).refusal is not None
    with pytest.raises(ValueError, match=re.escape(f"no such request can be drawn for {site}")):
        found(grammar.valid_requests(site), bool)


def test_requests_are_drawn_for_a_site_without_records(stage: Stage) -> None:
    site = stage.site(EMPTY)
    for _ in range(2):
        request = found(grammar.valid_requests(site), bool)
        assert request.operation in ("list_users", "list_groups")
        assert stage.request(request).status_code == 200
    for refusal in (Refusal.USER_UNKNOWN, Refusal.GROUP_UNKNOWN, Refusal.INVITER_UNKNOWN, Refusal.CREATOR_UNKNOWN):
        was_refused_as_expected(
            stage, site, found(grammar.mistaken_requests(site, mistakes=mistakes_of(refusal)), bool)
        )


# -- over a socket, by clients that people use -----------------------------------------------------------------


def ask_with_requests(request: Request, base: str) -> int:
    return requests.request(
        request.method, request.url(base), headers=dict(request.headers), data=request.content
    ).status_code


def ask_with_httpx(request: Request, base: str) -> int:
    with httpx.Client(base_url=base, trust_env=False, verify=False) as client:
        return client.request(
            request.method, request.target, headers=request.headers, content=request.content
        ).status_code


@pytest.mark.rule("GROUP-5", "TEST-4")
@pytest.mark.parametrize("send_request", [ask_with_requests, ask_with_httpx])
@FEW
@given(data=st.data(), seed=strategies.sites(strategies.policies()))
def test_real_clients_carry_every_request_over_a_socket_unchanged(
    mockscope_server: LiveServer, send_request: Callable[[Request, str], int], data: st.DataObject, seed: dict[str, Any]
) -> None:
    site = mockscope_server.site(seed={"mockscope": 1, "sites": [seed]})
    for _ in range(3):
        request = data.draw(grammar.requests(site))
        before = site.export()

        assert send_request(request, site.url) == request.status
        assert request.refusal is None or site.export() == before
    site.remove()


def test_a_host_may_hold_a_colon_and_still_open_its_site(stage: Stage) -> None:
    site = stage.mock.site("example_site:space")
    request = found(grammar.valid_requests(site, ["list_groups"]), bool)

    assert urlsplit(request.url(site.url)).path.rstrip("/") == "/api/v1/groups"
    assert stage.request(request).status_code == 200
    for refusal in (Refusal.AUTH_MALFORMED, Refusal.AUTH_SWAPPED, Refusal.SITE_UNKNOWN, Refusal.KEY_WRONG):
        was_refused_as_expected(
            stage, site, found(grammar.mistaken_requests(site, mistakes=mistakes_of(refusal)), bool)
        )
    site.remove()
