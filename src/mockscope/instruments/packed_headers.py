"""Headers as one bytes object, encoded with MessagePack.

A server keeps thousands of calls. As lists of small objects, their headers would fill the processor's caches, and the
garbage collector would visit each object.
"""

from typing import Final

import msgspec

# Names and values.
HeaderPairs = list[tuple[bytes, bytes]]

encode_headers: Final = msgspec.msgpack.Encoder().encode
decode_headers: Final = msgspec.msgpack.Decoder(HeaderPairs).decode
NO_HEADERS: Final = encode_headers([])
