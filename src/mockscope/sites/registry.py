"""The registry of a server's sites, with the instruments that they share."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import count
from os import PathLike
from threading import Condition, Lock, RLock
from typing import Any, Final
from weakref import WeakSet

from mockscope._support.arguments import check_type
from mockscope._support.forks import ParentOnly, register_after_fork
from mockscope._support.monotonic import monotonic
from mockscope.domain.credentials import new_api_key, new_host
from mockscope.domain.directory import Directory
from mockscope.domain.site import Site
from mockscope.instruments.call import Call, Observer
from mockscope.instruments.call_log import CallLog, States
from mockscope.instruments.clock import Clock
from mockscope.instruments.events import EventChannel, EventLog, EventReader
from mockscope.instruments.redaction import Redactor
from mockscope.seeds import files
from mockscope.seeds import format as seed_format
from mockscope.seeds.files import SeedSource
from mockscope.seeds.format import SeededSite
from mockscope.seeds.plan import Plan
from mockscope.seeds.scenarios import scenario_file
from mockscope.sites.mock_site import MockSite
from mockscope.sites.new_site import new_site
from mockscope.sites.settings import Settings
from mockscope.sites.site_handle import check_site_arguments

WITHOUT_SOCKET: Final = "http://mockscope.invalid"


class SiteRegistry:
    """The sites of one server, each with its instruments, and the instruments of the server itself.

    Args:
        seed: a path to a seed file, or the same as plain data; without it the server starts without sites.
        settings: the settings of the server.

    Raises:
        SeedError: If the seed is not valid.
        OSError: If the seed file can't be read.
    """

    def __init__(self, seed: SeedSource | None, settings: Settings) -> None:
        self.directory = Directory()
        self.settings = settings
        # The URL of the server. WITHOUT_SOCKET means that it has no port, and None that it is not running.
        self.address: str | None = WITHOUT_SOCKET
        # Whether the server was told to stop, and waits for requests in progress.
        self.is_stopping = False
        self.event_log = EventLog()
        self._channel = EventChannel(self.event_log)
        self.clock = Clock(events=self._channel)
        # Shared by all sites: a client may send the key of one site to another site, where it must be redacted too.
        self.redactor = Redactor()
        self.observers: list[Observer] = []
        self.calls = self.new_log("the server", self.clock, self._channel)
        # Numbers the requests of all sites in the order of their receipt.
        self.numbers = count(1)
        # Carries out the request of a call again, on a site. The application sets it.
        self.replay: Callable[[Call, MockSite], Call]
        # Writes the state back to its file; None without a file.
        self.save: Callable[[], None] | None = None
        # The test, the time and the versions of the report that the server shows; None for a server of live sites.
        self.report: Mapping[str, Any] | None = None
        # Called when the server stops.
        self.close_callbacks: list[Callable[[], None]] = []
        self._handles: dict[Site, MockSite] = {}
        _REGISTRIES.add(self)
        if seed is not None:
            check_type("seed", seed, str | PathLike | Mapping)
            self.put(*files.load_seed(seed, now=self.clock.now()))

    def __repr__(self) -> str:
        return f"<SiteRegistry at {self.address}: {len(self.directory)} sites>"

    def new_log(self, place: str, clock: Clock, events: EventChannel, states: States | None = None) -> CallLog:
        size, redactor = self.settings.calls_kept, self.redactor
        return CallLog(place, clock, size=size, redactor=redactor, shared=self.observers, events=events, states=states)

    @property
    def url(self) -> str:
        """The base URL, without a slash at the end. Without a socket, it is a URL for in-process transports.

        Raises:
            RuntimeError: If the server is not running.
        """
        if self.address is None:
            raise RuntimeError("the mockscope server is not running: use it in a with block, or call start()")
        return self.address

    @property
    def sites(self) -> dict[str, MockSite]:
        """The present sites, by host."""
        # Copied: another thread may remove a site meanwhile.
        handles = self._handles.copy()
        return {site.host: handles[site] for site in self.directory if site in handles}

    def handle(self, site: Site) -> MockSite | None:
        """Return the handle of a site, or None if it was removed meanwhile."""
        return self._handles.get(site)

    def has(self, handle: MockSite) -> bool:
        """Return whether a site was not removed."""
        site = self.directory.get(handle.host)
        return site is not None and self.handle(site) is handle

    def site(
        self,
        /,
        host: str | None = None,
        api_key: str | None = None,
        seed: SeedSource | None = None,
        *,
        scenario: str | None = None,
        faults: Sequence[Mapping[str, Any]] | None = None,
        timeline: Sequence[Mapping[str, Any]] | None = None,
        strict: bool | None = None,
        contract: bool | None = None,
        **policy: Any,
    ) -> MockSite:
        """Create a site and return it.

        ``faults``, ``timeline``, ``strict`` and ``contract`` replace those of the seed or scenario.

        Args:
            host: its host; None generates one.
            api_key: its key; None generates one.
            seed: a seed for its records; its host and key are ignored. If it has several sites, the one with ``host``
                is loaded. Without a seed the site has the two built-in groups and one administrator.
            scenario: the name of a scenario that comes with mockscope, in place of a seed.
            faults: the planned faults with which the site begins, as for ``faults.add_plain``.
            timeline: the planned changes with which the site begins, as for ``faults.add_plain``.
            strict: whether the site is in strict mode; None is the server's setting.
            contract: whether its requests are validated against openapi.yaml; None is the server's setting.
            policy: the policy switches by name.

        Raises:
            ValueError: If the host is taken, the host or the key is not valid in the auth header, a fault or change is
                not valid, a switch, its value or the scenario is unknown, or both a seed and a scenario are given.
            SeedError: If the seed is not valid.
            OSError: If the file can't be read.
            ImportError: If ``contract`` is True, and the validator is not installed.
        """
        check_site_arguments(policy)
        if scenario is not None:
            if seed is not None:
                raise ValueError(f"the scenario {scenario} has records of its own: leave seed out")
            seed = scenario_file(scenario)
        site, plan = new_site(host or new_host(), api_key or new_api_key(), seed, seed_host=host, now=self.clock.now())
        # Set last: no switch may change the groups of a fresh site's administrator.
        site.policy = site.policy.with_changes(**policy)
        own = Plan(faults=faults, timeline=timeline)
        return self.put(SeededSite(site, own.over(plan)), strict=strict, contract=contract)[0]

    def put(self, *sites: SeededSite, strict: bool | None = None, contract: bool | None = None) -> "list[MockSite]":
        """Add existing sites to the server, all or none, and return their handles.

        Args:
            sites: the sites with their plans.
            strict: whether they are in strict mode; None is the server's setting or, without one, that of the plan.
            contract: whether their requests are validated against openapi.yaml, in the same way.

        Raises:
            ValueError: If a host is taken, or a fault or change of a plan is not valid.
            ImportError: If ``contract`` is True, and the validator is not installed.
        """
        strict = self.settings.strict if strict is None else strict
        contract = self.settings.contract if contract is None else contract
        handles = {
            site: MockSite(site, self, Plan(strict=strict, contract=contract).over(plan)) for site, plan in sites
        }
        self.add(handles)
        return list(handles.values())

    def add(self, handles: Mapping[Site, MockSite]) -> None:
        """Add sites with their handles to the server, all or none.

        Raises:
            ValueError: If a host is taken.
        """
        # The handles come first: a request may arrive as soon as a site is in the directory.
        self._handles |= handles
        try:
            self.directory.add(*handles)
        except ValueError:
            for site in handles:
                del self._handles[site]
            raise
        for handle in handles.values():
            EventChannel(self.event_log, handle.host).publish("site.made")

    def remove(self, site: Site) -> None:
        """Remove a site from the server. A site that was removed before is ignored."""
        self.directory.remove(site)
        handle = self._handles.pop(site, None)
        if handle is not None:
            handle.calls.end_delayed()
            EventChannel(self.event_log, handle.host).publish("site.removed")

    def remove_stale_sites(self, older_than: float, keep: Sequence[str]) -> list[str]:
        """Remove the temporary sites that were not used for a time, and return their hosts.

        Args:
            older_than: the time since the last call to a site, or request about it in the control API, in seconds.
            keep: the hosts of sites that stay.
        """
        last = monotonic() - older_than
        stale = [site for site in self.sites.values() if site.temporary and site.calls.last_used <= last]
        removed = [site for site in stale if site.host not in keep]
        for site in removed:
            site.remove()
        return [site.host for site in removed]

    def events(self, last_id: str | None = None) -> EventReader:
        """Return a reader of the events of the server and of its sites.

        Args:
            last_id: the id of the event to begin after; None is the latest event.

        Raises:
            ValueError: If it is not a string.
        """
        check_type("last_id", last_id, str | None)
        return self._channel.reader(last_id)

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
        return seed_format.export(list(self.present_sites()))

    def present_sites(self) -> Iterator[Site]:
        """Yield the sites without their instruments, after the planned changes that are due."""
        for site in self.directory:
            handle = self.handle(site)
            if handle is not None:
                handle.faults.make_due_changes()
            yield site


_REGISTRIES: Final[WeakSet[SiteRegistry]] = WeakSet()


def _forbid_writes_in_child() -> None:
    """Make the sites of running servers readable in a forked child; each write raises an error.

    The child has no server threads. A lock that such a thread held at the fork would stay locked forever.
    """
    of_parent = ParentOnly()
    for registry in [registry for registry in _REGISTRIES if registry.address not in (None, WITHOUT_SOCKET)]:
        parts: list[tuple[object, str, object]] = [
            (registry.directory, "_lock", of_parent),
            (registry.clock._group, "lock", of_parent),
            (registry.redactor, "_lock", Lock()),
            (registry.event_log, "_lock", Lock()),
            (registry.event_log, "render_lock", Lock()),
        ]
        for site, handle in registry._handles.items():
            parts += [(site, "lock", RLock()), (site, "history", of_parent), (handle.faults, "_lock", of_parent)]
            # A planned change is a write.
            parts += [(handle.calls, "_changed", Condition()), (handle.faults, "has_pending_changes", False)]
        for part, name, stand_in in parts:
            setattr(part, name, stand_in)


register_after_fork(_forbid_writes_in_child)
