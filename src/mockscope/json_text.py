"""What is wrong with a text that is no JSON, in the same words under every version of Python.

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


def mistake_of(error: JSONDecodeError) -> JSONDecodeError:
    """What a JSON decoder stumbled over: of a comma too many, the comma, and not what is missing behind it.

    Python says so since 3.13.

    Args:
        error: what the decoder raised.
    """
    before = error.doc[: error.pos].rstrip(BLANKS)
    end = ENDS.get((error.msg, error.doc[error.pos : error.pos + 1]))
    if end is None or not before.endswith(","):
        return error
    return JSONDecodeError(f"Illegal trailing comma before end of {end}", error.doc, len(before) - 1)
