"""The part of a site's handle that is the same for a site of this process and for one of another server."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, Self

from mockscope._support.arguments import check_choice, check_type
from mockscope._support.suggestions import suggest
from mockscope._vendor import AUTH_HEADER
from mockscope.domain.policy import Policy
from mockscope.instruments.findings import Finding, fail_on_findings
from mockscope.instruments.redaction import Redactor
from mockscope.sites.change_assertions import WantedChange, describe_changed
from mockscope.sites.records import SiteRecords

# The arguments of site(), to suggest one for a misspelt policy switch.
SITE_ARGUMENTS: Final = (
    *("host", "api_key", "seed", "scenario", "faults", "timeline", "strict", "contract"),
    *Policy.__struct_fields__,
)


def check_site_arguments(policy: Mapping[str, Any]) -> None:
    """Check the names of the policy switches of a new site.

    Raises:
        ValueError: If one is unknown. The message names the nearest argument of ``server.site()``.
    """
    for name in policy:
        check_choice("argument", name, SITE_ARGUMENTS)


class SiteHandle(SiteRecords):
    """The handle of a site. Its subclasses have the members that end in ``NotImplementedError`` here."""

    _redactor: Redactor

    def __repr__(self) -> str:
        kind = type(self).__name__
        return f"<{kind} {self.host} at {self.url}: {len(self.users)} users, {len(self.groups)} groups>"

    def __enter__(self) -> Self:
        return self

    @property
    def url(self) -> str:
        """The server's URL, without a slash at the end."""
        raise NotImplementedError

    @property
    def host(self) -> str:
        """The site's host, as in the auth header."""
        raise NotImplementedError

    @property
    def api_key(self) -> str:
        """The site's key."""
        raise NotImplementedError

    @property
    def headers(self) -> dict[str, str]:
        """The headers that authenticate a request (AUTH-1)."""
        return {AUTH_HEADER: f"{self.host}:{self.api_key}"}

    @property
    def snapshots(self) -> "Mapping[str, SiteSnapshot]":
        """The stored snapshots, by name."""
        raise NotImplementedError

    def snapshot(self, name: str | None = None) -> "SiteSnapshot":
        """Return a snapshot of the site: records, key, policy and enablement. Its cost does not grow with the site.

        Used as a ``with`` block, the snapshot is restored at the end.

        Args:
            name: also store the snapshot in ``snapshots`` under this name, in place of an earlier one.

        Raises:
            ValueError: If the name is empty or is not text.
        """
        check_type("name", name, str | None)
        if name == "":
            raise ValueError("name must be text of at least one character or None, not ''")
        return self._take_snapshot(name)

    def restore(self, snapshot: "SiteSnapshot | str") -> None:
        """Restore a snapshot of the site. Calls, planned faults and the clock stay as they are.

        Args:
            snapshot: a snapshot of this site, or the name of one.

        Raises:
            LookupError: If no snapshot has that name.
            ValueError: If it is a snapshot of another site, or not a snapshot.
        """
        self._restore(self._find_snapshot(snapshot).state)

    def _find_snapshot(self, snapshot: "SiteSnapshot | str") -> "SiteSnapshot":
        if not isinstance(snapshot, SiteSnapshot | str):
            raise ValueError(f"snapshot must be a snapshot of this site or the name of one, not {snapshot!r}")
        if isinstance(snapshot, SiteSnapshot):
            return snapshot
        if snapshot not in self.snapshots:
            raise LookupError(f"the site {self.host} has no snapshot {snapshot!r}; {suggest(snapshot, self.snapshots)}")
        return self.snapshots[snapshot]

    def _take_snapshot(self, name: str | None) -> "SiteSnapshot":
        raise NotImplementedError

    def _restore(self, state: Any) -> None:
        raise NotImplementedError

    def changes(self, since: "SiteSnapshot | str | None" = None) -> list[dict[str, Any]]:
        """Return the records that differ from an earlier state, whoever changed them.

        Each is a dict with ``kind``, ``name``, ``change`` and ``fields``, as in the changes of a call.

        Args:
            since: a snapshot of this site, or the name of one; None is the first state, to which ``reset`` returns.

        Raises:
            LookupError: If no snapshot has that name.
            ValueError: If it is a snapshot of another site, or not a snapshot.
        """
        return self._changes_since(None if since is None else self._find_snapshot(since).state)

    def _changes_since(self, state: Any) -> list[dict[str, Any]]:
        raise NotImplementedError

    def assert_changed(
        self,
        kind: str,
        name: str,
        /,
        *,
        since: "SiteSnapshot | str | None" = None,
        change: str | None = None,
        **fields: Any,
    ) -> None:
        """Assert that a record differs from an earlier state.

        Args:
            kind: ``user``, ``group`` or ``dashboard``.
            name: the email of a user, else the name, as it was in that state; the present one of a new record.
            since: a snapshot of this site, or the name of one; None is the first state, to which ``reset`` returns.
            change: ``created``, ``changed`` or ``removed``; None is any of them.
            fields: fields that differ, with their present values. A value may be an object with its own ``==``.

        Raises:
            AssertionError: If the record does not differ so. The message shows its changes, or those of similar names.
            LookupError: If no snapshot has that name.
            ValueError: If the kind, the change or a field is unknown.
        """
        __tracebackhide__ = True
        wanted = WantedChange(kind, name, change, fields)
        wanted.check()
        if complaint := wanted.describe_absence(self.changes(since), self._describe(since), self._redactor):
            raise AssertionError(complaint)

    def assert_unchanged(self, since: "SiteSnapshot | str | None" = None) -> None:
        """Assert that no record differs from an earlier state.

        Args:
            since: a snapshot of this site, or the name of one; None is the first state, to which ``reset`` returns.

        Raises:
            AssertionError: If records differ. The message shows them.
            LookupError: If no snapshot has that name.
        """
        __tracebackhide__ = True
        if complaint := describe_changed(self.changes(since), self._describe(since), self._redactor):
            raise AssertionError(complaint)

    def _describe(self, since: "SiteSnapshot | str | None") -> str:
        name = since.name if isinstance(since, SiteSnapshot) else since
        state = "its first state" if since is None else "a snapshot" if name is None else f"the snapshot {name!r}"
        return f"the site {self.host} since {state}"

    def export(self) -> dict[str, Any]:
        """Return the site's records in the format of a seed, as plain data."""
        raise NotImplementedError

    def findings(self) -> list[Finding]:
        """Return the findings of strict mode, whether it is on or not, and those of the contract only if it is on.

        Strict mode reports calls that only worked by accident, and planned faults that were hit too seldom. The
        contract reports requests that violate openapi.yaml. Discarded calls have no findings.
        """
        raise NotImplementedError

    def assert_no_findings(self) -> None:
        """Assert that the site has no findings, in strict mode or not.

        Raises:
            AssertionError: If it has findings. The message names each call and rule.
        """
        __tracebackhide__ = True
        fail_on_findings({self.host: self.findings()})


class SiteSnapshot:
    """A state that a site can return to. ``site.snapshot()`` returns one; it can be used as a ``with`` block.

    ``time`` is when it was taken, on the clock of the site, and ``counts`` the numbers of users, groups and dashboards.
    """

    def __init__(self, site: SiteHandle, state: Any, name: str | None, time: datetime, counts: tuple[int, ...]) -> None:
        self.site = site
        self.state = state
        self.name = name
        self.time = time
        self.counts = counts

    def __repr__(self) -> str:
        return f"<SiteSnapshot {self.name or 'without a name'} of {self.site.host}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.restore()

    def restore(self) -> None:
        """Return the site to this state."""
        self.site.restore(self)
