"""Where the contract is: inside the package in a wheel, two levels above it in a checkout."""

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
    import json

    import yaml

    return json.dumps(yaml.load(openapi_yaml(), Loader=yaml.CSafeLoader), ensure_ascii=False, indent=2).encode()
