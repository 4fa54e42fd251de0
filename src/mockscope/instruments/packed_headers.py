"""Headers packed into one piece of bytes.

A busy server keeps thousands of calls: in a dozen small objects each they would fill the processor's caches, and the
garbage collector would visit every one of them.
"""

from typing import Final

import msgspec

# Names and values.
HeaderPairs = list[tuple[bytes, bytes]]

encode_headers: Final = msgspec.msgpack.Encoder().encode
decode_headers: Final = msgspec.msgpack.Decoder(HeaderPairs).decode
NO_HEADERS: Final = encode_headers([])
