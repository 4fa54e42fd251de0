"""The command wait: until a server responds."""

import signal
import time
from pathlib import Path
from typing import Final

import click

from mockscope.cli.options import MAX_SECONDS, Number, ready_file_option
from mockscope.cli.output import FAILED, print_error
from mockscope.cli.ready_file import parse
from mockscope.server.certificates import CA_FILE

POLL_SECONDS: Final = 0.02
RESPONSE_SECONDS: Final = 5
MIN_RESPONSE_SECONDS: Final = 0.5


@click.command()
@ready_file_option
@click.option(
    "--timeout",
    type=Number(0, MAX_SECONDS),
    default=30,
    show_default=True,
    help="How many seconds to wait at most.",
)
def wait(*, ready_file: Path, timeout: float) -> int:
    """Wait until a server answers; exit status 1 if it does not."""
    # After Ctrl-C the status must not be 0: a script that waits must stop.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    latest = time.monotonic() + timeout
    while (reason := _find_problem(ready_file, latest)) is not None:
        if time.monotonic() >= latest:
            print_error(f"{reason} after {timeout:g} seconds")
            return FAILED
        # Another process writes the file, and nothing signals when.
        time.sleep(POLL_SECONDS)
    return 0


def _find_problem(path: Path, latest: float) -> str | None:
    """Return the reason why a server is not ready, or None if it is."""
    try:
        ready = parse(path.read_bytes())
    except OSError as error:
        return f"can't read the ready file {path} ({error.strerror or error})"
    except ValueError as error:
        return f"{path} is not a ready file ({error})"
    from urllib3 import PoolManager
    from urllib3.exceptions import HTTPError

    authority = None if ready.trust is None else str(Path(ready.trust) / CA_FILE)
    timeout_seconds = min(RESPONSE_SECONDS, max(MIN_RESPONSE_SECONDS, latest - time.monotonic()))
    try:
        with PoolManager(ca_certs=authority) as client:
            # This path is reserved: the request is neither logged nor recorded.
            response = client.request("HEAD", f"{ready.url}/openapi.yaml", timeout=timeout_seconds, retries=False)
    except HTTPError as error:
        return f"nothing answers at {ready.url} ({error.__cause__ or error})"
    # Another server may use the port of a mockscope that was killed.
    is_mockscope = response.headers.get("server") == "mockscope"
    return None if is_mockscope else f"the server at {ready.url} is not a mockscope"
