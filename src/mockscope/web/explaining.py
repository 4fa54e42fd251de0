"""Which hint fits a request: after a refusal (explain), and after a success that nobody promises (suspect).

Only looks; what it finds goes into the entry and from there into header, log and reports.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from itertools import islice
from typing import Any, Final
from urllib.parse import quote

from mockscope import wire
from mockscope.domain.directory import Directory
from mockscope.domain.model import email_key
from mockscope.domain.refusals import Refusal, Refused
from mockscope.domain.rules import ACCESS_WORDS, GROUP_CHANGES, NEW_GROUP, NEW_USER, USER_CHANGES, Body, creator_name
from mockscope.domain.site import Site
from mockscope.domain.store import Table
from mockscope.instruments.hints import Advice, Hint, did_you_mean
from mockscope.nearness import MOST_CANDIDATES, nearest, nearest_email
from mockscope.web.head import AUTH_HEADER, EMAIL_HEADER, MAX_HEAD_BYTES
from mockscope.web.reading import Call
from mockscope.web.routes import COLLECTIONS

# HTTP-9: what the successor of the API offers.
SUCCESSOR: Final = re.compile(r"/api/(v[2-9]|v1/(roles|dashboards))(/|$)")
BODIES: Final[Mapping[str, Body]] = {
    "create_user": NEW_USER,
    "update_user": USER_CHANGES,
    "create_group": NEW_GROUP,
    "update_group": GROUP_CHANGES,
}
KNOWN_FIELDS: Final[Mapping[str, frozenset[str]]] = {operation: table.names for operation, table in BODIES.items()}
# What people send instead of the two headers.
RENAMED_AUTH: Final = (b"x-partner-auth", b"authorization", b"partner-auth", b"x-http-partner-auth", b"x-api-key")
RENAMED_EMAIL: Final = (b"x-email", b"email", b"x-http-email", b"x-user-email")

# Of the fields of one request that are unknown, or come twice, so many are told.
MOST_UNKNOWN: Final = 10
# A name in a request line (HTTP-8), with room for the rest of the head.
MAX_NAME_BYTES: Final = MAX_HEAD_BYTES - 1024


def explain(refused: Refused, call: Call, directory: Directory) -> Advice:
    """The hint for a refused request."""
    return _veiled(EXPLAINED[refused.refusal](refused, call, directory), call)


def suspect(call: Call) -> tuple[Advice, ...]:
    """The hints for a request that was let pass although nobody promises that the service would."""
    found = SUSPECTED[call.entry.operation or ""](call)
    if call.head.repeats_headers:
        found = [*found, *_suspect_headers(call)]
    return tuple(_veiled(advice, call) for advice in found) if found else ()


def _veiled(advice: Advice, call: Call) -> Advice:
    veil = call.entry.veil
    return advice._replace(cause=veil(advice.cause), remedy=veil(advice.remedy))


# -- what passes although nobody promises it -------------------------------------------------------------------

# By far the most requests are reads with nothing to remark on: what is looked at is what is there.


def _suspect_headers(call: Call) -> Iterator[Advice]:
    if call.head.repeats(AUTH_HEADER):
        yield Hint.AUTH_REPEATED.about()
    if call.head.repeats(EMAIL_HEADER):
        yield Hint.EMAIL_REPEATED.about()


def _suspect_read(call: Call) -> Sequence[Advice]:
    if not call.head.announces_body and not call.head.query_string:
        return ()
    ignored = _suspect_ignored_body(call)
    if "test_mode" in call.head.query:
        return [Hint.TEST_MODE_ON_READ.about(), *ignored]
    return ignored


def _suspect_list_of_users(call: Call) -> Sequence[Advice]:
    found = _suspect_read(call)
    # Who asked for one user and gets them all will not notice with a site of one.
    for name in RENAMED_EMAIL:
        if call.head.header(name):
            return [Hint.EMAIL_HEADER_RENAMED.about(sent=name.decode().title()), *found]
    if not call.head.query_string:
        return found
    if "email" in call.head.query:
        return [Hint.EMAIL_NOT_IN_HEADER.about(place="query"), *found]
    # An email never holds a blank.
    blank = [Hint.CURSOR_BLANK.about()] if " " in call.head.start else []
    return [*blank, *_suspect_cursor(call), *found]


def _suspect_list_of_groups(call: Call) -> Sequence[Advice]:
    blank = [Hint.CURSOR_BLANK.about()] if call.site.group_meant_by(call.head.start) != call.head.start else []
    misspelt = _suspect_cursor(call) if call.head.query_string else ()
    return [*blank, *misspelt, *_suspect_read(call)]


def _suspect_write(call: Call) -> Sequence[Advice]:
    # First what wrote for real although it was to write nothing.
    odd = _suspect_test_mode(call) if call.head.query_string else ()
    fields = () if call.fields is None else _suspect_fields(call, call.fields)
    mistyped = call.body and not call.head.says_json
    other = [Hint.CONTENT_TYPE_NOT_JSON.about(sent=call.head.content_type or "missing")] if mistyped else ()
    return [*odd, *fields, *other] if odd or fields or other else ()


def _suspect_deletion(call: Call) -> Sequence[Advice]:
    odd = _suspect_test_mode(call) if call.head.query_string else ()
    return [*odd, *_suspect_ignored_body(call)] if odd or call.head.length else ()


SUSPECTED: Final[Mapping[str, Callable[[Call], Sequence[Advice]]]] = {
    "list_users": _suspect_list_of_users,
    "get_user": _suspect_read,
    "create_user": _suspect_write,
    "update_user": _suspect_write,
    "delete_user": _suspect_deletion,
    "list_groups": _suspect_list_of_groups,
    "get_group": _suspect_read,
    "create_group": _suspect_write,
    "update_group": _suspect_write,
    "delete_group": _suspect_deletion,
}


def _suspect_ignored_body(call: Call) -> Sequence[Advice]:
    return [Hint.BODY_IGNORED.about(method=call.entry.method)] if call.head.length else ()


def _suspect_cursor(call: Call) -> Sequence[Advice]:
    sent = _misspelt("next_page_start", call)
    return () if sent is None else [Hint.CURSOR_MISSPELT.about(sent=sent)]


def _misspelt(parameter: str, call: Call) -> str | None:
    """What came instead of a parameter, if it did not come itself."""
    if parameter in call.head.query:
        return None
    return next((name for name in islice(call.head.query, MOST_UNKNOWN) if nearest(name, (parameter,))), None)


def _suspect_test_mode(call: Call) -> Sequence[Advice]:
    misspelt = _misspelt("test_mode", call)
    if misspelt is not None:
        return [Hint.TEST_MODE_MISSPELT.about(sent=misspelt)]
    sent = call.head.query.get("test_mode", "false")
    return () if sent.lower() in ("true", "false") else [Hint.TEST_MODE_ODD.about(sent=sent)]


def _suspect_fields(call: Call, fields: Mapping[str, Any]) -> Sequence[Advice]:
    operation = call.entry.operation or ""
    found: list[Advice] = []
    if not fields.keys() <= KNOWN_FIELDS[operation]:
        unknown = [name for name in fields if name not in KNOWN_FIELDS[operation]]
        found += [_unknown_field(name, operation) for name in unknown[:MOST_UNKNOWN]]
    if operation == "create_group" and "create_by_email" in fields:
        found.append(Hint.CREATE_BY_EMAIL.about())
    found += [Hint.NAME_TOO_LONG.about(field=field) for field in ("name", "email") if _fits_no_head(fields.get(field))]
    # Each field has a colon: where there are no more, none came twice.
    if call.body.count(b":") > len(fields):
        found += [Hint.FIELD_REPEATED.about(sent=name) for name in wire.repeated_names(call.body)[:MOST_UNKNOWN]]
    groups = fields.get("groups") or ()
    if "groups" in KNOWN_FIELDS[operation] and len(set(groups)) < len(groups):
        repeated = next(name for name, times in Counter(groups).items() if times > 1)
        found.append(Hint.GROUP_REPEATED.about(name=repeated))
    return found


def _fits_no_head(name: object) -> bool:
    # A character takes up to twelve in a path.
    return isinstance(name, str) and len(name) > MAX_NAME_BYTES // 12 and len(quote(name)) > MAX_NAME_BYTES


def _unknown_field(name: str, operation: str) -> Advice:
    if operation == "update_user" and name == "email":
        return Hint.EMAIL_UNCHANGEABLE.about()
    return Hint.FIELD_UNKNOWN.about(sent=name, nearest=did_you_mean(nearest(name, KNOWN_FIELDS[operation])))


# -- authentication --------------------------------------------------------------------------------------------


def _auth_missing(refused: Refused, call: Call, directory: Directory) -> Advice:
    for name in RENAMED_AUTH:
        if call.head.header(name):
            return Hint.AUTH_HEADER_RENAMED.about(sent=name.decode().title())
    return Hint.AUTH_HEADER_MISSING.about()


def _credentials(call: Call) -> str:
    return call.head.header(AUTH_HEADER).strip()


def _auth_malformed(refused: Refused, call: Call, directory: Directory) -> Advice:
    if _credentials(call).startswith("<") or _credentials(call).endswith(">"):
        return Hint.AUTH_ANGLE_BRACKETS.about()
    return Hint.AUTH_NO_COLON.about()


def _site_unknown(refused: Refused, call: Call, directory: Directory) -> Advice:
    if _credentials(call).startswith("<"):
        return Hint.AUTH_ANGLE_BRACKETS.about()
    host = refused.values["host"]
    if (label := directory.removed(host)) is not None:
        return Hint.SITE_REMOVED.about(host=host, label=f": it was that of {label}" if label else "")
    return Hint.SITE_UNKNOWN.about(host=host, nearest=did_you_mean(nearest(host, directory.hosts())))


def _key_wrong(refused: Refused, call: Call, directory: Directory) -> Advice:
    host = refused.values["host"]
    key = _credentials(call).rpartition(":")[2]
    if key.endswith(">"):
        return Hint.AUTH_ANGLE_BRACKETS.about()
    other = next((site.host for site in directory if site.is_opened_by(key)), None)
    return Hint.KEY_OF_ANOTHER_SITE.about(host=host, other=other) if other else Hint.KEY_WRONG.about()


# -- path and method -------------------------------------------------------------------------------------------


def _path_unknown(refused: Refused, call: Call, directory: Directory) -> Advice:
    path = call.entry.path
    if SUCCESSOR.match(path):
        return Hint.SUCCESSOR_API.about(path=path)
    if path.startswith("/api/v1/groups/"):
        return Hint.UNESCAPED_SLASH.about()
    return Hint.PATH_UNKNOWN.about(path=path, nearest=did_you_mean(nearest(path, COLLECTIONS)))


def _method_not_allowed(refused: Refused, call: Call, directory: Directory) -> Advice:
    return Hint.METHOD_NOT_OFFERED.about(**refused.values)


# -- the user that a header names ------------------------------------------------------------------------------


def _email_missing(refused: Refused, call: Call, directory: Directory) -> Advice:
    for name in RENAMED_EMAIL:
        if call.head.header(name):
            return Hint.EMAIL_HEADER_RENAMED.about(sent=name.decode().title())
    if "email" in call.head.query:
        return Hint.EMAIL_NOT_IN_HEADER.about(place="query")
    if b"email" in call.body:
        return Hint.EMAIL_NOT_IN_HEADER.about(place="body")
    return Hint.EMAIL_HEADER_MISSING.about()


def _user_unknown(refused: Refused, call: Call, directory: Directory) -> Advice:
    email = refused.values["email"]
    guess = nearest_email(email, _neighbours(call.site, call.site.store.users, email_key(email)))
    return Hint.USER_UNKNOWN.about(email=email, nearest=did_you_mean(guess))


def _inviter_not_administrator(refused: Refused, call: Call, directory: Directory) -> Advice:
    return Hint.INVITER_NOT_ADMINISTRATOR.about(email=refused.values["email"], field="invited_by_email")


def _creator_not_administrator(refused: Refused, call: Call, directory: Directory) -> Advice:
    field = creator_name(call.fields or {})
    return Hint.INVITER_NOT_ADMINISTRATOR.about(email=refused.values["email"], field=field)


# -- groups ----------------------------------------------------------------------------------------------------


def _group_unknown(refused: Refused, call: Call, directory: Directory) -> Advice:
    return _nearest_group(refused.values["name"], call.site)


def _groups_unknown(refused: Refused, call: Call, directory: Directory) -> Advice:
    groups = call.site.store.groups
    names = wire.decode_object(call.body)["groups"]
    # Another thread may have created the group since.
    return _nearest_group(next((name for name in names if name not in groups), names[0]), call.site)


def _nearest_group(name: str, site: Site) -> Advice:
    guess = nearest(name, _neighbours(site, site.store.groups, name))
    return Hint.GROUP_UNKNOWN.about(name=name, nearest=did_you_mean(guess))


def _already_there(refused: Refused, call: Call, directory: Directory) -> Advice:
    return Hint.ALREADY_THERE.about(name=refused.values.get("email") or refused.values["name"])


# -- bodies ----------------------------------------------------------------------------------------------------

TRAILING_COMMA: Final = re.compile(rb",\s*[}\]]")
CURLY_QUOTES: Final = tuple(quote.encode() for quote in "\u201c\u201d\u2018\u2019")
FORM: Final = re.compile(rb"[\w.%+\[\]-]+=[^{}]*", re.ASCII)


def _body_not_json(refused: Refused, call: Call, directory: Directory) -> Advice:
    # What stands inside a string is no mistake.
    syntax = wire.without_strings(call.body)
    if any(quote in syntax for quote in CURLY_QUOTES):
        return Hint.JSON_CURLY_QUOTES.about()
    if TRAILING_COMMA.search(syntax):
        return Hint.JSON_TRAILING_COMMA.about()
    if FORM.fullmatch(call.body):
        return Hint.JSON_FORM_ENCODED.about()
    return Hint.JSON_MALFORMED.about()


def _fields_invalid(refused: Refused, call: Call, directory: Directory) -> Advice:
    fields = call.fields or {}
    groups, access = fields.get("groups"), fields.get("access")
    table = BODIES[call.entry.operation or ""]
    if isinstance(groups, str) and "groups" in table.names:
        return Hint.GROUPS_AS_STRING.about(sent=groups)
    if isinstance(access, str) and "access" in table.names and access.lower() not in ACCESS_WORDS:
        return Hint.ACCESS_MISSPELT.about(sent=access or "(blank)", nearest=did_you_mean(nearest(access, ACCESS_WORDS)))
    # A required field is missing and a near one was sent: most likely the one is meant by the other.
    missing = [field.name for field in table.fields if field.required and field.name not in fields]
    for name in islice(fields, MOST_CANDIDATES):
        if name not in table.names and get_close_matches(name, missing, n=1):
            return Hint.FIELD_UNKNOWN.about(sent=name, nearest=did_you_mean(nearest(name, missing)))
    return Hint.FIELDS_INVALID.about()


def _content_type_wrong(refused: Refused, call: Call, directory: Directory) -> Advice:
    return Hint.CONTENT_TYPE_NOT_JSON.about(**refused.values)


# -- the table -------------------------------------------------------------------------------------------------

Explain = Callable[[Refused, Call, Directory], Advice]


def _always(hint: Hint) -> Explain:
    return lambda refused, call, directory: hint.about()


def _neighbours(site: Site, table: Table[Any], key: str) -> list[str]:
    """The keys to compare with: all of a small table, else those around the place of ``key``."""
    with site.lock:
        return list(table) if len(table) <= MOST_CANDIDATES else table.near(key, MOST_CANDIDATES // 2)


EXPLAINED: Final[Mapping[Refusal, Explain]] = {
    Refusal.AUTH_MISSING: _auth_missing,
    Refusal.AUTH_REPEATED: _always(Hint.AUTH_REPEATED),
    Refusal.AUTH_MALFORMED: _auth_malformed,
    Refusal.AUTH_SWAPPED: _always(Hint.AUTH_SWAPPED),
    Refusal.SITE_UNKNOWN: _site_unknown,
    Refusal.KEY_WRONG: _key_wrong,
    Refusal.API_DISABLED: _always(Hint.API_DISABLED),
    Refusal.PATH_UNKNOWN: _path_unknown,
    Refusal.METHOD_NOT_ALLOWED: _method_not_allowed,
    Refusal.CONTENT_TYPE_WRONG: _content_type_wrong,
    Refusal.LINE_TOO_LONG: _always(Hint.HEAD_TOO_LONG),
    Refusal.HEAD_TOO_LONG: _always(Hint.HEAD_TOO_LONG),
    Refusal.BODY_TOO_LARGE: _always(Hint.BODY_TOO_LARGE),
    Refusal.BODY_MISSING: _always(Hint.BODY_MISSING),
    Refusal.BODY_NOT_JSON: _body_not_json,
    Refusal.BODY_NOT_AN_OBJECT: _always(Hint.JSON_MALFORMED),
    Refusal.FIELDS_INVALID: _fields_invalid,
    Refusal.EMAIL_MISSING: _email_missing,
    Refusal.EMAIL_BLANK: _always(Hint.EMAIL_HEADER_BLANK),
    Refusal.EMAIL_REPEATED: _always(Hint.EMAIL_REPEATED),
    Refusal.USER_UNKNOWN: _user_unknown,
    Refusal.GROUPS_UNKNOWN: _groups_unknown,
    Refusal.INVITER_UNKNOWN: _user_unknown,
    Refusal.INVITER_NOT_ADMINISTRATOR: _inviter_not_administrator,
    Refusal.EMAIL_TAKEN: _already_there,
    Refusal.GROUP_UNKNOWN: _group_unknown,
    Refusal.CREATOR_UNKNOWN: _user_unknown,
    Refusal.CREATOR_NOT_ADMINISTRATOR: _creator_not_administrator,
    Refusal.GROUP_TAKEN: _already_there,
    Refusal.BUILTIN_RENAMED: _always(Hint.BUILTIN_GROUP),
    Refusal.BUILTIN_DELETED: _always(Hint.BUILTIN_GROUP),
    Refusal.CRASHED: _always(Hint.CRASHED),
}
