"""The refusals of the service: the status, rule id and message of each.

The messages of the real service are unknown. These are written for mockscope (docs/fidelity.md).
"""

import json
from enum import Enum, unique
from functools import partial
from typing import Final

from mockscope._support.text import clip

# The header of the control API from which a client in Python raises the same exception again.
REFUSAL_HEADER: Final = "X-Mockscope-Refusal"
# The maximum characters of a value in the header.
MAX_VALUE_CHARS: Final = 2000


@unique
class Refusal(Enum):
    """A reason to refuse a request.

    ``status`` is the HTTP status of the response. ``rule`` is the id of the rule, unless the raising code names a more
    specific one. ``template`` is a format string of the message, with fields for values of the request.
    """

    AUTH_MISSING = 403, "AUTH-2", "The Http-X-Partner-Auth header is missing or blank: send <site-host>:<api-key>."
    AUTH_REPEATED = 403, "AUTH-2", "The Http-X-Partner-Auth header is sent more than once, with different values."
    AUTH_MALFORMED = 403, "AUTH-2", "The Http-X-Partner-Auth header has no colon: send <site-host>:<api-key>."
    AUTH_SWAPPED = 403, "AUTH-2", "The Http-X-Partner-Auth header names the key first: send <site-host>:<api-key>."
    SITE_UNKNOWN = 403, "AUTH-2", "There is no site {host}."
    KEY_WRONG = 403, "AUTH-2", "The API key is not the key of the site {host}."
    API_DISABLED = 404, "AUTH-3", "The User Management API is not enabled on the site {host}."

    PATH_UNKNOWN = 404, "HTTP-6", "There is nothing at {path}: the API has /api/v1/users and /api/v1/groups."
    METHOD_NOT_ALLOWED = 405, "HTTP-6", "{method} is not offered at {path}: it answers {allowed}."

    CONTENT_TYPE_WRONG = (
        400,
        "HTTP-4",
        "This site takes a body as application/json only, and the Content-Type is {sent}.",
    )
    LINE_TOO_LONG = 414, "HTTP-8", "The request line of the request is longer than {limit} bytes."
    HEAD_TOO_LONG = 431, "HTTP-8", "The head of the request is longer than {limit} bytes."
    BODY_TOO_LARGE = 413, "HTTP-8", "The body is larger than {limit} bytes."
    BODY_MISSING = 400, "HTTP-5", "The request has no body: send a JSON object."
    BODY_NOT_JSON = 400, "HTTP-4", "The body is not valid JSON in UTF-8: {reason}."
    BODY_NOT_AN_OBJECT = 400, "HTTP-4", "The body must be a JSON object, and it is {kind}."
    FIELDS_INVALID = 400, "USER-CREATE-1", "The request has invalid fields: {problems}."

    EMAIL_MISSING = 400, "USER-UPDATE-1", "The Http-X-Email header is missing: it names the user."
    EMAIL_BLANK = 400, "USER-GET-1", "The Http-X-Email header is blank: it names the user."
    EMAIL_REPEATED = 400, "USER-GET-1", "The Http-X-Email header is sent more than once, with different values."
    USER_UNKNOWN = 400, "USER-GET-1", "No user of the site {host} has the email {email}."
    GROUPS_UNKNOWN = 400, "USER-CREATE-2", "The site {host} has no group {names}."
    INVITER_UNKNOWN = 400, "USER-CREATE-3", "invited_by_email names no user of the site {host}: {email}."
    INVITER_NOT_ADMINISTRATOR = 400, "USER-CREATE-3", "{email} may not create users: not a member of Administrators."
    EMAIL_TAKEN = 409, "USER-CREATE-4", "A user with the email {email} exists already."

    GROUP_UNKNOWN = 404, "GROUP-GET-1", "The site {host} has no group {name}."
    CREATOR_UNKNOWN = 400, "GROUP-CREATE-2", "{field} names no user of the site {host}: {email}."
    CREATOR_NOT_ADMINISTRATOR = 400, "GROUP-CREATE-2", "{email} may not create groups: not a member of Administrators."
    GROUP_TAKEN = 409, "GROUP-CREATE-3", "A group with the name {name} exists already."
    BUILTIN_RENAMED = 400, "GROUP-BUILTIN-1", "The group {name} is built in and can't be renamed."
    BUILTIN_DELETED = 400, "GROUP-BUILTIN-1", "The group {name} is built in and can't be deleted."

    OWNER_UNKNOWN = 400, "USER-DELETE-2", "The owner is not a user of the site {host}: {email}."
    DASHBOARD_UNKNOWN = 404, "GROUP-1", "The site {host} has no dashboard {name}."
    DASHBOARD_TAKEN = 409, "GROUP-1", "A dashboard with the name {name} exists already."

    FUNCTION_FAILED = 500, "HTTP-8", "A planned fault failed: {problem}."
    CRASHED = 500, "HTTP-8", "mockscope crashed on this request: the log has the trace. Please report it."

    def __init__(self, status: int, rule: str, template: str) -> None:
        self.status = status
        self.rule = rule
        self.template = template


class Refused(Exception):
    """A request was refused by a rule.

    Args:
        refusal: the reason.
        rule: the rule id, for a refusal that several rules share; None is the refusal's own.
        values: the values for the fields of the template.
    """

    def __init__(self, refusal: Refusal, *, rule: str | None = None, **values: str) -> None:
        self.refusal = refusal
        self.rule = rule or refusal.rule
        self.values = values
        super().__init__(refusal, self.rule, values)

    def __reduce__(self) -> tuple[object, ...]:
        # An exception is pickled with its positional arguments only.
        return partial(Refused, self.refusal, rule=self.rule, **self.values), ()

    def as_json(self) -> str:
        """Return the refusal as JSON in ASCII, for a header."""
        values = {name: clip(value, MAX_VALUE_CHARS) for name, value in self.values.items()}
        return json.dumps({"name": self.refusal.name, "rule": self.rule, "values": values})

    @classmethod
    def from_json(cls, text: str) -> "Refused":
        """Return the refusal that ``as_json`` has rendered."""
        data = json.loads(text)
        return cls(Refusal[data["name"]], rule=data["rule"], **data["values"])

    @property
    def status(self) -> int:
        """The HTTP status of the response."""
        return self.refusal.status

    @property
    def message(self) -> str:
        """The message in the response."""
        # "problems" is not cut, because mockscope wrote it.
        short = {name: value if name == "problems" else clip(value) for name, value in self.values.items()}
        return self.refusal.template.format(**short)

    def __str__(self) -> str:
        return f"{self.status} {self.message} [{self.rule}]"

    def __repr__(self) -> str:
        return f"<Refused {self.refusal.name} {self}>"
