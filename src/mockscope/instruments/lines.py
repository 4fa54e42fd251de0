"""Headers in one piece: as they are on the wire, a line each.

A busy server keeps thousands of calls: in a dozen small objects each they would fill the processor's caches, and the
garbage collector would visit every one of them.
"""

from collections.abc import Sequence

# Names and values.
Pairs = list[tuple[bytes, bytes]]
# The same, or their lines.
Headers = Sequence[tuple[bytes, bytes]] | bytes


def lines_of(headers: Headers) -> Headers:
    """Headers in one piece; such as no parser would let pass stay as they are."""
    if isinstance(headers, bytes):
        return headers
    lines = b"".join([b"%b: %b\r\n" % pair for pair in headers])
    return lines if lines.count(b"\n") == len(headers) == lines.count(b"\r") else tuple(headers)


def pairs_of(headers: Headers) -> Pairs:
    """Headers as names and values."""
    if not isinstance(headers, bytes):
        return list(headers)
    named = [line.partition(b": ") for line in headers.split(b"\r\n")[:-1]]
    return [(name, value) for name, _, value in named]
