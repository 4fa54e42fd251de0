"""The protocols that servers and sites of this process and of another one satisfy."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any, Protocol, Self

from msgspec import UNSET, UnsetType

from mockscope.domain.model import Dashboard, Group, User
from mockscope.domain.policy import Policy
from mockscope.instruments.call import Call
from mockscope.instruments.call_log import RecordedCalls
from mockscope.instruments.clock import Clock
from mockscope.instruments.events import EventReader
from mockscope.instruments.faults import Faults
from mockscope.instruments.findings import Finding
from mockscope.seeds.files import SeedSource
from mockscope.sites.site_handle import SiteSnapshot


class SiteAPI(Protocol):
    """The common members of MockSite and RemoteSite."""

    enabled: bool
    strict: bool
    contract: bool
    label: str

    def __enter__(self) -> Self: ...

    def __exit__(self, kind: type[BaseException] | None, *exc_info: object) -> None: ...

    @property
    def url(self) -> str: ...

    @property
    def host(self) -> str: ...

    @property
    def api_key(self) -> str: ...

    @property
    def headers(self) -> dict[str, str]: ...

    @property
    def policy(self) -> Policy: ...

    @property
    def users(self) -> Mapping[str, User]: ...

    @property
    def groups(self) -> Mapping[str, Group]: ...

    @property
    def dashboards(self) -> Mapping[str, Dashboard]: ...

    @property
    def calls(self) -> RecordedCalls: ...

    @property
    def faults(self) -> Faults: ...

    @property
    def clock(self) -> Clock: ...

    @property
    def snapshots(self) -> Mapping[str, SiteSnapshot]: ...

    @property
    def admin(self) -> User: ...

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
    ) -> User: ...

    def update_user(
        self,
        email: str,
        *,
        first_name: str | None = None,
        last_name: str | None = None,
        groups: Iterable[str] | None = None,
        tfa_enabled: bool | None = None,
    ) -> User: ...

    def remove_user(self, email: str) -> None: ...

    def add_group(self, name: str, *, access: str = "View") -> Group: ...

    def update_group(self, name: str, *, new_name: str | None = None, access: str | None = None) -> Group: ...

    def remove_group(self, name: str) -> None: ...

    def add_dashboard(
        self, name: str, *, owner: str | None = None, access: Mapping[str, str] | None = None
    ) -> Dashboard: ...

    def update_dashboard(
        self,
        name: str,
        *,
        new_name: str | None = None,
        owner: str | UnsetType | None = UNSET,
        access: Mapping[str, str] | None = None,
    ) -> Dashboard: ...

    def remove_dashboard(self, name: str) -> None: ...

    def record_login(self, email: str, at: datetime | str | None = None) -> User: ...

    def record_password_change(self, email: str, at: datetime | str | None = None) -> User: ...

    def set_policy(self, /, **policy: Any) -> None: ...

    def rotate_key(self, api_key: str | None = None) -> str: ...

    def snapshot(self, name: str | None = None) -> SiteSnapshot: ...

    def restore(self, snapshot: SiteSnapshot | str) -> None: ...

    def changes(self, since: SiteSnapshot | str | None = None) -> list[dict[str, Any]]: ...

    def assert_changed(
        self,
        kind: str,
        name: str,
        /,
        *,
        since: SiteSnapshot | str | None = None,
        change: str | None = None,
        **fields: Any,
    ) -> None: ...

    def assert_unchanged(self, since: SiteSnapshot | str | None = None) -> None: ...

    def reset(self, snapshot: str | None = None) -> None: ...

    def fork(self, host: str | None = None, api_key: str | None = None) -> "SiteAPI": ...

    def replay(self, call: Call) -> Call: ...

    def load(self, seed: SeedSource) -> None: ...

    def export(self) -> dict[str, Any]: ...

    def events(self, last_id: str | None = None) -> EventReader: ...

    def findings(self) -> list[Finding]: ...

    def active_findings(self) -> list[Finding]: ...

    def assert_no_findings(self) -> None: ...

    def remove(self) -> None: ...


class ServerAPI(Protocol):
    """The common members of LiveServer and RemoteServer."""

    def __enter__(self) -> Self: ...

    def __exit__(self, kind: type[BaseException] | None, *exc_info: object) -> None: ...

    @property
    def url(self) -> str: ...

    @property
    def control_token(self) -> str | None: ...

    @property
    def clock(self) -> Clock: ...

    @property
    def calls(self) -> RecordedCalls: ...

    @property
    def sites(self) -> Mapping[str, SiteAPI]: ...

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
    ) -> SiteAPI: ...

    def all_calls(self) -> list[Call]: ...

    def reset(self) -> None: ...

    def export(self) -> dict[str, Any]: ...

    def events(self, last_id: str | None = None) -> EventReader: ...

    def redirect(self) -> AbstractContextManager[None]: ...
