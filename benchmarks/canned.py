"""pytest-httpserver in a process of its own, with answers from a file: ``--answers FILE --port N``."""

import argparse
import json
import signal
from importlib import import_module
from pathlib import Path

from benchmarks.children import HOST


def main() -> None:
    """Answer until SIGTERM."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--answers", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    options = parser.parse_args()
    # Waited for and not handled: the kernel may hand a signal to the server's thread, and then nobody wakes up.
    ends = {signal.SIGINT, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, ends)
    # By name, because nothing but this needs it to be installed.
    with import_module("pytest_httpserver").HTTPServer(HOST, options.port) as server:
        for answer in json.loads(options.answers.read_text()):
            server.expect_request(answer["path"], method=answer["method"], headers=answer["headers"]).respond_with_data(
                answer["body"], status=answer["status"], content_type="application/json"
            )
        signal.sigwait(ends)


if __name__ == "__main__":
    main()
