"""The rules of groups: GROUP-1 to 5, GROUP-GET-1, GROUP-CREATE-1 to 3, GROUP-UPDATE-1 to 3, GROUP-DELETE, BUILTIN."""

from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import quote

from mockscope.checking.comparing import accepted, answered, field_of, refused, shown
from mockscope.checking.guard import ONE_GROUP
from mockscope.checking.outcome import Level, differs, unseen
from mockscope.checking.session import ADMINISTRATORS, ALL_USERS, Session
from mockscope.checking.table import Family
from mockscope.checking.walking import GROUP_LIST, USER_LIST, Fields, content
from mockscope.remote.client import GROUPS, group_path
from mockscope.remote.exchange import Exchange

FAMILY: Final = Family("Groups")
check = FAMILY.check

KEYS: Final = ["name", "access"]
WORDS: Final = ("Sql", "Discovery", "View")
SPELLINGS: Final = {"SQL": "Sql", "discovery": "Discovery", "dISCOVERY": "Discovery", "View": "View"}
OTHER_WORDS: Final = ("", "edit", "sql ", 5, None, ["sql"])
BUILT_IN: Final = (ADMINISTRATORS, ALL_USERS)
BLANKS: Final = ("", "  ")
MISTYPED: Final[tuple[object, ...]] = (5, ["Sales"])
# The most groups of the site that are asked for one by one.
MAX_GROUPS: Final = 5
PLAIN: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 _-")


# -- GROUP-1 to GROUP-3: look through all responses ------------------------------------------------------------


def _groups(session: Session) -> Iterator[tuple[Exchange, Any, list[str]]]:
    """Yield all groups that were shown, each with its exchange and the keys that it should have.

    Raises:
        Verdict: If there are none.
    """
    session.walk(GROUP_LIST)
    is_empty = True
    for exchange, body in session.answers:
        path = exchange.path.partition("?")[0].rstrip("/")
        is_one = ONE_GROUP.fullmatch(path) is not None
        if not (is_one or path == GROUPS) or exchange.status >= 300 or not isinstance(body, Fields):
            continue
        found: list[Any] = []
        if exchange.method == "GET" and not is_one:
            listed = body.get("groups")
            found = [group for group in listed if isinstance(group, Fields)] if isinstance(listed, list) else []
        elif exchange.method in ("GET", "POST", "PUT") and body.names != ["message"]:
            found = [body]
        is_empty = is_empty and not found
        keys = [*KEYS, "dashboards"] if is_one and exchange.method == "GET" else KEYS
        yield from ((exchange, group, keys) for group in found)
    if is_empty:
        raise unseen("no group was shown")


@check("GROUP-1", "A look at some groups")
def look_at_some(session: Session) -> None:
    for name in session.group_names[:MAX_GROUPS]:
        session.get_group(name)
    if not session.group_names:
        raise unseen("no group was seen")


@check("GROUP-1", "A group has the keys of the page, in its order", is_last=True)
def keys_in_order(session: Session) -> None:
    for exchange, group, keys in _groups(session):
        if group.names != keys:
            raise differs(f"a group has {', '.join(keys)} here, in this order, and nothing else", exchange)


@check("GROUP-1", "Dashboards come with name and access, in order", is_last=True)
def dashboards_in_order(session: Session) -> None:
    shown_with = [(exchange, group["dashboards"]) for exchange, group, _ in _groups(session) if "dashboards" in group]
    for exchange, boards in shown_with:
        if not _are_dashboards(boards):
            raise differs("dashboards is a list of name and access, in order of name", exchange)
    if not shown_with:
        raise unseen("no group was shown with its dashboards")


def _are_dashboards(boards: Any) -> bool:
    if not isinstance(boards, list):
        return False
    if not all(isinstance(board, Fields) and board.names == KEYS for board in boards):
        return False
    if not all(isinstance(board[name], str) for board in boards for name in KEYS):
        return False
    names = [board["name"] for board in boards]
    return names == sorted(names)


@check("GROUP-2", "Access comes out as Sql, Discovery or View", is_last=True)
def known_words(session: Session) -> None:
    for exchange, group, _ in _groups(session):
        if group.get("access", WORDS[0]) not in WORDS:
            raise differs(f"access comes out as one of {', '.join(WORDS)}", exchange)


@check("GROUP-2", "Access goes in in any case", Level.DRY_RUN)
def words_in_any_case(session: Session) -> None:
    for spelling in SPELLINGS:
        accepted(session.create_group(access=spelling))


@check("GROUP-2", "Any other access is 400", Level.DRY_RUN)
def other_words(session: Session) -> None:
    for word in OTHER_WORDS:
        refused(session.create_group(access=word))


@check("GROUP-2", "Any other access in an update is 400", Level.FULL)
def other_words_in_an_update(session: Session) -> None:
    for word in OTHER_WORDS:
        refused(session.update_group(session.spare_group, {"access": word}))


@check("GROUP-2", "Access comes out in one spelling, whatever went in", Level.FULL)
def words_come_out(session: Session) -> None:
    for spelling, word in SPELLINGS.items():
        exchange = session.get_group(session.own_group(access=spelling))
        if shown(exchange).get("access") != word:
            raise differs(f"{spelling} comes out as {word}", exchange)


FAMILY.cannot_see("GROUP-3", "no response of the API shows what an access allows")


# -- GROUP-4, GROUP-5, GROUP-GET-1 -----------------------------------------------------------------------------


@check("GROUP-4", "A fresh site has two groups and one administrator")
def fresh_site(session: Session) -> None:
    users, groups = session.walk(USER_LIST), session.walk(GROUP_LIST)
    if not (users.is_whole and groups.is_whole and len(users.keys) == 1 and len(groups.keys) == 2):
        raise unseen("only a fresh site can tell, and this one is in use")
    if session.site_groups != [{"name": name, "access": "Sql"} for name in BUILT_IN]:
        raise differs(f"a fresh site has {' and '.join(BUILT_IN)}, both Sql", groups.pages[0].exchange)
    if [user["groups"] for user in session.site_users] != [list(BUILT_IN)]:
        raise differs("a fresh site has one administrator, a member of both groups", users.pages[0].exchange)


def _is_shown(exchange: Exchange, name: str) -> None:
    if exchange.status != 200 or GROUP_LIST.key(content(exchange)) != name:
        raise differs("200 with the group of that name", exchange)


def _plain(session: Session) -> list[str]:
    return [name for name in session.group_names if set(name) <= PLAIN]


@check("GROUP-5", "Names differ by case")
def another_case(session: Session) -> None:
    for name in sorted(_plain(session)):
        other = name.swapcase()
        if other not in session.group_names and session.get_group(name).status == 200:
            return refused(session.get_group(other), status=session.no_such_group)
    raise unseen("no group was seen whose name could be written in another case")


@check("GROUP-5", "A name in a path is decoded once")
def decoded_once(session: Session) -> None:
    for name in _plain(session):
        if session.get_group(name).status == 200:
            escaped = "".join(f"%{byte:02X}" for byte in name.encode())
            _is_shown(session.get(f"{GROUPS}/{escaped}"), name)
            return refused(session.get(f"{GROUPS}/{quote(escaped, safe='')}"), status=session.no_such_group)
    raise unseen("no group was seen with a plain name")


@check("GROUP-5", "A + in a path is not a blank")
def plus_is_not_a_blank(session: Session) -> None:
    for name in sorted(_plain(session)):
        other = name.replace(" ", "+")
        if " " in name and other not in session.group_names:
            return refused(session.get(f"{GROUPS}/{other}"), status=session.no_such_group)
    raise unseen("no group was seen with a blank in its name")


@check("GROUP-5", "A name may hold anything")
def any_name(session: Session) -> None:
    # None is made for it: a name that no path can hold could not be removed.
    unusual = [name for name in session.group_names if not set(name) <= PLAIN]
    if not unusual:
        raise unseen("no group of the site has a slash, a dot, a + or another script in its name")
    for name in unusual[: 2 * MAX_GROUPS]:
        _is_shown(session.get_group(name), name)


@check("GROUP-GET-1", "A known group is 200")
def known_groups(session: Session) -> None:
    if not _plain(session):
        raise unseen("no group was seen")
    for name in _plain(session)[:MAX_GROUPS]:
        _is_shown(session.get_group(name), name)


@check("GROUP-GET-1", "An unknown group is 404")
def an_unknown_group(session: Session) -> None:
    refused(session.get_group(session.names.group()), status=404)


# -- GROUP-CREATE ----------------------------------------------------------------------------------------------


@check("GROUP-CREATE-1", "A missing field is 400", Level.DRY_RUN, names=("name", "access", "created_by_email"))
def required(session: Session, names: tuple[str, ...], values: tuple[object, ...] = (...,)) -> None:
    for name in names:
        for value in values:
            refused(session.create_group(**{name: value}))


# Another word of access is for GROUP-2.
TEXTS: Final = ("name", "created_by_email")
check("GROUP-CREATE-1", "A blank field is 400", Level.DRY_RUN, names=TEXTS, values=BLANKS)(required)
check("GROUP-CREATE-1", "A field that is null is 400", Level.DRY_RUN, names=TEXTS, values=(None,))(required)
check("GROUP-CREATE-1", "A field of another type is 400", Level.DRY_RUN, names=TEXTS, values=MISTYPED)(required)


@check("GROUP-CREATE-1", "create_by_email is read too", Level.DRY_RUN)
def both_names_of_the_creator(session: Session) -> None:
    accepted(session.create_group(created_by_email=..., create_by_email=session.inviter))


@check("GROUP-CREATE-1", "created_by_email wins over create_by_email", Level.DRY_RUN)
def former_name_wins(session: Session) -> None:
    nobody = session.names.email()
    accepted(session.create_group(create_by_email=nobody))
    refused(session.create_group(created_by_email=nobody, create_by_email=session.inviter))


@check("GROUP-CREATE-2", "An unknown creator is 400", Level.DRY_RUN)
def unknown_creator(session: Session) -> None:
    refused(session.create_group(created_by_email=session.names.email()))


@check("GROUP-CREATE-2", "A creator need not be an administrator", Level.DRY_RUN)
def any_creator(session: Session) -> None:
    exchange = session.create_group(created_by_email=session.outsider)
    if exchange.status >= 300 and exchange.status != 400:
        raise differs(session.readings.expected("creator_must_be_admin"), exchange)
    session.readings.judge("creator_must_be_admin", exchange.status == 400, exchange)


@check("GROUP-CREATE-3", "A name that is taken is 409", Level.DRY_RUN)
def name_taken(session: Session) -> None:
    refused(session.write("POST", GROUPS, json=session.taken_group()), status=409)


@check("GROUP-CREATE-3", "A create is 201 with the group", Level.FULL)
def created(session: Session) -> None:
    body = session.new_group(access="sql")
    exchange = session.write("POST", GROUPS, json=body)
    if exchange.status != 201 or not _has(exchange, body):
        raise differs("a create is 201 with the group", exchange)
    after = session.get_group(str(body["name"]))
    if after.status != 200:
        raise differs("the group is there from then on", exchange, after)


def _has(exchange: Exchange, expected: Mapping[str, object]) -> bool:
    """Return whether a group is shown like this. A missing key is for GROUP-1, the spelling of access for GROUP-2."""
    record = content(exchange)
    if not isinstance(record, Fields):
        return False
    return record.get("name", expected["name"]) == expected["name"] and (
        str(record.get("access", expected.get("access"))).lower() == str(expected.get("access")).lower()
    )


# -- GROUP-UPDATE ----------------------------------------------------------------------------------------------


@check("GROUP-UPDATE-1", "An empty update is accepted", Level.DRY_RUN)
def empty_update(session: Session) -> None:
    accepted(session.update_group(session.subject_group(), {}))


def _is_changed(session: Session, name: str, changes: dict[str, str]) -> None:
    before = shown(session.get_group(name))
    exchange = session.update_group(name, changes)
    after = session.get_group(changes.get("name", name))
    expected = {key: before[key] for key in KEYS if key in before} | changes
    if exchange.status != 200 or not _has(exchange, expected):
        raise differs("an update is 200 with the group as it now is", exchange)
    if after.status != 200 or not _has(after, expected):
        raise differs("what was sent is changed, and what was left out stays", exchange, after)


@check("GROUP-UPDATE-1", "An update is 200 with the group as it now is", Level.FULL)
def updated(session: Session) -> None:
    one, two, new = session.own_group(), session.own_group(), session.names.group()
    for name, changes in ((one, {"access": "discovery"}), (one, {}), (one, {"name": new}), (new, {"access": "sql"})):
        _is_changed(session, name, changes)
    _is_changed(session, two, {"name": session.names.group(), "access": "sql"})


@check("GROUP-UPDATE-1", "A blank or mistyped name is 400", Level.FULL)
def bad_names_in_an_update(session: Session) -> None:
    for name in (*BLANKS, None, *MISTYPED):
        refused(session.update_group(session.spare_group, {"name": name}))


@check("GROUP-UPDATE-2", "An update of an unknown group is 404", Level.DRY_RUN)
def update_of_an_unknown_group(session: Session) -> None:
    refused(session.update_group(session.names.group(), {}), status=404)


@check("GROUP-UPDATE-2", "A new name that is taken is 409", Level.FULL)
def new_name_taken(session: Session) -> None:
    refused(session.update_group(session.spare_group, {"name": session.own_group()}), status=409)


@check("GROUP-UPDATE-2", "A group may be given the name that it has", Level.FULL)
def own_name(session: Session) -> None:
    name = session.own_group()
    accepted(session.update_group(name, {"name": name}))


def _renamed(session: Session, old: str, new: str) -> Exchange:
    exchange = session.update_group(old, {"name": new})
    if exchange.status >= 300:
        raise unseen("no group can be renamed (GROUP-UPDATE-1)")
    return exchange


def _groups_of(exchange: Exchange) -> list[Any]:
    groups = field_of(exchange, "groups")
    return groups if isinstance(groups, list) else []


@check("GROUP-UPDATE-3", "Members of a renamed group stay its members", Level.FULL)
def members_move_along(session: Session) -> None:
    old, new, other = session.own_group(), session.names.group(), session.own_group()
    email = session.own_user(groups=[other, old])
    renamed = _renamed(session, old, new)
    exchange = session.get_user(email)
    groups = _groups_of(exchange)
    if new not in groups or other not in groups or old in groups:
        raise differs("members of a group that is renamed stay its members", renamed, exchange)


@check("GROUP-UPDATE-3", "The old path of a renamed group is gone", Level.FULL)
def old_path_is_gone(session: Session) -> None:
    old = session.own_group()
    _renamed(session, old, session.names.group())
    refused(session.get_group(old), status=session.no_such_group)


# -- GROUP-DELETE, GROUP-BUILTIN -------------------------------------------------------------------------------


@check("GROUP-DELETE-1", "A deletion of an unknown group is 404", Level.DRY_RUN)
def deletion_of_an_unknown_group(session: Session) -> None:
    refused(session.delete_group(session.names.group()), status=404)


@check("GROUP-DELETE-1", "A deletion is 200 with the message of the page", Level.FULL)
def deleted(session: Session) -> None:
    name = session.own_group()
    exchange = session.delete_group(name)
    message = {"message": f"Group removed from {session.host}"}
    answered(exchange, 200, message, 'a deletion is 200 {"message": "Group removed from <site-host>"}')
    after = session.get_group(name)
    if after.status == 200:
        raise differs("the group is not there any more", exchange, after)


def _after_deletion(session: Session, email: str, name: str) -> Exchange:
    """Delete a group, and return a look at a member."""
    if session.delete_group(name).status >= 300:
        raise unseen("no group can be deleted (GROUP-DELETE-1)")
    return session.get_user(email)


@check("GROUP-DELETE-2", "Members of a deleted group stay users", Level.FULL)
def members_stay(session: Session) -> None:
    name, other = session.own_group(), session.own_group()
    exchange = _after_deletion(session, session.own_user(groups=[other, name]), name)
    if exchange.status != 200 or name in _groups_of(exchange) or other not in _groups_of(exchange):
        raise differs("members lose that membership alone, and stay users", exchange)


@check("GROUP-DELETE-2", "A member without another group is in All Users", Level.FULL)
def nobody_is_without_a_group(session: Session) -> None:
    name = session.own_group()
    exchange = _after_deletion(session, session.own_user(groups=[name]), name)
    if exchange.status != 200:
        # That is for the check of members who stay.
        raise unseen("the member is not there any more")
    if _groups_of(exchange) != [ALL_USERS]:
        raise differs("a member who has no group left is in All Users", exchange)


def _built_in(session: Session) -> list[str]:
    names = [name for name in session.group_names if name in BUILT_IN]
    if not names:
        raise unseen("the site has no built-in groups")
    return names


@check("GROUP-BUILTIN-1", "Built-in groups cannot be deleted or renamed", Level.FULL)
def built_in_groups_stay(session: Session) -> None:
    session.require_proof("DELETE", "group")
    session.require_proof("PUT", "group")
    tries: list[Exchange] = []
    for name in _built_in(session):
        path, rename = group_path(name), {"name": session.names.group()}
        tries += [session.write_in_test_mode("DELETE", path), session.write_in_test_mode("PUT", path, json=rename)]
    are_allowed = {exchange.status < 300 for exchange in tries}
    if len(are_allowed) > 1 or any(300 <= exchange.status != 400 for exchange in tries):
        raise differs(session.readings.expected("protect_builtin_groups"), *tries)
    session.readings.judge("protect_builtin_groups", not are_allowed.pop(), *tries)


@check("GROUP-BUILTIN-1", "The access of built-in groups can be changed", Level.FULL)
def access_of_built_in_groups(session: Session) -> None:
    session.require_proof("PUT", "group")
    for name in _built_in(session):
        accepted(session.write_in_test_mode("PUT", group_path(name), json={"access": "view"}))
