"""Keys are redacted in every part of a request."""

import base64
import gc
import json
import logging
from threading import Thread
from typing import Any
from urllib.parse import quote

import pytest
from support.callers import GROUPS, PHOEBE, USERS, Headers, send

from mockscope import Call, LiveServer, report
from mockscope.instruments.packed_headers import encode_headers
from mockscope.instruments.redaction import Redactor
from mockscope.instruments.request_log import full_text, json_line

AUTH = "Http-X-Partner-Auth"
PAGE_KEY = "e179017a-62b0-4996-8a38-e91aa9f1"
OWN_KEY = "my+secret/key"
ODD_KEY = 'ab/cd+ef=gh12"x\\y'
KEYS = [PAGE_KEY, OWN_KEY, ODD_KEY]
ADMIN = {"Http-X-Email": "admin@example.com"}


def everything_shown(server: LiveServer) -> str:
    """Return all output of mockscope about the calls of a server and its sites."""
    journals = [server.calls, *(site.calls for site in server.sites.values())]
    calls = [call for call_log in journals for call in call_log]
    shown: list[object] = [text for call_log in journals for text in (call_log.to_har(), repr(call_log))]
    shown += [json.dumps(call.as_dict()) for call in calls] + [repr(call) for call in calls]
    shown += [call.__rich_repr__() for call in calls]
    shown += [full_text(call) + json_line(call) for call in calls] + [report(calls)]
    names = [name for name in dir(Call) if not name.startswith("_")]
    shown += [getattr(call, name) for call in calls for name in names if not callable(getattr(Call, name, None))]
    return "\n".join(str(each) for each in shown)


Way = tuple[str, str, Headers, Any]


def ways(key: str) -> dict[str, Way]:
    """Return requests with a key in each place: method, target, headers, body."""
    good = {AUTH: f"example-site:{key}"}
    encoded = quote(key, safe="")
    throughout = "".join(f"%{ord(character):02x}" for character in key)
    return {
        "where it belongs": ("GET", USERS, good, None),
        "with blanks": ("GET", USERS, {AUTH: f" example-site: {key} "}, None),
        "alone": ("GET", USERS, {AUTH: key}, None),
        "in angle brackets": ("GET", USERS, {AUTH: f"<example-site>:<{key}>"}, None),
        "before the host": ("GET", USERS, {AUTH: f"{key}:example-site"}, None),
        "before another host": ("GET", USERS, {AUTH: f"{key}:example_site"}, None),
        "X-Partner-Auth": ("GET", USERS, {"X-Partner-Auth": f"example-site:{key}"}, None),
        "Authorization": ("GET", USERS, {"Authorization": f"example-site:{key}"}, None),
        "Bearer": ("GET", USERS, {"Authorization": f"Bearer {key}"}, None),
        "X-Api-Key": ("GET", USERS, {"X-Api-Key": key}, None),
        "Cookie": ("GET", USERS, {"Cookie": f"key={key}; other=1"}, None),
        "any header": ("GET", USERS, good | {"Referer": f"http://example.com/?key={key}"}, None),
        "email": ("GET", USERS, good | {"Http-X-Email": key}, None),
        "query": ("GET", f"{USERS}?api_key=example-site%3A{encoded}", good, None),
        "query as it is": ("GET", f"{USERS}?next_page_start={key}", good, None),
        "query encoded throughout": ("GET", f"{USERS}?api_key={throughout}", good, None),
        "name in a query": ("GET", f"{USERS}?{throughout}=1", good, None),
        "query alone": ("GET", f"{USERS}?auth={encoded}", {}, None),
        "test mode": ("DELETE", f"{GROUPS}/Sales?test_mode={encoded}", good, None),
        "path": ("GET", f"/api/v1/{encoded}", good, None),
        "group": ("GET", f"{GROUPS}/{encoded}", good, None),
        "body": ("POST", USERS, good, PHOEBE | {"first_name": key}),
        "email in the body": ("POST", USERS, good, PHOEBE | {"invited_by_email": f"{key}@example.com"}),
        "field": ("PUT", USERS, good | ADMIN, {key: 1}),
        "groups": ("PUT", USERS, good | ADMIN, {"groups": [key]}),
        "body that is not JSON": ("POST", USERS, good, key.encode()),
        "body that is refused unread": ("POST", USERS, {}, {"key": key}),
    }


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("way", list(ways("")))
def test_a_key_is_redacted_in_every_part_of_a_request(way: str, key: str, server: LiveServer) -> None:
    site = server.site("example-site", key)
    site.add_group("Sales")

    response = send(server.url, *ways(key)[way])

    shown = everything_shown(server)
    in_json = json.dumps(key)[1:-1]
    assert [hidden for hidden in (key, quote(key, safe=""), in_json) if hidden in shown] == []
    # A user or a group that was made with such a name is the client's own; of a refusal the words are ours.
    assert response.status < 400 or key not in response.body.decode()


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        (AUTH, f"example-site:{PAGE_KEY}", "example-site:…a9f1"),
        (AUTH, f"example:space:{PAGE_KEY}", "example:space:…a9f1"),
        (AUTH, f"<example-site:{PAGE_KEY}>", "<example-site:…9f1>"),
        (AUTH, PAGE_KEY, "…a9f1"),
        (AUTH, f"{PAGE_KEY}:example-site", "…a9f1:…site"),
        (AUTH, "example-site:short", "example-site:…"),
        (AUTH, "example-site:", "example-site:"),
        (AUTH, "", ""),
        ("X-Partner-Auth", "example-site:twelve-chars", "example-site:…hars"),
        ("Authorization", f"Bearer {PAGE_KEY}", "Bearer …a9f1"),
        ("Authorization", "Basic " + base64.b64encode(b"example-site:short-key").decode(), "Basic …eQ=="),
        ("Authorization", 'Digest username="joey", response="0123456789abcdef"', 'Digest …def"'),
        ("Authorization", "two words", "two …"),
        ("Authorization", f"{PAGE_KEY} {PAGE_KEY}", "…a9f1"),
        ("Cookie", "session=0123456789; csrf=abcdef", "…cdef"),
        ("X-Api-Key", "k3y", "…"),
        ("Accept", "*/*", "*/*"),
        ("X-Request-Id", "e179017a-62b0-4996-8a38-e91aa9f1c0de", "e179017a-62b0-4996-8a38-e91aa9f1c0de"),
    ],
)
def test_a_credential_is_shown_as_its_host_and_last_four_characters(name: str, value: str, shown: str) -> None:
    call = Call("1", "GET", USERS, "", encode_headers([(name.lower().encode(), value.encode())]))

    assert (call.headers, call.header(name)) == ([(name.lower(), shown)], shown)


def test_a_rotated_key_is_still_redacted(server: LiveServer) -> None:
    site = server.site("example-site", "the-first-key-of-all")
    send(server.url, "GET", f"{USERS}?key={site.api_key}", site.headers)
    site.rotate_key("the-second-key")
    send(server.url, "GET", f"{USERS}?key=the-second-key", site.headers)

    assert [call.query for call in site.calls] == ["key=…-all", "key=…-key"]


def test_a_key_of_another_site_is_redacted(server: LiveServer) -> None:
    site, other = server.site("example-site"), server.site("another-site", "key-of-another-site")
    send(server.url, "GET", f"{USERS}?key={other.api_key}", site.headers)

    assert site.calls.last.params == {"key": "…site"}


@pytest.mark.parametrize("more", ["a", "abcd", "0123-4567"])
def test_a_known_key_is_redacted_when_more_digits_follow(more: str, server: LiveServer) -> None:
    site = server.site("example-site", PAGE_KEY)

    response = send(server.url, "GET", f"{GROUPS}/{PAGE_KEY}{more}", site.headers)

    shown = everything_shown(server)
    assert (response.status, PAGE_KEY in response.body.decode(), PAGE_KEY in shown) == (404, False, False)
    assert site.calls.last.group == f"…a9f1{more}"


@pytest.mark.parametrize("key", KEYS)
def test_a_key_among_criteria_is_redacted_in_messages(key: str, server: LiveServer) -> None:
    site = server.site("example-site", key)
    site.add_group("Sales")
    site.faults.add("create_group", status=503, where={"json": {"name": key}})
    send(server.url, "GET", f"{GROUPS}/Sales", site.headers)
    # Cut where the key is, it would not be recognised.
    long = "x" * 190 + key

    with pytest.raises(AssertionError) as failed:
        site.calls.assert_called("get_group", group=key, params={"a": long}, json={key: {key: key}})
    with pytest.raises(AssertionError) as unused:
        site.faults.assert_all_used()

    shown = [
        repr(site.faults),
        *map(repr, site.faults),
        repr(site.calls.matching(group=key)),
        *map(str, site.findings()),
    ]
    assert [text for text in (*shown, str(failed.value), str(unused.value)) if key[:6] in text] == []


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ({"name": ODD_KEY}, {"name": '…"x\\y'}),
        ({"groups": [ODD_KEY, 5, None, [ODD_KEY]]}, {"groups": ['…"x\\y', 5, None, ['…"x\\y']]}),
        ({ODD_KEY: True}, {'…"x\\y': True}),
        ([], []),
    ],
)
def test_a_redacted_body_is_still_json(sent: object, shown: object, server: LiveServer) -> None:
    site = server.site("example-site", ODD_KEY)
    for body in (json.dumps(sent), json.dumps(sent).replace("/", r"\/")):
        send(server.url, "POST", GROUPS, site.headers, body.encode())

    for call in site.calls:
        assert (call.json, json.loads(call.body or b"")) == (shown, shown)


def test_a_body_of_the_greatest_readable_depth_is_shown() -> None:
    redactor = Redactor()
    data = json.loads("[" * 900 + f'"{PAGE_KEY}"' + "]" * 900)

    shown = redactor.redact_json(data)

    for _ in range(900):
        [shown] = shown
    assert shown == "…a9f1"


def test_a_key_is_redacted_while_the_call_is_open() -> None:
    call = Call("1", "POST", f"{GROUPS}/{PAGE_KEY}", f"key={PAGE_KEY}")
    call.body = PAGE_KEY.encode()

    assert (call.path, call.query, call.body) == (f"{GROUPS}/…a9f1", "key=…a9f1", "…a9f1".encode())


def test_a_function_that_fails_does_not_log_a_key(server: LiveServer, caplog: pytest.LogCaptureFixture) -> None:
    def fail(call: Call, response: object) -> None:
        raise RuntimeError("out of coffee")

    site = server.site("example-site", PAGE_KEY)
    site.faults.add("get_group", action=fail)
    with caplog.at_level(logging.DEBUG):
        send(server.url, "GET", f"{GROUPS}/{PAGE_KEY}", site.headers)
        assert site.calls.last.status == 500

    assert [record.getMessage() for record in caplog.records if record.name == "mockscope"] == [
        f"the function of fault-1 failed on GET {GROUPS}/…a9f1"
    ]


@pytest.mark.parametrize(
    "text",
    [
        "phoebe@example.com",
        "01234567-89ab-cdef-0123-456789abcdef",
        "2014-02-06T23:46:07.118Z, 2014-02-06T23:46:07.118Z",
        "word short words",
    ],
)
def test_a_text_that_does_not_have_the_form_of_a_key_is_not_redacted(text: str) -> None:
    redactor = Redactor()
    redactor.add_key("word")

    assert (redactor(text), redactor.redact_bytes(text.encode())) == (text, text.encode())


def test_bytes_that_are_not_text_are_unchanged_around_a_key() -> None:
    assert Redactor().redact_bytes(b"\xff" + PAGE_KEY.encode() + b"\x00\xfe") == b"\xff\xe2\x80\xa6a9f1\x00\xfe"


def test_a_redactor_hides_every_key_that_it_knows() -> None:
    redactor = Redactor()
    redactor.add_key("my+secret/key")

    assert repr(redactor) == "<Redactor that knows 3 spellings of keys>"


@pytest.mark.parametrize("key", [PAGE_KEY, "My-Own-Secret-Key"])
def test_a_key_as_the_name_of_a_header_is_redacted(server: LiveServer, key: str) -> None:
    site = server.site("example-site", key)
    send(server.url, "GET", USERS, site.headers | {key: "1"})
    send(server.url, "GET", USERS, {key: "1"})

    assert key.lower() not in everything_shown(server).lower()
    assert (f"…{key[-4:].lower()}", "1") in site.calls.last.headers


@pytest.mark.parametrize("host", ["example_site", "example_site:space"])
def test_a_short_key_in_the_place_of_the_host_is_redacted_in_call_and_response(server: LiveServer, host: str) -> None:
    server.site(host, "secret")

    response = send(server.url, "GET", USERS, {AUTH: f"secret:{host}"})

    assert (response.status, response.headers["x-mockscope-hint"]) == (403, "auth-swapped")
    assert "secret" not in response.body.decode() + everything_shown(server)


@pytest.mark.parametrize("made_up", [False, True])
def test_the_control_token_is_redacted_like_a_key(monkeypatch: pytest.MonkeyPatch, *, made_up: bool) -> None:
    monkeypatch.setattr("mockscope.web.control.access.is_loopback", lambda address: not made_up)
    with LiveServer(control_token=None if made_up else "sesame-control-token") as server:
        token = str(server.control_token)
        site = server.site()
        headers = site.headers | {"X-Token": token, "Authorization": f"Bearer {token}"}
        send(server.url, "GET", f"/api/v1/{token}?token={token}", headers)

        assert token not in everything_shown(server)


def test_a_key_is_redacted_as_long_as_a_site_or_a_call_has_it() -> None:
    redactor = Redactor()
    for _ in range(2):
        redactor.add_key(OWN_KEY)
    redactor.remove_key(OWN_KEY)
    assert OWN_KEY not in redactor(OWN_KEY)

    redactor.remove_key(OWN_KEY)
    assert redactor(OWN_KEY) == OWN_KEY


def test_a_key_may_be_removed_while_another_is_added() -> None:
    redactor = Redactor()
    redactor.add_key(OWN_KEY)
    removed = [OWN_KEY]

    class CollectedKey(str):
        """A key whose length is read in the middle of `learn`, when the garbage collector may finalize a site."""

        __slots__ = ()

        def __len__(self) -> int:
            while removed:
                redactor.remove_key(removed.pop())
            return super().__len__()

    learning = Thread(target=redactor.add_key, args=(CollectedKey(ODD_KEY),), daemon=True)
    learning.start()
    learning.join(300)

    assert (learning.is_alive(), redactor(OWN_KEY)) == (False, OWN_KEY)


def test_the_keys_of_a_site_are_forgotten_with_its_last_call(
    server: LiveServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The plugin keeps the latest calls of the test that runs.
    monkeypatch.setattr("mockscope.instruments.call_log.CALL_OBSERVERS", [])
    site = server.site("example-site", OWN_KEY)
    site.rotate_key(ODD_KEY)
    send(server.url, "GET", f"{USERS}?a={quote(OWN_KEY, safe='')}&b={quote(ODD_KEY, safe='')}", site.headers)
    call = site.calls.last
    site.remove()
    del site
    gc.collect()
    assert not {OWN_KEY, ODD_KEY} & set(call.params.values())

    del call
    gc.collect()
    assert [server.registry.redactor(key) for key in (OWN_KEY, ODD_KEY)] == [OWN_KEY, ODD_KEY]
