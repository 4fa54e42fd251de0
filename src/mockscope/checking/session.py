"""What the checks of one run share: the way to the server, what is on the site, and the records that they make."""

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any, Final, NamedTuple

from mockscope.checking.cleaning import clean, path_of
from mockscope.checking.comparing import content
from mockscope.checking.guard import GROUPS, USERS, Guard
from mockscope.checking.names import Kind, Names, Record
from mockscope.checking.outcome import CouldNotRun, Level, differs, unseen
from mockscope.checking.policy import Readings, is_reading, sentence, with_defaults
from mockscope.checking.walking import GROUPS as GROUP_LIST
from mockscope.checking.walking import USERS as USER_LIST
from mockscope.checking.walking import Fields, List, Page, Walk, walk
from mockscope.target import ABSENT, Absent, Exchange, Target, TooFast, Unreachable

ADMINISTRATORS: Final = "Administrators"
ALL_USERS: Final = "All Users"
MOST_PAGES: Final = 50
# Whoever asks in vain so many times in a row will do so again.
MOST_SILENCES: Final = 3
REHEARSED: Final = {"test_mode": "true"}
# A key in the vendor's shape that nobody has.
WRONG_KEY: Final = "00000000-0000-0000-0000-00000000"


class Rehearsals(NamedTuple):
    """What the first rehearsals have shown: whether anything is checked in them, and what they have left behind."""

    refusal: Exchange
    leaks: tuple[Exchange, ...]

    @property
    def checks(self) -> bool:
        """Whether a call that is wrong is refused."""
        return self.refusal.status >= 400


class Proof(NamedTuple):
    """A record of our own before a rehearsal and after it."""

    before: Exchange
    rehearsal: Exchange
    after: Exchange

    @property
    def is_unchanged(self) -> bool:
        """Whether the record is what it was."""
        return (self.before.status, self.before.answer) == (self.after.status, self.after.answer)


class Answer:
    """An answer to be looked through by several checks, parsed once."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange

    @cached_property
    def body(self) -> Any:
        """What it says; the bytes where it is no JSON."""
        return content(self.exchange)


class Session:
    """What the checks of one run share.

    Args:
        target: the server.
        api_key: the site's key, for headers that are spelled in other ways.
        level: how far the run may go.
        policy: the readings to judge by; those that are not given are mockscope's own.
        most_pages: how many pages of a list are read at most.
        announce: is told of records as ``Guard`` says.
        names: made-up names.
    """

    def __init__(
        self,
        target: Target,
        api_key: str,
        level: Level,
        *,
        policy: Mapping[str, object] | None = None,
        most_pages: int = MOST_PAGES,
        announce: Callable[[Record, bool], None] | None = None,
        names: Names | None = None,
    ) -> None:
        self.host = target.host
        self.api_key = api_key
        self.level = level
        self.policy = with_defaults(policy or {})
        self.readings = Readings()
        self.names = names or Names()
        self.most_pages = most_pages
        self.answers: list[Answer] = []
        # What test mode has made, and below FULL nobody may remove.
        self.leaked: list[Record] = []
        self._guard = Guard(target, level, self.names, announce)
        self._proofs: dict[tuple[str, Kind], Proof] = {}
        self._walks: dict[str, Walk] = {}
        self._administrators: list[str] = []
        self._silences = 0

    def __repr__(self) -> str:
        return f"<Session with {self.host}, {self.level.word}>"

    # -- asking ------------------------------------------------------------------------------------------------

    def ask(
        self,
        method: str,
        path: str,
        *,
        email: str | None = None,
        query: Mapping[str, str] | str = "",
        json: object = ABSENT,
        body: bytes | None = None,
        headers: Sequence[tuple[str, str]] = (),
        auth: str | Absent | None = ABSENT,
    ) -> Exchange:
        """Ask, as far as the level allows it; what is answered is kept for the checks that look through all answers.

        Raises:
            Unreachable: there was no answer, or none but that there is too much haste.
            CouldNotRun: nor was there to those before.
        """
        named = [*headers, *([("Http-X-Email", email)] if email is not None else [])]
        try:
            exchange = self._guard.ask(method, path, query=query, json=json, body=body, headers=named, auth=auth)
            if exchange.asks_for_less_haste:
                # It was waited for. This answer says nothing of any rule.
                raise TooFast(
                    f"the server asks for less haste ({method} {path}: {exchange.status}): go on later, or with --rate"
                )
        except Unreachable as error:
            self._silences += 1
            if self._silences >= MOST_SILENCES:
                raise CouldNotRun(str(error)) from None
            raise
        except ValueError as error:
            # Some record of the site holds what neither a header nor UTF-8 can.
            raise unseen(f"it can't be asked: {error}") from None
        self._silences = 0
        self.answers.append(Answer(exchange))
        return exchange

    def get(self, path: str, **options: Any) -> Exchange:
        """GET."""
        return self.ask("GET", path, **options)

    def user(self, email: str) -> Exchange:
        """GET of one user."""
        return self.get(USERS, email=email)

    def group(self, name: str) -> Exchange:
        """GET of one group."""
        return self.get(path_of(name))

    def send(self, method: str, path: str, **options: Any) -> Exchange:
        """A write as the level has it: for real at FULL, below it in test mode.

        Raises:
            Verdict: below FULL, and test mode does not check anything, or does not keep it at that.
        """
        if self.level is Level.FULL:
            return self.ask(method, path, **options)
        if not self.rehearsals.checks:
            raise unseen("test mode refuses nothing on this server (TEST-1), so that only --full can tell")
        return self.rehearse(method, path, **options)

    def rehearse(self, method: str, path: str, **options: Any) -> Exchange:
        """A write in test mode.

        Raises:
            Verdict: test mode writes on this server, so that below FULL nothing more is sent.
        """
        if self.level is not Level.FULL and self.rehearsals.leaks:
            raise unseen("test mode writes on this server (TEST-4), so that nothing more is sent")
        return self.ask(method, path, query=REHEARSED, **options)

    @cached_property
    def locked_out(self) -> int:
        """The status that a wrong key is refused with.

        Raises:
            Verdict: it is not refused.
        """
        return _refusal_of(self.get(GROUPS, auth=self.nobody), "a wrong key is not refused (AUTH-2)")

    @cached_property
    def no_such_group(self) -> int:
        """The status that an unknown group is refused with.

        Raises:
            Verdict: it is not refused.
        """
        return _refusal_of(self.group(self.names.group()), "an unknown group is not refused (GROUP-GET-1)")

    @property
    def nobody(self) -> str:
        """Credentials that nobody has: the site's host and a key in the right shape."""
        return f"{self.host}:{WRONG_KEY}"

    # -- what is on the site -----------------------------------------------------------------------------------

    def open(self) -> None:
        """The first look.

        Raises:
            CouldNotRun: there is no such API, no such site, or the key is not its key.
        """
        try:
            first = self.get(USERS)
        except Unreachable as error:
            raise CouldNotRun(str(error)) from None
        if reason := _why_not(first):
            raise CouldNotRun(f"{reason} (GET {first.path}: {first.status})")
        self._walks[USER_LIST.name] = walk(self.ask, USER_LIST, most_pages=self.most_pages, first=first)

    def walk(self, kind: List) -> Walk:
        """One of the lists, as it was when it was first read."""
        if kind.name not in self._walks:
            self._walks[kind.name] = walk(self.ask, kind, most_pages=self.most_pages)
        return self._walks[kind.name]

    @cached_property
    def site_users(self) -> list[Fields]:
        """The users that were there before anything was made, as far as they are such."""
        return [user for user in self.walk(USER_LIST).records if _is_user(user)]

    @cached_property
    def site_groups(self) -> list[Fields]:
        """The groups that were there before anything was made, as far as they are such."""
        return [group for group in self.walk(GROUP_LIST).records if GROUP_LIST.key(group) is not None]

    @cached_property
    def administrator(self) -> Fields:
        """A member of Administrators.

        Raises:
            Verdict: none was seen.
        """
        for user in self.site_users:
            if ADMINISTRATORS in user["groups"]:
                return user
        raise unseen(f"no user was seen who is in {ADMINISTRATORS}")

    @property
    def inviter(self) -> str:
        """The email of a member of Administrators."""
        email: str = self.administrator["email"]
        return email

    @property
    def outsider(self) -> str:
        """The email of a user who is no administrator; at FULL, one that was made for it.

        Raises:
            Verdict: there is none.
        """
        if self.level is Level.FULL:
            return self.own_user()
        for user in self.site_users:
            if ADMINISTRATORS not in user["groups"]:
                email: str = user["email"]
                return email
        raise unseen("every user of the site is an administrator, and below --full none is made")

    @property
    def everyday_groups(self) -> list[str]:
        """All Users, where the site has it."""
        return [ALL_USERS] if any(group["name"] == ALL_USERS for group in self.site_groups) else []

    # -- what is sent ------------------------------------------------------------------------------------------

    def new_user(self, **changes: object) -> dict[str, object]:
        """The body of a user that nobody has, with some fields set otherwise; ``...`` leaves one out."""
        body = {
            "first_name": "Mockscope",
            "last_name": "Check",
            "email": self.names.email(),
            "groups": self.everyday_groups or ...,
            "invited_by_email": self.inviter,
        }
        return {name: value for name, value in (body | changes).items() if value is not ...}

    def new_group(self, **changes: object) -> dict[str, object]:
        """The body of a group that nobody has, with some fields set otherwise; ``...`` leaves one out."""
        body: dict[str, object] = {"name": self.names.group(), "access": "view", "created_by_email": self.inviter}
        return {name: value for name, value in (body | changes).items() if value is not ...}

    def taken_user(self) -> dict[str, object]:
        """The body of a user who is there already.

        Below FULL it says of somebody of the site what is so already. At FULL it is about a user of our own.
        """
        if self.level is Level.FULL:
            return self.new_user(email=self.spare_user)
        there = self.administrator
        return self.new_user(**{name: there.get(name) for name in ("first_name", "last_name", "email", "groups")})

    def taken_group(self) -> dict[str, object]:
        """The body of a group that is there already; below FULL it says what is so already."""
        if self.level is Level.FULL:
            return self.new_group(name=self.spare_group)
        for group in self.site_groups:
            return self.new_group(name=group["name"], access=str(group.get("access")).lower())
        raise unseen("the site has no groups")

    def subject(self) -> str:
        """The email of a user to be changed; below FULL, only by what changes nothing."""
        return self.spare_user if self.level is Level.FULL else self.inviter

    def subject_group(self) -> str:
        """The name of a group to be changed; below FULL, only by what changes nothing."""
        name = self.spare_group if self.level is Level.FULL else self.taken_group()["name"]
        return str(name)

    # -- what is made (FULL) -----------------------------------------------------------------------------------

    def own_user(self, **changes: object) -> str:
        """Make a user; its email.

        Raises:
            Verdict: that was refused.
        """
        body = self.new_user(**changes)
        exchange = self.ask("POST", USERS, json=body)
        if exchange.status >= 300:
            raise unseen(f"no user could be made for it: POST is answered {exchange.status}")
        return str(body["email"])

    @cached_property
    def spare_user(self) -> str:
        """The email of a user of our own who is nothing but there. Whoever changes more makes another."""
        return self.own_user()

    @cached_property
    def spare_group(self) -> str:
        """The name of a group of our own that is nothing but there. Whoever changes more makes another."""
        return self.own_group()

    def own_administrator(self) -> str:
        """Make a user who is in Administrators; the email.

        Raises:
            Verdict: that was refused.
        """
        email = self.own_user(groups=[ADMINISTRATORS])
        self._administrators.append(email)
        return email

    def remove_administrators(self) -> None:
        """Remove the administrators that were made, so that those are left that the site had."""
        while self._administrators:
            self.ask("DELETE", USERS, email=self._administrators.pop())

    def own_group(self, **changes: object) -> str:
        """Make a group; its name.

        Raises:
            Verdict: that was refused.
        """
        body = self.new_group(**changes)
        exchange = self.ask("POST", f"{GROUPS}/", json=body)
        if exchange.status >= 300:
            raise unseen(f"no group could be made for it: POST is answered {exchange.status}")
        return str(body["name"])

    def clean(self) -> list[Record]:
        """Remove what was made; returns what could not be.

        Raises:
            Unreachable: there was no answer.
        """
        return clean(self._guard.ask, list(self._guard.alive), self.names.is_ours, most_pages=self.most_pages)[1]

    # -- what is known of test mode ----------------------------------------------------------------------------

    @cached_property
    def rehearsals(self) -> Rehearsals:
        """The first rehearsals, which could do no harm: of creates, under names that nobody has."""
        refusal = self.ask("POST", USERS, query=REHEARSED, json={})
        leaks: list[Exchange] = []
        user, group = self.new_user(), self.new_group()
        for path, body in ((USERS, user), (f"{GROUPS}/", group)):
            rehearsal = self.ask("POST", path, query=REHEARSED, json=body)
            made = Record("user", str(user["email"])) if body is user else Record("group", str(group["name"]))
            seen = self.user(made.name) if body is user else self.group(made.name)
            if seen.status == 200:
                leaks += [rehearsal, seen]
                self.leaked.append(made)
        return Rehearsals(refusal, tuple(leaks))

    def prove(self, method: str, kind: Kind) -> Proof:
        """Rehearse a change or a deletion of a record of our own, and look whether it is what it was.

        From then on the same may be rehearsed with other records.
        """
        if (method, kind) not in self._proofs:
            proof = self._proof_of_user(method) if kind == "user" else self._proof_of_group(method)
            self._proofs[method, kind] = proof
            if proof.is_unchanged and proof.before.status == 200 and proof.rehearsal.status < 300:
                self._guard.proven.add((method, kind))
        return self._proofs[method, kind]

    def require_proof(self, method: str, kind: Kind) -> None:
        """Go on only if test mode is known to change nothing here.

        Raises:
            Verdict: it is not.
        """
        if not self.rehearsals.checks:
            raise unseen("test mode refuses nothing on this server (TEST-1), so that nobody else's records are tried")
        self.prove(method, kind)
        if (method, kind) not in self._guard.proven:
            raise unseen(f"test mode of {method} is not known to change nothing here, so that it is not tried")

    def _proof_of_user(self, method: str) -> Proof:
        email = self.own_user()
        before = self.user(email)
        body = {"first_name": "Rehearsed", "last_name": "Rehearsed", "groups": []} if method == "PUT" else ABSENT
        return Proof(before, self.rehearse(method, USERS, email=email, json=body), self.user(email))

    def _proof_of_group(self, method: str) -> Proof:
        name = self.own_group()
        before = self.group(name)
        body = {"name": self.names.group(), "access": "sql"} if method == "PUT" else ABSENT
        return Proof(before, self.rehearse(method, path_of(name), json=body), self.group(name))

    # -- judging -----------------------------------------------------------------------------------------------

    def reading(self, switch: str, value: object, *exchanges: Exchange) -> None:
        """Judge a point on which the evidence is split, by the reading that is in force.

        Args:
            switch: the switch of a policy.
            value: how it would be set, to answer like that.
            exchanges: what was answered.

        Raises:
            Verdict: the reading in force is another one.
        """
        if not is_reading(switch, value):
            raise differs(sentence(switch, self.policy[switch]), *exchanges)
        self.readings.note(switch, value)
        if value != self.policy[switch]:
            raise differs(sentence(switch, self.policy[switch]), *exchanges, switch={switch: value})


def _why_not(first: Exchange) -> str | None:
    """Why the answer to the first request is the last one."""
    if first.status == 403:
        return "the site or its key is refused"
    if first.status == 404:
        return "there is no such API, or it is not enabled for the site"
    if 300 <= first.status < 400:
        return f"the server leads elsewhere: {first.header('Location')}"
    if first.status != 200:
        return "the server does not list the users"
    if not Page(first, USER_LIST).is_one:
        return "what answers is not this API"
    return None


def _refusal_of(exchange: Exchange, otherwise: str) -> int:
    if exchange.status < 400:
        raise unseen(otherwise)
    return exchange.status


def _is_user(user: Any) -> bool:
    """Whether a record can be used as a user: an email that a header can carry, and groups."""
    email = USER_LIST.key(user)
    return email is not None and email.isascii() and email.isprintable() and isinstance(user.get("groups"), list)
