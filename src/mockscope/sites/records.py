"""The records of a site: read-only mappings, and methods that change them by the rules of the API."""

from collections.abc import ItemsView, Iterable, Iterator, Mapping, ValuesView
from datetime import datetime
from typing import Generic, TypeVar

from mockscope._support.arguments import check_type
from mockscope._support.timestamps import parse_time
from mockscope._vendor import ADMINISTRATORS
from mockscope.domain.model import Dashboard, Group, User, timestamp
from mockscope.domain.rules import ADDED_DASHBOARD, ADDED_GROUP, ADDED_USER, NewGroup, NewUser, parse_fields
from mockscope.domain.site import Site
from mockscope.domain.store import Table
from mockscope.instruments.clock import Clock

R = TypeVar("R")


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
            record = self._table.get(self._table.key_of(name))
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
            return {self._table.name_of(record): record for record in self._table.records()}


class SiteRecords:
    """The records of a site.

    ``users``, ``groups`` and ``dashboards`` are read-only mappings of the present records.

    Args:
        site: the site.
        clock: the clock that gives the time of logins and password changes.
    """

    def __init__(self, site: Site, clock: Clock) -> None:
        self._site = site
        self.clock = clock
        self.users: Mapping[str, User] = Records(site, site.store.users)
        self.groups: Mapping[str, Group] = Records(site, site.store.groups)
        self.dashboards: Mapping[str, Dashboard] = Records(site, site.store.dashboards)

    @property
    def admin(self) -> User:
        """The first administrator of the site, in order of email.

        Raises:
            LookupError: If the site has none.
        """
        for user in self._site.administrators():
            return user
        raise LookupError(f"the site {self._site.host} has no member of {ADMINISTRATORS}")

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
            "groups": _as_list(groups),
            "tfa_enabled": tfa_enabled,
        }
        draft = NewUser(
            **parse_fields(ADDED_USER, fields),
            last_login_at=None if last_login_at is None else _as_api_time(last_login_at),
            password_updated_at=None if password_updated_at is None else _as_api_time(password_updated_at),
        )
        return _not_none(self._site.create_user(draft))

    def add_group(self, name: str, *, access: str = "View") -> Group:
        """Add a group by the rules of create_group, without a creator.

        Args:
            name: the name.
            access: sql, discovery or view, in any case.

        Raises:
            Refused: If create_group would refuse it (GROUP-CREATE-1, GROUP-CREATE-3).
        """
        draft = NewGroup(**parse_fields(ADDED_GROUP, {"name": name, "access": access}))
        return _not_none(self._site.create_group(draft))

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
        check_type("access", access, Mapping | None)
        fields = parse_fields(ADDED_DASHBOARD, {"name": name, "owner": owner, "access": dict(access or {})})
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
        check_type("email", email, str)
        return self._site.set_times(email, last_login_at=self._moment(at))

    def record_password_change(self, email: str, at: datetime | str | None = None) -> User:
        """Set the time of a user's last password change, ``password_updated_at`` (USER-1), and return the user.

        Args:
            email: the user's email.
            at: an aware datetime, or ISO 8601 with an offset; None is the present time of the site's clock.

        Raises:
            Refused: If the site has no such user.
            ValueError: If the time is not valid, or has no offset from UTC.
        """
        check_type("email", email, str)
        return self._site.set_times(email, password_updated_at=self._moment(at))

    def _moment(self, at: datetime | str | None) -> str:
        return _as_api_time(self.clock.now() if at is None else at)


def _not_none(record: R | None) -> R:
    assert record is not None, "only a dry run has no record"
    return record


def _as_list(groups: object) -> object:
    return list(groups) if isinstance(groups, Iterable) and not isinstance(groups, str | bytes | Mapping) else groups


def _as_api_time(moment: datetime | str) -> str:
    # Validated first: timestamp caches its results, and fails on a value that cannot be hashed.
    return timestamp(parse_time(moment))
