"""Random strings. Tests that mock ``secrets`` or ``os.urandom`` do not affect them."""

from random import SystemRandom
from typing import Final

_SYSTEM: Final = SystemRandom()


def random_hex(size: int) -> str:
    """Return ``size`` random bytes as hexadecimal digits."""
    return _SYSTEM.randbytes(size).hex()
