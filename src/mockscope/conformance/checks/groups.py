"""The rules of groups: GROUP-1 to 5, GROUP-GET-1, GROUP-CREATE-1 to 3, GROUP-UPDATE-1 to 3, GROUP-DELETE, BUILTIN."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final
from urllib.parse import quote

from mockscope._vendor import ALL_USERS, BUILTIN_GROUPS, CREATOR_FIELD, GROUP_FIELDS, GROUPS_PATH
from mockscope.conformance.check_factories import (
    BAD_TEXTS,
    Check,
    creates,
    expects,
    refuses_alike,
    unobservable,
    updates,
)
from mockscope.conformance.listing import GROUP, USER, JSONObject
from mockscope.conformance.outcome import DRY_RUN, FULL, OK, expect, expect_same_refusal, expect_status, skip_unless
from mockscope.conformance.record_checks import (
    check_create,
    check_delete,
    check_update,
    check_update_response,
    field_in,
    has_record,
    record_in,
)
from mockscope.conformance.session import Session
from mockscope.remote.client import group_path
from mockscope.remote.exchange import Exchange

KEYS: Final = [*GROUP_FIELDS]
WORDS: Final = ("Sql", "Discovery", "View")
SPELLINGS: Final = {"SQL": "Sql", "discovery": "Discovery", "dISCOVERY": "Discovery", "View": "View"}
OTHER_WORDS: Final = ("", "edit", "sql ", 5, None, ["sql"])
# Another word of access is for GROUP-2.
TEXTS: Final = ("name", CREATOR_FIELD)
# The most groups of the site that are asked for one by one.
MAX_GROUPS: Final = 5
PLAIN: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 _-")


# -- GROUP-1 to GROUP-4 ----------------------------------------------------------------------------------------


def _keys_in_order(session: Session) -> None:
    for name in session.group_names[:MAX_GROUPS]:
        session.get_record(GROUP, name)
    for response, group in session.shown_records(GROUP):
        keys = [*KEYS, "dashboards"] if response.body is group and response.exchange.method == "GET" else KEYS
        expected = f"a group has {', '.join(keys)} here, in this order, and nothing else"
        expect(group.names == keys, expected, response.exchange)


def _dashboards_in_order(session: Session) -> None:
    with_dashboards = [(response, group) for response, group in session.shown_records(GROUP) if "dashboards" in group]
    skip_unless(with_dashboards, "no group was shown with its dashboards")
    for response, group in with_dashboards:
        are_dashboards = _are_dashboards(group["dashboards"])
        expect(are_dashboards, "dashboards is a list of name and access, in order of name", response.exchange)


def _are_dashboards(found: Any) -> bool:
    if not isinstance(found, list) or not all(isinstance(each, JSONObject) and each.names == KEYS for each in found):
        return False
    names = [each["name"] for each in found]
    return all(isinstance(value, str) for each in found for value in each.values()) and names == sorted(names)


def _known_words(session: Session) -> None:
    for response, group in session.shown_records(GROUP):
        is_known = group.get("access", WORDS[0]) in WORDS
        expect(is_known, f"access comes out as one of {', '.join(WORDS)}", response.exchange)


def _words_come_out(session: Session) -> None:
    for spelling, word in SPELLINGS.items():
        exchange = session.get_record(GROUP, session.create_own(GROUP, access=spelling))
        expect(record_in(exchange).get("access") == word, f"{spelling} comes out as {word}", exchange)


def _fresh_site(session: Session) -> None:
    users, groups = session.listing(USER), session.listing(GROUP)
    is_fresh = users.is_complete and groups.is_complete and len(users.keys) == 1 and len(groups.keys) == 2
    skip_unless(is_fresh, "only a fresh site can tell, and this one is in use")
    both = session.site_groups == [{"name": name, "access": "Sql"} for name in BUILTIN_GROUPS]
    expect(both, f"a fresh site has {' and '.join(BUILTIN_GROUPS)}, both Sql", groups.pages[0].exchange)
    is_member = [user["groups"] for user in session.site_users] == [list(BUILTIN_GROUPS)]
    expect(is_member, "a fresh site has one administrator, a member of both groups", users.pages[0].exchange)


# -- GROUP-5, GROUP-GET-1 --------------------------------------------------------------------------------------


def _plain(session: Session) -> list[str]:
    """Return the groups that have plain names.

    Raises:
        OutcomeException: If the site has no such group.
    """
    names = [name for name in session.group_names if set(name) <= PLAIN]
    skip_unless(names, "no group was seen with a plain name")
    return names


def _other_spellings(session: Session) -> Iterator[Exchange]:
    """Send a GET of an unknown group, and of groups by what is not their name."""
    yield session.get_record(GROUP, session.names.group())
    for name in _plain(session)[:MAX_GROUPS]:
        yield session.get(f"{GROUPS_PATH}/{quote(_escaped(name), safe='')}")
        for other in (name.swapcase(), name.replace(" ", "+")):
            if other not in session.group_names:
                yield session.get(f"{GROUPS_PATH}/{quote(other, safe='+')}")


def _escaped(name: str) -> str:
    return "".join(f"%{byte:02X}" for byte in name.encode())


def _are_found(session: Session, names: list[str], path_of: Callable[[str], str] = group_path) -> None:
    for name in names:
        exchange = session.get(path_of(name))
        expect(has_record(exchange, GROUP, name), "200 with the group of that name", exchange)


def _decoded(session: Session) -> None:
    # That a group is found at all is for GROUP-GET-1.
    names = [name for name in _plain(session)[:MAX_GROUPS] if session.get_record(GROUP, name).status == 200]
    _are_found(session, names, lambda name: f"{GROUPS_PATH}/{_escaped(name)}")


def _any_name(session: Session) -> None:
    # None is made for it: a name that no path can hold could not be removed.
    unusual = [name for name in session.group_names if not set(name) <= PLAIN]
    skip_unless(unusual, "no group of the site has a slash, a dot, a + or another script in its name")
    _are_found(session, unusual[: 2 * MAX_GROUPS])


# -- GROUP-CREATE, GROUP-UPDATE --------------------------------------------------------------------------------


def _creator(session: Session) -> None:
    email = session.names.email()
    expect_status(OK, session.create(GROUP, created_by_email=..., create_by_email=session.inviter))
    expect_status(OK, session.create(GROUP, create_by_email=email))
    expect_status(400, session.create(GROUP, created_by_email=email, create_by_email=session.inviter))


def _any_creator(session: Session) -> None:
    exchange = session.create(GROUP, created_by_email=session.non_administrator)
    is_split = exchange.status < 300 or exchange.status == 400
    expect(is_split, session.policy.expected("creator_must_be_admin"), exchange)
    session.policy.observe("creator_must_be_admin", exchange.status == 400, exchange)


def _updated(session: Session) -> None:
    one, two, new = session.create_own(GROUP), session.create_own(GROUP), session.names.group()
    for name, changes in (
        (one, {"access": "discovery"}),
        (one, {}),
        (one, {"name": new}),
        (new, {"access": "sql"}),
        (two, {"name": session.names.group(), "access": "sql"}),
    ):
        check_update_response(GROUP, *check_update(session, GROUP, name, changes))


def _own_name(session: Session) -> None:
    name = session.create_own(GROUP)
    expect_status(OK, session.update(GROUP, name, {"name": name}))


def _renamed(session: Session) -> None:
    old, new, other = session.create_own(GROUP), session.names.group(), session.create_own(GROUP)
    email = session.create_own(USER, groups=[other, old])
    renamed = session.update(GROUP, old, {"name": new})
    skip_unless(renamed.status < 300, "no group can be renamed (GROUP-UPDATE-1)")
    exchange = session.get_record(USER, email)
    groups = field_in(exchange, "groups") or []
    is_moved = new in groups and other in groups and old not in groups
    expect(is_moved, "members of a group that is renamed stay its members", renamed, exchange)
    expect_same_refusal(session.get_record(GROUP, session.names.group()), session.get_record(GROUP, old))


# -- GROUP-DELETE, GROUP-BUILTIN -------------------------------------------------------------------------------


def _members_stay(session: Session) -> None:
    name, other = session.create_own(GROUP), session.create_own(GROUP)
    emails = session.create_own(USER, groups=[other, name]), session.create_own(USER, groups=[name])
    skip_unless(session.delete(GROUP, name).status < 300, "no group can be deleted (GROUP-DELETE-1)")
    for email, groups in zip(emails, ([other], [ALL_USERS]), strict=True):
        exchange = session.get_record(USER, email)
        stays = exchange.status == 200 and field_in(exchange, "groups") in (groups, [ALL_USERS, *groups])
        expect(stays, f"a member stays a user, and is in {groups[0]} now", exchange)


def _built_in(session: Session) -> list[str]:
    session.prove_test_mode("PUT", GROUP)
    names = [name for name in session.group_names if name in BUILTIN_GROUPS]
    skip_unless(names, "the site has no built-in groups")
    return names


def _built_in_groups_stay(session: Session) -> None:
    session.prove_test_mode("DELETE", GROUP)
    tries: list[Exchange] = []
    for name in _built_in(session):
        path, rename = group_path(name), {"name": session.names.group()}
        tries += [session.write_in_test_mode("DELETE", path), session.write_in_test_mode("PUT", path, json=rename)]
    are_refused = {exchange.status == 400 for exchange in tries}
    is_split = len(are_refused) == 1 and all(exchange.status < 300 or exchange.status == 400 for exchange in tries)
    expect(is_split, session.policy.expected("protect_builtin_groups"), *tries)
    session.policy.observe("protect_builtin_groups", are_refused.pop(), *tries)


def _access_of_built_in_groups(session: Session) -> None:
    for name in _built_in(session):
        expect_status(OK, session.write_in_test_mode("PUT", group_path(name), json={"access": "view"}))


CHECKS: Final = (
    Check("GROUP-1", "A group has the keys of the page, in its order", _keys_in_order, runs_last=True),
    Check("GROUP-1", "Dashboards come with name and access, in order", _dashboards_in_order, runs_last=True),
    Check("GROUP-2", "Access comes out as Sql, Discovery or View", _known_words, runs_last=True),
    creates("GROUP-2", "Access in any case", OK, GROUP, ["access"], *SPELLINGS),
    creates("GROUP-2", "Any other access", 400, GROUP, ["access"], *OTHER_WORDS),
    updates("GROUP-2", "Any other access in an update", 400, GROUP, ["access"], *OTHER_WORDS),
    Check("GROUP-2", "Access comes out in one spelling, whatever went in", _words_come_out, FULL),
    unobservable("GROUP-3", "no response of the API shows what an access allows"),
    Check("GROUP-4", "A fresh site has two groups and one administrator", _fresh_site),
    Check("GROUP-5", "A name in a path is decoded", _decoded),
    refuses_alike("GROUP-5", "A name in another case, with + for a blank, or escaped twice", _other_spellings),
    Check("GROUP-5", "A name may hold anything", _any_name),
    Check("GROUP-GET-1", "A known group is 200", lambda s: _are_found(s, _plain(s)[:MAX_GROUPS])),
    expects("GROUP-GET-1", "An unknown group", 404, lambda s: [s.get_record(GROUP, s.names.group())]),
    creates("GROUP-CREATE-1", "A missing field", 400, GROUP, [*TEXTS, "access"], ...),
    creates("GROUP-CREATE-1", "A field that is blank, null or of another type", 400, GROUP, TEXTS, *BAD_TEXTS),
    Check("GROUP-CREATE-1", "create_by_email is read too, and created_by_email wins", _creator, DRY_RUN),
    creates("GROUP-CREATE-2", "An unknown creator", 400, GROUP, [CREATOR_FIELD], lambda s: s.names.email()),
    Check("GROUP-CREATE-2", "A creator need not be an administrator", _any_creator, DRY_RUN),
    expects("GROUP-CREATE-3", "A name that is taken", 409, lambda s: [s.create(GROUP, **s.existing(GROUP))], DRY_RUN),
    Check("GROUP-CREATE-3", "A create is 201 with the group", partial(check_create, kind=GROUP, values={}), FULL),
    expects("GROUP-UPDATE-1", "An empty update", OK, lambda s: [s.update(GROUP, s.update_target(GROUP), {})], DRY_RUN),
    Check("GROUP-UPDATE-1", "An update is 200 with the group as it now is", _updated, FULL),
    updates("GROUP-UPDATE-1", "A blank or mistyped name", 400, GROUP, ["name"], *BAD_TEXTS),
    expects("GROUP-UPDATE-2", "An unknown group", 404, lambda s: [s.update(GROUP, s.names.group(), {})], DRY_RUN),
    updates("GROUP-UPDATE-2", "A new name that is taken", 409, GROUP, ["name"], lambda s: s.create_own(GROUP)),
    Check("GROUP-UPDATE-2", "A group may be given the name that it has", _own_name, FULL),
    Check("GROUP-UPDATE-3", "A renamed group keeps its members, and its old path is gone", _renamed, FULL),
    expects("GROUP-DELETE-1", "An unknown group", 404, lambda s: [s.delete(GROUP, s.names.group())], DRY_RUN),
    Check("GROUP-DELETE-1", "A deletion is 200 with the message of the page", partial(check_delete, kind=GROUP), FULL),
    Check("GROUP-DELETE-2", "Members stay users, those without another group in All Users", _members_stay, FULL),
    Check("GROUP-BUILTIN-1", "Built-in groups cannot be deleted or renamed", _built_in_groups_stay, FULL),
    Check("GROUP-BUILTIN-1", "The access of built-in groups can be changed", _access_of_built_in_groups, FULL),
)
