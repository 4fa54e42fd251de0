"""What a request says before its body, as it is read."""

from urllib.parse import quote, unquote_plus

from hypothesis import given
from hypothesis import strategies as st

from mockscope.web.head import decoded

PIECES = st.sampled_from(
    ["%", "+", "%2B", "%40", "%C3", "%A9", "%E2%82", "%F0%9F", "a", "C", "3", "é", "\x80", "\xc3", " "]
)


# A query comes as bytes, and is read as one character for each.
@given(st.lists(PIECES | st.characters(codec="latin-1")).map("".join))
def test_names_and_values_of_a_query_are_decoded_as_urllib_decodes_them(text: str) -> None:
    assert decoded(text) == unquote_plus(text)


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_what_a_client_encodes_is_read_as_it_was(text: str) -> None:
    assert decoded(quote(text)) == text
