"""One site of the service: its records, its policy, and the rules that depend on them.

Each operation checks all rules before it writes. Test mode is handled in one place, `Site._commit`.
"""

from collections.abc import Mapping
from hmac import compare_digest
from threading import RLock
from typing import NamedTuple, TypeVar

from msgspec.structs import replace

from mockscope._vendor import ADMINISTRATORS, BUILTIN_GROUPS
from mockscope.domain.changes import NO_RENAMES, RecordChanges, Renames, rename
from mockscope.domain.credentials import check_api_key, check_host
from mockscope.domain.history import History, Version
from mockscope.domain.memberships import plan_group_replacement, resolve_groups
from mockscope.domain.model import Access, Dashboard, Grant, Group, GroupDetail, User, email_cursor, email_key
from mockscope.domain.policy import Policy
from mockscope.domain.refusals import Refusal, Refused
from mockscope.domain.rules import GroupChanges, NewGroup, NewUser, UserChanges
from mockscope.domain.store import Change, Page, Store

T = TypeVar("T")


class SiteState(NamedTuple):
    """The state of a site at one moment: its records, key and policy, and whether the API is enabled."""

    site: "Site"
    version: Version
    api_key: str
    enabled: bool
    policy: Policy


class Site:
    """A site: the tenant that the vendor's auth header names. It is thread-safe: no call sees a partial write.

    ``label`` is the purpose of the site, which hints show for requests after its removal.

    Args:
        host: the site's host, as in the auth header and in dashboard URLs.
        api_key: the key; any visible ASCII without a colon.
        enabled: whether the API is enabled for the site (AUTH-3).
        policy: the policy switches; None is the defaults.
        store: the records; None is the two built-in groups.

    Raises:
        ValueError: If the host or the key is not valid in the auth header.
    """

    def __init__(
        self, host: str, api_key: str, *, enabled: bool = True, policy: Policy | None = None, store: Store | None = None
    ) -> None:
        check_host(host)
        self.host = host
        self.rotate_key(api_key)
        self.enabled = enabled
        self.policy = policy or Policy()
        self.lock = RLock()
        self.label = ""
        self.store = store or _fresh_store()
        self.history = History(self.store)

    def __repr__(self) -> str:
        users, groups = len(self.store.users), len(self.store.groups)
        return f"<Site {self.host}: {users} users, {groups} groups{'' if self.enabled else ', API disabled'}>"

    def rotate_key(self, api_key: str) -> None:
        """Replace the key. The old key is refused from now on (AUTH-4).

        Args:
            api_key: the new key; any visible ASCII without a colon.

        Raises:
            ValueError: If the key is not valid in the auth header.
        """
        check_api_key(api_key, self.host)
        self.api_key = api_key

    def accepts_key(self, api_key: str) -> bool:
        """Return whether a key is the key of the site. The comparison takes constant time (AUTH-4)."""
        return api_key.isascii() and compare_digest(self.api_key, api_key)

    def check_key(self, api_key: str) -> None:
        """Check that a key is the key of the site (AUTH-4).

        Raises:
            Refused: KEY_WRONG.
        """
        if not self.accepts_key(api_key):
            raise Refused(Refusal.KEY_WRONG, host=self.host)

    def check_enabled(self) -> None:
        """Check that the API is enabled for the site (AUTH-3).

        Raises:
            Refused: API_DISABLED.
        """
        # "needs to be enabled on a given site [...] Otherwise, it will provide a 404 response."
        if not self.enabled:
            raise Refused(Refusal.API_DISABLED, host=self.host)

    # -- users ---------------------------------------------------------------------------------------------

    def list_users(self, start: str = "") -> Page[User]:
        """Return a page of users in order of email (PAGE-1 to PAGE-5).

        Args:
            start: the cursor; empty for the first page. It need not be the email of a user.
        """
        with self.lock:
            return self.store.users.page(email_cursor(start), self.policy.page_size)

    def get_user(self, email: str) -> User:
        """Return the user with an email (USER-GET-1).

        Raises:
            Refused: USER_UNKNOWN.
        """
        # No lock: this is one look-up in a dict.
        return self.require_user(email, rule="USER-GET-1")

    def create_user(self, draft: NewUser, *, dry_run: bool = False) -> User | None:
        """Create a user (USER-CREATE-2 to USER-CREATE-5).

        Args:
            draft: the parsed fields.
            dry_run: run the checks, and write nothing (TEST-1).

        Returns:
            The user, or None after a dry run.

        Raises:
            Refused: INVITER_UNKNOWN, INVITER_NOT_ADMINISTRATOR, GROUPS_UNKNOWN, EMAIL_TAKEN.
        """
        with self.lock:
            if draft.invited_by_email is not None:
                self._check_inviter(draft.invited_by_email)
            groups, created = self._resolve_groups(draft.groups)
            key = email_key(draft.email)
            # "409 if the email_address already exists"
            if key in self.store.users:
                raise Refused(Refusal.EMAIL_TAKEN, email=draft.email)
            times = draft.last_login_at, draft.password_updated_at
            user = User(draft.first_name, draft.last_name, draft.email, groups, *times, draft.tfa_enabled)
            return self._commit(user, Change(users={key: user}, groups=created), dry_run=dry_run)

    def update_user(self, email: str, changes: UserChanges, *, dry_run: bool = False) -> User | None:
        """Change a user (USER-UPDATE-1, USER-UPDATE-2).

        Args:
            email: the email of the user.
            changes: the parsed fields to change.
            dry_run: run the checks, and write nothing (TEST-1).

        Returns:
            The whole user, or None after a dry run.

        Raises:
            Refused: USER_UNKNOWN, GROUPS_UNKNOWN.
        """
        with self.lock:
            user = self.require_user(email, rule="USER-UPDATE-1")
            # "updates only first_name since no groups are passed in."
            groups, created = (user.groups, {}) if changes.groups is None else self._resolve_groups(changes.groups)
            first_name, last_name = changes.first_name or user.first_name, changes.last_name or user.last_name
            tfa = user.tfa_enabled if changes.tfa_enabled is None else changes.tfa_enabled
            changed = replace(user, first_name=first_name, last_name=last_name, groups=groups, tfa_enabled=tfa)
            return self._commit(changed, Change(users={email_key(email): changed}, groups=created), dry_run=dry_run)

    def delete_user(self, email: str, *, dry_run: bool = False) -> User | None:
        """Delete a user. The user's dashboards stay, without an owner (USER-DELETE-1, USER-DELETE-2).

        Args:
            email: the email of the user.
            dry_run: run the checks, and write nothing (TEST-1).

        Returns:
            The deleted user, or None after a dry run.

        Raises:
            Refused: USER_UNKNOWN.
        """
        with self.lock:
            user = self.require_user(email, rule="USER-DELETE-1")
            key = email_key(email)
            # "the ownership over all the objects owned by deleted user is set to none"
            owned = self.store.dashboards.select(self.store.owned[key])
            orphans = {board.name: Dashboard(board.name, None, board.access) for board in owned}
            return self._commit(user, Change(users={key: None}, dashboards=orphans), dry_run=dry_run)

    # -- groups --------------------------------------------------------------------------------------------

    def list_groups(self, start: str = "") -> Page[Group]:
        """Return a page of groups in order of name (PAGE-1 to PAGE-5).

        Args:
            start: the cursor; empty for the first page. It need not be the name of a group.
        """
        with self.lock:
            return self.store.groups.page(self.store.groups.decode_cursor(start), self.policy.page_size)

    def get_group(self, name: str) -> GroupDetail:
        """Return a group with its dashboards (GROUP-1, GROUP-GET-1).

        Raises:
            Refused: GROUP_UNKNOWN.
        """
        with self.lock:
            group = self.require_group(name, rule="GROUP-GET-1")
            dashboards = self.store.dashboards.select(self.store.shared[name])
            grants = tuple(Grant(board.name, board.access[name]) for board in dashboards)
            return GroupDetail(group.name, group.access, grants)

    def create_group(self, draft: NewGroup, *, dry_run: bool = False) -> Group | None:
        """Create a group (GROUP-CREATE-2, GROUP-CREATE-3).

        Args:
            draft: the parsed fields.
            dry_run: run the checks, and write nothing (TEST-1).

        Returns:
            The group, or None after a dry run.

        Raises:
            Refused: CREATOR_UNKNOWN, CREATOR_NOT_ADMINISTRATOR, GROUP_TAKEN.
        """
        with self.lock:
            if draft.created_by_email is not None:
                self._check_creator(draft.created_by_email, draft.creator_field)
            # "409 if the group already exists"
            if draft.name in self.store.groups:
                raise Refused(Refusal.GROUP_TAKEN, name=draft.name)
            group = Group(draft.name, draft.access)
            return self._commit(group, Change(groups={group.name: group}), dry_run=dry_run)

    def update_group(self, name: str, changes: GroupChanges, *, dry_run: bool = False) -> Group | None:
        """Rename a group or change its access (GROUP-UPDATE-1 to GROUP-UPDATE-3, GROUP-BUILTIN-1).

        Args:
            name: the name of the group.
            changes: the parsed fields to change.
            dry_run: run the checks, and write nothing (TEST-1).

        Returns:
            The changed group, or None after a dry run.

        Raises:
            Refused: GROUP_UNKNOWN, BUILTIN_RENAMED, GROUP_TAKEN.
        """
        with self.lock:
            group = self.require_group(name, rule="GROUP-UPDATE-2")
            changed = Group(changes.name or group.name, changes.access or group.access)
            if changed.name == name:
                return self._commit(changed, Change(groups={name: changed}), dry_run=dry_run)
            if self._is_protected(name):
                raise Refused(Refusal.BUILTIN_RENAMED, name=name)
            if changed.name in self.store.groups:
                raise Refused(Refusal.GROUP_TAKEN, rule="GROUP-UPDATE-2", name=changed.name)
            change = plan_group_replacement(self.store, name, changed)
            renames = Renames(groups=rename(name, changed.name))
            return self._commit(changed, change, dry_run=dry_run, renames=renames)

    def delete_group(self, name: str, *, dry_run: bool = False) -> Group | None:
        """Delete a group. Its members stay users (GROUP-DELETE-1, GROUP-DELETE-2, GROUP-BUILTIN-1).

        Args:
            name: the name of the group.
            dry_run: run the checks, and write nothing (TEST-1).

        Returns:
            The deleted group, or None after a dry run.

        Raises:
            Refused: GROUP_UNKNOWN, BUILTIN_DELETED.
        """
        with self.lock:
            group = self.require_group(name, rule="GROUP-DELETE-1")
            if self._is_protected(name):
                raise Refused(Refusal.BUILTIN_DELETED, name=name)
            return self._commit(group, plan_group_replacement(self.store, name, None), dry_run=dry_run)

    # -- writes that no operation of the API makes ---------------------------------------------------------------

    def write(self, change: Change, renames: Renames = NO_RENAMES) -> None:
        """Write a change that passed the checks. The caller holds the lock.

        Operations of the API pass it to ``_commit`` instead, for test mode.
        """
        self.history.write(change, renames)

    def set_times(self, email: str, **times: str) -> User:
        """Set the times of a user's last login and last password change, and return the user (USER-1).

        Args:
            email: the email of the user.
            times: ``last_login_at`` and ``password_updated_at``, in the format of the API.

        Raises:
            Refused: USER_UNKNOWN.
        """
        with self.lock:
            user = replace(self.require_user(email, rule="USER-1"), **times)
            self.write(Change(users={email_key(email): user}))
            return user

    # -- snapshots -------------------------------------------------------------------------------------------

    def snapshot(self) -> SiteState:
        """Return the current state. The cost does not grow with the site."""
        with self.lock:
            return SiteState(self, self.history.current_version(), self.api_key, self.enabled, self.policy)

    def restore(self, snapshot: SiteState) -> None:
        """Restore a state of this site. The cost grows with the writes since then.

        Raises:
            ValueError: If it is the state of another site.
        """
        self._check_own(snapshot)
        with self.lock:
            self.history.restore(snapshot.version)
            self.api_key, self.enabled, self.policy = snapshot.api_key, snapshot.enabled, snapshot.policy

    def changes_since(self, snapshot: SiteState) -> RecordChanges:
        """Return the records that differ from a state of this site. The cost grows with the writes since then.

        Raises:
            ValueError: If it is the state of another site.
        """
        self._check_own(snapshot)
        with self.lock:
            return self.history.changes_since(snapshot.version)

    def replace_records(self, other: "Site") -> None:
        """Copy the records, the policy and ``enabled`` of another site. Host and key stay."""
        with other.lock:
            records, enabled, policy = other.store.to_change(), other.enabled, other.policy
        with self.lock:
            self.write(self.store.plan_replacement(records))
            self.enabled, self.policy = enabled, policy

    def copy(self, host: str, api_key: str) -> "Site":
        """Return a new site with the same records, policy and ``enabled``.

        Args:
            host: the host of the new site.
            api_key: the key of the new site.

        Raises:
            ValueError: If the host or the key is not valid in the auth header.
        """
        with self.lock:
            records, enabled, policy = self.store.to_change(), self.enabled, self.policy
        store = Store()
        store.apply(records)
        return Site(host, api_key, enabled=enabled, policy=policy, store=store)

    # -- look-ups and checks ---------------------------------------------------------------------------------

    def require_user(self, email: str, refusal: Refusal = Refusal.USER_UNKNOWN, **values: str) -> User:
        """Return the user with an email.

        Args:
            email: the email, in any case.
            refusal: the refusal of an unknown email.
            values: the rule id that the refusal names, or values for its message.

        Raises:
            Refused: The refusal.
        """
        # "400 if the email_address does NOT belong to the user on this site"
        user = self.store.users.get(email_key(email))
        if user is None:
            raise Refused(refusal, host=self.host, email=email, **values)
        return user

    def require_group(self, name: str, *, rule: str) -> Group:
        """Return the group with a name.

        Args:
            name: the exact name.
            rule: the id of the rule that a refusal names.

        Raises:
            Refused: GROUP_UNKNOWN.
        """
        # "404 if the group_name does NOT exist on this site"
        group = self.store.groups.get(name)
        if group is None:
            raise Refused(Refusal.GROUP_UNKNOWN, rule=rule, host=self.host, name=name)
        return group

    def is_administrator(self, email: str) -> bool:
        """Return whether an email belongs to a member of Administrators (USER-CREATE-3)."""
        return email_key(email) in self.store.members[ADMINISTRATORS]

    def administrators(self) -> list[User]:
        """Return the members of Administrators, in order of email."""
        with self.lock:
            return self.store.users.select(self.store.members[ADMINISTRATORS])

    def _commit(self, result: T, change: Change, *, dry_run: bool, renames: Renames = NO_RENAMES) -> T | None:
        # TEST-1, "ONLY VALIDATIONS run and the actual user does NOT get created"
        if dry_run:
            return None
        self.write(change, renames)
        return result

    def _check_own(self, snapshot: SiteState) -> None:
        if snapshot.site is not self:
            raise ValueError(f"this is a snapshot of {snapshot.site.host}, not of {self.host}")

    def _check_inviter(self, email: str) -> None:
        # "The inviter must have access to create a user."
        field = "invited_by_email"
        self.require_user(email, Refusal.INVITER_UNKNOWN, field=field)
        if not self.is_administrator(email):
            raise Refused(Refusal.INVITER_NOT_ADMINISTRATOR, email=email, field=field)

    def _check_creator(self, email: str, field: str) -> None:
        # "Group creator email address."
        self.require_user(email, Refusal.CREATOR_UNKNOWN, field=field)
        if self.policy.creator_must_be_admin and not self.is_administrator(email):
            raise Refused(Refusal.CREATOR_NOT_ADMINISTRATOR, email=email, field=field)

    def _resolve_groups(self, names: tuple[str, ...]) -> tuple[tuple[str, ...], Mapping[str, Group]]:
        return resolve_groups(names, self.store, self.policy, self.host)

    def _is_protected(self, name: str) -> bool:
        return self.policy.protect_builtin_groups and name in BUILTIN_GROUPS


def _fresh_store() -> Store:
    store = Store()
    # GROUP-4: both Sql, as in the page's example of GET Groups.
    store.apply(Change(groups={name: Group(name, Access.SQL) for name in BUILTIN_GROUPS}))
    return store
