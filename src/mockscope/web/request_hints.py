"""The hints for what a request holds in vain, and for what passed although nobody promises it: a table of conditions.

They go into the entry, and from there into header, log and reports.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any, Final, NamedTuple
from urllib.parse import quote

from mockscope import codec
from mockscope._support.suggestions import nearest
from mockscope.instruments.hints import Advice, Hint, did_you_mean
from mockscope.web.refusal_hints import (
    BODIES,
    FITS,
    KNOWN_FIELDS,
    RENAMED_EMAIL,
    Values,
    first_sent,
    redacted,
    sent_field,
)
from mockscope.web.request import Call
from mockscope.web.request_head import AUTH_HEADER, EMAIL_HEADER, MAX_HEAD_BYTES
from mockscope.web.routes import ROUTES

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

# Once for each time that it was sent.
Find = Callable[[Call], Iterable[Values]]


def _outcome(call: Call) -> str:
    """Return what became of a call that was perhaps meant as a dry run."""
    entry = call.entry
    if entry.rule is not None:
        return "this call was refused anyway"
    if entry.method in ("GET", "HEAD"):
        return "this call only reads anyway"
    return "this call was carried out" if not entry.test_mode else "this call was in test mode, and nothing was written"


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
            if _hint_of_parameter(name, known) is hint:
                is_first = operation in ("list_users", "list_groups") and not call.head.start and not call.entry.rule
                first = " This is the first page." if is_first else ""
                guess = did_you_mean(nearest(name, known))
                yield {"sent": name, "outcome": _outcome(call), "nearest": guess, "first": first}

    return find


def _hint_of_parameter(name: str, known: frozenset[str]) -> Hint:
    if _is_dry_run(name):
        return Hint.PARAMETER_DRY_RUN
    return Hint.PARAMETER_PAGING if CURSOR in known and PAGING.fullmatch(_word(name)) else Hint.PARAMETER_UNKNOWN


def _unknown_fields(*, dry_run: bool) -> Find:
    def find(call: Call) -> Iterator[Values]:
        operation = call.entry.operation or ""
        known = KNOWN_FIELDS[operation]
        for name in islice((name for name in call.fields or {} if name not in known), MOST_UNKNOWN):
            if _is_dry_run(name) is dry_run and (operation, name) != EMAIL_OF_UPDATE:
                yield {"sent": name, "outcome": _outcome(call), "nearest": did_you_mean(nearest(name, known))}

    return find


def _dry_run_headers(call: Call) -> Iterable[Values]:
    return [{**values, "outcome": _outcome(call)} for values in first_sent(DRY_RUN_HEADERS, call)]


def _email_header_renamed(call: Call) -> Iterable[Values]:
    # A request for one user that lists them all goes unnoticed on a site with one.
    return first_sent(RENAMED_EMAIL, call) if call.entry.operation == "list_users" else ()


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
    if len(call.body) < MAX_NAME_BYTES // 12:
        return ()
    names = {field: sent_field(field, call) for field in ("name", "email")}
    return [{"field": field} for field, name in names.items() if name and len(quote(str(name))) > MAX_NAME_BYTES]


def _repeated_fields(call: Call) -> Iterable[Values]:
    # Each field has a colon: where there are no more, none came twice.
    if call.fields is None or call.body.count(b":") <= len(call.fields):
        return ()
    return [{"sent": name} for name in codec.repeated_names(call.body)[:MOST_UNKNOWN]]


def _repeated_group(call: Call) -> Iterable[Values]:
    groups: Any = sent_field("groups", call)
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
    Suspicion("fields", Hint.CREATE_BY_EMAIL, lambda call: _once(sent_field("create_by_email", call))),
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
    return tuple(redacted(hint.about(**values), call) for hint, values in found)


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
