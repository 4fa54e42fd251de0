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
from typing import Any, Final, NamedTuple

# The method for which a redirect stands in, and one that has no part in a request.
ASIDE: Final = frozenset({"send", "close"})
# The steps of urllib3 between an adapter of requests and the wire, but for the one that a redirect stands in for.
POOL_STEPS: Final = attrgetter(
    "PoolManager.connection_from_host",
    "PoolManager.connection_from_context",
    "PoolManager.connection_from_pool_key",
    "HTTPConnectionPool._get_conn",
    "HTTPConnectionPool._get_timeout",
    "HTTPConnectionPool._make_request",
    "HTTPConnectionPool._new_conn",
    "HTTPConnectionPool._put_conn",
    "HTTPSConnectionPool._new_conn",
    "HTTPSConnectionPool._validate_conn",
    "HTTPResponse.read",
    "HTTPResponse.stream",
    "Retry.increment",
    "Retry.is_retry",
)
# And those of its connections.
CONNECTION_STEPS: Final = attrgetter("_new_conn", "connect", "getresponse", "putheader", "request")
# The same within a pool of httpcore or httpcore2, by what the names of its kind begin with.
CORE_STEPS: Final = {
    "": attrgetter(
        "ConnectionPool._assign_requests_to_connections",
        "HTTPConnection.handle_request",
        "HTTP11Connection.handle_request",
    ),
    "Async": attrgetter(
        "AsyncConnectionPool._assign_requests_to_connections",
        "AsyncHTTPConnection.handle_async_request",
        "AsyncHTTP11Connection.handle_async_request",
    ),
}
# Who lets a pool of httpcore have fewer may want to see requests wait for one; it is what it has by itself.
FEWEST_CONNECTIONS: Final = 10


def is_stock_function(function: object, package: str) -> bool:
    """Whether a function is the package's own, and not what somebody put in its place, or around it."""
    return (
        isinstance(function, FunctionType)
        and function.__module__.partition(".")[0] == package
        and not hasattr(function, "__wrapped__")
    )


def is_stock_class(kind: object, package: str) -> bool:
    """Whether a class is the package's own."""
    return isinstance(kind, type) and kind.__module__.partition(".")[0] == package


@lru_cache(maxsize=16)
def are_stock_functions(functions: tuple[object, ...], package: str) -> bool:
    """The same of several. It is asked about the same ones for every request."""
    return all(is_stock_function(function, package) for function in functions)


def are_stock_steps(steps: Callable[[object], tuple[object, ...]], owner: object, package: str) -> bool:
    """Whether all steps of an owner are the package's own. A version that has others is not known here."""
    try:
        return are_stock_functions(steps(owner), package)
    except AttributeError:
        return False


def is_stock_adapter(adapter: Any) -> bool:
    """Whether an adapter of requests takes the steps that every one takes, without a proxy, a retry or a queue."""
    steps, manager = steps_of_adapters(), adapter.poolmanager
    return (
        are_stock_functions(steps.methods(type(adapter)), "requests")
        and vars(adapter).keys().isdisjoint(steps.names)
        and asks_once(adapter.max_retries)
        and type(manager) is sys.modules["urllib3"].PoolManager
        and not any(map(callable, vars(manager).values()))
        and manager.pool_classes_by_scheme == stock_pools()
        and not adapter._pool_block
    )


def asks_once(retries: Any) -> bool:
    """Whether urllib3 would not ask again, whatever is answered."""
    return (
        type(retries) is sys.modules["urllib3"].Retry and retries.total in (0, False) and not retries.status_forcelist
    )


class Steps(NamedTuple):
    """The methods that an adapter of requests goes through for a request."""

    names: frozenset[str]
    methods: Callable[[type], tuple[object, ...]]


@cache
def steps_of_adapters() -> Steps:
    """Those that every adapter has, beside the one that a redirect stands in for."""
    members = vars(sys.modules["requests.adapters"].HTTPAdapter)
    names = [name for name in members if not name.startswith("_") and name not in ASIDE]
    return Steps(frozenset(names), attrgetter(*names))


def stock_pools() -> Mapping[str, type]:
    """urllib3's own pools, by the scheme of what they are asked for."""
    pools = sys.modules["urllib3.connectionpool"]
    return {"http": pools.HTTPConnectionPool, "https": pools.HTTPSConnectionPool}


def are_stock_pools() -> bool:
    """Whether pools of urllib3 take steps of its own, with connections of its own, and nobody reads their log."""
    urllib3, pools = sys.modules["urllib3"], sys.modules["urllib3.connectionpool"]
    return (
        are_stock_connections()
        and pools.HTTPSConnectionPool.urlopen is pools.HTTPConnectionPool.urlopen
        and are_stock_steps(POOL_STEPS, urllib3, "urllib3")
        and not pools.log.isEnabledFor(logging.DEBUG)
    )


def are_stock_connections() -> bool:
    """Whether connections of urllib3 are its own, take steps of its own, and print nothing."""
    kind = sys.modules["urllib3"].HTTPConnectionPool.ConnectionCls
    return (
        is_stock_class(kind, "urllib3") and not kind.debuglevel and are_stock_steps(CONNECTION_STEPS, kind, "urllib3")
    )


def is_stock_core(core: Any, pool: Any) -> bool:
    """Whether a pool of httpcore or httpcore2 takes the steps that every one takes, and lets no request wait.

    Args:
        core: the package.
        pool: of its class of pools, or of one that stands on it.
    """
    steps = CORE_STEPS["Async" if isinstance(pool, core.AsyncConnectionPool) else ""]
    return are_stock_steps(steps, core, core.__name__) and pool._max_connections >= FEWEST_CONNECTIONS


def is_file_or_switch(verify: object) -> bool:
    """Whether requests would not complain about what it is given to hold certificates against: it looks for a file."""
    return isinstance(verify, bool) or (isinstance(verify, str) and exists(verify))
