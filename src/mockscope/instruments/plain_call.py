"""Calls as plain data: the fields of a call that need more than a copy, and the way back."""

from base64 import b64decode, b64encode
from codecs import getincrementaldecoder
from collections.abc import Mapping
from copy import deepcopy
from math import inf
from typing import Any, Final, NamedTuple

from mockscope._support.timestamps import parse_time
from mockscope.instruments.clock import Clock
from mockscope.instruments.hints import Hint
from mockscope.instruments.packed_headers import SHOWN_ENCODING, encode_headers

# The operations whose user or group is named by a field of the body.
NAME_FIELDS: Final = {"create_user": "email", "create_group": "name"}
# The fields that a call has unchanged.
COPIED_FIELDS: Final = (
    *("id", "site", "operation", "method", "scheme", "status", "test_mode", "rule", "fault"),
    *("body_cut", "response_cut", "changes_cut"),
)
UTF8Decoder: Final = getincrementaldecoder("utf-8")


def render_body(name: str, body: bytes | None, *, is_cut: bool) -> dict[str, Any]:
    """Return the fields of a body: text if it is UTF-8, else Base64; and whether it was cut."""
    fields: dict[str, Any] = {f"{name}_cut": is_cut}
    if body is None:
        return {name: None, **fields}
    try:
        # The end of a cut text may be part of a character.
        return {name: UTF8Decoder().decode(body, final=not is_cut), **fields}
    except UnicodeDecodeError:
        return {f"{name}_base64": b64encode(body).decode(), **fields}


def encodable(text: str | None) -> str | None:
    """Return a text with half surrogate pairs replaced, which a body that is not valid JSON may have."""
    return text and text.encode("utf-8", "replace").decode()


class PlainChanges(NamedTuple):
    """Changes of records as plain data."""

    changes: list[dict[str, Any]]

    @property
    def size_bytes(self) -> int:
        """The size as text."""
        return len(str(self.changes))

    def render(self) -> list[dict[str, Any]]:
        """Return a copy of the changes."""
        return deepcopy(self.changes)


def parse_fields(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a call from plain data.

    Raises:
        ValueError: If the data is not that of a call.
    """
    try:
        duration, hint = data["duration_ms"], data["hint"]
        is_delayed = duration is None and not data["is_open"]
        return {
            **{name: data[name] for name in COPIED_FIELDS},
            # The application makes the id: a prefix of its own, and the number.
            "number": int(data["id"].rpartition("-")[2]),
            "_path": data["path"],
            "_query": data["query"],
            "_headers": _parse_headers(data["headers"]),
            "_body": _parse_body(data, "body"),
            "received": parse_time(data["time"]).timestamp(),
            "_response_headers": _parse_headers(data["response_headers"]),
            "_response": _parse_body(data, "response"),
            "duration": None if duration is None else duration / 1000,
            # When a delay ends is not in the data.
            "delayed_until": inf if is_delayed else None,
            "clock": Clock() if is_delayed else None,
            "hint": None if hint is None else Hint(**hint),
            "hints": tuple(Hint(**each) for each in data["hints"]),
            "_cached_name": data["email"] or data["group"] if data["operation"] in NAME_FIELDS else None,
            "_changes": PlainChanges(data["changes"]) if data["changes"] else None,
        }
    except (LookupError, TypeError, AttributeError, ValueError) as error:
        reason = f"{error} is missing" if isinstance(error, KeyError) else error
        raise ValueError(f"this is not the plain data of a call: {reason}") from None


def _parse_headers(pairs: list[list[str]]) -> bytes:
    return encode_headers([(name.encode(SHOWN_ENCODING), value.encode(SHOWN_ENCODING)) for name, value in pairs])


def _parse_body(data: Mapping[str, Any], name: str) -> bytes | None:
    if f"{name}_base64" in data:
        return b64decode(data[f"{name}_base64"])
    text: str | None = data[name]
    return None if text is None else text.encode()
