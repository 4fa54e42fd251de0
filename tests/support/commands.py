"""Run commands of mockscope in this process, because a process for each wrong option would be slow."""

import signal
from collections.abc import Iterator, Mapping
from contextlib import chdir, contextmanager, nullcontext
from pathlib import Path
from typing import NamedTuple

from click.testing import CliRunner

from mockscope.cli.root import cli


class Done(NamedTuple):
    """The end of a command, with the names of subprocess.CompletedProcess."""

    returncode: int
    stdout: str
    stderr: str


@contextmanager
def restored_signals() -> Iterator[None]:
    """Restore the signal handlers afterwards: processes that later tests start would inherit ignored signals."""
    handlers = {number: signal.getsignal(number) for number in signal.valid_signals()}
    try:
        yield
    finally:
        for number, handler in handlers.items():
            if signal.getsignal(number) is not handler:
                signal.signal(number, handler)


def invoke(*arguments: str, folder: Path | None = None, environment: Mapping[str, str] | None = None) -> Done:
    """Run a command that ends by itself, and restore the signal handlers."""
    with restored_signals(), nullcontext() if folder is None else chdir(folder):
        result = CliRunner().invoke(cli, arguments, prog_name="mockscope", env=environment)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return Done(result.exit_code, result.stdout, result.stderr)
