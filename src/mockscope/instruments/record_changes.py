"""Changes of the records of a site, as calls keep them and as lines of text."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Final, Protocol

from mockscope._support.text import clip, escape_control

# The maximum number of characters of a line, and of a value in it.
MAX_LINE_CHARS: Final = 300
MAX_VALUE_CHARS: Final = 80


class RecordChanges(Protocol):
    """The changes of a write. The domain makes them, and the instruments do not know it."""

    @property
    def size_bytes(self) -> int: ...

    def render(self) -> list[dict[str, Any]]: ...


def describe_change(change: Mapping[str, Any]) -> str:
    """Return a change as one line: ``user joey@example.com changed: first_name 'Joey' → 'Jo'``.

    Args:
        change: the change as plain data.
    """
    fields = ", ".join(_describe_fields(change))
    line = f"{change['kind']} {clip(change['name'], MAX_VALUE_CHARS)} {change['change']}"
    return clip(escape_control(f"{line}: {fields}" if fields else line), MAX_LINE_CHARS)


def describe_changes(changes: Sequence[Mapping[str, Any]], most: int) -> list[str]:
    """Return a line for each change, and a line with the number of further ones.

    Args:
        changes: the changes as plain data.
        most: the maximum number of changes that are shown.
    """
    more = len(changes) - most
    return [*map(describe_change, islice(changes, most)), *[f"... and {more} more"] * (more > 0)]


def _describe_fields(change: Mapping[str, Any]) -> Iterator[str]:
    for name, (before, after) in change["fields"].items():
        if change["change"] == "changed":
            yield f"{name} {_shown(before)} → {_shown(after)}"
        elif change["change"] == "created" and after is not None and after != change["name"]:
            yield f"{name} {_shown(after)}"


def _shown(value: object) -> str:
    return clip(repr(value), MAX_VALUE_CHARS)
