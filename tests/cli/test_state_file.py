"""The option --state of serve: the next start has the last state, and no kill spoils the file."""

import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import Any, Final

import pytest
import requests
import yaml
from support.bounds import WAIT_SECONDS, join
from support.commands import invoke

from mockscope import Mockscope, SeedError
from mockscope.domain.site import Site
from mockscope.seeds.files import load_sites
from mockscope.seeds.state_file import StateFile

HOST: Final = "example_site"
KEY: Final = "e179017a-62b0-4996-8a38-e91aa9f1"
AUTH: Final = {"Http-X-Partner-Auth": f"{HOST}:{KEY}"}
COMMAND: Final = (sys.executable, "-m", "mockscope", "serve", "--port", "0", "--log", "off")
SEED: Final = {
    "mockscope": 1,
    "sites": [
        {
            "host": HOST,
            "api_key": KEY,
            "users": [{"first_name": "Joey", "last_name": "Tribbiani", "email": "joey@example.com"}],
        }
    ],
}


def seed_with(*names: str) -> dict[str, Any]:
    users = [{"first_name": name, "last_name": "Buffay", "email": f"{name.lower()}@example.com"} for name in names]
    return {"mockscope": 1, "sites": [{"host": HOST, "api_key": KEY, "users": users}]}


def exported(path: Path) -> dict[str, Any]:
    return Mockscope(path).export()


def environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("MOCKSCOPE_")}


class Served:
    """A running ``mockscope serve``."""

    def __init__(self, process: "subprocess.Popen[str]", url: str) -> None:
        self.process = process
        self.url = url

    def delete(self, email: str) -> None:
        response = requests.delete(f"{self.url}/api/v1/users", headers=AUTH | {"Http-X-Email": email})
        assert response.json() == {"message": f"User removed from {HOST}"}

    def emails(self) -> list[str]:
        response = requests.get(f"{self.url}/api/v1/users", headers=AUTH)
        return [user["email"] for user in response.json()["users"]]

    def end(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        self.process.send_signal(number)
        _, errors = self.process.communicate(timeout=300)
        return self.process.returncode, errors


@contextmanager
def serving(folder: Path, *options: str, **twins: str) -> Iterator[Served]:
    ready = folder / "ready.json"
    process = subprocess.Popen(
        [*COMMAND, "--ready-file", str(ready), *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=folder,
        env=environment() | twins,
    )
    assert process.stdout is not None
    try:
        # The ready file is there before the first line.
        line = process.stdout.readline()
        assert line.startswith("mockscope "), process.communicate()[1]
        yield Served(process, json.loads(ready.read_text())["url"])
    finally:
        process.kill()
        process.communicate()


def refused(folder: Path, *options: str) -> tuple[int, str, str]:
    return invoke("serve", "--port", "0", "--log", "off", *options, folder=folder)


# -- from one run to the next ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "number"),
    [("state.yaml", signal.SIGINT), ("state.json", signal.SIGTERM), ("state.json", signal.SIGHUP)],
)
def test_the_next_run_serves_the_state_of_the_last(tmp_path: Path, name: str, number: int) -> None:
    with serving(tmp_path, "--state", name) as served:
        served.delete("joey@example.com")
        left = served.emails()
        assert served.end(number) == (0, "")

    path = tmp_path / name
    assert ([each.name for each in tmp_path.iterdir()], stat.S_IMODE(path.stat().st_mode)) == ([name], 0o600)
    assert (path.read_text()[0] == "{") == name.endswith(".json")
    with serving(tmp_path, "--state", name) as served:
        assert served.emails() == left
        served.delete("monica@example.com")
        assert served.end(number) == (0, "")
    assert list(Mockscope(path).sites[HOST].users) == [email for email in left if email != "monica@example.com"]


def test_the_seed_is_used_in_the_first_run_only(tmp_path: Path) -> None:
    (tmp_path / "seed.json").write_text(json.dumps(seed_with("Phoebe", "Ursula")))
    with serving(tmp_path, "--seed", "seed.json", MOCKSCOPE_STATE="state.yaml") as served:
        assert served.emails() == ["phoebe@example.com", "ursula@example.com"]
        served.delete("ursula@example.com")
        served.end()
    with serving(tmp_path, "--seed", "seed.json", MOCKSCOPE_STATE="state.yaml") as served:
        assert served.emails() == ["phoebe@example.com"]


def test_a_state_that_is_loaded_and_written_is_the_same(tmp_path: Path) -> None:
    (tmp_path / "state.yaml").write_text(yaml.dump(seed_with("Phoebe")))
    before = exported(tmp_path / "state.yaml")
    with serving(tmp_path, "--state", "state.yaml") as served:
        served.end()

    assert exported(tmp_path / "state.yaml") == before


def test_a_second_signal_loses_no_state(tmp_path: Path) -> None:
    with serving(tmp_path, "--state", "state.json") as served:
        served.delete("joey@example.com")
        while served.process.poll() is None:
            served.process.send_signal(signal.SIGINT)
            served.process.send_signal(signal.SIGTERM)
        _, errors = served.process.communicate()

    assert (served.process.returncode, errors) == (0, "")
    assert "joey@example.com" not in Mockscope(tmp_path / "state.json").sites[HOST].users


def test_a_hangup_ignored_at_the_start_is_still_ignored(tmp_path: Path) -> None:
    """The command nohup starts a process so."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with serving(tmp_path, "--state", "state.json") as served:
            served.process.send_signal(signal.SIGHUP)
            assert served.emails()
            assert served.end() == (0, "")
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_state_that_cannot_be_written_at_the_end_is_one_line_and_exit_status_1(tmp_path: Path) -> None:
    folder = tmp_path / "states"
    folder.mkdir()
    with serving(tmp_path, "--state", "states/state.yaml") as served:
        folder.rmdir()
        assert served.end() == (1, "mockscope: the state was not written: No such file or directory\n")


# -- refused at the start --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", ": the file is empty: a seed begins with mockscope: 1"),
        ("mockscope: 1\nsites:\n  - host: a\n    polcy: {}\n", ", line 4: unknown key polcy; did you mean policy?"),
        ("mockscope: 2\n", ", line 1: this mockscope reads version 1 of the format only"),
        ("mockscope: 1\nsites: [}\n", ", line 2: not YAML: did not find expected node content"),
    ],
)
def test_a_state_that_cannot_be_loaded_is_refused_with_its_line_and_is_unchanged(
    tmp_path: Path, text: str, problem: str
) -> None:
    path = tmp_path / "state.yaml"
    path.write_text(text)

    assert refused(tmp_path, "--state", "state.yaml") == (2, "", f"mockscope: state.yaml{problem}\n")
    assert ([each.name for each in tmp_path.iterdir()], path.read_text()) == (["state.yaml"], text)


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("nowhere/state.yaml", "No such file or directory"),
        ("file/state.yaml", "Not a directory"),
        ("folder", "it is not a regular file"),
        ("/", "it is not a regular file"),
        ("/dev/null", "it is not a regular file"),
        (f"{'x' * 300}.yaml", "File name too long"),
    ],
)
def test_an_unwritable_state_file_is_refused_at_the_start(tmp_path: Path, name: str, problem: str) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()

    line = f"mockscope: can't write the state file {name}: {problem}\n"
    assert refused(tmp_path, "--state", name) == (2, "", line)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["file", "folder"]


def test_a_start_that_fails_later_writes_no_state(tmp_path: Path) -> None:
    status, _, _ = refused(tmp_path, "--state", "state.yaml", "--seed", "none.yaml")

    assert (status, list(tmp_path.iterdir())) == (2, [])


# -- the file --------------------------------------------------------------------------------------------------


def test_a_site_registry_saves_nothing_by_default() -> None:
    assert Mockscope().registry.save is None


def test_a_new_file_is_private_and_an_existing_one_keeps_its_mode(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        StateFile(tmp_path / "new.yaml").save(load_sites(SEED))
    finally:
        os.umask(before)
    (tmp_path / "old.yaml").touch()
    (tmp_path / "old.yaml").chmod(0o640)
    StateFile(tmp_path / "old.yaml").save(load_sites(SEED))

    modes = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("new.yaml", "old.yaml")]
    assert modes == [0o600, 0o640]


def test_the_target_of_a_link_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "state.json").symlink_to("kept/state.json")
    StateFile(tmp_path / "state.json").save(load_sites(SEED))

    assert (tmp_path / "state.json").is_symlink()
    assert exported(tmp_path / "kept" / "state.json") == Mockscope(SEED).export()


def test_a_mounted_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "state.yaml").touch()
    monkeypatch.setattr(os.path, "ismount", lambda path: path == tmp_path / "state.yaml")

    with pytest.raises(OSError, match="mount its directory"):
        StateFile(tmp_path / "state.yaml")


@pytest.mark.parametrize("step", ["fsync", "fchmod"])
def test_a_failed_save_leaves_the_old_file_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    kept = StateFile(tmp_path / "state.yaml")
    kept.save(load_sites(SEED))

    def fail(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, step, fail)
        with pytest.raises(OSError, match="No space left on device"):
            kept.save(load_sites(seed_with("Ursula")))

    assert exported(tmp_path / "state.yaml") == Mockscope(SEED).export()
    assert [each.name for each in tmp_path.iterdir()] == ["state.yaml"]
    kept.save(load_sites(seed_with("Ursula")))
    assert list(Mockscope(tmp_path / "state.yaml").sites[HOST].users) == ["ursula@example.com"]


def test_an_older_state_never_replaces_a_newer_one(tmp_path: Path) -> None:
    kept = StateFile(tmp_path / "state.yaml")
    newer = Thread(target=kept.save, args=[load_sites(seed_with("Ursula"))])

    def older() -> Iterator[Site]:
        newer.start()
        # It waits for this save to end; one that did not wait would be over now.
        newer.join(0.5)
        yield from load_sites(SEED)

    kept.save(older())
    join(newer)

    assert list(Mockscope(tmp_path / "state.yaml").sites[HOST].users) == ["ursula@example.com"]


def test_only_the_part_file_of_a_killed_process_is_removed(tmp_path: Path) -> None:
    part = "0123456789abcdef.part"
    others = [".state.yaml.part", f".other.yaml.{part}", f"state.yaml.{part}", f".state.yaml.bak.{part}"]
    for name in (*others, f".state.yaml.{part}"):
        (tmp_path / name).write_text("half of")

    StateFile(tmp_path / "state.yaml").save(load_sites(SEED))

    assert sorted(each.name for each in tmp_path.iterdir()) == sorted([*others, "state.yaml"])


# -- killed ----------------------------------------------------------------------------------------------------

# One process that forks a saver for each line that it reads, so that every kill costs a fork and not a start.
SAVER: Final = """
import os, signal, sys
from pathlib import Path
from mockscope.seeds import state_file as saving
from mockscope._support import atomic_file
from mockscope.seeds.files import load_sites

path, states = Path(sys.argv[1]), [load_sites(Path(name)) for name in sys.argv[2:4]]
texts = {sites[0]: saving.files.to_json(sites) for sites in states}
# Rendered beforehand: most of the time is then spent on the file.
saving.files.to_json = lambda sites: texts[sites[0]]
lines = 0


def stop_at(last):
    def trace(frame, event, argument):
        global lines
        if frame.f_code.co_filename not in (saving.__file__, atomic_file.__file__):
            return None
        lines += event == "line"
        if lines == last:
            os.kill(os.getpid(), signal.SIGKILL)
        return trace
    return trace


for order in sys.stdin:
    child = os.fork()
    if child:
        print(child, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
    elif order.startswith("line"):
        kept = saving.StateFile(path)
        sys.settrace(stop_at(int(order.split()[1])))
        kept.save(states[1])
        os._exit(0)
    else:
        kept = saving.StateFile(path)
        while True:
            for sites in states:
                kept.save(sites)
"""


@contextmanager
def savers(folder: Path) -> Iterator["subprocess.Popen[str]"]:
    """Processes that save two states in turn; the first state is in the file."""
    names = []
    for number, people in enumerate((["Phoebe"], ["Ursula"])):
        sites = load_sites(seed_with(*people, *(f"Joey{place}" for place in range(1000))))
        StateFile(folder / f"{number}.json").save(sites)
        names.append(str(folder / f"{number}.json"))
    (folder / "state.json").write_bytes((folder / "0.json").read_bytes())
    with subprocess.Popen(
        [sys.executable, "-c", SAVER, str(folder / "state.json"), *names],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        bufsize=1,
    ) as process:
        yield process
        assert process.stdin is not None
        process.stdin.close()
    assert process.returncode == 0


def read_number(process: "subprocess.Popen[str]") -> int:
    assert process.stdout is not None
    return int(process.stdout.readline())


def order(process: "subprocess.Popen[str]", what: str) -> int:
    """Order a saver to start; return its process id."""
    assert process.stdin is not None
    process.stdin.write(f"{what}\n")
    return read_number(process)


def assert_whole(folder: Path) -> int:
    """Assert that the file holds one of the states, and that a start removes leftovers. Return the state."""
    found = (folder / "state.json").read_bytes()
    states = [(folder / f"{number}.json").read_bytes() for number in range(2)]
    assert found in states
    StateFile(folder / "state.json")
    assert sorted(each.name for each in folder.iterdir()) == ["0.json", "1.json", "state.json"]
    return states.index(found)


def test_a_kill_before_any_line_of_a_save_leaves_the_old_file_or_the_new_one(tmp_path: Path) -> None:
    found = []
    with savers(tmp_path) as process:
        for line in range(1, 100):
            order(process, f"line {line}")
            status = read_number(process)
            found.append(assert_whole(tmp_path))
            if status == 0:
                break
            assert status == -signal.SIGKILL
            (tmp_path / "state.json").write_bytes((tmp_path / "0.json").read_bytes())

    # Old up to some line, and new from then on; the last save was not killed.
    assert found == sorted(found)
    assert (found[0], found[-1]) == (0, 1)
    assert len(found) > 15


def test_a_kill_at_any_moment_leaves_the_old_file_or_the_new_one(tmp_path: Path) -> None:
    with savers(tmp_path) as process:
        for turn in range(60):
            saver = order(process, "on and on")
            # As far as it comes while this process is at something else.
            for _ in range(turn):
                (tmp_path / "state.json").read_bytes()
            os.kill(saver, signal.SIGKILL)
            assert read_number(process) == -signal.SIGKILL
            assert_whole(tmp_path)


def write_and_save(url: str, turn: int, saved: "SimpleQueue[tuple[str, int, int]]") -> None:
    """Create users and save the state until the server is gone. Put each email with both statuses."""
    with requests.Session() as session, suppress(requests.ConnectionError):
        for number in count():
            user = {
                "first_name": "Mike",
                "last_name": "Hannigan",
                "email": f"mike.{turn}.{number}@example.com",
                "invited_by_email": "phoebe@example.com",
            }
            created = session.post(f"{url}/api/v1/users", json=user, headers=AUTH)
            confirmed = session.post(f"{url}/_mockscope/v1/save")
            saved.put((str(user["email"]), created.status_code, confirmed.status_code))


@pytest.mark.slow
def test_a_kill_loses_no_confirmed_save(tmp_path: Path) -> None:
    seed = seed_with("Phoebe")
    seed["sites"][0]["users"][0]["groups"] = ["Administrators"]
    (tmp_path / "seed.json").write_text(json.dumps(seed))
    state = tmp_path / "state.json"
    saved: SimpleQueue[tuple[str, int, int]] = SimpleQueue()
    promised: set[tuple[str, int, int]] = set()
    for turn in range(60):
        with serving(tmp_path, "--seed", "seed.json", "--state", f"{state}") as served:
            writer = Thread(target=write_and_save, args=(served.url, turn, saved))
            writer.start()
            promised |= {saved.get(timeout=WAIT_SECONDS) for _ in range(1 + turn % 4)}
            served.process.kill()
            join(writer)
        while not saved.empty():
            promised.add(saved.get_nowait())
        found = {(user["email"], 201, 204) for user in exported(state)["sites"][0]["users"]}
        assert promised - found == set()

    assert len(promised) >= 60


def test_a_half_written_file_is_detected(tmp_path: Path) -> None:
    """The tests above rely on this: half of a state is not a valid one."""
    text = json.dumps(seed_with("Phoebe"))
    (tmp_path / "state.json").write_text(text[: len(text) // 2])

    with pytest.raises(SeedError):
        load_sites(tmp_path / "state.json")
