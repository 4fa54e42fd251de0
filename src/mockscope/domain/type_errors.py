"""Errors of msgspec in plain words: the field, the values that it may have, and the wrong value."""

import re
from collections.abc import Mapping
from typing import Any, Final

from msgspec import inspect

from mockscope._support.text import clip

MAX_VALUE_CHARS: Final = 80
TIME_EXAMPLE: Final = "2014-02-06T23:46:07.118Z"
TYPE_WORDS: Final[Mapping[type, str]] = {
    inspect.StrType: "text",
    inspect.BoolType: "true or false",
    inspect.FloatType: "a number",
    inspect.NoneType: "null",
    inspect.ListType: "a list",
    inspect.DateTimeType: f"a time with an offset, such as {TIME_EXAMPLE}",
}


def describe_type_error(where: str, schema: Any, data: Any, root: str) -> str:
    """Return a message such as ``limit must be a whole number between 1 and 100, not 0``.

    Args:
        where: the path in the message of msgspec, such as ``$.groups[0]``.
        schema: the type that the data should have.
        data: the data.
        root: the name of the data as a whole.
    """
    # "[...]" stands for any key of a dict.
    path = where.strip("`").partition("[...]")[0].removeprefix("$")
    kind: Any = inspect.type_info(schema)
    for name, place in re.findall(r"\.([^.\[]+)|\[(\d+)\]", path):
        if place:
            kind, data = _part(kind, "item_type").item_type, data[int(place)]
        else:
            fields = {field.encode_name: field.type for field in _part(kind, "fields").fields}
            kind, data = fields[name], data[name]
    value = clip(repr(data), MAX_VALUE_CHARS)
    return f"{path.removeprefix('.') or root} must be {_words(kind)}, not {value}"


def _part(kind: Any, attribute: str) -> Any:
    """Return the type itself or, of a union, the part of it that has items or fields."""
    if isinstance(kind, inspect.Metadata):
        kind = kind.type
    kinds = kind.types if isinstance(kind, inspect.UnionType) else (kind,)
    return next(each for each in kinds if hasattr(each, attribute))


def _words(kind: inspect.Type) -> str:
    match kind:
        case inspect.Metadata(type=described):
            return _words(described)
        case inspect.UnionType(types=kinds):
            return " or ".join(map(_words, kinds))
        case inspect.LiteralType(values=values):
            return " or ".join(map(str, values))
        case inspect.IntType(ge=int(low), le=int(high)):
            return f"a whole number between {low} and {high}"
        case inspect.IntType(ge=int(low)):
            return f"a whole number of {low} or more"
        case inspect.IntType():
            return "a whole number"
        case inspect.StrType(min_length=int()):
            return "text of at least one character"
        case inspect.DictType(value_type=inspect.StrType()):
            return "an object of names and texts"
    return TYPE_WORDS.get(type(kind), "an object of names and values")
