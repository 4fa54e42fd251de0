"""The files of serve and exec: no file of anybody else is overwritten, and no file has two uses."""

import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest
from support.commands import invoke
from trustme import CA

from mockscope import Authority
from mockscope.cli.ready_file import ReadyFile

COMMAND: Final = (sys.executable, "-m", "mockscope")
SEED: Final = "# Ross wrote this\nmockscope: 1\nsites:\n  - {host: central_perk, api_key: k}\n"
LETTER: Final = "Dear Phoebe, smelly cat is a hit.\n"


def run(folder: Path, *arguments: str) -> tuple[int, str, str]:
    done = subprocess.run([*COMMAND, *arguments], cwd=folder, capture_output=True, text=True, timeout=300, check=False)
    return done.returncode, done.stdout, done.stderr


@contextmanager
def serving(folder: Path, *options: str) -> Iterator["subprocess.Popen[str]"]:
    """Run a server, and yield once it is ready."""
    command = [*COMMAND, "serve", "--port", "0", "--log", "off", *options]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline().startswith("mockscope "), process.communicate()[1]
            yield process
        finally:
            process.terminate()
            process.communicate(timeout=300)


def contents(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir()}


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (["--seed=seed.yaml", "--ready-file=./seed.yaml"], "--seed and --ready-file need a file each"),
        (["--tls", "--seed=seed.yaml", "--ca-file=seed.yaml"], "--seed and --ca-file need a file each"),
        (["--state=new.json", "--ready-file=new.json"], "--state and --ready-file need a file each"),
        (["--tls", "--state=new.json", "--ca-file=link.json"], "--state and --ca-file need a file each"),
        (["--tls", "--ready-file=new.pem", "--ca-file=new.pem"], "--ready-file and --ca-file need a file each"),
        (
            ["--ready-file=letter.txt"],
            "--ready-file would be written over letter.txt, which is not a ready file: name another file, or remove it",
        ),
        (
            ["--ready-file=seed.yaml"],
            "--ready-file would be written over seed.yaml, which is not a ready file: name another file, or remove it",
        ),
        (
            ["--tls", "--ca-file=letter.txt"],
            "--ca-file would be written over letter.txt, which is not a certificate that mockscope made: "
            "name another file, or remove it",
        ),
    ],
)
def test_an_option_of_serve_that_would_overwrite_a_file_is_refused(
    tmp_path: Path, options: list[str], line: str
) -> None:
    (tmp_path / "seed.yaml").write_text(SEED)
    (tmp_path / "letter.txt").write_text(LETTER)
    (tmp_path / "link.json").symlink_to("new.json")
    before = sorted(path.name for path in tmp_path.iterdir())

    assert invoke("serve", "--port=0", *options, folder=tmp_path) == (2, "", f"mockscope: {line}\n")
    assert sorted(path.name for path in tmp_path.iterdir()) == before
    assert ((tmp_path / "seed.yaml").read_text(), (tmp_path / "letter.txt").read_text()) == (SEED, LETTER)


def test_the_ready_file_is_for_its_owner_alone_and_follows_no_link(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("precious")
    before = os.umask(0)
    try:
        with serving(tmp_path, "--control-token=unagi", "--ready-file=ready.json"):
            mode = stat.S_IMODE((tmp_path / "ready.json").stat().st_mode)
    finally:
        os.umask(before)
    (tmp_path / "ready.json").symlink_to("precious")
    ready_file = ReadyFile(tmp_path / "ready.json")
    with ready_file:
        ready_file.write({})
        assert not (tmp_path / "ready.json").is_symlink()

    assert (mode, (tmp_path / "precious").read_text()) == (0o600, "precious")


def test_a_ready_file_of_a_killed_server_is_replaced(tmp_path: Path) -> None:
    with serving(tmp_path, "--ready-file", "ready.json") as killed:
        killed.kill()
        killed.wait()
    left = json.loads((tmp_path / "ready.json").read_text())
    with serving(tmp_path, "--ready-file", "ready.json") as process:
        found = json.loads((tmp_path / "ready.json").read_text())

    assert (left["pid"], found["pid"], contents(tmp_path)) == (killed.pid, process.pid, {})


def test_an_empty_file_may_be_overwritten(tmp_path: Path) -> None:
    """Commands like mktemp create an empty file."""
    for name in ("ready.json", "ca.pem", "kept.yaml"):
        (tmp_path / name).touch()
    with serving(tmp_path, "--tls", "--ready-file=ready.json", "--ca-file=ca.pem"):
        assert json.loads((tmp_path / "ready.json").read_text())["ca_file"] == f"{tmp_path}/ca.pem"

    assert run(tmp_path, "exec", "--keep-state=kept.yaml", "true") == (0, "", "")
    assert (tmp_path / "kept.yaml").read_text().startswith("mockscope: 1\n")


def test_only_the_certificate_of_an_earlier_server_is_replaced(tmp_path: Path) -> None:
    ours, theirs = Authority().pem.decode(), CA().cert_pem.bytes().decode()
    (tmp_path / "ours.pem").write_text(ours)
    others = {"theirs.pem": theirs, "both.pem": ours + theirs, "with_key.pem": f"{ours}\nkey\n", "bytes.pem": "\x00"}
    for name, content in others.items():
        (tmp_path / name).write_text(content)
    with serving(tmp_path, "--tls", "--ca-file=ours.pem"):
        pass
    statuses = [invoke("serve", "--tls", f"--ca-file={name}", folder=tmp_path)[0] for name in others]

    found = contents(tmp_path)
    assert (found.pop("ours.pem") == ours, found, statuses) == (False, others, [2, 2, 2, 2])


def test_a_certificate_may_be_written_to_a_device(tmp_path: Path) -> None:
    with serving(tmp_path, "--tls", "--ca-file=/dev/stderr") as process:
        process.send_signal(signal.SIGTERM)
        assert process.communicate(timeout=300)[1].startswith("-----BEGIN CERTIFICATE-----\n")


def test_exec_writes_its_state_over_an_earlier_state_only(tmp_path: Path) -> None:
    (tmp_path / "seed.yaml").write_text(SEED)
    (tmp_path / "letter.txt").write_text(LETTER)
    keep = ("exec", "--seed=seed.yaml", "--keep-state")
    assert run(tmp_path, *keep, "kept.json", "true") == (0, "", "")
    (tmp_path / "kept.json").write_text('{"mockscope": 1, "sites": []}')
    assert run(tmp_path, *keep, "kept.json", "true") == (0, "", "")

    line = "--keep-state would be written over letter.txt, which is not a seed: name another file, or remove it"
    assert run(tmp_path, *keep, "letter.txt", "touch", "ran") == (2, "", f"mockscope: {line}\n")
    found = contents(tmp_path)
    assert '"central_perk"' in found.pop("kept.json")
    assert found == {"seed.yaml": SEED, "letter.txt": LETTER}
