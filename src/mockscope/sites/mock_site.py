"""The handle of a site: its records, and the calls, the planned faults and the clock that belong to it.

A test may use it in its own thread while the server responds in another.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, Protocol
from weakref import finalize, ref

from mockscope._support.arguments import check_type
from mockscope.contract import validation
from mockscope.domain.credentials import new_api_key, new_host
from mockscope.domain.dashboards import DashboardChanges, create_dashboard, delete_dashboard, update_dashboard
from mockscope.domain.model import Dashboard
from mockscope.domain.policy import Policy
from mockscope.domain.site import Site, SiteState
from mockscope.instruments.call import Call
from mockscope.instruments.call_log import CallLog, States
from mockscope.instruments.clock import Clock
from mockscope.instruments.current_call import store_in_current_call
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
from mockscope.sites.new_site import seeded_site
from mockscope.sites.planned_changes import make_change, plan_faults
from mockscope.sites.records import LiveRecords
from mockscope.sites.site_handle import SiteHandle, SiteSnapshot


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


class MockSite(SiteHandle):
    """One site of a mockscope server.

    Do not instantiate it: ``server.site()`` returns one, and the fixture ``mockscope`` is one. At the end of a ``with``
    block the site is removed. With ``strict`` or ``contract``, the block then fails on findings.

    ``calls`` are the calls that the site received, ``faults`` its planned faults, and ``clock`` its clock.
    """

    def __init__(self, site: Site, registry: RegistryOfSite, plan: Plan) -> None:
        self.strict = False if plan.strict is None else plan.strict
        self.contract = False if plan.contract is None else plan.contract
        # Whether remove_stale_sites may remove it, because a connection made it.
        self.temporary = False
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
        store, before_use = site.store, self.faults.make_due_changes
        super().__init__(
            LiveRecords(site, store.users, before_use),
            LiveRecords(site, store.groups, before_use),
            LiveRecords(site, store.dashboards, before_use),
            clock,
        )
        self._domain_site = site
        self._redactor = registry.redactor
        self._hide(site.api_key)
        self.calls = registry.new_log(place, clock, channel, partial(seed_format.export_later, site))
        self.calls.owner = ref(self)
        self._snapshots: dict[str, SiteSnapshot] = {}
        # Not a method, which would make a circle of references.
        site.history.observer = partial(_observe_changes, channel, registry.redactor, self.clock)

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
    def snapshots(self) -> dict[str, SiteSnapshot]:
        """The stored snapshots, by name."""
        return self._snapshots

    @property
    def _site(self) -> Site:
        self.faults.make_due_changes()
        return self._domain_site

    def _create_dashboard(self, dashboard: Dashboard) -> Dashboard:
        return create_dashboard(self._site, dashboard)

    def _update_dashboard(self, name: str, changes: DashboardChanges) -> Dashboard:
        return update_dashboard(self._site, name, changes)

    def _delete_dashboard(self, name: str) -> None:
        delete_dashboard(self._site, name)

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

    def _take_snapshot(self, name: str | None) -> SiteSnapshot:
        site = self._site
        with site.lock:
            counts = tuple(len(table) for table in site.store.tables)
            made = SiteSnapshot(self, site.snapshot(), name, self.clock.now(), counts)
        if name is not None:
            self.snapshots[name] = made
        return made

    def _restore(self, state: SiteState) -> None:
        self._site.restore(state)

    def _changes_since(self, state: SiteState | None) -> list[dict[str, Any]]:
        return self._site.changes_since(self._baseline if state is None else state).render()

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

    def remove(self) -> None:
        """Remove the site from the server; requests to it are answered 403 from then on."""
        self._registry.remove(self._domain_site)


def _observe_changes(channel: EventChannel, redactor: Redactor, clock: Clock, changes: RecordChanges) -> None:
    call = store_in_current_call(changes)
    if channel.log.is_recording:
        channel.publish_changes(changes, None if call is None else call.id, redactor, holder=clock)
