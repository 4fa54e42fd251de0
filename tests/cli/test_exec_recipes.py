"""The recipes that are files: scripts are run, and the others are validated against the schemas of their formats."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest
from support.child_clients import guarded_path

RECIPES: Final = Path(__file__).parents[2] / "docs" / "recipes"


# Its clients look at no environment.
SCRIPT: Final = """
import asyncio
import http.client
import socket
import sys
import threading
from pathlib import Path

import aiohttp

AUTH = {"Http-X-Partner-Auth": "example_site:e179017a-62b0-4996-8a38-e91aa9f1"}

async def by_aiohttp():
    async with aiohttp.ClientSession(headers=AUTH) as session:
        async with session.get("https://app.periscopedata.com/api/v1/users") as response:
            return response.status

def by_http_client():
    connection = http.client.HTTPSConnection("api.periscopedata.com")
    connection.request("GET", "/api/v1/groups", headers=AUTH)
    status = connection.getresponse().status
    connection.close()
    return status

def late():
    threading.main_thread().join()
    print("late", by_http_client())

print(__name__, sys.argv[1:], Path(sys.path[0]).name, asyncio.run(by_aiohttp()), by_http_client())
threading.Thread(target=late).start()
try:
    socket.create_connection(("app.periscopedata.com", 443))
except ConnectionError as error:
    print(type(error).__name__)
sys.exit(3)
"""


def run(*command: str, folder: Path = RECIPES, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", *command],
        cwd=folder,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_shell_script_off_boards_a_person_on_the_mock() -> None:
    done = run("mockscope", "exec", "--", "sh", "offboard.sh", "joey@example.com")

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        '"email":"chandler@example.com"',
        '"email":"mike@example.com"',
        '"email":"monica@example.com"',
        '"email":"rachel@example.com"',
    ]


@pytest.mark.skipif(shutil.which("npm") is None, reason="npm is not installed")
def test_the_tests_in_javascript_pass(tmp_path: Path) -> None:
    folder = shutil.copytree(RECIPES / "npm", tmp_path / "npm")

    done = run("mockscope", "exec", "--", "npm", "test", folder=folder)

    assert done.returncode == 0, done.stdout + done.stderr
    assert " pass 1\n" in done.stdout


def test_a_python_script_is_redirected_even_if_its_clients_ignore_the_proxy(tmp_path: Path) -> None:
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts" / "staff.py").write_text(SCRIPT)
    command = ["mockscope", "exec", "--", sys.executable, str(RECIPES / "redirected.py"), "scripts/staff.py", "--all"]

    done = run(*command, folder=tmp_path, PYTHONPATH=guarded_path(tmp_path))

    lines = ["__main__ ['--all'] scripts 200 200", "VendorHostRefused", "late 200"]
    assert (done.returncode, done.stdout.splitlines()) == (3, lines), done.stderr


@pytest.mark.parametrize(
    ("recipe", "schema"),
    [("github-actions.yml", "vendor.github-workflows"), ("compose.yaml", "vendor.compose-spec")],
)
def test_a_recipe_that_is_not_run_is_valid_against_its_schema(recipe: str, schema: str) -> None:
    done = run("check_jsonschema", "--builtin-schema", schema, recipe)

    assert (done.returncode, done.stdout) == (0, "ok -- validation done\n"), done.stdout + done.stderr
