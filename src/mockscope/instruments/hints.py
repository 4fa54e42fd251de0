"""The catalogue of hints: what a client most likely did wrong, and what to do.

One row a hint, and no logic: who recognises a mistake is web/explaining.py.
"""

from enum import Enum, unique
from typing import Final, NamedTuple

# Room for the name of a test with its path.
LONGEST_VALUE: Final = 160


@unique
class Hint(Enum):
    """A mistake: its code, its cause and its remedy, with named places for what was sent.

    The fourth column names the rule under which the request may pass all the same.
    """

    AUTH_HEADER_MISSING = (
        "auth-header-missing",
        "The request carries no Http-X-Partner-Auth header.",
        "Send Http-X-Partner-Auth: <site-host>:<api-key>.",
    )
    AUTH_HEADER_RENAMED = (
        "auth-header-renamed",
        "The credentials came as {sent}; the service reads Http-X-Partner-Auth alone, its Http- prefix included.",
        "Rename the header to Http-X-Partner-Auth.",
    )
    AUTH_ANGLE_BRACKETS = (
        "auth-angle-brackets",
        "The angle brackets of the documentation were left in the Http-X-Partner-Auth header.",
        "Send site-host:api-key without < and >.",
    )
    AUTH_NO_COLON = (
        "auth-no-colon",
        "The Http-X-Partner-Auth header holds no colon: perhaps the key alone.",
        "Send the site's host, a colon, and the key.",
    )
    AUTH_SWAPPED = (
        "auth-swapped",
        "The Http-X-Partner-Auth header names the key first and the host last.",
        "Send the site's host, a colon, and the key.",
    )
    AUTH_REPEATED = (
        "auth-repeated",
        "More than one Http-X-Partner-Auth header was sent.",
        "Send it once: perhaps a session's default header and a request's own were both added.",
        "AUTH-2",
    )
    SITE_REMOVED = (
        "site-removed",
        "The site {host} was here and has been removed{label}.",
        "End what still sends requests, a thread perhaps, before the site goes.",
    )
    SITE_UNKNOWN = (
        "site-unknown",
        "There is no site {host} here.{nearest}",
        "Send the host of a site that this server holds.",
    )
    KEY_WRONG = (
        "key-wrong",
        "The site is right and the key is not.",
        "Send the site's own key; after a rotation the old one is refused at once.",
    )
    KEY_OF_ANOTHER_SITE = (
        "key-of-another-site",
        "The key belongs to the site {other}, and the host says {host}.",
        "Send host and key of one site: keys are unique to each site.",
    )
    API_DISABLED = (
        "api-disabled",
        "Host and key are right, but the API is not enabled for the site: every endpoint answers 404.",
        "Enable it for the site (enabled: true in the seed).",
    )
    EMAIL_HEADER_RENAMED = (
        "email-header-renamed",
        "The email came as {sent}; the service reads Http-X-Email, its Http- prefix included.",
        "Rename the header to Http-X-Email.",
        "USER-GET-1",
    )
    EMAIL_NOT_IN_HEADER = (
        "email-not-in-header",
        "The email came in the {place}, where this operation does not look.",
        "Send it in the Http-X-Email header.",
        "USER-GET-1",
    )
    EMAIL_HEADER_MISSING = (
        "email-header-missing",
        "PUT and DELETE of /api/v1/users need to be told which user.",
        "Send the user's email in the Http-X-Email header.",
    )
    EMAIL_HEADER_BLANK = (
        "email-header-blank",
        "The Http-X-Email header is there and empty: perhaps a variable was not set.",
        "Send the user's email, or, to list users, no such header.",
    )
    EMAIL_REPEATED = (
        "email-repeated",
        "More than one Http-X-Email header was sent.",
        "Send it once: perhaps a session's default header and a request's own were both added.",
        "USER-GET-1",
    )
    USER_UNKNOWN = (
        "user-unknown",
        "The site has no user {email}.{nearest}",
        "Use the email of a user of this site; for one that does not exist the status is 400, not 404.",
    )
    INVITER_NOT_ADMINISTRATOR = (
        "inviter-not-administrator",
        "{email} is a user of the site, but not a member of Administrators.",
        "Name an administrator in {field}.",
    )
    GROUP_UNKNOWN = (
        "group-unknown",
        "The site has no group {name}.{nearest}",
        "Names of groups are matched exactly, case included. Create the group first.",
    )
    ALREADY_THERE = (
        "already-there",
        "{name} exists on the site already: perhaps a retry of a request whose answer was lost.",
        "Update it instead, or treat 409 as done.",
    )
    BUILTIN_GROUP = (
        "builtin-group",
        "Administrators and All Users are built in; only their access can be changed.",
        "Leave the name, or set the policy protect_builtin_groups to false.",
    )
    BODY_MISSING = (
        "body-missing",
        "POST and PUT need a body, and none was sent.",
        "Send a JSON object; {{}} changes nothing.",
    )
    BODY_IGNORED = (
        "body-ignored",
        "A body came with {method}, and is ignored.",
        "Leave it out: GET and DELETE are told all by path, query and headers.",
        "HTTP-5",
    )
    BODY_TOO_LARGE = (
        "body-too-large",
        "The body is over the limit of this server.",
        "Send one user or one group a request.",
    )
    JSON_TRAILING_COMMA = (
        "json-trailing-comma",
        "There is a comma before a closing bracket, as in the documentation's own examples.",
        "Take out the last comma.",
    )
    JSON_CURLY_QUOTES = (
        "json-curly-quotes",
        "There are curly quotes in the body, as in one of the documentation's examples.",
        "Use straight quotes.",
    )
    JSON_FORM_ENCODED = (
        "json-form-encoded",
        "The body is form-encoded.",
        "Send JSON: json=... in requests and httpx, --data with a JSON text in curl.",
    )
    JSON_MALFORMED = (
        "json-malformed",
        "The body is not one JSON object.",
        "Send one JSON object; where parsing stopped, the message says so.",
    )
    CONTENT_TYPE_NOT_JSON = (
        "content-type-not-json",
        "The body came with the Content-Type {sent}; nobody promises that the service parses it as JSON then.",
        "Send Content-Type: application/json.",
        "HTTP-4",
    )
    GROUPS_AS_STRING = (
        "groups-as-string",
        "groups is one string.",
        'Send a list: ["{sent}"].',
    )
    ACCESS_MISSPELT = (
        "access-misspelt",
        "There is no access {sent}.{nearest}",
        "Send sql, discovery or view.",
    )
    FIELDS_INVALID = (
        "fields-invalid",
        "A field is missing, blank or of the wrong type; the message names each.",
        "Send the fields that the message names.",
    )
    FIELD_UNKNOWN = (
        "field-unknown",
        "The service knows no field {sent} here.{nearest}",
        "Correct the name, or leave the field out: unknown fields are ignored.",
        "HTTP-7",
    )
    FIELD_REPEATED = (
        "field-repeated",
        "The body names the field {sent} more than once, and the last one counts.",
        "Send each field once.",
        "HTTP-4",
    )
    GROUP_REPEATED = (
        "group-repeated",
        "groups names {name} more than once.",
        "Send each name once.",
        "USER-CREATE-2",
    )
    EMAIL_UNCHANGEABLE = (
        "email-unchangeable",
        "email is no field of an update and is ignored: an email can't be changed.",
        "Leave it out. To move to another address, create the new user and delete the old.",
        "HTTP-7",
    )
    CREATE_BY_EMAIL = (
        "create-by-email",
        "create_by_email is what the documentation's table says; its bodies say created_by_email.",
        "Send created_by_email.",
        "GROUP-CREATE-1",
    )
    CURSOR_BLANK = (
        "cursor-blank",
        "next_page_start holds a blank where a + was meant: a + in a query is read as a blank.",
        "Percent-encode the cursor (params=... does it).",
        "PAGE-3",
    )
    CURSOR_MISSPELT = (
        "cursor-misspelt",
        "There is no parameter {sent}, so this is the first page.",
        "Send the cursor as next_page_start.",
        "PAGE-2",
    )
    TEST_MODE_MISSPELT = (
        "test-mode-misspelt",
        "There is no parameter {sent}, so this was a real call.",
        "Send test_mode=true for a dry run.",
        "TEST-3",
    )
    TEST_MODE_ODD = (
        "test-mode-odd",
        "test_mode={sent} is neither true nor false, so this was a real call.",
        "Send test_mode=true for a dry run.",
        "TEST-3",
    )
    TEST_MODE_ON_READ = (
        "test-mode-on-read",
        "test_mode says nothing where nothing is written, and is ignored.",
        "Leave test_mode out of GET.",
        "TEST-3",
    )
    UNESCAPED_SLASH = (
        "unescaped-slash",
        "The path goes on after the group's name: perhaps the name holds a slash.",
        "Percent-encode the name: / is %2F.",
    )
    SUCCESSOR_API = (
        "successor-api",
        "{path} belongs to the vendor's later API, which is another one.",
        "Use /api/v1/users and /api/v1/groups.",
    )
    PATH_UNKNOWN = (
        "path-unknown",
        "There is no {path}.{nearest}",
        "Use /api/v1/users, /api/v1/groups and /api/v1/groups/<name>.",
    )
    METHOD_NOT_OFFERED = (
        "method-not-offered",
        "{path} does not answer {method}.",
        "Use one of {allowed}.",
    )
    ACTION_FAILED = (
        "action-failed",
        "The planned fault {fault} calls a function of yours, and it raised an error.",
        "Correct the function given as action or where; the trace is in the log.",
    )
    CRASHED = (
        "crashed",
        "This is a fault of mockscope, not of the client.",
        "Please report it with the trace from the log.",
    )

    @property
    def code(self) -> str:
        """The code, as in X-Mockscope-Hint."""
        return str(self.value[0])

    @property
    def rule(self) -> str | None:
        """The rule under which such a request may pass although nobody promises it; None where none does."""
        return str(self.value[3]) if len(self.value) > 3 else None

    def about(self, **values: str) -> "Advice":
        """The hint for one request."""
        short = {
            name: value if len(value) <= LONGEST_VALUE else value[: LONGEST_VALUE - 1] + "…"
            for name, value in values.items()
        }
        return Advice(self.code, self.value[1].format(**short), self.value[2].format(**short), self.rule)


class Advice(NamedTuple):
    """A hint for one request: the code, what happened, what to do, and the rule under which such a request may pass."""

    code: str
    cause: str
    remedy: str
    rule: str | None = None

    def __str__(self) -> str:
        return f"{self.code}: {self.cause} {self.remedy}"


def did_you_mean(guess: str | None) -> str:
    """A half-sentence for the place ``nearest`` of a hint."""
    return f" Did you mean {guess}?" if guess else ""
