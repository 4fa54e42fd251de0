"""Calls as a text for a failing test: a line for each, its hints, the body of an error, and the changed records."""

from collections.abc import Iterable
from typing import Final

from mockscope._support.text import escape_control
from mockscope.instruments.call import Call
from mockscope.instruments.record_changes import describe_changes
from mockscope.instruments.request_log import INDENT, explain_line, text_lines

MAX_SHOWN_CALLS: Final = 20
MAX_BODY_CHARS: Final = 500
# The maximum number of changed records that are shown with a call.
MAX_SHOWN_CHANGES: Final = 5


def report(calls: Iterable[Call], *, most: int = MAX_SHOWN_CALLS, earlier: int = 0) -> str:
    """Return the latest calls as text, in the order of receipt.

    Args:
        calls: The calls, in any order.
        most: The maximum number of calls that are shown.
        earlier: The number of further calls before these, for the note about calls that are not shown.
    """
    ordered = sorted(calls, key=lambda call: call.number)
    left_out = earlier + max(0, len(ordered) - most)
    lines = [f"({left_out} earlier calls are not shown)"] if left_out > 0 else []
    for call in ordered[-most:]:
        lines.append(text_lines(call))
        if call.body and (call.hint or call.status is None or call.status >= 400):
            lines.append(f"{INDENT}sent: {_shortened(call.body)}")
        lines += (f"{INDENT}{line}" for line in describe_changes(call.changes, MAX_SHOWN_CHANGES))
    # Once, for the latest refusal or hint.
    explained = next(filter(None, map(explain_line, reversed(ordered[-most:]))), None)
    return "\n".join([*lines, explained] if explained else lines)


def _shortened(body: bytes) -> str:
    text = body.decode("utf-8", "replace")
    return escape_control(text if len(text) <= MAX_BODY_CHARS else f"{text[:MAX_BODY_CHARS]}… ({len(body)} bytes)")
