"""The rules of groups: GROUP-1 to 5, GROUP-GET-1, GROUP-CREATE-1 to 3, GROUP-UPDATE-1 to 3, GROUP-DELETE, BUILTIN."""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, Final
from urllib.parse import quote

from mockscope.checking.cleaning import path_of
from mockscope.checking.comparing import accepted, answered, content, refused, shown
from mockscope.checking.guard import GROUPS, ONE_GROUP
from mockscope.checking.outcome import Level, Row, differs, never, unseen
from mockscope.checking.policy import sentence
from mockscope.checking.session import ADMINISTRATORS, ALL_USERS, Answer, Session
from mockscope.checking.walking import GROUPS as GROUP_LIST
from mockscope.checking.walking import USERS as USER_LIST
from mockscope.checking.walking import Fields
from mockscope.target import Exchange

KEYS: Final = ["name", "access"]
WORDS: Final = ("Sql", "Discovery", "View")
SPELLINGS: Final = {"SQL": "Sql", "discovery": "Discovery", "dISCOVERY": "Discovery", "View": "View"}
NO_WORDS: Final = ("", "edit", "sql ", 5, None, ["sql"])
BUILT_IN: Final = (ADMINISTRATORS, ALL_USERS)
REQUIRED: Final = ("name", "access", "created_by_email")
BLANKS: Final = ("", "  ")
MISTYPED: Final[tuple[object, ...]] = (5, ["Sales"])
# Of the site's groups so many are looked at one by one.
MOST_LOOKED_AT: Final = 5
PLAIN: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 _-")


# -- GROUP-1, GROUP-2: look through all answers ----------------------------------------------------------------


def _groups_in(answer: Answer) -> Iterator[tuple[Any, list[str]]]:
    """What an answer shows as groups, each with the keys that it should have."""
    exchange, body = answer.exchange, answer.body
    path = exchange.path.partition("?")[0].rstrip("/")
    is_one = ONE_GROUP.fullmatch(path) is not None
    if not (is_one or path == GROUPS) or exchange.status >= 300 or not isinstance(body, Fields):
        return
    if exchange.method == "GET" and not is_one:
        groups = body.get("groups")
        listed = groups if isinstance(groups, list) else []
        yield from ((group, KEYS) for group in listed if isinstance(group, Fields))
    elif exchange.method in ("GET", "POST", "PUT") and body.names != ["message"]:
        yield body, [*KEYS, "dashboards"] if exchange.method == "GET" else KEYS


def _groups(look: Session) -> list[tuple[Answer, Any, list[str]]]:
    """All groups that were shown, each with its answer and the keys that it should have.

    Raises:
        Verdict: none was.
    """
    look.walk(GROUP_LIST)
    found = [(answer, group, keys) for answer in look.answers for group, keys in _groups_in(answer)]
    if not found:
        raise unseen("no group was shown")
    return found


def look_at_some(look: Session) -> None:
    for group in look.site_groups[:MOST_LOOKED_AT]:
        look.group(group["name"])
    if not look.site_groups:
        raise unseen("no group was seen")


def keys_in_order(look: Session) -> None:
    for answer, group, keys in _groups(look):
        if group.names != keys:
            raise differs(f"a group has {', '.join(keys)} here, in this order, and nothing else", answer.exchange)


def dashboards_in_order(look: Session) -> None:
    shown_with = [(answer, group["dashboards"]) for answer, group, _ in _groups(look) if "dashboards" in group]
    for answer, boards in shown_with:
        if not _are_dashboards(boards):
            raise differs("dashboards is a list of name and access, in order of name", answer.exchange)
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


def known_words(look: Session) -> None:
    for answer, group, _ in _groups(look):
        if group.get("access", WORDS[0]) not in WORDS:
            raise differs(f"access comes out as one of {', '.join(WORDS)}", answer.exchange)


def words_in_any_case(look: Session) -> None:
    for spelling in SPELLINGS:
        accepted(look.send("POST", GROUPS, json=look.new_group(access=spelling)))


def other_words(look: Session) -> None:
    for word in NO_WORDS:
        refused(look.send("POST", GROUPS, json=look.new_group(access=word)))


def other_words_in_an_update(look: Session) -> None:
    path = path_of(look.spare_group)
    for word in NO_WORDS:
        refused(look.ask("PUT", path, json={"access": word}))


def words_come_out(look: Session) -> None:
    for spelling, word in SPELLINGS.items():
        exchange = look.group(look.own_group(access=spelling))
        if shown(exchange).get("access") != word:
            raise differs(f"{spelling} comes out as {word}", exchange)


# -- GROUP-4, GROUP-5, GROUP-GET-1 -----------------------------------------------------------------------------


def a_fresh_site(look: Session) -> None:
    users, groups = look.walk(USER_LIST), look.walk(GROUP_LIST)
    if not (users.is_whole and groups.is_whole and len(users.keys) == 1 and len(groups.keys) == 2):
        raise unseen("only a fresh site can tell, and this one is in use")
    found = [dict(group) for group in look.site_groups]
    if found != [{"name": name, "access": "Sql"} for name in BUILT_IN]:
        raise differs(f"a fresh site has {' and '.join(BUILT_IN)}, both Sql", groups.pages[0].exchange)
    if [user["groups"] for user in look.site_users] != [list(BUILT_IN)]:
        raise differs("a fresh site has one administrator, a member of both groups", users.pages[0].exchange)


def another_case(look: Session) -> None:
    names = {group["name"] for group in look.site_groups}
    for name in sorted(names):
        other = name.swapcase()
        if other not in names and set(name) <= PLAIN and look.group(name).status == 200:
            refused(look.group(other), look.no_such_group)
            return
    raise unseen("no group was seen whose name could be written in another case")


def decoded_once(look: Session) -> None:
    for group in look.site_groups:
        name = group["name"]
        if set(name) <= PLAIN and look.group(name).status == 200:
            escaped = "".join(f"%{byte:02X}" for byte in name.encode())
            _is_shown(look.get(f"{GROUPS}/{escaped}"), name)
            refused(look.get(f"{GROUPS}/{quote(escaped, safe='')}"), look.no_such_group)
            return
    raise unseen("no group was seen with a plain name")


def any_name(look: Session) -> None:
    # None is made for it: what can't be named in a path could not be removed either.
    unusual = [group["name"] for group in look.site_groups if not set(group["name"]) <= PLAIN]
    if not unusual:
        raise unseen("no group of the site has a slash, a dot, a + or another script in its name")
    for name in unusual[: 2 * MOST_LOOKED_AT]:
        _is_shown(look.group(name), name)


def a_plus_is_no_blank(look: Session) -> None:
    names = {group["name"] for group in look.site_groups}
    for name in sorted(names):
        if " " in name and set(name) <= PLAIN and name.replace(" ", "+") not in names:
            refused(look.get(f"{GROUPS}/{name.replace(' ', '+')}"), look.no_such_group)
            return
    raise unseen("no group was seen with a blank in its name")


def _is_shown(exchange: Exchange, name: str) -> None:
    if exchange.status != 200 or GROUP_LIST.key(content(exchange)) != name:
        raise differs("200 with the group of that name", exchange)


def known_groups(look: Session) -> None:
    plain = [group["name"] for group in look.site_groups if set(group["name"]) <= PLAIN]
    if not plain:
        raise unseen("no group was seen")
    for name in plain[:MOST_LOOKED_AT]:
        _is_shown(look.group(name), name)


def an_unknown_group(look: Session) -> None:
    refused(look.group(look.names.group()), 404)


# -- GROUP-CREATE ----------------------------------------------------------------------------------------------


def required(look: Session, values: tuple[object, ...]) -> None:
    for name in REQUIRED:
        # What is no word of access is for GROUP-2.
        for value in values if name != "access" or values == (...,) else ():
            refused(look.send("POST", GROUPS, json=look.new_group(**{name: value})))


def both_names_of_the_creator(look: Session) -> None:
    creator = look.inviter
    accepted(look.send("POST", GROUPS, json=look.new_group(created_by_email=..., create_by_email=creator)))


def the_former_name_wins(look: Session) -> None:
    nobody = look.names.email()
    accepted(look.send("POST", GROUPS, json=look.new_group(create_by_email=nobody)))
    refused(look.send("POST", GROUPS, json=look.new_group(created_by_email=nobody, create_by_email=look.inviter)))


def unknown_creator(look: Session) -> None:
    refused(look.send("POST", GROUPS, json=look.new_group(created_by_email=look.names.email())))


def any_creator(look: Session) -> None:
    exchange = look.send("POST", GROUPS, json=look.new_group(created_by_email=look.outsider))
    if exchange.status >= 300 and exchange.status != 400:
        raise differs(sentence("creator_must_be_admin", look.policy["creator_must_be_admin"]), exchange)
    look.reading("creator_must_be_admin", exchange.status == 400, exchange)


def name_taken(look: Session) -> None:
    refused(look.send("POST", GROUPS, json=look.taken_group()), 409)


def created(look: Session) -> None:
    body = look.new_group(access="sql")
    exchange = look.ask("POST", GROUPS, json=body)
    if exchange.status != 201 or not _has(exchange, body):
        raise differs("a create is 201 with the group", exchange)
    after = look.group(str(body["name"]))
    if after.status != 200:
        raise differs("the group is there from then on", exchange, after)


# -- GROUP-UPDATE ----------------------------------------------------------------------------------------------


def updated(look: Session) -> None:
    one, two, new = look.own_group(), look.own_group(), look.names.group()
    for name, changes in ((one, {"access": "discovery"}), (one, {}), (one, {"name": new}), (new, {"access": "sql"})):
        _changed(look, name, changes)
    _changed(look, two, {"name": look.names.group(), "access": "sql"})


def an_empty_update(look: Session) -> None:
    accepted(look.send("PUT", path_of(look.subject_group()), json={}))


def bad_names_in_an_update(look: Session) -> None:
    path = path_of(look.spare_group)
    for name in (*BLANKS, None, *MISTYPED):
        refused(look.ask("PUT", path, json={"name": name}))


def _changed(look: Session, name: str, changes: dict[str, str]) -> None:
    before = shown(look.group(name))
    exchange = look.ask("PUT", path_of(name), json=changes)
    after = look.group(changes.get("name", name))
    expected = {key: before[key] for key in KEYS if key in before} | changes
    if exchange.status != 200 or not _has(exchange, expected):
        raise differs("an update is 200 with the group as it now is", exchange)
    if after.status != 200 or not _has(after, expected):
        raise differs("what was sent is changed, and what was left out stays", exchange, after)


def _has(exchange: Exchange, expected: Mapping[str, object]) -> bool:
    """Whether a group is shown like this. That a key is missing is for GROUP-1, and the spelling of access GROUP-2."""
    record = content(exchange)
    if not isinstance(record, Fields):
        return False
    return record.get("name", expected["name"]) == expected["name"] and (
        str(record.get("access", expected.get("access"))).lower() == str(expected.get("access")).lower()
    )


def update_of_an_unknown_group(look: Session) -> None:
    refused(look.send("PUT", path_of(look.names.group()), json={}), 404)


def new_name_taken(look: Session) -> None:
    refused(look.ask("PUT", path_of(look.spare_group), json={"name": look.own_group()}), 409)


def own_name(look: Session) -> None:
    name = look.own_group()
    accepted(look.ask("PUT", path_of(name), json={"name": name}))


def members_move_along(look: Session) -> None:
    old, new, other = look.own_group(), look.names.group(), look.own_group()
    email = look.own_user(groups=[other, old])
    renamed = look.ask("PUT", path_of(old), json={"name": new})
    if renamed.status >= 300:
        raise unseen("no group can be renamed (GROUP-UPDATE-1)")
    exchange = look.user(email)
    if new not in _groups_of(exchange) or other not in _groups_of(exchange) or old in _groups_of(exchange):
        raise differs("members of a group that is renamed stay its members", renamed, exchange)


def the_old_path_is_gone(look: Session) -> None:
    old = look.own_group()
    renamed = look.ask("PUT", path_of(old), json={"name": look.names.group()})
    if renamed.status >= 300:
        raise unseen("no group can be renamed (GROUP-UPDATE-1)")
    refused(look.group(old), look.no_such_group)


# -- GROUP-DELETE, GROUP-BUILTIN -------------------------------------------------------------------------------


def deletion_of_an_unknown_group(look: Session) -> None:
    refused(look.send("DELETE", path_of(look.names.group())), 404)


def deleted(look: Session) -> None:
    name = look.own_group()
    message = {"message": f"Group removed from {look.host}"}
    exchange = look.ask("DELETE", path_of(name))
    answered(exchange, 200, message, 'a deletion is 200 {"message": "Group removed from <site-host>"}')
    after = look.group(name)
    if after.status == 200:
        raise differs("the group is not there any more", exchange, after)


def members_stay(look: Session) -> None:
    name, other = look.own_group(), look.own_group()
    email = look.own_user(groups=[other, name])
    _delete(look, name)
    exchange = look.user(email)
    if exchange.status != 200 or name in _groups_of(exchange) or other not in _groups_of(exchange):
        raise differs("members lose that membership alone, and stay users", exchange)


def nobody_is_without_a_group(look: Session) -> None:
    name = look.own_group()
    email = look.own_user(groups=[name])
    _delete(look, name)
    exchange = look.user(email)
    if exchange.status != 200:
        # That is for the check of members who stay.
        raise unseen("the member is not there any more")
    if _groups_of(exchange) != [ALL_USERS]:
        raise differs("a member who has no group left is in All Users", exchange)


def _delete(look: Session, name: str) -> None:
    if look.ask("DELETE", path_of(name)).status >= 300:
        raise unseen("no group can be deleted (GROUP-DELETE-1)")


def _groups_of(exchange: Exchange) -> list[Any]:
    body = content(exchange)
    groups = body.get("groups") if isinstance(body, Fields) else None
    return groups if isinstance(groups, list) else []


def built_in_groups_stay(look: Session) -> None:
    look.require_proof("DELETE", "group")
    look.require_proof("PUT", "group")
    tries = [
        exchange
        for name in _built_in(look)
        for exchange in (
            look.rehearse("DELETE", path_of(name)),
            look.rehearse("PUT", path_of(name), json={"name": look.names.group()}),
        )
    ]
    passed = [exchange for exchange in tries if exchange.status < 300]
    if [exchange.status for exchange in tries if exchange not in passed] != [400] * (len(tries) - len(passed)) or (
        0 < len(passed) < len(tries)
    ):
        raise differs(sentence("protect_builtin_groups", look.policy["protect_builtin_groups"]), *tries)
    look.reading("protect_builtin_groups", not passed, *tries)


def access_of_built_in_groups(look: Session) -> None:
    look.require_proof("PUT", "group")
    for name in _built_in(look):
        accepted(look.rehearse("PUT", path_of(name), json={"access": "view"}))


def _built_in(look: Session) -> list[str]:
    names = [group["name"] for group in look.site_groups if group["name"] in BUILT_IN]
    if not names:
        raise unseen("the site has no built-in groups")
    return names


ROWS: Final = (
    Row("GROUP-1", "A look at some groups", Level.READ_ONLY, look_at_some),
    Row("GROUP-1", "A group has the keys of the page, in its order", Level.READ_ONLY, keys_in_order, is_last=True),
    Row(
        "GROUP-1", "Dashboards come with name and access, in order", Level.READ_ONLY, dashboards_in_order, is_last=True
    ),
    Row("GROUP-2", "Access comes out as Sql, Discovery or View", Level.READ_ONLY, known_words, is_last=True),
    Row("GROUP-2", "Access goes in in any case", Level.DRY_RUN, words_in_any_case),
    Row("GROUP-2", "Any other access is 400", Level.DRY_RUN, other_words),
    Row("GROUP-2", "Any other access in an update is 400", Level.FULL, other_words_in_an_update),
    Row("GROUP-2", "Access comes out in one spelling, whatever went in", Level.FULL, words_come_out),
    never("GROUP-3", "no answer of the API shows what an access allows"),
    Row("GROUP-4", "A fresh site has two groups and one administrator", Level.READ_ONLY, a_fresh_site),
    Row("GROUP-5", "Names differ by case", Level.READ_ONLY, another_case),
    Row("GROUP-5", "A name in a path is decoded once", Level.READ_ONLY, decoded_once),
    Row("GROUP-5", "A + in a path is no blank", Level.READ_ONLY, a_plus_is_no_blank),
    Row("GROUP-5", "A name may hold anything", Level.READ_ONLY, any_name),
    Row("GROUP-GET-1", "A known group is 200", Level.READ_ONLY, known_groups),
    Row("GROUP-GET-1", "An unknown group is 404", Level.READ_ONLY, an_unknown_group),
    Row("GROUP-CREATE-1", "A missing field is 400", Level.DRY_RUN, partial(required, values=(...,))),
    Row("GROUP-CREATE-1", "A blank field is 400", Level.DRY_RUN, partial(required, values=BLANKS)),
    Row("GROUP-CREATE-1", "A field that is null is 400", Level.DRY_RUN, partial(required, values=(None,))),
    Row("GROUP-CREATE-1", "A field of another type is 400", Level.DRY_RUN, partial(required, values=MISTYPED)),
    Row("GROUP-CREATE-1", "create_by_email is read too", Level.DRY_RUN, both_names_of_the_creator),
    Row("GROUP-CREATE-1", "created_by_email wins over create_by_email", Level.DRY_RUN, the_former_name_wins),
    Row("GROUP-CREATE-2", "An unknown creator is 400", Level.DRY_RUN, unknown_creator),
    Row("GROUP-CREATE-2", "A creator need not be an administrator", Level.DRY_RUN, any_creator),
    Row("GROUP-CREATE-3", "A name that is taken is 409", Level.DRY_RUN, name_taken),
    Row("GROUP-CREATE-3", "A create is 201 with the group", Level.FULL, created),
    Row("GROUP-UPDATE-1", "An update that says nothing is accepted", Level.DRY_RUN, an_empty_update),
    Row("GROUP-UPDATE-1", "An update is 200 with the group as it now is", Level.FULL, updated),
    Row("GROUP-UPDATE-1", "A blank or mistyped name is 400", Level.FULL, bad_names_in_an_update),
    Row("GROUP-UPDATE-2", "An update of an unknown group is 404", Level.DRY_RUN, update_of_an_unknown_group),
    Row("GROUP-UPDATE-2", "A new name that is taken is 409", Level.FULL, new_name_taken),
    Row("GROUP-UPDATE-2", "A group may be given the name that it has", Level.FULL, own_name),
    Row("GROUP-UPDATE-3", "Members of a renamed group stay its members", Level.FULL, members_move_along),
    Row("GROUP-UPDATE-3", "The old path of a renamed group leads nowhere", Level.FULL, the_old_path_is_gone),
    Row("GROUP-DELETE-1", "A deletion of an unknown group is 404", Level.DRY_RUN, deletion_of_an_unknown_group),
    Row("GROUP-DELETE-1", "A deletion is 200 with the message of the page", Level.FULL, deleted),
    Row("GROUP-DELETE-2", "Members of a deleted group stay users", Level.FULL, members_stay),
    Row("GROUP-DELETE-2", "Who has no group left is in All Users", Level.FULL, nobody_is_without_a_group),
    Row("GROUP-BUILTIN-1", "Built-in groups can't be deleted or renamed", Level.FULL, built_in_groups_stay),
    Row("GROUP-BUILTIN-1", "The access of built-in groups can be changed", Level.FULL, access_of_built_in_groups),
)
