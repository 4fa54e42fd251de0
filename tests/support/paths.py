"""The paths of the checkout and of the packages."""

from pathlib import Path
from types import ModuleType
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]


def package_folder(package: ModuleType) -> Path:
    """Return the folder of a package, in the checkout or among the installed packages."""
    assert package.__file__ is not None
    return Path(package.__file__).parent
