"""Headers of stored calls: encoded as one object, and decoded without a change."""

from hypothesis import given
from hypothesis import strategies as st

from mockscope.instruments.packed_headers import HeaderPairs, decode_headers, encode_headers

NAMES = st.text("abcdefghijklmnopqrstuvwxyz-_", min_size=1).map(str.encode)
HEADERS = st.lists(st.tuples(NAMES, st.one_of(st.binary(), st.sampled_from([b"", b": ", b"a: b", b"\r", b"\n"]))))


@given(headers=HEADERS)
def test_unpacked_headers_equal_the_packed_ones(headers: HeaderPairs) -> None:
    assert decode_headers(encode_headers(headers)) == headers


def test_headers_are_packed_into_one_object() -> None:
    assert isinstance(encode_headers([(b"http-x-email", b"monica@example.com"), (b"accept", b"")]), bytes)
