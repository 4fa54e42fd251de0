"""JSON to domain and back: bytes in, fields out; records in, bytes out."""

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

# One escape after the other, a surrogate pair as one; "lone" is half of one.
ESCAPE: Final = re.compile(rb"\\u[dD][89abAB]..\\u[dD][c-fC-F]..|(?P<lone>\\u[dD][89a-fA-F]..)|\\.", re.DOTALL)
# One that is never closed goes on to the end: so each byte is looked at once.
STRING: Final[re.Pattern[bytes]] = re.compile(rb'"(?:[^"\\]|\\.)*+"?', re.DOTALL)

_encoder: Final = msgspec.json.Encoder()
_decoder: Final = msgspec.json.Decoder()

# Records are declared field for field in the page's order, so encoding one is rendering it (USER-1, GROUP-1).
encode: Final = _encoder.encode


class Message(msgspec.Struct):
    """The answer of a refusal, a deletion, or a call in test mode."""

    message: str


# The beginning of a page, in the order of the vendor's page.
PAGES: Final = {
    kind: f'{{"total_{kind}":%d,"{kind}_this_page":%d,"{NEXT_PAGE_START}":%s,"{kind}":['.encode() for kind in KEY_FIELDS
}


def render_page(kind: str, page: Page[Any]) -> bytes:
    """Return the body of GET Users or GET Groups; ``kind`` is a key of PAGES."""
    # A record is rendered when it is first listed, and then again only when it has changed.
    records = [row.rendered or _rendered(row) for row in page.rows] or [b""]
    # Both ends go into the first and the last record, so that twenty kilobytes are copied once.
    records[0] = PAGES[kind] % (page.total, len(page.rows), encode(page.next_start)) + records[0]
    records[-1] += b"]}"
    return b",".join(records)


def _rendered(row: TableRow[Any]) -> bytes:
    rendered = row.rendered = encode(row.record)
    return rendered


def decode_object(body: bytes) -> dict[str, Any]:
    """Read a body as a JSON object, whatever its Content-Type (HTTP-4).

    Raises:
        Refused: BODY_MISSING, BODY_NOT_JSON, BODY_NOT_AN_OBJECT.
    """
    if not body:
        raise Refused(Refusal.BODY_MISSING)
    try:
        value = _decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        value = _decode_slowly(body)
    if not isinstance(value, dict):
        raise Refused(Refusal.BODY_NOT_AN_OBJECT, kind=json_type_name(value))
    return value


def _decode_slowly(body: bytes) -> object:
    """Decode by the standard library, which takes any number, and knows line and column of a mistake."""
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
    except _NoConstant as constant:
        name = str(constant)
        reason = f"{name} is not JSON at byte {without_strings(body).index(name.encode())}"
    raise Refused(Refusal.BODY_NOT_JSON, reason=reason) from None


class _NoConstant(Exception):
    pass


def _refuse_constant(name: str) -> None:
    raise _NoConstant(name)


def repeated_names(body: bytes) -> list[str]:
    """Return the names that a JSON object holds more than once, of which the last counts (HTTP-4).

    None where it is nested more deeply than this decoder goes: the one that read it goes a little further.
    """
    objects: list[list[tuple[str, object]]] = []
    try:
        # The outermost object is complete last.
        json.loads(body, object_pairs_hook=objects.append, parse_int=float)
    except RecursionError:
        return []
    return [name for name, times in Counter(name for name, _ in objects[-1]).items() if times > 1]


def without_strings(body: bytes) -> bytes:
    """Return the body with every JSON string blanked, at the same length: the rest is syntax."""
    return STRING.sub(lambda string: b" " * len(string[0]), body)
