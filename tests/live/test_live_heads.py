"""Heads of requests that are known from before: they are answered as on the first day, only sooner."""

import asyncio
import re
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.types import Receive, Scope, Send
from wires import connection, connections, said

import mockscope
from mockscope.prompt import LONGEST_HEAD, MOST_HEADS, PromptAnswers
from mockscope.web.answer import JSONAnswer

API_KEY = "e179017a-62b0-4996-8a38-e91aa9f1"
SEED = {
    "mockscope": 1,
    "sites": [
        {
            "host": "example_site",
            "api_key": API_KEY,
            "users": [
                {"first_name": "Rachel", "last_name": "Green", "email": "rachel@example.com"},
                {"first_name": "Monica", "last_name": "Geller", "email": "monica@example.com"},
            ],
        }
    ],
}
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
ID = re.compile(rb"x-request-id: [0-9a-f]+-\d+")
CREATION = (
    b'{"first_name": "Phoebe", "last_name": "Buffay", "email": "phoebe@example.com", "invited_by_email": "m@x.y"}'
)


def request(
    line: str = "GET /api/v1/users", *headers: str, body: bytes = b"", auth: str = f"example_site:{API_KEY}"
) -> bytes:
    """A request as it is on the wire."""
    length = [f"Content-Length: {len(body)}"] if body else []
    lines = [f"{line} HTTP/1.1", "Host: localhost", f"Http-X-Partner-Auth: {auth}", *headers, *length]
    return "".join(f"{each}\r\n" for each in lines).encode() + b"\r\n" + body


def without_ids(pieces: list[bytes]) -> bytes:
    """What was sent, but for what is told anew each time."""
    return ID.sub(b"x-request-id: *", b"".join(pieces))


ANY_VALUE = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=20)
REQUESTS = st.builds(
    request,
    st.sampled_from(["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH"]).flatmap(
        lambda method: st.one_of(
            st.just(f"{method} /api/v1/users"),
            st.builds(lambda start: f"{method} /api/v1/users?next_page_start={quote(start)}", ANY_VALUE),
            st.builds(lambda mode: f"{method} /api/v1/users/?test_mode={quote(mode)}", st.sampled_from(["true", "x"])),
            st.builds(lambda name: f"{method} /api/v1/groups/{quote(name, safe='')}", st.text(min_size=1, max_size=5)),
        )
    ),
    st.sampled_from(["", "Http-X-Email: monica@example.com", "Http-X-Email: ", "X-Email: monica@example.com"]).map(
        lambda line: line or "Accept: */*"
    ),
    st.builds("{}: {}".format, st.sampled_from(["Connection", "Expect", "Upgrade", "X-Other", "Cookie"]), ANY_VALUE),
    body=st.one_of(st.just(b""), st.just(CREATION), st.binary(max_size=30)),
    auth=st.sampled_from([f"example_site:{API_KEY}", f"example_site:{API_KEY[:-1]}", "nobody", ""]),
)


async def settle(protocol: PromptAnswers) -> bytes:
    """What was sent, once all is."""
    await asyncio.gather(*protocol.tasks)
    # What is kept back for the end of the turn.
    await asyncio.sleep(0)
    return without_ids(said(protocol)).removeprefix(CONTINUE)


@given(sent=REQUESTS)
def test_a_request_is_answered_alike_whether_its_head_is_known_or_not(sent: bytes) -> None:
    async def thrice() -> list[bytes]:
        double = mockscope.Mockscope(SEED)
        texts = []
        async with connections(3, double.app) as protocols:
            for protocol in protocols:
                with double.sites["example_site"].snapshot():
                    protocol.data_received(sent)
                    texts.append(await settle(protocol))
        return texts

    first, *again = asyncio.run(thrice())
    assert again == [first, first]


@given(sent=REQUESTS, place=st.integers(1, 400))
def test_a_known_head_makes_no_difference_to_a_request_that_comes_in_two_pieces(sent: bytes, place: int) -> None:
    async def both() -> list[bytes]:
        double = mockscope.Mockscope(SEED)
        texts = []
        async with connections(3, double.app) as protocols:
            for protocol, pieces in zip(protocols, ([sent], [sent], [sent[:place], sent[place:]]), strict=True):
                with double.sites["example_site"].snapshot():
                    for piece in pieces:
                        if piece and not protocol.transport.is_closing():
                            protocol.data_received(piece)
                    texts.append(await settle(protocol))
        return texts

    first, _, in_pieces = asyncio.run(both())
    assert in_pieces == first


async def seen(protocol: PromptAnswers, *sent: bytes) -> int:
    """How many heads are known after these pieces came."""
    for piece in sent:
        if not protocol.transport.is_closing():
            protocol.data_received(piece)
    await asyncio.gather(*protocol.tasks)
    return len(protocol.heads)


KNOWN = request()
PUT = request("PUT /api/v1/users", "Http-X-Email: monica@example.com", body=b"[]")
LONG = request("GET /api/v1/users", f"Cookie: {'x' * LONGEST_HEAD}")


@pytest.mark.parametrize(
    ("sent", "heads"),
    [
        pytest.param([KNOWN], 1, id="a head alone"),
        pytest.param([KNOWN, KNOWN], 1, id="the same head twice"),
        pytest.param([KNOWN, request(auth="nobody")], 2, id="two heads"),
        pytest.param([request("POST /api/v1/users", body=CREATION)], 1, id="a head with its body"),
        pytest.param([request("POST /api/v1/users", body=CREATION)[:-1], CREATION[-1:]], 0, id="a body in two pieces"),
        pytest.param([KNOWN[:20], KNOWN[20:]], 0, id="a head in two pieces"),
        pytest.param([KNOWN + KNOWN], 0, id="two requests in one piece"),
        pytest.param([KNOWN + KNOWN[:5], KNOWN[5:]], 0, id="a request, and the beginning of one"),
        pytest.param([request("GET /api/v1/users", "Connection: close")], 0, id="the end of the connection"),
        pytest.param([KNOWN.replace(b"1.1", b"1.0")], 0, id="HTTP/1.0"),
        pytest.param([request("POST /api/v1/users", "Expect: 100-continue", body=b"{}")], 0, id="100 Continue"),
        pytest.param([request("GET /api/v1/users", "Transfer-Encoding: chunked") + b"0\r\n\r\n"], 0, id="chunks"),
        pytest.param([request("GET /_mockscope/v1/health")], 0, id="a path that is not the vendor's"),
        pytest.param([LONG], 0, id="a head that is too long"),
        pytest.param([b"GET /api/v1/users\r\n\r\n"], 0, id="no HTTP"),
    ],
)
async def test_heads_that_came_twice_whole_and_plain_are_remembered(sent: list[bytes], heads: int) -> None:
    async with connections(2, mockscope.Mockscope(SEED).app) as protocols:
        counts = [await seen(protocol, *sent) for protocol in protocols]
        assert counts == [1 if sent == [KNOWN, KNOWN] else 0, heads]


async def test_no_more_heads_are_remembered_than_are_wanted_and_the_oldest_go_first() -> None:
    async with connection(mockscope.Mockscope(SEED).app) as protocol:
        many = [request(f"GET /api/v1/users?next_page_start={number}") for number in range(MOST_HEADS + 2)]
        assert await seen(protocol, *many[:-2], *many[:-2]) == MOST_HEADS
        assert await seen(protocol, *many[-2:]) == MOST_HEADS - 2
        assert await seen(protocol, *many[-2:]) == MOST_HEADS
        kept = [protocol.heads.get(each) is not None for each in (*many[:3], many[-1])]
        assert kept == [False, False, True, True]


async def test_a_body_that_reads_like_a_known_head_is_a_body() -> None:
    double = mockscope.Mockscope(SEED)
    async with connection(double.app) as protocol:
        await seen(protocol, KNOWN, KNOWN)
        protocol.data_received(request("POST /api/v1/users", body=KNOWN)[: -len(KNOWN)])
        await seen(protocol, KNOWN)
        calls = double.sites["example_site"].calls
        # Of the key in it the last characters are shown.
        shown = KNOWN.replace(API_KEY.encode(), "…a9f1".encode())
        assert [(call.method, call.body) for call in calls] == [("GET", None), ("GET", None), ("POST", shown)]


@pytest.mark.parametrize(
    ("pieces", "bodies"),
    [
        pytest.param([KNOWN + KNOWN], [None, None], id="another request behind it"),
        pytest.param([KNOWN + KNOWN[:9], KNOWN[9:]], [None, None], id="the beginning of another request behind it"),
        pytest.param([PUT[:-1], PUT[-1:]], [b"[]"], id="not all of its body"),
        pytest.param([PUT + KNOWN], [b"[]", None], id="another request behind its body"),
    ],
)
async def test_what_comes_with_a_known_head_is_read_as_ever(pieces: list[bytes], bodies: list[bytes | None]) -> None:
    double = mockscope.Mockscope(SEED)
    async with connection(double.app) as protocol:
        await seen(protocol, KNOWN, PUT, KNOWN, PUT)
        site = double.sites["example_site"]
        site.calls.clear()
        await seen(protocol, *pieces)
        assert [call.body for call in site.calls] == bodies
        assert b"".join(said(protocol)).count(b"HTTP/1.1 ") == 4 + len(bodies)


async def test_a_body_that_nobody_waited_for_is_not_taken_for_a_known_head() -> None:
    async def hasty(scope: Scope, receive: Receive, send: Send) -> None:
        assert JSONAnswer(b"{}").goes_whole(send)

    async with connection(hasty) as protocol:
        await seen(protocol, KNOWN, KNOWN)
        protocol.data_received(request("POST /api/v1/users", body=KNOWN)[: -len(KNOWN)])
        await seen(protocol, KNOWN)
        assert b"".join(said(protocol)).count(b"HTTP/1.1 200 OK") == 3


async def test_a_known_head_waits_its_turn_while_an_answer_is_due() -> None:
    let = asyncio.Event()

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["query_string"]:
            await let.wait()
        response = JSONAnswer(b'"%b"' % scope["query_string"])
        if not response.goes_whole(send):
            await response(scope, receive, send)

    async with connection(slow) as protocol:
        await seen(protocol, KNOWN, KNOWN)
        protocol.data_received(request("GET /api/v1/users?slow"))
        protocol.data_received(KNOWN)
        assert len(said(protocol)) == 2
        let.set()
        while protocol.tasks:
            await asyncio.gather(*protocol.tasks)
        assert [piece.rpartition(b"\n")[2] for piece in said(protocol)] == [b'""', b'""', b'"slow"', b'""']


async def test_who_waits_behind_a_known_head_learns_that_the_client_is_gone() -> None:
    seen_by_app: list[str] = []

    async def patient(scope: Scope, receive: Receive, send: Send) -> None:
        seen_by_app.append((await receive())["type"])
        if len(seen_by_app) > 2:
            seen_by_app.append((await receive())["type"])
        else:
            assert JSONAnswer(b"{}").goes_whole(send)

    async with connection(patient) as protocol:
        for _ in range(3):
            protocol.data_received(KNOWN)
        protocol.transport.close()
        protocol.connection_lost(None)
        await asyncio.gather(*protocol.tasks)
        assert seen_by_app == ["http.request", "http.request", "http.request", "http.disconnect"]


async def test_what_a_known_head_is_handed_on_as_is_the_connections_own() -> None:
    scopes: list[Scope] = []

    async def noting(scope: Scope, receive: Receive, send: Send) -> None:
        scopes.append({**scope, "state": dict(scope["state"])})
        scope["state"]["left"] = "behind"
        assert JSONAnswer(b"{}").goes_whole(send)

    async with connections(2, noting) as (first, second):
        first.of_connection = {"client": ("127.0.0.1", 1), "server": ("127.0.0.1", 8765), "scheme": "http"}
        second.of_connection = {"client": ("127.0.0.1", 2), "server": ("127.0.0.1", 8765), "scheme": "https"}
        await seen(first, KNOWN, KNOWN)
        scopes.clear()
        first.data_received(KNOWN)
        second.data_received(KNOWN)
    assert [(scope["client"], scope["server"], scope["scheme"]) for scope in scopes] == [
        (("127.0.0.1", 1), ("127.0.0.1", 8765), "http"),
        (("127.0.0.1", 2), ("127.0.0.1", 8765), "https"),
    ]
    same = [{name: scope[name] for name in ("type", "method", "path", "raw_path", "headers")} for scope in scopes]
    assert same[0] == same[1]
    assert ["left" in scope["state"] for scope in scopes] == [False, False]


@pytest.mark.parametrize(
    ("change", "seen_path", "seen_headers"),
    [
        pytest.param({"path": "/api/v1/groups", "raw_path": b"/api/v1/groups"}, "/api/v1/groups", 3, id="another path"),
        pytest.param({"query_string": b"test_mode=true"}, "/api/v1/users", 3, id="another query"),
        pytest.param({"method": "PATCH"}, "/api/v1/users", 3, id="another method"),
        pytest.param({"headers": [(b"host", b"localhost")]}, "/api/v1/users", 1, id="other headers"),
    ],
)
async def test_what_a_wrapper_writes_into_the_scope_counts(
    change: dict[str, object], seen_path: str, seen_headers: int
) -> None:
    double = mockscope.Mockscope(SEED)
    sent = request("GET /api/v1/users", "Http-X-Email: monica@example.com")

    async def wrapping(scope: Scope, receive: Receive, send: Send) -> None:
        await double.app({**scope, **change} if changes else scope, receive, send)

    changes = False
    async with connection(wrapping) as protocol:
        await seen(protocol, sent, sent)
        changes = True
        mark = double.mark()
        await seen(protocol, sent)
        [call] = double.calls_since(mark)
        whole = {"method": "GET", "query_string": b"", **change}
        assert (call.method, call.path, call.query, len(call.headers)) == (
            whole["method"],
            seen_path,
            str(whole["query_string"], "ascii") if isinstance(whole["query_string"], bytes) else "",
            seen_headers,
        )


async def test_what_a_wrapper_adds_to_the_headers_counts_once() -> None:
    double = mockscope.Mockscope(SEED)

    async def wrapping(scope: Scope, receive: Receive, send: Send) -> None:
        scope["headers"].append((b"http-x-email", b"monica@example.com"))
        await double.app(scope, receive, send)

    async with connection(wrapping) as protocol:
        await seen(protocol, *[KNOWN] * 4)
    seen_headers = [[name for name, _ in call.headers] for call in double.calls_since()]
    assert seen_headers == [["host", "http-x-partner-auth", "http-x-email"]] * 4


# -- heads that the parser would not take as they are ----------------------------------------------------------


async def statuses_of(*pieces: bytes) -> tuple[list[str], list[mockscope.Entry]]:
    """The statuses of the answers to what comes in these pieces on one connection, and the calls that were kept."""
    double = mockscope.Mockscope(SEED)
    async with connection(double.app) as protocol:
        for piece in pieces:
            protocol.data_received(piece)
            # Who waits for the rest of a body gets to wait.
            await asyncio.sleep(0)
        await settle(protocol)
        statuses = re.findall(r"HTTP/1.1 (\d+) ", b"".join(said(protocol)).decode("latin-1"))
    return statuses, double.calls_since()


OFFER = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA")
NEW = CREATION.replace(b"m@x.y", b"rachel@example.com")
SEED["sites"][0]["users"][0]["groups"] = ["Administrators", "All Users"]  # type: ignore[index]


@pytest.mark.rule("HTTP-4")
async def test_an_offer_to_upgrade_is_passed_over_wherever_the_request_is_cut() -> None:
    sent = request("POST /api/v1/users", *OFFER, body=NEW)
    for cut in range(1, len(sent)):
        statuses, [call] = await statuses_of(sent[:cut], sent[cut:])
        assert (cut, statuses, call.body, call.header("upgrade")) == (cut, ["201"], NEW, "h2c")


@pytest.mark.rule("HTTP-4")
async def test_an_offer_to_upgrade_is_passed_over_byte_by_byte() -> None:
    sent = request("POST /api/v1/users", *OFFER, body=NEW)
    statuses, [call] = await statuses_of(*[sent[place : place + 1] for place in range(len(sent))])
    assert (statuses, call.body, call.header("upgrade")) == (["201"], NEW, "h2c")


@pytest.mark.rule("HTTP-4")
@pytest.mark.parametrize(
    ("line", "status"), [("GET /api/v1/users", "200"), ("POST /api/v1/teams", "404"), ("PATCH /api/v1/users", "405")]
)
async def test_an_offer_behind_an_answer_that_did_not_wait_for_its_body_is_passed_over(line: str, status: str) -> None:
    # As Java's HttpClient sends: head and body by themselves.
    first, second = request(line, *OFFER, body=b"{}"), request("POST /api/v1/users", *OFFER, body=NEW)
    statuses, calls = await statuses_of(first[:-2], first[-2:], second[: -len(NEW)], NEW)

    assert (statuses, calls[1].body) == ([status, "201"], NEW)


@pytest.mark.rule("GROUP-5")
@pytest.mark.parametrize("cut", range(1, 6))
async def test_raw_utf_8_is_understood_however_the_request_before_it_was_cut(cut: int) -> None:
    before, typed = request("GET /api/v1/groups"), request("GET /api/v1/groups/Équipe")
    for pieces in ([before[:-cut], before[-cut:], typed], [before, typed[:20], typed[20:]], [before + typed]):
        statuses, calls = await statuses_of(*pieces)
        assert (statuses, calls[-1].path) == (["200", "404"], "/api/v1/groups/%C3%89quipe")


async def test_what_looks_like_an_offer_elsewhere_is_left_alone() -> None:
    body = b"up\nUpgrade: h2c\nupg"
    sent = request("PUT /api/v1/users?upgrade:=", "X-Upgrade: a", "X-Other: upgrade: b", body=body)
    for cut in range(1, len(sent)):
        statuses, [call] = await statuses_of(sent[:cut], sent[cut:])
        assert (cut, statuses, call.body, call.query) == (cut, ["400"], body, "upgrade:=")
        assert (call.header("x-upgrade"), call.header("x-other"), call.header("upgrade")) == ("a", "upgrade: b", None)
