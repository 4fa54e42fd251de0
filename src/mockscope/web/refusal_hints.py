"""The hint about a refused request: a table of refusals, hints and conditions.

The call stores the hint. Header, log and reports show it from there.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from difflib import get_close_matches
from itertools import islice
from typing import Final, NamedTuple

from mockscope import codec
from mockscope._support.suggestions import MAX_CANDIDATES, find_nearest, find_nearest_email
from mockscope._vendor import AUTH_HEADER_BYTES, EMAIL_HEADER_BYTES, GROUPS_PATH, USERS_PATH
from mockscope.domain.directory import Directory
from mockscope.domain.refusals import Refusal, Refused
from mockscope.domain.rules import ACCESS_WORDS, GROUP_CHANGES, NEW_GROUP, NEW_USER, USER_CHANGES, FieldTable
from mockscope.instruments.hints import Hint, HintTemplate, did_you_mean
from mockscope.web.nearest import find_nearest_group, find_nearest_user
from mockscope.web.request import HTTPRequest

# The values for the placeholders of a hint. A condition returns them, or None if the hint does not fit.
Values = Mapping[str, str]
# The hint fits, and has no placeholders to fill in.
NO_VALUES: Final[Values] = {}

BODY_TABLES: Final[Mapping[str, FieldTable]] = {
    "create_user": NEW_USER,
    "update_user": USER_CHANGES,
    "create_group": NEW_GROUP,
    "update_group": GROUP_CHANGES,
}
KNOWN_FIELDS: Final[Mapping[str, frozenset[str]]] = {operation: table.names for operation, table in BODY_TABLES.items()}
# HTTP-9: paths of the successor of the API.
SUCCESSOR: Final = r"/api/(v[2-9]|v1/(roles|dashboards))(/|$)"
# Headers that clients send by mistake instead of the right ones.
RENAMED_AUTH: Final = (
    *(b"x-partner-auth", b"http_x_partner_auth", b"authorization", b"partner-auth", b"x-http-partner-auth"),
    b"x-api-key",
)
RENAMED_EMAIL: Final = (b"x-email", b"http_x_email", b"email", b"x-http-email", b"x-user-email")
MAX_HOSTS_SHOWN: Final = 5
# The limit of a body that is searched for syntax errors.
MAX_BYTES_READ: Final = 64 * 1024


# -- conditions -------------------------------------------------------------------------------------------------

FindValues = Callable[[Refused, HTTPRequest, Directory], Values | None]


def _fits_if(holds: object) -> Values | None:
    return NO_VALUES if holds else None


def _always(refused: Refused, request: HTTPRequest, directory: Directory) -> Values | None:
    return NO_VALUES


def _preflight(refused: Refused, request: HTTPRequest, directory: Directory) -> Values | None:
    return _fits_if(request.call.method == "OPTIONS" and request.head.header(b"access-control-request-method"))


def find_first_header(names: Iterable[bytes], request: HTTPRequest) -> Iterator[Values]:
    """Yield the name of the first of these headers that was sent, if one was."""
    yield from islice(({"sent": name.decode().title()} for name in names if request.head.header(name)), 1)


def _renamed(names: Iterable[bytes]) -> FindValues:
    return lambda refused, request, directory: next(find_first_header(names, request), None)


def _brackets_in(name: bytes) -> FindValues:
    return lambda refused, request, directory: _fits_if(re.search(r"^\s*<|>\s*$", request.head.header(name)))


def _removed_site(refused: Refused, request: HTTPRequest, directory: Directory) -> Values | None:
    label = directory.label_of_removed(refused.values["host"])
    return None if label is None else {"label": f": it was that of {label}" if label else ""}


def _known_sites(refused: Refused, request: HTTPRequest, directory: Directory) -> Values | None:
    hosts = directory.hosts()
    more = f" and {len(hosts) - MAX_HOSTS_SHOWN} more" if len(hosts) > MAX_HOSTS_SHOWN else ""
    known = ", ".join(hosts[:MAX_HOSTS_SHOWN]) or "none"
    return {"known": known + more, "nearest": did_you_mean(find_nearest(refused.values["host"], hosts))}


def _other_site(refused: Refused, request: HTTPRequest, directory: Directory) -> Values | None:
    key = request.head.header(AUTH_HEADER_BYTES).strip().rpartition(":")[2]
    return next(({"other": site.host} for site in directory if site.accepts_key(key)), None)


def _path_matches(pattern: str) -> FindValues:
    return lambda refused, request, directory: _fits_if(re.match(pattern, request.call.path))


def _near_path(refused: Refused, request: HTTPRequest, directory: Directory) -> Values | None:
    return {"nearest": did_you_mean(find_nearest(request.call.path.rstrip("/"), (USERS_PATH, GROUPS_PATH)))}


def _email_in_query(refused: Refused, request: HTTPRequest, directory: Directory) -> Values | None:
    return {"place": "query"} if "email" in request.head.query else None


def _email_in_body(refused: Refused, request: HTTPRequest, directory: Directory) -> Values | None:
    return {"place": "body"} if b"email" in request.body else None


def _near_user(refused: Refused, request: HTTPRequest, directory: Directory) -> Values | None:
    return {"nearest": did_you_mean(find_nearest_user(request.site, refused.values["email"]))}


def _administrators(refused: Refused, request: HTTPRequest, directory: Directory) -> Values | None:
    emails = [user.email for user in request.site.administrators()]
    guess = find_nearest_email(refused.values["email"], emails)
    return {"nearest": did_you_mean(guess), "such": f", such as {guess or emails[0]}" if emails else ""}


def _taken_email(refused: Refused, request: HTTPRequest, directory: Directory) -> Values | None:
    return {"name": refused.values["email"]}


def _near_group(refused: Refused, request: HTTPRequest, directory: Directory) -> Values | None:
    return {"nearest": did_you_mean(find_nearest_group(request.site, refused.values["name"]))}


def _body_matches(pattern: bytes) -> FindValues:
    return lambda refused, request, directory: _fits_if(re.match(pattern, request.body))


def _syntax_matches(pattern: bytes) -> FindValues:
    # Any character is valid inside a string.
    return lambda refused, request, directory: _fits_if(
        re.search(pattern, codec.blank_strings(request.body[:MAX_BYTES_READ]))
    )


def _groups_as_string(refused: Refused, request: HTTPRequest, directory: Directory) -> Values | None:
    groups = sent_field("groups", request)
    return {"sent": groups} if isinstance(groups, str) else None


def _access_misspelt(refused: Refused, request: HTTPRequest, directory: Directory) -> Values | None:
    access = sent_field("access", request)
    if not isinstance(access, str) or access.lower() in ACCESS_WORDS:
        return None
    return {"sent": access or "(blank)", "nearest": did_you_mean(find_nearest(access, ACCESS_WORDS))}


def sent_field(name: str, request: HTTPRequest) -> object:
    """Return the sent value of a field, or None if it was not sent, or the operation does not have the field."""
    value = request.fields and request.fields.get(name)
    return value if value is not None and name in KNOWN_FIELDS[request.call.operation or ""] else None


def _required_misspelt(refused: Refused, request: HTTPRequest, directory: Directory) -> Values | None:
    """Fit if a required field is missing and an unknown field has a similar name."""
    fields, table = request.fields or {}, BODY_TABLES[request.call.operation or ""]
    missing = [field.name for field in table.fields if field.required and field.name not in fields]
    for name in islice(fields, MAX_CANDIDATES):
        if name not in table.names and get_close_matches(name, missing, n=1):
            # The hint has one placeholder for both texts.
            return {"sent": name, "nearest": f"{did_you_mean(find_nearest(name, missing))} {refused.message}"}
    return None


class RefusalHint(NamedTuple):
    """A hint about a refusal.

    Args:
        refusal: The refusal.
        hint: The hint.
        find_values: Returns the values for the hint's placeholders, or None if the hint does not fit.
    """

    refusal: Refusal
    hint: HintTemplate
    find_values: FindValues = _always


# The first fitting row of a refusal counts.
REFUSAL_HINTS: Final = (
    RefusalHint(Refusal.AUTH_MISSING, HintTemplate.CORS_PREFLIGHT, _preflight),
    RefusalHint(Refusal.AUTH_MISSING, HintTemplate.AUTH_HEADER_RENAMED, _renamed(RENAMED_AUTH)),
    RefusalHint(Refusal.AUTH_MISSING, HintTemplate.AUTH_HEADER_MISSING),
    RefusalHint(Refusal.AUTH_REPEATED, HintTemplate.AUTH_REPEATED),
    RefusalHint(Refusal.AUTH_MALFORMED, HintTemplate.AUTH_ANGLE_BRACKETS, _brackets_in(AUTH_HEADER_BYTES)),
    RefusalHint(Refusal.AUTH_MALFORMED, HintTemplate.AUTH_NO_COLON),
    RefusalHint(Refusal.AUTH_SWAPPED, HintTemplate.AUTH_SWAPPED),
    RefusalHint(Refusal.SITE_UNKNOWN, HintTemplate.AUTH_ANGLE_BRACKETS, _brackets_in(AUTH_HEADER_BYTES)),
    RefusalHint(Refusal.SITE_UNKNOWN, HintTemplate.SITE_REMOVED, _removed_site),
    RefusalHint(Refusal.SITE_UNKNOWN, HintTemplate.SITE_UNKNOWN, _known_sites),
    RefusalHint(Refusal.KEY_WRONG, HintTemplate.AUTH_ANGLE_BRACKETS, _brackets_in(AUTH_HEADER_BYTES)),
    RefusalHint(Refusal.KEY_WRONG, HintTemplate.KEY_OF_ANOTHER_SITE, _other_site),
    RefusalHint(Refusal.KEY_WRONG, HintTemplate.KEY_WRONG),
    RefusalHint(Refusal.API_DISABLED, HintTemplate.API_DISABLED),
    RefusalHint(Refusal.PATH_UNKNOWN, HintTemplate.SUCCESSOR_API, _path_matches(SUCCESSOR)),
    RefusalHint(Refusal.PATH_UNKNOWN, HintTemplate.EMAIL_IN_PATH, _path_matches(f"{USERS_PATH}/[^/]*(@|%40)")),
    RefusalHint(Refusal.PATH_UNKNOWN, HintTemplate.UNESCAPED_SLASH, _path_matches(f"{GROUPS_PATH}/")),
    RefusalHint(Refusal.PATH_UNKNOWN, HintTemplate.PATH_UNKNOWN, _near_path),
    RefusalHint(Refusal.METHOD_NOT_ALLOWED, HintTemplate.CORS_PREFLIGHT, _preflight),
    RefusalHint(Refusal.METHOD_NOT_ALLOWED, HintTemplate.METHOD_NOT_OFFERED),
    RefusalHint(Refusal.LINE_TOO_LONG, HintTemplate.HEAD_TOO_LONG),
    RefusalHint(Refusal.HEAD_TOO_LONG, HintTemplate.HEAD_TOO_LONG),
    RefusalHint(Refusal.CONTENT_TYPE_WRONG, HintTemplate.CONTENT_TYPE_NOT_JSON),
    RefusalHint(Refusal.BODY_TOO_LARGE, HintTemplate.BODY_TOO_LARGE),
    RefusalHint(Refusal.BODY_MISSING, HintTemplate.BODY_MISSING),
    RefusalHint(Refusal.BODY_NOT_JSON, HintTemplate.BODY_GZIP, _body_matches(b"\x1f\x8b")),
    RefusalHint(Refusal.BODY_NOT_JSON, HintTemplate.BODY_BOM, _body_matches(b"\xef\xbb\xbf|\xff\xfe|\xfe\xff")),
    RefusalHint(
        Refusal.BODY_NOT_JSON, HintTemplate.JSON_CURLY_QUOTES, _syntax_matches("\u201c|\u201d|\u2018|\u2019".encode())
    ),
    RefusalHint(Refusal.BODY_NOT_JSON, HintTemplate.JSON_TRAILING_COMMA, _syntax_matches(rb",\s*[}\]]")),
    RefusalHint(Refusal.BODY_NOT_JSON, HintTemplate.JSON_FORM_ENCODED, _body_matches(rb"[\w.%+\[\]-]+=[^{}]*\Z")),
    RefusalHint(Refusal.BODY_NOT_JSON, HintTemplate.JSON_MALFORMED),
    RefusalHint(Refusal.BODY_NOT_AN_OBJECT, HintTemplate.JSON_MALFORMED),
    RefusalHint(Refusal.FIELDS_INVALID, HintTemplate.GROUPS_AS_STRING, _groups_as_string),
    RefusalHint(Refusal.FIELDS_INVALID, HintTemplate.ACCESS_MISSPELT, _access_misspelt),
    RefusalHint(Refusal.FIELDS_INVALID, HintTemplate.FIELD_UNKNOWN, _required_misspelt),
    RefusalHint(Refusal.FIELDS_INVALID, HintTemplate.FIELDS_INVALID),
    RefusalHint(Refusal.EMAIL_MISSING, HintTemplate.EMAIL_HEADER_RENAMED, _renamed(RENAMED_EMAIL)),
    RefusalHint(Refusal.EMAIL_MISSING, HintTemplate.EMAIL_NOT_IN_HEADER, _email_in_query),
    RefusalHint(Refusal.EMAIL_MISSING, HintTemplate.EMAIL_NOT_IN_HEADER, _email_in_body),
    RefusalHint(Refusal.EMAIL_MISSING, HintTemplate.EMAIL_HEADER_MISSING),
    RefusalHint(Refusal.EMAIL_BLANK, HintTemplate.EMAIL_HEADER_BLANK),
    RefusalHint(Refusal.EMAIL_REPEATED, HintTemplate.EMAIL_REPEATED),
    RefusalHint(Refusal.USER_UNKNOWN, HintTemplate.EMAIL_ANGLE_BRACKETS, _brackets_in(EMAIL_HEADER_BYTES)),
    RefusalHint(Refusal.USER_UNKNOWN, HintTemplate.USER_UNKNOWN, _near_user),
    RefusalHint(Refusal.GROUPS_UNKNOWN, HintTemplate.GROUP_UNKNOWN, _near_group),
    RefusalHint(Refusal.INVITER_UNKNOWN, HintTemplate.INVITER_UNKNOWN, _administrators),
    RefusalHint(Refusal.INVITER_NOT_ADMINISTRATOR, HintTemplate.INVITER_NOT_ADMINISTRATOR, _administrators),
    RefusalHint(Refusal.EMAIL_TAKEN, HintTemplate.ALREADY_THERE, _taken_email),
    RefusalHint(Refusal.GROUP_UNKNOWN, HintTemplate.GROUP_UNKNOWN, _near_group),
    RefusalHint(Refusal.CREATOR_UNKNOWN, HintTemplate.USER_UNKNOWN, _near_user),
    RefusalHint(Refusal.CREATOR_NOT_ADMINISTRATOR, HintTemplate.INVITER_NOT_ADMINISTRATOR, _administrators),
    RefusalHint(Refusal.GROUP_TAKEN, HintTemplate.ALREADY_THERE),
    RefusalHint(Refusal.BUILTIN_RENAMED, HintTemplate.BUILTIN_GROUP),
    RefusalHint(Refusal.BUILTIN_DELETED, HintTemplate.BUILTIN_GROUP),
    RefusalHint(Refusal.FUNCTION_FAILED, HintTemplate.ACTION_FAILED),
    RefusalHint(Refusal.CRASHED, HintTemplate.CRASHED),
)


def find_refusal_hint(refused: Refused, request: HTTPRequest, directory: Directory) -> Hint:
    """Return the hint about a refused request, with keys redacted."""
    for refusal, hint, find_values in REFUSAL_HINTS:
        if refusal is refused.refusal and (values := find_values(refused, request, directory)) is not None:
            return redact_hint(hint.fill(**{**refused.values, "message": refused.message, **values}), request)
    raise AssertionError(f"no hint explains {refused.refusal}")


def redact_hint(hint: Hint, request: HTTPRequest) -> Hint:
    """Return a hint with the keys in its texts redacted."""
    redactor = request.call.redactor
    return hint._replace(cause=redactor(hint.cause), remedy=redactor(hint.remedy))
