"""Each fenced block of the documentation is run, or is listed as not run."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from support.bounds import WAIT_SECONDS
from support.doc_blocks import DOCUMENTS, NOT_RUN_HERE, Block, blocks, blocks_in
from support.doc_shell import ADDRESS, environment, exchanges, run, served

import mockscope
from mockscope import Mockscope
from mockscope.seeds import files as seed_files
from mockscope.seeds.plan import NO_PLAN

COMMAND_LINE = "docs/command-line.md"
# The section with a test that fails on purpose.
FAILING = ("docs/pytest.md", "When a test fails")
# The page whose files are one project, across its sections.
TUTORIAL = "docs/tutorial.md"
# The blocks of JSON. Each has a test below.
SHOWN_JSON = [(COMMAND_LINE, "The ready file"), (COMMAND_LINE, "The request log")]


def seeds(*, broken: bool) -> list[Block]:
    return [block for block in blocks("yaml") if (block.section == "Errors") is broken]


def suite_of(block: Block) -> tuple[str, str]:
    """Return the document and the section whose files belong together."""
    return (block.document, "" if block.document == TUTORIAL else block.section)


def suites_of(blocks: list[Block]) -> list[tuple[str, str]]:
    return list(dict.fromkeys(map(suite_of, blocks)))


def files(document: str) -> list[Block]:
    return [block for block in blocks(document=document) if block.file_name]


def write_files(directory: Path, blocks: list[Block]) -> None:
    for block in blocks:
        assert block.file_name is not None, block.where
        (directory / block.file_name).write_text(block.text, encoding="utf-8")


# -- every block is run or listed ------------------------------------------------------------------------------


def is_run_or_listed(block: Block) -> bool:
    match block.language:
        case "python" | "yaml" | "console" | "text":
            return True
        case "toml":
            return block.file_name == "pyproject.toml"
        case "bash":
            return block.text in NOT_RUN_HERE
        case "json":
            return (block.document, block.section) in SHOWN_JSON
    return False


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_block_is_run_or_listed(document: str) -> None:
    assert [block.where for block in blocks(document=document) if not is_run_or_listed(block)] == []


def test_every_command_that_is_listed_as_not_run_is_in_the_readme() -> None:
    assert [block.text for block in blocks("bash")] == list(NOT_RUN_HERE)


@pytest.mark.parametrize("text", ["  ```python\n  ```\n", "~~~python\n~~~\n", "```python\n", "- ```python\n"])
def test_a_fence_that_hides_a_block_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match="line 1"):
        blocks_in(text, "some.md")


# -- python ----------------------------------------------------------------------------------------------------

SCRIPTS = [block for block in blocks("python") if not block.file_name]
# Sections with pytest settings have a run each; all others share one.
SUITES = suites_of([block for block in blocks("python") if block.file_name])
WITH_SETTINGS = suites_of(blocks("toml"))
RUNS = [[suite for suite in SUITES if suite not in (*WITH_SETTINGS, FAILING)], *([suite] for suite in WITH_SETTINGS)]
# pytest-asyncio warns without the option for the scope, and a warning is an error. Schemathesis' plugin takes a second
# to load, and no document needs it.
PYTEST_OPTIONS = (
    *("-q", "-W", "error", "-p", "no:cacheprovider", "-p", "no:schemathesis"),
    *("-o", "asyncio_default_fixture_loop_scope=function"),
)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda block: block.where)
def test_a_script_runs(script: Block) -> None:
    # With the line numbers of the document, for tracebacks.
    code = compile("\n" * script.line + script.text, script.document, "exec")
    exec(code, {"__name__": "__main__"})


@pytest.mark.parametrize("suites", RUNS, ids=["without settings", *(section for _, section in WITH_SETTINGS)])
def test_the_tests_of_a_section_pass(suites: list[tuple[str, str]], tmp_path: Path) -> None:
    expected = 0
    for document, section in suites:
        directory = tmp_path / (section.replace(" ", "_") or "tutorial") if len(suites) > 1 else tmp_path
        directory.mkdir(exist_ok=True)
        shown = [block for block in files(document) if suite_of(block) == (document, section)]
        write_files(directory, shown)
        expected += sum(block.text.count("def test_") for block in shown)

    done = subprocess.run(
        [sys.executable, "-m", "pytest", *PYTEST_OPTIONS, f"--rootdir={tmp_path}"],
        cwd=tmp_path,
        # Then Hypothesis has no deadline, which a busy machine would miss.
        env=environment() | {"CI": "true"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=WAIT_SECONDS,
        check=False,
    )

    assert re.findall(r"^(\d+) passed in ", done.stdout, flags=re.MULTILINE) == [f"{expected}"], done.stdout
    assert done.returncode == 0


def test_a_failed_test_prints_the_calls_of_the_document(tmp_path: Path) -> None:
    document, section = FAILING
    write_files(tmp_path, [block for block in files(document) if block.section == section])
    [shown] = [block for block in blocks("text", document=document) if block.section == section]

    seen = run(f"python -m pytest {' '.join(PYTEST_OPTIONS)}", tmp_path)

    wanted = [without_random_parts(line) for line in shown.text.replace("\\\n", "").splitlines()]
    found = [without_random_parts(line) for line in seen.splitlines()]
    start = found.index(wanted[0])
    assert found[start : start + len(wanted)] == wanted


def without_random_parts(line: str) -> str:
    return re.sub(r"site-[0-9a-f]+", "site-0", without_times(re.sub("-{4,}", "----", line)))


# -- console ---------------------------------------------------------------------------------------------------


SLOW_TO_SHOW = "docs/contract.md"
SHOWN = [
    pytest.param(document, marks=[pytest.mark.slow] if document == SLOW_TO_SHOW else [])
    for document in sorted({block.document for block in blocks("console")})
]


@pytest.mark.parametrize("document", SHOWN)
def test_a_command_prints_the_output_of_the_document(document: str, tmp_path: Path) -> None:
    shown = [exchange for block in blocks("console", document=document) for exchange in exchanges(block.text)]
    # The output of some commands says that a file is missing.
    missing = set(re.findall(r"can't read the seed (\S+):", "".join(exchange.output for exchange in shown)))
    write_files(tmp_path, [block for block in files(document) if block.file_name not in missing])
    # A command that is pytest must not print the warning of pytest-asyncio.
    (tmp_path / "pytest.ini").write_text("[pytest]\nasyncio_default_fixture_loop_scope = function\n", encoding="utf-8")
    beside = tmp_path / "beside"
    beside.mkdir()
    with served(beside) as server:
        for command, output in shown:
            if " answers at " in output:
                with served(tmp_path, *command.split()[2:]) as another:
                    assert another.banner == output.rstrip()
            else:
                seen = run(command.replace(ADDRESS, server.address), tmp_path)
                assert seen.replace(server.address, ADDRESS) == output.rstrip(), command


def test_a_command_continues_after_a_backslash_and_inside_quotes() -> None:
    text = "$ echo a \\\n    b\na b\n$ echo 'c\nd'\nc\nd\n$ true\n"
    assert exchanges(text) == [("echo a \\\n    b", "a b\n"), ("echo 'c\nd'", "c\nd\n"), ("true", "")]


# -- yaml ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("block", seeds(broken=False), ids=lambda block: block.where)
def test_a_seed_loads(block: Block, tmp_path: Path) -> None:
    path = tmp_path / "seed.yaml"
    path.write_text(block.text, encoding="utf-8")
    if "mockscope: 1\n" in block.text:
        assert Mockscope(path).sites
    else:
        # A file for exec --faults has no records.
        assert seed_files.load_plan(path) != NO_PLAN


@pytest.mark.parametrize("block", seeds(broken=True), ids=lambda block: block.where)
def test_a_broken_seed_has_the_error_of_the_document(block: Block, tmp_path: Path) -> None:
    write_files(tmp_path, [block])
    path = tmp_path / f"{block.file_name}"
    with pytest.raises(mockscope.SeedError) as caught:
        Mockscope(path)
    error = str(caught.value).replace(str(path), path.name)
    shown = [line for console in blocks("console", document=block.document) for line in console.text.splitlines()]
    assert f"mockscope: {error}" in shown


# -- json: the ready file and the log --------------------------------------------------------------------------


def shown_in(section: str, language: str) -> list[Block]:
    return [block for block in blocks(language, document=COMMAND_LINE) if block.section == section]


def test_the_ready_file_is_that_of_the_document(tmp_path: Path) -> None:
    with served(tmp_path) as server:
        written = server.ready_file.read_text(encoding="utf-8")
    text = re.sub(r'"pid": \d+', '"pid": 4711', written.replace(server.address, ADDRESS))
    assert [block.text for block in shown_in("The ready file", "json")] == [text]


def log_of_the_document(directory: Path, *arguments: str) -> list[str]:
    with served(directory, *arguments) as server:
        for block in shown_in("The request log", "console"):
            for exchange in exchanges(block.text):
                run(exchange.command.replace(ADDRESS, server.address), directory)
    return server.log.read_text(encoding="utf-8").splitlines()


def without_times(line: str) -> str:
    return re.sub(r"\d+\.\d\d ms", "0.00 ms", re.sub(r"^\d\d:\d\d:\d\d\.\d{3}", "00:00:00.000", line))


def test_the_log_in_text_is_that_of_the_document(tmp_path: Path) -> None:
    [block] = shown_in("The request log", "text")
    shown = block.text.replace("\\\n", "").splitlines()
    log = log_of_the_document(tmp_path)
    assert [without_times(line) for line in log] == [without_times(line) for line in shown]


def test_the_log_in_json_is_that_of_the_document(tmp_path: Path) -> None:
    [block] = shown_in("The request log", "json")
    shown: dict[str, Any] = json.loads(block.text)
    last = json.loads(log_of_the_document(tmp_path, "--log", "json")[-1])
    assert list(last) == list(shown)
    # The section sends two requests, and this is the second. The other values change with each run.
    assert last["id"].endswith("-2")
    changing = {"time", "id", "duration_ms"}
    assert {name: value for name, value in last.items() if name not in changing} == {
        name: value for name, value in shown.items() if name not in changing
    }
