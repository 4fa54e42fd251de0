"""OpenAPI Generator: its clients in Python, TypeScript and Go."""

import pytest
from support.codegen import (
    CONTROL_DOCUMENT,
    CONTROL_STEPS,
    VENDOR_CALLS,
    Demo,
    Step,
    generate_with_openapi_generator,
    run_go,
    run_python,
    run_typescript,
    vendor_steps,
)
from support.codegen import demo as demo

pytestmark = pytest.mark.slow


def test_its_python_client_carries_out_all_operations(demo: Demo) -> None:
    assert generate_with_openapi_generator("python", demo.document(), demo.folder) == []

    steps = vendor_steps(demo)
    assert run_python("openapi_generator_python.py", demo, demo.auth) == steps
    assert demo.calls == VENDOR_CALLS


def test_its_typescript_client_carries_out_all_operations(demo: Demo) -> None:
    assert generate_with_openapi_generator("typescript-fetch", demo.document(), demo.folder / "vendor_client") == []

    steps = vendor_steps(demo)
    assert run_typescript("openapi_generator_typescript.ts", demo, demo.auth) == steps
    assert demo.calls == VENDOR_CALLS


def test_its_go_client_carries_out_all_operations(demo: Demo) -> None:
    assert generate_with_openapi_generator("go", demo.document(), demo.folder / "src/vendor_client") == []

    steps = vendor_steps(demo)
    assert run_go("openapi_generator_go.go", demo, demo.auth) == steps
    assert demo.calls == VENDOR_CALLS


def test_its_python_client_controls_a_server(demo: Demo) -> None:
    assert generate_with_openapi_generator("python", demo.document(CONTROL_DOCUMENT), demo.folder) == []

    assert run_python("openapi_generator_control.py", demo, f"{demo.server.url}/api/v1/users") == CONTROL_STEPS
    [admin] = demo.server.sites["central_perk"].users.values()
    assert admin.last_login_at is None


def test_its_typescript_client_plans_a_fault(demo: Demo) -> None:
    document = demo.document(CONTROL_DOCUMENT)
    assert generate_with_openapi_generator("typescript-fetch", document, demo.folder / "control_client") == []

    assert run_typescript("openapi_generator_control.ts", demo, demo.site.host) == [
        Step("add_fault", "Fault", ["get_user", 503, {"email": "joey@example.com"}]),
        Step("list_faults", "Faults", ["fault-1"]),
    ]
