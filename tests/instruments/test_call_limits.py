"""The limits of stored and shown calls: the last value within each limit, and the first one beyond."""

import pytest

from mockscope import Call, Clock, report
from mockscope._support.text import clip
from mockscope.instruments import call_log as calls_module
from mockscope.instruments.call import MAX_BODY_BYTES
from mockscope.instruments.call_log import MAX_SEQUENCE_CALLS, MIN_COUNTED_BYTES, CallLog
from mockscope.instruments.matching import MAX_DIFFERENCES, MAX_VALUE_CHARS
from mockscope.instruments.redaction import MIN_SEARCHED_CHARS, MIN_SHOWN_CHARS, Redactor, mask
from mockscope.instruments.report import MAX_BODY_CHARS, MAX_SHOWN_CALLS

USERS = "/api/v1/users"


def call_of(number: int = 0, *, status: int = 201, body: bytes = b"{}", response: bytes = b"") -> Call:
    call = Call(str(number), "POST", USERS, number=number)
    call.operation = "create_user"
    call.body = body
    call.store_response(status, [], response)
    return call


def call_log_of(*calls: Call) -> CallLog:
    call_log = CallLog("the site example-site", Clock())
    for call in calls:
        call_log.open(call)
        call_log.close(call)
    return call_log


@pytest.mark.parametrize(("text", "shown"), [("abcd", "abcd"), ("abcde", "abc…")])
def test_a_text_is_cut_to_its_limit(text: str, shown: str) -> None:
    assert clip(text, 4) == shown


# -- the report of a failed test -------------------------------------------------------------------------------


def test_a_report_says_how_many_calls_it_omits() -> None:
    calls = [call_of(number) for number in range(MAX_SHOWN_CALLS + 1)]

    assert report(calls[1:]).count("create_user") == MAX_SHOWN_CALLS
    assert "earlier" not in report(calls[1:])
    assert report(calls).splitlines()[0] == "(1 earlier calls are not shown)"


@pytest.mark.parametrize(("status", "is_shown"), [(399, False), (400, True)])
def test_a_report_shows_the_body_of_a_refused_request(*, status: int, is_shown: bool) -> None:
    assert ("sent: {}" in report([call_of(status=status)])) is is_shown


def test_a_report_cuts_a_long_body() -> None:
    whole, longer = b"x" * MAX_BODY_CHARS, b"x" * (MAX_BODY_CHARS + 1)

    assert report([call_of(status=400, body=whole)]).endswith(f"sent: {whole.decode()}")
    assert report([call_of(status=400, body=longer)]).endswith(f"sent: {whole.decode()}… ({MAX_BODY_CHARS + 1} bytes)")


# -- failed assertions -----------------------------------------------------------------------------------------


def complaint(call_log: CallLog, **criteria: object) -> list[str]:
    with pytest.raises(AssertionError) as caught:
        call_log.assert_called("create_user", **criteria)  # type: ignore[arg-type]
    return str(caught.value).splitlines()


@pytest.mark.parametrize(("fields", "last"), [(MAX_DIFFERENCES, "nothing"), (MAX_DIFFERENCES + 1, "... and 1 more")])
def test_the_differences_of_a_call_are_limited(fields: int, last: str) -> None:
    body = ", ".join(f'"field_{number}": 1' for number in range(fields))

    lines = complaint(call_log_of(call_of(body=f"{{{body}}}".encode())), json={})

    assert lines[-1].endswith(last)
    assert len([line for line in lines if "json.field_" in line]) == MAX_DIFFERENCES


def test_a_value_is_cut_to_its_limit() -> None:
    whole = "x" * (MAX_VALUE_CHARS - 2)

    assert f"email={whole!r} on" in complaint(call_log_of(call_of()), email=whole)[0]
    assert f"email='{whole}x… on" in complaint(call_log_of(call_of()), email=f"{whole}x")[0]


def test_a_value_that_differs_at_its_end_is_shown_up_to_its_end() -> None:
    body = f'{{"first_name": "{"x" * MAX_VALUE_CHARS}y"}}'.encode()

    *_, line = complaint(call_log_of(call_of(body=body)), json={"first_name": "x" * MAX_VALUE_CHARS + "z"})

    tail = "x" * (MAX_VALUE_CHARS - 2)
    assert line == f"      json.first_name: …{tail}y', and expected …{tail}z'"


@pytest.mark.parametrize(("number", "is_short"), [(3, True), (4, False)])
def test_a_failure_shows_the_latest_three_calls(*, number: int, is_short: bool) -> None:
    call_log = call_log_of(*map(call_of, range(number)))

    assert ("  ..." not in complaint(call_log, times=0)) is is_short
    assert ("..." not in repr(call_log)) is is_short


def test_zero_is_a_valid_number_of_calls() -> None:
    call_log_of().assert_called("create_user", times=0)


def test_a_sequence_is_shown_whole_up_to_its_limit() -> None:
    def shown(number: int) -> list[str]:
        with pytest.raises(AssertionError) as caught:
            call_log_of(*map(call_of, range(number))).assert_sequence([])
        return str(caught.value).splitlines()

    assert shown(MAX_SEQUENCE_CALLS)[1:-1] == ["  + create_user"] * MAX_SEQUENCE_CALLS
    assert shown(MAX_SEQUENCE_CALLS + 1)[1:-1] == [*["  + create_user"] * MAX_SEQUENCE_CALLS, "  ..."]


# -- limits of stored calls ------------------------------------------------------------------------------------


def test_bodies_are_kept_up_to_their_limit() -> None:
    whole, longer = b"x" * MAX_BODY_BYTES, b"x" * (MAX_BODY_BYTES + 1)
    kept, cut = call_of(body=whole, response=whole), call_of(1, body=longer, response=longer)
    call_log_of(kept, cut)

    assert (kept.body, kept.response) == (whole, whole)
    assert (cut.body, cut.response) == (whole, whole)


def test_bodies_of_heavy_calls_are_forgotten_beyond_the_limit_of_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    heavy = b"x" * (MIN_COUNTED_BYTES + 1)
    one, *calls = [call_of(number, body=heavy) for number in range(4)]
    call_log_of(one)
    monkeypatch.setattr(calls_module, "MAX_TOTAL_BYTES", 2 * one.size_bytes)

    call_log_of(*calls)

    assert [call.body for call in calls] == [None, heavy, heavy]


def test_bodies_of_light_calls_are_kept_beyond_the_limit_of_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    empty = call_of(body=b"")
    call_log_of(empty)
    light = b"x" * (MIN_COUNTED_BYTES - empty.size_bytes)
    calls = [call_of(number, body=light) for number in range(3)]
    monkeypatch.setattr(calls_module, "MAX_TOTAL_BYTES", MIN_COUNTED_BYTES)

    call_log_of(*calls)

    assert [(call.body, call.size_bytes) for call in calls] == [(light, MIN_COUNTED_BYTES)] * 3


# -- keys ------------------------------------------------------------------------------------------------------


def test_the_last_four_characters_of_a_long_secret_are_shown() -> None:
    assert mask("x" * (MIN_SHOWN_CHARS - 5) + "abcd") == "…"
    assert mask("x" * (MIN_SHOWN_CHARS - 4) + "abcd") == "…abcd"


def test_only_keys_of_a_minimum_length_are_redacted_within_text() -> None:
    redactor = Redactor()
    shorter, long_enough = "a" * (MIN_SEARCHED_CHARS - 1), "b" * MIN_SEARCHED_CHARS
    redactor.add_key(shorter)
    redactor.add_key(long_enough)

    assert redactor(f"{shorter} {long_enough}") == f"{shorter} …"


def test_a_text_that_has_the_form_of_an_api_key_is_redacted() -> None:
    assert Redactor()("e179017a-62b0-4996-8a38-e91aa9f1") == "…a9f1"
