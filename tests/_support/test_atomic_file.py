"""mockscope._support.atomic_file: the old content or the new, and who may read it."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from mockscope._support import atomic_file


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture(autouse=True)
def no_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def test_a_new_file_with_secrets_is_for_its_owner_alone(tmp_path: Path) -> None:
    atomic_file.write(tmp_path / "key", b"one")

    assert ((tmp_path / "key").read_bytes(), mode_of(tmp_path / "key")) == (b"one", 0o600)


def test_a_new_file_without_secrets_has_the_mode_of_the_umask(tmp_path: Path) -> None:
    os.umask(0o022)
    atomic_file.write(tmp_path / "ca.pem", b"one", private=False)

    assert mode_of(tmp_path / "ca.pem") == 0o644


@pytest.mark.parametrize("private", [True, False])
def test_a_file_that_is_there_keeps_its_mode(tmp_path: Path, *, private: bool) -> None:
    (tmp_path / "old").touch()
    (tmp_path / "old").chmod(0o640)
    os.umask(0o077)
    atomic_file.write(tmp_path / "old", b"two", private=private)

    assert ((tmp_path / "old").read_bytes(), mode_of(tmp_path / "old")) == (b"two", 0o640)


def test_the_part_file_is_private_before_it_has_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    monkeypatch.setattr(os, "fsync", lambda handle: seen.append(stat.S_IMODE(os.fstat(handle).st_mode)))
    atomic_file.write(tmp_path / "key", b"one")

    assert seen[0] == 0o600


def test_a_link_is_replaced_and_not_followed(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("precious")
    (tmp_path / "precious").chmod(0o644)
    (tmp_path / "ready").symlink_to("precious")
    atomic_file.write(tmp_path / "ready", b"one")

    assert not (tmp_path / "ready").is_symlink()
    assert ((tmp_path / "precious").read_text(), mode_of(tmp_path / "ready")) == ("precious", 0o600)


def test_a_part_file_that_exists_already_is_not_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "precious").write_text("precious")
    monkeypatch.setattr(os, "urandom", bytes)
    (tmp_path / f".ready.{'00' * 8}.part").symlink_to("precious")

    with pytest.raises(FileExistsError):
        atomic_file.write(tmp_path / "ready", b"one")
    assert (tmp_path / "precious").read_text() == "precious"
    assert (tmp_path / f".ready.{'00' * 8}.part").is_symlink()


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_an_error_leaves_the_old_file_and_nothing_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    (tmp_path / "old").write_text("whole")

    def fail(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path if step == "replace" else os, step, fail)
        with pytest.raises(OSError, match="No space left"):
            atomic_file.write(tmp_path / "old", b"new")

    assert [each.name for each in tmp_path.iterdir()] == ["old"]
    assert (tmp_path / "old").read_text() == "whole"


def test_a_folder_that_takes_no_file_fails_the_check(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        atomic_file.check(tmp_path / "nowhere" / "state.json")


def test_a_file_marked_read_only_fails_the_check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "state.json").write_text("{}")
    real = Path.open

    def read_only(path: Path, mode: str = "r", **options: object) -> object:
        if set(mode) & set("wa+"):
            raise PermissionError(13, "Permission denied")
        return real(path, mode)

    monkeypatch.setattr(Path, "open", read_only)
    with pytest.raises(PermissionError):
        atomic_file.check(tmp_path / "state.json")


def test_leftovers_stay_while_another_process_writes(tmp_path: Path) -> None:
    fcntl = pytest.importorskip("fcntl")
    leftover = tmp_path / ".state.json.0123456789abcdef.part"
    leftover.touch()
    handle = os.open(tmp_path, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_SH)
        atomic_file.remove_leftovers(tmp_path / "state.json")
        assert leftover.exists()
    finally:
        os.close(handle)

    atomic_file.remove_leftovers(tmp_path / "state.json")
    assert not leftover.exists()
