"""What mockscope.strategies draws is what it says: seeds load, and requests are answered as they expect."""

import asyncio
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import FrozenInstanceError, asdict
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
import pytest
import requests
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st

import mockscope
from mockscope import LiveServer, Mockscope, MockSite, Refusal, strategies
from mockscope.domain import rules
from mockscope.strategies import MISTAKES, OPERATIONS, REFUSALS, Mistake, Request
from mockscope.web.routes import ROUTES

DOCUMENT: Final = Path(__file__).resolve().parents[2] / "docs" / "strategies.md"
# No deadline: how long one example takes says more about the machine than about the strategies.
SOME: Final = settings(deadline=None, max_examples=100)
FEW: Final = settings(deadline=None, max_examples=25)
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
    """A double, and a client that asks it without a socket."""

    def __init__(self, runner: asyncio.Runner) -> None:
        self.double = Mockscope()
        self.entries: list[Any] = []
        self.double.observers.append(self.entries.append)
        self._runner = runner
        self._client = httpx.AsyncClient(transport=httpx.ASGITransport(self.double.app), trust_env=False)

    def site(self, seed: Mapping[str, Any] = FRIENDS, **policy: Any) -> MockSite:
        return self.double.site(seed={"mockscope": 1, "sites": [seed]}, **policy)

    def ask(self, request: Request) -> httpx.Response:
        return self._runner.run(
            self._client.request(
                request.method, request.url(self.double.url), headers=request.headers, content=request.content
            )
        )


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    # Of the module, so that Hypothesis need not warn that its examples share it: each makes a site of its own.
    with asyncio.Runner() as runner:
        yield Stage(runner)


def matches(refusal: Refusal, message: str) -> bool:
    """Whether a message is that refusal's, whatever was sent."""
    return bool(re.fullmatch(re.sub(r"\\{\w+\\}", ".*", re.escape(refusal.template)), message, flags=re.DOTALL))


def found(strategy: st.SearchStrategy[Any], condition: Callable[[Any], Any]) -> Any:
    return find(strategy, condition, settings=LOOKED_FOR)


def printed_by(script: str) -> str:
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def was_refused_as_expected(stage: Stage, site: MockSite, request: Request) -> None:
    before = stage.double.export()
    answer = stage.ask(request)

    assert request.refusal is not None
    assert (answer.status_code, stage.entries[-1].rule) == (request.status, request.rule)
    assert request.status == request.refusal.status
    assert matches(request.refusal, answer.json()["message"]), answer.json()
    assert stage.double.export() == before
    if request.refusal is Refusal.FIELDS_INVALID:
        # One thing is wrong, and no more: problems are joined with a semicolon.
        assert str(request.mistake).split()[0] in answer.json()["message"]
        assert ";" not in answer.json()["message"]


# -- valid requests --------------------------------------------------------------------------------------------


@SOME
@given(data=st.data(), seed=strategies.sites(strategies.policies()))
def test_a_valid_request_gets_the_status_it_expects_and_no_hint(
    stage: Stage, data: st.DataObject, seed: dict[str, Any]
) -> None:
    site = stage.site(seed)
    for _ in range(4):
        request = data.draw(strategies.valid_requests(site))
        answer = stage.ask(request)

        assert (answer.status_code, answer.headers.get("x-mockscope-hint")) == (request.status, None), answer.text
        assert stage.entries[-1].operation == request.operation
        assert (request.mistake, request.refusal, request.rule) == (None, None, None)
    site.remove()


@pytest.mark.parametrize("operation", OPERATIONS)
def test_each_operation_is_drawn_when_it_is_asked_for(stage: Stage, operation: str) -> None:
    site = stage.site()
    request = found(strategies.valid_requests(site, [operation]), bool)

    assert request.operation == operation
    assert stage.ask(request).status_code == request.status


@pytest.mark.parametrize("operation", OPERATIONS)
def test_each_operation_is_drawn_when_nothing_is_asked_for(stage: Stage, operation: str) -> None:
    site = stage.site()
    assert found(strategies.valid_requests(site), lambda request: request.operation == operation).refusal is None


def test_the_operations_are_those_of_the_service() -> None:
    assert [(row.name, row.method) for row in OPERATIONS.values()] == [(row.operation, row.method) for row in ROUTES]


@pytest.mark.rule("TEST-2")
@pytest.mark.parametrize(("status", "operation"), [(200, "create_user"), (201, "create_group")])
def test_a_create_in_test_mode_expects_what_the_policy_says(stage: Stage, status: int, operation: str) -> None:
    site = stage.site(test_mode_create_status=status)
    request = found(strategies.valid_requests(site, [operation]), lambda request: "TRUE" in request.query.values())

    before = site.export()
    answer = stage.ask(request)

    assert request.status == status
    assert (answer.status_code, answer.json()) == (status, {"message": "Action would have completed successfully"})
    assert site.export() == before


def test_valid_requests_follow_the_site_as_it_changes(stage: Stage) -> None:
    site = stage.site()
    deletions = strategies.valid_requests(site, ["delete_user"])
    emails = {email.lower() for email in site.users}
    while len(site.users) > 1:
        request = found(deletions, lambda request: not request.query)
        emails.discard(request.headers["Http-X-Email"].lower())

        assert stage.ask(request).status_code == 200
        assert {email.lower() for email in site.users} == emails


@pytest.mark.parametrize("policy", ["ignore", "create"])
def test_where_unknown_groups_are_let_pass_valid_requests_name_some(stage: Stage, policy: str) -> None:
    site = stage.site(unknown_groups=policy)
    request = found(
        strategies.valid_requests(site, ["update_user"]),
        lambda request: not request.query and set(request.json.get("groups") or []) - set(site.groups),
    )
    assert stage.ask(request).status_code == 200


@pytest.mark.rule("GROUP-5")
@pytest.mark.parametrize("name", [".", ".."])
def test_a_group_that_no_path_can_name_is_never_asked_for(stage: Stage, name: str) -> None:
    site = stage.site(EMPTY)
    site.add_group(name)
    for operation in ("get_group", "update_group", "delete_group"):
        with pytest.raises(ValueError, match="no such request can be drawn for <MockSite "):
            found(strategies.valid_requests(site, [operation]), bool)


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
        was_refused_as_expected(stage, site, data.draw(strategies.mistaken_requests(site)))
    site.remove()


@pytest.mark.rule("TEST-4")
@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.name)
def test_each_mistake_can_be_made_with_each_operation_that_it_names(stage: Stage, mistake: Mistake) -> None:
    site = stage.site(**STRICT)
    site.enabled = mistake.refusal is not Refusal.API_DISABLED
    for operation in mistake.operations:
        drawn = strategies.mistaken_requests(site, [operation], [mistake.refusal])
        request = found(drawn, lambda request: request.mistake == mistake.name)

        assert (request.operation, request.refusal) == (operation, mistake.refusal)
        was_refused_as_expected(stage, site, request)
    site.remove()


def test_no_two_mistakes_have_the_same_name() -> None:
    assert len({mistake.name for mistake in MISTAKES}) == len(MISTAKES)


def test_every_refusal_that_a_client_of_any_kind_can_provoke_is_drawn() -> None:
    # Not every client can send a header twice; dashboards are no business of the API; and nobody can order a crash.
    assert set(Refusal) - set(REFUSALS) == {
        Refusal.AUTH_REPEATED,
        Refusal.EMAIL_REPEATED,
        Refusal.OWNER_UNKNOWN,
        Refusal.DASHBOARD_TAKEN,
        Refusal.CRASHED,
    }


def test_every_field_of_every_body_is_got_wrong_in_every_way() -> None:
    fields = {name for mistake in MISTAKES if mistake.refusal is Refusal.FIELDS_INVALID for name in mistake.wrong}
    assert fields == {field.name for table in strategies.BODIES.values() for field in table.fields}
    assert [mistake.operations for mistake in MISTAKES if mistake.name == "name is missing"] == [("create_group",)]
    assert [mistake.name for mistake in MISTAKES if mistake.name.startswith("access ")] == [
        "access is missing",
        "access is blank",
        "access is null",
        "access is no string",
        "access is misspelt",
    ]


@pytest.mark.parametrize("dry_run", [{}, {"test_mode": "true"}])
def test_mistakes_are_made_in_test_mode_too(stage: Stage, dry_run: dict[str, str]) -> None:
    site = stage.site()
    drawn = strategies.mistaken_requests(site, ["create_user"], [Refusal.EMAIL_TAKEN])
    request = found(drawn, lambda request: request.query == dry_run)
    was_refused_as_expected(stage, site, request)


@pytest.mark.rule("USER-2")
def test_an_email_that_is_taken_is_also_sent_in_another_spelling(stage: Stage) -> None:
    site = stage.site()
    drawn = strategies.mistaken_requests(site, refusals=[Refusal.EMAIL_TAKEN])
    request = found(drawn, lambda request: request.json["email"] not in site.users.__iter__())
    assert request.json["email"] in ("RACHEL@EXAMPLE.COM", "mONICA+sALES@EXAMPLE.COM")
    was_refused_as_expected(stage, site, request)


def test_on_a_site_that_is_not_enabled_only_authentication_goes_wrong_before_that(stage: Stage) -> None:
    site = stage.site()
    site.enabled = False
    before = [refusal for refusal in REFUSALS if refusal.status == 403]
    assert found(strategies.mistaken_requests(site, refusals=before), bool).status == 403

    others = [refusal for refusal in REFUSALS if refusal.status != 403 and refusal is not Refusal.API_DISABLED]
    with pytest.raises(ValueError, match="no such request can be drawn for <MockSite "):
        found(strategies.mistaken_requests(site, refusals=others), bool)


# -- both ------------------------------------------------------------------------------------------------------


def test_requests_are_of_both_kinds(stage: Stage) -> None:
    site = stage.site()
    assert found(strategies.requests(site), lambda request: request.refusal is None).status < 400
    assert found(strategies.requests(site), lambda request: request.refusal).status >= 400


def test_where_no_request_is_valid_requests_are_mistaken(stage: Stage) -> None:
    site = stage.site()
    site.enabled = False
    assert found(strategies.requests(site), bool).refusal is not None
    with pytest.raises(ValueError, match=re.escape(f"no such request can be drawn for {site}: it lacks")):
        found(strategies.valid_requests(site), bool)


def test_on_a_site_without_records_there_is_still_something_to_ask(stage: Stage) -> None:
    site = stage.site(EMPTY)
    for _ in range(2):
        request = found(strategies.valid_requests(site), bool)
        assert request.operation in ("list_users", "list_groups")
        assert stage.ask(request).status_code == 200
    for refusal in (Refusal.USER_UNKNOWN, Refusal.GROUP_UNKNOWN, Refusal.INVITER_UNKNOWN, Refusal.CREATOR_UNKNOWN):
        was_refused_as_expected(stage, site, found(strategies.mistaken_requests(site, refusals=[refusal]), bool))


@pytest.mark.parametrize(
    "draw",
    [
        lambda site: strategies.valid_requests(site, ["invite_user"]),
        lambda site: strategies.mistaken_requests(site, ["invite_user"]),
        lambda site: strategies.requests(site, ["invite_user"]),
    ],
)
def test_an_operation_that_does_not_exist_is_refused_at_once(
    stage: Stage, draw: Callable[[MockSite], st.SearchStrategy[Request]]
) -> None:
    site = stage.site()
    with pytest.raises(
        ValueError, match=r"there are no requests for \['invite_user'\]: choose from list_users, get_user"
    ):
        draw(site)


@pytest.mark.parametrize("refusals", [[Refusal.CRASHED], []])
def test_a_refusal_that_no_request_provokes_is_refused_at_once(stage: Stage, refusals: list[Refusal]) -> None:
    site = stage.site()
    with pytest.raises(ValueError, match=r"choose from Refusal\.AUTH_MISSING, Refusal\.AUTH_MALFORMED"):
        strategies.mistaken_requests(site, refusals=refusals)


# -- over a socket, by clients that people use -----------------------------------------------------------------


def ask_with_requests(request: Request, base: str) -> int:
    return requests.request(
        request.method, request.url(base), headers=dict(request.headers), data=request.content
    ).status_code


def ask_with_httpx(request: Request, base: str) -> int:
    with httpx.Client(base_url=base, trust_env=False) as client:
        return client.request(
            request.method, request.target, headers=request.headers, content=request.content
        ).status_code


@pytest.mark.rule("GROUP-5", "TEST-4")
@pytest.mark.parametrize("ask", [ask_with_requests, ask_with_httpx])
@FEW
@given(data=st.data(), seed=strategies.sites(strategies.policies()))
def test_real_clients_carry_every_request_over_a_socket_unchanged(
    mockscope_server: LiveServer, ask: Callable[[Request, str], int], data: st.DataObject, seed: dict[str, Any]
) -> None:
    site = mockscope_server.site(seed={"mockscope": 1, "sites": [seed]})
    for _ in range(3):
        request = data.draw(strategies.requests(site))
        before = site.export()

        assert ask(request, site.url) == request.status
        assert request.refusal is None or site.export() == before
    site.remove()


def test_a_host_may_hold_a_colon_and_still_open_its_site(stage: Stage) -> None:
    site = stage.double.site("example_site:space")
    request = found(strategies.valid_requests(site, ["list_groups"]), bool)

    assert urlsplit(request.url(site.url)).path.rstrip("/") == "/api/v1/groups"
    assert stage.ask(request).status_code == 200
    for refusal in (Refusal.AUTH_MALFORMED, Refusal.SITE_UNKNOWN, Refusal.KEY_WRONG):
        was_refused_as_expected(stage, site, found(strategies.mistaken_requests(site, refusals=[refusal]), bool))
    site.remove()


# -- a request as a value --------------------------------------------------------------------------------------

RENAMING: Final = Request(
    "update_group",
    "PUT",
    "/api/v1/groups/R%26D%2FOps",
    {"Http-X-Partner-Auth": "friends:e179017a", "Content-Type": "application/json"},
    {"test_mode": "true"},
    b'{"name": "Sales"}',
    409,
    "name is that of another group",
    Refusal.GROUP_TAKEN,
    "GROUP-UPDATE-2",
)


def test_a_request_shows_what_is_asked_and_what_is_expected_but_not_the_key() -> None:
    assert repr(RENAMING) == (
        '<Request update_group PUT /api/v1/groups/R%26D%2FOps?test_mode=true \'{"name": "Sales"}\' -> 409 '
        "GROUP_TAKEN [GROUP-UPDATE-2]: name is that of another group>"
    )


def test_a_request_without_body_shows_the_user_whom_it_names() -> None:
    request = Request("get_user", "GET", "/api/v1/users", {"Http-X-Email": "joey@example.com"}, {}, None, 200)
    assert repr(request) == "<Request get_user GET /api/v1/users Http-X-Email: joey@example.com -> 200>"


@FEW
@given(data=st.data(), seed=strategies.sites())
def test_no_request_shows_the_key_of_its_site(stage: Stage, data: st.DataObject, seed: dict[str, Any]) -> None:
    site = stage.double.site(seed={"mockscope": 1, "sites": [seed]}, api_key="e179017a-62b0-4996-8a38-e91aa9f1")
    shown = repr(data.draw(strategies.requests(site)))
    site.remove()

    assert "e179017a" not in shown
    assert len(shown) < 1000


# In a process of its own: pytest plugins that Hypothesis has may print examples in another way, or not at all.
FAILING: Final = """
from hypothesis import given, settings
from mockscope import Mockscope, Refusal, strategies

site = Mockscope().site("friends", "e179017a-62b0-4996-8a38-e91aa9f1")

@settings(database=None, deadline=None)
@given(strategies.mistaken_requests(site, ["create_group"], [Refusal.BODY_TOO_LARGE]))
def fail(request):
    raise AssertionError

try:
    fail()
except AssertionError as error:
    print(ascii(error.__notes__))
"""


def test_a_failing_example_shows_the_request_in_one_line_and_not_the_key() -> None:
    shown = printed_by(FAILING)

    assert "request=<Request create_group POST /api/v1/groups " in shown
    assert "\\u2026 -> 413 BODY_TOO_LARGE [HTTP-8]: the body is too large>" in shown
    assert "e179017a" not in shown
    assert len(shown) < 1000


def test_a_request_is_frozen_and_can_be_compared_and_hashed() -> None:
    assert Request(**asdict(RENAMING)) == RENAMING
    assert len({RENAMING, Request(**asdict(RENAMING))}) == 1
    with pytest.raises(FrozenInstanceError):
        RENAMING.status = 200  # type: ignore[misc]


def test_a_url_is_encoded_whatever_the_base_ends_in() -> None:
    cursor = Request(
        "list_users", "GET", "/api/v1/users/", {}, {"next_page_start": "joey+knicks@example.com"}, None, 200
    )
    assert cursor.target == "/api/v1/users/?next_page_start=joey%2Bknicks%40example.com"
    for base in ("http://127.0.0.1:8765", "http://127.0.0.1:8765/"):
        assert cursor.url(base) == f"http://127.0.0.1:8765{cursor.target}"


@pytest.mark.parametrize(
    ("content", "decoded"),
    [
        (b'{"name": "Caf\xc3\xa9"}', {"name": "Caf\u00e9"}),
        *((content, None) for content in (None, b"", *strategies.NO_JSON.values())),
    ],
)
def test_a_body_is_shown_decoded_where_it_is_json(content: bytes | None, decoded: Any) -> None:
    assert Request("create_group", "POST", "/api/v1/groups", {}, {}, content, 201).json == decoded


# -- records ---------------------------------------------------------------------------------------------------


@SOME
@given(st.lists(strategies.sites(strategies.policies()), max_size=2, unique_by=lambda site: str(site["host"])))
def test_sites_load_and_their_export_is_a_seed_of_the_same_sites(seeds: list[dict[str, Any]]) -> None:
    double = Mockscope({"mockscope": 1, "sites": seeds})

    assert list(double.sites) == [seed["host"] for seed in seeds]
    for seed in seeds:
        site = double.sites[seed["host"]]
        assert "Administrators" in site.admin.groups
        assert sorted(site.users) == sorted(user["email"] for user in seed["users"])
        assert set(site.groups) == {"Administrators", "All Users", *(group["name"] for group in seed["groups"])}
        assert set(site.dashboards) == {board["name"] for board in seed["dashboards"]}
        assert site.api_key == seed["api_key"]
    export = double.export()
    assert Mockscope(json.loads(json.dumps(export))).export() == export


@SOME
@given(seed=strategies.sites())
def test_a_site_without_a_word_about_policy_has_the_policy_of_the_contract(stage: Stage, seed: dict[str, Any]) -> None:
    site = stage.site(seed)
    assert site.policy == mockscope.Policy()
    site.remove()


@SOME
@given(user=strategies.users(), group=strategies.groups(), data=st.data())
def test_the_handle_takes_what_is_drawn(
    stage: Stage, user: dict[str, Any], group: dict[str, Any], data: st.DataObject
) -> None:
    site = stage.double.site()
    made = site.add_group(**group)
    added = site.add_user(**user)
    owners, names = [added.email], [made.name]
    board = site.add_dashboard(**data.draw(strategies.dashboards(owners, names)))
    site.remove()

    assert (made.name, made.access.lower()) == (group["name"], group["access"].lower())
    assert (added.first_name, added.last_name, added.email) == (user["first_name"], user["last_name"], user["email"])
    assert added.groups == tuple(user.get("groups") or ["All Users"])
    assert board.owner in (None, added.email)
    assert set(board.access) <= {made.name}


@given(strategies.users(groups=["Sales", "R&D/Ops"]))
def test_users_are_in_the_groups_that_are_given_and_in_no_other(user: dict[str, Any]) -> None:
    # Left out, groups would be All Users, and that one was not given.
    assert set(user["groups"]) <= {"Sales", "R&D/Ops"}


@given(strategies.users(groups=[]), strategies.dashboards(groups=[]))
def test_where_there_are_no_groups_records_name_none(user: dict[str, Any], board: dict[str, Any]) -> None:
    assert user["groups"] == []
    assert board.get("access", {}) == {}
    assert board.get("owner") is None


@pytest.mark.rule("USER-2")
@given(strategies.emails())
def test_emails_are_valid_and_nobodys(email: str) -> None:
    assert rules.EMAIL.fullmatch(email)
    domain = email.rpartition("@")[2].lower()
    assert re.fullmatch(r"(.*\.)?(example|test|invalid|localhost|example\.com|example\.org)", domain)


@given(strategies.names(), strategies.group_names())
def test_names_are_not_blank_and_can_be_shown_in_utf_8(name: str, group: str) -> None:
    for text in (name, group):
        assert rules.text(text.encode().decode()) == text
    assert group not in (".", "..", "Administrators", "All Users")


@pytest.mark.parametrize(
    ("strategy", "edge"),
    [
        (strategies.emails(), r"\+.*@"),
        (strategies.emails(), r"[a-z].*[A-Z]"),
        (strategies.emails(), r"@(?!localhost)[^.]{63}"),
        (strategies.emails(), r"@[^.]+$"),
        (strategies.names(), r"^\s|\s$"),
        (strategies.names(), r"[^\x00-\xff]"),
        (strategies.names(), r"[\U00010000-\U0010ffff]"),
        (strategies.names(), r"^.{300}"),
        (strategies.names(), r"[\x00-\x1f]"),
        (strategies.group_names(), r"/"),
        (strategies.group_names(), r"\+"),
        (strategies.group_names(), r"%"),
        (strategies.group_names(), r"\S \S"),
        (strategies.group_names(), r"[^\x00-\xff]"),
        (strategies.group_names(), r"^.{300}"),
    ],
)
def test_the_edges_are_reached(strategy: st.SearchStrategy[str], edge: str) -> None:
    assert re.search(edge, found(strategy, lambda text: re.search(edge, text)))


def test_policies_turn_every_switch_to_every_value() -> None:
    switches: dict[str, set[Any]] = {name: set() for name in mockscope.Policy.__struct_fields__}

    @settings(max_examples=500, deadline=None, database=None)
    @given(strategies.policies())
    def collect(policy: dict[str, Any]) -> None:
        for name, value in policy.items():
            switches[name].add(value)
        mockscope.Policy().with_changes(**policy)

    collect()
    assert {1, 2, 3} < switches.pop("page_size") <= set(range(1, 1001))
    assert switches == {
        "test_mode_create_status": {200, 201},
        "unknown_groups": {"reject", "ignore", "create"},
        "implicit_all_users": {True, False},
        "creator_must_be_admin": {True, False},
        "protect_builtin_groups": {True, False},
        "require_json_content_type": {True, False},
    }


# -- the module ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("module", ["mockscope", "mockscope.server", "mockscope.cli", "pytest_mockscope"])
def test_nothing_but_the_strategies_imports_hypothesis(module: str) -> None:
    script = f"import sys, {module}; print(sorted(n for n in sys.modules if 'hypothesis' in n or 'strategies' in n))"
    assert printed_by(script) == "[]"


WITHOUT_HYPOTHESIS: Final = """
import sys
sys.modules["hypothesis"] = None
try:
    {statement}
except ImportError as error:
    print(f"{{type(error).__name__}}: {{error}} ({{error.name}})")
"""


@pytest.mark.parametrize("statement", ["import mockscope.strategies", "from mockscope import strategies"])
def test_without_hypothesis_the_import_says_what_to_install(statement: str) -> None:
    assert printed_by(WITHOUT_HYPOTHESIS.format(statement=statement)) == (
        "ImportError: mockscope.strategies needs Hypothesis: pip install hypothesis (hypothesis)"
    )


def table_of(section: str) -> list[str]:
    """The names in the first column of a section's table."""
    text = DOCUMENT.read_text(encoding="utf-8").partition(f"## {section}\n")[2].partition("\n## ")[0]
    return re.findall(r"^\| `(\w+)", text, flags=re.MULTILINE)


def test_the_tables_of_the_document_name_every_strategy_and_every_member_of_a_request() -> None:
    members = [name for name in dir(RENAMING) if not name.startswith("_")]
    assert sorted((*table_of("The strategies"), "Request")) == sorted(strategies.__all__)
    assert sorted(table_of("Requests")) == sorted(members)
