"""Handles of a server elsewhere and of its sites."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from math import inf
from os import PathLike
from threading import Lock
from typing import Any, Final, Self
from urllib.parse import quote

import msgspec

from mockscope._support.arguments import check_type
from mockscope._support.randomness import random_hex
from mockscope._support.timestamps import parse_time
from mockscope.domain.dashboards import DashboardChanges
from mockscope.domain.model import Dashboard, Group, User
from mockscope.domain.policy import Policy
from mockscope.instruments.call import Call
from mockscope.instruments.events import EventReader
from mockscope.instruments.findings import Finding, fail_on_findings
from mockscope.instruments.redaction import Redactor
from mockscope.remote.control_client import ControlClient, RemoteServerError
from mockscope.remote.events import RemoteEventReader
from mockscope.remote.parts import RemoteCalls, RemoteClock, RemoteFaults, RemoteRecords, RemoteWriter, encode
from mockscope.seeds.files import SeedSource, read_plain
from mockscope.sites.site_handle import SiteHandle, SiteSnapshot, check_site_arguments

# Members of LiveServer that belong to the process of the server.
OF_THE_PROCESS: Final = frozenset({"app", "transport", "adapter", "observers", "registry", "start", "stop"})
# The names of snapshots without a name begin so.
UNNAMED: Final = "unnamed "


class RemoteSite(SiteHandle):
    """One site of a server elsewhere, with the members of ``MockSite``. ``server.site()`` of a connection returns one.

    At the end of a ``with`` block the site is removed. With ``strict`` or ``contract``, the block then fails on
    findings. It is thread-safe.
    """

    def __init__(self, server: "RemoteServer", client: ControlClient, host: str) -> None:
        self._server = server
        self._client = client
        self._host = host
        self._path = f"/sites/{encode(host)}"
        self._redactor = server.redactor
        super().__init__(
            RemoteRecords(client, f"{self._path}/users", User),
            RemoteRecords(client, f"{self._path}/groups", Group),
            RemoteRecords(client, f"{self._path}/dashboards", Dashboard),
            RemoteClock(client, self._path),
        )
        place = f"the site {host}"
        self._writer = RemoteWriter(client, self._path, host)
        self.calls = RemoteCalls(client, self._path, place, self._redactor)
        self.faults = RemoteFaults(client, self._path, place, self._redactor)

    def __repr__(self) -> str:
        try:
            return super().__repr__()
        except (LookupError, RemoteServerError) as error:
            return f"<RemoteSite {self.host}: {error.args[-1]}>"

    def __exit__(self, kind: type[BaseException] | None, *exc_info: object) -> None:
        if kind is not None:
            with suppress(RemoteServerError):
                self.remove()
            return
        findings = self.active_findings()
        self.remove()
        fail_on_findings({self.host: findings})

    @property
    def _site(self) -> RemoteWriter:
        return self._writer

    def _create_dashboard(self, dashboard: Dashboard) -> Dashboard:
        return self._writer.create_dashboard(dashboard)

    def _update_dashboard(self, name: str, changes: DashboardChanges) -> Dashboard:
        return self._writer.update_dashboard(name, changes)

    def _delete_dashboard(self, name: str) -> None:
        self._writer.delete_dashboard(name)

    def _get(self, name: str) -> Any:
        return self._client.get(self._path)[name]

    def _set(self, name: str, value: object, kind: type) -> None:
        check_type(name, value, kind)
        self._client.send("PATCH", self._path, {name: value})

    @property
    def url(self) -> str:
        """The server's URL, without a slash at the end."""
        return self._client.url

    @property
    def host(self) -> str:
        """The site's host, as in the auth header."""
        return self._host

    @property
    def api_key(self) -> str:
        """The site's present key."""
        return self._server.hide(self._get("api_key"))

    @property
    def enabled(self) -> bool:
        """The switch that enables the API for the site; can be set (AUTH-3)."""
        return bool(self._get("enabled"))

    @enabled.setter
    def enabled(self, enabled: bool) -> None:
        self._set("enabled", enabled, bool)

    @property
    def strict(self) -> bool:
        """The switch for strict mode; can be set."""
        return bool(self._get("strict"))

    @strict.setter
    def strict(self, strict: bool) -> None:
        self._set("strict", strict, bool)

    @property
    def contract(self) -> bool:
        """The switch that validates requests against openapi.yaml; can be set."""
        return bool(self._get("contract"))

    @contract.setter
    def contract(self, contract: bool) -> None:
        self._set("contract", contract, bool)

    @property
    def label(self) -> str:
        """The purpose of the site; can be set."""
        return str(self._get("label"))

    @label.setter
    def label(self, label: str) -> None:
        self._set("label", label, str)

    @property
    def policy(self) -> Policy:
        """The policy switches."""
        return msgspec.convert(self._get("policy"), Policy)

    def set_policy(self, /, **policy: Any) -> None:
        """Set policy switches, as ``MockSite.set_policy`` does."""
        self._client.send("PATCH", self._path, {"policy": policy})

    def rotate_key(self, api_key: str | None = None) -> str:
        """Replace the site's key and return the new one (AUTH-4)."""
        sent = {"api_key": api_key} if api_key else {}
        return self._server.hide(self._client.post(f"{self._path}/rotate-key", sent)["api_key"])

    @property
    def snapshots(self) -> Mapping[str, SiteSnapshot]:
        """The stored snapshots, by name."""
        stored = self._client.get(f"{self._path}/snapshots")["snapshots"]
        named = [each for each in stored if not each["name"].startswith(UNNAMED)]
        return {each["name"]: self._snapshot(each, each["name"]) for each in named}

    def _take_snapshot(self, name: str | None) -> SiteSnapshot:
        stored = f"{UNNAMED}{random_hex(8)}" if name is None else name
        return self._snapshot(self._client.send("PUT", f"{self._path}/snapshots/{encode(stored)}", {}), name)

    def _snapshot(self, data: Mapping[str, Any], name: str | None) -> SiteSnapshot:
        counts = tuple(data["counts"].values())
        return SiteSnapshot(self, (self.host, data["name"]), name, parse_time(data["time"]), counts)

    def _restore(self, state: tuple[str, str]) -> None:
        self._client.post(f"{self._path}/snapshots/{encode(self._name_of(state))}/restore")

    def _changes_since(self, state: tuple[str, str] | None) -> list[dict[str, Any]]:
        query = {} if state is None else {"since": self._name_of(state)}
        changes: list[dict[str, Any]] = self._client.get(f"{self._path}/changes", **query)["changes"]
        return changes

    def _name_of(self, state: tuple[str, str]) -> str:
        host, name = state
        if host != self.host:
            raise ValueError(f"this is a snapshot of {host}, not of {self.host}")
        return name

    def reset(self, snapshot: str | None = None) -> None:
        """Return the site to its first state, as ``MockSite.reset`` does."""
        check_type("snapshot", snapshot, str | None)
        self._client.post(f"{self._path}/reset", {"snapshot": snapshot})

    def fork(self, host: str | None = None, api_key: str | None = None) -> "RemoteSite":
        """Return a second site with the same records and policy, as ``MockSite.fork`` does."""
        sent = {"host": host or None, "api_key": api_key or None, "temporary": True}
        return self._server.adopt(self._client.post(f"{self._path}/fork", sent))

    def replay(self, call: Call) -> Call:
        """Carry out the request of a call again, on this site and with its key, and return the new call.

        Args:
            call: a call of a site of the same server.

        Raises:
            ValueError: If it is not a call of a site, or a part of its request is not known.
            LookupError: If the server does not have the call any more.
        """
        if not isinstance(call, Call):
            raise ValueError(f"call must be a call, such as site.calls.last, not {call!r}")
        if call.site is None:
            raise ValueError(f"the call {call.id} reached no site: a server elsewhere replays the calls of sites only")
        path = f"/sites/{encode(call.site)}/calls/{encode(call.id)}/replay"
        return self.calls.parse(self._client.post(path, {"on": "site", "host": self.host})["call"])

    def load(self, seed: SeedSource) -> None:
        """Replace the records, the policy and the enablement by those of a seed, as ``MockSite.load`` does."""
        check_type("seed", seed, str | PathLike | Mapping)
        self._client.post(f"{self._path}/import", read_plain(seed))

    def export(self) -> dict[str, Any]:
        """Return the site's records in the format of a seed, as plain data."""
        seed: dict[str, Any] = self._client.get(f"{self._path}/export")
        return seed

    def events(self, last_id: str | None = None) -> EventReader:
        """Return a reader of the events of the site, as ``MockSite.events`` does."""
        check_type("last_id", last_id, str | None)
        path = f"/events?follow=false&site={encode(self.host)}"
        return RemoteEventReader(self._client, path, self.host, last_id)

    def findings(self) -> list[Finding]:
        """Return the findings of strict mode, whether it is on or not, and those of the contract only if it is on."""
        return self._findings(active=False)

    def active_findings(self) -> list[Finding]:
        """Return the findings that fail a test: those of strict mode if it is on, and of the contract if it is on."""
        return self._findings(active=True)

    def _findings(self, *, active: bool) -> list[Finding]:
        found = self._client.get(f"{self._path}/findings", active=active)["findings"]
        calls = {call.id: call for call in self.calls} if found else {}
        return [Finding(**each | {"call": calls.get(each["call"])}) for each in found]

    def remove(self) -> None:
        """Remove the site from the server; requests to it are answered 403 from then on."""
        for callback in self._server.removal_callbacks:
            callback(self)
        self._server.forget(self.host)
        with suppress(LookupError):
            self._client.send("DELETE", self._path)


class RemoteServer:
    """A mockscope server of another process or machine. ``mockscope.connect()`` returns one.

    Use it as a ``with`` block, or call ``close``. Both remove the sites that were made through it. ``clock`` is the
    clock of all sites, and ``calls`` are the calls that reached no site. It is thread-safe.
    """

    def __init__(self, client: ControlClient, token: str | None) -> None:
        self._client = client
        self._lock = Lock()
        # The handles by host, and the hosts of the sites that this connection made.
        self._handles: dict[str, RemoteSite] = {}
        self._made: set[str] = set()
        self._keys: set[str] = set()
        # Called with each site before it is removed through this connection.
        self.removal_callbacks: list[Callable[[RemoteSite], None]] = []
        self.control_token = token
        self.redactor = Redactor()
        if token is not None:
            self.hide(token)
        self.clock = RemoteClock(client, "")
        self.calls = RemoteCalls(client, "", "the server", self.redactor)

    def __repr__(self) -> str:
        return f"<RemoteServer {self.url}>"

    def __getattr__(self, name: str) -> Any:
        if name in OF_THE_PROCESS:
            raise AttributeError(
                f"{name} is for a server of this process: the one at {self._client.url} is reached by its URL only"
            )
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *exc_info: object) -> None:
        if kind is not None:
            with suppress(RemoteServerError):
                self.close()
            return
        made = [site for host, site in self.sites.items() if host in self._made]
        findings = {site.host: site.active_findings() for site in made}
        self.close()
        fail_on_findings(findings)

    @property
    def url(self) -> str:
        """The server's URL, without a slash at the end."""
        return self._client.url

    @property
    def inspector_url(self) -> str:
        """The URL of the inspector. The token, if there is one, is in the fragment, which no request has."""
        fragment = f"#token={quote(self.control_token, safe='')}" if self.control_token else ""
        return f"{self.url}/_mockscope/{fragment}"

    @property
    def sites(self) -> dict[str, RemoteSite]:
        """The present sites, by host, whoever made them."""
        hosts = [each["host"] for each in self._client.get("/sites")["sites"]]
        return {host: self._handle(host) for host in hosts}

    @property
    def own_sites(self) -> list[RemoteSite]:
        """The sites that were made through this connection, and not removed."""
        return [self._handle(host) for host in sorted(self._made)]

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
    ) -> RemoteSite:
        """Create a site and return it. It is removed at the end of the connection.

        The arguments are those of ``LiveServer.site``. The path of a seed is one of this machine.

        Raises:
            ValueError: If an argument is not valid, or the host is taken.
            SeedError: If the seed is not valid.
            OSError: If the file can't be read.
            RemoteServerError: If the server does not answer.
        """
        check_site_arguments(policy)
        if seed is not None:
            check_type("seed", seed, str | PathLike | Mapping)
        sent = {
            "host": host or None,
            "api_key": api_key or None,
            "seed": None if seed is None else read_plain(seed),
            "scenario": scenario,
            "faults": faults,
            "timeline": timeline,
            "strict": strict,
            "contract": contract,
            "policy": policy,
            "temporary": True,
        }
        return self.adopt(self._client.post("/sites", sent))

    def adopt(self, data: Mapping[str, Any]) -> RemoteSite:
        """Return the handle of a site that was made through this connection, which removes it at its end."""
        self.hide(data["api_key"])
        with self._lock:
            self._made.add(data["host"])
        return self._handle(data["host"])

    def forget(self, host: str) -> None:
        """Forget a site that was removed."""
        with self._lock:
            self._made.discard(host)

    def hide(self, secret: str) -> str:
        """Redact a key in messages from now on, and return it."""
        with self._lock:
            if secret not in self._keys:
                self._keys.add(secret)
                self.redactor.add_key(secret)
        return secret

    def _handle(self, host: str) -> RemoteSite:
        with self._lock:
            if host not in self._handles:
                self._handles[host] = RemoteSite(self, self._client, host)
            return self._handles[host]

    def all_calls(self) -> list[Call]:
        """Return the calls of all sites, and those that reached no site, in the order of their receipt."""
        logs = [self.calls, *(site.calls for site in self.sites.values())]
        return sorted((call for log in logs for call in log), key=lambda call: call.number)

    def reset(self) -> None:
        """Return every site to its first state, reset the clock, and discard the calls that reached no site."""
        self._client.post("/reset")

    def export(self) -> dict[str, Any]:
        """Return the records of all sites in the format of a seed, as plain data."""
        seed: dict[str, Any] = self._client.get("/export")
        return seed

    def events(self, last_id: str | None = None) -> EventReader:
        """Return a reader of the events of the server and of its sites, as ``LiveServer.events`` does."""
        check_type("last_id", last_id, str | None)
        return RemoteEventReader(self._client, "/events?follow=false", None, last_id)

    def redirect(self) -> AbstractContextManager[None]:
        """Redirect requests of this process for the vendor's hosts to the server, in a ``with`` block.

        Raises:
            ValueError: If the server speaks TLS.
        """
        from mockscope.intercept.redirect import redirected  # imported late: most connections do not need it

        return redirected(self.url)

    def remove_stale_sites(self, older_than: float = 3600) -> list[str]:
        """Remove the sites that another connection has made and left, and return their hosts.

        Args:
            older_than: the time since the last call to a site or request about it in the control API, in seconds.

        Raises:
            ValueError: If the time is not a number, or is negative.
        """
        check_type("older_than", older_than, int | float)
        if not 0 <= older_than < inf:
            raise ValueError(f"older_than is a number of seconds from 0 on, not {older_than}")
        sent = {"older_than": older_than, "keep": sorted(self._made)}
        hosts: list[str] = self._client.post("/remove-stale-sites", sent)["hosts"]
        return hosts

    def close(self) -> None:
        """Remove the sites that were made through this connection, and close it.

        Raises:
            RemoteServerError: If the server does not answer.
        """
        try:
            for host in sorted(self._made):
                self._handle(host).remove()
        finally:
            self._client.close()
