"""Anonymized seeds: names and emails are replaced, the shape stays, and the same salt gives the same result."""

import json
import os
import random
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from typing import Any, Final

from hypothesis import given, settings
from hypothesis import strategies as st
from support.examples import examples

from mockscope import Mockscope, strategies
from mockscope._vendor import BUILTIN_GROUPS
from mockscope.remote.anonymize import MIN_AVOIDED_LENGTH, anonymize_seed

SALT: Final = b"central_perk"
FRIENDS: Final[dict[str, Any]] = {
    "mockscope": 1,
    "sites": [
        {
            "host": "central_perk:upstairs",
            "api_key": "e179017a-62b0-4996-8a38-e91aa9f1",
            "policy": {"page_size": 2},
            "groups": [
                {"name": "NY Knicks", "access": "View"},
                {"name": "R&D/Müller 2018", "access": "Discovery"},
                {"name": "Administrators", "access": "Sql"},
            ],
            "users": [
                {
                    "email": "Monica.Geller@example.com",
                    "first_name": "Monica",
                    "last_name": "Geller",
                    "groups": ["Administrators", "NY Knicks"],
                    "last_login_at": "2014-02-06T23:46:07.118Z",
                    "tfa_enabled": True,
                },
                {"last_name": "Tribbiani", "first_name": "Joey", "email": "joey@mail.example.com", "groups": []},
                {"email": "joey+soaps@mail.example.com", "first_name": "Joey", "last_name": "Tribbiani"},
                {"last_name": "Hannigan", "first_name": "Mike", "email": "mike@paolo.example.org"},
            ],
            "dashboards": [
                {
                    "name": "Rachel's sales",
                    "owner": "monica.geller@example.com",
                    "access": {"NY Knicks": "Edit", "All Users": "View"},
                }
            ],
        }
    ],
}


def only_site(seed: Mapping[str, Any], salt: bytes = SALT) -> dict[str, Any]:
    [site] = anonymize_seed(seed, salt)["sites"]
    assert isinstance(site, dict)
    return site


def test_every_name_is_replaced_and_everything_else_is_unchanged() -> None:
    assert anonymize_seed(FRIENDS, SALT) == {
        "mockscope": 1,
        "sites": [
            {
                "host": "rozahos_lasupa:tibelet",
                "policy": {"page_size": 2},
                "groups": [
                    {"name": "Administrators", "access": "Sql"},
                    {"name": "Gigakan&Kolijus/Dírúpós Polelat", "access": "Discovery"},
                    {"name": "Jegemir Lubobes", "access": "View"},
                ],
                "users": [
                    {"email": "dogabex@juzubun.refonur.example", "first_name": "Dogabex", "last_name": "Rigadit"},
                    {
                        "email": "pezimul+zatehen@hugadal.gajune.example",
                        "first_name": "Pezimul",
                        "last_name": "Lukusox",
                    },
                    {
                        "email": "pezimul@hugadal.gajune.example",
                        "first_name": "Pezimul",
                        "last_name": "Lukusox",
                        "groups": [],
                    },
                    {
                        "email": "vekemim.fazetax@gajune.example",
                        "first_name": "Vekemim",
                        "last_name": "Fazetax",
                        "groups": ["Administrators", "Jegemir Lubobes"],
                        "last_login_at": "2014-02-06T23:46:07.118Z",
                        "tfa_enabled": True,
                    },
                ],
                "dashboards": [
                    {
                        "name": "Hazasol'Ferapel Defolus",
                        "owner": "vekemim.fazetax@gajune.example",
                        "access": {"All Users": "View", "Jegemir Lubobes": "Edit"},
                    }
                ],
            }
        ],
    }


def test_the_api_key_of_a_site_is_left_out() -> None:
    assert "api_key" not in only_site(FRIENDS)


def test_another_salt_gives_other_people() -> None:
    ours, theirs = (
        {user["email"] for user in only_site(FRIENDS, salt)["users"]} for salt in (b"central_perk", b"central park")
    )
    assert ours & theirs == set()


def test_the_order_of_the_records_does_not_matter_and_is_not_preserved() -> None:
    [site] = FRIENDS["sites"]
    turned = {name: list(reversed(value)) if isinstance(value, list) else value for name, value in site.items()}

    assert anonymize_seed({"mockscope": 1, "sites": [turned]}, SALT) == anonymize_seed(FRIENDS, SALT)
    names = [user["email"] for user in only_site(FRIENDS)["users"]]
    assert names == sorted(names)


def renamed(*emails: str) -> list[str]:
    """Return the new emails for some emails, in the same order."""
    # Each is found again by the time of a login.
    users = [
        {
            "email": email,
            "first_name": "Joey",
            "last_name": "Tribbiani",
            "last_login_at": f"2014-02-06T23:46:{place:02}.000Z",
        }
        for place, email in enumerate(emails)
    ]
    site = only_site({"mockscope": 1, "sites": [{"host": "a", "users": users}]})
    return [user["email"] for user in sorted(site["users"], key=lambda user: str(user["last_login_at"]))]


def test_emails_of_one_domain_still_share_a_domain() -> None:
    one, another, upper, other = renamed("a@example.com", "b@example.com", "c@EXAMPLE.com", "d@example.org")

    domains = [email.partition("@")[2] for email in (one, another, upper, other)]
    assert domains[0] == domains[1] == domains[2] != domains[3]
    assert [domain.rpartition(".")[2] for domain in domains] == ["example"] * 4


def test_a_subdomain_stays_a_subdomain() -> None:
    domain, host, deeper, bare = (
        email.partition("@")[2]
        for email in renamed(
            "a@perk.example.com", "a@mail.perk.example.com", "a@x.mail.perk.example.com", "a@localhost"
        )
    )
    assert host.endswith(f".{domain}")
    assert deeper.endswith(f".{host}")
    assert [each.count(".") for each in (domain, host, deeper, bare)] == [2, 3, 4, 1]


def test_a_plus_tag_stays_a_tag_of_the_same_person() -> None:
    person, one, another, tagged = renamed(
        "joey@example.com", "joey+a@example.com", "joey+b@example.com", "monica+a@example.com"
    )
    local = person.partition("@")[0]
    assert re.fullmatch(rf"{local}\+[a-z]+@.*", one)
    assert re.fullmatch(rf"{local}\+[a-z]+@.*", another)
    assert len({person, one, another, tagged}) == 4
    # The tag is the same one for everybody.
    assert one.partition("+")[2] == tagged.partition("+")[2]


def test_the_number_of_plus_signs_is_unchanged() -> None:
    emails = [
        "joey+@example.com",
        "joey++++++@example.com",
        "joey+a+b@example.com",
        "+a@example.com",
        "+.+@example.com",
    ]
    shapes = [re.sub(r"[a-z]+", "a", email.partition("@")[0]) for email in renamed(*emails)]

    assert shapes == ["a+", "a++++++", "a+a+a", "a+a", "a+a+"]


def test_a_name_that_matches_the_email_still_matches() -> None:
    site = only_site(FRIENDS)
    [monica] = [user for user in site["users"] if user.get("tfa_enabled")]

    assert monica["email"].partition("@")[0] == f"{monica['first_name']}.{monica['last_name']}".lower()


def test_punctuation_and_scripts_keep_their_places() -> None:
    names = ["R&D / Müller", "a+b", "50% off", "%2F", "経営", "?#", "....", "_x_"]
    site = only_site(
        {"mockscope": 1, "sites": [{"host": "a", "dashboards": [{"name": name, "access": {}} for name in names]}]}
    )

    def shape(name: str) -> str:
        return re.sub(r"[a-záéíóúA-Z]+", lambda found: "a" if found[0].isascii() else "ä", name)

    # A name of signs alone is a word now, because it is a name.
    assert sorted(shape(board["name"]) for board in site["dashboards"]) == sorted(
        ["a&a / ä", "a+a", "a% a", "%a", "ä", "a", "a", "_a_"]
    )


def test_a_person_gets_the_same_name_on_every_site() -> None:
    user = {"email": "joey@example.com", "first_name": "Joey", "last_name": "Tribbiani"}
    made = anonymize_seed({"mockscope": 1, "sites": [{"host": host, "users": [user]} for host in ("a", "b")]}, SALT)

    one, another = (site["users"] for site in made["sites"])
    assert one == another


def test_one_more_person_changes_no_other_name() -> None:
    users = [
        {"email": f"user{number}@example.com", "first_name": "Joey", "last_name": "Tribbiani"} for number in range(300)
    ]
    few, more = (
        {
            user["email"]
            for user in only_site({"mockscope": 1, "sites": [{"host": "a", "users": users[:size]}]})["users"]
        }
        for size in (299, 300)
    )
    assert (few <= more, len(more)) == (True, 300)


# Of words with one syllable there are few, so that many are taken.
SHORT_OF_WORDS: Final = """
import mockscope.remote.anonymize as module
module.SYLLABLES, module.ENDS = 1, ("",) * 8
groups = [{"name": f"group {number}", "access": "Sql"} for number in range(200)]
for order in (groups, groups[::-1]):
    [site] = module.anonymize_seed({"mockscope": 1, "sites": [{"host": "a", "groups": order}]}, b"salt")["sites"]
    print(len({group["name"] for group in site["groups"]}), [group["name"] for group in site["groups"]])
"""


def test_more_people_than_words_get_distinct_names_that_are_the_same_in_every_process() -> None:
    first, second = (
        subprocess.run(
            [sys.executable, "-c", SHORT_OF_WORDS],
            env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            timeout=300,
            check=True,
        ).stdout
        for seed in ("1", "2")
    )

    once, again = first.splitlines()
    assert (once == again, first == second, once.split()[0]) == (True, True, "200")


# -- any seed --------------------------------------------------------------------------------------------------


@st.composite
def seeds(draw: st.DrawFn) -> dict[str, Any]:
    sites = draw(
        st.lists(strategies.sites(strategies.policies()), min_size=1, max_size=2, unique_by=lambda s: s["host"])
    )
    return {"mockscope": 1, "sites": sites}


def originals(seed: Mapping[str, Any]) -> set[str]:
    """Return every text of a seed that could name a person."""
    found: set[str] = set()
    for site in seed["sites"]:
        found.add(site["host"])
        for user in site["users"]:
            local, _, domain = user["email"].partition("@")
            found |= {user["email"], local, domain, user["first_name"], user["last_name"]}
        found |= {record["name"] for kind in ("groups", "dashboards") for record in site[kind]}
    return {text.casefold() for text in found - set(BUILTIN_GROUPS)}


def replacements(seed: Mapping[str, Any]) -> Iterator[str]:
    """Return every text that replaced a name, without the reserved top-level domain."""
    for site in seed["sites"]:
        yield site["host"]
        for user in site["users"]:
            yield from (user["email"].removesuffix(".example"), user["first_name"], user["last_name"])
            yield from user.get("groups", ())
        for board in site["dashboards"]:
            yield from (board["name"], (board.get("owner") or "").removesuffix(".example"), *board.get("access", ()))
        yield from (group["name"] for group in site["groups"])


def shape(seed: Mapping[str, Any]) -> list[str]:
    """Return the parts that stay: numbers, times, flags, access words, and the sets of members."""
    return sorted(json.dumps(site_shape(site), sort_keys=True) for site in Mockscope(seed).export()["sites"])


def site_shape(site: Mapping[str, Any]) -> dict[str, Any]:
    users, boards = site["users"], site["dashboards"]
    return {
        "switches": (site["enabled"], site["policy"]),
        "groups": sorted(
            (
                group["name"] if group["name"] in BUILTIN_GROUPS else "",
                group["access"],
                sum(group["name"] in user["groups"] for user in users),
                sorted(board["access"].get(group["name"], "") for board in boards),
            )
            for group in site["groups"]
        ),
        "users": sorted(
            (
                str(user["last_login_at"]),
                str(user["password_updated_at"]),
                user["tfa_enabled"],
                [name if name in BUILTIN_GROUPS else "" for name in user["groups"]],
                user["email"].count("+"),
                sum(domain_of(user) == domain_of(other) for other in users),
                sum(board["owner"] == user["email"] for board in boards),
            )
            for user in users
        ),
        "dashboards": sorted((sorted(board["access"].values()), board["owner"] is None) for board in boards),
    }


def domain_of(user: Mapping[str, Any]) -> str:
    return str(user["email"]).partition("@")[2].lower()


@settings(max_examples=examples(40), deadline=None)
@given(seed=seeds(), salt=st.binary(max_size=20), order=st.randoms(use_true_random=False))
def test_any_seed_keeps_its_shape_and_no_name(seed: dict[str, Any], salt: bytes, order: random.Random) -> None:
    made = anonymize_seed(seed, salt)

    assert shape(made) == shape(seed)
    assert not any("api_key" in site for site in made["sites"])

    replaced = [text.casefold() for text in replacements(made)]
    sought = originals(seed)
    assert sought.isdisjoint(set(replaced) - {name.casefold() for name in BUILTIN_GROUPS})
    # Punctuation alone is not a name; the names of built-in groups are not personal.
    longer = {text for text in sought if len(text) >= MIN_AVOIDED_LENGTH and re.search(r"[^\W_]", text)}
    assert [
        (text, each)
        for each in replaced
        for text in longer
        if text in each and each not in {name.casefold() for name in BUILTIN_GROUPS}
    ] == []

    for site in seed["sites"]:
        for kind in ("groups", "users", "dashboards"):
            order.shuffle(site[kind])
    order.shuffle(seed["sites"])
    assert anonymize_seed(seed, salt) == made


def test_people_with_all_replacement_names_keep_none_of_their_own() -> None:
    crowd = Mockscope({"mockscope": 1, "sites": [{"host": "crowd", "generate": {"users": 600, "groups": 100}}]})
    export = crowd.export()
    made = anonymize_seed(export, SALT)
    text = "\n".join(replacements(made)).casefold()

    assert len(Mockscope(made).sites) == 1
    # One that is shorter is in some word by chance.
    left = {name for name in originals(export) if len(name) >= MIN_AVOIDED_LENGTH and name in text}
    assert left == set()
