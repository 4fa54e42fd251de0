"""The scenarios that come with mockscope: seeds of a site where others act, or where a response is lost."""

from pathlib import Path
from typing import Final

from mockscope._support.arguments import check_choice

FOLDER: Final = Path(__file__).parents[1] / "scenarios"
SCENARIOS: Final = ("user-vanishes", "key-rotated", "lost-response")


def scenario_file(name: str) -> Path:
    """Return the seed file of a scenario.

    Raises:
        ValueError: If the scenario is unknown. The message names the nearest one.
    """
    check_choice("scenario", name, SCENARIOS)
    return FOLDER / f"{name}.yaml"
