"""Functions that make text from a client fit to be shown."""

from typing import Final
from unicodedata import combining, east_asian_width

MAX_SHOWN_CHARS: Final = 200
# A log or a report has this line once.
EXPLAIN: Final = "For more: mockscope explain {id}"


def clip(text: str, max_chars: int = MAX_SHOWN_CHARS) -> str:
    """Return the text, cut to ``max_chars`` characters with an ellipsis at the end if it is longer."""
    return text if len(text) <= max_chars else text[: max_chars - 1] + "…"


def decode_header(header: str) -> str:
    """Decode a header value, which was decoded as Latin-1, as UTF-8 if that is valid. Many clients send UTF-8."""
    try:
        return header.encode("latin-1").decode()
    except UnicodeError:
        return header


def escape_control(text: str) -> str:
    """Return the text with unprintable characters escaped, such as line ends and terminal escapes."""
    return text if text.isprintable() else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def fit(text: str, width: int) -> str:
    """Return a text in as many columns of a terminal: padded, or cut with an ellipsis. Wide characters take two."""
    text = clip(text, width)
    while (columns := sum(_columns(character) for character in text)) > width:
        text = clip(text, len(text) - 1)
    return text + " " * (width - columns)


def _columns(character: str) -> int:
    return 0 if combining(character) else 2 if east_asian_width(character) in "WF" else 1
