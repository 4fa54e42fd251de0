"""The double as tests hold it: Mockscope, the sites of one server with their application, and MockSite, one of them.

Everything here may be called from the test's thread while the server answers in its own.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, Final, Generic, TypeVar

from starlette.types import ASGIApp

from mockscope import seeding
from mockscope.domain import state
from mockscope.domain.directory import Directory, new_api_key, new_host
from mockscope.domain.model import (
    ADMINISTRATORS,
    ALL_USERS,
    Dashboard,
    Group,
    User,
    email_key,
    timestamp,
)
from mockscope.domain.policy import Policy
from mockscope.domain.rules import ADDED_DASHBOARD, ADDED_GROUP, ADDED_USER, NewGroup, NewUser, read_body
from mockscope.domain.site import Site
from mockscope.domain.store import Table
from mockscope.instruments.calls import Observer
from mockscope.seeding import SeedSource
from mockscope.web.app import build_app

R = TypeVar("R")

# GROUP-4: "one administrator, a member of both".
FRESH_ADMINISTRATOR: Final = NewUser("Site", "Administrator", "admin@example.com", (ADMINISTRATORS, ALL_USERS))


class Records(Mapping[str, R], Generic[R]):
    """Records of a site by name, read live: in, len, iteration in API order.

    Args:
        site: whose.
        table: which.
        key: the form in which names are compared.
        name: the name of a record as it is spelled.
    """

    def __init__(
        self, site: Site, table: Table[R], *, key: Callable[[str], str] = str, name: Callable[[R], str]
    ) -> None:
        self._site = site
        self._table = table
        self._key = key
        self._name = name

    def __getitem__(self, name: str) -> R:
        with self._site.lock:
            record = self._table.get(self._key(name))
        if record is None:
            raise KeyError(name)
        return record

    def __len__(self) -> int:
        with self._site.lock:
            return len(self._table)

    def __iter__(self) -> Iterator[str]:
        with self._site.lock:
            records = self._table.records()
        return iter([self._name(record) for record in records])

    def __repr__(self) -> str:
        return f"{{{', '.join(self)}}}"


class MockSite:
    """One site of a mockscope server, as a test holds it.

    Not made directly: ``server.site()`` makes one, and the fixture ``mockscope`` hands one to a test.
    """

    def __init__(self, site: Site, double: "Mockscope") -> None:
        self._site = site
        self._double = double
        self.users: Mapping[str, User] = Records(site, site.store.users, key=email_key, name=lambda user: user.email)
        self.groups: Mapping[str, Group] = Records(site, site.store.groups, name=lambda group: group.name)
        self.dashboards: Mapping[str, Dashboard] = Records(
            site, site.store.dashboards, name=lambda dashboard: dashboard.name
        )

    def __repr__(self) -> str:
        return f"<MockSite {self.host} at {self.url}: {len(self.users)} users, {len(self.groups)} groups>"

    @property
    def url(self) -> str:
        """The server's URL, without a slash at the end."""
        return self._double.url

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
            LookupError: the site has none.
        """
        for user in self._site.administrators():
            return user
        raise LookupError(f"the site {self.host} has no member of {ADMINISTRATORS}")

    @property
    def enabled(self) -> bool:
        """Whether the API is enabled for the site; may be set (AUTH-3)."""
        return self._site.enabled

    @enabled.setter
    def enabled(self, enabled: bool) -> None:
        self._site.enabled = enabled

    @property
    def policy(self) -> Policy:
        """The policy switches."""
        return self._site.policy

    def set_policy(self, **policy: Any) -> None:
        """Turn policy switches; the others stay.

        Raises:
            ValueError: a switch is unknown, or its value is none that it takes.
        """
        self._site.policy = self._site.policy.with_changes(**policy)

    def rotate_key(self, api_key: str | None = None) -> str:
        """Give the site another key; the old one is refused at once (AUTH-4).

        Args:
            api_key: the new key; a made-up one if it is not given.

        Raises:
            ValueError: the key can't stand in the auth header.
        """
        self._site.rotate_key(api_key or new_api_key())
        return self.api_key

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
        """Add a user, by the rules of create_user, but without an inviter.

        Args:
            email: the address.
            first_name: the first name.
            last_name: the last name.
            groups: names of groups of the site; none is ``["All Users"]`` (USER-CREATE-2).
            last_login_at: when the user last logged in: an aware datetime, or ISO 8601 with an offset.
            password_updated_at: when the password was last changed, in the same forms.
            tfa_enabled: whether two-factor authentication is on.

        Raises:
            Refused: what create_user refuses (USER-CREATE-1, USER-CREATE-2, USER-CREATE-4).
            ValueError: a time has no offset from UTC.
        """
        fields = {"first_name": first_name, "last_name": last_name, "email": email, "groups": _listed(groups)}
        draft = NewUser(
            **read_body(ADDED_USER, fields),
            last_login_at=None if last_login_at is None else timestamp(last_login_at),
            password_updated_at=None if password_updated_at is None else timestamp(password_updated_at),
            tfa_enabled=tfa_enabled,
        )
        return _there(self._site.create_user(draft))

    def add_group(self, name: str, *, access: str = "View") -> Group:
        """Add a group, by the rules of create_group, but without a creator.

        Args:
            name: the name.
            access: sql, discovery or view, in any case.

        Raises:
            Refused: what create_group refuses (GROUP-CREATE-1, GROUP-CREATE-3).
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
            access: what groups may do with it: name of a group to ``Edit`` or ``View``.

        Raises:
            Refused: a name is blank or taken, the owner or a group unknown, a word of access meaningless.
        """
        fields = read_body(ADDED_DASHBOARD, {"name": name, "owner": owner, "access": dict(access or {})})
        return self._site.create_dashboard(Dashboard(**fields))

    def export(self) -> dict[str, Any]:
        """The site's records in the format of a seed, as plain data."""
        return state.export([self._site])

    def remove(self) -> None:
        """Take the site off the server; requests to it are answered 403 from then on."""
        self._double.directory.remove(self._site)


class Mockscope:
    """The sites of one server and the ASGI application that answers for them, without a socket.

    Args:
        seed: a path to a seed file, or the same as plain data; without it there are no sites yet.
        hint_header: whether answers carry ``X-Mockscope-Hint`` (HTTP-10).

    Raises:
        SeedError: the seed can't be loaded.
        OSError: the seed can't be read.
    """

    def __init__(self, seed: SeedSource | None = None, *, hint_header: bool = True) -> None:
        self.directory = Directory()
        self.observers: list[Observer] = []
        self.app: ASGIApp = build_app(self.directory, self.observers, hint_header=hint_header)
        if seed is not None:
            self.directory.add(*seeding.load_sites(seed))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} at {self.url}: {len(self.directory)} sites>"

    @property
    def url(self) -> str:
        """The base URL; without a socket one that an in-process transport may use."""
        return "http://mockscope.invalid"

    @property
    def sites(self) -> dict[str, MockSite]:
        """The sites that are there now, by host."""
        return {site.host: MockSite(site, self) for site in self.directory}

    def site(
        self, host: str | None = None, api_key: str | None = None, seed: SeedSource | None = None, **policy: Any
    ) -> MockSite:
        """Make a site.

        Args:
            host: its host; a made-up one if it is not given.
            api_key: its key; a made-up one if it is not given.
            seed: a seed for its records; the host and the key in it do not count. Where the seed has several sites,
                that of ``host`` is taken. Without a seed the site has the two built-in groups and one administrator.
            policy: policy switches.

        Raises:
            ValueError: the host is taken or unfit, or a switch or its value is unknown.
            SeedError: the seed can't be loaded.
            OSError: the seed can't be read.
        """
        made = _fresh() if seed is None else _seeded(seed, host)
        site = Site(host or new_host(), api_key or new_api_key(), enabled=made.enabled)
        site.policy = made.policy.with_changes(**policy)
        site.store = made.store
        self.directory.add(site)
        return MockSite(site, self)

    def export(self) -> dict[str, Any]:
        """The records of all sites in the format of a seed, as plain data."""
        return state.export(list(self.directory))


def _fresh() -> Site:
    site = Site("fresh", new_api_key())
    site.create_user(FRESH_ADMINISTRATOR)
    return site


def _seeded(seed: SeedSource, host: str | None) -> Site:
    sites = seeding.load_sites(seed)
    if len(sites) == 1:
        return sites[0]
    for site in sites:
        if site.host == host:
            return site
    hosts = ", ".join(site.host for site in sites) or "none"
    raise ValueError(f"the seed has {len(sites)} sites ({hosts}): say which one with host=")


def _there(record: R | None) -> R:
    assert record is not None, "only a dry run has no record"
    return record


def _listed(groups: Iterable[str] | None) -> object:
    return groups if groups is None or isinstance(groups, str) else list(groups)
