"""hey-api/openapi-ts: its client with fetch."""

import pytest
from support.codegen import VENDOR_CALLS, Demo, npm_tool, run, run_typescript, vendor_steps
from support.codegen import demo as demo

pytestmark = pytest.mark.slow


def test_its_client_carries_out_all_operations(demo: Demo) -> None:
    command = (npm_tool("openapi-ts"), "-i", demo.document(), "-o", "vendor_client", "--no-log-file")
    assert "warn" not in run(*command, folder=demo.folder).lower()

    steps = vendor_steps(demo)
    assert run_typescript("hey_api.ts", demo, demo.auth) == steps
    assert demo.calls == VENDOR_CALLS
