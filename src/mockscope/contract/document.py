"""The paths of the contracts. That of the API is in the wheel or two levels above a checkout, ours in the package."""

from functools import cache
from pathlib import Path
from typing import Final

PACKAGE: Final = Path(__file__).resolve().parents[1]


@cache
def openapi_yaml() -> bytes:
    """``openapi.yaml``, byte for byte."""
    packaged = PACKAGE / "openapi.yaml"
    return (packaged if packaged.is_file() else PACKAGE.parents[1] / "openapi.yaml").read_bytes()


@cache
def openapi_json() -> bytes:
    """The same contract as JSON."""
    return _as_json(openapi_yaml())


@cache
def control_yaml() -> bytes:
    """``control.yaml``, the contract of the control API, byte for byte."""
    return (PACKAGE / "control.yaml").read_bytes()


@cache
def control_json() -> bytes:
    """The same contract as JSON."""
    return _as_json(control_yaml())


def _as_json(text: bytes) -> bytes:
    import json

    import yaml

    return json.dumps(yaml.load(text, Loader=yaml.CSafeLoader), ensure_ascii=False, indent=2).encode()
