"""An export that is rendered in pieces, while others read and write the site."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from support.friends import friends

from mockscope.domain.model import Access
from mockscope.domain.rules import GroupChanges, NewGroup, NewUser
from mockscope.domain.site import Site
from mockscope.seeds import format as seed_format
from mockscope.seeds import json_export
from mockscope.seeds.json_export import render_export


@pytest.fixture(params=[1, 2, 3, 1000])
def short_pieces(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_export, "PIECE_RECORDS", request.param)
    monkeypatch.setattr(json_export, "MIN_PIECE_BYTES", 1)


def compact(data: dict[str, Any]) -> bytes:
    return json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode()


def sites() -> list[Site]:
    """Return sites with all keys of an export, and one with nothing in it."""
    odd = Site("empty_site", "key")
    for name in ("Administrators", "All Users"):
        odd.policy = odd.policy.with_changes(protect_builtin_groups=False)
        odd.delete_group(name)
    special = friends()
    special.create_group(NewGroup('Zoë\n"', Access.VIEW))
    return [special, odd]


@pytest.mark.usefixtures("short_pieces")
def test_the_pieces_are_the_export_in_json() -> None:
    exported = sites()

    pieces = list(render_export(exported))

    data = seed_format.export(exported)
    assert b"".join(pieces) == compact(data)
    assert b"" not in pieces


@pytest.mark.parametrize("count", [0, 1])
def test_an_export_of_few_records_is_one_piece(count: int) -> None:
    exported = [friends()][:count]

    assert list(render_export(exported)) == [compact(seed_format.export(exported))]


@pytest.mark.usefixtures("short_pieces")
def test_a_site_is_written_between_two_pieces_and_the_export_stays_that_of_its_start() -> None:
    site = friends()
    before = compact(seed_format.export([site]))

    pieces = []
    with ThreadPoolExecutor(1) as other_thread:
        for number, piece in enumerate(render_export([site])):
            pieces.append(piece)
            # The lock is re-entrant, so that only another thread notices that it is taken.
            other_thread.submit(write, site, number).result()

    assert b"".join(pieces) == before != compact(seed_format.export([site]))


def write(site: Site, number: int) -> None:
    """Write to each table of a site."""
    assert site.lock.acquire(blocking=False)
    try:
        site.create_user(NewUser("Phoebe", "Buffay", f"phoebe{number}@example.com", ("Sales",)))
        site.create_group(NewGroup(f"Band {number}", Access.SQL))
        if number == 0:
            site.delete_user("monica@example.com")
            site.update_group("NY Knicks", GroupChanges(name="Knicks"))
    finally:
        site.lock.release()
