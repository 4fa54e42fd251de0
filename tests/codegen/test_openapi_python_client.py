"""openapi-python-client: its clients of the vendor's API and of the control API."""

import pytest
from support.codegen import (
    CONTROL_DOCUMENT,
    CONTROL_STEPS,
    VENDOR_CALLS,
    VENDOR_DOCUMENT,
    Demo,
    pip_tool,
    run,
    run_python,
    vendor_steps,
)
from support.codegen import demo as demo

pytestmark = pytest.mark.slow


def generate(demo: Demo, path: str, package: str) -> str:
    """Generate a package into the folder of the test, and return the output, which would have the warnings."""
    command = (pip_tool("openapi-python-client"), "generate", "--path", demo.document(path), "--fail-on-warning")
    return run(*command, "--meta", "none", "--output-path", package, folder=demo.folder)


def test_its_client_carries_out_all_operations(demo: Demo) -> None:
    assert generate(demo, VENDOR_DOCUMENT, "vendor_client") == "Generating vendor_client\n"

    steps = vendor_steps(demo)
    assert run_python("openapi_python_client.py", demo, demo.server.url, demo.auth) == steps
    assert demo.calls == VENDOR_CALLS


def test_its_client_controls_a_server(demo: Demo) -> None:
    assert generate(demo, CONTROL_DOCUMENT, "control_client") == "Generating control_client\n"

    users = f"{demo.server.url}/api/v1/users"
    assert run_python("openapi_python_client_control.py", demo, demo.server.url, users) == CONTROL_STEPS
    [admin] = demo.server.sites["central_perk"].users.values()
    assert admin.last_login_at is None
