"""The number of examples that Hypothesis draws: a part by default, all with ``--hypothesis-profile=full``."""

from typing import Final

from hypothesis import settings

# The number of examples for tests that name none.
FULL: Final = 100
SHORT: Final = 30


def register_profiles() -> None:
    """Register the profiles short and full, and load short."""
    settings.register_profile("short", settings(), max_examples=SHORT)
    settings.register_profile("full", settings(), max_examples=FULL)
    settings.load_profile("short")


def examples(number: int) -> int:
    """Return the part of so many examples that the profile draws."""
    return number * settings().max_examples // FULL
