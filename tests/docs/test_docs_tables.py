"""The tables of the documentation match the code: options, fixtures, members, keys, switches, hints."""

import inspect
import json
import re
import tomllib
from typing import Any, Literal, get_args, get_origin, get_type_hints

import click
import msgspec
import pytest
import pytest_mockscope
from generate_docs import HINTS, SUPPORT, generated_files
from pytest_mockscope import options
from support.doc_blocks import read, tables

import mockscope
from mockscope.cli.root import COMMANDS, cli
from mockscope.seeds import format as seed_format

PROJECT: dict[str, Any] = tomllib.loads(read("pyproject.toml"))["project"]
EXTRAS: dict[str, list[str]] = PROJECT["optional-dependencies"]


def column(document: str, section: str, number: int = 0) -> list[str]:
    [table] = tables(document, section)
    return [row[number] for row in table]


def code(text: str) -> str:
    return f"`{text}`"


# -- the command line ------------------------------------------------------------------------------------------


def shown_default(value: object) -> str:
    match value:
        case None | ():
            return "none"
        case bool():
            return code(str(value).lower())
        case _:
            return code(str(value))


def options_of(command: click.Command) -> list[click.Parameter]:
    return command.params


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_the_options_of_a_command_are_those_of_its_table(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    command = cli.commands[name]
    for option in options_of(command):
        monkeypatch.delenv(str(twin_of(command, option)), raising=False)
    # Resilient, so that a required option may be missing.
    defaults = command.make_context(name, [], resilient_parsing=True).params
    found = [
        [
            code("/".join((*option.opts, *option.secondary_opts))),
            *([code(twin)] if (twin := twin_of(command, option)) else []),
            shown_default(defaults[str(option.name)]),
        ]
        for option in options_of(command)
    ]
    shown = [row[:-1] for table in tables("docs/command-line.md", name) for row in table]
    assert shown == found


def twin_of(command: click.Command, option: click.Parameter) -> str | None:
    """Return the environment variable of an option."""
    prefix = command.context_settings.get("auto_envvar_prefix")
    return str(option.envvar) if option.envvar else f"{prefix}_{str(option.name).upper()}" if prefix else None


def test_every_command_has_a_section() -> None:
    headings = re.findall(r"^## (.*)$", read("docs/command-line.md"), flags=re.MULTILINE)
    assert sorted(headings) == sorted(COMMANDS)


# -- pytest ----------------------------------------------------------------------------------------------------


class Recorder:
    """A mock of pytest's parser and its option group that records the plugin's options."""

    def __init__(self) -> None:
        self.options: list[str] = []
        self.ini: dict[str, Any] = {}

    def getgroup(self, name: str, description: str) -> "Recorder":
        return self

    def addoption(self, name: str, **details: Any) -> None:
        self.options.append(name)

    def addini(self, name: str, help: str, type: str = "string", default: Any = None) -> None:
        self.ini[name] = default


def test_the_options_of_the_plugin_are_those_of_its_table(monkeypatch: pytest.MonkeyPatch) -> None:
    recorder = Recorder()
    options.pytest_addoption(recorder)  # type: ignore[arg-type]
    found = [
        [code(twin) if (twin := f"--{name.replace('_', '-')}") in recorder.options else "", code(name), shown]
        for name, default in recorder.ini.items()
        for shown in [shown_default(default)]
    ]
    [table] = tables("docs/pytest.md", "Options")
    assert [row[:3] for row in table] == found
    twins = {row[0].strip("`") for row in found}
    assert [option for option in recorder.options if option not in twins] == ["--mockscope-token", "--mockscope-hold"]


def test_the_fixtures_of_the_plugin_are_those_of_its_table() -> None:
    found = [name for name in dir(pytest_mockscope) if name.startswith("mockscope")]
    assert sorted(column("docs/pytest.md", "The fixtures")) == sorted(map(code, found))


def test_the_members_of_a_site_are_those_of_its_table() -> None:
    site = mockscope.Mockscope().site()
    methods = {name for name, _ in inspect.getmembers_static(type(site), inspect.isfunction)}
    found = [code(f"{name}()" if name in methods else name) for name in dir(site) if not name.startswith("_")]
    assert sorted(column("docs/pytest.md", "The site")) == sorted(found)


# Members of a call and of the calls that only the server uses.
FOR_THE_SERVER = {
    "clock",
    "delayed_until",
    "discard_changes",
    "discard_content",
    "finish",
    "head_bytes",
    "is_delayed",
    "mount_path",
    "export_before",
    "number",
    "redactor",
    "request",
    "size_bytes",
    "store_changes",
    "store_response",
    "thread",
}
FOR_THE_CALL_LOG = {"close", "mark_delayed", "end_delayed", "open", "reset", "size", "accidental", "redactor"}


def test_the_attributes_of_a_call_are_those_of_its_table() -> None:
    call = mockscope.Call("1", "GET", "/api/v1/users")
    names = {name for name in dir(call) if not name.startswith("_")} - FOR_THE_SERVER
    found = [code(f"{name}()" if inspect.ismethod(getattr(call, name)) else name) for name in names]
    assert sorted(column("docs/calls.md", "What a call holds")) == sorted(found)


def test_the_members_of_calls_are_those_of_their_table() -> None:
    calls = type(mockscope.Mockscope().calls)
    methods = {name for name, _ in inspect.getmembers_static(calls, inspect.isfunction)}
    names = {name for name in dir(calls) if not name.startswith("_")} - FOR_THE_CALL_LOG
    found = [code(f"{name}()" if name in methods else name) for name in names]
    shown = [name for cell in column("docs/calls.md", "Queries and assertions") for name in cell.split(", ")]
    assert sorted(shown) == sorted(found)


# -- seeds -----------------------------------------------------------------------------------------------------

SHAPES: list[type[msgspec.Struct]] = [
    seed_format.Seed,
    seed_format.SeedSite,
    seed_format.SeedUser,
    seed_format.SeedGroup,
    seed_format.SeedDashboard,
    seed_format.SeedGenerate,
]


def test_the_keys_of_a_seed_are_those_of_the_tables() -> None:
    found = [
        [[code(field.encode_name), "required" if field.required else ""] for field in msgspec.structs.fields(shape)]
        for shape in SHAPES
    ]
    shown = [[row[:2] for row in table] for table in tables("docs/seed-format.md", "The keys")]
    assert shown == found


def shown_values(annotation: Any) -> str:
    """Return the values of a switch from its type."""
    bare, *details = get_args(annotation)
    if bare is int:
        return f"{details[0].ge} to {details[0].le}"
    values = get_args(bare) if get_origin(bare) is Literal else (True, False)
    return ", ".join(shown_default(value) for value in values)


def test_the_policy_switches_are_those_of_the_table() -> None:
    hints = get_type_hints(mockscope.Policy, include_extras=True)
    found = [
        [code(field.name), shown_values(hints[field.name]), shown_default(field.default)]
        for field in msgspec.structs.fields(mockscope.Policy)
    ]
    [table] = tables("docs/seed-format.md", "Policy switches")
    assert [row[:3] for row in table] == found


def test_the_meaning_of_a_policy_switch_names_the_rule_of_its_description() -> None:
    [table] = tables("docs/seed-format.md", "Policy switches")
    hints = get_type_hints(mockscope.Policy, include_extras=True)
    for name, _, _, meaning in table:
        [rule] = re.findall(r"\(([A-Z0-9-]+)\)", get_args(hints[name.strip("`")])[1].description)
        assert f"[{rule}]" in meaning


# -- the rest --------------------------------------------------------------------------------------------------


def test_the_table_of_hints_is_the_catalogue() -> None:
    assert HINTS.read_text(encoding="utf-8") == generated_files()[HINTS], "stale: run python tests/generate_docs.py"


def test_the_newest_version_of_the_changelog_is_this_one() -> None:
    versions = re.findall(r"^## \[(.*?)\]", read("CHANGELOG.md"), flags=re.MULTILINE)
    assert versions[0] == mockscope.__version__


def test_the_table_of_versions_is_that_of_the_scripts_of_ci_and_has_each_python() -> None:
    text = SUPPORT.read_text(encoding="utf-8")
    assert text == generated_files()[SUPPORT], "stale: run python tests/generate_docs.py"
    versions = re.findall(r"Python :: (3\.\d+)", "\n".join(PROJECT["classifiers"]))
    assert sorted(set(re.findall(r"^\| Python (3\.\d+) on", text, flags=re.MULTILINE))) == versions


def test_the_extras_are_those_of_the_table() -> None:
    tables_of_extras = [table for table in tables("CONTRIBUTING.md", "Contributing") if len(table[0]) == 3]
    assert [{row[0].strip("`") for row in table} for table in tables_of_extras] == [{*EXTRAS}]


# -- the contract ----------------------------------------------------------------------------------------------


def test_the_versions_of_generators_and_importers_are_those_that_the_tests_run() -> None:
    requirements = dict(requirement.split("==") for requirement in EXTRAS["codegen"])
    pinned = requirements | json.loads(read("tests/codegen/package.json"))["dependencies"]
    [table] = [table for table in tables("docs/contract.md", "Generators and importers") if len(table[0]) == 3]
    assert {tool: version for tool, version, _ in table} == {tool: pinned[tool] for tool, *_ in table}
