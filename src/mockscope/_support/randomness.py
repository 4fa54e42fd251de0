"""Random texts. A test that mocks ``secrets`` or ``os.urandom`` for its own code mocks nothing here."""

from random import SystemRandom
from typing import Final

_SYSTEM: Final = SystemRandom()


def random_hex(size: int) -> str:
    """Return so many random bytes, as hexadecimal digits."""
    return _SYSTEM.randbytes(size).hex()
