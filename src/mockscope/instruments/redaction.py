"""Redaction of API keys in credentials, and in all text that may hold a key."""

import json
import re
from collections import Counter, deque
from threading import Lock
from typing import Any, Final
from urllib.parse import quote

from mockscope._vendor import AUTH_HEADER

KEY_PATTERN: Final = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{8}"
# The format of the vendor's keys (AUTH-4). With four more digits it is a UUID, which is not a secret. A UUID is
# redacted only if it begins with a known key.
KEY: Final = re.compile(f"{KEY_PATTERN}(?![0-9a-f])", re.IGNORECASE)
KEY_PREFIX: Final = re.compile(f"{KEY_PATTERN}(?=[0-9a-f])", re.IGNORECASE)
# The header with <site-host>:<api-key>, and misspelt names of it.
CREDENTIAL_HEADERS: Final = frozenset({AUTH_HEADER.lower(), "x-partner-auth", "x-http-partner-auth", "partner-auth"})
# Headers with secrets of another format.
SECRET_HEADERS: Final = frozenset({"authorization", "proxy-authorization", "x-api-key", "api-key", "cookie"})
# A redacted key begins with it. No key has it, because a key is ASCII.
ELLIPSIS: Final = "…"
# A shorter key is masked whole, because its last four characters would reveal too much.
MIN_SHOWN_CHARS: Final = 12
# Shorter keys are redacted only in the headers above, because in other text they may be ordinary words.
MIN_SEARCHED_CHARS: Final = 8


class Redactor:
    """Redacts API keys in text: all keys in the vendor's format, and known keys in other formats.

    It is thread-safe.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        # The known keys, with reference counts.
        self._known: Counter[str] = Counter()
        # Keys to remove. The garbage collector may call `remove_key` during `add_key`, while the lock is held.
        self._to_forget: deque[str] = deque()
        # Known keys in the vendor's format. There may be thousands, so they are looked up instead of searched for.
        self._vendor_keys: set[str] = set()
        self._spellings: dict[str, dict[str, str]] = {}

    def __repr__(self) -> str:
        return f"<Redactor that knows {sum(map(len, self._spellings.values()))} spellings of keys>"

    def add_key(self, key: str) -> None:
        """Add a key to the known keys."""
        with self._lock:
            self._drop_forgotten()
            self._known[key] += 1
            if KEY.fullmatch(key):
                self._vendor_keys.add(key.lower())
            elif len(key) >= MIN_SEARCHED_CHARS:
                self._spellings[key] = _spellings(key)

    def remove_key(self, key: str) -> None:
        """Remove a key that was added. A key that was added twice is removed with the second call. It takes no lock."""
        self._to_forget.append(key)

    def __call__(self, text: str) -> str:
        """Return the text with all keys redacted."""
        if self._to_forget:
            with self._lock:
                self._drop_forgotten()
        # Counting is cheaper than the search, and most texts have fewer hyphens.
        if text.count("-") >= 4:
            text = KEY.sub(lambda found: mask(found[0]), text)
            text = KEY_PREFIX.sub(self._last_four_if_known, text)
        for spellings in tuple(self._spellings.values()):
            for key, shown in spellings.items():
                if key in text:
                    text = text.replace(key, shown)
        return text

    def redact_json(self, data: Any) -> Any:
        """Redact keys in parsed JSON, and return it. Lists and dicts are changed in place."""
        whole = [data]
        left: list[Any] = [whole]
        # Not recursive, because JSON may be nested deeper than the recursion limit.
        while left:
            part = left.pop()
            if isinstance(part, dict):
                shown = {self(name): value for name, value in part.items()}
                part.clear()
                part.update(shown)
            for place, value in part.items() if isinstance(part, dict) else enumerate(part):
                if isinstance(value, str):
                    part[place] = self(value)
                elif isinstance(value, dict | list):
                    left.append(value)
        return whole[0]

    def redact_bytes(self, body: bytes) -> bytes:
        """Return a body with all keys redacted. Bytes that are not UTF-8 stay as they are."""
        text = body.decode("utf-8", "surrogateescape")
        shown = self(text)
        return body if shown == text else shown.encode("utf-8", "surrogateescape")

    def redact_header(self, name: str, value: str) -> str:
        """Return the value of a header with all keys redacted. The name must be in lower case."""
        if name in CREDENTIAL_HEADERS:
            # AUTH-1: the last colon separates host and key.
            host, colon, key = value.rpartition(":")
            # Host and key may be swapped.
            host = ":".join([mask(part) if part in self._known else part for part in host.split(":")])
            value = f"{host}{colon}{mask(key)}"
        elif name in SECRET_HEADERS:
            scheme, blank, secret = value.partition(" ")
            names_scheme = name.endswith("authorization") and scheme.isalpha() and blank
            value = f"{scheme} {mask(secret)}" if names_scheme else mask(value)
        return self(value)

    def _drop_forgotten(self) -> None:
        while self._to_forget:
            key = self._to_forget.popleft()
            self._known[key] -= 1
            if not self._known[key]:
                del self._known[key]
                self._vendor_keys.discard(key.lower())
                self._spellings.pop(key, None)

    def _last_four_if_known(self, found: re.Match[str]) -> str:
        return mask(found[0]) if found[0].lower() in self._vendor_keys else found[0]


def _spellings(key: str) -> dict[str, str]:
    """Return the spellings of a key in text, URLs, Python and JSON, each with its redacted form."""
    shown = mask(key)
    in_json = json.dumps(key)[1:-1]
    spelled = {
        key: shown,
        quote(key, safe=""): f"…{quote(shown[1:], safe='')}",
        repr(key)[1:-1]: repr(shown)[1:-1],
        in_json: json.dumps(shown, ensure_ascii=False)[1:-1],
        # A key may be sent as the name of a header.
        key.lower(): shown.lower(),
    }
    # Some JSON libraries escape slashes.
    spelled[in_json.replace("/", r"\/")] = spelled[in_json].replace("/", r"\/")
    return spelled


def mask(secret: str) -> str:
    """Return the redacted form of a secret, which shows its last four characters. A redacted one stays as it is."""
    if secret.startswith(ELLIPSIS):
        return secret
    return secret and f"{ELLIPSIS}{secret[-4:] if len(secret) >= MIN_SHOWN_CHARS else ''}"
