"""Headers as one bytes object, encoded with MessagePack.

A server keeps thousands of calls. As lists of small objects, their headers would fill the processor's caches, and the
garbage collector would visit each object.
"""

from typing import Final

import msgspec

from mockscope.instruments.redaction import ELLIPSIS

# Names and values.
HeaderPairs = list[tuple[bytes, bytes]]

encode_headers: Final = msgspec.msgpack.Encoder().encode
decode_headers: Final = msgspec.msgpack.Decoder(HeaderPairs).decode
NO_HEADERS: Final = encode_headers([])
# The encoding of headers as they were sent, and of those that were read from plain data, in which keys are redacted.
SENT_ENCODING: Final = "latin-1"
SHOWN_ENCODING: Final = "utf-8"


def sent_text(shown: bytes) -> bytes:
    """Return a header from plain data as it was sent, except for redacted keys."""
    return ELLIPSIS.encode().join(part.encode(SENT_ENCODING) for part in shown.decode(SHOWN_ENCODING).split(ELLIPSIS))
