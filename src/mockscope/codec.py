"""JSON to fields of the domain, and records of the domain to JSON."""

import json
import re
from collections import Counter
from typing import Any, Final

import msgspec

from mockscope._support.json_errors import normalize_error
from mockscope._vendor import KEY_FIELDS, NEXT_PAGE_START
from mockscope.domain.refusals import Refusal, Refused
from mockscope.domain.rules import json_type_name
from mockscope.domain.store import Page, TableRow

# An escape in a JSON string. A surrogate pair is one escape; "lone" is half of a pair.
ESCAPE: Final = re.compile(rb"\\u[dD][89abAB]..\\u[dD][c-fC-F]..|(?P<lone>\\u[dD][89a-fA-F]..)|\\.", re.DOTALL)
# A JSON string. An unclosed one extends to the end, so that the search takes linear time.
STRING: Final[re.Pattern[bytes]] = re.compile(rb'"(?:[^"\\]|\\.)*+"?', re.DOTALL)

_encoder: Final = msgspec.json.Encoder()
_decoder: Final = msgspec.json.Decoder()

# Records have their fields in the order of the vendor's page, so encoding one renders it (USER-1, GROUP-1).
encode: Final = _encoder.encode


class Message(msgspec.Struct):
    """The response to a refused request, a deletion, or a call in test mode."""

    message: str


# The beginning of a page, in the order of the vendor's page.
PAGE_STARTS: Final = {
    kind: f'{{"total_{kind}":%d,"{kind}_this_page":%d,"{NEXT_PAGE_START}":%s,"{kind}":['.encode() for kind in KEY_FIELDS
}


def render_page(kind: str, page: Page[Any]) -> bytes:
    """Return the body of GET Users or GET Groups; ``kind`` is a key of PAGE_STARTS."""
    # A row caches its rendered record. A changed record has a new row.
    records = [row.rendered or _render_row(row) for row in page.rows] or [b""]
    # The start and the end of the page are joined to records, so that twenty kilobytes are copied only once.
    records[0] = PAGE_STARTS[kind] % (page.total, len(page.rows), encode(page.next_start)) + records[0]
    records[-1] += b"]}"
    return b",".join(records)


def _render_row(row: TableRow[Any]) -> bytes:
    rendered = row.rendered = encode(row.record)
    return rendered


def decode_object(body: bytes) -> dict[str, Any]:
    """Parse a body as a JSON object, whatever its Content-Type (HTTP-4).

    Raises:
        Refused: BODY_MISSING, BODY_NOT_JSON, BODY_NOT_AN_OBJECT.
    """
    if not body:
        raise Refused(Refusal.BODY_MISSING)
    try:
        value = _decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        value = _decode_with_json(body)
    if not isinstance(value, dict):
        raise Refused(Refusal.BODY_NOT_AN_OBJECT, kind=json_type_name(value))
    return value


def _decode_with_json(body: bytes) -> object:
    """Decode with the standard library, which accepts any number, and names line and column of an error."""
    try:
        text = body.decode()
        value: object = json.loads(text, parse_int=float, parse_constant=_refuse_constant)
        json.dumps(value, ensure_ascii=False).encode()
        return value
    except json.JSONDecodeError as error:
        mistake = normalize_error(error)
        reason = f"{mistake.msg} at line {mistake.lineno}, column {mistake.colno}"
    except UnicodeDecodeError as error:
        reason = f"byte {error.start} is not UTF-8"
    except UnicodeEncodeError:
        lone = next(escape.start() for escape in ESCAPE.finditer(body) if escape["lone"])
        reason = f"half of a surrogate pair at byte {lone}"
    except RecursionError:
        reason = "it is nested too deeply"
    except _ConstantError as constant:
        name = str(constant)
        reason = f"{name} is not JSON at byte {blank_strings(body).index(name.encode())}"
    raise Refused(Refusal.BODY_NOT_JSON, reason=reason) from None


class _ConstantError(Exception):
    pass


def _refuse_constant(name: str) -> None:
    raise _ConstantError(name)


def find_repeated_names(body: bytes) -> list[str]:
    """Return the repeated names in a JSON object. Of a repeated name, the last value counts (HTTP-4).

    The list is empty if the object is nested more deeply than the standard library can decode.
    """
    objects: list[list[tuple[str, object]]] = []
    try:
        # The outermost object is completed last.
        json.loads(body, object_pairs_hook=objects.append, parse_int=float)
    except RecursionError:
        return []
    return [name for name, times in Counter(name for name, _ in objects[-1]).items() if times > 1]


def blank_strings(body: bytes) -> bytes:
    """Return a body of the same length in which every JSON string is blank, so that only the syntax is left."""
    return STRING.sub(lambda string: b" " * len(string[0]), body)
