"""A forked child has a copy of a server's sites. It can read the copy; adding or changing a site is refused."""

import os
from collections.abc import Callable
from threading import Thread

import pytest
from support.bounds import join

from mockscope import LiveServer, Mockscope

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no forks"),
    pytest.mark.filterwarnings("ignore:.*fork"),
]


def in_a_child(function: Callable[[], object]) -> str:
    """Run a function in a forked child; return the repr of its value, or the text of its exception."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        try:
            said = repr(function())
        except BaseException as error:  # noqa: BLE001 - the child must end here whatever happens
            said = str(error)
        os.write(writer, said.encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as response:
        said = response.read()
    os.waitpid(child, 0)
    return said


@pytest.mark.parametrize(
    "change",
    [
        lambda server, site: server.site(),
        lambda server, site: site.fork(),
        lambda server, site: site.remove(),
        lambda server, site: site.add_user("joey@example.com"),
        lambda server, site: site.record_login("admin@example.com"),
        lambda server, site: site.load({"mockscope": 1, "sites": [{"host": "a"}]}),
        lambda server, site: site.reset(),
        lambda server, site: site.faults.add("list_users", status=503),
        lambda server, site: site.clock.freeze(),
    ],
)
def test_a_write_to_the_copy_of_a_forked_process_is_refused_in_one_line(
    server: LiveServer, change: Callable[[LiveServer, object], object]
) -> None:
    site = server.site()

    said = in_a_child(lambda: change(server, site))

    assert said.startswith("process ")
    assert said.endswith(
        "has only a copy of its sites: make and change sites in the server's own process, or ask it over HTTP"
    )
    assert "\n" not in said


def test_a_copy_can_be_read_even_if_a_thread_held_every_lock_at_the_fork(server: LiveServer) -> None:
    site = server.site()
    registry = server.registry
    held = [
        site._site.lock,
        site.faults._lock,
        site.calls._changed,
        registry.directory._lock,
        registry.redactor._lock,
        registry.event_log._lock,
        registry.event_log.render_lock,
    ]
    events = site.events()
    site.add_group("Friends")

    def read() -> object:
        changes = [event.data["changes"] for event in events.read()]
        return site.host, list(site.users), site.admin.email, len(site.calls), site.export(), changes

    def hold_and_fork() -> None:
        said.append(in_a_child(read))

    said: list[str] = []
    for lock in held:
        lock.acquire()  # type: ignore[attr-defined]
    forking = Thread(target=hold_and_fork)
    forking.start()
    join(forking)
    for lock in held:
        lock.release()  # type: ignore[attr-defined]

    assert said == [repr(read())]


def test_without_a_server_a_copy_can_be_written() -> None:
    mock = Mockscope()
    site = mock.site("example_site")

    assert in_a_child(lambda: (site.add_user("joey@example.com").email, list(site.users))) == repr(
        ("joey@example.com", ["admin@example.com", "joey@example.com"])
    )
    assert list(site.users) == ["admin@example.com"]


def test_a_child_may_run_a_server_of_its_own(server: LiveServer) -> None:
    def serve() -> list[str]:
        with LiveServer() as own:
            return list(own.site("own").users)

    assert in_a_child(serve) == repr(["admin@example.com"])
