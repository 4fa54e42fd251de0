"""Bounds of waits. They guard against a hang alone: a busy machine never reaches them."""

from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from threading import Event, Thread
from time import monotonic
from typing import Final, TypeVar

A = TypeVar("A")
T = TypeVar("T")

# The bound of one wait. pytest's faulthandler_timeout is as long: then it prints where each thread stands. The whole of
# a test has the bound of pytest-timeout.
WAIT_SECONDS: Final = 300


def join(*threads: Thread) -> None:
    """Wait for the end of threads.

    Raises:
        AssertionError: If one runs on after `WAIT_SECONDS`.
    """
    for thread in threads:
        thread.join(WAIT_SECONDS)
        assert not thread.is_alive(), f"{thread.name} still runs after {WAIT_SECONDS} seconds"


def result(future: Future[T]) -> T:
    """Return the result of a future, or raise its exception.

    Raises:
        AssertionError: If there is none after `WAIT_SECONDS`.
    """
    wait([future], WAIT_SECONDS)
    assert future.done(), f"no result after {WAIT_SECONDS} seconds"
    return future.result()


def at_once(function: Callable[[A], T], arguments: Iterable[A]) -> list[T]:
    """Call a function with each argument, each call in a thread of its own, and return the results in order.

    Raises:
        AssertionError: If a call has no result after `WAIT_SECONDS`.
    """
    given = list(arguments)
    with ThreadPoolExecutor(len(given)) as pool:
        return [result(future) for future in [pool.submit(function, argument) for argument in given]]


def until(holds: Callable[[], bool]) -> None:
    """Look again and again until a condition holds; another thread meets it meanwhile.

    Raises:
        AssertionError: If it does not hold after `WAIT_SECONDS`.
    """
    deadline = monotonic() + WAIT_SECONDS
    while not holds():
        assert monotonic() < deadline, f"not so after {WAIT_SECONDS} seconds"
        Event().wait(0.002)
