"""An export as JSON in pieces, so that a server can respond to other requests between two pieces."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

import msgspec

from mockscope.domain.site import Site
from mockscope.domain.store import TableRow
from mockscope.seeds.format import FORMAT_VERSION, PLAIN, copy_site

# The codec does not release the interpreter lock. It takes about a millisecond for a piece.
PIECE_RECORDS: Final = 1000
# Shorter pieces are joined: a small site is one piece.
MIN_PIECE_BYTES: Final = 64 * 1024


def _sort_access(access: Any) -> dict[str, str]:
    """Return the access of a dashboard in the order of an export. The codec calls this for types that it lacks."""
    return dict(sorted(access.items()))


_encode: Final = msgspec.json.Encoder(enc_hook=_sort_access).encode


def render_export(sites: Sequence[Site]) -> Iterator[bytes]:
    """Return the pieces of an export of sites as JSON.

    The state of each site is that of the moment of this call. Later writes are not in the export, and need not wait.
    """
    return _join_short(_pieces([copy_site(site) for site in sites]))


def _join_short(pieces: Iterable[bytes]) -> Iterator[bytes]:
    short = bytearray()
    for piece in pieces:
        short += piece
        if len(short) >= MIN_PIECE_BYTES:
            yield bytes(short)
            short.clear()
    if short:
        yield bytes(short)


def _pieces(copies: Iterable[dict[str, Any]]) -> Iterator[bytes]:
    yield b'{"mockscope":%d,"sites":[' % FORMAT_VERSION
    for place, copy in enumerate(copies):
        if place:
            yield b","
        yield from _site_pieces(copy)
    yield b"]}"


def _site_pieces(copy: dict[str, Any]) -> Iterator[bytes]:
    before = b"{"
    for key, value in copy.items():
        yield before + _encode(key) + b":"
        yield from _table_pieces(value) if key in PLAIN else (_encode(value),)
        before = b","
    yield b"}"


def _table_pieces(rows: Sequence[TableRow[Any]]) -> Iterator[bytes]:
    yield b"["
    for first in range(0, len(rows), PIECE_RECORDS):
        # The fields of a record are those of a seed, in the same order.
        piece = _encode([row.record for row in rows[first : first + PIECE_RECORDS]])
        # Without the brackets of the list.
        yield (b"," if first else b"") + piece[1:-1]
    yield b"]"
