"""The commands: listed whole, loaded one by one."""

import subprocess
import sys

from click.testing import CliRunner

from mockscope.cli import COMMANDS, cli


def test_help_lists_every_command_with_what_it_does() -> None:
    shown = CliRunner().invoke(cli, ["--help"]).output

    listed = [line.split()[0] for line in shown.partition("Commands:\n")[2].splitlines()]
    assert listed == sorted(COMMANDS)
    assert all(len(line.split()) > 1 for line in shown.partition("Commands:\n")[2].splitlines())


def test_an_unknown_command_is_refused_with_the_nearest() -> None:
    done = CliRunner().invoke(cli, ["serv"])

    assert (done.exit_code, "No such command 'serv'" in done.output) == (2, True)


def test_a_command_loads_nothing_of_the_others() -> None:
    script = (
        "import sys; from mockscope.cli import cli\n"
        "try: cli.main(['serve', '--help'], standalone_mode=False)\n"
        "finally: print([name for name in sys.modules if name.startswith('mockscope.')])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=30, check=True)

    assert done.stdout.splitlines()[-1] == "['mockscope.shell', 'mockscope.cli', 'mockscope.serving']"


def test_a_server_with_the_demo_site_imports_no_yaml() -> None:
    script = (
        "import sys\n"
        "from mockscope.server import LiveServer\n"
        "from mockscope.shell import seed_or_demo\n"
        "with seed_or_demo(None) as seed, LiveServer(seed) as server:\n"
        "    print(sorted(server.sites), 'yaml' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=30, check=True)

    assert done.stdout == "['example_site'] False\n"
