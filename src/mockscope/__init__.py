"""mockscope: an in-memory test double of Periscope Data's User and Group Management API.

The public names. They are loaded on first use, so that importing the package costs a test run nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mockscope.domain.model import Access, Dashboard, DashboardAccess, Group, User
    from mockscope.domain.policy import Policy
    from mockscope.domain.refusals import Refusal, Refused
    from mockscope.domain.state import SeedError
    from mockscope.double import Mockscope, MockSite
    from mockscope.seeding import SeedSource
    from mockscope.server import LiveServer, serve

__version__ = "0.1.0"

__all__ = [
    "Access",
    "Dashboard",
    "DashboardAccess",
    "Group",
    "LiveServer",
    "MockSite",
    "Mockscope",
    "Policy",
    "Refusal",
    "Refused",
    "SeedError",
    "SeedSource",
    "User",
    "__version__",
    "serve",
]

_HOME = {
    "Access": "mockscope.domain.model",
    "Dashboard": "mockscope.domain.model",
    "DashboardAccess": "mockscope.domain.model",
    "Group": "mockscope.domain.model",
    "LiveServer": "mockscope.server",
    "MockSite": "mockscope.double",
    "Mockscope": "mockscope.double",
    "Policy": "mockscope.domain.policy",
    "Refusal": "mockscope.domain.refusals",
    "Refused": "mockscope.domain.refusals",
    "SeedError": "mockscope.domain.state",
    "SeedSource": "mockscope.seeding",
    "User": "mockscope.domain.model",
    "serve": "mockscope.server",
}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return __all__
