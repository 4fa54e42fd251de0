"""The handle of a site: its records, and the calls, the planned faults and the clock that belong to it.

A test may use it in its own thread while the server responds in another.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, Protocol, Self
from weakref import finalize, ref

from mockscope._support.arguments import check_type
from mockscope._support.suggestions import suggest
from mockscope._vendor import AUTH_HEADER
from mockscope.contract import validation
from mockscope.domain.credentials import new_api_key, new_host
from mockscope.domain.policy import Policy
from mockscope.domain.site import Site, SiteState
from mockscope.instruments.call import Call, store_in_current_call
from mockscope.instruments.call_log import CallLog, States
from mockscope.instruments.clock import Clock
from mockscope.instruments.events import EventChannel, EventLog, EventReader
from mockscope.instruments.faults import Faults
from mockscope.instruments.findings import Finding, collect_findings, drop_repeats, fail_on_findings
from mockscope.instruments.planned_change import PlannedChange
from mockscope.instruments.record_changes import RecordChanges
from mockscope.instruments.redaction import Redactor
from mockscope.seeds import format as seed_format
from mockscope.seeds.files import SeedSource
from mockscope.seeds.format import SeededSite
from mockscope.seeds.plan import Plan
from mockscope.sites.change_assertions import WantedChange, describe_changed
from mockscope.sites.new_site import seeded_site
from mockscope.sites.planned_changes import make_change, plan_faults
from mockscope.sites.records import SiteRecords


class RegistryOfSite(Protocol):
    """The members of SiteRegistry that a site uses. Importing SiteRegistry here would be a cycle."""

    clock: Clock
    redactor: Redactor
    event_log: EventLog
    replay: "Callable[[Call, MockSite], Call]"

    @property
    def url(self) -> str: ...

    def new_log(self, place: str, clock: Clock, events: EventChannel, states: States) -> CallLog: ...

    def put(self, *sites: SeededSite, strict: bool | None = None, contract: bool | None = None) -> "list[MockSite]": ...

    def remove(self, site: Site) -> None: ...


class MockSite(SiteRecords):
    """One site of a mockscope server.

    Do not instantiate it: ``server.site()`` returns one, and the fixture ``mockscope`` is one. At the end of a ``with``
    block the site is removed. With ``strict`` or ``contract``, the block then fails on findings.

    ``calls`` are the calls that the site received, ``faults`` its planned faults, and ``clock`` its clock.
    """

    def __init__(self, site: Site, registry: RegistryOfSite, plan: Plan) -> None:
        self.strict = False if plan.strict is None else plan.strict
        self.contract = False if plan.contract is None else plan.contract
        self._plan = plan
        self._registry = registry
        self._baseline = site.snapshot()
        if self.contract:
            # Loaded here, so that a missing validator is an error at once and not at the end of a test.
            validation.contract()
        self._channel = channel = EventChannel(registry.event_log, site.host)
        clock, place = Clock(registry.clock, events=channel), f"the site {site.host}"
        make = partial(make_change, ref(self))
        self.faults: Faults = Faults(place, clock, redactor=registry.redactor, events=channel, make_change=make)
        plan_faults(self.faults, plan)
        super().__init__(site, clock, self.faults.make_due_changes)
        self._hide(site.api_key)
        self.calls = registry.new_log(place, clock, channel, partial(seed_format.export_later, site))
        self.calls.owner = ref(self)
        self.snapshots: dict[str, SiteSnapshot] = {}
        # Not a method, which would make a circle of references.
        site.history.observer = partial(_observe_changes, channel, registry.redactor, self.clock)

    def __repr__(self) -> str:
        return f"<MockSite {self.host} at {self.url}: {len(self.users)} users, {len(self.groups)} groups>"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *exc_info: object) -> None:
        self.remove()
        if kind is None:
            fail_on_findings({self.host: self.active_findings()})

    @property
    def url(self) -> str:
        """The server's URL, without a slash at the end."""
        return self._registry.url

    @property
    def host(self) -> str:
        """The site's host, as in the auth header."""
        return self._domain_site.host

    @property
    def api_key(self) -> str:
        """The site's key."""
        return self._site.api_key

    @property
    def headers(self) -> dict[str, str]:
        """The headers that authenticate a request (AUTH-1)."""
        return {AUTH_HEADER: f"{self.host}:{self.api_key}"}

    @property
    def enabled(self) -> bool:
        """The switch that enables the API for the site; can be set (AUTH-3).

        Raises:
            ValueError: If it is set to a value that is neither True nor False.
        """
        return self._site.enabled

    @enabled.setter
    def enabled(self, enabled: bool) -> None:
        check_type("enabled", enabled, bool)
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
        """Redact a key until the site's clock is collected. The site and each of its calls hold the clock."""
        redactor = self._registry.redactor
        redactor.add_key(api_key)
        finalize(self.clock, redactor.remove_key, api_key).atexit = False

    def snapshot(self, name: str | None = None) -> "SiteSnapshot":
        """Return a snapshot of the site: records, key, policy and enablement. Its cost does not grow with the site.

        Used as a ``with`` block, the snapshot is restored at the end.

        Args:
            name: also store the snapshot in ``snapshots`` under this name, in place of an earlier one.
        """
        check_type("name", name, str | None)
        site = self._site
        with site.lock:
            made = SiteSnapshot(self, site.snapshot(), name, tuple(len(table) for table in site.store.tables))
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
        self._site.restore(self._find_snapshot(snapshot).state)

    def _find_snapshot(self, snapshot: "SiteSnapshot | str") -> "SiteSnapshot":
        if not isinstance(snapshot, SiteSnapshot | str):
            raise ValueError(f"snapshot must be a snapshot of this site or the name of one, not {snapshot!r}")
        if isinstance(snapshot, SiteSnapshot):
            return snapshot
        if snapshot not in self.snapshots:
            raise LookupError(f"the site {self.host} has no snapshot {snapshot!r}; {suggest(snapshot, self.snapshots)}")
        return self.snapshots[snapshot]

    def changes(self, since: "SiteSnapshot | str | None" = None) -> list[dict[str, Any]]:
        """Return the records that differ from an earlier state, whoever changed them.

        Each is a dict with ``kind``, ``name``, ``change`` and ``fields``, as in the changes of a call.

        Args:
            since: a snapshot of this site, or the name of one; None is the first state, to which ``reset`` returns.

        Raises:
            LookupError: If no snapshot has that name.
            ValueError: If it is a snapshot of another site, or not a snapshot.
        """
        state = self._baseline if since is None else self._find_snapshot(since).state
        return self._site.changes_since(state).render()

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
        if complaint := wanted.describe_absence(self.changes(since), self._describe(since), self._registry.redactor):
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
        if complaint := describe_changed(self.changes(since), self._describe(since), self._registry.redactor):
            raise AssertionError(complaint)

    def _describe(self, since: "SiteSnapshot | str | None") -> str:
        name = since.name if isinstance(since, SiteSnapshot) else since
        state = "its first state" if since is None else "a snapshot" if name is None else f"the snapshot {name!r}"
        return f"the site {self.host} since {state}"

    def reset(self, snapshot: str | None = None) -> None:
        """Return the site to its first state: its seed, no calls, no clock of its own, no other planned faults.

        The faults and changes with which the site was made are planned again.

        Calls in progress are waited for, two seconds at most. The connection of a call that a fault delays is reset,
        and the call writes nothing. ``strict``, ``contract`` and ``label`` keep their values.

        Args:
            snapshot: the name of a snapshot of the state before, which stays; None takes none.
        """
        check_type("snapshot", snapshot, str | None)
        # First, so that a delayed call does not continue when the clock is reset.
        self.calls.reset()
        # Before the records, so that a planned change that is due is not made in the first state.
        self.faults.reset()
        kept = {} if snapshot is None else {snapshot: self.snapshot(snapshot)}
        self._domain_site.restore(self._baseline)
        self.clock.reset()
        plan_faults(self.faults, self._plan)
        self.snapshots.clear()
        self.snapshots.update(kept)
        self._channel.publish("site.reset")

    def events(self, last_id: str | None = None) -> EventReader:
        """Return a reader of the events of the site: calls, changed records, faults and the clock.

        Args:
            last_id: the id of the event to begin after; None is the latest event.

        Raises:
            ValueError: If it is not a string.
        """
        check_type("last_id", last_id, str | None)
        return self._channel.reader(last_id)

    def fork(self, host: str | None = None, api_key: str | None = None) -> "MockSite":
        """Return a second site with the same records and policy. It has calls, faults and a clock of its own.

        The planned changes that were not made yet will be made on both sites. Calls that were counted stay counted.

        Args:
            host: its host; None generates one.
            api_key: its key; None generates one.

        Raises:
            ValueError: If the host is taken, or the host or the key is not valid in the auth header.
        """
        copy = self._site.copy(host or new_host(), api_key or new_api_key())
        changes = [each for each in self.faults if isinstance(each, PlannedChange) and each.is_pending]
        plan = Plan(timeline=[change.as_remaining() for change in changes])
        return self._registry.put(SeededSite(copy, plan), strict=self.strict, contract=self.contract)[0]

    def replay(self, call: Call) -> Call:
        """Carry out the request of a call again, on this site and with its key, and return the new call.

        Args:
            call: a call of this site or of another one.

        Raises:
            ValueError: If it is not a call, or a part of its request is not known, such as the rest of a cut body.
        """
        return self._registry.replay(call, self)

    def load(self, seed: SeedSource) -> None:
        """Replace the records, the policy and the enablement by those of a seed. Host and key stay.

        Faults, timeline, strict mode and contract are replaced by those of the seed that it has.

        Args:
            seed: a path to a seed file, or plain data. Of several sites, the one with this host is loaded.

        Raises:
            SeedError: If the seed is not valid. The site is unchanged then.
            OSError: If the file can't be read.
            ValueError: If the seed has no sites, or several and none with this host.
            ImportError: If the seed has ``contract: true``, and the validator is not installed.
        """
        seeded, plan = seeded_site(seed, self.host, self.clock.now())
        if plan.contract:
            validation.contract()
        self._site.replace_records(seeded)
        plan_faults(self.faults, plan)
        self.strict = self.strict if plan.strict is None else plan.strict
        self.contract = self.contract if plan.contract is None else plan.contract

    def export(self) -> dict[str, Any]:
        """Return the site's records in the format of a seed, as plain data."""
        return seed_format.export([self._site])

    @property
    def strict(self) -> bool:
        """The switch for strict mode; can be set.

        Raises:
            ValueError: If it is set to a value that is neither True nor False.
        """
        return self._strict

    @strict.setter
    def strict(self, strict: bool) -> None:
        check_type("strict", strict, bool)
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
        check_type("contract", contract, bool)
        self._contract = contract

    @property
    def label(self) -> str:
        """The purpose of the site; can be set. Hints show it for requests that arrive after the site was removed."""
        return self._domain_site.label

    @label.setter
    def label(self, label: str) -> None:
        self._domain_site.label = label

    def findings(self) -> list[Finding]:
        """Return the findings of strict mode, whether it is on or not, and those of the contract only if it is on.

        Strict mode reports calls that only worked by accident, and planned faults that were hit too seldom. The
        contract reports requests that violate openapi.yaml. Discarded calls have no findings.
        """
        self.calls.settled()
        return [*collect_findings(self.calls, self.faults), *drop_repeats(self._violations())]

    def active_findings(self) -> list[Finding]:
        """Return the findings that fail a test: those of strict mode if it is on, and of the contract if it is on."""
        return self.findings() if self.strict else self._violations()

    def _violations(self) -> list[Finding]:
        # Iterating over the calls waits until they are complete.
        return validation.violations(self.calls) if self.contract else []

    def assert_no_findings(self) -> None:
        """Assert that the site has no findings, in strict mode or not.

        Raises:
            AssertionError: If it has findings. The message names each call and rule.
        """
        __tracebackhide__ = True
        fail_on_findings({self.host: self.findings()})

    def remove(self) -> None:
        """Remove the site from the server; requests to it are answered 403 from then on."""
        self._registry.remove(self._domain_site)


def _observe_changes(channel: EventChannel, redactor: Redactor, clock: Clock, changes: RecordChanges) -> None:
    call = store_in_current_call(changes)
    if channel.log.is_recording:
        channel.publish_changes(changes, None if call is None else call.id, redactor, holder=clock)


class SiteSnapshot:
    """A state that a site can return to. ``site.snapshot()`` returns one; it can be used as a ``with`` block.

    ``time`` is when it was taken, on the clock of the site, and ``counts`` the numbers of users, groups and dashboards.
    """

    def __init__(self, site: MockSite, state: SiteState, name: str | None, counts: tuple[int, ...]) -> None:
        self.site = site
        self.state = state
        self.name = name
        self.time = site.clock.now()
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
