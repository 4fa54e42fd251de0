"""Criteria for calls, used by queries and planned faults."""

from collections.abc import Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from heapq import nlargest
from itertools import islice
from typing import Any, Final

from mockscope._support.arguments import check_choice
from mockscope._support.text import escape_control
from mockscope._vendor import OPERATIONS
from mockscope.instruments.call import Call
from mockscope.instruments.redaction import Redactor

# The criteria that are known on the receipt of a call, and those that its response adds.
REQUEST_CRITERIA: Final = ("method", "path", "email", "group", "params", "json", "test_mode")
RESPONSE_CRITERIA: Final = ("status", "rule", "hint", "fault")
# The calls, and the parts of a value, that are compared text by text; and the differences that are shown of a call.
MAX_COMPARED: Final = 100
MAX_DIFFERENCES: Final = 10
# The characters of a value that are shown, and how many of them before the place where it differs.
MAX_VALUE_CHARS: Final = 200
CONTEXT_CHARS: Final = 30


class _Nothing:
    """The type of the placeholder for a missing field."""

    def __repr__(self) -> str:
        return "nothing"


NOTHING: Final = _Nothing()

Criteria = Mapping[str, Any]


def check_operation(operation: str) -> None:
    """Check the name of an operation.

    Raises:
        ValueError: If it is unknown. The message names the nearest operation.
    """
    check_choice("operation", operation, OPERATIONS)


def check_criteria(criteria: Criteria, known: tuple[str, ...] = REQUEST_CRITERIA + RESPONSE_CRITERIA) -> None:
    """Check the names of criteria.

    Raises:
        ValueError: If one is unknown. The message names the nearest criterion.
    """
    for name in criteria:
        check_choice("criterion", name, known)


def build_criteria(operation: str | None, criteria: Criteria) -> dict[str, Any]:
    """Return the operation and the criteria in one dict, after checking both.

    Raises:
        ValueError: If the operation or a criterion is unknown.
    """
    check_criteria(criteria)
    if operation is None:
        return dict(criteria)
    check_operation(operation)
    return {"operation": operation, **criteria}


def matches(call: Call, criteria: Criteria) -> bool:
    """Return whether a call matches all criteria."""
    return all(_equal(name, value, _seen(call, name)) for name, value in criteria.items())


def describe_differences(call: Call, criteria: Criteria) -> list[str]:
    """Return the reasons why a call does not fit, a line each; of a JSON object, a line for each field."""
    parts = (part for name, value in criteria.items() for part in _parts(name, value, _seen(call, name)))
    lines = [_difference(*part, call.redactor) for part in parts if not _equal(*part)]
    more = len(lines) - MAX_DIFFERENCES
    return lines if more <= 0 else [*lines[:MAX_DIFFERENCES], f"... and {more} more"]


def find_similar_calls(calls: Sequence[Call], criteria: Criteria) -> list[Call]:
    """Return the calls that do not match, the most similar first. Of equally similar ones, the latest comes first.

    Calls of another operation are among them only if the operation itself has no calls.
    """
    others = [call for call in reversed(calls) if not matches(call, criteria)]
    others = [call for call in others if call.operation == criteria.get("operation")] or others
    # Comparing texts is slow, so only the best candidates are compared.
    likely = nlargest(MAX_COMPARED, others, key=lambda call: _fitting(call, criteria))
    return sorted(likely, key=lambda call: _likeness(call, criteria), reverse=True)


def first_difference(one: Sequence[object], other: Sequence[object]) -> int:
    """Return the position of the first difference between two sequences."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((place for place, (here, there) in pairs if here != there), min(len(one), len(other)))


def describe_criteria(criteria: Criteria, redactor: Redactor) -> str:
    """Return criteria in words, with a blank before them."""
    words = [f"{name}={_shown(value, redactor)}" for name, value in criteria.items() if name != "operation"]
    return f" of {criteria.get('operation')}" * ("operation" in criteria) + f" with {', '.join(words)}" * bool(words)


def _seen(call: Call, name: str) -> Any:
    if name == "hint":
        return None if call.hint is None else call.hint.code
    return getattr(call, name)


def _equal(name: str, value: Any, seen: Any) -> bool:
    if seen is NOTHING:
        return False
    # USER-2: emails are compared without case.
    if name == "email" and isinstance(value, str) and isinstance(seen, str):
        return value.lower() == seen.lower()
    return bool(value == seen)


def _parts(name: str, value: Any, seen: Any) -> Iterator[tuple[str, Any, Any]]:
    """Yield a criterion with what a call holds; objects that differ field by field."""
    if isinstance(value, dict) and isinstance(seen, dict) and value != seen:
        for key in value | seen:
            yield from _parts(f"{name}.{key}", value.get(key, NOTHING), seen.get(key, NOTHING))
    else:
        yield name, value, seen


def _difference(name: str, value: Any, seen: Any, redactor: Redactor) -> str:
    # Two long texts may begin alike.
    place = first_difference(redactor(repr(value)), redactor(repr(seen)))
    return escape_control(
        f"{redactor(name)}: {_shown(seen, redactor, place)}, and expected {_shown(value, redactor, place)}"
    )


def _shown(value: Any, redactor: Redactor, place: int = 0) -> str:
    # Before it is cut: half a key would not be recognised.
    text = redactor(repr(value))
    if len(text) <= MAX_VALUE_CHARS:
        return text
    start = max(0, min(place - CONTEXT_CHARS, len(text) - MAX_VALUE_CHARS))
    end = start + MAX_VALUE_CHARS
    return "…" * (start > 0) + text[start:end] + "…" * (end < len(text))


def _fitting(call: Call, criteria: Criteria) -> int:
    return sum(_equal(name, value, _seen(call, name)) for name, value in criteria.items())


def _likeness(call: Call, criteria: Criteria) -> float:
    return sum(_alike(_parts(name, value, _seen(call, name))) for name, value in criteria.items())


def _alike(parts: Iterator[tuple[str, Any, Any]]) -> float:
    """Return the likeness of two values, part by part, from 0 to 1."""
    alike = [1.0 if _equal(*part) else _like(part[1], part[2]) for part in islice(parts, MAX_COMPARED)]
    return sum(alike) / len(alike)


def _like(value: object, seen: object) -> float:
    return SequenceMatcher(None, repr(value)[:MAX_VALUE_CHARS], repr(seen)[:MAX_VALUE_CHARS]).ratio()
