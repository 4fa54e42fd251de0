"""Client generators and importers, and how they run on the documents of a served demo site.

The tools are installed in tests/codegen. If one is missing, its test is skipped; under MOCKSCOPE_CODEGEN=required, it
fails.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any, Final, NamedTuple

import httpx
import pytest

import mockscope
from mockscope import LiveServer, MockSite
from support.bounds import WAIT_SECONDS
from support.paths import ROOT
from support.tools import skip_unless_required

ROOM: Final = ROOT / "tests/codegen"
SCRIPTS: Final = ROOM / "scripts"
PYTHON: Final = ROOT / "build/codegen/bin/python"
PACKAGES: Final = ROOM / "node_modules"

PIP_INSTALL: Final = "python -m venv build/codegen && build/codegen/bin/pip install '.[codegen]'"
NPM_INSTALL: Final = "npm install --prefix tests/codegen --no-package-lock"
APT_INSTALL: Final = "apt-get install default-jre-headless golang-go"

VENDOR_DOCUMENT: Final = "/openapi.yaml"
CONTROL_DOCUMENT: Final = "/_mockscope/v1/openapi.yaml"

# OpenAPI Generator gives these warnings for every document.
OPENAPI_GENERATOR_NOISE: Final = ("OpenAPI 3.1 support is still in beta", "Failed to get the schema name: null")
TIMES: Final = ("last_login_at", "password_updated_at")


class Demo(NamedTuple):
    """A served demo site, and the folder of its test."""

    server: LiveServer
    folder: Path

    @property
    def site(self) -> MockSite:
        """The demo site."""
        return self.server.sites["example_site"]

    @property
    def auth(self) -> str:
        """The value of the auth header."""
        return self.site.headers["Http-X-Partner-Auth"]

    @property
    def calls(self) -> list[tuple[str | None, bool, int | None]]:
        """The calls that the site got: operation, test mode and status."""
        return [(call.operation, call.test_mode, call.status) for call in self.site.calls]

    def document(self, path: str = VENDOR_DOCUMENT) -> Path:
        """Save a document as it is served, and return its path."""
        saved = self.folder / path.strip("/").replace("/", "-")
        saved.write_bytes(httpx.get(f"{self.server.url}{path}").raise_for_status().content)
        return saved


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Demo]:
    """A served demo site of the test's own."""
    with as_file(files("mockscope") / "demo.json") as seed, mockscope.serve(seed) as server:
        yield Demo(server, tmp_path)


# -- the tools ---------------------------------------------------------------------------------------------------


def installed(tool: Path | str, command: str) -> str:
    """Return the path of a tool, or skip the test with the command that installs it."""
    found = shutil.which(tool)
    if found is None:
        skip_unless_required(f"{Path(tool).name} is not installed: {command}", "MOCKSCOPE_CODEGEN")
    return found


def pip_tool(name: str) -> str:
    """Return the path of a command that pip installed."""
    return installed(PYTHON.with_name(name), PIP_INSTALL)


def npm_tool(name: str) -> str:
    """Return the path of a command that npm installed."""
    return installed(PACKAGES / ".bin" / name, NPM_INSTALL)


def tool_environment() -> dict[str, str]:
    """Return the environment of a tool. The tools of npm need its node, which is newer than that of most systems."""
    return os.environ | {"PATH": os.pathsep.join([str(PACKAGES / ".bin"), os.environ["PATH"]]), "NO_COLOR": "1"}


def run(*command: str | Path, folder: Path, **environment: str) -> str:
    """Run a command in a folder, and return its output.

    Raises:
        AssertionError: If its status is not 0.
    """
    done = subprocess.run(
        command,
        cwd=folder,
        env=tool_environment() | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=WAIT_SECONDS,
        check=False,
    )
    assert done.returncode == 0, f"{' '.join(map(str, command))}:\n{done.stdout}"
    return done.stdout


def generate_with_openapi_generator(generator: str, document: Path, output: Path) -> list[str]:
    """Generate a client with OpenAPI Generator, and return its warnings."""
    installed("java", APT_INSTALL)
    printed = run(
        *(pip_tool("openapi-generator-cli"), "generate", "-g", generator, "-i", document, "-o", output),
        folder=document.parent,
    )
    lines = [line for line in printed.splitlines() if "WARN" in line or "ERROR" in line]
    return [line for line in lines if not any(noise in line for noise in OPENAPI_GENERATOR_NOISE)]


# -- the scripts, each with the client that was generated into the folder of the test ------------------------------


class Step(NamedTuple):
    """One line of a script's output: an operation, the type of its result, and the result or some values of it."""

    operation: str
    type: str
    value: dict[str, Any] | list[Any]


def run_python(script: str, demo: Demo, *arguments: str) -> list[Step]:
    """Check the types of a script, and run it."""
    path = shutil.copy(SCRIPTS / script, demo.folder)
    run(
        *(sys.executable, "-m", "mypy", "--strict", "--follow-imports=silent", "--no-incremental", "--config-file="),
        *("--python-executable", PYTHON, path),
        folder=demo.folder,
        MYPYPATH=".",
    )
    return parse_steps(run(PYTHON, path, *arguments, folder=demo.folder))


def run_typescript(script: str, demo: Demo, *arguments: str) -> list[Step]:
    """Check the types of a script, compile it, and run it."""
    path = Path(shutil.copy(SCRIPTS / script, demo.folder))
    shutil.copy(SCRIPTS / "having.ts", demo.folder)
    compiled = demo.folder / "compiled"
    (demo.folder / PACKAGES.name).symlink_to(PACKAGES)
    run(
        *(npm_tool("tsc"), "--strict", "--target", "es2022", "--module", "commonjs", "--types", "node"),
        *("--skipLibCheck", "--rootDir", demo.folder, "--outDir", compiled, path),
        folder=demo.folder,
    )
    return parse_steps(run("node", compiled / f"{path.stem}.js", *arguments, folder=demo.folder))


def run_go(script: str, demo: Demo, *arguments: str) -> list[Step]:
    """Compile a script, and run it."""
    program = installed("go", APT_INSTALL)
    path = shutil.copy(SCRIPTS / script, demo.folder)
    validator = demo.folder / "src/gopkg.in/validator.v2"
    validator.mkdir(parents=True)
    shutil.copy(SCRIPTS / "validator.go", validator)
    # Without modules, nothing is downloaded.
    environment = {"GO111MODULE": "off", "GOPATH": str(demo.folder)}
    return parse_steps(run(program, "run", path, *arguments, folder=demo.folder, **environment))


def parse_steps(output: str) -> list[Step]:
    """Parse the output of a script: an array for each operation, in a line."""
    return [Step(*parse_json(line)) for line in output.splitlines()]


def parse_json(text: str) -> Any:
    """Parse JSON, and the times of users in it, which clients write back with more or fewer digits."""
    return json.loads(text, object_hook=with_times)


def with_times(record: dict[str, Any]) -> dict[str, Any]:
    """Return a record with its times parsed."""
    return record | {key: datetime.fromisoformat(record[key]) for key in TIMES if record.get(key) is not None}


# -- the output of the scripts -----------------------------------------------------------------------------------

PHOEBE: Final = {
    "first_name": "Phoebe",
    "last_name": "Buffay",
    "email": "phoebe@example.com",
    "groups": ["Sales", "All Users"],
    "last_login_at": None,
    "password_updated_at": None,
    "tfa_enabled": False,
}
WRITES: Final = ("create_user", "update_user", "delete_user", "create_group", "update_group", "delete_group")


def vendor_steps(demo: Demo) -> list[Step]:
    """Return the output of each script that uses the vendor's API: six writes in test mode, then ten operations."""
    users, groups = (
        parse_json(httpx.get(f"{demo.server.url}/api/v1/{name}", headers=demo.site.headers).text)
        for name in ("users", "groups")
    )
    demo.site.calls.clear()
    return [
        *(Step(operation, "Message", {"message": "Action would have completed successfully"}) for operation in WRITES),
        Step("list_users", "UserPage", users),
        Step("create_user", "User", PHOEBE),
        Step("get_user", "User", PHOEBE),
        Step("update_user", "User", PHOEBE | {"last_name": "Hannigan"}),
        Step("delete_user", "Message", {"message": "User removed from example_site"}),
        Step("list_groups", "GroupPage", groups),
        Step("create_group", "Group", {"name": "Central Perk", "access": "Sql"}),
        Step("get_group", "GroupDetail", {"name": "Central Perk", "access": "Sql", "dashboards": []}),
        Step("update_group", "Group", {"name": "Central Perk", "access": "View"}),
        Step("delete_group", "Message", {"message": "Group removed from example_site"}),
    ]


VENDOR_CALLS: Final = [
    *((operation, True, 200) for operation in WRITES),
    ("list_users", False, 200),
    ("create_user", False, 201),
    ("get_user", False, 200),
    ("update_user", False, 200),
    ("delete_user", False, 200),
    ("list_groups", False, 200),
    ("create_group", False, 201),
    ("get_group", False, 200),
    ("update_group", False, 200),
    ("delete_group", False, 200),
]

CONTROL_STEPS: Final = [
    Step("create_site", "Site", ["central_perk", 10, 1]),
    Step("take_snapshot", "Snapshot", ["opening"]),
    Step("add_fault", "Fault", ["list_users", 503, None, 1]),
    Step("add_fault", "Fault", ["delete_user", None, 2]),
    Step("add_fault", "RateLimit", ["*", 100, 60]),
    Step("list_calls_of_site", "Calls", [503, ["list_users", 503]]),
    Step("list_faults", "Faults", ["Fault", "Fault", "RateLimit"]),
    Step("create_user", "User", ["joey@example.com", ["All Users"]]),
    Step("update_user", "User", ["Ken", "Tribbiani"]),
    Step("list_calls_of_site", "RecordChange", ["joey@example.com", "Ken", "Joe"]),
    Step("list_changes", "Changes", ["created", None, ["All Users"]]),
    Step("freeze_clock_of_site", "Clock", ["2014-02-06T23:46:07.000Z", True]),
    Step("move_clock_of_site", "Clock", ["2018-02-06T23:46:07.000Z", True]),
    Step("record_login", "User", ["2018-02-06T23:46:07.000Z"]),
    Step("restore_snapshot", "Site", ["central_perk"]),
    Step("list_sites", "Sites", ["example_site", "central_perk"]),
]
