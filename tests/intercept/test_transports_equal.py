"""The response and the recorded call without a socket equal those over loopback."""

import re

import pytest
from support.transport_cases import CASES, USERS, Case
from support.transport_clients import Carrier, End, recorded, shown, through_every_carrier, twins, was_here


def outcome(end: End, case: Case) -> tuple[object, ...]:
    """Return the response, the calls, and the records of the site."""
    response = end.send(case)
    [call] = end.server.all_calls()
    assert [value for name, value in response.headers if name.lower() == "x-request-id"] == [call.id]
    return shown(response), recorded(call, end.server), end.site.export()


@through_every_carrier
@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_a_call_gets_the_response_and_the_record_of_loopback(carrier: Carrier, case: Case) -> None:
    with twins(carrier) as (there, here):
        assert outcome(here, case) == outcome(there, case)
        [call] = here.server.all_calls()
        assert case.is_here in (None, was_here(call))


@through_every_carrier
def test_consecutive_calls_share_the_state_of_the_site(carrier: Carrier) -> None:
    with twins(carrier) as (there, here):
        for case in CASES.values():
            for end in (there, here):
                end.server.calls.clear()
                end.site.calls.clear()
            assert outcome(here, case) == outcome(there, case)


@through_every_carrier
@pytest.mark.parametrize("name", ["create a user", "an unknown group", "a wrong key"])
def test_policy_switches_of_the_server_apply(carrier: Carrier, name: str) -> None:
    with twins(carrier, hint_header=False, calls_kept=1, strict=True) as (there, here):
        for end in (there, here):
            end.site.set_policy(require_json_content_type=True, test_mode_create_status=201)
            end.get()
        found = []
        for end in (there, here):
            found.append(
                (shown(end.send(CASES[name])), [recorded(call, end.server) for call in end.server.all_calls()])
            )
            # Strict mode would object to the end of the server.
            end.site.strict = False
        assert found[1] == found[0]


def without_ids(text: str) -> str:
    return re.sub(r"\b[0-9a-f]{8}-", "", text)


@through_every_carrier
def test_strict_mode_has_the_same_findings(carrier: Carrier) -> None:
    with twins(carrier) as (there, here):
        for end in (there, here):
            for name in ("a cookie", "no body", "a body with GET", "a body of no type", "an email that is misplaced"):
                end.send(CASES[name])
        findings = [[without_ids(str(finding)) for finding in end.site.findings()] for end in (there, here)]
        assert findings[1] == findings[0]
        assert findings[0] != []


@through_every_carrier
def test_a_disabled_or_removed_site_refuses_calls(carrier: Carrier) -> None:
    with twins(carrier) as (there, here):
        found = []
        for end in (there, here):
            end.site.enabled = False
            responses = [end.get()]
            end.site.rotate_key("another-key")
            responses.append(
                end.ask("GET", f"{end.server.url}{USERS}", {"Http-X-Partner-Auth": "example_site:key"}, None)
            )
            end.site.remove()
            responses.append(end.get())
            found.append([shown(response) for response in responses])
        assert found[1] == found[0]
        assert [response.status for response in found[0]] == [404, 403, 403]


@through_every_carrier
def test_a_call_is_timed_by_the_clock_of_its_site(carrier: Carrier) -> None:
    with twins(carrier) as (_, here):
        here.site.clock.freeze("2014-02-06T23:46:07.118Z")
        here.get()
        [call] = here.site.calls
        assert (call.as_dict()["time"], call.duration, was_here(call)) == ("2014-02-06T23:46:07.118Z", 0.0, True)
