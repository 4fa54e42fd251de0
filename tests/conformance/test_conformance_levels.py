"""Each level sends only its own requests: the others are stopped, and records of a run are removed."""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Final, cast
from urllib.parse import quote

import pytest
from support.conformance_runs import (
    JSON_TYPE,
    SEED,
    Deviation,
    Forward,
    Request,
    Response,
    WithoutSocket,
    checked,
    deviating_client,
    differing,
    json_response,
    marked_on,
    refusal,
)

from mockscope import Mockscope, MockSite
from mockscope.conformance.check import check, find_leftovers_on, remove_leftovers
from mockscope.conformance.listing import GROUP, USER
from mockscope.conformance.outcome import Level, RunAborted
from mockscope.conformance.policy import RULES
from mockscope.conformance.request_filter import MAX_FAILURES, ForbiddenRequest, RequestFilter
from mockscope.conformance.run_records import Record, RecordNames
from mockscope.remote.client import SiteClient, Unreachable
from mockscope.remote.exchange import Exchange, Headers

USERS: Final = "/api/v1/users"
GROUPS: Final = "/api/v1/groups"
WRITES: Final = {"POST", "PUT", "DELETE", "PATCH"}


@pytest.fixture
def mock() -> Mockscope:
    return Mockscope(SEED)


@pytest.fixture
def client(mock: Mockscope) -> WithoutSocket:
    return WithoutSocket(mock)


@pytest.fixture
def site(client: WithoutSocket) -> MockSite:
    return client.site


def test_read_only_sends_only_get(mock: Mockscope, client: WithoutSocket, site: MockSite) -> None:
    before = site.export()

    checked(client, Level.READ_ONLY)

    assert {call.method for call in mock.all_calls()} == {"GET"}
    assert site.export() == before


def test_a_dry_run_sends_writes_only_in_test_mode_and_changes_nothing(
    mock: Mockscope, client: WithoutSocket, site: MockSite
) -> None:
    before = site.export()

    checked(client, Level.DRY_RUN)

    sent = {(call.method, call.query) for call in mock.all_calls() if call.method != "GET"}
    assert sent == {(method, "test_mode=true") for method in WRITES}
    assert site.export() == before


def test_a_full_run_leaves_the_site_as_it_was(mock: Mockscope, client: WithoutSocket, site: MockSite) -> None:
    before = site.export()

    report = checked(client, Level.FULL)

    assert {call.method for call in mock.all_calls()} == {"GET"} | WRITES
    assert (site.export(), report.left, report.leftovers) == (before, (), ())


def test_a_full_run_writes_only_to_its_own_records(client: WithoutSocket, site: MockSite) -> None:
    checked(client, Level.FULL)

    written = {
        call.email or call.group
        for call in site.calls
        if call.method in ("PUT", "DELETE") and call.status == 200 and not call.test_mode
    }
    assert [name for name in written if not str(name).lower().startswith("mockscope-check-")] == []


async def test_mode_means_nothing(request: Request, forward: Forward, site: MockSite) -> Response:
    return await forward(replace(request, query="" if request.is_test_mode else request.query))


test_mode_means_nothing.__test__ = False  # type: ignore[attr-defined]


@pytest.mark.parametrize("level", [Level.DRY_RUN, Level.FULL])
def test_a_server_without_test_mode_keeps_its_own_records(level: Level) -> None:
    client = deviating_client(test_mode_means_nothing)
    site = client.site
    before = (dict(site.users), dict(site.groups))
    report = checked(client, level)
    made = marked_on(site)
    users, groups = (
        {name: each for name, each in to_table.items() if name not in made} for to_table in (site.users, site.groups)
    )

    assert (users, groups) == before
    assert "TEST-4" in differing(report)
    # Below --full nothing can be removed, so that it stops at once.
    assert len(made) == (2 if level is Level.DRY_RUN else 0)


def test_a_dry_run_stops_writing_after_a_write_in_test_mode_took_effect() -> None:
    client = deviating_client(test_mode_means_nothing)
    report = checked(client, Level.DRY_RUN)
    writes = [call for call in client.site.calls if call.method != "GET"]

    assert [(call.method, call.operation) for call in writes] == [
        ("POST", "create_user"),
        ("POST", "create_user"),
        ("POST", "create_group"),
    ]
    reasons = {finding.outcome.reason for finding in report.results if finding.check.level is Level.DRY_RUN}
    assert "test mode writes on this server (TEST-4), so that no more writes are sent" in reasons


def test_leftovers_of_a_run_are_found_and_removed_later(client: WithoutSocket, site: MockSite) -> None:
    # These two are somebody's.
    site.add_user("mockscope-check@example.com")
    site.add_group("mockscope-check-0123abcdef")
    before = site.export()
    site.add_user("mockscope-check-0123abcd-7@example.com")
    site.add_group("mockscope-check-89abcdef 1")
    found = find_leftovers_on(client)
    left = remove_leftovers(client, found)

    assert found == [
        Record(USER, "mockscope-check-0123abcd-7@example.com"),
        Record(GROUP, "mockscope-check-89abcdef 1"),
    ]
    assert (left, site.export()) == ([], before)


@pytest.mark.parametrize("level", list(Level))
def test_leftovers_of_other_runs_are_reported_and_kept(level: Level, client: WithoutSocket, site: MockSite) -> None:
    site.add_user("mockscope-check-0123abcd-7@example.com")
    site.add_group("mockscope-check-89abcdef 1")
    before = site.export()

    report = checked(client, level)

    assert report.leftovers == (
        Record(USER, "mockscope-check-0123abcd-7@example.com"),
        Record(GROUP, "mockscope-check-89abcdef 1"),
    )
    assert (report.left, site.export()) == ((), before)


def test_names_that_are_not_valid_in_a_request_are_left(client: WithoutSocket) -> None:
    names = ["mockscope-check-0123abcd\n", "mockscope-check-0123abcd\ud800"]

    async def deviate(request: Request, forward: Forward, site: MockSite) -> Response:
        if request.method != "GET":
            return refusal(404)
        kind, by = ("users", "email") if request.bare == USERS else ("groups", "name")
        return json_response(200, {"next_page_start": None, kind: [{by: name, "groups": []} for name in names]})

    client = deviating_client(deviate)
    found = find_leftovers_on(client)

    assert [record.name for record in found] == [*names, *names]
    assert remove_leftovers(client, found) == found
    assert re.findall(r"[^ -~]", " ".join(map(str, found))) == []


def test_a_long_list_is_searched_at_the_names_of_the_checks(client: WithoutSocket, site: MockSite) -> None:
    site.add_user("mockscope-check-0123abcd-7@example.com")
    for number in range(20):
        site.add_user(f"chandler{number}@example.com")
    found = find_leftovers_on(client, max_pages=1)

    assert found == [Record(USER, "mockscope-check-0123abcd-7@example.com")]


def test_a_site_without_an_administrator_runs_the_checks_that_need_none() -> None:
    client = WithoutSocket(Mockscope({"mockscope": 1, "sites": [{"host": "central_perk"}]}))
    site = client.site

    report = checked(client, Level.FULL)

    assert differing(report) == set()
    assert [call for call in site.calls if call.method in ("POST", "PUT", "DELETE") and call.status == 201] == []
    reasons = {finding.outcome.reason for finding in report.results if finding.check.rule == "USER-CREATE-4"}
    assert reasons == {"the list has no user in Administrators"}


# -- the guard -------------------------------------------------------------------------------------------------

NAMES: Final = RecordNames("0123abcd")
OURS: Final = f"{NAMES.mark}-1@example.com"
OUR_GROUP: Final = f"{NAMES.mark} 1"
JOEY: Final = "joey@example.com"


class RecordingClient:
    """A client that records the requests that reach it."""

    def __init__(self, status: int = 200) -> None:
        self.methods: list[str] = []
        self._status = status

    def request(self, method: str, path: str, **options: Any) -> Exchange:
        self.methods.append(method)
        return Exchange(method, path, (), b"", self._status, (), b"{}")


def request_filter(level: Level, client: RecordingClient | None = None) -> RequestFilter:
    return RequestFilter(cast(SiteClient, client or RecordingClient()), level, NAMES)


def header(email: str) -> Sequence[tuple[str, str]]:
    return [("Http-X-Email", email)]


REAL: Final[list[dict[str, Any]]] = [
    {"method": "POST", "path": USERS, "json": {"email": OURS}},
    {"method": "POST", "path": f"{GROUPS}/", "json": {"name": OUR_GROUP}},
    {"method": "POST", "path": USERS, "json": {"email": OURS}, "query": {"test_mode": "false"}},
    {"method": "POST", "path": USERS, "json": {"email": OURS}, "query": {"test_mode": "TRUE"}},
    {"method": "POST", "path": USERS, "json": {"email": OURS}, "query": "test_mode=true&test_mode=false"},
    {"method": "PUT", "path": USERS, "json": {"first_name": "Joey"}, "headers": header(OURS)},
    {"method": "PUT", "path": f"{GROUPS}/{quote(OUR_GROUP)}", "json": {"access": "sql"}},
    {"method": "DELETE", "path": USERS, "headers": header(OURS.upper())},
    {"method": "DELETE", "path": f"{GROUPS}/{quote(OUR_GROUP)}"},
    {"method": "DELETE", "path": f"{GROUPS}/{quote(OUR_GROUP)}/"},
]
IN_TEST_MODE: Final[list[dict[str, Any]]] = [
    {"method": "POST", "path": USERS, "json": {"email": JOEY}},
    {"method": "PUT", "path": USERS, "json": {}, "headers": header(JOEY)},
    {"method": "PUT", "path": f"{GROUPS}/Sales", "json": {}},
    {"method": "PUT", "path": USERS, "json": {"first_name": "Joey"}, "headers": header(OURS)},
    {"method": "DELETE", "path": USERS, "headers": header(OURS)},
    {"method": "PATCH", "path": GROUPS},
]
STOPPED_FOR_REAL: Final[list[dict[str, Any]]] = [
    {"method": "POST", "path": USERS, "json": {"email": JOEY}},
    {"method": "POST", "path": USERS, "json": {"email": OURS}, "headers": header(JOEY)},
    {"method": "POST", "path": USERS, "body": b'{"email": "joey@example.com",}'},
    {"method": "POST", "path": GROUPS, "json": {"name": "Sales"}},
    {"method": "POST", "path": "/api/v1/roles", "json": {"name": OUR_GROUP}},
    {"method": "PUT", "path": USERS, "json": {}, "headers": header(JOEY)},
    {"method": "PUT", "path": USERS, "json": {"first_name": "Joey"}},
    {"method": "PUT", "path": f"{GROUPS}/Sales", "json": {}},
    {"method": "PUT", "path": f"{GROUPS}/{quote(OUR_GROUP)}", "json": {"name": "Sales"}},
    {"method": "DELETE", "path": USERS, "headers": header(JOEY)},
    {"method": "DELETE", "path": USERS, "headers": header("mockscope-check-0123abcdef@example.com")},
    {"method": "DELETE", "path": f"{GROUPS}/Sales"},
    {"method": "DELETE", "path": f"{GROUPS}/Sales/"},
    {"method": "PATCH", "path": USERS},
]
STOPPED_IN_TEST_MODE: Final[list[dict[str, Any]]] = [
    {"method": "PUT", "path": USERS, "json": {"first_name": "Joseph"}, "headers": header(JOEY)},
    {"method": "PUT", "path": f"{GROUPS}/Sales", "json": {"name": OUR_GROUP}},
    {"method": "DELETE", "path": USERS, "headers": header(JOEY)},
    {"method": "DELETE", "path": f"{GROUPS}/Sales"},
    {"method": "DELETE", "path": f"{GROUPS}/Sales/"},
    {"method": "PATCH", "path": f"{GROUPS}/Sales"},
]
TEST_MODE: Final = {"query": {"test_mode": "true"}}


@pytest.mark.parametrize("asked", [*REAL, *(asked | TEST_MODE for asked in IN_TEST_MODE)])
def test_read_only_stops_every_write(asked: dict[str, Any]) -> None:
    client = RecordingClient()
    with pytest.raises(ForbiddenRequest, match="read-only"):
        request_filter(Level.READ_ONLY, client).request(**asked)
    assert client.methods == []


@pytest.mark.parametrize("asked", REAL)
def test_a_dry_run_stops_a_write_without_test_mode(asked: dict[str, Any]) -> None:
    client = RecordingClient()
    with pytest.raises(ForbiddenRequest, match="without test_mode=true"):
        request_filter(Level.DRY_RUN, client).request(**asked)
    assert client.methods == []


@pytest.mark.parametrize("level", [Level.DRY_RUN, Level.FULL])
@pytest.mark.parametrize("asked", IN_TEST_MODE)
def test_a_harmless_write_in_test_mode_passes(asked: dict[str, Any], level: Level) -> None:
    client = RecordingClient()
    request_filter(level, client).request(**asked | TEST_MODE)
    assert client.methods == [asked["method"]]


@pytest.mark.parametrize("level", [Level.DRY_RUN, Level.FULL])
@pytest.mark.parametrize("asked", STOPPED_IN_TEST_MODE)
def test_a_write_in_test_mode_to_another_s_record_is_stopped(asked: dict[str, Any], level: Level) -> None:
    client = RecordingClient()
    with pytest.raises(ForbiddenRequest, match="that this run did not create"):
        request_filter(level, client).request(**asked | TEST_MODE)
    assert client.methods == []


def test_a_write_in_test_mode_passes_once_test_mode_is_proven() -> None:
    client = RecordingClient()
    checker = request_filter(Level.FULL, client)
    checker.proven.add(("DELETE", GROUP))

    checker.request("DELETE", f"{GROUPS}/Sales", query={"test_mode": "true"})

    assert client.methods == ["DELETE"]
    with pytest.raises(ForbiddenRequest):
        checker.request("DELETE", f"{GROUPS}/Sales")


@pytest.mark.parametrize("asked", REAL)
def test_a_full_run_may_write_to_its_own_records(asked: dict[str, Any]) -> None:
    client = RecordingClient()
    request_filter(Level.FULL, client).request(**asked)
    assert client.methods == [asked["method"]]


@pytest.mark.parametrize("asked", STOPPED_FOR_REAL)
def test_a_full_run_may_not_write_to_other_records(asked: dict[str, Any]) -> None:
    client = RecordingClient()
    with pytest.raises(ForbiddenRequest, match="that this run did not create"):
        request_filter(Level.FULL, client).request(**asked)
    assert client.methods == []


def test_the_guard_tracks_created_and_deleted_records() -> None:
    checker = request_filter(Level.FULL)

    checker.request("POST", GROUPS, json={"name": OUR_GROUP})
    checker.request("POST", USERS, json={"email": OURS, "groups": [OUR_GROUP, "Sales"]})
    checker.request("POST", USERS, json={"email": f"{NAMES.mark}-2@example.com"}, query={"test_mode": "true"})
    checker.request("PUT", f"{GROUPS}/{quote(OUR_GROUP)}", json={"name": f"{OUR_GROUP}0"})
    assert list(checker.created) == [Record(GROUP, OUR_GROUP), Record(USER, OURS), Record(GROUP, f"{OUR_GROUP}0")]

    checker.request("DELETE", USERS, headers=header(OURS))
    checker.request("DELETE", f"{GROUPS}/{quote(OUR_GROUP)}", query={"test_mode": "true"})
    assert list(checker.created) == [Record(GROUP, OUR_GROUP), Record(GROUP, f"{OUR_GROUP}0")]


def test_a_refused_create_is_not_tracked() -> None:
    checker = request_filter(Level.FULL, RecordingClient(status=400))

    checker.request("POST", USERS, json={"email": OURS})

    assert list(checker.created) == []


def test_a_create_without_a_response_is_tracked() -> None:
    class Silent(RecordingClient):
        def request(self, method: str, path: str, **options: Any) -> Exchange:
            raise Unreachable("nothing listens there")

    checker = request_filter(Level.FULL, Silent())
    with pytest.raises(Unreachable):
        checker.request("POST", USERS, json={"email": OURS})

    assert list(checker.created) == [Record(USER, OURS)]


# -- servers that can't be judged ------------------------------------------------------------------------------


class FallingSilent(WithoutSocket):
    """A client of a server that stops responding after some requests."""

    def __init__(self, after: int) -> None:
        super().__init__(Mockscope(SEED))
        self.sent = 0
        self._after = after

    def _send(self, method: str, target: str, headers: Headers, body: bytes | None) -> tuple[int, Headers, bytes]:
        self.sent += 1
        if self.sent > self._after:
            raise Unreachable("nothing listens there")
        return super()._send(method, target, headers, body)


def test_a_silent_server_ends_the_run() -> None:
    client = FallingSilent(after=20)
    with pytest.raises(RunAborted, match=r"^nothing listens there$"):
        check(client, Level.READ_ONLY)
    assert client.sent == 20 + MAX_FAILURES


def test_records_without_a_response_to_their_deletion_are_reported_as_left() -> None:
    client = FallingSilent(after=250)
    with pytest.raises(RunAborted, match=r"^records of this check may be left, for --clean-up to remove: nothing list"):
        check(client, Level.FULL)
    assert marked_on(client.site) != []


def test_a_server_that_sends_too_much_ends_the_run(monkeypatch: pytest.MonkeyPatch, client: WithoutSocket) -> None:
    monkeypatch.setattr("mockscope.conformance.request_filter.MAX_KEPT_BYTES", 3 * 1024 * 1024)

    async def deviate(request: Request, forward: Forward, site: MockSite) -> Response:
        response = await forward(request)
        return replace(response, body=response.body.ljust(200_000))

    with pytest.raises(RunAborted, match=r"^the server sent more than 3 MiB$"):
        check(deviating_client(deviate), Level.READ_ONLY)


def slowed(is_meant: Callable[[Request], bool]) -> Deviation:
    """Throttle some requests for longer than a run waits."""

    async def deviate(request: Request, forward: Forward, site: MockSite) -> Response:
        if not is_meant(request):
            return await forward(request)
        return replace(refusal(429), headers=(JSON_TYPE, (b"retry-after", b"3600")))

    return deviate


def test_a_throttled_check_is_not_a_difference() -> None:
    # Requests to this site with a wrong key are throttled.
    wrong = slowed(
        lambda request: re.fullmatch("central:perk:[0-]+", request.header("http-x-partner-auth") or "") is not None
    )
    report = checked(deviating_client(wrong), Level.READ_ONLY, rules=["AUTH-2"])

    outcomes = {finding.check.title: finding.outcome.verdict for finding in report.results}
    assert outcomes == {
        "A missing header is 403": "holds",
        "A blank header is 403": "holds",
        "A header without a colon is 403": "holds",
        "A header that is repeated with another value is 403": "not-seen",
        "A site that does not exist is 403": "holds",
        "A wrong key is 403": "not-seen",
        "No key at all is 403": "holds",
    }


def test_a_throttled_request_is_not_one_without_a_response() -> None:
    report = checked(
        deviating_client(slowed(lambda request: len(request.body) > 1024 * 1024)), Level.DRY_RUN, rules=["HTTP-8"]
    )

    assert [(finding.check.title, finding.outcome.verdict) for finding in report.results] == [
        ("A request line over 64 KiB is 414", "holds"),
        ("A head over 64 KiB is 431", "holds"),
        ("A body over 1 MiB is 413", "not-seen"),
        ("A body of 1 MiB is not", "holds"),
    ]


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_server_that_throttles_too_long_ends_the_run_without_a_difference(method: str) -> None:
    seen: list[str] = []

    def is_later(request: Request) -> bool:
        seen.append(request.method)
        return request.method == method and len(seen) > 10

    with pytest.raises(RunAborted) as ended:
        checked(deviating_client(slowed(is_later)), Level.DRY_RUN)

    asked = rf"the server is rate-limiting \({method} /api/v1/[^?]*: 429\): try again later, or with --rate"
    assert re.fullmatch(asked, str(ended.value))


def test_an_invalid_page_size_is_a_difference_without_a_switch() -> None:
    emails = [f"joey{number:04}@example.com" for number in range(2002)]

    async def deviate(request: Request, forward: Forward, site: MockSite) -> Response:
        if request.bare != USERS or request.email:
            return await forward(request)
        start = emails.index(request.params.get("next_page_start", emails[0]))
        shown, following = emails[start : start + 1001], emails[start + 1001 : start + 1002]
        return json_response(
            200, {"next_page_start": next(iter(following), None), "users": [{"email": each} for each in shown]}
        )

    report = checked(deviating_client(deviate), Level.READ_ONLY, rules=["PAGE-2"])

    assert [
        (finding.check.title, finding.outcome.reason, finding.outcome.switch)
        for finding in report.results
        if finding.outcome.verdict == "differs"
    ] == [("Users: a page holds at most 100 records", "a page that is not the last holds 10 records", {})]
    assert report.policy == {"page_size": 10}


GARBAGE: Final[dict[str, object]] = {
    "a list": [],
    "a text": "How you doin'?",
    "nothing": None,
    "an empty object": {},
    "values that are not lists": {"users": None, "groups": "Sales", "next_page_start": 5},
    "lists of nothing": {"users": [None, 5, {}], "groups": [[], {"name": None}], "next_page_start": "joey"},
    "halves of letters": {
        "users": [{"email": "\ud800", "groups": []}],
        "groups": [{"name": "\ud800", "access": "\ud800"}],
        "next_page_start": "\ud800",
    },
    "a number of 5,000 digits": b'{"users": [], "groups": [], "next_page_start": ' + b"9" * 5000 + b"}",
    "lists in lists": b"[" * 100_000,
    "not UTF-8": b'{"users": ["\xff"]}',
    "records without sense": {"email": 5, "name": [], "groups": {}, "access": None, "dashboards": 7},
}


@pytest.mark.parametrize("status", [200, 201, 404])
@pytest.mark.parametrize("garbage", GARBAGE)
def test_a_garbage_response_is_a_difference_and_does_not_end_the_run(garbage: str, status: int) -> None:
    async def deviate(request: Request, forward: Forward, site: MockSite) -> Response:
        is_first_look = request.method == "GET" and request.path == USERS and not request.query and not request.email
        if is_first_look:
            return await forward(request)
        body = GARBAGE[garbage]
        return Response(status, body) if isinstance(body, bytes) else json_response(status, body)

    report = checked(deviating_client(deviate), Level.FULL)

    assert "PAGE-6" in differing(report)
    assert [rule.rule for rule in report.rules] == list(RULES)
