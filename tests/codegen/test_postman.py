"""The Postman collection that openapi-to-postmanv2 makes, run by newman."""

import json

import pytest
from support.codegen import Demo, npm_tool, run
from support.codegen import demo as demo

pytestmark = pytest.mark.slow

# An importer sends each header for which it finds a value, so it gets one user.
USERS = ("get_user", "create_user", "update_user", "delete_user")
GROUPS = ("list_groups", "create_group", "get_group", "update_group", "delete_group")


@pytest.mark.parametrize(
    ("options", "operations"),
    [
        ("", (*USERS, *GROUPS)),
        (",folderStrategy=Tags", (*USERS, *GROUPS) * 2),
        (",enableOptionalParameters=false", ("list_users", *USERS[1:], *GROUPS)),
    ],
)
def test_each_saved_request_succeeds_in_the_order_of_the_document(
    options: str, operations: tuple[str, ...], demo: Demo
) -> None:
    collection, report = demo.folder / "collection.json", demo.folder / "report.json"
    converter = (npm_tool("openapi2postmanv2"), "-s", demo.document(), "-o", collection)
    run(*converter, "-O", f"parametersResolution=Example{options}", folder=demo.folder)

    newman = (npm_tool("newman"), "run", collection, "--env-var", f"apiKey={demo.auth}")
    run(*newman, "--reporters", "json", "--reporter-json-export", report, folder=demo.folder)

    done = json.loads(report.read_text(encoding="utf-8"))["run"]["executions"]
    responses = [(one["response"]["code"], bytes(one["response"]["stream"]["data"]).decode()) for one in done]
    assert [response for response in responses if response[0] not in (200, 201)] == []
    assert [operation for operation, _, _ in demo.calls] == [*operations]
