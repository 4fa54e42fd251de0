"""The state that the checks of one run share: what is on the site, and the records that they make."""

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any, Final

from mockscope._support.text import printable
from mockscope._vendor import (
    ADMINISTRATORS,
    ALL_USERS,
    AUTH_HEADER,
    CREATOR_FIELD,
    INVITER_FIELD,
    TEST_MODE,
    USERS_PATH,
)
from mockscope.conformance.listing import GROUP, KINDS, USER, CannedResponse, Fields, Kind, Walk, walk
from mockscope.conformance.names import ALL_RUNS, Names, Record, clean, marked_in
from mockscope.conformance.outcome import FULL, CouldNotRun, Level, is_same, require
from mockscope.conformance.policy import Readings
from mockscope.conformance.request_filter import Guard, target_of
from mockscope.remote.client import Client, Unreachable
from mockscope.remote.exchange import Exchange

MAX_PAGES: Final = 50
IN_TEST_MODE: Final = {TEST_MODE: "true"}
# A key in the vendor's form that no site has.
WRONG_KEY: Final = "00000000-0000-0000-0000-00000000"
# Why a response with a status to the first request ends the run.
WHY_NOT: Final = {
    200: "the server is not one of this API",
    403: "the site or its key is refused",
    404: "there is no such API, or it is not enabled for the site",
}


class Session:
    """The state that the checks of one run share.

    Args:
        client: The client for the site.
        level: The level of the run.
        policy: The switches to judge by that are not at mockscope's defaults.
        max_pages: The most pages of a list that are read.

    Raises:
        ValueError: If a switch is unknown, or does not take the value.
    """

    def __init__(
        self, client: Client, level: Level, *, policy: Mapping[str, object] | None = None, max_pages: int = MAX_PAGES
    ) -> None:
        self.host = client.host
        self.api_key = client.api_key
        # The values of the auth header with the right key, and with a wrong one.
        self.pair = f"{client.host}:{client.api_key}"
        self.wrong_pair = f"{client.host}:{WRONG_KEY}"
        self.level = level
        self.readings = Readings(policy or {})
        self.names = Names()
        # The records that test mode has made: below FULL, they may not be removed.
        self.leaked: list[Record] = []
        self._max_pages = max_pages
        self._guard = Guard(client, level, self.names)
        self.request = self._guard.request
        self.responses = self._guard.responses
        self._walks: dict[Kind, Walk] = {}
        self._spares: dict[Kind, str] = {}

    # -- requests ----------------------------------------------------------------------------------------------

    def get(self, path: str, **options: Any) -> Exchange:
        """Send a GET."""
        return self.request("GET", path, **options)

    def see(self, kind: Kind, name: str) -> Exchange:
        """Send a GET of one record."""
        return self.get(**kind.target(name))

    def write(self, method: str, path: str, **options: Any) -> Exchange:
        """Send a write as the level has it: for real at FULL, below it in test mode.

        Raises:
            Verdict: If test mode does not check anything, or writes, so that only FULL can tell.
        """
        if self.level is FULL:
            return self.request(method, path, **options)
        reason = "test mode refuses nothing on this server (TEST-1), so that only --full can tell"
        require(self.refusal.status >= 400, reason)
        return self.write_in_test_mode(method, path, **options)

    def write_in_test_mode(self, method: str, path: str, **options: Any) -> Exchange:
        """Send a write in test mode.

        Raises:
            Verdict: If test mode writes on this server, so that below FULL no more writes are sent.
        """
        reason = "test mode writes on this server (TEST-4), so that nothing more is sent"
        require(self.level is FULL or not self.leaks, reason)
        return self.request(method, path, query=IN_TEST_MODE, **options)

    def create(self, kind: Kind, **changes: object) -> Exchange:
        """Send a create of a new record; ``new`` has the arguments."""
        return self.write("POST", kind.create_path, json=self.new(kind, **changes))

    def update(self, kind: Kind, name: str, changes: Mapping[str, object]) -> Exchange:
        """Send an update of a record."""
        return self.write("PUT", **kind.target(name), json=changes)

    def delete(self, kind: Kind, name: str) -> Exchange:
        """Send a deletion of a record."""
        return self.write("DELETE", **kind.target(name))

    @property
    def nobody(self) -> list[tuple[str, str]]:
        """The auth header with a wrong key."""
        return [(AUTH_HEADER, self.wrong_pair)]

    # -- the site ----------------------------------------------------------------------------------------------

    def open(self) -> None:
        """Read the users: the first look at the site.

        Raises:
            CouldNotRun: If the server has no such API or no such site, or the key is not its key.
        """
        try:
            walked = self.walk(USER)
        except Unreachable as error:
            raise CouldNotRun(str(error)) from None
        if not walked.pages and walked.stray is not None:
            first = walked.stray.exchange
            reason = WHY_NOT.get(first.status, "the server does not list the users")
            if 300 <= first.status < 400:
                reason = f"the server redirects to {printable(first.header('Location') or 'nowhere')}"
            raise CouldNotRun(f"{reason} (GET {first.path}: {first.status})")

    def walk(self, kind: Kind) -> Walk:
        """Return a list as it was when it was first read."""
        if kind not in self._walks:
            self._walks[kind] = walk(self.request, kind, max_pages=self._max_pages)
        return self._walks[kind]

    @property
    def leftovers(self) -> list[Record]:
        """The records of other runs in the lists that were read."""
        marked = [record for walked in self._walks.values() for record in marked_in(walked, ALL_RUNS)]
        return [record for record in marked if not self.names.is_ours(record.name)]

    def shown(self, kind: Kind) -> Iterator[tuple[CannedResponse, Fields]]:
        """Yield all records of a kind that were shown, each with the response.

        Raises:
            Verdict: If no response showed a record of that kind.
        """
        self.walk(kind)
        is_empty = True
        for response in self.responses:
            for record in _records_in(response, kind):
                is_empty = False
                yield response, record
        require(not is_empty, f"no {kind} was shown")

    @cached_property
    def site_users(self) -> list[Fields]:
        """The users that were there before anything was made, with an email that a header can hold, and groups."""
        return [user for user in self.walk(USER).records if _is_user(user)]

    @cached_property
    def site_groups(self) -> list[Fields]:
        """The groups that were there before anything was made, with a name."""
        return [group for group in self.walk(GROUP).records if GROUP.key(group) is not None]

    @cached_property
    def group_names(self) -> list[str]:
        """The names of the groups that were there before anything was made."""
        return [group["name"] for group in self.site_groups]

    @cached_property
    def administrator(self) -> Fields:
        """A member of Administrators.

        Raises:
            Verdict: If none was seen.
        """
        found = [user for user in self.site_users if ADMINISTRATORS in user["groups"]]
        require(found, f"no user was seen who is in {ADMINISTRATORS}")
        return found[0]

    @property
    def inviter(self) -> str:
        """The email of a member of Administrators."""
        return str(self.administrator["email"])

    @property
    def outsider(self) -> str:
        """The email of a user who is not an administrator; at FULL, one of this run.

        Raises:
            Verdict: If the site has no such user.
        """
        if self.level is FULL:
            return self.own(USER)
        found = [str(user["email"]) for user in self.site_users if ADMINISTRATORS not in user["groups"]]
        require(found, "every user of the site is an administrator, and below --full none is made")
        return found[0]

    @property
    def everyday_groups(self) -> list[str]:
        """All Users, if the site has it."""
        return [ALL_USERS] if ALL_USERS in self.group_names else []

    # -- bodies ------------------------------------------------------------------------------------------------

    def new(self, kind: Kind, **changes: object) -> dict[str, Any]:
        """Return the body of a new record, with some fields changed; ``...`` leaves one out."""
        body: dict[str, object] = {"name": self.names.group(), "access": "view", CREATOR_FIELD: self.inviter}
        if kind is USER:
            body = {
                "first_name": "Mockscope",
                "last_name": "Check",
                "email": self.names.email(),
                "groups": self.everyday_groups or ...,
                INVITER_FIELD: self.inviter,
            }
        return {name: value for name, value in (body | changes).items() if value is not ...}

    def taken(self, kind: Kind) -> dict[str, Any]:
        """Return the body of a record that is there already: of this run at FULL, else of the site, as the record is.

        Raises:
            Verdict: If the site has none.
        """
        if self.level is FULL:
            return self.new(kind, **{kind.by: self.spare(kind)})
        if kind is USER:
            fields = ("first_name", "last_name", "email", "groups")
            return self.new(USER, **{name: self.administrator.get(name) for name in fields})
        require(self.site_groups, "the site has no groups")
        group = self.site_groups[0]
        return self.new(GROUP, name=group["name"], access=str(group.get("access")).lower())

    def subject(self, kind: Kind) -> str:
        """Return the name of a record for an update; below FULL, for one that changes nothing."""
        return str(self.taken(kind)[kind.by])

    # -- records of this run (FULL) ----------------------------------------------------------------------------

    def own(self, kind: Kind, **changes: object) -> str:
        """Make a record, and return its name.

        Raises:
            Verdict: If that is refused.
        """
        body = self.new(kind, **changes)
        exchange = self.request("POST", kind.create_path, json=body)
        reason = f"a record for the check could not be made: POST {kind.create_path} is answered {exchange.status}"
        require(exchange.status < 300, reason)
        return str(body[kind.by])

    def spare(self, kind: Kind) -> str:
        """Return the name of a record of this run that no check may change."""
        if kind not in self._spares:
            self._spares[kind] = self.own(kind)
        return self._spares[kind]

    def clean(self) -> list[Record]:
        """Remove the records of this run; return those that are still there.

        Raises:
            Unreachable: If the server does not respond.
        """
        return clean(self.request, self._guard.made, self.names, max_pages=self._max_pages)

    # -- test mode ---------------------------------------------------------------------------------------------

    @cached_property
    def refusal(self) -> Exchange:
        """The first write in test mode: a create without fields, which is refused where test mode checks anything."""
        return self.request("POST", USERS_PATH, query=IN_TEST_MODE, json={})

    @cached_property
    def leaks(self) -> list[Exchange]:
        """The creates in test mode, under names that no record has, that left a record, and a look at each."""
        leaks: list[Exchange] = []
        for kind in KINDS:
            body = self.new(kind)
            made = Record(kind, body[kind.by])
            write = self.request("POST", kind.create_path, query=IN_TEST_MODE, json=body)
            seen = self.see(*made)
            if seen.status == 200:
                leaks += [write, seen]
                self.leaked.append(made)
        return leaks

    def tried(self, method: str, kind: Kind) -> tuple[Exchange, Exchange, Exchange]:
        """Change or delete a record of this run in test mode; return a look at it, the write, and another look."""
        name = self.own(kind)
        changes = {"first_name": "Tested", "last_name": "Tested", "groups": []}
        if kind is GROUP:
            changes = {"name": self.names.group(), "access": "sql"}
        body = changes if method == "PUT" else None
        before = self.see(kind, name)
        write = self.write_in_test_mode(method, **kind.target(name), json=body)
        return before, write, self.see(kind, name)

    def require_proof(self, method: str, kind: Kind) -> None:
        """Go on only if test mode is proven to change nothing here.

        From then on the guard allows the same write of the site's own records in test mode.

        Raises:
            Verdict: If it is not.
        """
        reason = "test mode refuses nothing on this server (TEST-1), so that no other record is tried"
        require(self.refusal.status >= 400, reason)
        before, write, after = self.tried(method, kind)
        is_proven = before.status == 200 and write.status < 300 and is_same(after, before)
        require(is_proven, f"test mode of {method} is not proven to change nothing here, so that it is not tried")
        self._guard.proven.add((method, kind))


def _records_in(response: CannedResponse, kind: Kind) -> list[Fields]:
    """Return the records that a response shows."""
    exchange, body = response
    found, name = target_of(exchange.path, exchange.headers)
    if found is not kind or exchange.status >= 300 or not isinstance(body, Fields) or body.names == ["message"]:
        return []
    listed = body.get(kind.name)
    if isinstance(listed, list) and kind.by not in body:
        return [record for record in listed if isinstance(record, Fields)]
    is_one = exchange.method in ("POST", "PUT") or (exchange.method == "GET" and name is not None)
    return [body] if is_one else []


def _is_user(user: Any) -> bool:
    email = USER.key(user)
    return email is not None and email.isascii() and email.isprintable() and isinstance(user.get("groups"), list)
