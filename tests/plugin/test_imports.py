"""The plugin imports only itself while no fixture is used."""

import json
import subprocess
import sys

from pytest_mockscope.markers import MARKER_NAMES, POLICY
from support.bounds import WAIT_SECONDS

import mockscope

LOADED = """
import json, sys
import pytest
before = set(sys.modules)
import pytest_mockscope
print(json.dumps(sorted(name.partition(".")[0] for name in set(sys.modules) - before)))
"""


def printed_by(script: str) -> str:
    """Return the output of a script in a process of its own."""
    command = [sys.executable, "-c", script]
    return subprocess.run(command, capture_output=True, text=True, timeout=WAIT_SECONDS, check=True).stdout


def test_the_plugin_imports_only_the_standard_library_and_pytest() -> None:
    printed = printed_by(LOADED)

    foreign = {name for name in json.loads(printed) if name not in sys.stdlib_module_names}
    assert foreign == {"pytest_mockscope"}


def test_importing_mockscope_imports_nothing_else() -> None:
    script = "import json, sys; import mockscope; print(json.dumps(sorted(sys.modules)))"
    printed = printed_by(script)

    assert [name for name in json.loads(printed) if name.startswith(("mockscope", "starlette", "uvicorn"))] == [
        "mockscope"
    ]


def test_every_public_name_can_be_imported() -> None:
    assert [name for name in mockscope.__all__ if not hasattr(mockscope, name)] == []
    assert dir(mockscope) == sorted(mockscope.__all__)


def test_the_marker_knows_every_policy_switch() -> None:
    assert mockscope.Policy.__struct_fields__ == POLICY
    arguments = ("host", "api_key", "seed", "scenario", "strict", "contract", "faults", "timeline")
    assert (*arguments, *POLICY) == MARKER_NAMES
