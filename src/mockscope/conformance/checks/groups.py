"""The rules of groups: GROUP-1 to 5, GROUP-GET-1, GROUP-CREATE-1 to 3, GROUP-UPDATE-1 to 3, GROUP-DELETE, BUILTIN."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final
from urllib.parse import quote

from mockscope._vendor import ALL_USERS, BUILTIN_GROUPS, GROUP_FIELDS, GROUPS_PATH
from mockscope.conformance.check_factories import BAD_TEXTS, Check, creates, expects, refuses_alike, untestable, updates
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

FIELDS: Final = [*GROUP_FIELDS]
ACCESS_VALUES: Final = ("Sql", "Discovery", "View")
SPELLINGS: Final = {"SQL": "Sql", "discovery": "Discovery", "dISCOVERY": "Discovery", "View": "View"}
BAD_ACCESS_VALUES: Final = ("", "edit", "sql ", 5, None, ["sql"])
# GROUP-2 checks invalid values of access.
TEXT_FIELDS: Final = ("name", "created_by_email")
# The maximum number of groups of the site that are read one by one.
MAX_GROUPS: Final = 5
PLAIN_CHARACTERS: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 _-")


# -- GROUP-1 to GROUP-4 ----------------------------------------------------------------------------------------


def _check_fields(session: Session) -> None:
    for name in session.group_names[:MAX_GROUPS]:
        session.get_record(GROUP, name)
    for response, group in session.shown_records(GROUP):
        keys = [*FIELDS, "dashboards"] if response.body is group and response.exchange.method == "GET" else FIELDS
        expected = f"a group has {', '.join(keys)} here, in this order, and nothing else"
        expect(group.names == keys, expected, response.exchange)


def _check_dashboards(session: Session) -> None:
    with_dashboards = [(response, group) for response, group in session.shown_records(GROUP) if "dashboards" in group]
    skip_unless(with_dashboards, "no response has a group with dashboards")
    for response, group in with_dashboards:
        are_dashboards = _are_dashboards(group["dashboards"])
        expect(are_dashboards, "dashboards is a list of name and access, in order of name", response.exchange)


def _are_dashboards(found: Any) -> bool:
    if not isinstance(found, list) or not all(isinstance(each, JSONObject) and each.names == FIELDS for each in found):
        return False
    names = [each["name"] for each in found]
    return all(isinstance(value, str) for each in found for value in each.values()) and names == sorted(names)


def _check_access_values(session: Session) -> None:
    for response, group in session.shown_records(GROUP):
        is_known = group.get("access", ACCESS_VALUES[0]) in ACCESS_VALUES
        expect(is_known, f"access in responses is one of {', '.join(ACCESS_VALUES)}", response.exchange)


def _check_access_spellings(session: Session) -> None:
    for spelling, word in SPELLINGS.items():
        exchange = session.get_record(GROUP, session.create_own(GROUP, access=spelling))
        expect(record_in(exchange).get("access") == word, f"access {spelling} is {word} in responses", exchange)


def _check_initial_site(session: Session) -> None:
    users, groups = session.listing(USER), session.listing(GROUP)
    is_fresh = users.is_complete and groups.is_complete and len(users.keys) == 1 and len(groups.keys) == 2
    skip_unless(is_fresh, "the check needs a fresh site, and this one is in use")
    both = session.site_groups == [{"name": name, "access": "Sql"} for name in BUILTIN_GROUPS]
    expect(both, f"a fresh site has {' and '.join(BUILTIN_GROUPS)}, both Sql", groups.pages[0].exchange)
    is_member = [user["groups"] for user in session.site_users] == [list(BUILTIN_GROUPS)]
    expect(is_member, "a fresh site has one administrator, a member of both groups", users.pages[0].exchange)


# -- GROUP-5, GROUP-GET-1 --------------------------------------------------------------------------------------


def _plain_group_names(session: Session) -> list[str]:
    """Return the groups whose names have only ASCII letters, digits, spaces, _ and -.

    Raises:
        OutcomeException: If the site has no such group.
    """
    names = [name for name in session.group_names if set(name) <= PLAIN_CHARACTERS]
    skip_unless(names, "the site has no group with a plain name")
    return names


def _get_other_spellings(session: Session) -> Iterator[Exchange]:
    """Send a GET for an unknown group, and for groups under other spellings of their names."""
    yield session.get_record(GROUP, session.names.group())
    for name in _plain_group_names(session)[:MAX_GROUPS]:
        yield session.get(f"{GROUPS_PATH}/{quote(_percent_encode(name), safe='')}")
        for other in (name.swapcase(), name.replace(" ", "+")):
            if other not in session.group_names:
                yield session.get(f"{GROUPS_PATH}/{quote(other, safe='+')}")


def _percent_encode(name: str) -> str:
    return "".join(f"%{byte:02X}" for byte in name.encode())


def _expect_groups(session: Session, names: list[str], path_of: Callable[[str], str] = group_path) -> None:
    for name in names:
        exchange = session.get(path_of(name))
        expect(has_record(exchange, GROUP, name), "200 with the group of that name", exchange)


def _check_escaped_names(session: Session) -> None:
    # GROUP-GET-1 checks that a group is found at all.
    names = [name for name in _plain_group_names(session)[:MAX_GROUPS] if session.get_record(GROUP, name).status == 200]
    _expect_groups(session, names, lambda name: f"{GROUPS_PATH}/{_percent_encode(name)}")


def _check_unusual_names(session: Session) -> None:
    # The check creates no group: one whose name is not usable in a path could not be removed.
    unusual = [name for name in session.group_names if not set(name) <= PLAIN_CHARACTERS]
    skip_unless(unusual, "no group of the site has a slash, a dot, a + or another script in its name")
    _expect_groups(session, unusual[: 2 * MAX_GROUPS])


# -- GROUP-CREATE, GROUP-UPDATE --------------------------------------------------------------------------------


def _check_creator_fields(session: Session) -> None:
    email = session.names.email()
    expect_status(OK, session.create(GROUP, created_by_email=..., create_by_email=session.inviter))
    expect_status(OK, session.create(GROUP, create_by_email=email))
    expect_status(400, session.create(GROUP, created_by_email=email, create_by_email=session.inviter))


def _check_creator_access(session: Session) -> None:
    exchange = session.create(GROUP, created_by_email=session.non_administrator)
    session.policy.observe_refusal("creator_must_be_admin", exchange)


def _check_updates(session: Session) -> None:
    one, two, new = session.create_own(GROUP), session.create_own(GROUP), session.names.group()
    for name, changes in (
        (one, {"access": "discovery"}),
        (one, {}),
        (one, {"name": new}),
        (new, {"access": "sql"}),
        (two, {"name": session.names.group(), "access": "sql"}),
    ):
        check_update_response(GROUP, *check_update(session, GROUP, name, changes))


def _check_rename_to_itself(session: Session) -> None:
    name = session.create_own(GROUP)
    expect_status(OK, session.update(GROUP, name, {"name": name}))


def _check_rename(session: Session) -> None:
    old, new, other = session.create_own(GROUP), session.names.group(), session.create_own(GROUP)
    email = session.create_own(USER, groups=[other, old])
    renamed = session.update(GROUP, old, {"name": new})
    skip_unless(renamed.status < 300, "the server renames no group (GROUP-UPDATE-1)")
    exchange = session.get_record(USER, email)
    groups = field_in(exchange, "groups") or []
    is_moved = new in groups and other in groups and old not in groups
    expect(is_moved, "the members of a renamed group stay its members", renamed, exchange)
    expect_same_refusal(session.get_record(GROUP, session.names.group()), session.get_record(GROUP, old))


# -- GROUP-DELETE, GROUP-BUILTIN -------------------------------------------------------------------------------


def _check_members_of_deleted_group(session: Session) -> None:
    name, other = session.create_own(GROUP), session.create_own(GROUP)
    emails = session.create_own(USER, groups=[other, name]), session.create_own(USER, groups=[name])
    skip_unless(session.delete(GROUP, name).status < 300, "the server deletes no group (GROUP-DELETE-1)")
    for email, groups in zip(emails, ([other], [ALL_USERS]), strict=True):
        exchange = session.get_record(USER, email)
        stays = exchange.status == 200 and field_in(exchange, "groups") in (groups, [ALL_USERS, *groups])
        expect(stays, f"a member stays a user and is in {groups[0]}", exchange)


def _built_in_group_names(session: Session) -> list[str]:
    session.prove_test_mode("PUT", GROUP)
    names = [name for name in session.group_names if name in BUILTIN_GROUPS]
    skip_unless(names, "the site has no built-in groups")
    return names


def _check_built_in_groups(session: Session) -> None:
    session.prove_test_mode("DELETE", GROUP)
    tries: list[Exchange] = []
    for name in _built_in_group_names(session):
        path, rename = group_path(name), {"name": session.names.group()}
        tries += [session.write_in_test_mode("DELETE", path), session.write_in_test_mode("PUT", path, json=rename)]
    session.policy.observe_refusal("protect_builtin_groups", *tries)


def _check_access_of_built_in_groups(session: Session) -> None:
    for name in _built_in_group_names(session):
        expect_status(OK, session.write_in_test_mode("PUT", group_path(name), json={"access": "view"}))


CHECKS: Final = (
    Check("GROUP-1", "A group has the keys of the page, in its order", _check_fields, runs_last=True),
    Check("GROUP-1", "Dashboards come with name and access, in order", _check_dashboards, runs_last=True),
    Check("GROUP-2", "Access in responses is Sql, Discovery or View", _check_access_values, runs_last=True),
    creates("GROUP-2", "Access in any case", OK, GROUP, ["access"], *SPELLINGS),
    creates("GROUP-2", "Any other access", 400, GROUP, ["access"], *BAD_ACCESS_VALUES),
    updates("GROUP-2", "Any other access in an update", 400, GROUP, ["access"], *BAD_ACCESS_VALUES),
    Check("GROUP-2", "Access in responses has one spelling", _check_access_spellings, FULL),
    untestable("GROUP-3", "no response of the API shows what an access allows"),
    Check("GROUP-4", "A fresh site has two groups and one administrator", _check_initial_site),
    Check("GROUP-5", "A name in a path is decoded", _check_escaped_names),
    refuses_alike("GROUP-5", "A name in another case, with + for a blank, or escaped twice", _get_other_spellings),
    Check("GROUP-5", "A name may have any characters", _check_unusual_names),
    Check("GROUP-GET-1", "A known group is 200", lambda s: _expect_groups(s, _plain_group_names(s)[:MAX_GROUPS])),
    expects("GROUP-GET-1", "An unknown group", 404, lambda s: [s.get_record(GROUP, s.names.group())]),
    creates("GROUP-CREATE-1", "A missing field", 400, GROUP, [*TEXT_FIELDS, "access"], ...),
    creates("GROUP-CREATE-1", "A field that is blank, null or of another type", 400, GROUP, TEXT_FIELDS, *BAD_TEXTS),
    Check("GROUP-CREATE-1", "create_by_email is read too, and created_by_email wins", _check_creator_fields, DRY_RUN),
    creates("GROUP-CREATE-2", "An unknown creator", 400, GROUP, ["created_by_email"], lambda s: s.names.email()),
    Check("GROUP-CREATE-2", "A creator need not be an administrator", _check_creator_access, DRY_RUN),
    expects("GROUP-CREATE-3", "A name that is taken", 409, lambda s: [s.create(GROUP, **s.existing(GROUP))], DRY_RUN),
    Check("GROUP-CREATE-3", "A create is 201 with the group", partial(check_create, kind=GROUP, values={}), FULL),
    expects("GROUP-UPDATE-1", "An empty update", OK, lambda s: [s.update(GROUP, s.update_target(GROUP), {})], DRY_RUN),
    Check("GROUP-UPDATE-1", "An update is 200 with the group as it now is", _check_updates, FULL),
    updates("GROUP-UPDATE-1", "A blank or mistyped name", 400, GROUP, ["name"], *BAD_TEXTS),
    expects("GROUP-UPDATE-2", "An unknown group", 404, lambda s: [s.update(GROUP, s.names.group(), {})], DRY_RUN),
    updates("GROUP-UPDATE-2", "A new name that is taken", 409, GROUP, ["name"], lambda s: s.create_own(GROUP)),
    Check("GROUP-UPDATE-2", "A group may be given the name that it has", _check_rename_to_itself, FULL),
    Check("GROUP-UPDATE-3", "A renamed group keeps its members, and its old path is gone", _check_rename, FULL),
    expects("GROUP-DELETE-1", "An unknown group", 404, lambda s: [s.delete(GROUP, s.names.group())], DRY_RUN),
    Check("GROUP-DELETE-1", "A deletion is 200 with the message of the page", partial(check_delete, kind=GROUP), FULL),
    Check("GROUP-DELETE-2", "Members stay users, at least in All Users", _check_members_of_deleted_group, FULL),
    Check("GROUP-BUILTIN-1", "Built-in groups cannot be deleted or renamed", _check_built_in_groups, FULL),
    Check("GROUP-BUILTIN-1", "The access of built-in groups can be changed", _check_access_of_built_in_groups, FULL),
)
