"""Keys never in clear: what is shown of credentials, and of any text that may hold a key."""

import re
from typing import Final
from urllib.parse import quote

# The shape of the vendor's keys (AUTH-4). Twelve digits at the end would be a UUID, which is nobody's secret.
KEY: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{8}(?![0-9a-f])", re.IGNORECASE)
# Headers with <site-host>:<api-key>: the right one, and those that are sent by mistake.
PAIRS: Final = frozenset({"http-x-partner-auth", "x-partner-auth", "x-http-partner-auth", "partner-auth"})
# Headers with a secret of another form.
SECRETS: Final = frozenset({"authorization", "proxy-authorization", "x-api-key", "api-key", "cookie"})
# Shorter keys would be given away by their last four characters.
SHORTEST_SHOWN: Final = 12
# Still shorter ones are looked for in those headers alone: in a text they may be any word.
SHORTEST_SOUGHT: Final = 8


class Veil:
    """Shows texts with the keys in them disguised: all of the vendor's shape, and those of other shapes that it knows.

    Safe to use from several threads.
    """

    def __init__(self) -> None:
        self._known: set[str] = set()

    def __repr__(self) -> str:
        return f"<Veil that knows {len(self._known)} spellings of keys>"

    def learn(self, key: str) -> None:
        """Know a key from now on."""
        if len(key) >= SHORTEST_SOUGHT and not KEY.fullmatch(key):
            self._known |= {key, quote(key, safe="")}

    def __call__(self, text: str) -> str:
        """The text as it may be shown."""
        # Most texts have no four hyphens, and a search would cost more.
        if text.count("-") >= 4:
            text = KEY.sub(lambda found: last_four(found[0]), text)
        for key in tuple(self._known):
            if key in text:
                text = text.replace(key, last_four(key))
        return text

    def raw(self, body: bytes) -> bytes:
        """A body as it may be shown."""
        text = body.decode("utf-8", "surrogateescape")
        shown = self(text)
        return body if shown == text else shown.encode("utf-8", "surrogateescape")

    def header(self, name: str, value: str) -> str:
        """The value of a header as it may be shown; the name is in lower case."""
        if name in PAIRS:
            # AUTH-1: the last colon parts host and key.
            host, colon, key = value.rpartition(":")
            value = f"{host}{colon}{last_four(key)}"
        elif name in SECRETS:
            scheme, blank, secret = value.partition(" ")
            names_scheme = name.endswith("authorization") and scheme.isalpha() and blank
            value = f"{scheme} {last_four(secret)}" if names_scheme else last_four(value)
        return self(value)


def last_four(secret: str) -> str:
    """What is shown of a secret."""
    return secret and f"…{secret[-4:] if len(secret) >= SHORTEST_SHOWN else ''}"
