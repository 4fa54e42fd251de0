"""Headers of kept calls: in one piece, and read back as they were."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mockscope.instruments.lines import Pairs, lines_of, pairs_of

NAMES = st.text("abcdefghijklmnopqrstuvwxyz-_", min_size=1).map(str.encode)
HEADERS = st.lists(st.tuples(NAMES, st.one_of(st.binary(), st.sampled_from([b"", b": ", b"a: b", b"\r", b"\n"]))))


@given(headers=HEADERS)
def test_headers_are_read_back_as_they_were(headers: Pairs) -> None:
    assert pairs_of(lines_of(headers)) == headers


def test_headers_are_one_piece() -> None:
    headers = [(b"http-x-email", b"monica@example.com"), (b"accept", b"")]
    assert lines_of(headers) == b"http-x-email: monica@example.com\r\naccept: \r\n"
    assert lines_of(lines_of(headers)) == lines_of(headers)


@pytest.mark.parametrize("value", [b"Monica\r\nx-name: Rachel", b"Monica\n", b"Monica\r"])
def test_what_no_parser_lets_pass_stays_in_pieces(value: bytes) -> None:
    assert lines_of([(b"x-name", value)]) == ((b"x-name", value),)
