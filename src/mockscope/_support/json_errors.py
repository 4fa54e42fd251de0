"""The mistake in a text that is not JSON, in the same words under every version of Python.

No HTTP, and nothing of what a text means.
"""

from json import JSONDecodeError
from typing import Final

BLANKS: Final = " \t\n\r"
# What older versions miss behind the comma, and find in its place.
ENDS: Final = {
    ("Expecting property name enclosed in double quotes", "}"): "object",
    ("Expecting value", "]"): "array",
}


def normalize_error(error: JSONDecodeError) -> JSONDecodeError:
    """Return the mistake in a text, for a message that goes on with its place.

    Python before 3.13 names what it misses behind a comma too many, and not the comma.

    Args:
        error: The decoder's error.
    """
    before = error.doc[: error.pos].rstrip(BLANKS)
    end = ENDS.get((error.msg, error.doc[error.pos : error.pos + 1]))
    if end is None or not before.endswith(","):
        # "Invalid control character at"
        return JSONDecodeError(error.msg.removesuffix(" at"), error.doc, error.pos)
    return JSONDecodeError(f"Illegal trailing comma before end of {end}", error.doc, len(before) - 1)
