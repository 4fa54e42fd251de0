"""Random histories: responses and records of mockscope equal those of a naive model of the contract.

One state machine runs twice: fast in process, and with real HTTP over a socket.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from contextlib import ExitStack, closing
from http.client import HTTPConnection
from typing import Any, ClassVar, Final, NamedTuple, Protocol
from urllib.parse import quote, unquote, urlsplit

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from support.model import Model, ModelSite, PredictedResponse, Request

from mockscope import LiveServer, Mockscope, serve

Draw = Callable[[st.SearchStrategy[Any]], Any]
Headers = tuple[tuple[str, str], ...]

# The steps of one history; how many histories is said where each test is.
PROFILE: Final = settings(
    stateful_step_count=40,
    deadline=None,
    print_blob=True,
    phases=[Phase.reuse, Phase.generate, Phase.shrink],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)

# -- strategies ------------------------------------------------------------------------------------------------

# Few enough to meet again; alike but for case, or ordered differently with and without it ("_" is between Z and a).
EMAILS: Final = (
    "monica@example.com",
    "Monica@Example.com",
    "joey+knicks@example.com",
    "joey!knicks@example.com",
    "joey_knicks@example.com",
    "_phoebe@example.test",
    "RACHEL@EXAMPLE.COM",
    "rachel@example.com",
    "mike@example.com",
    "Zoe@a-b.example.com",
    "a@" + "x" * 63,
)
NO_EMAILS: Final = (
    "",
    " ",
    "monica",
    "@example.com",
    "monica@",
    "monica@-example.com",
    "monica@example..com",
    "monica geller@example.com",
    "m\u00f6nica@example.com",
    "monica@example.com\n",
    "a@" + "x" * 64,
    "monica@x@example.com",
)
GROUPS: Final = (
    "Administrators",
    "All Users",
    "all users",
    "Sales",
    "NY Knicks",
    "R&D/Ops",
    "50% off",
    "%2F",
    "a+b",
    "a b",
    "Caf\u00e9 \U0001f600",
    "..",
    "?#",
)
BLANKS: Final = ("", " ", "\t\n", "\u2003", "\ufeff", "\x1f\x85")
TEXT: Final = st.text(st.characters(codec="utf-8"), max_size=6)
EMAIL: Final = st.sampled_from(EMAILS)
GROUP: Final = st.sampled_from(GROUPS)
# Who is meant, and which group: by a name that may be nobody's, or the so-manieth that the site has.
WHO: Final = st.sampled_from((*EMAILS, *range(8), *range(8)))
WHICH: Final = st.sampled_from((*GROUPS, *range(6), *range(6)))
MEMBERSHIPS: Final = st.none() | st.lists(
    st.sampled_from((*("Administrators", "All Users", "Sales", "R&D/Ops") * 4, *GROUPS)), max_size=3
)
ACCESS: Final = st.sampled_from(("sql", "Sql", "SQL", "discovery", "View", "vIEW"))
NAME: Final = st.sampled_from(("Monica", "Joey", " Bing ", "\u0141ukasz", "O'Brien", '"', "\u212a", "\x00"))
# Who may invite, for the most part.
INVITER: Final = st.sampled_from(("rachel@example.com", "Mike@Example.com", "RACHEL@example.com")) | EMAIL
JUNK: Final[st.SearchStrategy[Any]] = st.one_of(
    st.sampled_from((None, True, 0, 1.5, [], {}, [1], ["Sales", None], [""], ["Gunther"], "nonsense", 10**30)),
    st.sampled_from(BLANKS + NO_EMAILS),
)
CURSOR: Final = (
    st.sampled_from(("", " ", "~", "0", "MONICA@EXAMPLE.COM", "joey knicks@example.com")) | GROUP | EMAIL | TEXT
)
# On top of what test_mode may say, so that half of all writes are real.
QUERY: Final = st.sampled_from(
    (
        *("", "", "", "", "?", "?other=true", "?test_mode=true", "?test_mode=TRUE", "?test_mode=%54rue"),
        *("?test_mode=false", "?test_mode=", "?test_mode", "?test_mode=1", "?test_mode=true%20"),
        *("?next_page_start=a&test_mode=true", "?Test_Mode=true"),
    )
)
CONTENT_TYPE: Final = st.sampled_from(
    (*("application/json",) * 6, "application/json; charset=utf-8", "text/plain", None)
)
NO_OBJECTS: Final = (
    b"",
    b"{",
    b"[]",
    b"null",
    b'"Sales"',
    b"first_name=Joey&last_name=Tribbiani",
    b'{"first_name": "Joey",}',
    b'{"name": "Sales", "access": "Sql",}',
    "{\u201cname\u201d: \u201cSales\u201d}".encode(),
    b'{"name": NaN}',
    b'{"name": "\xff"}',
    b'{"name": "\\ud800"}',
    b'{"name": "Sales"} {}',
    b"\xef\xbb\xbf{}",
    b"[" * 2_000,
)
# A JSON number like any other, and beyond what Python's int takes. Too long to be drawn: who could read the history?
NUMBER_OF_5000_DIGITS: Final = b'{"x": ' + b"9" * 5000 + b"}"
# Duplicate keys: the last wins (HTTP-4).
TWICE: Final = (
    b'{"first_name": "Joey", "first_name": "Joseph"}',
    b'{"access": "Sql", "access": "View"}',
    b'{"access": "Sql", "access": "none"}',
)
UNKNOWN_FIELDS: Final = st.dictionaries(
    st.sampled_from(("email", "Groups", "nonsense", "tfa_enabled", "access", "name")), JUNK, max_size=2
)
NEW_USER: Final = st.fixed_dictionaries(
    {"first_name": NAME, "last_name": NAME, "email": EMAIL, "invited_by_email": INVITER},
    optional={"groups": MEMBERSHIPS, "tfa_enabled": st.booleans()},
)
USER_CHANGES: Final = st.fixed_dictionaries({}, optional={"first_name": NAME, "last_name": NAME, "groups": MEMBERSHIPS})
NEW_GROUP: Final = st.one_of(
    st.fixed_dictionaries(
        {"name": GROUP | TEXT, "access": ACCESS, "created_by_email": INVITER},
        optional={"create_by_email": EMAIL | JUNK},
    ),
    st.fixed_dictionaries({"name": GROUP, "access": ACCESS, "create_by_email": INVITER}),
)
GROUP_CHANGES: Final = st.fixed_dictionaries(
    {}, optional={"name": st.sampled_from((*("Sales", "R&D/Ops") * 3, *GROUPS)), "access": ACCESS}
)
POLICIES: Final = st.fixed_dictionaries(
    {"page_size": st.integers(1, 3)},
    optional={
        "test_mode_create_status": st.sampled_from((200, 201)),
        "implicit_all_users": st.booleans(),
        "creator_must_be_admin": st.booleans(),
        "protect_builtin_groups": st.booleans(),
        "require_json_content_type": st.booleans(),
    },
)


@st.composite
def bodies(draw: Draw, good: st.SearchStrategy[dict[str, Any]]) -> bytes:
    """A JSON object, mostly valid; else with a junk value, a missing field, or unknown fields."""
    how = draw(st.sampled_from(("good",) * 8 + ("junk", "junk", "without", "unknown")))
    fields: dict[str, Any] = draw(good)
    names = sorted(fields) or ["nonsense"]
    match how:
        case "junk":
            fields[draw(st.sampled_from(names))] = draw(JUNK)
        case "without":
            fields.pop(draw(st.sampled_from(names)), None)
        case "unknown":
            fields = draw(UNKNOWN_FIELDS) | fields
    return json.dumps(fields, ensure_ascii=draw(st.booleans())).encode()


# How the header that names a user is sent; {} is the email.
EMAIL_HEADERS: Final = st.sampled_from(
    (
        *[(("Http-X-Email", "{}"),)] * 8,
        (("HTTP-X-EMAIL", " {} "),),
        (("http-x-email", "{}"), ("Http-X-Email", "{}")),
        (("Http-X-Email", "{}"), ("Http-X-Email", "ross@example.com")),
        (("Http-X-Email", ""),),
        (("Http-X-Email", "  "),),
        (("X-Email", "{}"),),
        (),
    )
)


# -- clients ---------------------------------------------------------------------------------------------------


class Got(NamedTuple):
    """A response as received, with the names of headers in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Wire(Protocol):
    """A client of a server, in process or over a socket."""

    @property
    def mock(self) -> Mockscope | LiveServer: ...

    def request(self, request: Request) -> Got: ...

    def close(self) -> None: ...


class InProcess:
    """A client that calls the ASGI application, as a server would."""

    def __init__(self) -> None:
        self.mock = Mockscope()
        self._runner = asyncio.Runner()

    def close(self) -> None:
        self._runner.close()

    def request(self, request: Request) -> Got:
        return self._runner.run(self._send_request(request))

    async def _send_request(self, request: Request) -> Got:
        path, _, query = request.target.partition("?")
        length = [(b"content-length", str(len(request.body)).encode())] if request.body else []
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "scheme": "http",
            "method": request.method,
            "path": unquote(path),
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "root_path": "",
            "headers": [(name.lower().encode(), value.encode()) for name, value in request.headers] + length,
        }
        sent: list[Any] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": request.body, "more_body": False}

        def send(message: Any) -> Awaitable[None]:
            sent.append(message)
            return asyncio.sleep(0)

        await self.mock.app(scope, receive, send)
        start, *rest = sent
        headers = {name.decode().lower(): value.decode() for name, value in start["headers"]}
        return Got(start["status"], headers, b"".join(message["body"] for message in rest))


class Socket:
    """A client that speaks HTTP to a live server."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self.mock = self._stack.enter_context(serve())
        address = urlsplit(self.mock.url)
        self._connection = HTTPConnection(address.hostname or "", address.port)
        self._stack.callback(self._connection.close)

    def close(self) -> None:
        self._stack.close()

    def request(self, request: Request) -> Got:
        connection = self._connection
        connection.putrequest(request.method, request.target)
        for name, value in request.headers:
            connection.putheader(name, value)
        if request.body:
            connection.putheader("Content-Length", str(len(request.body)))
        connection.endheaders(request.body or None)
        response = connection.getresponse()
        return Got(response.status, {name.lower(): value for name, value in response.getheaders()}, response.read())


# -- the machine -----------------------------------------------------------------------------------------------


def seed_of(host: str) -> dict[str, Any]:
    """Return the seed of a site: two administrators, groups, and dashboards with owners."""
    people = {
        ("Monica", "Geller"): ["Sales", "All Users"],
        ("Rachel", "Green"): ["Administrators", "All Users"],
        ("Mike", "Hannigan"): ["Administrators"],
        # The first stands between "joey knicks" and "joey+knicks": no page of the second may start there (PAGE-3).
        ("Joey!Knicks", "Tribbiani"): ["R&D/Ops", "Sales"],
        ("Joey+Knicks", "Tribbiani"): ["Sales"],
        ("Chandler", "Bing"): [],
    }
    return {
        "host": host,
        "api_key": f"key-of-{host.replace(':', '-')}",
        "groups": [{"name": "Sales", "access": "View"}, {"name": "R&D/Ops", "access": "Discovery"}],
        "users": [
            {
                "first_name": first,
                "last_name": last,
                "email": f"{first}@example.com".lower(),
                "groups": groups,
                "last_login_at": "2014-02-06T23:46:07.118Z",
                "password_updated_at": None,
                "tfa_enabled": first == "Rachel",
            }
            for (first, last), groups in people.items()
        ],
        "dashboards": [
            {"name": "Test Dashboard", "owner": "monica@example.com", "access": {"Sales": "View"}},
            {
                "name": "Example Dashboard",
                "owner": "monica@example.com",
                "access": {"Sales": "Edit", "Administrators": "Edit"},
            },
        ],
    }


# One with a Space in it: such a host holds a colon.
HOSTS: Final = ("example_site", "example_site:space", "other.example.com")
PLACE: Final = st.integers(0, len(HOSTS) - 1)
READING_A_BODY: Final = (
    ("POST", "/api/v1/users"),
    ("PUT", "/api/v1/users"),
    ("POST", "/api/v1/groups/"),
    ("PUT", "/api/v1/groups/Sales"),
    ("PUT", "/api/v1/groups/All%20Users"),
)
USERS: Final = st.sampled_from(("/api/v1/users", "/api/v1/users/"))
ALL_GROUPS: Final = st.sampled_from(("/api/v1/groups", "/api/v1/groups/"))


class Service(RuleBasedStateMachine):
    """Each rule sends one request to mockscope and to the model. Responses and records must be equal."""

    wire_type: ClassVar[type[InProcess | Socket]]

    def __init__(self) -> None:
        super().__init__()
        self.wire: Wire = self.wire_type()
        self.model = Model()

    def teardown(self) -> None:
        self.wire.close()

    @initialize(policies=st.lists(POLICIES, min_size=len(HOSTS), max_size=len(HOSTS)))
    def make_sites(self, policies: list[dict[str, Any]]) -> None:
        for host, unknown_groups, drawn in zip(HOSTS, ("reject", "ignore", "create"), policies, strict=True):
            seed = seed_of(host)
            policy = {"unknown_groups": unknown_groups, **drawn}
            self.wire.mock.site(host, seed["api_key"], {"mockscope": 1, "sites": [seed]}, **policy)
            self.model.sites.append(ModelSite(seed, policy))

    @invariant()
    def both_hold_the_same(self) -> None:
        assert self.wire.mock.export() == self.model.export()

    # -- users

    @rule(place=PLACE, path=USERS, cursor=CURSOR, method=st.sampled_from(("GET", "GET", "HEAD")))
    def list_users(self, place: int, path: str, cursor: str, method: str) -> None:
        self.request(place, method, f"{path}?next_page_start={quote(cursor, safe='@')}&test_mode=true")

    @rule(place=PLACE)
    def follow_every_page_of_users(self, place: int) -> None:
        # Unencoded, as a public client sends it: the + arrives as a blank (PAGE-3).
        pages = self.follow(place, "/api/v1/users", lambda cursor: cursor)
        assert [user for page in pages for user in page["users"]] == self.model.sites[place].sorted_users()

    @rule(place=PLACE, path=USERS, who=WHO, headers=EMAIL_HEADERS, query=QUERY, body=st.sampled_from((b"", b"{")))
    def get_user(self, place: int, path: str, who: str | int, headers: Headers, query: str, body: bytes) -> None:
        self.request(place, "GET", path + query, self.naming(place, who, headers), body)

    @rule(place=PLACE, path=USERS, query=QUERY, body=bodies(NEW_USER), content_type=CONTENT_TYPE)
    def create_user(self, place: int, path: str, query: str, body: bytes, content_type: str | None) -> None:
        self.request(place, "POST", path + query, (), body, content_type)

    @rule(
        place=PLACE,
        path=USERS,
        who=WHO,
        headers=EMAIL_HEADERS,
        query=QUERY,
        body=bodies(USER_CHANGES),
        content_type=CONTENT_TYPE,
    )
    def update_user(
        self,
        place: int,
        path: str,
        who: str | int,
        headers: Headers,
        query: str,
        body: bytes,
        content_type: str | None,
    ) -> None:
        self.request(place, "PUT", path + query, self.naming(place, who, headers), body, content_type)

    @rule(place=PLACE, path=USERS, who=WHO, headers=EMAIL_HEADERS, query=QUERY)
    def delete_user(self, place: int, path: str, who: str | int, headers: Headers, query: str) -> None:
        self.request(place, "DELETE", path + query, self.naming(place, who, headers))

    # -- groups

    @rule(place=PLACE, path=ALL_GROUPS, cursor=CURSOR)
    def list_groups(self, place: int, path: str, cursor: str) -> None:
        self.request(place, "GET", f"{path}?next_page_start={quote(cursor, safe='')}")

    @rule(place=PLACE)
    def follow_every_page_of_groups(self, place: int) -> None:
        pages = self.follow(place, "/api/v1/groups", lambda cursor: quote(cursor, safe=""))
        names = [group["name"] for page in pages for group in page["groups"]]
        assert names == sorted(self.model.sites[place].access)

    @rule(place=PLACE, which=WHICH, query=QUERY, method=st.sampled_from(("GET", "GET", "HEAD")))
    def get_group(self, place: int, which: str | int, query: str, method: str) -> None:
        self.request(place, method, self.path_of(place, which) + query)

    @rule(place=PLACE, path=ALL_GROUPS, query=QUERY, body=bodies(NEW_GROUP), content_type=CONTENT_TYPE)
    def create_group(self, place: int, path: str, query: str, body: bytes, content_type: str | None) -> None:
        self.request(place, "POST", path + query, (), body, content_type)

    @rule(place=PLACE, which=WHICH, query=QUERY, body=bodies(GROUP_CHANGES), content_type=CONTENT_TYPE)
    def update_group(self, place: int, which: str | int, query: str, body: bytes, content_type: str | None) -> None:
        self.request(place, "PUT", self.path_of(place, which) + query, (), body, content_type)

    @rule(place=PLACE, which=WHICH, query=QUERY)
    def delete_group(self, place: int, which: str | int, query: str) -> None:
        self.request(place, "DELETE", self.path_of(place, which) + query)

    # -- requests outside the contract

    @rule(
        place=PLACE,
        method_and_path=st.sampled_from(READING_A_BODY),
        query=QUERY,
        body=st.sampled_from(NO_OBJECTS) | st.sampled_from(TWICE) | st.binary(max_size=8),
        content_type=CONTENT_TYPE,
    )
    def send_a_strange_body(
        self, place: int, method_and_path: tuple[str, str], query: str, body: bytes, content_type: str | None
    ) -> None:
        method, path = method_and_path
        headers = (("Http-X-Email", "monica@example.com"),)
        self.request(place, method, path + query, headers, body, content_type)

    @rule(
        place=PLACE,
        other=PLACE,
        how=st.sampled_from(
            (
                "{host}",
                ":{key}",
                "{host}:",
                "{host}:{key}x",
                "<{host}:{key}>",
                "{host}:{other_key}",
                "gone:{key}",
                "",
                " ",
            )
        ),
        names=st.sampled_from((("Http-X-Partner-Auth",), ("http-x-partner-auth",) * 2, ("X-Partner-Auth",))),
        path=st.sampled_from(("/api/v1/users", "/api/v1/groups/Sales", "/nowhere", "/api/v1/users?test_mode=true")),
        method=st.sampled_from(("GET", "DELETE", "PATCH")),
    )
    def knock_with_bad_credentials(
        self, place: int, other: int, how: str, names: tuple[str, ...], path: str, method: str
    ) -> None:
        site, other_key = self.model.sites[place], self.model.sites[other].api_key
        value = how.format(host=site.host, key=site.api_key, other_key=other_key)
        good = f"{site.host}:{site.api_key}"
        headers = ((names[0], value), *((name, good) for name in names[1:]))
        self.compare(Request(method, path, headers))

    @rule(
        place=PLACE,
        method=st.sampled_from(("GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD")),
        path=st.sampled_from(
            (
                *("/", "/api/v1", "/api/v1/user", "/api/v2/users", "/api/v1/roles", "/API/v1/users"),
                *("/api/v1/users/x", "/api/v1/groups/R&D/Ops", "/api/v1/groups//"),
                *("/api/v1/users", "/api/v1/groups/", "/api/v1/groups/Sales"),
            )
        ),
    )
    def ask_for_what_is_not_offered(self, place: int, method: str, path: str) -> None:
        self.request(place, method, path)

    @rule(place=PLACE, path=st.sampled_from(("/api/v1/users", "/api/v1/groups")), spare=st.integers(0, 1))
    def send_a_body_at_the_limit(self, place: int, path: str, spare: int) -> None:
        self.request(place, "POST", path, (), b"{}".ljust(1024 * 1024 + spare), "application/json")

    # -- in Python

    @rule(
        place=PLACE,
        method=st.sampled_from(("GET", "DELETE")),
        path=st.sampled_from(("/api/v1/users", "/nowhere")),
        key=st.sampled_from(("{}", "{}", "{}x")),
    )
    def ask_while_the_api_is_disabled(self, place: int, method: str, path: str, key: str) -> None:
        handle, site = self.wire.mock.sites[HOSTS[place]], self.model.sites[place]
        handle.enabled = site.enabled = False
        auth = ("Http-X-Partner-Auth", f"{site.host}:{key.format(site.api_key)}")
        self.compare(Request(method, path, (auth, ("Http-X-Email", "monica@example.com"))))
        handle.enabled = site.enabled = True

    @rule(place=PLACE, key=st.sampled_from(("key-of-example_site", "e179017a-62b0-4996-8a38-e91aa9f1", "new")))
    def rotate_the_key(self, place: int, key: str) -> None:
        self.wire.mock.sites[HOSTS[place]].rotate_key(key)
        self.model.sites[place].api_key = key

    @rule(place=PLACE, email=INVITER)
    def add_an_administrator(self, place: int, email: str) -> None:
        site = self.model.sites[place]
        if site.find_user(email) is None and "Administrators" in site.access:
            user: dict[str, Any] = {
                "first_name": "Phoebe",
                "last_name": "Buffay",
                "email": email,
                "groups": site.groups_to_set(["Administrators"]),
                "last_login_at": None,
                "password_updated_at": "2018-10-18T20:08:41.794Z",
                "tfa_enabled": True,
            }
            self.wire.mock.sites[site.host].add_user(**user)
            site.users.append(user)

    @rule(
        place=PLACE,
        name=TEXT.map("Dashboard {}".format),
        owner=EMAIL,
        access=st.dictionaries(GROUP, st.sampled_from(("Edit", "View"))),
    )
    def add_a_dashboard(self, place: int, name: str, owner: str, access: dict[str, str]) -> None:
        site = self.model.sites[place]
        user = site.find_user(owner)
        board: dict[str, Any] = {
            "name": name,
            "owner": user["email"] if user else None,
            "access": {group: word for group, word in access.items() if group in site.access},
        }
        if name not in [board["name"] for board in site.dashboards]:
            self.wire.mock.sites[site.host].add_dashboard(**board)
            site.dashboards.append(board)

    # -- asking

    def naming(self, place: int, who: str | int, headers: Headers) -> Headers:
        """Return headers that name a user."""
        emails = [user["email"] for user in self.model.sites[place].sorted_users()]
        email = who if isinstance(who, str) else emails[who % len(emails)] if emails else "nobody@example.com"
        return tuple((name, value.format(email)) for name, value in headers)

    def path_of(self, place: int, which: str | int) -> str:
        """Return the path of a group."""
        names = sorted(self.model.sites[place].access)
        name = which if isinstance(which, str) else names[which % len(names)] if names else "None left"
        return f"/api/v1/groups/{quote(name, safe='')}"

    def follow(self, place: int, path: str, encode: Callable[[str], str]) -> list[dict[str, Any]]:
        """Request every page, by the cursor of the page before (PAGE-6)."""
        pages = [self.request(place, "GET", path).body]
        while (cursor := pages[-1]["next_page_start"]) is not None:
            pages.append(self.request(place, "GET", f"{path}?next_page_start={encode(cursor)}").body)
        return pages

    def request(
        self,
        place: int,
        method: str,
        target: str,
        headers: Headers = (),
        body: bytes = b"",
        content_type: str | None = None,
    ) -> PredictedResponse:
        site = self.model.sites[place]
        auth = ("Http-X-Partner-Auth", f"{site.host}:{site.api_key}")
        sent = (("Content-Type", content_type),) if content_type else ()
        return self.compare(Request(method, target, (auth, *headers, *sent), body))

    def compare(self, request: Request) -> PredictedResponse:
        """Send a request to both, and compare status, body, and the order of the keys in the body."""
        predicted = self.model.respond(request)
        got = self.wire.request(request)
        seen = as_predicted(got, request)
        assert seen == predicted
        if request.method != "HEAD":
            assert json.dumps(seen.body) == json.dumps(predicted.body)
        return seen


def as_predicted(got: Got, request: Request) -> PredictedResponse:
    """Return the response in the terms of the model, after the checks for every response (HTTP-1, HTTP-10)."""
    assert got.headers["content-type"] == "application/json; charset=utf-8"
    assert got.headers["x-request-id"]
    assert ("allow" in got.headers) == (got.status == 405)
    if request.method == "HEAD":
        return PredictedResponse(got.status, got.body)
    body = json.loads(got.body)
    if got.status < 400:
        return PredictedResponse(got.status, body)
    assert list(body) == ["message"]
    assert isinstance(body["message"], str)
    assert body["message"].strip()
    assert got.headers["x-mockscope-hint"]
    return PredictedResponse(got.status)


class ServiceInProcess(Service):
    wire_type = InProcess


class ServiceOnASocket(Service):
    wire_type = Socket


@pytest.mark.rule("TEST-1", "TEST-2", "TEST-3", "TEST-4", "HTTP-1", "HTTP-6", "PAGE-6")
@pytest.mark.parametrize("histories", [25, pytest.param(300, marks=pytest.mark.slow)])
def test_every_history_agrees_with_the_model_in_process(histories: int) -> None:
    run_state_machine_as_test(ServiceInProcess, settings=settings(PROFILE, max_examples=histories))


@pytest.mark.rule("TEST-4", "HTTP-1", "GROUP-5", "PAGE-3")
@pytest.mark.parametrize("histories", [10, pytest.param(50, marks=pytest.mark.slow)])
def test_every_history_agrees_with_the_model_over_a_socket(histories: int) -> None:
    run_state_machine_as_test(ServiceOnASocket, settings=settings(PROFILE, max_examples=histories))


@pytest.mark.rule("HTTP-4", "HTTP-5")
@pytest.mark.parametrize("service", [ServiceInProcess, ServiceOnASocket])
def test_every_operation_handles_every_strange_body_as_the_model_does(
    service: type[Service],
) -> None:
    machine = service()
    with closing(machine.wire):
        machine.make_sites([{"page_size": 1}, {"require_json_content_type": True}, {}])
        for place in range(len(HOSTS)):
            for body in (*NO_OBJECTS, *TWICE, NUMBER_OF_5000_DIGITS):
                for method, path in READING_A_BODY:
                    machine.send_a_strange_body(place, (method, path), "", body, "application/json")
                    machine.both_hold_the_same()


@pytest.mark.rule("USER-CREATE-2", "GROUP-BUILTIN-1")
def test_all_users_created_again_by_a_new_user_contains_that_user() -> None:
    # Three policies at once, and too rare a history to wait for.
    machine = ServiceInProcess()
    with closing(machine.wire):
        machine.make_sites([{"implicit_all_users": True, "protect_builtin_groups": False}] * len(HOSTS))
        place = HOSTS.index("other.example.com")
        machine.delete_group(place, "All Users", "")
        user = {"first_name": "Ross", "last_name": "Geller", "email": "ross@example.com", "groups": ["All Users"]}
        body = json.dumps({**user, "invited_by_email": "mike@example.com"}).encode()
        machine.create_user(place, "/api/v1/users", "", body, None)
        machine.both_hold_the_same()
        assert list(machine.wire.mock.sites[HOSTS[place]].users["ross@example.com"].groups) == ["All Users"]
