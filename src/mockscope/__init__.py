"""mockscope: an in-memory test double of Periscope Data's User and Group Management API.

The public names. They are loaded on first use, so that importing the package costs a test run nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mockscope.bench import MockSite, SiteSnapshot
    from mockscope.domain.model import Access, Dashboard, DashboardAccess, Group, User
    from mockscope.domain.policy import Policy
    from mockscope.domain.refusals import Refusal, Refused
    from mockscope.domain.state import SeedError
    from mockscope.double import Mockscope
    from mockscope.instruments.calls import Calls
    from mockscope.instruments.clock import Clock
    from mockscope.instruments.entry import Entry
    from mockscope.instruments.fault import Answer, Fault, LogNormal, Uniform
    from mockscope.instruments.faults import Faults
    from mockscope.instruments.findings import Finding
    from mockscope.instruments.matching import Operation
    from mockscope.instruments.observers import CALL_OBSERVERS
    from mockscope.instruments.report import report
    from mockscope.redirect import VendorHostRefused, redirected
    from mockscope.seeding import SeedSource
    from mockscope.server import LiveServer, serve
    from mockscope.tls import Authority

__version__ = "0.1.0"

__all__ = [
    "CALL_OBSERVERS",
    "Access",
    "Answer",
    "Authority",
    "Calls",
    "Clock",
    "Dashboard",
    "DashboardAccess",
    "Entry",
    "Fault",
    "Faults",
    "Finding",
    "Group",
    "LiveServer",
    "LogNormal",
    "MockSite",
    "Mockscope",
    "Operation",
    "Policy",
    "Refusal",
    "Refused",
    "SeedError",
    "SeedSource",
    "SiteSnapshot",
    "Uniform",
    "User",
    "VendorHostRefused",
    "__version__",
    "redirected",
    "report",
    "serve",
]

_HOME = {
    "VendorHostRefused": "mockscope.redirect",
    "Access": "mockscope.domain.model",
    "Answer": "mockscope.instruments.fault",
    "Authority": "mockscope.tls",
    "CALL_OBSERVERS": "mockscope.instruments.observers",
    "Calls": "mockscope.instruments.calls",
    "Clock": "mockscope.instruments.clock",
    "Dashboard": "mockscope.domain.model",
    "DashboardAccess": "mockscope.domain.model",
    "Entry": "mockscope.instruments.entry",
    "Fault": "mockscope.instruments.fault",
    "Faults": "mockscope.instruments.faults",
    "Finding": "mockscope.instruments.findings",
    "Group": "mockscope.domain.model",
    "LiveServer": "mockscope.server",
    "LogNormal": "mockscope.instruments.fault",
    "MockSite": "mockscope.bench",
    "Mockscope": "mockscope.double",
    "Operation": "mockscope.instruments.matching",
    "Policy": "mockscope.domain.policy",
    "Refusal": "mockscope.domain.refusals",
    "Refused": "mockscope.domain.refusals",
    "SeedError": "mockscope.domain.state",
    "SeedSource": "mockscope.seeding",
    "SiteSnapshot": "mockscope.bench",
    "Uniform": "mockscope.instruments.fault",
    "User": "mockscope.domain.model",
    "redirected": "mockscope.redirect",
    "report": "mockscope.instruments.report",
    "serve": "mockscope.server",
}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return __all__
