"""Seed files in YAML and JSON. A mistake is refused with file, line and the nearest known name."""

import gc
import hashlib
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest

import mockscope
from mockscope import SeedError
from mockscope._vendor import BUILTIN_GROUPS
from mockscope.seeds import files as seed_files
from mockscope.seeds import format as seed_format
from mockscope.seeds.format import SeedGenerate, SeedSite, SeedUser
from mockscope.seeds.generate import generate_records

EVERYTHING: Final = """\
mockscope: 1
sites:
  - host: example_site
    api_key: e179017a-62b0-4996-8a38-e91aa9f1
    enabled: false
    policy: {page_size: 2, unknown_groups: create}
    groups:
      - {name: Sales, access: VIEW}
      - {name: All Users, access: discovery}
    users:
      - {first_name: Monica, last_name: Geller, email: Monica@example.com, groups: [Sales, All Users, Sales],
         last_login_at: 2014-02-07T00:46:07.118+01:00, password_updated_at: null, tfa_enabled: true}
      - {first_name: Joey, last_name: Tribbiani, email: joey@example.com}
      - {first_name: Chandler, last_name: Bing, email: chandler@example.com, groups: []}
    dashboards:
      - {name: Example Dashboard, owner: MONICA@example.com, access: {Sales: edit}}
      - {name: Test Dashboard}
"""

EXPORTED: Final[dict[str, Any]] = {
    "mockscope": 1,
    "sites": [
        {
            "host": "example_site",
            "api_key": "e179017a-62b0-4996-8a38-e91aa9f1",
            "enabled": False,
            "policy": {
                "page_size": 2,
                "test_mode_create_status": 200,
                "unknown_groups": "create",
                "implicit_all_users": False,
                "creator_must_be_admin": False,
                "protect_builtin_groups": True,
                "require_json_content_type": False,
            },
            "groups": [
                {"name": "Administrators", "access": "Sql"},
                {"name": "All Users", "access": "Discovery"},
                {"name": "Sales", "access": "View"},
            ],
            "users": [
                {
                    "first_name": "Chandler",
                    "last_name": "Bing",
                    "email": "chandler@example.com",
                    "groups": [],
                    "last_login_at": None,
                    "password_updated_at": None,
                    "tfa_enabled": False,
                },
                {
                    "first_name": "Joey",
                    "last_name": "Tribbiani",
                    "email": "joey@example.com",
                    "groups": ["All Users"],
                    "last_login_at": None,
                    "password_updated_at": None,
                    "tfa_enabled": False,
                },
                {
                    "first_name": "Monica",
                    "last_name": "Geller",
                    "email": "Monica@example.com",
                    "groups": ["Sales", "All Users"],
                    "last_login_at": "2014-02-06T23:46:07.118Z",
                    "password_updated_at": None,
                    "tfa_enabled": True,
                },
            ],
            "dashboards": [
                {"name": "Example Dashboard", "owner": "Monica@example.com", "access": {"Sales": "Edit"}},
                {"name": "Test Dashboard", "owner": None, "access": {}},
            ],
        }
    ],
}


# More than Python turns into a number.
DIGITS: Final = "9" * 6001


def written(folder: Path, text: str | bytes, name: str = "seed.yaml") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def refusal(folder: Path, text: str | bytes, name: str = "seed.yaml") -> str:
    path = written(folder, text, name)
    with pytest.raises(SeedError) as refused:
        seed_files.load_sites(path)
    return str(refused.value).removeprefix(f"{folder}/")


def one_site(lines: str) -> str:
    """Return a seed with one site. The given lines are its keys, from line 4 on."""
    return "mockscope: 1\nsites:\n  - host: a\n" + "".join(f"    {line}\n" for line in lines.splitlines())


def test_every_key_is_read_and_exported_in_api_order(tmp_path: Path) -> None:
    assert seed_format.export(seed_files.load_sites(written(tmp_path, EVERYTHING))) == EXPORTED


def test_json_yaml_and_plain_data_mean_the_same(tmp_path: Path) -> None:
    sites = seed_files.load_sites(EXPORTED)
    as_json = written(tmp_path, seed_files.to_json(sites), "seed.json")
    as_yaml = written(tmp_path, seed_files.to_yaml(sites))

    assert seed_format.export(seed_files.load_sites(as_json)) == EXPORTED
    assert seed_format.export(seed_files.load_sites(as_yaml)) == EXPORTED


def test_a_site_needs_only_a_host_and_gets_a_key_of_the_form_of_the_page() -> None:
    (site,) = seed_files.load_sites({"mockscope": 1, "sites": [{"host": "a"}]})

    assert [len(part) for part in site.api_key.split("-")] == [8, 4, 4, 4, 8]
    assert (list(site.store.groups), len(site.store.users), site.enabled) == (["Administrators", "All Users"], 0, True)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "seed.yaml: the file is empty: a seed begins with mockscope: 1"),
        ("\n\n\n", "seed.yaml: the file is empty: a seed begins with mockscope: 1"),
        ("# nothing yet\n", "seed.yaml: the file is empty: a seed begins with mockscope: 1"),
        ("[1]", "seed.yaml, line 1: Expected `object`, got `array`; a seed begins with mockscope: 1"),
        ("sites: []", "seed.yaml, line 1: mockscope is missing: a seed begins with mockscope: 1"),
        ("mockscope: 2", "seed.yaml, line 1: this mockscope reads version 1 of the format only"),
        (
            "# ours\nmockscope: '1'",
            "seed.yaml, line 2: the version of the format is a whole number: write 1, without quotes or a point",
        ),
        (
            "mockscope: 1.0",
            "seed.yaml, line 1: the version of the format is a whole number: write 1, without quotes or a point",
        ),
        ("mockscope: 1\n1: a", "seed.yaml, line 2: not YAML: a key must be a text: write it in quotes"),
        ("mockscope: 1\n? null\n: a", "seed.yaml, line 2: not YAML: a key must be a text: write it in quotes"),
        ("mockscope: 1\ntrue: a", "seed.yaml, line 2: not YAML: a key must be a text: write it in quotes"),
        ("mockscope: 1\nsits: []", "seed.yaml, line 2: unknown key sits; did you mean sites?"),
        (
            "mockscope: 1\nsites: {}",
            "seed.yaml, line 2: sites: Expected `array`, got `object`; write a list of them, each after a dash",
        ),
        ("mockscope: 1\nsites: [", "seed.yaml, line 2: not YAML: did not find expected node content"),
        (b"mockscope: 1\n\xff", "seed.yaml, line 2: byte 13 is not UTF-8"),
        ("mockscope: 1\nsites:\n  - enabled: true", "seed.yaml, line 3: host is missing"),
        ("mockscope: 1\nsites:\n  - {host: a b}", "seed.yaml, line 3: host: must be visible ASCII without blanks"),
        ("mockscope: 1\nsites: [{host: a},\n  []]", "seed.yaml, line 3: sites[1]: Expected `object`, got `array`"),
        ("mockscope: 1\nsites:\n  - host: a\0", "seed.yaml, line 3: not YAML: the character U+0000 is not allowed"),
        ("mockscope: 1\nsites: " + DIGITS, "seed.yaml, line 2: not YAML: 6001 characters are too many for one int"),
        ("mockscope: 1\n? " + DIGITS, "seed.yaml, line 2: not YAML: a key must be a text: write it in quotes"),
        ("mockscope: 1\nsites: !!bool maybe", "seed.yaml, line 2: not YAML: maybe is not of type bool"),
        ("mockscope: 1\nsites: !!int one", "seed.yaml, line 2: not YAML: one is not of type int"),
        ("mockscope: 1\nsites: !!timestamp now", "seed.yaml, line 2: not YAML: now is not of type timestamp"),
        ("mockscope: 1\nsites:\n  - host: a\n  - host: a", "seed.yaml, line 4: there is a site a already"),
        (one_site("host: b"), "seed.yaml, line 4: not YAML: host stands here twice"),
        (one_site("api_key: a:b"), "seed.yaml, line 4: api_key: must be visible ASCII without blank or colon"),
        (
            one_site("api_key: 12"),
            "seed.yaml, line 4: api_key: Expected `str | null`, got `int`; "
            "YAML reads it as a number: write it in quotes",
        ),
        (
            one_site("groups: [Sales]"),
            "seed.yaml, line 4: groups[0]: Expected `object`, got `str`; write {name: Sales, access: View}",
        ),
        (
            one_site("users:\n  - joey@example.com"),
            "seed.yaml, line 5: users[0]: Expected `object`, got `str`; "
            "write {email: joey@example.com, first_name: Monica, last_name: Geller}",
        ),
        (
            "mockscope: 1\nsites: [central_perk]",
            "seed.yaml, line 2: sites[0]: Expected `object`, got `str`; write {host: central_perk}",
        ),
        (one_site("enabled: 1"), "seed.yaml, line 4: enabled: Expected `bool`, got `int`"),
        (
            one_site("enabled: 'no'"),
            "seed.yaml, line 4: enabled: Expected `bool`, got `str`; write true or false, without quotes",
        ),
        (
            one_site("generate: {users: many}"),
            "seed.yaml, line 4: users: Expected `int`, got `str`; write a whole number, without quotes",
        ),
        (
            one_site("generate: 250"),
            "seed.yaml, line 4: generate: Expected `object | null`, got `int`; write {users: 250}",
        ),
        (
            one_site("dashboards: [{name: D, access: [Sales]}]"),
            "seed.yaml, line 4: access: Expected `object`, got `array`; write {Sales: View}",
        ),
        (
            one_site("users: [{email: a@b, first_name: A, last_name: B, groups: NY Knicks}]"),
            "seed.yaml, line 4: groups: Expected `array`, got `str`; write [NY Knicks]",
        ),
        ("mockscope: 1\nsites:\n\t- host: a\n", "seed.yaml, line 3: not YAML: a tab stands here: indent by blanks"),
        ("mockscope: 1\nsites: @", "seed.yaml, line 2: not YAML: found character that cannot start any token"),
        (one_site("enabled:"), "seed.yaml, line 4: enabled: Expected `bool`, got `null`; nothing stands there"),
        (one_site("users:"), "seed.yaml, line 4: users: Expected `array`, got `null`; write [], or leave the key out"),
        (one_site("users:\n  -"), "seed.yaml, line 5: users[0]: Expected `object`, got `null`; nothing stands there"),
        (
            one_site("users:\n  - {first_name: No, last_name: 1.5, email: a@example.com}"),
            "seed.yaml, line 5: first_name: Expected `str`, got `bool`; "
            "YAML reads it as true or false: write it in quotes",
        ),
        (
            one_site("users:\n  - {first_name: Joey, last_name: 1.5, email: a@example.com}"),
            "seed.yaml, line 5: last_name: Expected `str`, got `float`; YAML reads it as a number: write it in quotes",
        ),
        (
            one_site("users:\n  - {first_name: Joey, last_name: T, email: a@example.com, groups: [Sales, 2]}"),
            "seed.yaml, line 5: groups[1]: Expected `str`, got `int`; YAML reads it as a number: write it in quotes",
        ),
        (
            one_site("users:\n  - first_name: Joey\n    12: a"),
            "seed.yaml, line 6: not YAML: a key must be a text: write it in quotes",
        ),
        (
            one_site("dashboards:\n  - name: D\n    access: {1: View}"),
            "seed.yaml, line 6: not YAML: a key must be a text: write it in quotes",
        ),
        (one_site("policy: {page_sise: 1}"), "seed.yaml, line 4: unknown key page_sise; did you mean page_size?"),
        (one_site("policy:\n  page_size: 0"), "seed.yaml, line 5: page_size: Expected `int` >= 1"),
        (
            one_site("policy: {unknown_groups: rejct}"),
            "seed.yaml, line 4: unknown_groups: Invalid enum value 'rejct'; known: reject, ignore, create",
        ),
        (one_site("groups:\n  - {name: Sales}"), "seed.yaml, line 5: access is missing"),
        (one_site("groups:\n  - name: ' '\n    access: sql"), "seed.yaml, line 5: name: must not be blank"),
        (
            one_site("groups:\n  - name: S\n    access: sq"),
            "seed.yaml, line 6: access: sq is not one of Sql, Discovery, View",
        ),
        (
            one_site("groups:\n  - {name: S, access: sql}\n  - {name: S, access: sql}"),
            "seed.yaml, line 6: there is a group S already",
        ),
        (one_site("removed_groups: [Sales]"), "seed.yaml, line 4: Sales is not a built-in group"),
        (one_site("users:\n  - email: a@b"), "seed.yaml, line 5: first_name is missing"),
        (
            one_site("users:\n  - first_name: Joey\n    last_name: Tribbiani\n    email: joey"),
            "seed.yaml, line 7: joey is not a valid email address",
        ),
        (
            one_site(
                "users:\n  - {first_name: A, last_name: B, email: a@b}\n  - {first_name: A, last_name: B, email: A@b}"
            ),
            "seed.yaml, line 6: there is a user A@b already",
        ),
        (
            one_site(
                "groups:\n  - {name: Sales, access: sql}\n"
                "users:\n  - first_name: A\n    last_name: B\n    email: a@b\n    groups: [Sale]"
            ),
            "seed.yaml, line 10: the site has no group Sale; did you mean Sales?",
        ),
        (
            one_site("users:\n  - first_name: A\n    last_name: B\n    email: a@b\n    last_login_at: 2014-02-06"),
            "seed.yaml, line 8: 2014-02-06 has no offset from UTC; write it like 2014-02-06T23:46:07.118Z",
        ),
        (
            one_site(
                "users:\n  - {first_name: A, last_name: B, email: joey@example.com}\n"
                "dashboards:\n  - {name: D, owner: joe@example.com}"
            ),
            "seed.yaml, line 7: the site has no user joe@example.com; did you mean joey@example.com?",
        ),
        (
            one_site("dashboards:\n  - name: D\n    access:\n      S: Edit"),
            "seed.yaml, line 7: the site has no group S",
        ),
        (
            one_site("dashboards:\n  - name: D\n    access:\n      All Users: Own"),
            "seed.yaml, line 7: access: Own is not one of Edit, View",
        ),
        (
            one_site("dashboards:\n  - {name: D}\n  - {name: D}"),
            "seed.yaml, line 6: there is a dashboard D already",
        ),
        (one_site("generate: {users: -1}"), "seed.yaml, line 4: users: Expected `int` >= 0"),
        (
            one_site("generate:\n  users: 9\n  idle: 10"),
            "seed.yaml, line 6: 10 of 9 users cannot be idle; write a number up to 9",
        ),
    ],
)
def test_a_mistake_is_named_with_its_line(tmp_path: Path, text: str | bytes, message: str) -> None:
    assert refusal(tmp_path, text) == message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            '{"mockscope": 1,\n "sites": [],}',
            "seed.json, line 2: not JSON: Illegal trailing comma before end of object at column 13",
        ),
        (
            '{"mockscope": 1,\n\t"sites": [\n\t\t{"hots": "a"}]}',
            "seed.json, line 3: unknown key hots; did you mean host?",
        ),
        ('{"mockscope": 1,\n\n "mockscope": 1}', "seed.json, line 3: not JSON: mockscope stands here twice"),
        (
            '{"mockscope": 1, "sites": [\n\t{"host": "a",\n\t"host": "b"}]}',
            "seed.json, line 3: not JSON: host stands here twice",
        ),
        (
            '{"mockscope": 1,\n\t"sites": ' + DIGITS + "}",
            "seed.json, line 2: not JSON: 6001 characters are too many for one int",
        ),
        (
            '{"mockscope": 1,\n "sites": ["\0"]}',
            "seed.json, line 2: not JSON: Invalid control character at column 13",
        ),
        (b'{"mockscope": 1,\n "sites": "\xff"}', "seed.json, line 2: byte 28 is not UTF-8"),
        ("\n", "seed.json: the file is empty: a seed begins with mockscope: 1"),
        ("null", "seed.json: the file is empty: a seed begins with mockscope: 1"),
        (
            '{"mockscope": 1, "sites": [{"host": 12}]}',
            "seed.json, line 1: host: Expected `str`, got `int`; write it in quotes",
        ),
        (
            '{"mockscope": 1, "sites": [{"host": "a", "groups": ["Sales"]}]}',
            'seed.json, line 1: groups[0]: Expected `object`, got `str`; write {"name": "Sales", "access": "View"}',
        ),
        (
            '{"mockscope": 1, "sites": {"host": "a"}}',
            "seed.json, line 1: sites: Expected `array`, got `object`; write a list of them in brackets",
        ),
        (
            '{"mockscope": 1, "sites": ["\\ud83d\\udc24",\n {}]}',
            "seed.json: sites[0]: Expected `object`, got `str`; write",
        ),
        ("[" * 100_000, "seed.json: nested too deeply"),
    ],
)
def test_invalid_json_is_refused_with_its_position(tmp_path: Path, text: str | bytes, message: str) -> None:
    assert refusal(tmp_path, text, "seed.json").startswith(message)


def test_a_repeated_key_among_many_is_found_in_linear_time() -> None:
    """Each key counts its comparisons with others."""
    compared = 0

    class Key(str):
        __hash__ = str.__hash__

        def __eq__(self, other: object) -> bool:
            nonlocal compared
            compared += 1
            return str.__eq__(self, other)

    counts = []
    for size in (1000, 2000, 4000):
        compared = 0
        with pytest.raises(ValueError, match="999 stands here twice"):
            seed_files._reject_repeated_keys([(Key(key), 0) for key in (*range(size), 999)])
        counts.append(compared)

    assert counts[2] < 3 * counts[1] < 9 * counts[0]


@pytest.mark.parametrize("name", ["seed.yaml", "seed.json"])
def test_a_byte_order_mark_is_ignored(tmp_path: Path, name: str) -> None:
    plain = '{"mockscope": 1, "sites": [{"host": "a", "api_key": "k"}]}'

    loaded = seed_files.load_sites(written(tmp_path, b"\xef\xbb\xbf" + plain.encode(), name))

    assert seed_format.export(loaded) == seed_format.export(seed_files.load_sites(json.loads(plain)))


def test_a_key_of_plain_data_must_be_a_string() -> None:
    source: Any = {"mockscope": 1, "sites": [{"host": "a", "users": [{1: "x"}]}]}
    with pytest.raises(SeedError, match=r"^seed\.sites\[0\]\.users\[0\]: a key is not a text$"):
        seed_files.load_sites(source)


def test_an_invalid_seed_adds_no_site(mockscope_server: mockscope.LiveServer) -> None:
    before = mockscope_server.export()
    with pytest.raises(ValueError, match="there is a site a already"):
        mockscope_server.registry.directory.add(*seed_files.load_sites({"mockscope": 1, "sites": [{"host": "a"}]}) * 2)

    assert mockscope_server.export() == before


def test_a_mistake_in_plain_data_is_named_with_its_path() -> None:
    with pytest.raises(SeedError) as refused:
        seed_files.load_sites({"mockscope": 1, "sites": [{"host": "a", "users": [{"email": "x"}]}]})

    assert str(refused.value) == "seed.sites[0].users[0]: first_name is missing"


# -- generate ------------------------------------------------------------------------------------------------------


NOON: Final = datetime(2018, 10, 18, 12, tzinfo=UTC)


def generated(
    users: int, groups: int, seed: int | None = None, by_hand: dict[str, Any] | None = None, *, idle: int | None = None
) -> dict[str, Any]:
    generate = {"users": users, "groups": groups, "idle": idle} | ({} if seed is None else {"seed": seed})
    site = {"host": "a", "api_key": "k", "generate": generate} | (by_hand or {})
    return seed_format.export(seed_files.load_sites({"mockscope": 1, "sites": [site]}, now=NOON))


def days_idle(users: list[dict[str, Any]], now: datetime = NOON) -> list[float | None]:
    """Return the days since the last login of each user, from the fewest on; None for those who never came."""
    logins = [user["last_login_at"] for user in users]
    days = [None if login is None else (now - datetime.fromisoformat(login)) / timedelta(days=1) for login in logins]
    return sorted(days, key=lambda count: -1 if count is None else count)


def test_generate_makes_the_same_people_every_time_and_others_for_another_seed() -> None:
    first = generated(250, 12, 7)

    assert generated(250, 12, 7) == first
    assert generated(250, 12, 8) != first
    (site,) = first["sites"]
    assert (len(site["users"]), len(site["groups"]), "generate" in site) == (250, 14, False)
    assert {user["email"].rpartition("@")[2] for user in site["users"]} == {"example.com"}
    assert len({user["email"] for user in site["users"]}) == 250


def test_without_a_seed_generate_makes_the_people_of_seed_0() -> None:
    assert generated(20, 3) == generated(20, 3, 0)


def test_the_people_of_a_seed_are_the_same_under_every_version() -> None:
    (site,) = generated(3, 2, 7)["sites"]
    whole = json.dumps(generated(2500, 300, 7), sort_keys=True)

    assert [user["email"] for user in site["users"]] == [
        "ian.delgado@example.com",
        "ida.hussain@example.com",
        "joshua.wu@example.com",
    ]
    assert [group["name"] for group in site["groups"]][2:] == ["Operations Cairo", "Sales Boston"]
    digest = "e835bd6b2ff3642b342fba04fee7bab79efd5d206585ca5733bfaec1bfe5c616"
    assert hashlib.sha256(whole.encode()).hexdigest() == digest


def test_idle_users_last_logged_in_more_than_ninety_days_ago() -> None:
    with_idle, without = generated(260, 12, 7, idle=30)["sites"][0], generated(260, 12, 7)["sites"][0]
    days = days_idle(with_idle["users"])

    assert [count for count in days if count is None or not 0.5 <= count <= 731] == []
    assert len([count for count in days if count is not None and count > 90]) == 30
    # The same people are generated for any number of idle users.
    last_seen = {"last_login_at": None, "password_updated_at": None}
    assert [user | last_seen for user in with_idle["users"]] == [user | last_seen for user in without["users"]]
    changes = [user["password_updated_at"] <= user["last_login_at"] for user in with_idle["users"]]
    assert set(changes) == {True}
    assert [count for count in days_idle(generated(9, 0, 7, idle=0)["sites"][0]["users"]) if count and count > 90] == []


def test_without_idle_logins_are_spread_over_two_years_and_one_in_ten_users_has_none() -> None:
    days = days_idle(generated(2000, 0, 7)["sites"][0]["users"])
    came = [count for count in days if count is not None]

    assert (170 < len(days) - len(came) < 230, 0.5 <= came[0] < 3, 728 < came[-1] < 731) == (True, True, True)
    assert 0.2 < len([count for count in came if count < 183]) / len(came) < 0.3


def test_logins_lie_before_the_day_that_the_site_s_clock_shows(tmp_path: Path) -> None:
    path = tmp_path / "seed.json"
    path.write_text(json.dumps({"mockscope": 1, "sites": [{"host": "a", "generate": {"users": 60, "idle": 6}}]}))
    server = mockscope.Mockscope()
    server.clock.freeze("2031-05-06T07:08:09Z")
    site = server.site(seed=path)

    def latest() -> str:
        return max(str(user.last_login_at) for user in site.users.values())

    assert "2031-05-03" < latest() < "2031-05-06"
    site.clock.move_to("2014-02-06T23:46:07Z")
    site.load(path)
    assert "2014-02-03" < latest() < "2014-02-06"
    site.clock.move_to("0001-01-01T00:00:00Z")
    site.load(path)
    assert latest() < "0005-01-01"


def test_generate_keeps_the_records_of_the_seed() -> None:
    made = generated(50, 3, 7)["sites"][0]
    by_hand = {"first_name": "Monica", "last_name": "Geller", "email": made["users"][0]["email"].upper()}
    group = {"name": next(g["name"] for g in made["groups"] if g["name"] not in BUILTIN_GROUPS), "access": "View"}

    (site,) = generated(50, 3, 7, {"users": [by_hand], "groups": [group]})["sites"]

    assert (len(site["users"]), len(site["groups"])) == (51, 6)
    assert [user["first_name"] for user in site["users"] if user["email"] == by_hand["email"]] == ["Monica"]


def test_a_generated_site_survives_its_own_export() -> None:
    exported = generated(300, 20, 1)

    assert seed_format.export(seed_files.load_sites(exported)) == exported


def test_users_are_generated_one_by_one() -> None:
    before = alive(SeedUser)
    groups, users = generate_records(SeedGenerate(users=1_000, groups=2), SeedSite("example_site"), NOON)

    assert (len(groups), iter(users) is users) == (2, True)
    first = next(users)
    # What is not held by somebody is gone before the next one is made; users of other tests may wait for the collector.
    assert [each for each in alive(SeedUser) if all(each is not other for other in before)] == [first]
    assert (isinstance(first, SeedUser), sum(1 for _ in users)) == (True, 999)


def alive(kind: type) -> list[object]:
    """Return all objects of a class that the garbage collector tracks."""
    return [each for each in gc.get_objects() if isinstance(each, kind)]
