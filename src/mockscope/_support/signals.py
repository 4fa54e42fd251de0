"""The signals that end a server."""

import signal


def ending_signals() -> list[int]:
    """Return SIGINT and SIGTERM, and SIGHUP where the system has it and it is not ignored."""
    numbers: list[int] = [signal.SIGINT, signal.SIGTERM]
    # Windows has no SIGHUP. nohup sets it to ignored.
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        numbers.append(signal.SIGHUP)
    return numbers
