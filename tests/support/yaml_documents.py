"""YAML, parsed by the loader in C: the control API's document takes the one in Python a second."""

from typing import Any

import yaml


def load_yaml(text: str | bytes) -> Any:
    """Return the plain data of a document in YAML."""
    return yaml.load(text, Loader=yaml.CSafeLoader)
