"""Hosts of sites and API keys: their format in the auth header, and random ones."""

import re
from typing import Final

from mockscope._support.randomness import random_hex
from mockscope._vendor import API_KEY

# All clients can send visible ASCII in a header.
HOST: Final = re.compile(r"[!-~]+")


def check_host(host: object) -> None:
    """Check that a host can be sent in the auth header.

    Raises:
        ValueError: If it is not a string of visible ASCII.
    """
    if not isinstance(host, str) or not HOST.fullmatch(host):
        raise ValueError(f"the host {host!r} can't stand in a header: use visible ASCII without blanks")


def check_api_key(api_key: object, host: str) -> None:
    """Check that a key can be sent in the auth header.

    Args:
        api_key: the key.
        host: the host of its site, for the message. The message does not show the key.

    Raises:
        ValueError: If it is not a string of visible ASCII without a colon.
    """
    if not isinstance(api_key, str) or not API_KEY.fullmatch(api_key):
        raise ValueError(f"the API key of {host} can't stand in a header: visible ASCII without blank or colon")


def new_api_key() -> str:
    """Return a random key in the format of the page's sample: 8-4-4-4-8 hexadecimal digits (AUTH-4)."""
    digits = random_hex(14)
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def new_host() -> str:
    """Return a random host, which no other site has."""
    return f"site-{random_hex(5)}"
