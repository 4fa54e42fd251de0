"""openapi-typescript, whose types openapi-fetch uses."""

import pytest
from support.codegen import VENDOR_CALLS, Demo, npm_tool, run, run_typescript, vendor_steps
from support.codegen import demo as demo

pytestmark = pytest.mark.slow


def test_a_client_with_its_types_carries_out_all_operations(demo: Demo) -> None:
    printed = run(npm_tool("openapi-typescript"), demo.document(), "-o", "schema.ts", folder=demo.folder)
    assert "warn" not in printed.lower()

    steps = vendor_steps(demo)
    assert run_typescript("openapi_fetch.ts", demo, demo.server.url, demo.auth) == steps
    assert demo.calls == VENDOR_CALLS
