"""The state of a run: requests, the records of the site, and the records that the run created."""

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any, Final

from mockscope._support.text import escape_control
from mockscope._vendor import ADMINISTRATORS, ALL_USERS, AUTH_HEADER, TEST_MODE, USERS_PATH
from mockscope.conformance.listing import GROUP, KINDS, USER, JSONObject, Listing, ParsedResponse, RecordKind, read_list
from mockscope.conformance.outcome import FULL, Level, RunAborted, is_same_response, skip_unless
from mockscope.conformance.policy import PolicyObserver
from mockscope.conformance.request_filter import RequestFilter, parse_target
from mockscope.conformance.run_records import ALL_RUNS, Record, RecordNames, find_marked, remove_records
from mockscope.remote.client import SiteClient, Unreachable
from mockscope.remote.exchange import Exchange

MAX_PAGES: Final = 50
IN_TEST_MODE: Final = {TEST_MODE: "true"}
# A key in the vendor's format that no site has.
WRONG_KEY: Final = "00000000-0000-0000-0000-00000000"
# The reason to abort the run after the first request, by status.
ABORT_REASONS: Final = {
    200: "the server does not have this API",
    403: "the site does not exist, or this is not its key",
    404: "the server does not have this API, or it is not enabled for the site",
}


class Session:
    """The state of a run, which all its checks share.

    Args:
        client: The client for the site.
        level: The level of the run.
        policy: The expected policy switches, as far as they are not mockscope's defaults.
        max_pages: The maximum number of pages of a list that are read.

    Raises:
        ValueError: If a switch is unknown, or does not take the value.
    """

    def __init__(
        self, client: SiteClient, level: Level, *, policy: Mapping[str, object] | None = None, max_pages: int
    ) -> None:
        self.host = client.host
        self.api_key = client.api_key
        # The values of the auth header with the right key and with a wrong key, and the header with the wrong key.
        self.credentials = f"{client.host}:{client.api_key}"
        self.wrong_credentials = f"{client.host}:{WRONG_KEY}"
        self.wrong_auth = [(AUTH_HEADER, self.wrong_credentials)]
        self.level = level
        self.policy = PolicyObserver(policy or {})
        self.names = RecordNames()
        # The records that test mode created. Below FULL, the run may not remove them.
        self.leaked_records: list[Record] = []
        self._max_pages = max_pages
        self._filter = RequestFilter(client, level, self.names)
        self.request = self._filter.request
        self.responses = self._filter.responses
        self._listings: dict[RecordKind, Listing] = {}
        self._shared_records: dict[RecordKind, str] = {}

    # -- requests ----------------------------------------------------------------------------------------------

    def get(self, path: str, **options: Any) -> Exchange:
        """Send a GET."""
        return self.request("GET", path, **options)

    def get_record(self, kind: RecordKind, name: str) -> Exchange:
        """Send a GET for one record."""
        return self.get(**kind.target(name))

    def write(self, method: str, path: str, **options: Any) -> Exchange:
        """Send a write: without test mode at FULL, else in test mode.

        Raises:
            OutcomeException: If test mode is not reliable on this server.
        """
        if self.level is FULL:
            return self.request(method, path, **options)
        reason = "test mode refuses nothing on this server (TEST-1), so that this check needs --full"
        skip_unless(self.refused_test_write.status >= 400, reason)
        return self.write_in_test_mode(method, path, **options)

    def write_in_test_mode(self, method: str, path: str, **options: Any) -> Exchange:
        """Send a write in test mode.

        Raises:
            OutcomeException: If test mode created a record on this server. Then no more writes are sent below FULL.
        """
        reason = "test mode writes on this server (TEST-4), so that no more writes are sent"
        skip_unless(self.level is FULL or not self.test_mode_leaks, reason)
        return self.request(method, path, query=IN_TEST_MODE, **options)

    def create(self, kind: RecordKind, **changes: object) -> Exchange:
        """Send a create of a new record. The arguments are those of ``new_body``."""
        return self.write("POST", kind.create_path, json=self.new_body(kind, **changes))

    def update(self, kind: RecordKind, name: str, changes: Mapping[str, object]) -> Exchange:
        """Send an update of a record."""
        return self.write("PUT", **kind.target(name), json=changes)

    def delete(self, kind: RecordKind, name: str) -> Exchange:
        """Send a deletion of a record."""
        return self.write("DELETE", **kind.target(name))

    # -- the site ----------------------------------------------------------------------------------------------

    def open(self) -> None:
        """Read the list of users, to find out whether the run can begin.

        Raises:
            RunAborted: If the server does not have this API or the site, or refuses the key.
        """
        try:
            listing = self.listing(USER)
        except Unreachable as error:
            raise RunAborted(str(error)) from None
        if not listing.pages and listing.bad_page is not None:
            first = listing.bad_page.exchange
            reason = ABORT_REASONS.get(first.status, "the server does not list the users")
            if 300 <= first.status < 400:
                reason = f"the server redirects to {escape_control(first.header('Location') or 'no Location')}"
            raise RunAborted(f"{reason} (GET {first.path}: {first.status})")

    def listing(self, kind: RecordKind) -> Listing:
        """Return a list, which is read only once."""
        if kind not in self._listings:
            self._listings[kind] = read_list(self.request, kind, max_pages=self._max_pages)
        return self._listings[kind]

    @property
    def leftovers(self) -> list[Record]:
        """The records of other runs that the lists contain."""
        marked = [record for listing in self._listings.values() for record in find_marked(listing, ALL_RUNS)]
        return [record for record in marked if not self.names.owns(record.name)]

    def shown_records(self, kind: RecordKind) -> Iterator[tuple[ParsedResponse, JSONObject]]:
        """Yield all records of a kind in all responses, each with its response.

        Raises:
            OutcomeException: If no response has a record of the kind.
        """
        self.listing(kind)
        is_empty = True
        for response in self.responses:
            for record in _records_in(response, kind):
                is_empty = False
                yield response, record
        skip_unless(not is_empty, f"no response has a {kind}")

    @cached_property
    def site_users(self) -> list[JSONObject]:
        """The users at the start of the run that have groups and an email that is valid in a header."""
        return [user for user in self.listing(USER).records if _is_user(user)]

    @cached_property
    def site_groups(self) -> list[JSONObject]:
        """The groups at the start of the run that have a name."""
        return [group for group in self.listing(GROUP).records if GROUP.key(group) is not None]

    @cached_property
    def group_names(self) -> list[str]:
        """The names of the groups at the start of the run."""
        return [group["name"] for group in self.site_groups]

    @cached_property
    def administrator(self) -> JSONObject:
        """A member of Administrators.

        Raises:
            OutcomeException: If the list of users has none.
        """
        found = [user for user in self.site_users if ADMINISTRATORS in user["groups"]]
        skip_unless(found, f"the list has no user in {ADMINISTRATORS}")
        return found[0]

    @property
    def inviter(self) -> str:
        """The email of a member of Administrators."""
        return str(self.administrator["email"])

    @property
    def non_administrator(self) -> str:
        """The email of a user who is not an administrator. At FULL, the run creates one.

        Raises:
            OutcomeException: If the site has no such user.
        """
        if self.level is FULL:
            return self.create_own(USER)
        found = [str(user["email"]) for user in self.site_users if ADMINISTRATORS not in user["groups"]]
        skip_unless(found, "every user of the site is an administrator, so that this check needs --full")
        return found[0]

    @property
    def default_groups(self) -> list[str]:
        """The group All Users, if the site has it."""
        return [ALL_USERS] if ALL_USERS in self.group_names else []

    # -- bodies ------------------------------------------------------------------------------------------------

    def new_body(self, kind: RecordKind, **changes: object) -> dict[str, Any]:
        """Return the body for a new record, with changed fields. ``...`` leaves a field out."""
        body: dict[str, object] = {"name": self.names.group(), "access": "view", "created_by_email": self.inviter}
        if kind is USER:
            body = {
                "first_name": "Mockscope",
                "last_name": "Check",
                "email": self.names.email(),
                "groups": self.default_groups or ...,
                "invited_by_email": self.inviter,
            }
        return {name: value for name, value in (body | changes).items() if value is not ...}

    def existing(self, kind: RecordKind) -> dict[str, Any]:
        """Return the body for a create of a record that exists: one of this run at FULL, else one of the site.

        Raises:
            OutcomeException: If the site has no record of the kind.
        """
        if self.level is FULL:
            return self.new_body(kind, **{kind.key_field: self.shared_record(kind)})
        if kind is USER:
            fields = ("first_name", "last_name", "email", "groups")
            return self.new_body(USER, **{name: self.administrator.get(name) for name in fields})
        skip_unless(self.site_groups, "the site has no groups")
        group = self.site_groups[0]
        return self.new_body(GROUP, name=group["name"], access=str(group.get("access")).lower())

    def update_target(self, kind: RecordKind) -> str:
        """Return the name of a record for an update. Below FULL, the update must be empty."""
        return str(self.existing(kind)[kind.key_field])

    # -- records of this run (FULL) ----------------------------------------------------------------------------

    def create_own(self, kind: RecordKind, **changes: object) -> str:
        """Create a record and return its name.

        Raises:
            OutcomeException: If the server refuses the create.
        """
        body = self.new_body(kind, **changes)
        exchange = self.request("POST", kind.create_path, json=body)
        reason = f"the check could not create a record: POST {kind.create_path}: {exchange.status}"
        skip_unless(exchange.status < 300, reason)
        return str(body[kind.key_field])

    def shared_record(self, kind: RecordKind) -> str:
        """Return the name of a record of this run that all checks share and none may change."""
        if kind not in self._shared_records:
            self._shared_records[kind] = self.create_own(kind)
        return self._shared_records[kind]

    def remove_created(self) -> list[Record]:
        """Remove the records of this run. Return the records that are still there.

        Raises:
            Unreachable: If the server does not respond.
        """
        return remove_records(self.request, self._filter.created, self.names, max_pages=self._max_pages)

    # -- test mode ---------------------------------------------------------------------------------------------

    @cached_property
    def refused_test_write(self) -> Exchange:
        """The first write in test mode: a create without fields. A server whose test mode checks fields refuses it."""
        return self.request("POST", USERS_PATH, query=IN_TEST_MODE, json={})

    @cached_property
    def test_mode_leaks(self) -> list[Exchange]:
        """The creates in test mode that created a record, each with the GET that found the record."""
        leaks: list[Exchange] = []
        for kind in KINDS:
            body = self.new_body(kind)
            made = Record(kind, body[kind.key_field])
            write = self.request("POST", kind.create_path, query=IN_TEST_MODE, json=body)
            seen = self.get_record(*made)
            if seen.status == 200:
                leaks += [write, seen]
                self.leaked_records.append(made)
        return leaks

    def try_in_test_mode(self, method: str, kind: RecordKind) -> tuple[Exchange, Exchange, Exchange]:
        """Change or delete a record of this run in test mode. Return the GET before, the write, and the GET after."""
        name = self.create_own(kind)
        changes = {"first_name": "Tested", "last_name": "Tested", "groups": []}
        if kind is GROUP:
            changes = {"name": self.names.group(), "access": "sql"}
        body = changes if method == "PUT" else None
        before = self.get_record(kind, name)
        write = self.write_in_test_mode(method, **kind.target(name), json=body)
        return before, write, self.get_record(kind, name)

    def prove_test_mode(self, method: str, kind: RecordKind) -> None:
        """Check that a write in test mode leaves a record of this run unchanged.

        Afterwards the request filter allows the same write to the site's own records in test mode.

        Raises:
            OutcomeException: If the record was changed, or test mode is not reliable.
        """
        reason = "test mode refuses nothing on this server (TEST-1), so that records of the site are not tried"
        skip_unless(self.refused_test_write.status >= 400, reason)
        before, write, after = self.try_in_test_mode(method, kind)
        is_proven = before.status == 200 and write.status < 300 and is_same_response(after, before)
        reason = f"{method} in test mode may change records on this server, so that records of the site are not tried"
        skip_unless(is_proven, reason)
        self._filter.proven.add((method, kind))


def _records_in(response: ParsedResponse, kind: RecordKind) -> list[JSONObject]:
    """Return the records of a kind in a response."""
    exchange, body = response
    found, name = parse_target(exchange.path, exchange.headers)
    if found is not kind or exchange.status >= 300 or not isinstance(body, JSONObject) or body.names == ["message"]:
        return []
    listed = body.get(kind.plural)
    if isinstance(listed, list) and kind.key_field not in body:
        return [record for record in listed if isinstance(record, JSONObject)]
    is_one = exchange.method in ("POST", "PUT") or (exchange.method == "GET" and name is not None)
    return [body] if is_one else []


def _is_user(user: Any) -> bool:
    email = USER.key(user)
    return email is not None and email.isascii() and email.isprintable() and isinstance(user.get("groups"), list)
