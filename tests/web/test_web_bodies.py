"""HTTP-4 and HTTP-7: valid and invalid bodies. No body causes a 500."""

import json
import re
from bisect import bisect_left

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.web_client import FRIENDS, GROUPS, PHOEBE, USERS, Client, page_site, refusal_body

from mockscope import Refusal

# A busy machine must not fail a test.
unhurried = settings(deadline=None)

NOT_JSON = refusal_body(Refusal.BODY_NOT_JSON, reason="")["message"].removesuffix(".")


@pytest.fixture
def client() -> Client:
    return page_site()


@pytest.mark.rule("HTTP-4")
@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "",
        "application/json",
        "application/json; charset=utf-8",
        "application/x-www-form-urlencoded",
        "text/plain; charset=latin-1",
        "multipart/form-data; boundary=x",
        "nonsense",
    ],
)
def test_a_body_is_parsed_whatever_its_content_type(client: Client, content_type: str | None) -> None:
    headers = {} if content_type is None else {"Content-Type": content_type}

    assert client.post(USERS, PHOEBE, headers=headers).status == 201


@pytest.mark.rule("HTTP-4")
def test_the_last_of_two_equal_keys_wins(client: Client) -> None:
    response = client.put(
        USERS, '{"first_name": 1, "first_name": "Joe", "first_name": "Joseph"}', email="joey@example.com"
    )

    assert (response.status, response.json()["first_name"]) == (200, "Joseph")


@pytest.mark.rule("HTTP-4")
@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ("null", "null"),
        ("true", "true or false"),
        ("7", "a number"),
        ("-1.5e3", "a number"),
        ('"Phoebe"', "a string"),
        ("[]", "a list"),
        (json.dumps([PHOEBE]), "a list"),
    ],
)
def test_json_that_is_not_an_object_is_400_and_the_message_names_its_type(client: Client, body: str, kind: str) -> None:
    for path in (USERS, GROUPS):
        response = client.post(path, body)

        assert (response.status, response.json()) == (
            400,
            refusal_body(Refusal.BODY_NOT_AN_OBJECT, kind=kind),
        )


@pytest.mark.rule("HTTP-4")
@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b'{"a": 1,}', "Illegal trailing comma before end of object at line 1, column 8"),
        (b'{\n  "a": [\n    1,\n  ]\n}', "Illegal trailing comma before end of array at line 3, column 6"),
        ("{\u201ca\u201d: 1}".encode(), "Expecting property name enclosed in double quotes at line 1, column 2"),
        (b"{'a': 1}", "Expecting property name enclosed in double quotes at line 1, column 2"),
        (b"{a: 1}", "Expecting property name enclosed in double quotes at line 1, column 2"),
        (b'{"a": 1', "Expecting ',' delimiter at line 1, column 8"),
        (b'{"a" 1}', "Expecting ':' delimiter at line 1, column 6"),
        (b'{"a": "b', "Unterminated string starting at line 1, column 7"),
        (b"{} {}", "Extra data at line 1, column 4"),
        (b"{} // done", "Extra data at line 1, column 4"),
        (b" \n\t ", "Expecting value at line 2, column 3"),
        (b"\x00", "Expecting value at line 1, column 1"),
        (b"first_name=Phoebe", "Expecting value at line 1, column 1"),
        (b"\xef\xbb\xbf{}", "Unexpected UTF-8 BOM (decode using utf-8-sig) at line 1, column 1"),
        (b'{"a": "\xe9"}', "byte 7 is not UTF-8"),
        (b'{"a": "\xed\xa0\x80"}', "byte 7 is not UTF-8"),
        ('{"a": 1}'.encode("utf-16"), "byte 0 is not UTF-8"),
        (b'{"a": "\n"}', "Invalid control character at line 1, column 8"),
        (b'{"a": "\\x"}', "Invalid \\escape at line 1, column 8"),
        (b'{"a": 01}', "Expecting ',' delimiter at line 1, column 8"),
    ],
)
def test_invalid_json_is_400_and_the_message_has_the_position(client: Client, body: bytes, reason: str) -> None:
    response = client.post(USERS, body)

    assert (response.status, response.json()) == (400, refusal_body(Refusal.BODY_NOT_JSON, reason=reason))


# The standard library's parser lets these pass, JSON does not.
@pytest.mark.rule("HTTP-4")
@pytest.mark.parametrize(
    "value", ["NaN", "Infinity", "-Infinity", '"\\ud800"', '"\\udc00\\ud800"', '"\\ud800x"', '"\\ud83d\\u0041"']
)
def test_json_that_only_lax_parsers_accept_is_400_and_the_message_has_the_position(client: Client, value: str) -> None:
    for body in (f'{{"first_name": {value}}}', f'{{"nickname": {value}}}', f'{{"groups": [{value}]}}'):
        response = client.post(USERS, body)

        assert response.status == 400
        message = response.json()["message"]
        assert message.startswith(NOT_JSON)
        assert re.search(r"line \d+, column \d+|byte \d+", message), message


# Whole by the grammar, and more than most parsers care to read.
HUGE_NUMBERS = ["1" * 18, "1" * 20, "1" * 300, "1" * 5000, f"-{'1' * 5000}", "1e308", "1e999", "-1e999", "1e-999"]


@pytest.mark.rule("HTTP-4", "HTTP-7")
@pytest.mark.parametrize("number", HUGE_NUMBERS, ids=lambda number: f"{number[:6]} {len(number)}")
def test_a_huge_number_is_a_number(client: Client, number: str) -> None:
    sent = json.dumps(PHOEBE)[:-1]

    known, unknown = (
        client.post(USERS, f'{sent}, "first_name": {number}}}'),
        client.post(USERS, f'{sent}, "x": {number}}}'),
    )
    broken = client.post(USERS, f'{{"x": {number},}}')

    assert (known.status, known.json()) == (
        400,
        refusal_body(Refusal.FIELDS_INVALID, problems="first_name must be a string, and is a number"),
    )
    assert (unknown.status, unknown.hint) == (201, "field-unknown")
    assert (broken.status, broken.hint) == (400, "json-trailing-comma")


@pytest.mark.rule("HTTP-4")
@pytest.mark.parametrize("value", ['"\\ud83d\\ude00"', '"😀"', '"\\\\ud800"'])
def test_characters_are_decoded_from_any_escape(client: Client, value: str) -> None:
    response = client.put(USERS, f'{{"first_name": {value}, "x": 1e999}}', email="joey@example.com")

    assert (response.status, response.json()["first_name"]) == (200, json.loads(value))


@pytest.mark.rule("HTTP-4")
def test_an_escaped_backslash_is_not_reported_as_half_a_surrogate_pair(client: Client) -> None:
    response = client.post(USERS, r'{"a": "\\ud800", "b": "\ud800"}')

    assert response.status == 400
    assert "byte 23" in response.json()["message"]


@pytest.mark.rule("HTTP-4")
@pytest.mark.parametrize(
    "body",
    [
        "[" * 100_000,
        '{"a":' * 100_000,
        "[" * 100_000 + "]" * 100_000,
        '{"groups":' + "[" * 100_000 + "]" * 100_000 + "}",
    ],
    ids=["open lists", "open objects", "lists", "groups"],
)
def test_deep_nesting_is_400(client: Client, body: str) -> None:
    response = client.post(USERS, body)

    assert (response.status, response.json()) == (
        400,
        refusal_body(Refusal.BODY_NOT_JSON, reason="it is nested too deeply"),
    )


@pytest.mark.rule("HTTP-4", "HTTP-7", "TEST-4")
def test_a_body_is_either_written_or_refused_however_deeply_it_is_nested() -> None:
    client = page_site()
    expected: dict[str, int] = {}

    def status_of(depth: int) -> int:
        if str(depth) in expected:
            return expected[str(depth)]
        # More colons than fields: whether a name was repeated is looked at as well.
        deep = b'"x:y": ' + b"[" * depth + b"]" * depth
        fields = b'"name": "%d", "access": "View", "created_by_email": "monica@example.com", ' % depth
        expected[str(depth)] = client.post(GROUPS, b"{" + fields + deep + b"}").status
        return expected[str(depth)]

    # How deep can be read is the interpreter's.
    too_deep = bisect_left(range(100_000), 400, key=status_of)
    for depth in range(max(1, too_deep - 200), too_deep + 200):
        status_of(depth)

    assert set(expected.values()) == {201, 400}
    written = {name for name, status in expected.items() if status == 201}
    assert {name for name in client.site.groups if name.isdigit()} == written


@pytest.mark.rule("HTTP-4")
def test_nesting_that_can_be_read_is_judged_as_a_value(client: Client) -> None:
    response = client.put(USERS, f'{{"groups": {"[" * 300 + "]" * 300}}}', email="joey@example.com")

    assert (response.status, response.json()) == (
        400,
        refusal_body(Refusal.FIELDS_INVALID, problems="groups must be a list of strings"),
    )


@pytest.mark.rule("HTTP-4")
def test_a_message_cuts_long_values(client: Client) -> None:
    found = [
        client.post(USERS, {**PHOEBE, "groups": ["x" * 100_000]}),
        client.post(USERS, {**PHOEBE, "invited_by_email": "x" * 100_000}),
        client.post(GROUPS, {**FRIENDS, "created_by_email": "x" * 100_000}),
        client.get(USERS, email="x" * 10_000),
        client.get("/" + "x" * 10_000),
    ]

    assert [response.status for response in found] == [400, 400, 400, 400, 404]
    assert max(len(response.body) for response in found) < 500


@pytest.mark.rule("HTTP-4")
@unhurried
@given(body=st.binary(max_size=40) | st.text(st.sampled_from('{}[]",:\\u0d8e1.- tfn\n'), max_size=12).map(str.encode))
def test_no_body_crashes_the_server(body: bytes) -> None:
    response = CLIENT.post(USERS, body)

    assert response.status == 400
    assert list(response.json()) == ["message"]


# Every example is refused, so that one site serves them all.
CLIENT = page_site()


@pytest.mark.rule("HTTP-7")
def test_an_unknown_field_is_ignored_and_reported_as_a_hint(client: Client) -> None:
    found = [
        client.post(USERS, {**PHOEBE, "role": "Viewer"}),
        client.put(USERS, {"first_nam": "Regina"}, email="phoebe@example.com"),
        client.post(GROUPS, {**FRIENDS, "members": ["phoebe@example.com"]}),
        client.put(f"{GROUPS}/Friends", {"acces": "view"}),
    ]

    assert [(response.status, response.hint) for response in found] == [
        (201, "field-unknown"),
        (200, "field-unknown"),
        (201, "field-unknown"),
        (200, "field-unknown"),
    ]
    assert client.site.groups["Friends"].access == "Sql"


@pytest.mark.rule("HTTP-7")
def test_an_email_can_not_be_changed(client: Client) -> None:
    response = client.put(USERS, {"email": "regina@example.com"}, email="joey@example.com")

    assert (response.status, response.json()["email"], response.hint) == (200, "joey@example.com", "email-unchangeable")
    assert "regina@example.com" not in client.site.users


@pytest.mark.rule("HTTP-7")
@pytest.mark.parametrize("field", ["last_login_at", "password_updated_at", "tfa_enabled"])
def test_fields_that_only_the_service_sets_are_ignored(client: Client, field: str) -> None:
    response = client.post(USERS, {**PHOEBE, field: "2014-02-06T23:46:07.118Z"})

    assert (response.status, response.hint) == (201, "field-unknown")
    user = response.json()
    assert (user["last_login_at"], user["password_updated_at"], user["tfa_enabled"]) == (None, None, False)


@pytest.mark.parametrize("string", [b'\\"' * 500_000, b"\\" * 1_000_000, b"\\" * 999_999])
def test_an_unclosed_long_string_is_scanned_once(client: Client, string: bytes) -> None:
    # Looked for from each quote in it, its end would take hours.
    response = client.post(USERS, b'{"first_name": "' + string)

    assert (response.status, response.hint) == (400, "json-malformed")


@pytest.mark.parametrize("repeated", [b'"x": 0', b'"groups": []'])
def test_a_repeated_name_among_many_is_found_in_linear_time(client: Client, repeated: bytes) -> None:
    names = b", ".join(b'"%x": 0' % number for number in range(60_000))
    response = client.put(USERS, b"{%b, %b, %b}" % (names, repeated, repeated), email="joey@example.com")

    assert (response.status, response.hint) == (200, "field-unknown")


def test_a_repeated_group_among_many_is_found_in_linear_time(client: Client) -> None:
    client.site.set_policy(unknown_groups="ignore")
    groups = [f"{number:x}" for number in range(60_000)]
    response = client.put(USERS, {"groups": [*groups, "Sales", "Sales"]}, email="joey@example.com")

    assert (response.status, response.hint) == (200, "group-repeated")
