"""The words for the basis of a rule."""

from typing import Final

BASES: Final = ("stated", "forced", "inferred", "chosen")
