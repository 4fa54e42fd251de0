"""Checks of arguments. Each raises a ValueError with the value and the remedy."""

from collections.abc import Mapping
from os import PathLike
from typing import Any, Final, get_args

from mockscope._support.suggestions import suggest

# The names of types in messages, in the terms of JSON.
TYPE_NAMES: Final[Mapping[Any, str]] = {
    str: "text",
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    PathLike: "a path",
    list: "a list",
    dict: "an object of names and values",
    Mapping: "an object of names and values",
}


def check_type(name: str, value: object, kind: Any) -> None:
    """Check the type of an argument. A bool is not accepted as an int.

    Args:
        name: the name of the argument.
        value: its value.
        kind: a type, or a union of types.

    Raises:
        ValueError: If the value has another type.
    """
    if not isinstance(value, kind) or (isinstance(value, bool) and kind not in (bool, object)):
        kinds = get_args(kind) or (kind,)
        words = [TYPE_NAMES[each] for each in kinds if each in TYPE_NAMES and not (each is int and float in kinds)]
        raise ValueError(f"{name} must be {' or '.join(words)}, not {value!r}")


def check_choice(what: str, word: object, known: tuple[str, ...]) -> None:
    """Check that a value is one of the known ones.

    Args:
        what: the name of the kind of value, for the message.
        word: the value.
        known: the known values.

    Raises:
        ValueError: If the value is unknown. The message names the nearest known one.
    """
    if word not in known:
        raise ValueError(f"there is no {what} {word!r}; {suggest(str(word), known)}")


def check_keys(what: str, data: Any, known: tuple[str, ...], *, needed: tuple[str, ...] = ()) -> Mapping[str, Any]:
    """Check the keys of plain data, and return the data.

    Args:
        what: the name of the kind of object, for the message.
        data: the data.
        known: the allowed keys.
        needed: the required keys.

    Raises:
        ValueError: If the data is not a mapping, or a key is unknown or missing.
    """
    if not isinstance(data, Mapping):
        raise ValueError(f"a {what} is an object of names and values, not {data!r}")
    for name in data:
        check_choice(f"key of a {what}", name, known)
    if missing := [name for name in needed if name not in data]:
        raise ValueError(f"a {what} needs {' and '.join(missing)}")
    return data
