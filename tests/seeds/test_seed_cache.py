"""The cache of seed files: an unchanged file is parsed once, and its sites are independent."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

from mockscope import Mockscope, SeedError
from mockscope.seeds import files as seed_files
from mockscope.seeds.files import MAX_FILE_BYTES, MAX_FILES
from mockscope.seeds.format import SeededSite

FRIENDS: Final = """\
mockscope: 1
sites:
  - host: central_perk
    enabled: false
    policy: {page_size: 2}
    groups: [{name: Sales, access: View}]
    users: [{first_name: Monica, last_name: Geller, email: monica@example.com, groups: [Sales]}]
    dashboards: [{name: Example Dashboard, owner: monica@example.com, access: {Sales: Edit}}]
"""


@pytest.fixture
def friends(tmp_path: Path) -> Path:
    file = tmp_path / "friends.yaml"
    file.write_text(FRIENDS)
    return file


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A fixture with the names of the parsed files."""
    names = []
    parse: Callable[..., list[SeededSite]] = seed_files.parse_seed

    def noting(text: bytes, name: str, **options: Any) -> list[SeededSite]:
        names.append(Path(name).name)
        return parse(text, name, **options)

    monkeypatch.setattr(seed_files, "parse_seed", noting)
    return names


def test_a_file_is_parsed_once(friends: Path, parsed: list[str]) -> None:
    mock = Mockscope()

    first, second = mock.site(seed=friends), mock.site(seed=str(friends))
    second.load(friends)

    assert parsed == ["friends.yaml"]
    for site in (first, second):
        assert (site.enabled, site.policy.page_size) == (False, 2)
        assert (site.users["monica@example.com"].groups, list(site.dashboards)) == (("Sales",), ["Example Dashboard"])


def test_a_change_of_a_site_does_not_affect_others_from_the_same_file(friends: Path) -> None:
    mock = Mockscope()
    first = mock.site(seed=friends)

    first.load({"mockscope": 1, "sites": [{"host": "central_perk", "policy": {"page_size": 1}}]})
    first.add_user("joey@example.com")

    second = mock.site(seed=friends)
    assert (list(second.users), list(second.groups)) == (
        ["monica@example.com"],
        ["Administrators", "All Users", "Sales"],
    )
    assert (dict(second.dashboards["Example Dashboard"].access), second.policy.page_size) == ({"Sales": "Edit"}, 2)


def test_a_file_that_has_changed_is_parsed_again_even_at_the_same_length(friends: Path, parsed: list[str]) -> None:
    mock = Mockscope()
    mock.site(seed=friends)

    friends.write_text(FRIENDS.replace("monica@", "phoebe@").replace("Monica", "Phoebe").replace("Geller", "Buffay"))

    assert list(mock.site(seed=friends).users) == ["phoebe@example.com"]
    assert parsed == ["friends.yaml", "friends.yaml"]


def test_a_file_that_has_become_invalid_is_refused(friends: Path) -> None:
    mock = Mockscope()
    mock.site(seed=friends)

    friends.write_text(FRIENDS.replace("[Sales]", "[Sale]"))
    with pytest.raises(SeedError, match="did you mean Sales"):
        mock.site(seed=friends)
    friends.unlink()
    with pytest.raises(FileNotFoundError):
        mock.site(seed=friends)


def test_a_long_file_is_not_cached(friends: Path, parsed: list[str]) -> None:
    mock = Mockscope()
    friends.write_text(FRIENDS + "#" * MAX_FILE_BYTES)

    for _ in range(2):
        assert list(mock.site(seed=friends).users) == ["monica@example.com"]

    assert parsed == ["friends.yaml", "friends.yaml"]


def test_the_most_recently_used_files_stay_cached(tmp_path: Path, parsed: list[str]) -> None:
    mock = Mockscope()
    files = [tmp_path / f"{number}.yaml" for number in range(MAX_FILES + 1)]
    for file in files:
        file.write_text(FRIENDS)
        mock.site(seed=file)
        mock.site(seed=files[0])
    parsed.clear()

    for file in (files[0], files[-1], files[1]):
        mock.site(seed=file)

    assert parsed == ["1.yaml"]
