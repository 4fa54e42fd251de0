"""Loading a large site shows its progress on a terminal."""

import json
import os
import pty
import signal
import subprocess
import sys
from pathlib import Path
from typing import Final

COMMAND: Final = (sys.executable, "-m", "mockscope", "serve", "--port", "0", "--seed")


def seed(folder: Path, users: int) -> Path:
    path = folder / "crowd.json"
    path.write_text(json.dumps({"mockscope": 1, "sites": [{"host": "crowd", "generate": {"users": users, "seed": 7}}]}))
    return path


def shown_on_a_terminal(path: Path) -> str:
    """Return the output of a server on a terminal up to its first response."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen([*COMMAND, str(path)], stdout=subprocess.PIPE, stderr=theirs)
    os.close(theirs)
    shown = b""
    try:
        assert process.stdout is not None
        assert b"answers at" in process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        while piece := read(ours):
            shown += piece
        assert process.wait(300) == 0
    finally:
        process.kill()
        process.communicate()
        os.close(ours)
    return shown.decode()


def read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # how a terminal ends that nobody writes to any more
        return b""


def test_a_large_site_shows_a_bar_on_a_terminal(tmp_path: Path) -> None:
    shown = shown_on_a_terminal(seed(tmp_path, 20_000))

    assert "mockscope: loading users" in shown
    assert shown.count("100%") == 1


def test_a_small_site_shows_no_bar(tmp_path: Path) -> None:
    assert "users" not in shown_on_a_terminal(seed(tmp_path, 200))


def test_there_is_no_bar_without_a_terminal(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [*COMMAND, str(seed(tmp_path, 20_000))], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    process.stdout.readline()
    process.send_signal(signal.SIGTERM)
    assert process.communicate(timeout=300)[1] == ""
