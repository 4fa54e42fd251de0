"""Calls as a failing test shows them: a line each and, where something was wrong, what was sent."""

from collections.abc import Iterable
from typing import Final

from mockscope._support.text import clipped, printable
from mockscope.instruments.entry import LONGEST_NAME, Entry
from mockscope.instruments.log import text_line

MOST_SHOWN: Final = 20
LONGEST_BODY: Final = 500


def report(entries: Iterable[Entry], *, most: int = MOST_SHOWN) -> str:
    """The latest calls, the oldest of them first.

    Args:
        entries: the calls, in any order.
        most: how many are shown.
    """
    ordered = sorted(entries, key=lambda entry: entry.number)
    left_out = len(ordered) - most
    lines = [f"({left_out} earlier calls are not shown)"] if left_out > 0 else []
    for entry in ordered[-most:]:
        lines.append(text_line(entry, _about(entry)))
        if entry.body and (entry.advice or entry.status is None or entry.status >= 400):
            lines.append(f"    sent: {_shortened(entry.body)}")
    return "\n".join(lines)


def _about(entry: Entry) -> str:
    """The user or the group, and whether it was a dry run. Not for a log of every request: it may read the body."""
    shown = clipped(entry.email or entry.group or "", LONGEST_NAME)
    return " ".join(part for part in (shown, "(test mode)" * entry.test_mode) if part)


def _shortened(body: bytes) -> str:
    text = body.decode("utf-8", "replace")
    return printable(text if len(text) <= LONGEST_BODY else f"{text[:LONGEST_BODY]}… ({len(body)} bytes)")
