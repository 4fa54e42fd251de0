"""Where the contracts are: that of the API inside a wheel, or two levels above a checkout; our own in the package."""

from functools import cache
from importlib.resources import files
from pathlib import Path


@cache
def openapi_yaml() -> bytes:
    """``openapi.yaml``, byte for byte."""
    packaged = files("mockscope") / "openapi.yaml"
    if packaged.is_file():
        return packaged.read_bytes()
    return (Path(__file__).resolve().parents[2] / "openapi.yaml").read_bytes()


@cache
def openapi_json() -> bytes:
    """The same contract as JSON."""
    return _as_json(openapi_yaml())


@cache
def control_yaml() -> bytes:
    """``control.yaml``, the contract of the control API, byte for byte."""
    return (files("mockscope") / "control.yaml").read_bytes()


@cache
def control_json() -> bytes:
    """The same contract as JSON."""
    return _as_json(control_yaml())


def _as_json(text: bytes) -> bytes:
    import json

    import yaml

    return json.dumps(yaml.load(text, Loader=yaml.CSafeLoader), ensure_ascii=False, indent=2).encode()
