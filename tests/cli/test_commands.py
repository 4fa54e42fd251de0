"""The commands are listed by the help, and each is imported alone."""

import re
import shlex
import subprocess
import sys
from typing import Final

import click
import pytest
from click.testing import CliRunner

from mockscope.cli.root import COMMANDS, cli


def test_help_lists_every_command_with_its_summary() -> None:
    shown = CliRunner().invoke(cli, ["--help"]).output

    summaries = dict(line.split(maxsplit=1) for line in shown.partition("Commands:\n")[2].splitlines())
    assert list(summaries) == sorted(COMMANDS)
    # click ends one that is too long with three dots.
    assert [summary for summary in summaries.values() if not re.fullmatch(r"\w.*\w\.", summary)] == []


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_a_command_ends_with_a_valid_example(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/")
    shown = CliRunner().invoke(cli, [name, "--help"]).output

    example = shown.rpartition("Example: ")[2]
    words = shlex.split(example.removeprefix('eval "$(').removesuffix(')"\n').partition(" > ")[0])
    assert words[:2] == ["mockscope", name]
    command = cli.commands[name]
    # A word that the command does not understand would raise.
    context = command.make_context(name, words[2:])
    assert isinstance(context, click.Context)


def test_an_unknown_command_is_refused_with_the_nearest_name() -> None:
    done = CliRunner().invoke(cli, ["serv"])

    assert (done.exit_code, done.output.splitlines()[-1]) == (
        2,
        "mockscope: No such command 'serv'. Did you mean 'serve'?",
    )


def test_an_interrupted_command_has_exit_status_130(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt() -> bytes:
        raise KeyboardInterrupt

    monkeypatch.setattr("mockscope.contract.document.openapi_yaml", interrupt)

    assert CliRunner().invoke(cli, ["openapi"]).exit_code == 130


# The options that take a number which need not be whole: how much they take at most.
NUMBERS: Final = {
    ("wait", "--timeout"): 86_400,
    ("pull", "--rate"): 1_000_000,
    ("pull", "--timeout"): 86_400,
    ("check", "--rate"): 1_000_000,
    ("check", "--timeout"): 86_400,
    ("contract", "--rate"): 1_000_000,
    ("contract", "--timeout"): 86_400,
}


def number_options() -> dict[tuple[str, str], click.Parameter]:
    context = click.Context(cli)
    commands = {name: cli.get_command(context, name) for name in COMMANDS}
    return {
        (name, parameter.opts[0]): parameter
        for name, command in commands.items()
        if command is not None
        for parameter in command.params
        if isinstance(parameter.type, click.types.FloatParamType)
    }


def test_the_options_that_take_a_number_are_known() -> None:
    assert number_options().keys() == NUMBERS.keys()


@pytest.mark.parametrize("option", NUMBERS, ids=" ".join)
def test_a_number_of_seconds_that_is_too_large_is_refused(option: tuple[str, str]) -> None:
    parameter, most = number_options()[option], NUMBERS[option]
    context = click.Context(cli)
    assert [parameter.type_cast_value(context, value) for value in ("1e-320", "0.5", str(most))] == [1e-320, 0.5, most]

    refused: dict[str, str] = {}
    for value in ("nan", "inf", "1e300", "-0.1"):
        with pytest.raises(click.BadParameter) as caught:
            parameter.type_cast_value(context, value)
        refused[value] = caught.value.message
    zero = "0<=x" if option in {("wait", "--timeout"), ("check", "--rate")} else "0<x"
    assert refused == {
        "nan": "'nan' is not a number.",
        "inf": f"inf is not in the range {zero}<={most}.",
        "1e300": f"1e+300 is not in the range {zero}<={most}.",
        "-0.1": f"-0.1 is not in the range {zero}<={most}.",
    }


FILES: Final = [
    (name, option.opts[0])
    for name in COMMANDS
    for option in cli.commands[name].params
    if isinstance(option, click.Option) and isinstance(option.type, click.Path) and option.type.file_okay
]


def test_the_commands_take_files() -> None:
    assert sorted({name for name, _ in FILES}) == ["check", "contract", "env", "exec", "pull", "serve", "wait"]


@pytest.mark.parametrize(("command", "option"), [*FILES, ("serve", "--host")])
def test_an_empty_option_is_refused_by_name(command: str, option: str) -> None:
    done = CliRunner().invoke(cli, [command, option, ""])

    line = f"Invalid value for '{option}': it is empty: give a value, or leave the option out"
    assert (done.exit_code != 0, line in done.output) == (True, True)


def test_an_empty_variable_counts_as_unset() -> None:
    done = CliRunner().invoke(cli, ["wait"], env={"MOCKSCOPE_READY_FILE": ""})

    assert (done.exit_code, "Missing option '--ready-file'." in done.output) == (2, True)


def test_a_command_imports_no_module_of_the_others() -> None:
    script = (
        "import sys; from mockscope.cli.root import cli\n"
        "try: cli.main(['serve', '--help'])\n"
        "finally: print([name for name in sys.modules if name.startswith('mockscope.') and '._support' not in name])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=300, check=True)

    assert done.stdout.splitlines()[-1] == (
        "['mockscope.cli.options', 'mockscope.cli.output', 'mockscope.cli.root', 'mockscope.cli', 'mockscope._vendor', "
        "'mockscope.cli.serve']"
    )


def test_a_server_with_the_demo_site_imports_no_yaml() -> None:
    script = (
        "import sys\n"
        "from mockscope.server.live import LiveServer\n"
        "from mockscope.cli.options import seed_or_demo\n"
        "with seed_or_demo(None) as seed, LiveServer(seed) as server:\n"
        "    print(sorted(server.sites), 'yaml' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=300, check=True)

    assert done.stdout == "['example_site'] False\n"
