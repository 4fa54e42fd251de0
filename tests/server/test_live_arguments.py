"""Arguments of a wrong type are refused at the call, and change nothing."""

import re
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from mockscope import LiveServer, Mockscope, MockSite, Refused

# Typed as Any, as in tests without a type checker.
Anything = Any


@pytest.fixture
def site(mockscope: Anything) -> Anything:
    return mockscope


@pytest.mark.parametrize("value", ["no", "false", 0, 1, None])
@pytest.mark.parametrize("name", ["enabled", "strict", "contract"])
def test_a_policy_switch_of_a_site_must_be_a_bool(site: Anything, name: str, value: object) -> None:
    before = getattr(site, name)

    with pytest.raises(ValueError, match=rf"^{name} must be true or false, not {value!r}$"):
        setattr(site, name, value)

    assert getattr(site, name) is before


@pytest.mark.parametrize("name", ["strict", "contract"])
def test_strict_of_a_site_must_be_a_bool(mockscope_server: Anything, name: str) -> None:
    before = mockscope_server.export()

    with pytest.raises(ValueError, match=rf"^{name} must be true or false, not 'no'$"):
        mockscope_server.site("a-site", **{name: "no"})

    assert mockscope_server.export() == before


@pytest.mark.parametrize("name", ["strict", "contract", "hint_header", "control", "tls", "proxy"])
def test_a_policy_switch_of_a_server_must_be_a_bool(name: str) -> None:
    made: Anything = LiveServer
    with pytest.raises(ValueError, match=rf"^{name} must be true or false, not 'no'$"):
        made(**{name: "no"})


@pytest.mark.parametrize("proxy", [True, False])
@pytest.mark.parametrize("value", ["deny", "", None, True])
def test_other_hosts_are_either_refused_or_passed(value: object, *, proxy: bool) -> None:
    made: Anything = LiveServer
    with pytest.raises(ValueError, match=rf"^there is no proxy_others {value!r}; known: refuse, pass$"):
        made(proxy=proxy, proxy_others=value)


def test_max_calls_must_be_an_integer() -> None:
    made: Anything = Mockscope
    with pytest.raises(ValueError, match=r"^calls_kept must be a whole number, not '100'$"):
        made(calls_kept="100")


made: Anything = Mockscope
MAPPING = "an object of names and values"


@pytest.mark.parametrize("records", ["users", "groups", "dashboards"])
def test_looking_a_record_up_by_position_explains_the_look_up_by_name(site: Anything, records: str) -> None:
    found = getattr(site, records)

    with pytest.raises(KeyError, match=r"0 is not an email or a name; the first record is list\(site.users.values\(\)"):
        found[0]
    assert (0 in found, found.get(None)) == (False, None)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda site: site.add_dashboard("Revenue", access="View"), f"access must be {MAPPING}, not 'View'"),
        (lambda site: site.add_dashboard("Revenue", access=["View"]), f"access must be {MAPPING}, not ['View']"),
        (lambda site: site.record_login(None), "email must be text, not None"),
        (lambda site: site.record_password_change(5), "email must be text, not 5"),
        (lambda site: site.snapshot([]), "name must be text, not []"),
        (lambda site: site.load(5), f"seed must be text or a path or {MAPPING}, not 5"),
        (lambda site: made(b"mockscope: 1"), f"seed must be text or a path or {MAPPING}, not b'mockscope: 1'"),
    ],
)
def test_an_argument_of_a_wrong_type_is_refused_by_its_name(
    site: Anything, change: Callable[[Anything], object], problem: str
) -> None:
    before = site.export()

    with pytest.raises(ValueError, match=f"^{re.escape(problem)}$"):
        change(site)

    assert site.export() == before


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"tfa_enabled": "no"}, "tfa_enabled must be true or false, and is a string"),
        ({"tfa_enabled": None}, "tfa_enabled must be true or false, and is null"),
        ({"first_name": 5, "tfa_enabled": 1}, "first_name must be a string, and is a number; tfa_enabled must be true"),
        ({"groups": 5}, "groups must be a list of strings"),
        ({"groups": {"All Users": True}}, "groups must be a list of strings"),
    ],
)
def test_fields_of_a_new_user_must_have_their_types(site: Anything, fields: dict[str, object], problem: str) -> None:
    before = site.export()

    with pytest.raises(Refused) as refused:
        site.add_user("joey@example.com", **fields)

    assert refused.value.message.startswith(f"The request has invalid fields: {problem}")
    assert site.export() == before


@pytest.mark.parametrize("name", ["last_login_at", "password_updated_at"])
def test_times_of_a_user_must_be_valid(site: Anything, name: str) -> None:
    message = r"^datetime\.date\(2014, 2, 6\) is not a time; write it like 2014-02-06T23:46:"
    with pytest.raises(ValueError, match=message):
        site.add_user("joey@example.com", **{name: date(2014, 2, 6)})

    assert "joey@example.com" not in site.users


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda site: site.rotate_key(5), "the API key of example_site can't stand in a header"),
        (lambda site: site.fork(host=5), "the host 5 can't stand in a header"),
    ],
)
def test_host_and_key_must_be_strings(
    mockscope_server: LiveServer, ask: Callable[[MockSite], object], message: str
) -> None:
    with mockscope_server.site("example_site") as site, pytest.raises(ValueError, match=f"^{message}"):
        ask(site)


@pytest.mark.parametrize(("name", "nearest"), [("api_kye", "api_key"), ("page_sise", "page_size")])
def test_an_unknown_argument_of_a_site_is_refused_with_the_nearest_name(
    mockscope_server: Anything, name: str, nearest: str
) -> None:
    with pytest.raises(ValueError, match=rf"^there is no argument '{name}'; did you mean {nearest}\?$"):
        mockscope_server.site(**{name: 5})


def test_a_disabled_site_with_a_full_user_can_be_exported_and_loaded(site: MockSite) -> None:
    site.enabled = False
    site.add_user("joey@example.com", tfa_enabled=True, groups=(name for name in ["All Users"]))
    before = site.export()

    site.load(before)

    assert site.export() == before
