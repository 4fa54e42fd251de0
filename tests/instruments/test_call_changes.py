"""The changes of a call: which records it changed, whatever response the client got."""

import pytest
from support.callers import send_to
from support.site_comparison import GROUPS, USERS, friends
from support.web_client import Client

from mockscope import Call, LiveServer, MockSite, report
from mockscope.instruments import call_log as call_log_module
from mockscope.instruments.current_call import CURRENT_CALL
from mockscope.instruments.record_changes import MAX_LINE_CHARS
from mockscope.instruments.report import MAX_SHOWN_CHANGES

RENAMED = {
    "kind": "user",
    "name": "monica@example.com",
    "change": "changed",
    "fields": {"first_name": ["Monica", "Mo"]},
}
JSON = {"Content-Type": "application/json"}
PHOEBE = {
    "first_name": "Phoebe",
    "last_name": "Buffay",
    "email": "phoebe@example.com",
    "invited_by_email": "rachel@example.com",
}


def client_of_friends() -> tuple[Client, MockSite]:
    mock, site = friends()
    return Client(site, mock), site


def rename_monica(client: Client, first_name: str = "Mo") -> int:
    body = {"first_name": first_name}
    return client.request("PUT", USERS, body, email="monica@example.com", headers=JSON).status


def test_a_call_has_its_changes() -> None:
    client, site = client_of_friends()

    assert rename_monica(client) == 200

    assert site.calls.last.changes == [RENAMED]
    assert (site.calls.last.as_dict()["changes"], site.calls.last.as_dict()["changes_cut"]) == ([RENAMED], False)


def test_reads_refusals_dry_runs_and_equal_values_change_nothing() -> None:
    client, site = client_of_friends()

    client.get(USERS)
    client.get(f"{GROUPS}/Sales")
    assert client.post(USERS, PHOEBE | {"email": "monica@example.com"}).status == 409
    assert client.post(f"{USERS}?test_mode=true", PHOEBE).status == 200
    assert rename_monica(client, "Monica") == 200

    assert [call.changes for call in site.calls] == [[]] * 5


def test_a_write_from_python_belongs_to_no_call() -> None:
    client, site = client_of_friends()
    client.get(USERS)

    site.update_user("monica@example.com", first_name="Mo")

    assert [call.changes for call in site.calls] == [[]]
    assert CURRENT_CALL.get() is None


@pytest.mark.parametrize("after_commit", [False, True])
def test_a_call_whose_response_is_replaced_changed_what_it_committed(*, after_commit: bool) -> None:
    client, site = client_of_friends()
    site.faults.add("update_user", status=503, after_commit=after_commit)

    assert rename_monica(client) == 503

    assert site.calls.last.changes == [RENAMED] * after_commit


def test_a_call_whose_response_is_lost_has_its_changes(server: LiveServer) -> None:
    site = server.site()
    site.add_user("monica@example.com", first_name="Monica")
    site.faults.add("update_user", transport="reset", after_commit=True)

    with pytest.raises(OSError):  # noqa: PT011 - another error with TLS
        send_to(site, "PUT", USERS, {"first_name": "Mo"}, email="monica@example.com")

    assert (site.calls.last.status, site.calls.last.changes) == (None, [RENAMED])


def test_calls_and_functions_of_faults_keep_their_writes_apart() -> None:
    client, site = client_of_friends()

    def act(call: Call, response: object) -> None:
        site.update_user("rachel@example.com", first_name="Rach")
        assert client.request("DELETE", USERS, email="chandler@example.com").status == 200

    site.faults.add("update_user", action=act)

    assert rename_monica(client) == 200

    assert [[change["name"] for change in call.changes] for call in site.calls] == [
        ["monica@example.com"],
        ["Chandler@example.com"],
    ]


def test_a_rate_limited_call_changes_nothing() -> None:
    client, site = client_of_friends()
    site.faults.rate_limit(1, per=60)

    assert (rename_monica(client), rename_monica(client, "Moni")) == (200, 429)

    assert [call.changes for call in site.calls] == [[RENAMED], []]


def test_keys_are_redacted_in_changes() -> None:
    client, site = client_of_friends()

    rename_monica(client, site.api_key)

    assert site.calls.last.changes[0]["fields"] == {"first_name": ["Monica", "…a9f1"]}


# -- limits ----------------------------------------------------------------------------------------------------


def test_changes_are_discarded_with_the_bodies_of_old_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    client, site = client_of_friends()
    long = "Mo" * 1000
    rename_monica(client, long)
    one = site.calls.last.size_bytes
    # The request, the response, the user before, and the user after.
    assert 3 * len(long) < one < 4 * len(long)
    monkeypatch.setattr(call_log_module, "MAX_TOTAL_BYTES", one * 2)

    rename_monica(client, "Monica")
    rename_monica(client, long)
    rename_monica(client, long[::-1])

    kept = [(bool(call.changes), call.changes_cut, call.body is not None) for call in site.calls]
    assert kept == [(False, True, False), (False, True, False), (False, True, False), (True, False, True)]


def test_changes_larger_than_all_calls_may_be_are_discarded_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    client, site = client_of_friends()
    for number in range(30):
        site.add_user(f"joey{number}@example.com", groups=["Sales"])
    client.post(USERS, PHOEBE | {"last_name": "Buffay" * 200})
    monkeypatch.setattr(call_log_module, "MAX_TOTAL_BYTES", 8000)

    client.request("PUT", f"{GROUPS}/Sales", {"name": "Vendite"})

    first, last = site.calls
    assert (first.changes_cut, bool(first.changes), first.body is None) == (False, True, False)
    assert (last.changes_cut, last.changes, last.json) == (True, [], {"name": "Vendite"})
    assert last.as_dict()["changes_cut"] is True


# -- text ------------------------------------------------------------------------------------------------------


def test_a_report_shows_the_changes_of_each_call() -> None:
    client, site = client_of_friends()
    rename_monica(client)
    client.post(USERS, PHOEBE, headers=JSON)
    client.request("DELETE", USERS, email="monica@example.com")

    lines = report(site.calls).splitlines()

    assert [line for line in lines if line.startswith("    ")] == [
        "    user monica@example.com changed: first_name 'Monica' → 'Mo'",
        "    user phoebe@example.com created: first_name 'Phoebe', last_name 'Buffay', groups ['All Users'], "
        "tfa_enabled False",
        "    user monica@example.com removed",
        "    dashboard Example Dashboard changed: owner 'monica@example.com' → None",
    ]


@pytest.mark.parametrize(("members", "last"), [(0, "user joey"), (1, "... and 1 more")])
def test_a_report_shows_the_first_changes_of_a_call(members: int, last: str) -> None:
    client, site = client_of_friends()
    # The group, a dashboard, Chandler and these.
    for number in range(MAX_SHOWN_CHANGES - 3 + members):
        site.add_user(f"joey{number}@example.com", groups=["Sales"])

    client.request("DELETE", f"{GROUPS}/Sales")

    lines = [line.strip() for line in report(site.calls).splitlines() if line.startswith("    ")]
    assert (len(lines), lines[-1][: len(last)]) == (MAX_SHOWN_CHANGES + members, last if members else "dashboard"[:9])


def test_a_long_change_is_cut_and_unprintable_characters_are_escaped() -> None:
    client, site = client_of_friends()

    rename_monica(client, "\x1b" * MAX_LINE_CHARS)

    [line] = [line for line in report(site.calls).splitlines() if line.startswith("    ")]
    assert "\x1b" not in line
    assert len(line) <= MAX_LINE_CHARS + 4
