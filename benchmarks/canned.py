"""pytest-httpserver with responses from a file: ``python -m benchmarks.canned --responses FILE --port N``."""

import argparse
import json
import signal
from importlib import import_module
from pathlib import Path

from benchmarks.servers import HOST


def main() -> None:
    """Serve until SIGTERM."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--responses", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    options = parser.parse_args()
    # Blocked in all threads, because the kernel may deliver a signal to the thread of the server.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    # Imported by name, because only the extra `benchmarks` installs it.
    with import_module("pytest_httpserver").HTTPServer(HOST, options.port) as server:
        for each in json.loads(options.responses.read_text()):
            expected = server.expect_request(each["path"], method=each["method"], headers=each["headers"])
            expected.respond_with_data(each["body"], status=each["status"], content_type="application/json")
        signal.sigwait({signal.SIGTERM})


if __name__ == "__main__":
    main()
