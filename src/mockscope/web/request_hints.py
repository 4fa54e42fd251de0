"""Hints about parts of a request without effect, and about success by accident: a table of hints and conditions.

The call stores the hints. Header, log and reports show them from there.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any, Final, NamedTuple
from urllib.parse import quote

from mockscope import codec
from mockscope._support.suggestions import find_nearest
from mockscope._vendor import AUTH_HEADER_BYTES, EMAIL_HEADER_BYTES, NEXT_PAGE_START, OTHER_CREATOR_FIELD, TEST_MODE
from mockscope.instruments.hints import Hint, HintTemplate, did_you_mean
from mockscope.web.refusal_hints import (
    BODY_TABLES,
    KNOWN_FIELDS,
    NO_VALUES,
    RENAMED_EMAIL,
    Values,
    find_first_header,
    redact_hint,
    sent_field,
)
from mockscope.web.request import HTTPRequest
from mockscope.web.request_head import MAX_HEAD_BYTES
from mockscope.web.routes import ROUTES

# The operations on pages of lists, and those on a user by email. GET Users and GET Single User share a path, so both
# are in both.
PAGED: Final = ("list_users", "list_groups", "get_user")
EMAIL_IN_HEADER: Final = ("list_users", "get_user", "update_user", "delete_user")
# HTTP-7. test_mode is among them for reads too, because it has a hint of its own there (TEST-3).
KNOWN_PARAMETERS: Final = {
    row.operation: frozenset({TEST_MODE, NEXT_PAGE_START} if row.operation in PAGED else {TEST_MODE}) for row in ROUTES
}
# HTTP-7: this field has a hint of its own.
EMAIL_OF_UPDATE: Final = ("update_user", "email")
DRY_RUN_HEADERS: Final = (b"x-dry-run", b"x-test-mode", b"dry-run", b"test-mode")
MISTAKEN_HEADERS: Final = frozenset({*RENAMED_EMAIL, *DRY_RUN_HEADERS})
# Names of parameters and fields that ask for a dry run, in lower case and without separators.
DRY_RUN: Final = re.compile(
    "dryrun|(is)?test(ing|mode|only|run)?|simulat(e|ion)|preview|(validate|check)(only)?|noop|whatif"
)
PAGING: Final = re.compile(
    "(next)?page(no|number|size|start|token)?|perpage|(next)?cursor|offset|skip|limit|count|size|top|max(results)?|"
    "start(ing)?(at|after)?|after|from"
)
NULL_CURSORS: Final = ("none", "null", "undefined")

# At most this many unknown names of a kind, and as many repeated ones, get a hint in one request.
MAX_UNKNOWN_NAMES: Final = 10
# The limit of a name in a request line (HTTP-8), with room for the rest of the head.
MAX_NAME_BYTES: Final = MAX_HEAD_BYTES - 1024

# Yields the values for the placeholders of a hint, once for each occurrence.
FindEachValues = Callable[[HTTPRequest], Iterable[Values]]


def _outcome(request: HTTPRequest) -> str:
    """Return a text about the outcome of a call that may have been meant as a dry run."""
    call = request.call
    if call.rule is not None:
        return "this call was refused anyway"
    if call.method in ("GET", "HEAD"):
        return "this call only reads anyway"
    return "this call was carried out" if not call.test_mode else "this call was in test mode, and nothing was written"


def _is_dry_run(name: str) -> bool:
    return DRY_RUN.fullmatch(_word(name)) is not None


def _word(name: str) -> str:
    return re.sub(r"[\W_]", "", name.lower())


def _unknown_parameters(hint: HintTemplate) -> FindEachValues:
    """Return the condition of one of the three hints about unknown parameters: dry run, paging, and other names."""

    def find(request: HTTPRequest) -> Iterator[Values]:
        operation = request.call.operation or ""
        known = KNOWN_PARAMETERS[operation]
        for name in islice(request.head.query, MAX_UNKNOWN_NAMES):
            has_own_hint = name == "email" and operation in EMAIL_IN_HEADER
            if name and name not in known and not has_own_hint and _hint_of_parameter(name, known) is hint:
                is_list = operation in ("list_users", "list_groups") and not request.call.rule
                first = " This is the first page." if is_list and not request.head.start else ""
                guess = did_you_mean(find_nearest(name, known))
                yield {"sent": name, "outcome": _outcome(request), "nearest": guess, "first": first}

    return find


def _hint_of_parameter(name: str, known: frozenset[str]) -> HintTemplate:
    if _is_dry_run(name):
        return HintTemplate.PARAMETER_DRY_RUN
    is_paging = NEXT_PAGE_START in known and PAGING.fullmatch(_word(name))
    return HintTemplate.PARAMETER_PAGING if is_paging else HintTemplate.PARAMETER_UNKNOWN


def _unknown_fields(*, dry_run: bool) -> FindEachValues:
    def find(request: HTTPRequest) -> Iterator[Values]:
        operation = request.call.operation or ""
        known = KNOWN_FIELDS[operation]
        for name in islice((name for name in request.fields or {} if name not in known), MAX_UNKNOWN_NAMES):
            if _is_dry_run(name) is dry_run and (operation, name) != EMAIL_OF_UPDATE:
                yield {"sent": name, "outcome": _outcome(request), "nearest": did_you_mean(find_nearest(name, known))}

    return find


def _dry_run_headers(request: HTTPRequest) -> Iterable[Values]:
    return [{**values, "outcome": _outcome(request)} for values in find_first_header(DRY_RUN_HEADERS, request)]


def _email_header_renamed(request: HTTPRequest) -> Iterable[Values]:
    # On a site with one user, the list looks like the user that was asked for.
    return find_first_header(RENAMED_EMAIL, request) if request.call.operation == "list_users" else ()


def _email_in_query(request: HTTPRequest) -> Iterable[Values]:
    is_misplaced = "email" in request.head.query and request.call.operation in EMAIL_IN_HEADER
    return [{"place": "query"}] if is_misplaced else ()


def _odd_test_mode(request: HTTPRequest) -> Iterable[Values]:
    sent = request.head.query.get(TEST_MODE, "false")
    is_odd = request.call.method not in ("GET", "HEAD") and sent.lower() not in ("true", "false")
    return [{"sent": sent}] if is_odd else ()


def _blank_in_cursor(request: HTTPRequest) -> Iterable[Values]:
    start = request.head.start
    if request.call.operation == "list_groups":
        return _once_if(request.site.store.groups.decode_cursor(start) != start)
    # An email never contains a blank.
    return _once_if(" " in start and request.call.operation == "list_users")


def _null_cursor(request: HTTPRequest) -> Iterable[Values]:
    return [{"sent": request.head.start}] if request.head.start.lower() in NULL_CURSORS else ()


def _test_mode_on_read(request: HTTPRequest) -> Iterable[Values]:
    return _once_if(TEST_MODE in request.head.query and request.call.method in ("GET", "HEAD"))


def _email_of_update(request: HTTPRequest) -> Iterable[Values]:
    return _once_if(request.call.operation == "update_user" and "email" in (request.fields or ()))


def _names_too_long(request: HTTPRequest) -> Iterable[Values]:
    # Percent-encoded, one character takes up to twelve bytes. A short body cannot hold a name that is too long.
    if len(request.body) < MAX_NAME_BYTES // 12:
        return ()
    names = {field: sent_field(field, request) for field in ("name", "email")}
    return [{"field": field} for field, name in names.items() if name and len(quote(str(name))) > MAX_NAME_BYTES]


def _repeated_fields(request: HTTPRequest) -> Iterable[Values]:
    # Each field has a colon. Without further colons, no field is repeated.
    if request.fields is None or request.body.count(b":") <= len(request.fields):
        return ()
    return [{"sent": name} for name in codec.find_repeated_names(request.body)[:MAX_UNKNOWN_NAMES]]


def _repeated_group(request: HTTPRequest) -> Iterable[Values]:
    groups: Any = sent_field("groups", request)
    if not groups or len(set(groups)) == len(groups):
        return ()
    return [{"name": next(name for name, times in Counter(groups).items() if times > 1)}]


def _other_type(request: HTTPRequest) -> Iterable[Values]:
    return () if request.head.is_json else [{"sent": request.head.content_type or "missing"}]


def _once_if(holds: object) -> Iterable[Values]:
    return [NO_VALUES] if holds else ()


class RequestHint(NamedTuple):
    """A hint about a part of a request.

    Args:
        part: The part, as ``_parts`` names it.
        hint: The hint.
        find_values: Yields the values for the hint's placeholders, once for each occurrence.
        of_refused: Whether a refused call gets the hint too.
    """

    part: str
    hint: HintTemplate
    find_values: FindEachValues
    of_refused: bool = False


def _unknown_parameter_hint(hint: HintTemplate) -> RequestHint:
    return RequestHint("parameters", hint, _unknown_parameters(hint), of_refused=True)


# The first fitting row is the hint of a call that succeeded. Writes that were meant as dry runs come first.
REQUEST_HINTS: Final = (
    _unknown_parameter_hint(HintTemplate.PARAMETER_DRY_RUN),
    RequestHint("headers", HintTemplate.HEADER_DRY_RUN, _dry_run_headers, of_refused=True),
    RequestHint("unknown fields", HintTemplate.TEST_MODE_IN_BODY, _unknown_fields(dry_run=True), of_refused=True),
    RequestHint("query", HintTemplate.TEST_MODE_ODD, _odd_test_mode),
    RequestHint("headers", HintTemplate.EMAIL_HEADER_RENAMED, _email_header_renamed),
    RequestHint("parameters", HintTemplate.EMAIL_NOT_IN_HEADER, _email_in_query, of_refused=True),
    _unknown_parameter_hint(HintTemplate.PARAMETER_PAGING),
    _unknown_parameter_hint(HintTemplate.PARAMETER_UNKNOWN),
    RequestHint("query", HintTemplate.CURSOR_NULL, _null_cursor, of_refused=True),
    RequestHint("query", HintTemplate.CURSOR_BLANK, _blank_in_cursor),
    RequestHint("query", HintTemplate.TEST_MODE_ON_READ, _test_mode_on_read),
    RequestHint("unknown fields", HintTemplate.FIELD_UNKNOWN, _unknown_fields(dry_run=False)),
    RequestHint("unknown fields", HintTemplate.EMAIL_UNCHANGEABLE, _email_of_update),
    RequestHint("fields", HintTemplate.CREATE_BY_EMAIL, lambda r: _once_if(sent_field(OTHER_CREATOR_FIELD, r))),
    RequestHint("fields", HintTemplate.NAME_TOO_LONG, _names_too_long),
    RequestHint("fields", HintTemplate.FIELD_REPEATED, _repeated_fields),
    RequestHint("fields", HintTemplate.GROUP_REPEATED, _repeated_group),
    RequestHint("fields", HintTemplate.CONTENT_TYPE_NOT_JSON, _other_type),
    RequestHint("ignored body", HintTemplate.BODY_IGNORED, lambda r: [{"method": r.call.method}]),
    RequestHint("headers", HintTemplate.AUTH_REPEATED, lambda r: _once_if(r.head.repeats(AUTH_HEADER_BYTES))),
    RequestHint("headers", HintTemplate.EMAIL_REPEATED, lambda r: _once_if(r.head.repeats(EMAIL_HEADER_BYTES))),
)
HINT_ORDER: Final = {row.hint: number for number, row in enumerate(REQUEST_HINTS)}
BY_PART: Final = {row.part: [each for each in REQUEST_HINTS if each.part == row.part] for row in REQUEST_HINTS}


def find_request_hints(request: HTTPRequest) -> tuple[Hint, ...]:
    """Return the hints about a request, with keys redacted.

    A refused call gets only the hints that do not depend on its success.
    """
    if request.call.operation is None:
        return ()
    is_refused = request.call.rule is not None
    found = [
        (hint, values)
        for part in _parts(request, request.call.operation)
        for _, hint, find_values, of_refused in BY_PART[part]
        if of_refused or not is_refused
        for values in find_values(request)
    ]
    found.sort(key=lambda each: HINT_ORDER[each[0]])
    return tuple(redact_hint(hint.fill(**values), request) for hint, values in found)


def _parts(request: HTTPRequest, operation: str) -> Iterator[str]:
    """Yield the parts of a request that may have a hint. Most requests have no such part; creates have fields."""
    head, fields = request.head, request.fields
    if head.query_string:
        if not request.call.test_mode:
            yield "query"
        if not KNOWN_PARAMETERS[operation].issuperset(head.query):
            yield "parameters"
    if fields is not None:
        yield "fields"
        if not KNOWN_FIELDS[operation].issuperset(fields):
            yield "unknown fields"
    elif operation not in BODY_TABLES and head.announces_body and head.length:
        yield "ignored body"
    if head.repeats_headers or head.has_any(MISTAKEN_HEADERS):
        yield "headers"
