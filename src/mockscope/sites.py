"""The Python API of a server: a MockSite is one site with its instruments, a SiteRegistry holds all sites of a server.

All methods may be called from the test's thread while the server responds in its own. This module knows no HTTP.
"""

from collections.abc import Callable, ItemsView, Iterable, Iterator, Mapping, ValuesView
from datetime import datetime
from itertools import count
from os import PathLike
from threading import Condition, Lock, RLock, Thread
from typing import Any, Final, Generic, Self, TypeVar
from weakref import WeakSet, finalize

from mockscope._support.arguments import check_kind, check_word
from mockscope._support.forks import OfParent, after_fork
from mockscope._support.timestamps import aware
from mockscope.contract import validation
from mockscope.domain.directory import Directory, new_api_key, new_host
from mockscope.domain.model import (
    ADMINISTRATORS,
    ALL_USERS,
    Dashboard,
    Group,
    User,
    timestamp,
)
from mockscope.domain.policy import Policy
from mockscope.domain.rules import ADDED_DASHBOARD, ADDED_GROUP, ADDED_USER, NewGroup, NewUser, read_body
from mockscope.domain.site import Site, Snapshot
from mockscope.domain.store import Table
from mockscope.instruments.call import Call, Observer
from mockscope.instruments.call_log import MOST_CALLS, CallLog
from mockscope.instruments.clock import Clock
from mockscope.instruments.faults import Faults
from mockscope.instruments.findings import Finding, complain, findings, without_repeats
from mockscope.instruments.redaction import Redactor
from mockscope.seeds import files
from mockscope.seeds import format as seed_format
from mockscope.seeds.files import SeedSource

R = TypeVar("R")

SITE_ARGUMENTS: Final = ("host", "api_key", "seed", "strict", "contract", *Policy.__struct_fields__)
# GROUP-4: "one administrator, a member of both".
FRESH_ADMINISTRATOR: Final = NewUser("Site", "Administrator", "admin@example.com", (ADMINISTRATORS, ALL_USERS))


class Records(Mapping[str, R], Generic[R]):
    """The live records of a site by name, in API order. ``in`` and ``get`` ignore case where the API does.

    Args:
        site: the site.
        table: one of its tables.
    """

    def __init__(self, site: Site, table: Table[R]) -> None:
        self._site = site
        self._table = table

    def __getitem__(self, name: str) -> R:
        if not isinstance(name, str):
            # A KeyError, so that `in` and get() take any value.
            raise KeyError(f"{name!r} is not an email or a name; the first record is list(site.users.values())[0]")
        with self._site.lock:
            record = self._table.get(self._table.key(name))
        if record is None:
            raise KeyError(name)
        return record

    def __len__(self) -> int:
        # Without the lock, a write that renames a record could be seen half-done.
        with self._site.lock:
            return len(self._table)

    def __iter__(self) -> Iterator[str]:
        return iter(self._copy())

    def values(self) -> ValuesView[R]:
        """Return a copy of the present records."""
        return self._copy().values()

    def items(self) -> ItemsView[str, R]:
        """Return a copy of the present records, with their names."""
        return self._copy().items()

    def __repr__(self) -> str:
        return f"{{{', '.join(self)}}}"

    # Mapping would look up each name separately, and a record may be deleted between two look-ups.
    def _copy(self) -> dict[str, R]:
        with self._site.lock:
            return {self._table.name(record): record for record in self._table.records()}


class MockSite:
    """One site of a mockscope server.

    Do not instantiate it: ``server.site()`` returns one, and the fixture ``mockscope`` is one. At the end of a ``with``
    block the site is removed. With ``strict`` or ``contract``, the block then fails on findings.

    ``calls`` are the calls that the site received, ``faults`` its planned faults, and ``clock`` its clock.
    """

    def __init__(self, site: Site, registry: "SiteRegistry", *, strict: bool, contract: bool) -> None:
        self.strict = strict
        self.contract = contract
        self._site = site
        self._registry = registry
        self._baseline = site.snapshot()
        if contract:
            # Loaded here, so that a missing validator is an error at once and not at the end of a test.
            validation.contract()
        self.clock = Clock(registry.clock)
        self._hide(site.api_key)
        self.calls = registry._new_log(f"the site {site.host}", self.clock)
        self.faults: Faults = Faults(f"the site {site.host}", self.clock, redactor=registry.redactor)
        self.snapshots: dict[str, SiteSnapshot] = {}
        self.users: Mapping[str, User] = Records(site, site.store.users)
        self.groups: Mapping[str, Group] = Records(site, site.store.groups)
        self.dashboards: Mapping[str, Dashboard] = Records(site, site.store.dashboards)

    def __repr__(self) -> str:
        return f"<MockSite {self.host} at {self.url}: {len(self.users)} users, {len(self.groups)} groups>"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *exc_info: object) -> None:
        self.remove()
        if kind is None:
            complain({self.host: self.active_findings()})

    @property
    def url(self) -> str:
        """The server's URL, without a slash at the end."""
        return self._registry.url

    @property
    def host(self) -> str:
        """The site's host, as in the auth header."""
        return self._site.host

    @property
    def api_key(self) -> str:
        """The site's key."""
        return self._site.api_key

    @property
    def headers(self) -> dict[str, str]:
        """The headers that authenticate a request (AUTH-1)."""
        return {"Http-X-Partner-Auth": f"{self.host}:{self.api_key}"}

    @property
    def admin(self) -> User:
        """The first administrator of the site, in order of email.

        Raises:
            LookupError: If the site has none.
        """
        for user in self._site.administrators():
            return user
        raise LookupError(f"the site {self.host} has no member of {ADMINISTRATORS}")

    @property
    def enabled(self) -> bool:
        """The switch that enables the API for the site; can be set (AUTH-3).

        Raises:
            ValueError: If it is set to a value that is neither True nor False.
        """
        return self._site.enabled

    @enabled.setter
    def enabled(self, enabled: bool) -> None:
        check_kind("enabled", enabled, bool)
        self._site.enabled = enabled

    @property
    def policy(self) -> Policy:
        """The policy switches."""
        return self._site.policy

    def set_policy(self, /, **policy: Any) -> None:
        """Set policy switches; the others keep their values.

        Args:
            policy: the switches by name, as in the policy of a seed.

        Raises:
            ValueError: If a switch or its value is unknown.
        """
        self._site.policy = self._site.policy.with_changes(**policy)

    def rotate_key(self, api_key: str | None = None) -> str:
        """Replace the site's key and return the new one; the old key is refused at once (AUTH-4).

        Args:
            api_key: the new key; None generates one.

        Raises:
            ValueError: If the key is not valid in the auth header.
        """
        self._site.rotate_key(api_key or new_api_key())
        self._hide(self.api_key)
        return self.api_key

    def _hide(self, api_key: str) -> None:
        """Redact a key while the site or any of its calls exists: each call holds the site's clock."""
        redactor = self._registry.redactor
        redactor.learn(api_key)
        finalize(self.clock, redactor.forget, api_key).atexit = False

    def add_user(
        self,
        email: str,
        *,
        first_name: str = "Test",
        last_name: str = "User",
        groups: Iterable[str] | None = None,
        last_login_at: datetime | str | None = None,
        password_updated_at: datetime | str | None = None,
        tfa_enabled: bool = False,
    ) -> User:
        """Add a user by the rules of create_user, without an inviter.

        Args:
            email: the address.
            first_name: the first name.
            last_name: the last name.
            groups: names of groups of the site; None or an empty list means ``["All Users"]`` (USER-CREATE-2).
            last_login_at: the time of the last login: an aware datetime, or ISO 8601 with an offset.
            password_updated_at: the time of the last password change, in the same forms.
            tfa_enabled: whether two-factor authentication is on.

        Raises:
            Refused: If create_user would refuse it (USER-CREATE-1, USER-CREATE-2, USER-CREATE-4).
            ValueError: If a time is not valid, or has no offset from UTC.
        """
        fields = {
            "first_name": first_name,
            "last_name": last_name,
            "email": email,
            "groups": _listed(groups),
            "tfa_enabled": tfa_enabled,
        }
        draft = NewUser(
            **read_body(ADDED_USER, fields),
            last_login_at=None if last_login_at is None else _shown(last_login_at),
            password_updated_at=None if password_updated_at is None else _shown(password_updated_at),
        )
        return _there(self._site.create_user(draft))

    def add_group(self, name: str, *, access: str = "View") -> Group:
        """Add a group by the rules of create_group, without a creator.

        Args:
            name: the name.
            access: sql, discovery or view, in any case.

        Raises:
            Refused: If create_group would refuse it (GROUP-CREATE-1, GROUP-CREATE-3).
        """
        draft = NewGroup(**read_body(ADDED_GROUP, {"name": name, "access": access}))
        return _there(self._site.create_group(draft))

    def add_dashboard(
        self, name: str, *, owner: str | None = None, access: Mapping[str, str] | None = None
    ) -> Dashboard:
        """Add a dashboard.

        Args:
            name: the name, unique on the site.
            owner: the email of a user of the site, or None.
            access: the access of groups: a mapping from the name of a group to ``Edit`` or ``View``.

        Raises:
            Refused: If the name is blank or taken, the owner or a group is unknown, or an access word is unknown.
            ValueError: If ``access`` is not a mapping.
        """
        check_kind("access", access, Mapping | None)
        fields = read_body(ADDED_DASHBOARD, {"name": name, "owner": owner, "access": dict(access or {})})
        return self._site.create_dashboard(Dashboard(**fields))

    def record_login(self, email: str, at: datetime | str | None = None) -> User:
        """Set the time of a user's last login, ``last_login_at`` (USER-1), and return the user.

        Args:
            email: the user's email.
            at: an aware datetime, or ISO 8601 with an offset; None is the present time of the site's clock.

        Raises:
            Refused: If the site has no such user.
            ValueError: If the time is not valid, or has no offset from UTC.
        """
        check_kind("email", email, str)
        return self._site.record(email, last_login_at=self._moment(at))

    def record_password_change(self, email: str, at: datetime | str | None = None) -> User:
        """Set the time of a user's last password change, ``password_updated_at`` (USER-1), and return the user.

        Args:
            email: the user's email.
            at: an aware datetime, or ISO 8601 with an offset; None is the present time of the site's clock.

        Raises:
            Refused: If the site has no such user.
            ValueError: If the time is not valid, or has no offset from UTC.
        """
        check_kind("email", email, str)
        return self._site.record(email, password_updated_at=self._moment(at))

    def _moment(self, at: datetime | str | None) -> str:
        return _shown(self.clock.now() if at is None else at)

    # -- snapshots -------------------------------------------------------------------------------------------

    def snapshot(self, name: str | None = None) -> "SiteSnapshot":
        """Return a snapshot of the site: records, key, policy and enablement. Its cost does not grow with the site.

        Used as a ``with`` block, the snapshot is restored at the end.

        Args:
            name: also store the snapshot in ``snapshots`` under this name, in place of an earlier one.
        """
        check_kind("name", name, str | None)
        made = SiteSnapshot(self, self._site.snapshot(), name)
        if name is not None:
            self.snapshots[name] = made
        return made

    def restore(self, snapshot: "SiteSnapshot | str") -> None:
        """Restore a snapshot of the site. Calls, planned faults and the clock stay as they are.

        Args:
            snapshot: a snapshot of this site, or the name of one.

        Raises:
            LookupError: If no snapshot has that name.
            ValueError: If it is a snapshot of another site, or not a snapshot.
        """
        if not isinstance(snapshot, SiteSnapshot | str):
            raise ValueError(f"what can be restored is a snapshot of this site or the name of one, not {snapshot!r}")
        if isinstance(snapshot, str):
            if snapshot not in self.snapshots:
                known = ", ".join(self.snapshots) or "none"
                raise LookupError(f"the site {self.host} has no snapshot {snapshot!r}; there are: {known}")
            snapshot = self.snapshots[snapshot]
        self._site.restore(snapshot.state)

    def reset(self) -> None:
        """Return the site to its first state: its seed, no calls, no planned faults, no clock of its own.

        Calls in progress are waited for, two seconds at most. The connection of a call that a fault delays is reset,
        and the call writes nothing. ``strict``, ``contract`` and ``label`` keep their values.
        """
        # First, so that a delayed call does not continue when the clock is reset.
        self.calls.reset()
        self._site.restore(self._baseline)
        self.faults.reset()
        self.clock.reset()
        self.snapshots.clear()

    def fork(self, host: str | None = None, api_key: str | None = None) -> "MockSite":
        """Return a second site with the same records and policy. It has calls, faults and a clock of its own.

        Args:
            host: its host; None generates one.
            api_key: its key; None generates one.

        Raises:
            ValueError: If the host is taken, or the host or the key is not valid in the auth header.
        """
        copy = self._site.copy(host or new_host(), api_key or new_api_key())
        return self._registry.put(copy, strict=self.strict, contract=self.contract)[0]

    def load(self, seed: SeedSource) -> None:
        """Replace the records, the policy and the enablement by those of a seed. Host and key stay.

        Args:
            seed: a path to a seed file, or the same as plain data. If it has several sites, the one with this host
                is loaded.

        Raises:
            SeedError: If the seed is not valid. The site is unchanged then.
            OSError: If the file can't be read.
            ValueError: If the seed has no sites, or several and none with this host.
        """
        self._site.replace_records(self._registry._seeded(seed, self.host, self.clock.now()))

    def export(self) -> dict[str, Any]:
        """Return the site's records in the format of a seed, as plain data."""
        return seed_format.export([self._site])

    # -- strict mode and the contract ------------------------------------------------------------------------

    @property
    def strict(self) -> bool:
        """The switch for strict mode; can be set.

        Raises:
            ValueError: If it is set to a value that is neither True nor False.
        """
        return self._strict

    @strict.setter
    def strict(self, strict: bool) -> None:
        check_kind("strict", strict, bool)
        self._strict = strict

    @property
    def contract(self) -> bool:
        """The switch that validates requests against openapi.yaml; can be set.

        Raises:
            ValueError: If it is set to a value that is neither True nor False.
        """
        return self._contract

    @contract.setter
    def contract(self, contract: bool) -> None:
        check_kind("contract", contract, bool)
        self._contract = contract

    @property
    def label(self) -> str:
        """The purpose of the site; can be set. Hints show it for requests that arrive after the site was removed."""
        return self._site.label

    @label.setter
    def label(self, label: str) -> None:
        self._site.label = label

    def findings(self) -> list[Finding]:
        """Return the findings of strict mode, even if it is off, and those of the contract, if that is on.

        Strict mode reports calls that only worked by accident, and planned faults that were hit too seldom. The
        contract reports requests that violate openapi.yaml. Discarded calls have no findings.
        """
        self.calls.settled()
        of_the_contract = validation.violations(self.calls) if self.contract else []
        return [*findings(self.calls, self.faults), *without_repeats(of_the_contract)]

    def active_findings(self) -> list[Finding]:
        """Return the findings that fail a test: those of strict mode and of the contract, as far as they are on."""
        if self.strict:
            return self.findings()
        return validation.violations(self.calls) if self.contract else []

    def assert_no_findings(self) -> None:
        """Assert that the site has no findings, in strict mode or not.

        Raises:
            AssertionError: If it has findings. The message names each call and rule.
        """
        __tracebackhide__ = True
        complain({self.host: self.findings()})

    def remove(self) -> None:
        """Remove the site from the server; requests to it are answered 403 from then on."""
        self._registry.remove(self)


class SiteSnapshot:
    """A state that a site can return to. ``site.snapshot()`` returns one; it can be used as a ``with`` block."""

    def __init__(self, site: MockSite, state: Snapshot, name: str | None) -> None:
        self.site = site
        self.state = state
        self.name = name

    def __repr__(self) -> str:
        return f"<SiteSnapshot {self.name or 'without a name'} of {self.site.host}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.restore()

    def restore(self) -> None:
        """Return the site to this state."""
        self.site.restore(self)


class SiteRegistry:
    """The sites of one server, each with its instruments, and the instruments of the server itself.

    Args:
        seed: a path to a seed file, or the same as plain data; without it the server starts without sites.
        strict: the default of its sites for strict mode.
        contract: the default of its sites for validating requests against openapi.yaml.
        calls_kept: the maximum number of calls that each site keeps, and that the server keeps without a site.

    Raises:
        SeedError: If the seed is not valid.
        OSError: If the file can't be read.
        ValueError: If a switch is neither True nor False, or ``calls_kept`` is not 1 or more.
        ImportError: If ``contract`` is True, and the validator is not installed.
    """

    def __init__(
        self,
        seed: SeedSource | None = None,
        *,
        strict: bool = False,
        contract: bool = False,
        calls_kept: int = MOST_CALLS,
    ) -> None:
        for name, switch in (("strict", strict), ("contract", contract)):
            check_kind(name, switch, bool)
        check_kind("calls_kept", calls_kept, int)
        if calls_kept < 1:
            raise ValueError(f"calls_kept is 1 or more, not {calls_kept}")
        self.directory = Directory()
        self.strict = strict
        self.contract = contract
        if contract:
            validation.contract()
        self.calls_kept = calls_kept
        self.clock = Clock()
        # Shared: a client may send the key of one site to another, and it must be redacted there too.
        self.redactor = Redactor()
        self.observers: list[Observer] = []
        self.calls = self._new_log("the server", self.clock)
        # Numbers the requests of all sites in the order of their receipt.
        self.numbers = count(1)
        # Writes the state back to its file; None without a file.
        self.save: Callable[[], None] | None = None
        # Called with each site that is removed, and with the registry itself when its server stops.
        self.farewells: list[Callable[[MockSite | SiteRegistry], None]] = []
        self._handles: dict[Site, MockSite] = {}
        # The thread of the server, if it has one.
        self._thread: Thread | None = None
        _BENCHES.add(self)
        if seed is not None:
            check_kind("seed", seed, str | PathLike | Mapping)
            self.put(*files.load_sites(seed, now=self.clock.now()))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} at {self.url}: {len(self.directory)} sites>"

    def _new_log(self, place: str, clock: Clock) -> CallLog:
        return CallLog(place, clock, size=self.calls_kept, redactor=self.redactor, shared=self.observers)

    @property
    def url(self) -> str:
        """The base URL. Without a socket, it is a URL for in-process transports."""
        return "http://mockscope.invalid"

    @property
    def sites(self) -> dict[str, MockSite]:
        """The present sites, by host."""
        # Copied: another thread may remove a site meanwhile.
        handles = self._handles.copy()
        return {site.host: handles[site] for site in self.directory if site in handles}

    def handle(self, site: Site) -> MockSite | None:
        """Return the handle of a site, or None if it was removed meanwhile."""
        return self._handles.get(site)

    def site(
        self,
        host: str | None = None,
        api_key: str | None = None,
        seed: SeedSource | None = None,
        *,
        strict: bool | None = None,
        contract: bool | None = None,
        **policy: Any,
    ) -> MockSite:
        """Create a site and return it.

        Args:
            host: its host; None generates one.
            api_key: its key; None generates one.
            seed: a seed for its records; its host and key are ignored. If it has several sites, the one with ``host``
                is loaded. Without a seed the site has the two built-in groups and one administrator.
            strict: whether the site is in strict mode; None is the server's default.
            contract: whether its requests are validated against openapi.yaml; None is the server's default.
            policy: the policy switches by name.

        Raises:
            ValueError: If the host is taken, the host or the key is not valid in the auth header, or a switch or its
                value is unknown.
            SeedError: If the seed is not valid.
            OSError: If the file can't be read.
            ImportError: If ``contract`` is True, and the validator is not installed.
        """
        for name in policy:
            check_word("argument", name, SITE_ARGUMENTS)
        seeded = None if seed is None else self._seeded(seed, host, self.clock.now())
        host, api_key = host or new_host(), api_key or new_api_key()
        site = _fresh(host, api_key) if seeded is None else _renamed(seeded, host, api_key)
        # Set last: no switch may change the groups of a fresh site's administrator.
        site.policy = site.policy.with_changes(**policy)
        return self.put(site, strict=strict, contract=contract)[0]

    def put(self, *sites: Site, strict: bool | None = None, contract: bool | None = None) -> "list[MockSite]":
        """Add existing sites to the server, all or none, and return their handles.

        Args:
            sites: the sites.
            strict: whether they are in strict mode; None is the server's default.
            contract: whether their requests are validated against openapi.yaml; None is the server's default.

        Raises:
            ValueError: If a host is taken.
            ImportError: If ``contract`` is True, and the validator is not installed.
        """
        strict = self.strict if strict is None else strict
        contract = self.contract if contract is None else contract
        # First the handles: a request may come as soon as a site is in the directory.
        handles = {site: MockSite(site, self, strict=strict, contract=contract) for site in sites}
        self._handles |= handles
        try:
            self.directory.add(*sites)
        except ValueError:
            for site in sites:
                del self._handles[site]
            raise
        return list(handles.values())

    def remove(self, handle: MockSite) -> None:
        """Remove a site from the server. A site that was removed before is ignored."""
        site = handle._site
        self.directory.remove(site)
        self._handles.pop(site, None)
        handle.calls.let_go()
        self.say_farewell(handle)

    def say_farewell(self, to: "MockSite | SiteRegistry") -> None:
        """Call the functions that were registered for the end of a site or of the server."""
        for farewell in tuple(self.farewells):
            farewell(to)

    def all_calls(self) -> list[Call]:
        """Return the calls of all sites, and those that reached no site, in the order of their receipt."""
        logs = [self.calls, *(site.calls for site in self.sites.values())]
        return sorted((call for log in logs for call in log), key=lambda call: call.number)

    def reset(self) -> None:
        """Return every site to its first state, reset the clock, and discard the calls that reached no site."""
        for site in self.sites.values():
            site.reset()
        self.clock.reset()
        self.calls.reset()

    def export(self) -> dict[str, Any]:
        """Return the records of all sites in the format of a seed, as plain data."""
        return seed_format.export(list(self.directory))

    def _seeded(self, seed: SeedSource, host: str | None, now: datetime) -> Site:
        """Return the only site of a seed, or the one with this host.

        Raises:
            SeedError: If the seed is not valid.
            OSError: If the file can't be read.
            ValueError: If the seed has no sites, or several and none with this host.
        """
        check_kind("seed", seed, str | PathLike | Mapping)
        sites = files.copy_sites(seed, now)
        if len(sites) == 1:
            return sites[0]
        for site in sites:
            if site.host == host:
                return site
        if not sites:
            raise ValueError("the seed has no site, and the records are those of one: put one under sites")
        several = f"the seed has {len(sites)} sites ({', '.join(site.host for site in sites)})"
        if host is None:
            raise ValueError(f"{several}: say which one with host=")
        raise ValueError(f"{several}, and none of them is {host}: leave in it only the one that is meant")


_BENCHES: Final[WeakSet[SiteRegistry]] = WeakSet()


def _leave_to_parent() -> None:
    """Make the sites of running servers readable in a forked child; each write raises an error.

    The child has no server threads. A lock that such a thread held at the fork would stay locked forever.
    """
    of_parent = OfParent()
    for registry in [registry for registry in _BENCHES if registry._thread is not None]:
        parts: list[tuple[object, str, object]] = [
            (registry.directory, "_lock", of_parent),
            (registry.clock._family, "lock", of_parent),
            (registry.redactor, "_lock", Lock()),
        ]
        for site, handle in registry._handles.items():
            parts += [(site, "lock", RLock()), (site, "_history", of_parent), (handle.faults, "_lock", of_parent)]
            parts.append((handle.calls, "_changed", Condition()))
        for part, name, stand_in in parts:
            setattr(part, name, stand_in)


after_fork(_leave_to_parent)


def _fresh(host: str, api_key: str) -> Site:
    site = Site(host, api_key)
    site.create_user(FRESH_ADMINISTRATOR)
    return site


def _renamed(site: Site, host: str, api_key: str) -> Site:
    return Site(host, api_key, enabled=site.enabled, policy=site.policy, store=site.store)


def _there(record: R | None) -> R:
    assert record is not None, "only a dry run has no record"
    return record


def _listed(groups: object) -> object:
    return list(groups) if isinstance(groups, Iterable) and not isinstance(groups, str | bytes | Mapping) else groups


def _shown(moment: datetime | str) -> str:
    # Validated first: timestamp caches its results, and fails on a value that cannot be hashed.
    return timestamp(aware(moment))
