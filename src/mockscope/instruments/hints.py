"""The catalogue of hints: likely mistakes of a client, each with its cause and remedy.

The conditions of the hints are in web/refusal_hints.py and web/request_hints.py.
"""

from enum import Enum, unique
from typing import Final, NamedTuple

from mockscope._support.text import clip

# Long enough for the name of a test with its path.
MAX_VALUE_CHARS: Final = 160


@unique
class HintTemplate(Enum):
    """A likely mistake: format strings for its cause and its remedy. The name is the code of the hint.

    A third value is the id of the rule that lets such a request pass by accident.
    """

    AUTH_HEADER_MISSING = (
        "The request carries no Http-X-Partner-Auth header.",
        "Send Http-X-Partner-Auth: <site-host>:<api-key>.",
    )
    AUTH_HEADER_RENAMED = (
        "The credentials came as {sent}; the service reads Http-X-Partner-Auth alone, its Http- prefix included.",
        "Rename the header to Http-X-Partner-Auth.",
    )
    AUTH_ANGLE_BRACKETS = (
        "The angle brackets of the documentation were left in the Http-X-Partner-Auth header.",
        "Send site-host:api-key without < and >.",
    )
    AUTH_NO_COLON = (
        "The Http-X-Partner-Auth header holds no colon: perhaps the key alone.",
        "Send the site's host, a colon, and the key.",
    )
    AUTH_SWAPPED = (
        "The Http-X-Partner-Auth header names the key first and the host last.",
        "Send the site's host, a colon, and the key.",
    )
    AUTH_REPEATED = (
        "More than one Http-X-Partner-Auth header was sent.",
        "Send it once: perhaps a session's default header and a request's own were both added.",
        "AUTH-2",
    )
    SITE_REMOVED = (
        "The site {host} was here and has been removed{label}.",
        "End what still sends requests, a thread perhaps, before the site goes.",
    )
    SITE_UNKNOWN = (
        "There is no site {host} here. The sites are: {known}.{nearest}",
        "Send the host of one of them. A test names its site with @pytest.mark.mockscope(host=..., api_key=...).",
    )
    KEY_WRONG = ("The site is right and the key is not.", "Send the site's own key; a rotated one is refused at once.")
    KEY_OF_ANOTHER_SITE = (
        "The key belongs to the site {other}, and the host says {host}.",
        "Send host and key of one site: keys are unique to each site.",
    )
    API_DISABLED = (
        "Host and key are right, but the API is not enabled for the site: every endpoint answers 404.",
        "Enable it for the site (enabled: true in the seed).",
    )
    CORS_PREFLIGHT = (
        "A browser asks whether a page of another origin may send this request, and the API does not answer that.",
        "Call the API from a server: in a page everybody could read the key.",
    )
    EMAIL_IN_PATH = ("No path of the API names a user.", "Send the email in the Http-X-Email header, to /api/v1/users.")
    EMAIL_ANGLE_BRACKETS = (
        "The angle brackets of the documentation were left in the Http-X-Email header.",
        "Send the email without < and >.",
    )
    EMAIL_HEADER_RENAMED = (
        "The email came as {sent}; the service reads Http-X-Email, its Http- prefix included.",
        "Rename the header to Http-X-Email.",
        "USER-GET-1",
    )
    EMAIL_NOT_IN_HEADER = (
        "The email came in the {place}, where this operation does not look.",
        "Send it in the Http-X-Email header.",
        "USER-GET-1",
    )
    EMAIL_HEADER_MISSING = (
        "PUT and DELETE of /api/v1/users change one user, and the request names none.",
        "Send the user's email in the Http-X-Email header.",
    )
    EMAIL_HEADER_BLANK = (
        "The Http-X-Email header is there and empty: perhaps a variable was not set.",
        "Send the user's email, or, to list users, no such header.",
    )
    EMAIL_REPEATED = (
        "More than one Http-X-Email header was sent.",
        "Send it once: perhaps a session's default header and a request's own were both added.",
        "USER-GET-1",
    )
    USER_UNKNOWN = (
        "The site has no user {email}.{nearest}",
        "Use the email of a user of this site; for one that does not exist the status is 400, not 404.",
    )
    INVITER_UNKNOWN = ("The site has no user {email}.{nearest}", "Name an administrator in {field}{such}.")
    INVITER_NOT_ADMINISTRATOR = (
        "{email} is a user of the site, but not a member of Administrators.",
        "Name an administrator in {field}{such}.",
    )
    GROUP_UNKNOWN = (
        "The site has no group {name}.{nearest}",
        "Names of groups are matched exactly, case included. Create the group first.",
    )
    ALREADY_THERE = (
        "{name} exists on the site already: perhaps a retry of a request whose answer was lost.",
        "Update it instead, or treat 409 as done.",
    )
    BUILTIN_GROUP = (
        "Administrators and All Users are built in; only their access can be changed.",
        "Leave the name, or set the policy protect_builtin_groups to false.",
    )
    BODY_MISSING = ("POST and PUT need a body, and none was sent.", "Send a JSON object; {{}} changes nothing.")
    BODY_IGNORED = (
        "A body came with {method}, and is ignored.",
        "Remove the body: GET and DELETE use only path, query and headers.",
        "HTTP-5",
    )
    HEAD_TOO_LONG = (
        "The request line, or all of the head, is over the limit of this server.",
        "Look for a header or a parameter that grows from request to request.",
    )
    NAME_TOO_LONG = ("The {field} fits into no head, so nobody can ask for it.", "Use a shorter one.", "HTTP-8")
    BODY_TOO_LARGE = ("The body is over the limit of this server.", "Send one user or one group a request.")
    BODY_GZIP = ("{message} The body is compressed with gzip.", "Send it uncompressed.")
    BODY_BOM = ("{message} The body begins with a byte order mark.", "Encode it as utf-8, not utf-8-sig or utf-16.")
    JSON_TRAILING_COMMA = (
        "{message} There is a comma before a closing bracket, as in the documentation's own examples.",
        "Take out the last comma.",
    )
    JSON_CURLY_QUOTES = (
        "{message} There are curly quotes in the body, as in one of the documentation's examples.",
        "Use straight quotes.",
    )
    JSON_FORM_ENCODED = (
        "{message} The body is form-encoded.",
        "Send JSON: json=... in requests and httpx, --data with a JSON text in curl.",
    )
    JSON_MALFORMED = ("{message}", "Send one JSON object.")
    CONTENT_TYPE_NOT_JSON = (
        "The body came with the Content-Type {sent}; nobody promises that the service parses it as JSON then.",
        "Send Content-Type: application/json.",
        "HTTP-4",
    )
    GROUPS_AS_STRING = ("{message}", 'Send a list: ["{sent}"].')
    ACCESS_MISSPELT = ("{message} There is no access {sent}.{nearest}", "Send sql, discovery or view.")
    FIELDS_INVALID = ("{message}", "Correct the fields that are named.")
    FIELD_UNKNOWN = (
        "The service knows no field {sent} here.{nearest}",
        "Correct the name, or leave the field out: unknown fields are ignored.",
        "HTTP-7",
    )
    FIELD_REPEATED = ("The field {sent} stands more than once, and the last counts.", "Send each field once.", "HTTP-4")
    GROUP_REPEATED = ("groups names {name} more than once.", "Send each name once.", "USER-CREATE-2")
    EMAIL_UNCHANGEABLE = (
        "An update has no field email and ignores it: an email can't be changed.",
        "Leave it out. To move to another address, create the new user and delete the old.",
        "HTTP-7",
    )
    CREATE_BY_EMAIL = (
        "create_by_email is what the documentation's table says; its bodies say created_by_email.",
        "Send created_by_email.",
        "GROUP-CREATE-1",
    )
    CURSOR_BLANK = (
        "next_page_start holds a blank where a + was meant: a + in a query is read as a blank.",
        "Percent-encode the cursor (params=... does it).",
        "PAGE-3",
    )
    CURSOR_NULL = (
        "next_page_start={sent} is a cursor like any other: a page begins at the first record not before it.",
        "Leave next_page_start out of the first request, and stop at a page that has null there.",
        "HTTP-7",
    )
    PARAMETER_DRY_RUN = ("There is no parameter {sent}: {outcome}.", "For a dry run send test_mode=true.", "HTTP-7")
    PARAMETER_PAGING = (
        "There is no parameter {sent}: a page has a fixed size, and next_page_start leads to the next.{first}",
        "Send next_page_start, with the value that the page before has under that name.",
        "HTTP-7",
    )
    PARAMETER_UNKNOWN = (
        "The service knows no parameter {sent} here, and ignores it.{nearest}",
        "Correct the name, or leave the parameter out.",
        "HTTP-7",
    )
    HEADER_DRY_RUN = ("There is no header {sent}: {outcome}.", "Send test_mode=true in the query.", "TEST-3")
    TEST_MODE_IN_BODY = ("There is no field {sent}: {outcome}.", "Send test_mode=true in the query.", "HTTP-7")
    TEST_MODE_ODD = (
        "test_mode={sent} is neither true nor false, so this was a real call.",
        "Send test_mode=true for a dry run.",
        "TEST-3",
    )
    TEST_MODE_ON_READ = ("test_mode is ignored where nothing is written.", "Leave test_mode out of GET.", "TEST-3")
    UNESCAPED_SLASH = ("The path goes on after the group's name.", "Percent-encode a slash in the name: / is %2F.")
    SUCCESSOR_API = ("{path} belongs to the vendor's later API.", "Use /api/v1/users and /api/v1/groups.")
    PATH_UNKNOWN = ("There is no {path}.{nearest}", "Use /api/v1/users, /api/v1/groups and /api/v1/groups/<name>.")
    METHOD_NOT_OFFERED = ("{path} does not answer {method}.", "Use one of {allowed}.")
    ACTION_FAILED = (
        "A planned fault failed: {problem}.",
        "Correct the function given as action or where; the trace is in the log.",
    )
    CRASHED = ("This is a fault of mockscope, not of the client.", "Please report it with the trace from the log.")

    def __init__(self, cause: str, remedy: str, rule: str | None = None) -> None:
        self.cause = cause
        self.remedy = remedy
        self.rule = rule

    @property
    def code(self) -> str:
        """The code, as in X-Mockscope-Hint."""
        return self.name.lower().replace("_", "-")

    def fill(self, **values: str) -> "Hint":
        """Return the hint for a request. ``values`` fill the fields of cause and remedy. Long values are cut."""
        # The message of a refusal was cut before.
        short = {name: value if name == "message" else clip(value, MAX_VALUE_CHARS) for name, value in values.items()}
        return Hint(self.code, self.cause.format(**short), self.remedy.format(**short), self.rule)


class Hint(NamedTuple):
    """A hint for a request: its code, cause, remedy, and the id of the rule that lets such a request pass."""

    code: str
    cause: str
    remedy: str
    rule: str | None = None

    def __str__(self) -> str:
        return f"{self.code}: {self.cause} {self.remedy}"


def did_you_mean(guess: str | None) -> str:
    """Return a sentence for the field ``nearest`` of a hint, or an empty string."""
    return f" Did you mean {guess}?" if guess else ""
