"""Which calls are meant: criteria that a call fits or not, for questions about calls and for planned faults alike."""

from collections.abc import Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from heapq import nlargest
from itertools import islice
from typing import Any, Final, Literal, get_args

from mockscope._support.arguments import check_word
from mockscope._support.text import printable
from mockscope.instruments.entry import Entry
from mockscope.instruments.veil import Veil

Operation = Literal[
    "list_users",
    "get_user",
    "create_user",
    "update_user",
    "delete_user",
    "list_groups",
    "get_group",
    "create_group",
    "update_group",
    "delete_group",
]
OPERATIONS: Final[tuple[str, ...]] = get_args(Operation)
# What is known of a call on its receipt, and what its answer adds.
ASKED: Final = ("method", "path", "email", "group", "params", "json", "test_mode")
ANSWERED: Final = ("status", "rule", "hint", "fault")
# Of calls that do not fit so many are compared text by text, and of a call so many differences are told.
MOST_COMPARED: Final = 100
MOST_DIFFERENCES: Final = 10
# Of a value that is told so many characters and, before the place where it differs, so many of them.
LONGEST_SHOWN: Final = 200
CONTEXT: Final = 30
NOTHING: Final = "nothing"

Criteria = Mapping[str, Any]


def check_operation(operation: str) -> None:
    """Refuse a word that is no operation.

    Raises:
        ValueError: it is none; names the nearest.
    """
    check_word("operation", operation, OPERATIONS)


def check_criteria(criteria: Criteria, known: tuple[str, ...] = ASKED + ANSWERED) -> None:
    """Refuse criteria that no call could fit.

    Raises:
        ValueError: one is unknown; names the nearest.
    """
    for name in criteria:
        check_word("criterion", name, known)


def wanted(operation: str | None, criteria: Criteria) -> dict[str, Any]:
    """Operation and criteria as one, checked.

    Raises:
        ValueError: there is no such operation or criterion.
    """
    check_criteria(criteria)
    if operation is None:
        return dict(criteria)
    check_operation(operation)
    return {"operation": operation, **criteria}


def fits(entry: Entry, criteria: Criteria) -> bool:
    """Whether a call fits all criteria."""
    return all(_equal(name, value, _seen(entry, name)) for name, value in criteria.items())


def differences(entry: Entry, criteria: Criteria) -> list[str]:
    """What keeps a call from fitting, a line each; of a JSON object, a line for each field."""
    veil = entry.veil
    lines = [line for name, value in criteria.items() for line in _differences(name, value, _seen(entry, name), veil)]
    more = len(lines) - MOST_DIFFERENCES
    return lines if more <= 0 else [*lines[:MOST_DIFFERENCES], f"... and {more} more"]


def nearest_calls(entries: Sequence[Entry], criteria: Criteria) -> list[Entry]:
    """The calls that do not fit, the nearest first; of those that come equally near, the latest.

    Those of another operation come in only where there are no others.
    """
    others = [entry for entry in reversed(entries) if not fits(entry, criteria)]
    others = [entry for entry in others if entry.operation == criteria.get("operation")] or others
    # Comparing texts takes long: it is for those alone that fit best otherwise.
    likely = nlargest(MOST_COMPARED, others, key=lambda entry: _fitting(entry, criteria))
    return sorted(likely, key=lambda entry: _likeness(entry, criteria), reverse=True)


def agreement(one: Sequence[object], other: Sequence[object]) -> int:
    """The place where two sequences part."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((place for place, (here, there) in pairs if here != there), min(len(one), len(other)))


def spelled(criteria: Criteria, veil: Veil) -> str:
    """Criteria in words, with a blank before them."""
    words = [f"{name}={_shown(value, veil)}" for name, value in criteria.items() if name != "operation"]
    return f" of {criteria.get('operation')}" * ("operation" in criteria) + f" with {', '.join(words)}" * bool(words)


def _seen(entry: Entry, name: str) -> Any:
    if name == "hint":
        return None if entry.advice is None else entry.advice.code
    return getattr(entry, name)


def _equal(name: str, value: Any, seen: Any) -> bool:
    # USER-2: emails are the same when equal in lower case.
    if name == "email" and isinstance(value, str) and isinstance(seen, str):
        return value.lower() == seen.lower()
    return bool(value == seen)


def _differences(name: str, value: Any, seen: Any, veil: Veil) -> Iterator[str]:
    if _equal(name, value, seen):
        return
    if isinstance(value, dict) and isinstance(seen, dict):
        for key in value | seen:
            if key not in seen:
                yield _difference(veil(f"{name}.{key}"), NOTHING, _shown(value[key], veil))
            elif key not in value:
                yield _difference(f"{name}.{key}", _shown(seen[key], veil), NOTHING)
            else:
                yield from _differences(f"{name}.{key}", value[key], seen[key], veil)
    else:
        # Of two long texts that begin alike, what comes after.
        place = agreement(veil(repr(value)), veil(repr(seen)))
        yield _difference(name, _shown(seen, veil, place), _shown(value, veil, place))


def _difference(name: str, seen: str, value: str) -> str:
    return printable(f"{name}: {seen}, and expected {value}")


def _shown(value: Any, veil: Veil, place: int = 0) -> str:
    # Before it is cut: half a key would not be recognised.
    text = veil(repr(value))
    if len(text) <= LONGEST_SHOWN:
        return text
    start = max(0, min(place - CONTEXT, len(text) - LONGEST_SHOWN))
    end = start + LONGEST_SHOWN
    return "…" * (start > 0) + text[start:end] + "…" * (end < len(text))


def _fitting(entry: Entry, criteria: Criteria) -> int:
    return sum(_equal(name, value, _seen(entry, name)) for name, value in criteria.items())


def _likeness(entry: Entry, criteria: Criteria) -> float:
    return sum(_alike(name, value, _seen(entry, name)) for name, value in criteria.items())


def _alike(name: str, value: Any, seen: Any) -> float:
    """How like two values are that are not equal, from 0 to 1."""
    if _equal(name, value, seen):
        return 1.0
    if isinstance(value, dict) and isinstance(seen, dict):
        keys = list(islice(value | seen, MOST_COMPARED))
        return sum(_alike(name, value.get(key), seen.get(key)) for key in keys) / len(keys)
    return SequenceMatcher(None, repr(value)[:LONGEST_SHOWN], repr(seen)[:LONGEST_SHOWN]).ratio()
