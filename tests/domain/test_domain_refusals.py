"""Refused: one exception, its sentence, and its way through a pickle."""

import copy
import pickle
import string

import pytest

from mockscope._support.text import MAX_SHOWN_CHARS, clip
from mockscope.domain.refusals import Refusal, Refused

ALL = list(Refusal)


def places(refusal: Refusal) -> list[str]:
    return [name for _, name, _, _ in string.Formatter().parse(refusal.template) if name]


def filled(refusal: Refusal) -> Refused:
    return Refused(refusal, **{name: f"<{name}>" for name in places(refusal)})


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
    assert by_status[404] == ["API_DISABLED", "PATH_UNKNOWN", "GROUP_UNKNOWN"]
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
