"""The sentence of each refusal, and the exception that carries it."""

import copy
import pickle
import string

import pytest

from mockscope import Refusal, Refused
from mockscope._support.text import MAX_SHOWN_CHARS, clip

ALL = list(Refusal)
# Other tests name a refusal and its values; each sentence is asserted here only.
SENTENCES = [
    (Refused(Refusal.AUTH_MISSING), "The Http-X-Partner-Auth header is missing or blank: send <site-host>:<api-key>."),
    (Refused(Refusal.AUTH_REPEATED), "The Http-X-Partner-Auth header is sent more than once, with different values."),
    (Refused(Refusal.AUTH_MALFORMED), "The Http-X-Partner-Auth header has no colon: send <site-host>:<api-key>."),
    (Refused(Refusal.AUTH_SWAPPED), "The Http-X-Partner-Auth header names the key first: send <site-host>:<api-key>."),
    (Refused(Refusal.SITE_UNKNOWN, host="example-site"), "There is no site example-site."),
    (Refused(Refusal.KEY_WRONG, host="example-site"), "The API key is not the key of the site example-site."),
    (
        Refused(Refusal.API_DISABLED, host="example-site"),
        "The User Management API is not enabled on the site example-site.",
    ),
    (
        Refused(Refusal.PATH_UNKNOWN, path="/api/v1/roles"),
        "There is nothing at /api/v1/roles: the API has /api/v1/users and /api/v1/groups.",
    ),
    (
        Refused(Refusal.METHOD_NOT_ALLOWED, method="PATCH", path="/api/v1/roles", allowed="GET, HEAD, POST"),
        "PATCH is not offered at /api/v1/roles: it answers GET, HEAD, POST.",
    ),
    (
        Refused(Refusal.CONTENT_TYPE_WRONG, sent="text/plain"),
        "This site takes a body as application/json only, and the Content-Type is text/plain.",
    ),
    (Refused(Refusal.LINE_TOO_LONG, limit="1048576"), "The request line of the request is longer than 1048576 bytes."),
    (Refused(Refusal.HEAD_TOO_LONG, limit="1048576"), "The head of the request is longer than 1048576 bytes."),
    (Refused(Refusal.BODY_TOO_LARGE, limit="1048576"), "The body is larger than 1048576 bytes."),
    (Refused(Refusal.BODY_MISSING), "The request has no body: send a JSON object."),
    (
        Refused(Refusal.BODY_NOT_JSON, reason="it is nested too deeply"),
        "The body is not valid JSON in UTF-8: it is nested too deeply.",
    ),
    (Refused(Refusal.BODY_NOT_AN_OBJECT, kind="a list"), "The body must be a JSON object, and it is a list."),
    (
        Refused(Refusal.FIELDS_INVALID, problems="name is blank; access is missing"),
        "The request has invalid fields: name is blank; access is missing.",
    ),
    (Refused(Refusal.EMAIL_MISSING), "The Http-X-Email header is missing: it names the user."),
    (Refused(Refusal.EMAIL_BLANK), "The Http-X-Email header is blank: it names the user."),
    (Refused(Refusal.EMAIL_REPEATED), "The Http-X-Email header is sent more than once, with different values."),
    (
        Refused(Refusal.USER_UNKNOWN, host="example-site", email="joey@example.com"),
        "No user of the site example-site has the email joey@example.com.",
    ),
    (
        Refused(Refusal.GROUPS_UNKNOWN, host="example-site", names="Friends, Zoo"),
        "The site example-site has no group Friends, Zoo.",
    ),
    (
        Refused(Refusal.INVITER_UNKNOWN, host="example-site", email="joey@example.com"),
        "invited_by_email names no user of the site example-site: joey@example.com.",
    ),
    (
        Refused(Refusal.INVITER_NOT_ADMINISTRATOR, email="joey@example.com"),
        "joey@example.com may not create users: not a member of Administrators.",
    ),
    (Refused(Refusal.EMAIL_TAKEN, email="joey@example.com"), "A user with the email joey@example.com exists already."),
    (
        Refused(Refusal.GROUP_UNKNOWN, host="example-site", name="Friends"),
        "The site example-site has no group Friends.",
    ),
    (
        Refused(Refusal.CREATOR_UNKNOWN, field="create_by_email", host="example-site", email="joey@example.com"),
        "create_by_email names no user of the site example-site: joey@example.com.",
    ),
    (
        Refused(Refusal.CREATOR_NOT_ADMINISTRATOR, email="joey@example.com"),
        "joey@example.com may not create groups: not a member of Administrators.",
    ),
    (Refused(Refusal.GROUP_TAKEN, name="Friends"), "A group with the name Friends exists already."),
    (Refused(Refusal.BUILTIN_RENAMED, name="Friends"), "The group Friends is built in and can't be renamed."),
    (Refused(Refusal.BUILTIN_DELETED, name="Friends"), "The group Friends is built in and can't be deleted."),
    (
        Refused(Refusal.OWNER_UNKNOWN, host="example-site", email="joey@example.com"),
        "The owner is not a user of the site example-site: joey@example.com.",
    ),
    (
        Refused(Refusal.DASHBOARD_UNKNOWN, host="example-site", name="Revenue"),
        "The site example-site has no dashboard Revenue.",
    ),
    (Refused(Refusal.DASHBOARD_TAKEN, name="Friends"), "A dashboard with the name Friends exists already."),
    (
        Refused(Refusal.FUNCTION_FAILED, problem="the function of fault-1 raised KeyError"),
        "A planned fault failed: the function of fault-1 raised KeyError.",
    ),
    (Refused(Refusal.CRASHED), "mockscope crashed on this request: the log has the trace. Please report it."),
]


def places(refusal: Refusal) -> list[str]:
    return [name for _, name, _, _ in string.Formatter().parse(refusal.template) if name]


def filled(refusal: Refusal) -> Refused:
    return Refused(refusal, **{name: f"<{name}>" for name in places(refusal)})


@pytest.mark.parametrize(("refused", "message"), SENTENCES, ids=[refused.refusal.name for refused, _ in SENTENCES])
def test_each_refusal_has_its_sentence(refused: Refused, message: str) -> None:
    assert refused.message == message


def test_the_table_of_sentences_has_every_refusal() -> None:
    assert [refused.refusal for refused, _ in SENTENCES] == ALL


@pytest.mark.parametrize("refusal", ALL, ids=lambda refusal: refusal.name)
def test_every_template_is_one_sentence_with_every_place_filled(refusal: Refusal) -> None:
    refused = filled(refusal)

    assert refused.message.endswith(".")
    assert "\n" not in refused.message
    assert [name for name in places(refusal) if f"<{name}>" not in refused.message] == []
    assert "{" not in refused.message
    assert str(refused) == f"{refusal.status} {refused.message} [{refusal.rule}]"
    assert repr(refused) == f"<Refused {refusal.name} {refused}>"


@pytest.mark.parametrize("refusal", ALL, ids=lambda refusal: refusal.name)
def test_a_refusal_survives_pickling_and_copying(refusal: Refusal) -> None:
    refused = Refused(refusal, rule="USER-GET-1", **{name: f"<{name}>" for name in places(refusal)})

    for again in (pickle.loads(pickle.dumps(refused)), copy.copy(refused), copy.deepcopy(refused)):
        assert (again.refusal, again.rule, again.values) == (refusal, "USER-GET-1", refused.values)
        assert str(again) == str(refused)


def test_statuses_are_those_of_the_contract() -> None:
    by_status: dict[int, list[str]] = {}
    for refusal in ALL:
        by_status.setdefault(refusal.status, []).append(refusal.name)

    assert set(by_status) == {400, 403, 404, 405, 409, 413, 414, 431, 500}
    auth = ["AUTH_MISSING", "AUTH_REPEATED", "AUTH_MALFORMED", "AUTH_SWAPPED"]
    assert by_status[403] == [*auth, "SITE_UNKNOWN", "KEY_WRONG"]
    assert by_status[404] == ["API_DISABLED", "PATH_UNKNOWN", "GROUP_UNKNOWN", "DASHBOARD_UNKNOWN"]
    assert by_status[405] == ["METHOD_NOT_ALLOWED"]
    assert by_status[409] == ["EMAIL_TAKEN", "GROUP_TAKEN", "DASHBOARD_TAKEN"]
    assert by_status[413] == ["BODY_TOO_LARGE"]
    assert by_status[500] == ["FUNCTION_FAILED", "CRASHED"]


def test_the_raising_code_may_name_a_more_specific_rule() -> None:
    values = {"host": "example-site", "email": "monica@example.com"}

    assert Refused(Refusal.USER_UNKNOWN, **values).rule == "USER-GET-1"
    assert Refused(Refusal.USER_UNKNOWN, rule="USER-DELETE-1", **values).rule == "USER-DELETE-1"


def test_a_value_with_braces_is_repeated_as_it_was_sent() -> None:
    refused = Refused(Refusal.GROUP_TAKEN, name="{host} {0} {{}} %s")

    assert refused.message == "A group with the name {host} {0} {{}} %s exists already."


@pytest.mark.parametrize(
    ("text", "short"),
    [("", ""), ("abc", "abc"), ("abcd", "ab…"), ("ééé", "ééé")],
)
def test_a_text_longer_than_asked_for_is_cut_with_an_ellipsis(text: str, short: str) -> None:
    assert clip(text, 3) == short


def test_a_long_value_is_cut_in_the_message_and_whole_in_the_values() -> None:
    name = "x" * (MAX_SHOWN_CHARS + 1)

    refused = Refused(Refusal.GROUP_TAKEN, name=name)

    assert refused.message == f"A group with the name {'x' * (MAX_SHOWN_CHARS - 1)}… exists already."
    assert refused.values == {"name": name}
    whole = Refused(Refusal.GROUP_TAKEN, name=name[:-1])
    assert whole.message == f"A group with the name {'x' * MAX_SHOWN_CHARS} exists already."
