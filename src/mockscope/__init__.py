"""mockscope: an in-memory test double of Periscope Data's User and Group Management API.

The public names. They are loaded on first use, so that importing the package costs a test run nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mockscope._vendor import Operation
    from mockscope.app import Mockscope
    from mockscope.domain.model import Access, Dashboard, DashboardAccess, Group, User
    from mockscope.domain.policy import Policy
    from mockscope.domain.refusals import Refusal, Refused
    from mockscope.instruments.call import Call
    from mockscope.instruments.call_log import Calls
    from mockscope.instruments.clock import Clock
    from mockscope.instruments.events import Event, EventReader
    from mockscope.instruments.fault import CannedResponse, Fault, LogNormal, Uniform
    from mockscope.instruments.faults import Faults
    from mockscope.instruments.findings import Finding
    from mockscope.instruments.observers import CALL_OBSERVERS
    from mockscope.instruments.planned_change import PlannedChange
    from mockscope.instruments.report import report
    from mockscope.intercept.redirect import redirected
    from mockscope.intercept.routes import VendorHostRefused
    from mockscope.remote.connection import connect
    from mockscope.remote.control_client import RemoteServerError
    from mockscope.remote.handle import RemoteServer, RemoteSite
    from mockscope.seeds.files import SeedSource
    from mockscope.seeds.format import SeedError
    from mockscope.server.certificates import Authority
    from mockscope.server.live import LiveServer, serve
    from mockscope.sites.mock_site import MockSite
    from mockscope.sites.protocols import ServerAPI, SiteAPI
    from mockscope.sites.report_file import save_report
    from mockscope.sites.site_handle import SiteSnapshot

__version__ = "0.1.0"

__all__ = [
    "CALL_OBSERVERS",
    "Access",
    "Authority",
    "Call",
    "Calls",
    "CannedResponse",
    "Clock",
    "Dashboard",
    "DashboardAccess",
    "Event",
    "EventReader",
    "Fault",
    "Faults",
    "Finding",
    "Group",
    "LiveServer",
    "LogNormal",
    "MockSite",
    "Mockscope",
    "Operation",
    "PlannedChange",
    "Policy",
    "Refusal",
    "Refused",
    "RemoteServer",
    "RemoteServerError",
    "RemoteSite",
    "SeedError",
    "SeedSource",
    "ServerAPI",
    "SiteAPI",
    "SiteSnapshot",
    "Uniform",
    "User",
    "VendorHostRefused",
    "__version__",
    "connect",
    "redirected",
    "report",
    "save_report",
    "serve",
]

_HOME = {
    "VendorHostRefused": "mockscope.intercept.routes",
    "Access": "mockscope.domain.model",
    "CannedResponse": "mockscope.instruments.fault",
    "Authority": "mockscope.server.certificates",
    "CALL_OBSERVERS": "mockscope.instruments.observers",
    "Calls": "mockscope.instruments.call_log",
    "Clock": "mockscope.instruments.clock",
    "Dashboard": "mockscope.domain.model",
    "DashboardAccess": "mockscope.domain.model",
    "Call": "mockscope.instruments.call",
    "Event": "mockscope.instruments.events",
    "EventReader": "mockscope.instruments.events",
    "Fault": "mockscope.instruments.fault",
    "Faults": "mockscope.instruments.faults",
    "Finding": "mockscope.instruments.findings",
    "Group": "mockscope.domain.model",
    "LiveServer": "mockscope.server.live",
    "LogNormal": "mockscope.instruments.fault",
    "MockSite": "mockscope.sites.mock_site",
    "Mockscope": "mockscope.app",
    "Operation": "mockscope._vendor",
    "PlannedChange": "mockscope.instruments.planned_change",
    "Policy": "mockscope.domain.policy",
    "Refusal": "mockscope.domain.refusals",
    "Refused": "mockscope.domain.refusals",
    "RemoteServer": "mockscope.remote.handle",
    "RemoteServerError": "mockscope.remote.control_client",
    "RemoteSite": "mockscope.remote.handle",
    "ServerAPI": "mockscope.sites.protocols",
    "SiteAPI": "mockscope.sites.protocols",
    "connect": "mockscope.remote.connection",
    "SeedError": "mockscope.seeds.format",
    "SeedSource": "mockscope.seeds.files",
    "SiteSnapshot": "mockscope.sites.site_handle",
    "Uniform": "mockscope.instruments.fault",
    "User": "mockscope.domain.model",
    "redirected": "mockscope.intercept.redirect",
    "report": "mockscope.instruments.report",
    "save_report": "mockscope.sites.report_file",
    "serve": "mockscope.server.live",
}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return __all__
