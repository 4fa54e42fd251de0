"""Criteria for calls, as used by queries and planned faults: matching, and messages about differences."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from heapq import nlargest
from itertools import islice
from typing import Any, Final
from urllib.parse import unquote_plus

from mockscope._support.arguments import check_choice, check_type
from mockscope._support.text import escape_control
from mockscope._vendor import OPERATIONS
from mockscope.instruments.call import Call
from mockscope.instruments.redaction import Redactor

# The criteria that are known on receipt of a call, and those that are known after its response.
REQUEST_CRITERIA: Final = ("method", "path", "email", "group", "params", "json", "test_mode")
RESPONSE_CRITERIA: Final = ("status", "rule", "hint", "fault")
# The criteria that only queries have, and the types of their values.
QUERY_CRITERIA: Final[Mapping[str, type]] = {"q": str, "open": bool, "after": Call, "before": Call}
CURSORS: Final = ("after", "before")
STATUS_CLASS: Final = re.compile(r"[1-5]xx", re.IGNORECASE)
# Limits for messages: calls, or parts of a value, whose texts are compared; and differences shown for a call.
MAX_COMPARED: Final = 100
MAX_DIFFERENCES: Final = 10
# The maximum characters of a value that are shown, and how many of them before the first difference.
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


def check_criteria(
    criteria: Criteria, known: tuple[str, ...] = (*REQUEST_CRITERIA, *RESPONSE_CRITERIA, *QUERY_CRITERIA)
) -> None:
    """Check the names of criteria, and the values of those that only queries have.

    Raises:
        ValueError: If one is unknown, with the nearest criterion in the message. If a value is not valid.
    """
    for name, value in criteria.items():
        check_choice("criterion", name, known)
        if name in CURSORS:
            if not isinstance(value, Call):
                raise ValueError(f"{name} must be a Call, such as calls[-1], not {value!r}")
        elif name in QUERY_CRITERIA:
            check_type(name, value, QUERY_CRITERIA[name])
        elif name == "status" and isinstance(value, str) and not STATUS_CLASS.fullmatch(value):
            raise ValueError(f"status is a number such as 404 or a class such as 4xx, not {value!r}")


def build_criteria(operation: str | None, criteria: Criteria) -> dict[str, Any]:
    """Check an operation and criteria, and return both in one dict.

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
    return all(_compare(call, criteria))


def describe_differences(call: Call, criteria: Criteria) -> list[str]:
    """Return a line for each criterion that a call does not match; for a JSON object, a line for each field."""
    parts = (part for name, value in criteria.items() for part in _parts(name, value, _seen(call, name)))
    lines = [describe_difference(*part, call.redactor) for part in parts if not _equal(*part)]
    more = len(lines) - MAX_DIFFERENCES
    return lines if more <= 0 else [*lines[:MAX_DIFFERENCES], f"... and {more} more"]


def describe_difference(name: str, value: Any, seen: Any, redactor: Redactor) -> str:
    """Return a line about a value that differs from the expected one.

    Args:
        name: the name of the value.
        value: the expected value.
        seen: the value.
        redactor: redacts keys.
    """
    # Two long texts may have a long common prefix.
    place = first_difference(redactor(repr(value)), redactor(repr(seen)))
    return escape_control(
        f"{redactor(name)}: {_shown(seen, redactor, place)}, and expected {_shown(value, redactor, place)}"
    )


def find_similar_calls(calls: Sequence[Call], criteria: Criteria) -> list[Call]:
    """Return the calls that do not match, the most similar first, and the latest first if equally similar.

    Calls of other operations are included only if the operation of the criteria has no calls.
    """
    others = [call for call in reversed(calls) if not matches(call, criteria)]
    others = [call for call in others if call.operation == criteria.get("operation")] or others
    # Comparing texts is slow, so only the best candidates are compared.
    likely = nlargest(MAX_COMPARED, others, key=lambda call: sum(_compare(call, criteria)))
    return sorted(likely, key=lambda call: _similarity(call, criteria), reverse=True)


def first_difference(one: Sequence[object], other: Sequence[object]) -> int:
    """Return the position of the first difference between two sequences."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((place for place, (here, there) in pairs if here != there), min(len(one), len(other)))


def describe_criteria(criteria: Criteria, redactor: Redactor) -> str:
    """Return a description of criteria for messages, which begins with a blank."""
    words = [f"{name}={_shown(value, redactor)}" for name, value in criteria.items() if name != "operation"]
    return f" of {criteria.get('operation')}" * ("operation" in criteria) + f" with {', '.join(words)}" * bool(words)


def _compare(call: Call, criteria: Criteria) -> Iterator[bool]:
    return (_equal(name, value, _seen(call, name)) for name, value in criteria.items())


def _seen(call: Call, name: str) -> Any:
    if name == "hint":
        return None if call.hint is None else call.hint.code
    if name == "open":
        return call.duration is None
    if name == "q":
        return _searched_text(call)
    return call if name in CURSORS else getattr(call, name)


def _searched_text(call: Call) -> str:
    """Return the text that the criterion ``q`` searches: the parts of the request, rule, hint and fault, in lines.

    The query and the body are searched as they were sent, and decoded.
    """
    hint = None if call.hint is None else call.hint.code
    body = (call.body or b"").decode("utf-8", "replace")
    # Many clients send "\\u00e9" for "é" in JSON.
    decoded = json.dumps(call.json, ensure_ascii=False) if "\\" in body else None
    sent = call.id, call.operation, call.method, call.path, call.query, unquote_plus(call.query), body, decoded
    return "\n".join(filter(None, (*sent, call.email, call.group, call.rule, hint, call.fault)))


def _equal(name: str, value: Any, seen: Any) -> bool:
    if seen is NOTHING:
        return False
    if name == "status" and isinstance(value, str):
        return f"{(seen or 0) // 100}xx" == value.lower()
    if name == "q":
        return value.casefold() in seen.casefold()
    if name == "after":
        return bool(seen.number > value.number)
    if name == "before":
        return bool(seen.number < value.number)
    # USER-2: emails are compared without case.
    if name == "email" and isinstance(value, str) and isinstance(seen, str):
        return value.lower() == seen.lower()
    return bool(value == seen)


def _parts(name: str, value: Any, seen: Any) -> Iterator[tuple[str, Any, Any]]:
    """Yield the name, the expected and the actual value of a criterion; for objects that differ, of each field."""
    if isinstance(value, dict) and isinstance(seen, dict) and value != seen:
        for key in value | seen:
            yield from _parts(f"{name}.{key}", value.get(key, NOTHING), seen.get(key, NOTHING))
    else:
        yield name, value, seen


def _shown(value: Any, redactor: Redactor, place: int = 0) -> str:
    # Redacted before it is cut, because half a key would not be found.
    text = redactor(repr(value))
    if len(text) <= MAX_VALUE_CHARS:
        return text
    start = max(0, min(place - CONTEXT_CHARS, len(text) - MAX_VALUE_CHARS))
    end = start + MAX_VALUE_CHARS
    return "…" * (start > 0) + text[start:end] + "…" * (end < len(text))


def _similarity(call: Call, criteria: Criteria) -> float:
    """Return the sum of the similarities of all criteria. Each is from 0 to 1, the mean of the parts of its value."""
    total = 0.0
    for name, value in criteria.items():
        parts = islice(_parts(name, value, _seen(call, name)), MAX_COMPARED)
        found = [1.0 if _equal(*part) else _text_similarity(*part[1:]) for part in parts]
        total += sum(found) / len(found)
    return total


def _text_similarity(value: object, seen: object) -> float:
    return SequenceMatcher(None, repr(value)[:MAX_VALUE_CHARS], repr(seen)[:MAX_VALUE_CHARS]).ratio()
