"""The signals that end a server."""

import signal
import sys
from collections.abc import Iterable


def ending_signals() -> list[int]:
    """Return SIGINT and SIGTERM, and SIGHUP where the system has it and it is not ignored."""
    numbers: list[int] = [signal.SIGINT, signal.SIGTERM]
    # Windows has no SIGHUP. nohup sets it to ignored.
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        numbers.append(signal.SIGHUP)
    return numbers


def ignore_signals(numbers: Iterable[int]) -> None:
    """Ignore signals from now on.

    Python prints an error about a signal that arrives just before it is ignored, so they are blocked meanwhile.

    Args:
        numbers: the numbers of the signals.
    """
    numbers = tuple(numbers)
    # Windows has no mask of signals.
    if sys.platform != "win32":
        blocked = signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
    for number in numbers:
        signal.signal(number, signal.SIG_IGN)
    if sys.platform != "win32":
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
