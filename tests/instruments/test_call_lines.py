"""Headers of kept calls: in one piece, and read back as they were."""

from hypothesis import given
from hypothesis import strategies as st

from mockscope.instruments.packed_headers import Pairs, pack, unpack

NAMES = st.text("abcdefghijklmnopqrstuvwxyz-_", min_size=1).map(str.encode)
HEADERS = st.lists(st.tuples(NAMES, st.one_of(st.binary(), st.sampled_from([b"", b": ", b"a: b", b"\r", b"\n"]))))


@given(headers=HEADERS)
def test_headers_are_read_back_as_they_were(headers: Pairs) -> None:
    assert unpack(pack(headers)) == headers


def test_headers_are_one_piece() -> None:
    assert isinstance(pack([(b"http-x-email", b"monica@example.com"), (b"accept", b"")]), bytes)
