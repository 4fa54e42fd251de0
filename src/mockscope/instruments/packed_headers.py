"""Headers packed into one piece of bytes.

A busy server keeps thousands of calls: in a dozen small objects each they would fill the processor's caches, and the
garbage collector would visit every one of them.
"""

from typing import Final

import msgspec

# Names and values.
Pairs = list[tuple[bytes, bytes]]

pack: Final = msgspec.msgpack.Encoder().encode
unpack: Final = msgspec.msgpack.Decoder(Pairs).decode
NO_HEADERS: Final = pack([])
