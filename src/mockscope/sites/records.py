"""The records of a site: read-only mappings, and methods that change them by the rules of the API."""

from collections.abc import Callable, ItemsView, Iterable, Iterator, Mapping, ValuesView
from datetime import datetime
from typing import Generic, Protocol, TypeVar

from msgspec import UNSET, UnsetType

from mockscope._support.arguments import check_type
from mockscope._support.timestamps import parse_time
from mockscope._vendor import ADMINISTRATORS
from mockscope.domain.dashboards import DashboardChanges
from mockscope.domain.model import Dashboard, Group, User, timestamp
from mockscope.domain.rules import (
    ADDED_DASHBOARD,
    ADDED_GROUP,
    ADDED_USER,
    DASHBOARD_CHANGES,
    GROUP_CHANGES,
    UPDATED_USER,
    GroupChanges,
    NewGroup,
    NewUser,
    UserChanges,
    parse_fields,
)
from mockscope.domain.site import Site
from mockscope.domain.store import Table
from mockscope.instruments.clock import Clock

R = TypeVar("R")


class Records(Mapping[str, R], Generic[R]):
    """The records of a site by name, in API order. ``in`` and ``get`` ignore case where the API does."""

    def __getitem__(self, name: str) -> R:
        if not isinstance(name, str):
            # A KeyError, so that `in` and get() take any value.
            raise KeyError(f"{name!r} is not an email or a name; the first record is list(site.users.values())[0]")
        record = self._find(name)
        if record is None:
            raise KeyError(name)
        return record

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

    def _find(self, name: str) -> R | None:
        raise NotImplementedError

    # Mapping would look up each name separately, and a record may be deleted between two look-ups.
    def _copy(self) -> dict[str, R]:
        raise NotImplementedError


class LiveRecords(Records[R]):
    """The records of a site of this process.

    Args:
        site: the site.
        table: one of its tables.
        before_read: called before the records are read.
    """

    def __init__(self, site: Site, table: Table[R], before_read: Callable[[], None]) -> None:
        self._site = site
        self._table = table
        self._before_read = before_read

    def __len__(self) -> int:
        self._before_read()
        # Without the lock, a write that renames a record could be seen half-done.
        with self._site.lock:
            return len(self._table)

    def _find(self, name: str) -> R | None:
        self._before_read()
        with self._site.lock:
            return self._table.get(self._table.key_of(name))

    def _copy(self) -> dict[str, R]:
        self._before_read()
        with self._site.lock:
            return {self._table.name_of(record): record for record in self._table.records()}


class RecordWriter(Protocol):
    """The operations on the records of a site: those of ``Site``, and the same for a site of another server."""

    @property
    def host(self) -> str: ...

    def administrators(self) -> list[User]: ...

    def create_user(self, draft: NewUser) -> User | None: ...

    def update_user(self, email: str, changes: UserChanges) -> User | None: ...

    def delete_user(self, email: str) -> object: ...

    def create_group(self, draft: NewGroup) -> Group | None: ...

    def update_group(self, name: str, changes: GroupChanges) -> Group | None: ...

    def delete_group(self, name: str) -> object: ...

    def set_times(self, email: str, **times: str) -> User: ...


class SiteRecords:
    """The records of a site.

    ``users``, ``groups`` and ``dashboards`` are read-only mappings of the present records.

    Args:
        users: the users.
        groups: the groups.
        dashboards: the dashboards.
        clock: the clock that gives the time of logins and password changes.
    """

    def __init__(
        self, users: Records[User], groups: Records[Group], dashboards: Records[Dashboard], clock: Clock
    ) -> None:
        self.clock = clock
        self.users: Mapping[str, User] = users
        self.groups: Mapping[str, Group] = groups
        self.dashboards: Mapping[str, Dashboard] = dashboards

    @property
    def _site(self) -> RecordWriter:
        """The site in its present state."""
        raise NotImplementedError

    def _create_dashboard(self, dashboard: Dashboard) -> Dashboard:
        raise NotImplementedError

    def _update_dashboard(self, name: str, changes: DashboardChanges) -> Dashboard:
        raise NotImplementedError

    def _delete_dashboard(self, name: str) -> None:
        raise NotImplementedError

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

    def update_user(
        self,
        email: str,
        *,
        first_name: str | None = None,
        last_name: str | None = None,
        groups: Iterable[str] | None = None,
        tfa_enabled: bool | None = None,
    ) -> User:
        """Change a user by the rules of update_user. None leaves a field unchanged. No call is recorded.

        Args:
            email: the email of the user, which itself cannot be changed.
            first_name: the new first name.
            last_name: the new last name.
            groups: names of groups of the site, in place of the old ones; an empty list means ``["All Users"]``.
            tfa_enabled: whether two-factor authentication is on.

        Raises:
            Refused: If the site has no such user, or update_user would refuse the change (USER-UPDATE-2).
        """
        check_type("email", email, str)
        fields = {
            "first_name": first_name,
            "last_name": last_name,
            "groups": _as_list(groups),
            "tfa_enabled": tfa_enabled,
        }
        changes = UserChanges(**parse_fields(UPDATED_USER, _without_none(fields)))
        return _not_none(self._site.update_user(email, changes))

    def remove_user(self, email: str) -> None:
        """Remove a user by the rules of delete_user: the user's dashboards lose their owner (USER-DELETE-2).

        No call is recorded, as if another client had deleted the user.

        Args:
            email: the email of the user.

        Raises:
            Refused: If the site has no such user.
        """
        check_type("email", email, str)
        self._site.delete_user(email)

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

    def update_group(self, name: str, *, new_name: str | None = None, access: str | None = None) -> Group:
        """Rename a group, or change its access, by the rules of update_group. No call is recorded.

        A renamed group keeps its members and dashboards (GROUP-UPDATE-3).

        Args:
            name: the name of the group.
            new_name: the new name; None keeps it.
            access: sql, discovery or view, in any case; None keeps it.

        Raises:
            Refused: If update_group would refuse it: the group is unknown, the new name is blank or taken, a built-in
                group would be renamed, or the access word is unknown (GROUP-UPDATE-2, GROUP-BUILTIN-1, GROUP-2).
        """
        check_type("name", name, str)
        fields = _without_none({"name": new_name, "access": access})
        return _not_none(self._site.update_group(name, GroupChanges(**parse_fields(GROUP_CHANGES, fields))))

    def remove_group(self, name: str) -> None:
        """Remove a group by the rules of delete_group. Its members stay users (GROUP-DELETE-2). No call is recorded.

        Args:
            name: the name of the group.

        Raises:
            Refused: If the group is unknown, or is built in and protected (GROUP-DELETE-1, GROUP-BUILTIN-1).
        """
        check_type("name", name, str)
        self._site.delete_group(name)

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
        return self._create_dashboard(Dashboard(**fields))

    def update_dashboard(
        self,
        name: str,
        *,
        new_name: str | None = None,
        owner: str | UnsetType | None = UNSET,
        access: Mapping[str, str] | None = None,
    ) -> Dashboard:
        """Change a dashboard.

        Args:
            name: the name of the dashboard.
            new_name: the new name; None keeps it.
            owner: the email of a user of the site, or None for no owner; without it the owner stays.
            access: the access of groups, in place of the old one: a mapping from the name of a group to ``Edit`` or
                ``View``. None keeps it.

        Raises:
            Refused: If the dashboard, the owner, a group or an access word is unknown, or the new name is blank or
                taken.
            ValueError: If ``access`` is not a mapping.
        """
        check_type("name", name, str)
        check_type("access", access, Mapping | None)
        fields = _without_none({"name": new_name, "access": access})
        if owner is not UNSET:
            fields["owner"] = owner
        return self._update_dashboard(name, DashboardChanges(**parse_fields(DASHBOARD_CHANGES, fields)))

    def remove_dashboard(self, name: str) -> None:
        """Remove a dashboard.

        Args:
            name: the name of the dashboard.

        Raises:
            Refused: If the dashboard is unknown.
        """
        check_type("name", name, str)
        self._delete_dashboard(name)

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


def _without_none(fields: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in fields.items() if value is not None}


def _as_list(groups: object) -> object:
    return list(groups) if isinstance(groups, Iterable) and not isinstance(groups, str | bytes | Mapping) else groups


def _as_api_time(moment: datetime | str) -> str:
    # Validated first: timestamp caches its results, and fails on a value that cannot be hashed.
    return timestamp(parse_time(moment))
