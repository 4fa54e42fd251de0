"""The conditions of the hints: after a refusal (explain), and of what was passed over or ignored (suspect).

Only looks; the hints that fit go into the entry, and from there into header, log and reports.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from difflib import get_close_matches
from itertools import islice
from typing import Any, Final, NamedTuple
from urllib.parse import quote

from mockscope import wire
from mockscope.domain.directory import Directory
from mockscope.domain.model import email_key
from mockscope.domain.refusals import Refusal, Refused
from mockscope.domain.rules import ACCESS_WORDS, GROUP_CHANGES, NEW_GROUP, NEW_USER, USER_CHANGES, Body
from mockscope.domain.store import Table
from mockscope.instruments.hints import Advice, Hint, did_you_mean
from mockscope.nearness import MOST_CANDIDATES, nearest, nearest_email
from mockscope.web.head import AUTH_HEADER, EMAIL_HEADER, MAX_HEAD_BYTES
from mockscope.web.reading import Call
from mockscope.web.routes import COLLECTIONS, ROUTES

# The values of a hint, which its condition finds; None where the hint does not fit.
Values = Mapping[str, str]
FITS: Final[Values] = {}

BODIES: Final[Mapping[str, Body]] = {
    "create_user": NEW_USER,
    "update_user": USER_CHANGES,
    "create_group": NEW_GROUP,
    "update_group": GROUP_CHANGES,
}
KNOWN_FIELDS: Final[Mapping[str, frozenset[str]]] = {operation: table.names for operation, table in BODIES.items()}
# HTTP-9: what the successor of the API offers.
SUCCESSOR: Final = r"/api/(v[2-9]|v1/(roles|dashboards))(/|$)"
CURSOR: Final = "next_page_start"
TEST_MODE: Final = "test_mode"
# The operations that list records, and those that look for an email in a header.
LISTS: Final = ("list_users", "list_groups", "get_user")
BY_EMAIL: Final = ("list_users", "get_user", "update_user", "delete_user")
# HTTP-7. A read knows test_mode too: it has a hint of its own there (TEST-3).
KNOWN_PARAMETERS: Final = {
    row.operation: frozenset({TEST_MODE, CURSOR} if row.operation in LISTS else {TEST_MODE}) for row in ROUTES
}
# HTTP-7: it has a hint of its own.
EMAIL_OF_UPDATE: Final = ("update_user", "email")
# Headers that are sent instead of the right ones.
RENAMED_AUTH: Final = (
    *(b"x-partner-auth", b"http_x_partner_auth", b"authorization", b"partner-auth", b"x-http-partner-auth"),
    b"x-api-key",
)
RENAMED_EMAIL: Final = (b"x-email", b"http_x_email", b"email", b"x-http-email", b"x-user-email")
DRY_RUN_HEADERS: Final = (b"x-dry-run", b"x-test-mode", b"dry-run", b"test-mode")
LOOK_MEANT: Final = frozenset({*RENAMED_EMAIL, *DRY_RUN_HEADERS})
# The same of parameters and fields, in lower case and without signs between the words.
DRY_RUN: Final = re.compile(
    "dryrun|(is)?test(ing|mode|only|run)?|simulat(e|ion)|preview|(validate|check)(only)?|noop|whatif"
)
PAGING: Final = re.compile(
    "(next)?page(no|number|size|start|token)?|perpage|(next)?cursor|offset|skip|limit|count|size|top|max(results)?|"
    "start(ing)?(at|after)?|after|from"
)
NO_CURSORS: Final = ("none", "null", "undefined")

# At most so many unknown or repeated names of one request have a hint.
MOST_UNKNOWN: Final = 10
# A name in a request line (HTTP-8), with room for the rest of the head.
MAX_NAME_BYTES: Final = MAX_HEAD_BYTES - 1024
MAX_HOSTS_SHOWN: Final = 5


# -- conditions of refusals --------------------------------------------------------------------------------------

Condition = Callable[[Refused, Call, Directory], Values | None]


def _if(holds: object) -> Values | None:
    return FITS if holds else None


def _always(refused: Refused, call: Call, directory: Directory) -> Values | None:
    return FITS


def _preflight(refused: Refused, call: Call, directory: Directory) -> Values | None:
    return _if(call.entry.method == "OPTIONS" and call.head.header(b"access-control-request-method"))


def _first_sent(names: Iterable[bytes], call: Call) -> Iterator[Values]:
    """The first header of these that was sent."""
    yield from islice(({"sent": name.decode().title()} for name in names if call.head.header(name)), 1)


def _renamed(names: Iterable[bytes]) -> Condition:
    return lambda refused, call, directory: next(_first_sent(names, call), None)


def _brackets_in(name: bytes) -> Condition:
    def find(refused: Refused, call: Call, directory: Directory) -> Values | None:
        sent = call.head.header(name).strip()
        return _if(sent.startswith("<") or sent.endswith(">"))

    return find


def _removed_site(refused: Refused, call: Call, directory: Directory) -> Values | None:
    label = directory.removed(refused.values["host"])
    return None if label is None else {"label": f": it was that of {label}" if label else ""}


def _known_sites(refused: Refused, call: Call, directory: Directory) -> Values | None:
    hosts = directory.hosts()
    more = f" and {len(hosts) - MAX_HOSTS_SHOWN} more" if len(hosts) > MAX_HOSTS_SHOWN else ""
    known = ", ".join(hosts[:MAX_HOSTS_SHOWN]) or "none"
    return {"known": known + more, "nearest": did_you_mean(nearest(refused.values["host"], hosts))}


def _other_site(refused: Refused, call: Call, directory: Directory) -> Values | None:
    key = call.head.header(AUTH_HEADER).strip().rpartition(":")[2]
    return next(({"other": site.host} for site in directory if site.is_opened_by(key)), None)


def _at(pattern: str) -> Condition:
    return lambda refused, call, directory: _if(re.match(pattern, call.entry.path))


def _near_path(refused: Refused, call: Call, directory: Directory) -> Values | None:
    return {"nearest": did_you_mean(nearest(call.entry.path, COLLECTIONS))}


def _email_in_query(refused: Refused, call: Call, directory: Directory) -> Values | None:
    return {"place": "query"} if "email" in call.head.query else None


def _email_in_body(refused: Refused, call: Call, directory: Directory) -> Values | None:
    return {"place": "body"} if b"email" in call.body else None


def _near_user(refused: Refused, call: Call, directory: Directory) -> Values | None:
    email = refused.values["email"]
    return {"nearest": did_you_mean(nearest_email(email, _neighbours(call, call.site.store.users, email_key(email))))}


def _administrators(refused: Refused, call: Call, directory: Directory) -> Values | None:
    emails = [user.email for user in call.site.administrators()]
    guess = nearest_email(refused.values["email"], emails)
    return {"nearest": did_you_mean(guess), "such": f", such as {guess or emails[0]}" if emails else ""}


def _near_group(refused: Refused, call: Call, directory: Directory) -> Values | None:
    name = refused.values["name"]
    return {"nearest": did_you_mean(nearest(name, _neighbours(call, call.site.store.groups, name)))}


def _neighbours(call: Call, table: Table[Any], key: str) -> list[str]:
    """The keys to compare with: all of a small table, else those around the place of ``key``."""
    with call.site.lock:
        return list(table) if len(table) <= MOST_CANDIDATES else table.near(key, MOST_CANDIDATES // 2)


def _begins(*marks: bytes) -> Condition:
    return lambda refused, call, directory: _if(call.body.startswith(marks))


def _in_syntax(pattern: bytes) -> Condition:
    # Characters inside a string are not a mistake.
    return lambda refused, call, directory: _if(re.search(pattern, wire.without_strings(call.body)))


def _form(refused: Refused, call: Call, directory: Directory) -> Values | None:
    return _if(re.fullmatch(rb"[\w.%+\[\]-]+=[^{}]*", call.body, re.ASCII))


def _groups_as_string(refused: Refused, call: Call, directory: Directory) -> Values | None:
    groups = _sent_field("groups", call)
    return {"sent": groups} if isinstance(groups, str) else None


def _access_misspelt(refused: Refused, call: Call, directory: Directory) -> Values | None:
    access = _sent_field("access", call)
    if not isinstance(access, str) or access.lower() in ACCESS_WORDS:
        return None
    return {"sent": access or "(blank)", "nearest": did_you_mean(nearest(access, ACCESS_WORDS))}


def _sent_field(name: str, call: Call) -> object:
    """The value of a field that the operation knows."""
    value = call.fields and call.fields.get(name)
    return value if value is not None and name in KNOWN_FIELDS[call.entry.operation or ""] else None


def _required_misspelt(refused: Refused, call: Call, directory: Directory) -> Values | None:
    """A required field is missing and a near one was sent: most likely the one is meant by the other."""
    fields, table = call.fields or {}, BODIES[call.entry.operation or ""]
    missing = [field.name for field in table.fields if field.required and field.name not in fields]
    for name in islice(fields, MOST_CANDIDATES):
        if name not in table.names and get_close_matches(name, missing, n=1):
            return {"sent": name, "nearest": f"{did_you_mean(nearest(name, missing))} {refused.message}"}
    return None


class Reason(NamedTuple):
    """A hint, and when it explains a refusal."""

    refusal: Refusal
    hint: Hint
    find: Condition = _always


# Of the rows of a refusal the first that fits counts.
REASONS: Final = (
    Reason(Refusal.AUTH_MISSING, Hint.CORS_PREFLIGHT, _preflight),
    Reason(Refusal.AUTH_MISSING, Hint.AUTH_HEADER_RENAMED, _renamed(RENAMED_AUTH)),
    Reason(Refusal.AUTH_MISSING, Hint.AUTH_HEADER_MISSING),
    Reason(Refusal.AUTH_REPEATED, Hint.AUTH_REPEATED),
    Reason(Refusal.AUTH_MALFORMED, Hint.AUTH_ANGLE_BRACKETS, _brackets_in(AUTH_HEADER)),
    Reason(Refusal.AUTH_MALFORMED, Hint.AUTH_NO_COLON),
    Reason(Refusal.AUTH_SWAPPED, Hint.AUTH_SWAPPED),
    Reason(Refusal.SITE_UNKNOWN, Hint.AUTH_ANGLE_BRACKETS, _brackets_in(AUTH_HEADER)),
    Reason(Refusal.SITE_UNKNOWN, Hint.SITE_REMOVED, _removed_site),
    Reason(Refusal.SITE_UNKNOWN, Hint.SITE_UNKNOWN, _known_sites),
    Reason(Refusal.KEY_WRONG, Hint.AUTH_ANGLE_BRACKETS, _brackets_in(AUTH_HEADER)),
    Reason(Refusal.KEY_WRONG, Hint.KEY_OF_ANOTHER_SITE, _other_site),
    Reason(Refusal.KEY_WRONG, Hint.KEY_WRONG),
    Reason(Refusal.API_DISABLED, Hint.API_DISABLED),
    Reason(Refusal.PATH_UNKNOWN, Hint.SUCCESSOR_API, _at(SUCCESSOR)),
    Reason(Refusal.PATH_UNKNOWN, Hint.EMAIL_IN_PATH, _at(r"/api/v1/users/[^/]*(@|%40)")),
    Reason(Refusal.PATH_UNKNOWN, Hint.UNESCAPED_SLASH, _at("/api/v1/groups/")),
    Reason(Refusal.PATH_UNKNOWN, Hint.PATH_UNKNOWN, _near_path),
    Reason(Refusal.METHOD_NOT_ALLOWED, Hint.CORS_PREFLIGHT, _preflight),
    Reason(Refusal.METHOD_NOT_ALLOWED, Hint.METHOD_NOT_OFFERED),
    Reason(Refusal.LINE_TOO_LONG, Hint.HEAD_TOO_LONG),
    Reason(Refusal.HEAD_TOO_LONG, Hint.HEAD_TOO_LONG),
    Reason(Refusal.CONTENT_TYPE_WRONG, Hint.CONTENT_TYPE_NOT_JSON),
    Reason(Refusal.BODY_TOO_LARGE, Hint.BODY_TOO_LARGE),
    Reason(Refusal.BODY_MISSING, Hint.BODY_MISSING),
    Reason(Refusal.BODY_NOT_JSON, Hint.BODY_GZIP, _begins(b"\x1f\x8b")),
    Reason(Refusal.BODY_NOT_JSON, Hint.BODY_BOM, _begins(b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")),
    Reason(Refusal.BODY_NOT_JSON, Hint.JSON_CURLY_QUOTES, _in_syntax("\u201c|\u201d|\u2018|\u2019".encode())),
    Reason(Refusal.BODY_NOT_JSON, Hint.JSON_TRAILING_COMMA, _in_syntax(rb",\s*[}\]]")),
    Reason(Refusal.BODY_NOT_JSON, Hint.JSON_FORM_ENCODED, _form),
    Reason(Refusal.BODY_NOT_JSON, Hint.JSON_MALFORMED),
    Reason(Refusal.BODY_NOT_AN_OBJECT, Hint.JSON_MALFORMED),
    Reason(Refusal.FIELDS_INVALID, Hint.GROUPS_AS_STRING, _groups_as_string),
    Reason(Refusal.FIELDS_INVALID, Hint.ACCESS_MISSPELT, _access_misspelt),
    Reason(Refusal.FIELDS_INVALID, Hint.FIELD_UNKNOWN, _required_misspelt),
    Reason(Refusal.FIELDS_INVALID, Hint.FIELDS_INVALID),
    Reason(Refusal.EMAIL_MISSING, Hint.EMAIL_HEADER_RENAMED, _renamed(RENAMED_EMAIL)),
    Reason(Refusal.EMAIL_MISSING, Hint.EMAIL_NOT_IN_HEADER, _email_in_query),
    Reason(Refusal.EMAIL_MISSING, Hint.EMAIL_NOT_IN_HEADER, _email_in_body),
    Reason(Refusal.EMAIL_MISSING, Hint.EMAIL_HEADER_MISSING),
    Reason(Refusal.EMAIL_BLANK, Hint.EMAIL_HEADER_BLANK),
    Reason(Refusal.EMAIL_REPEATED, Hint.EMAIL_REPEATED),
    Reason(Refusal.USER_UNKNOWN, Hint.EMAIL_ANGLE_BRACKETS, _brackets_in(EMAIL_HEADER)),
    Reason(Refusal.USER_UNKNOWN, Hint.USER_UNKNOWN, _near_user),
    Reason(Refusal.GROUPS_UNKNOWN, Hint.GROUP_UNKNOWN, _near_group),
    Reason(Refusal.INVITER_UNKNOWN, Hint.INVITER_UNKNOWN, _administrators),
    Reason(Refusal.INVITER_NOT_ADMINISTRATOR, Hint.INVITER_NOT_ADMINISTRATOR, _administrators),
    Reason(Refusal.EMAIL_TAKEN, Hint.ALREADY_THERE, lambda refused, call, directory: {"name": refused.values["email"]}),
    Reason(Refusal.GROUP_UNKNOWN, Hint.GROUP_UNKNOWN, _near_group),
    Reason(Refusal.CREATOR_UNKNOWN, Hint.USER_UNKNOWN, _near_user),
    Reason(Refusal.CREATOR_NOT_ADMINISTRATOR, Hint.INVITER_NOT_ADMINISTRATOR, _administrators),
    Reason(Refusal.GROUP_TAKEN, Hint.ALREADY_THERE),
    Reason(Refusal.BUILTIN_RENAMED, Hint.BUILTIN_GROUP),
    Reason(Refusal.BUILTIN_DELETED, Hint.BUILTIN_GROUP),
    Reason(Refusal.CRASHED, Hint.CRASHED),
)


def explain(refused: Refused, call: Call, directory: Directory) -> Advice:
    """Return the hint for a refused request."""
    for refusal, hint, find in REASONS:
        if refusal is refused.refusal and (values := find(refused, call, directory)) is not None:
            return _redacted(hint.about(**{**refused.values, "message": refused.message, **values}), call)
    raise AssertionError(f"no hint explains {refused.refusal}")


def _redacted(advice: Advice, call: Call) -> Advice:
    veil = call.entry.veil
    return advice._replace(cause=veil(advice.cause), remedy=veil(advice.remedy))


# -- what is ignored, and what passes although nobody promises it ------------------------------------------------

# Once for each time that it was sent.
Find = Callable[[Call], Iterable[Values]]


def _outcome(call: Call) -> str:
    """Return what became of a call that was perhaps meant as a dry run."""
    entry = call.entry
    if entry.rule is not None:
        return "this call was refused anyway"
    if entry.method in ("GET", "HEAD"):
        return "this call only reads anyway"
    return (
        "this call was in test mode anyway, and nothing was written" if entry.test_mode else "this call was carried out"
    )


def _is_dry_run(name: str) -> bool:
    return DRY_RUN.fullmatch(_word(name)) is not None


def _word(name: str) -> str:
    return re.sub(r"[\W_]", "", name.lower())


def _parameters(hint: Hint) -> Find:
    def find(call: Call) -> Iterator[Values]:
        operation = call.entry.operation or ""
        known = KNOWN_PARAMETERS[operation]
        for name in islice(call.head.query, MOST_UNKNOWN):
            if name in known or not name or (name == "email" and operation in BY_EMAIL):
                continue
            is_paging = CURSOR in known and PAGING.fullmatch(_word(name))
            other = Hint.PARAMETER_PAGING if is_paging else Hint.PARAMETER_UNKNOWN
            if hint is (Hint.PARAMETER_DRY_RUN if _is_dry_run(name) else other):
                first = "" if call.head.start else " This is the first page."
                guess = did_you_mean(nearest(name, known))
                yield {"sent": name, "outcome": _outcome(call), "nearest": guess, "first": first}

    return find


def _unknown_fields(*, dry_run: bool) -> Find:
    def find(call: Call) -> Iterator[Values]:
        operation = call.entry.operation or ""
        known = KNOWN_FIELDS[operation]
        for name in islice((name for name in call.fields or {} if name not in known), MOST_UNKNOWN):
            if _is_dry_run(name) is dry_run and (operation, name) != EMAIL_OF_UPDATE:
                yield {"sent": name, "outcome": _outcome(call), "nearest": did_you_mean(nearest(name, known))}

    return find


def _dry_run_headers(call: Call) -> Iterable[Values]:
    return [{**values, "outcome": _outcome(call)} for values in _first_sent(DRY_RUN_HEADERS, call)]


def _email_header_renamed(call: Call) -> Iterable[Values]:
    # A request for one user that lists them all goes unnoticed on a site with one.
    return _first_sent(RENAMED_EMAIL, call) if call.entry.operation == "list_users" else ()


def _odd_test_mode(call: Call) -> Iterable[Values]:
    sent = call.head.query.get(TEST_MODE, "false")
    is_odd = call.entry.method not in ("GET", "HEAD") and sent.lower() not in ("true", "false")
    return [{"sent": sent}] if is_odd else ()


def _blank_in_cursor(call: Call) -> Iterable[Values]:
    start = call.head.start
    if call.entry.operation == "list_groups":
        return _once(call.site.group_meant_by(start) != start)
    # An email never holds a blank.
    return _once(" " in start and call.entry.operation == "list_users")


def _names_too_long(call: Call) -> Iterable[Values]:
    # A character takes up to twelve in a path.
    if call.fields is None or len(call.body) < MAX_NAME_BYTES // 12:
        return ()
    names = {field: call.fields.get(field) for field in ("name", "email")}
    return [{"field": field} for field, name in names.items() if name and len(quote(str(name))) > MAX_NAME_BYTES]


def _repeated_fields(call: Call) -> Iterable[Values]:
    # Each field has a colon: where there are no more, none came twice.
    if call.fields is None or call.body.count(b":") <= len(call.fields):
        return ()
    return [{"sent": name} for name in wire.repeated_names(call.body)[:MOST_UNKNOWN]]


def _repeated_group(call: Call) -> Iterable[Values]:
    groups: Any = _sent_field("groups", call)
    if not groups or len(set(groups)) == len(groups):
        return ()
    return [{"name": next(name for name, times in Counter(groups).items() if times > 1)}]


def _other_type(call: Call) -> Iterable[Values]:
    return () if call.head.says_json else [{"sent": call.head.content_type or "missing"}]


def _once(holds: object) -> Iterable[Values]:
    return [FITS] if holds else ()


class Suspicion(NamedTuple):
    """A hint, the part of a request that it is about, and its condition; ``of_refused``: also for a refused call."""

    part: str
    hint: Hint
    find: Find
    of_refused: bool = False


# The first that fits is the call's hint, unless it was refused: dry runs that were none come first.
SUSPICIONS: Final = (
    Suspicion("parameters", Hint.PARAMETER_DRY_RUN, _parameters(Hint.PARAMETER_DRY_RUN), of_refused=True),
    Suspicion("headers", Hint.HEADER_DRY_RUN, _dry_run_headers, of_refused=True),
    Suspicion("unknown fields", Hint.TEST_MODE_IN_BODY, _unknown_fields(dry_run=True), of_refused=True),
    Suspicion("query", Hint.TEST_MODE_ODD, _odd_test_mode),
    Suspicion("headers", Hint.EMAIL_HEADER_RENAMED, _email_header_renamed),
    Suspicion(
        "parameters",
        Hint.EMAIL_NOT_IN_HEADER,
        lambda call: [{"place": "query"}] if "email" in call.head.query and call.entry.operation in BY_EMAIL else (),
        of_refused=True,
    ),
    Suspicion("parameters", Hint.PARAMETER_PAGING, _parameters(Hint.PARAMETER_PAGING), of_refused=True),
    Suspicion("parameters", Hint.PARAMETER_UNKNOWN, _parameters(Hint.PARAMETER_UNKNOWN), of_refused=True),
    Suspicion(
        "query",
        Hint.CURSOR_NULL,
        lambda call: [{"sent": call.head.start}] if call.head.start.lower() in NO_CURSORS else (),
        of_refused=True,
    ),
    Suspicion("query", Hint.CURSOR_BLANK, _blank_in_cursor),
    Suspicion(
        "query",
        Hint.TEST_MODE_ON_READ,
        lambda call: _once(TEST_MODE in call.head.query and call.entry.method in ("GET", "HEAD")),
    ),
    Suspicion("unknown fields", Hint.FIELD_UNKNOWN, _unknown_fields(dry_run=False)),
    Suspicion(
        "unknown fields",
        Hint.EMAIL_UNCHANGEABLE,
        lambda call: _once(call.entry.operation == "update_user" and "email" in (call.fields or ())),
    ),
    Suspicion("fields", Hint.CREATE_BY_EMAIL, lambda call: _once(_sent_field("create_by_email", call))),
    Suspicion("fields", Hint.NAME_TOO_LONG, _names_too_long),
    Suspicion("fields", Hint.FIELD_REPEATED, _repeated_fields),
    Suspicion("fields", Hint.GROUP_REPEATED, _repeated_group),
    Suspicion("fields", Hint.CONTENT_TYPE_NOT_JSON, _other_type),
    Suspicion("ignored body", Hint.BODY_IGNORED, lambda call: [{"method": call.entry.method}]),
    Suspicion("headers", Hint.AUTH_REPEATED, lambda call: _once(call.head.repeats(AUTH_HEADER))),
    Suspicion("headers", Hint.EMAIL_REPEATED, lambda call: _once(call.head.repeats(EMAIL_HEADER))),
)
PLACES: Final = {row.hint: place for place, row in enumerate(SUSPICIONS)}
BY_PART: Final = {row.part: [each for each in SUSPICIONS if each.part == row.part] for row in SUSPICIONS}


def suspect(call: Call) -> tuple[Advice, ...]:
    """Return the hints for what a request holds in vain, and for what passed although nobody promises it.

    Of a refused call those alone that hold whatever became of it.
    """
    if call.entry.operation is None:
        return ()
    is_refused = call.entry.rule is not None
    found = [
        (hint, values)
        for part in _parts(call, call.entry.operation)
        for _, hint, find, of_refused in BY_PART[part]
        if of_refused or not is_refused
        for values in find(call)
    ]
    found.sort(key=lambda each: PLACES[each[0]])
    return tuple(_redacted(hint.about(**values), call) for hint, values in found)


def _parts(call: Call, operation: str) -> Iterator[str]:
    """The parts of a request that may hold something to remark on: of most requests none, and of creates the fields."""
    head, fields = call.head, call.fields
    if head.query_string:
        if not call.entry.test_mode:
            yield "query"
        if not KNOWN_PARAMETERS[operation].issuperset(head.query):
            yield "parameters"
    if fields is not None:
        yield "fields"
        if not KNOWN_FIELDS[operation].issuperset(fields):
            yield "unknown fields"
    elif operation not in BODIES and head.announces_body and head.length:
        yield "ignored body"
    if head.repeats_headers or head.holds_any(LOOK_MEANT):
        yield "headers"
