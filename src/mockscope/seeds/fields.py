"""The types of the fields of a seed: msgspec checks a part of each, and their JSON Schema the rest."""

import re
from enum import StrEnum
from typing import Annotated, Any, Final

from msgspec import Meta

from mockscope._support.timestamps import EXAMPLE, ISO_TIME
from mockscope._vendor import API_KEY, BUILTIN_GROUPS
from mockscope.domain.credentials import HOST
from mockscope.domain.model import Access, DashboardAccess
from mockscope.domain.rules import EMAIL, NOT_BLANK

# In Python, "$" also matches before a line end at the end. This lookahead does not, but not every engine has it.
END: Final = "(?![\\s\\S])"
HOST_PATTERN: Final = f"^{HOST.pattern}{END}"
KEY_PATTERN: Final = f"^{API_KEY.pattern}{END}"

# Parts of patterns, and what they are for an editor: in the common subset of ECMA and RE2. The characters that "\s"
# matches in one of Python and ECMA are spelled out.
FOR_EDITORS: Final = {
    END: "$",
    NOT_BLANK.pattern: "[^\\x09-\\x0d\\x1c-\\x20\\x85\\xa0"
    + "\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff]",
}


def _words(words: type[StrEnum]) -> dict[str, Any]:
    """Return the schema of a word in any case. The enumeration is what an editor completes."""
    spellings = "|".join("".join(f"[{letter.upper()}{letter.lower()}]" for letter in word) for word in words)
    return {"anyOf": [{"enum": [word.value for word in words]}, {"pattern": f"^({spellings})$"}]}


def _pattern(pattern: re.Pattern[str], problem: str) -> dict[str, Any]:
    """Return the schema of a text that matches. Editors show the problem in place of the pattern."""
    return {"pattern": f"^{pattern.pattern}$", "patternErrorMessage": problem}


Text = Annotated[str, Meta(pattern=NOT_BLANK.pattern)]
Host = Annotated[str, Meta(pattern=HOST_PATTERN)]
ApiKey = Annotated[str, Meta(pattern=KEY_PATTERN)]
# The loader checks the others itself: its errors name the value, or the nearest known name.
GroupName = Annotated[str, Meta(extra_json_schema={"pattern": NOT_BLANK.pattern})]
Email = Annotated[str, Meta(extra_json_schema=_pattern(EMAIL, "This is not a valid email address."))]
Time = Annotated[str, Meta(extra_json_schema=_pattern(ISO_TIME, f"This is not a time with an offset: {EXAMPLE}."))]
GroupAccess = Annotated[str, Meta(extra_json_schema=_words(Access))]
DashboardWord = Annotated[str, Meta(extra_json_schema=_words(DashboardAccess))]
GroupAccesses = Annotated[
    dict[str, DashboardWord], Meta(extra_json_schema={"propertyNames": {"pattern": NOT_BLANK.pattern}})
]
BuiltinGroup = Annotated[str, Meta(extra_json_schema={"enum": [*BUILTIN_GROUPS]})]
