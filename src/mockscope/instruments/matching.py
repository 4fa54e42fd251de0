"""Which calls are meant: criteria that a call fits or not, for questions about calls and for planned faults alike."""

from collections.abc import Mapping
from difflib import SequenceMatcher
from typing import Any, Final

from mockscope.instruments.entry import Entry
from mockscope.nearness import nearest

OPERATIONS: Final = (
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
)
# What is known of a call on its receipt, and what its answer adds.
ASKED: Final = ("method", "path", "email", "group", "params", "json", "test_mode")
ANSWERED: Final = ("status", "rule", "hint", "fault")

Criteria = Mapping[str, Any]


def check_operation(operation: str) -> None:
    """Refuse a word that is no operation.

    Raises:
        ValueError: it is none; names the nearest.
    """
    _check_word("operation", operation, OPERATIONS)


def check_criteria(criteria: Criteria, known: tuple[str, ...] = ASKED + ANSWERED) -> None:
    """Refuse criteria that no call could fit.

    Raises:
        ValueError: one is unknown; names the nearest.
    """
    for name in criteria:
        _check_word("criterion", name, known)


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
    """What keeps a call from fitting, a line each."""
    lines: list[str] = []
    for name, value in criteria.items():
        seen = _seen(entry, name)
        if _equal(name, value, seen):
            continue
        if isinstance(value, dict) and isinstance(seen, dict):
            lines += [
                f"{name}.{key}: {_shown(seen, key)}, and expected {_shown(value, key)}"
                for key in value | seen
                if key not in value or key not in seen or value[key] != seen[key]
            ]
        else:
            lines.append(f"{name}: {seen!r}, and expected {value!r}")
    return lines


def likeness(entry: Entry, criteria: Criteria) -> float:
    """How near a call comes to the criteria: the more of them it fits, and the more alike the others, the nearer."""
    return sum(_likeness(name, value, _seen(entry, name)) for name, value in criteria.items())


def spelled(criteria: Criteria) -> str:
    """Criteria in words, with a blank before them."""
    words = [f"{name}={value!r}" for name, value in criteria.items() if name != "operation"]
    return f" of {criteria['operation']}" * ("operation" in criteria) + f" with {', '.join(words)}" * bool(words)


def _check_word(what: str, word: str, known: tuple[str, ...]) -> None:
    if word not in known:
        guess = nearest(word, known)
        hint = f"did you mean {guess}?" if guess else f"known: {', '.join(known)}"
        raise ValueError(f"there is no {what} {word!r}; {hint}")


def _seen(entry: Entry, name: str) -> Any:
    if name == "hint":
        return None if entry.advice is None else entry.advice.code
    return getattr(entry, name)


def _equal(name: str, value: Any, seen: Any) -> bool:
    # USER-2: emails are the same when equal in lower case.
    if name == "email" and isinstance(value, str) and isinstance(seen, str):
        return value.lower() == seen.lower()
    return bool(value == seen)


def _shown(fields: Mapping[str, Any], key: str) -> str:
    return repr(fields[key]) if key in fields else "nothing"


def _likeness(name: str, value: Any, seen: Any) -> float:
    if _equal(name, value, seen):
        # Another operation is another story, whatever else is alike.
        return 10.0 if name == "operation" else 1.0
    return SequenceMatcher(None, repr(value)[:500], repr(seen)[:500]).ratio()
