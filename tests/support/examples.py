"""The examples that Hypothesis draws: a part by default, all with ``--hypothesis-profile=full``."""

from typing import Final

from hypothesis import HealthCheck, settings

# The number of examples for tests that name none.
FULL: Final = 100
SHORT: Final = 30


def register_profiles() -> None:
    """Register the profiles short, full and random, and load short.

    Short and full draw the same examples in each run. No profile has a bound of time: a test must pass on a busy
    machine.
    """
    unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
    settings.register_profile("short", unhurried, max_examples=SHORT, derandomize=True)
    settings.register_profile("full", unhurried, max_examples=FULL, derandomize=True)
    settings.register_profile("random", unhurried, max_examples=FULL)
    settings.load_profile("short")


def examples(number: int) -> int:
    """Return the part of so many examples that the profile draws."""
    return number * settings().max_examples // FULL
