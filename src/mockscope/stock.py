"""Whether clients are as they come, so that nobody would see that a step of theirs was left out.

Questions only, and no client is imported for them: who asks has one in hand.
"""

import logging
import sys
from collections.abc import Callable, Mapping
from functools import cache, lru_cache
from operator import attrgetter
from os.path import exists
from types import FunctionType
from typing import Any, Final

# The method for which a redirect stands in, and one that has no part in a request.
ASIDE: Final = frozenset({"send", "close"})


def is_stock_function(function: object, package: str) -> bool:
    """Whether a function is the package's own, and not what somebody put in its place, or around it."""
    return (
        isinstance(function, FunctionType)
        and function.__module__.partition(".")[0] == package
        and not hasattr(function, "__wrapped__")
    )


@lru_cache(maxsize=16)
def are_stock_functions(functions: tuple[object, ...], package: str) -> bool:
    """The same of several. It is asked about the same ones for every request."""
    return all(is_stock_function(function, package) for function in functions)


def is_stock_adapter(adapter: Any) -> bool:
    """Whether an adapter of requests takes the steps that every one takes, without a proxy, a retry or a queue."""
    kind, retries, pools = type(adapter), adapter.max_retries, adapter.poolmanager
    return (
        are_stock_functions(steps_of_adapters()(kind), "requests")
        and type(retries) is sys.modules["urllib3"].Retry
        and retries.total in (0, False)
        and not retries.status_forcelist
        and type(pools) is sys.modules["urllib3"].PoolManager
        and pools.pool_classes_by_scheme == stock_pools()
        and not adapter._pool_block
    )


@cache
def steps_of_adapters() -> Callable[[type], tuple[object, ...]]:
    """What tells of a class of adapters the methods that it goes through for a request."""
    members = vars(sys.modules["requests.adapters"].HTTPAdapter)
    return attrgetter(*[name for name in members if not name.startswith("_") and name not in ASIDE])


def stock_pools() -> Mapping[str, type]:
    """urllib3's own pools, by the scheme of what they are asked for."""
    pools = sys.modules["urllib3.connectionpool"]
    return {"http": pools.HTTPConnectionPool, "https": pools.HTTPSConnectionPool}


def are_stock_pools() -> bool:
    """Whether pools of urllib3 use connections of its own, and nobody reads their log."""
    pools = sys.modules["urllib3.connectionpool"]
    return (
        pools.HTTPConnectionPool.ConnectionCls is sys.modules["urllib3.connection"].HTTPConnection
        and pools.HTTPSConnectionPool.urlopen is pools.HTTPConnectionPool.urlopen
        and not pools.log.isEnabledFor(logging.DEBUG)
    )


def is_file_or_switch(verify: object) -> bool:
    """Whether requests would not complain about what it is given to hold certificates against: it looks for a file."""
    return isinstance(verify, bool) or (isinstance(verify, str) and exists(verify))
