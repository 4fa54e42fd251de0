"""Texts that somebody sent, as they may be shown."""

from typing import Final

MAX_SHOWN_CHARS: Final = 200


def clip(text: str, max_chars: int = MAX_SHOWN_CHARS) -> str:
    """Return the text, cut with an ellipsis where it is longer than ``longest`` characters."""
    return text if len(text) <= max_chars else text[: max_chars - 1] + "…"


def decode_header(header: str) -> str:
    """Return a header value that was read as Latin-1, as UTF-8 where it is that: many clients send it."""
    try:
        return header.encode("latin-1").decode()
    except UnicodeError:
        return header


def escape_control(text: str) -> str:
    """Return the text with every character escaped that could break a line or a terminal."""
    return text if text.isprintable() else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
