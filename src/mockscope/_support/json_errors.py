"""Errors of the JSON decoder, with the same message and position in each version of Python."""

from json import JSONDecodeError
from typing import Final

BLANKS: Final = " \t\n\r"
# For the error of an older version behind a trailing comma, and the next character: the kind of value that it ends.
ENDS: Final = {("Expecting property name enclosed in double quotes", "}"): "object", ("Expecting value", "]"): "array"}


def normalize_error(error: JSONDecodeError) -> JSONDecodeError:
    """Return a decoder's error as Python 3.13 reports it.

    For a trailing comma, older versions report the character behind it.

    Args:
        error: The error of the decoder.
    """
    before = error.doc[: error.pos].rstrip(BLANKS)
    end = ENDS.get((error.msg, error.doc[error.pos : error.pos + 1]))
    if end is None or not before.endswith(","):
        # "Invalid control character at"
        return JSONDecodeError(error.msg.removesuffix(" at"), error.doc, error.pos)
    return JSONDecodeError(f"Illegal trailing comma before end of {end}", error.doc, len(before) - 1)
