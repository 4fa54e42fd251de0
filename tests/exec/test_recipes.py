"""The recipes that are files: the scripts are run, and the rest is checked against the schemas of its formats."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

RECIPES: Final = Path(__file__).parents[2] / "docs" / "recipes"


def run(*command: str, folder: Path = RECIPES) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", *command], cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_shell_script_takes_a_person_off_the_mock() -> None:
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


@pytest.mark.parametrize(
    ("recipe", "schema"),
    [("github-actions.yml", "vendor.github-workflows"), ("compose.yaml", "vendor.compose-spec")],
)
def test_a_recipe_that_is_not_run_is_valid_by_the_schema_of_its_format(recipe: str, schema: str) -> None:
    done = run("check_jsonschema", "--builtin-schema", schema, recipe)

    assert (done.returncode, done.stdout) == (0, "ok -- validation done\n"), done.stdout + done.stderr
