"""The contracts: ``openapi.yaml`` of the vendor's API, and ``control.yaml`` of the control API."""

import json
import re
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Final

PACKAGE: Final = Path(__file__).resolve().parents[1]
SERVERS: Final = re.compile(rb"^servers:\n(?: .*\n)+", re.MULTILINE)


@cache
def openapi_yaml() -> bytes:
    """Return ``openapi.yaml``."""
    return packaged_file("openapi.yaml")


def packaged_file(name: str, folder: Path = Path()) -> bytes:
    """Return a file that a wheel has in the package.

    Args:
        name: The name of the file.
        folder: Its folder in a checkout.
    """
    packaged = PACKAGE / name
    return (packaged if packaged.is_file() else PACKAGE.parents[1] / folder / name).read_bytes()


@cache
def control_yaml() -> bytes:
    """Return ``control.yaml``, which is in the package."""
    return (PACKAGE / "control.yaml").read_bytes()


def with_server(contract: bytes, url: str) -> bytes:
    """Return a contract in YAML whose only server is ``url``."""
    # A string in JSON is one in YAML too.
    servers = b"servers:\n  - url: %b\n" % json.dumps(url).encode()
    return SERVERS.sub(lambda match: servers, contract, count=1)


@lru_cache(maxsize=4)
def to_json(contract: bytes) -> bytes:
    """Return a contract in JSON."""
    return json.dumps(parse_yaml(contract), ensure_ascii=False, indent=2).encode()


def parse_yaml(document: bytes) -> Any:
    """Return the plain data of a packaged document in YAML."""
    # Imported late, because most servers do not need it.
    import yaml

    from mockscope.seeds.yaml_io import SafeLoader

    return yaml.load(document, Loader=SafeLoader)
