"""Which processes descend from this one, as the system tells it."""

import os
from pathlib import Path
from typing import Final

import pytest

from mockscope import adopting
from mockscope.adopting import descendants

ME: Final = os.getpid()
# Beyond what Linux numbers.
CHILD, GRANDCHILD, STRANGER = 2**22 + 1, 2**22 + 2, 2**22 + 3


@pytest.fixture
def processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What the system tells, with nobody in it yet."""
    monkeypatch.setattr(adopting, "PROCESSES", tmp_path)
    return tmp_path


def tell(processes: Path, pid: int, parent: int, *, name: str = "sh", state: str = "S") -> None:
    (processes / f"{pid}").mkdir()
    (processes / f"{pid}" / "stat").write_text(f"{pid} ({name}) {state} {parent} 1 1 0 -1\n")


def test_children_and_theirs_descend_and_others_do_not(processes: Path) -> None:
    tell(processes, ME, 1)
    tell(processes, CHILD, ME)
    tell(processes, GRANDCHILD, CHILD)
    tell(processes, STRANGER, 1)

    assert descendants() == {CHILD, GRANDCHILD}


@pytest.mark.parametrize("state", ["Z", "X"])
def test_one_that_ended_is_not_there_and_its_children_are(processes: Path, state: str) -> None:
    # Its first thread has ended, and another one goes on.
    tell(processes, CHILD, ME, state=state)
    tell(processes, GRANDCHILD, CHILD)

    assert descendants() == {GRANDCHILD}


@pytest.mark.parametrize("name", ["a b", ") Z 1 (", "caf\N{LATIN SMALL LETTER E WITH ACUTE}"])
def test_a_process_may_be_called_anything(processes: Path, name: str) -> None:
    tell(processes, CHILD, ME, name=name)

    assert descendants() == {CHILD}


def test_a_name_that_is_no_text_is_one_too(processes: Path) -> None:
    (processes / f"{CHILD}").mkdir()
    (processes / f"{CHILD}" / "stat").write_bytes(b"%d (\xff) S %d 1\n" % (CHILD, ME))

    assert descendants() == {CHILD}


def test_one_of_whom_nothing_is_told_hides_no_other(processes: Path) -> None:
    # As root may read everything, it is a directory that can't be read.
    (processes / "1" / "stat").mkdir(parents=True)
    tell(processes, CHILD, ME)

    assert descendants() == {CHILD}


def test_numbers_that_are_given_anew_while_they_are_read_end_the_walk_all_the_same(processes: Path) -> None:
    # The parent ended after this process was read, and a child got its number.
    tell(processes, ME, CHILD)
    tell(processes, CHILD, ME)

    assert CHILD in descendants()
