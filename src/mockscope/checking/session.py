"""The state that the checks of one run share: what is on the site, and the records that they make."""

from collections.abc import Mapping
from functools import cached_property
from typing import Any, Final, NamedTuple

from mockscope._support.text import printable
from mockscope.checking.cleaning import clean, marked_in
from mockscope.checking.guard import Guard
from mockscope.checking.names import Kind, Names, Record, is_marked
from mockscope.checking.outcome import CouldNotRun, Level, unseen
from mockscope.checking.policy import Readings
from mockscope.checking.walking import GROUP_LIST, USER_LIST, Fields, List, Walk, walk
from mockscope.remote.client import (
    AUTH_HEADER,
    GROUPS,
    USERS,
    Client,
    Unreachable,
    group_path,
)
from mockscope.remote.exchange import Exchange

ADMINISTRATORS: Final = "Administrators"
ALL_USERS: Final = "All Users"
MAX_PAGES: Final = 50
TEST_MODE: Final = {"test_mode": "true"}
# A key in the vendor's form that no site has.
WRONG_KEY: Final = "00000000-0000-0000-0000-00000000"


class Probe(NamedTuple):
    """The first writes in test mode: whether a wrong one is refused, and what they left on the site."""

    refusal: Exchange
    leaks: tuple[Exchange, ...]

    @property
    def is_checked(self) -> bool:
        """Return whether test mode refuses a call that is wrong."""
        return self.refusal.status >= 400


class Proof(NamedTuple):
    """A record of this run before a write in test mode, and after it."""

    before: Exchange
    write: Exchange
    after: Exchange

    @property
    def is_unchanged(self) -> bool:
        """Return whether the record is what it was."""
        return (self.before.status, self.before.content) == (self.after.status, self.after.content)


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
        self.level = level
        self.readings = Readings(policy or {})
        self.names = Names()
        # The records that test mode has made: below FULL, they may not be removed.
        self.leaked: list[Record] = []
        self._max_pages = max_pages
        self._guard = Guard(client, level, self.names)
        self.request = self._guard.request
        self.answers = self._guard.answers
        self._proofs: dict[tuple[str, Kind], Proof] = {}
        self._walks: dict[str, Walk] = {}

    # -- requests ----------------------------------------------------------------------------------------------

    def get(self, path: str, **options: Any) -> Exchange:
        """Send a GET."""
        return self.request("GET", path, **options)

    def get_user(self, email: str) -> Exchange:
        """Send a GET of one user."""
        return self.get(USERS, email=email)

    def get_group(self, name: str) -> Exchange:
        """Send a GET of one group."""
        return self.get(group_path(name))

    def write(self, method: str, path: str, **options: Any) -> Exchange:
        """Send a write as the level has it: for real at FULL, below it in test mode.

        Raises:
            Verdict: If test mode does not check anything, or writes, so that only FULL can tell.
        """
        if self.level is Level.FULL:
            return self.request(method, path, **options)
        if not self.probe.is_checked:
            raise unseen("test mode refuses nothing on this server (TEST-1), so that only --full can tell")
        return self.write_in_test_mode(method, path, **options)

    def write_in_test_mode(self, method: str, path: str, **options: Any) -> Exchange:
        """Send a write in test mode.

        Raises:
            Verdict: If test mode writes on this server, so that below FULL no more writes are sent.
        """
        if self.level is not Level.FULL and self.probe.leaks:
            raise unseen("test mode writes on this server (TEST-4), so that nothing more is sent")
        return self.request(method, path, query=TEST_MODE, **options)

    def create_user(self, **changes: object) -> Exchange:
        """Send a create of a new user; ``new_user`` has the arguments."""
        return self.write("POST", USERS, json=self.new_user(**changes))

    def create_group(self, **changes: object) -> Exchange:
        """Send a create of a new group; ``new_group`` has the arguments."""
        return self.write("POST", GROUPS, json=self.new_group(**changes))

    def update_user(self, email: str, changes: Mapping[str, object], **options: Any) -> Exchange:
        """Send an update of a user."""
        return self.write("PUT", USERS, email=email, json=changes, **options)

    def update_group(self, name: str, changes: Mapping[str, object]) -> Exchange:
        """Send an update of a group."""
        return self.write("PUT", group_path(name), json=changes)

    def delete_user(self, email: str) -> Exchange:
        """Send a deletion of a user."""
        return self.write("DELETE", USERS, email=email)

    def delete_group(self, name: str) -> Exchange:
        """Send a deletion of a group."""
        return self.write("DELETE", group_path(name))

    @property
    def nobody(self) -> list[tuple[str, str]]:
        """The auth header with a wrong key."""
        return [(AUTH_HEADER, f"{self.host}:{WRONG_KEY}")]

    @cached_property
    def locked_out(self) -> int:
        """The status with which a wrong key is refused.

        Raises:
            Verdict: If it is not refused.
        """
        return _refusal_of(self.get(GROUPS, headers=self.nobody), "a wrong key is not refused (AUTH-2)")

    @cached_property
    def no_such_group(self) -> int:
        """The status with which an unknown group is refused.

        Raises:
            Verdict: If it is not refused.
        """
        return _refusal_of(self.get_group(self.names.group()), "an unknown group is not refused (GROUP-GET-1)")

    # -- the site ----------------------------------------------------------------------------------------------

    def open(self) -> None:
        """Read the users: the first look at the site.

        Raises:
            CouldNotRun: If there is no such API, no such site, or the key is not its key.
        """
        try:
            stray = self.walk(USER_LIST).stray
        except Unreachable as error:
            raise CouldNotRun(str(error)) from None
        if not self.walk(USER_LIST).pages and stray is not None:
            raise CouldNotRun(f"{_why_not(stray.exchange)} (GET {stray.exchange.path}: {stray.exchange.status})")

    def walk(self, kind: List) -> Walk:
        """Return a list as it was when it was first read."""
        if kind.name not in self._walks:
            self._walks[kind.name] = walk(self.request, kind, max_pages=self._max_pages)
        return self._walks[kind.name]

    @property
    def leftovers(self) -> list[Record]:
        """The records of other runs in the lists that were read."""
        marked = [record for walked in self._walks.values() for record in marked_in(walked, is_marked)]
        return [record for record in marked if not self.names.is_ours(record.name)]

    @cached_property
    def site_users(self) -> list[Fields]:
        """The users that were there before anything was made, with an email that a header can hold, and groups."""
        return [user for user in self.walk(USER_LIST).records if _is_user(user)]

    @cached_property
    def site_groups(self) -> list[Fields]:
        """The groups that were there before anything was made, with a name."""
        return [group for group in self.walk(GROUP_LIST).records if GROUP_LIST.key(group) is not None]

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
        for user in self.site_users:
            if ADMINISTRATORS in user["groups"]:
                return user
        raise unseen(f"no user was seen who is in {ADMINISTRATORS}")

    @property
    def inviter(self) -> str:
        """The email of a member of Administrators."""
        return str(self.administrator["email"])

    @property
    def outsider(self) -> str:
        """The email of a user who is not an administrator; at FULL, one of this run.

        Raises:
            Verdict: If there is none.
        """
        if self.level is Level.FULL:
            return self.own_user()
        for user in self.site_users:
            if ADMINISTRATORS not in user["groups"]:
                return str(user["email"])
        raise unseen("every user of the site is an administrator, and below --full none is made")

    @property
    def everyday_groups(self) -> list[str]:
        """All Users, if the site has it."""
        return [ALL_USERS] if ALL_USERS in self.group_names else []

    # -- bodies ------------------------------------------------------------------------------------------------

    def new_user(self, **changes: object) -> dict[str, object]:
        """Return the body of a new user, with some fields changed; ``...`` leaves one out."""
        body = {
            "first_name": "Mockscope",
            "last_name": "Check",
            "email": self.names.email(),
            "groups": self.everyday_groups or ...,
            "invited_by_email": self.inviter,
        }
        return {name: value for name, value in (body | changes).items() if value is not ...}

    def new_group(self, **changes: object) -> dict[str, object]:
        """Return the body of a new group, with some fields changed; ``...`` leaves one out."""
        body: dict[str, object] = {"name": self.names.group(), "access": "view", "created_by_email": self.inviter}
        return {name: value for name, value in (body | changes).items() if value is not ...}

    def taken_user(self) -> dict[str, object]:
        """Return the body of a user who is there already: of this run at FULL, else of the site, as the user is."""
        if self.level is Level.FULL:
            return self.new_user(email=self.spare_user)
        fields = ("first_name", "last_name", "email", "groups")
        return self.new_user(**{name: self.administrator.get(name) for name in fields})

    def taken_group(self) -> dict[str, object]:
        """Return the body of a group that is there already: of this run at FULL, else of the site, as the group is."""
        if self.level is Level.FULL:
            return self.new_group(name=self.spare_group)
        for group in self.site_groups:
            return self.new_group(name=group["name"], access=str(group.get("access")).lower())
        raise unseen("the site has no groups")

    def subject(self) -> str:
        """Return the email of a user for an update; below FULL, for one that changes nothing."""
        return self.spare_user if self.level is Level.FULL else self.inviter

    def subject_group(self) -> str:
        """Return the name of a group for an update; below FULL, for one that changes nothing."""
        return self.spare_group if self.level is Level.FULL else str(self.taken_group()["name"])

    # -- records of this run (FULL) ----------------------------------------------------------------------------

    def own_user(self, **changes: object) -> str:
        """Make a user, and return the email.

        Raises:
            Verdict: If that is refused.
        """
        body = self.new_user(**changes)
        self._make(USERS, body)
        return str(body["email"])

    def own_group(self, **changes: object) -> str:
        """Make a group, and return its name.

        Raises:
            Verdict: If that is refused.
        """
        body = self.new_group(**changes)
        self._make(f"{GROUPS}/", body)
        return str(body["name"])

    def _make(self, path: str, body: dict[str, object]) -> None:
        exchange = self.request("POST", path, json=body)
        if exchange.status >= 300:
            raise unseen(f"a record for the check could not be made: POST {path} is answered {exchange.status}")

    @cached_property
    def spare_user(self) -> str:
        """The email of a user of this run that no check may change."""
        return self.own_user()

    @cached_property
    def spare_group(self) -> str:
        """The name of a group of this run that no check may change."""
        return self.own_group()

    def clean(self) -> list[Record]:
        """Remove the records of this run; return those that are still there.

        Raises:
            Unreachable: If there is no response.
        """
        return clean(self.request, self._guard.made, self.names.is_ours, max_pages=self._max_pages)

    # -- test mode ---------------------------------------------------------------------------------------------

    @cached_property
    def probe(self) -> Probe:
        """The first writes in test mode, which could do no harm: creates, under names that no record has."""
        refusal = self.request("POST", USERS, query=TEST_MODE, json={})
        leaks: list[Exchange] = []
        user, group = self.new_user(), self.new_group()
        for path, body, made in (
            (USERS, user, Record("user", str(user["email"]))),
            (f"{GROUPS}/", group, Record("group", str(group["name"]))),
        ):
            write = self.request("POST", path, query=TEST_MODE, json=body)
            seen = self.get_user(made.name) if made.kind == "user" else self.get_group(made.name)
            if seen.status == 200:
                leaks += [write, seen]
                self.leaked.append(made)
        return Probe(refusal, tuple(leaks))

    def prove(self, method: str, kind: Kind) -> Proof:
        """Change or delete a record of this run in test mode, and look whether it is what it was.

        From then on the guard allows the same write of the site's own records in test mode.
        """
        if (method, kind) not in self._proofs:
            proof = self._proofs[method, kind] = self._proof(method, kind)
            if proof.is_unchanged and proof.before.status == 200 and proof.write.status < 300:
                self._guard.proven.add((method, kind))
        return self._proofs[method, kind]

    def require_proof(self, method: str, kind: Kind) -> None:
        """Go on only if test mode is proven to change nothing here.

        Raises:
            Verdict: If it is not.
        """
        if not self.probe.is_checked:
            raise unseen("test mode refuses nothing on this server (TEST-1), so that no other record is tried")
        self.prove(method, kind)
        if (method, kind) not in self._guard.proven:
            raise unseen(f"test mode of {method} is not proven to change nothing here, so that it is not tried")

    def _proof(self, method: str, kind: Kind) -> Proof:
        if kind == "user":
            email = self.own_user()
            options: dict[str, Any] = {"path": USERS, "email": email}
            changes: dict[str, object] = {"first_name": "Tested", "last_name": "Tested", "groups": []}
        else:
            name = self.own_group()
            options, changes = {"path": group_path(name)}, {"name": self.names.group(), "access": "sql"}
        body = changes if method == "PUT" else None

        def see() -> Exchange:
            return self.get_user(email) if kind == "user" else self.get_group(name)

        return Proof(see(), self.write_in_test_mode(method, json=body, **options), see())


def _why_not(first: Exchange) -> str:
    """Return why the response to the first request ends the run."""
    if first.status == 403:
        return "the site or its key is refused"
    if first.status == 404:
        return "there is no such API, or it is not enabled for the site"
    if 300 <= first.status < 400:
        return f"the server redirects to {printable(first.header('Location') or 'nowhere')}"
    if first.status != 200:
        return "the server does not list the users"
    return "the server is not one of this API"


def _refusal_of(exchange: Exchange, otherwise: str) -> int:
    if exchange.status < 400:
        raise unseen(otherwise)
    return exchange.status


def _is_user(user: Any) -> bool:
    email = USER_LIST.key(user)
    return email is not None and email.isascii() and email.isprintable() and isinstance(user.get("groups"), list)
