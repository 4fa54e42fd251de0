"""Logins and password changes of users, set by the test and returned by the API."""

import json
from datetime import UTC, date, datetime
from typing import Any
from urllib.request import Request, urlopen

import pytest

import mockscope
from mockscope import MockSite

MONICA = {
    "first_name": "Monica",
    "last_name": "Geller",
    "email": "monica@example.com",
    "groups": ["All Users"],
    "last_login_at": None,
    "password_updated_at": None,
    "tfa_enabled": False,
}


@pytest.fixture
def monica(mockscope: MockSite) -> MockSite:
    mockscope.add_user("monica@example.com", first_name="Monica", last_name="Geller")
    return mockscope


def shown(site: MockSite) -> dict[str, Any]:
    """Return Monica as the API returns her."""
    request = Request(f"{site.url}/api/v1/users", headers=site.headers | {"Http-X-Email": "monica@example.com"})
    with urlopen(request) as response:
        user: dict[str, Any] = json.load(response)
    return user


@pytest.mark.rule("USER-1")
def test_a_login_and_a_password_change_have_the_time_of_the_site(monica: MockSite) -> None:
    monica.clock.freeze("2014-02-06T23:46:07.118Z")
    monica.record_login("Monica@Example.com")
    monica.clock.shift(days=1, seconds=0.001)
    changed = monica.record_password_change("monica@example.com")

    assert shown(monica) == MONICA | {
        "last_login_at": "2014-02-06T23:46:07.118Z",
        "password_updated_at": "2014-02-07T23:46:07.119Z",
    }
    assert changed == monica.users["monica@example.com"]


@pytest.mark.rule("USER-1")
@pytest.mark.parametrize("at", ["2014-02-07T01:46:07.118+02:00", datetime(2014, 2, 6, 23, 46, 7, 118_999, tzinfo=UTC)])
def test_a_login_can_be_recorded_at_another_time(monica: MockSite, at: datetime | str) -> None:
    assert shown(monica) == MONICA
    monica.record_login("monica@example.com", at)

    assert shown(monica) == MONICA | {"last_login_at": "2014-02-06T23:46:07.118Z"}


def test_a_list_that_was_requested_before_shows_a_later_login(monica: MockSite) -> None:
    def listed() -> list[Any]:
        with urlopen(Request(f"{monica.url}/api/v1/users", headers=monica.headers)) as response:
            return [user["last_login_at"] for user in json.load(response)["users"]]

    assert listed() == [None, None]
    monica.record_login("monica@example.com", "2014-02-06T23:46:07.118Z")

    assert listed() == [None, "2014-02-06T23:46:07.118Z"]


@pytest.mark.parametrize(
    "at", ["", "yesterday", "2014", "2014-02-06", datetime(2014, 2, 6), date(2014, 2, 6), 1391730367.118, [2014]]
)
def test_an_invalid_login_time_is_refused_and_nothing_is_recorded(monica: MockSite, at: Any) -> None:
    with pytest.raises(ValueError, match=r"write it like 2014-02-06T23:46:07\.118Z$"):
        monica.record_login("monica@example.com", at)
    with pytest.raises(ValueError, match=r"write it like 2014-02-06T23:46:07\.118Z$"):
        monica.record_password_change("monica@example.com", at)

    assert shown(monica) == MONICA


def test_a_login_of_an_unknown_user_is_refused(monica: MockSite) -> None:
    with pytest.raises(mockscope.Refused) as refused:
        monica.record_login("joey@example.com")

    assert (refused.value.status, refused.value.rule) == (400, "USER-1")
