"""The directory: sites by host, and authentication."""

import re

import pytest
from support.counted import Counted

from mockscope import Refusal, Refused
from mockscope.domain import directory as directory_module
from mockscope.domain.credentials import new_api_key, new_host
from mockscope.domain.directory import Directory, HostTaken
from mockscope.domain.site import Site

KEY = "e179017a-62b0-4996-8a38-e91aa9f1"


def directory() -> Directory:
    made = Directory()
    made.add(Site("example_site", KEY), Site("example_site:space", "key of the space".replace(" ", "-")))
    return made


def refusal(sites: Directory, credentials: str) -> Refused:
    with pytest.raises(Refused) as refused:
        sites.authenticate(credentials)
    return refused.value


@pytest.mark.rule("AUTH-1")
def test_credentials_are_split_at_the_last_colon() -> None:
    sites = directory()

    assert sites.authenticate(f"example_site:{KEY}") is sites.get("example_site")
    assert sites.authenticate("example_site:space:key-of-the-space") is sites.get("example_site:space")


@pytest.mark.rule("AUTH-2")
@pytest.mark.parametrize(
    ("credentials", "expected"),
    [
        ("", Refusal.AUTH_MISSING),
        ("example_site", Refusal.AUTH_MALFORMED),
        (KEY, Refusal.AUTH_MALFORMED),
        (":", Refusal.SITE_UNKNOWN),
        (f":{KEY}", Refusal.SITE_UNKNOWN),
        (f"another_site:{KEY}", Refusal.SITE_UNKNOWN),
        (f"EXAMPLE_SITE:{KEY}", Refusal.SITE_UNKNOWN),
        (f"<example_site:{KEY}>", Refusal.SITE_UNKNOWN),
        ("example_site:", Refusal.KEY_WRONG),
        (f"example_site:{KEY[:-1]}", Refusal.KEY_WRONG),
        (f"example_site:{KEY.upper()}", Refusal.KEY_WRONG),
        (f"example_site:{KEY} ", Refusal.KEY_WRONG),
        ("example_site:key-of-the-space", Refusal.KEY_WRONG),
        ("example_site:clé", Refusal.KEY_WRONG),
    ],
)
def test_invalid_credentials_are_refused_with_403(credentials: str, expected: Refusal) -> None:
    refused = refusal(directory(), credentials)

    assert (refused.refusal, refused.status, refused.rule) == (expected, 403, "AUTH-2")


@pytest.mark.rule("AUTH-3")
def test_a_site_without_the_api_is_404_only_with_the_right_key() -> None:
    site = Site("example_site", KEY, enabled=False)
    sites = Directory()
    sites.add(site)

    with pytest.raises(Refused) as refused:
        sites.authenticate(f"example_site:{KEY}").check_enabled()
    assert (refused.value.refusal, refused.value.status) == (Refusal.API_DISABLED, 404)
    assert refusal(sites, "example_site:wrong").status == 403
    site.enabled = True
    sites.authenticate(f"example_site:{KEY}").check_enabled()


@pytest.mark.rule("AUTH-4")
def test_a_rotated_key_is_refused_at_once() -> None:
    sites = directory()
    site = sites.authenticate(f"example_site:{KEY}")

    site.rotate_key("another-key")

    assert refusal(sites, f"example_site:{KEY}").refusal is Refusal.KEY_WRONG
    assert sites.authenticate("example_site:another-key") is site


@pytest.mark.rule("AUTH-4")
def test_generated_keys_have_the_form_of_the_page_and_differ() -> None:
    keys = {new_api_key() for _ in range(100)}

    assert len(keys) == 100
    shape = re.compile("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{8}")
    assert shape.fullmatch(KEY)
    assert [key for key in keys if not shape.fullmatch(key)] == []


def test_generated_hosts_differ() -> None:
    hosts = {new_host() for _ in range(100)}

    assert len(hosts) == 100
    assert [host for host in hosts if not re.fullmatch(r"site-[0-9a-f]{10}", host)] == []


@pytest.mark.rule("AUTH-4")
@pytest.mark.parametrize("key", ["a:b", "", " ", "a b", "a\n", "clé", "a\x7f"])
def test_a_key_that_can_not_be_sent_in_the_header_is_invalid(key: str) -> None:
    site = Site("example_site", KEY)

    with pytest.raises(ValueError, match="can't stand in a header"):
        site.rotate_key(key)
    with pytest.raises(ValueError, match="can't stand in a header"):
        Site("example_site", key)

    assert site.api_key == KEY


@pytest.mark.parametrize("host", ["", " ", "example site", "site\n", "süte"])
def test_a_host_that_can_not_be_sent_in_the_header_is_invalid(host: str) -> None:
    with pytest.raises(ValueError, match="can't stand in a header"):
        Site(host, KEY)


def test_hosts_are_unique_and_sites_are_added_all_or_none() -> None:
    sites = directory()

    with pytest.raises(ValueError, match="there is a site example_site already"):
        sites.add(Site("third", KEY), Site("example_site", KEY))
    with pytest.raises(ValueError, match="there is a site twin already"):
        sites.add(Site("twin", KEY), Site("twin", KEY))

    assert sites.hosts() == ["example_site", "example_site:space"]


def test_a_removed_site_is_refused_and_can_be_removed_again() -> None:
    sites = directory()
    site = sites.get("example_site")
    assert site is not None

    sites.remove(site)
    sites.remove(site)

    assert refusal(sites, f"example_site:{KEY}").refusal is Refusal.SITE_UNKNOWN
    assert [site.host for site in sites] == ["example_site:space"]
    assert len(sites) == 1


def test_only_the_latest_removed_sites_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(directory_module, "MAX_REMOVED", 2)
    sites = directory()
    for number in range(4):
        site = Site(f"site-{number}", KEY)
        site.label = f"test {number}"
        sites.add(site)
        sites.remove(site)

    assert [sites.label_of_removed(f"site-{number}") for number in range(4)] == [None, None, "test 2", "test 3"]


class Handover:
    """A lock that another thread waits for. Once the lock is free, that thread removes a site."""

    def __init__(self, sites: Directory) -> None:
        self._sites = sites

    def __enter__(self) -> None:
        pass

    def __exit__(self, *exc_info: object) -> None:
        self._sites._sites.pop("example_site:space", None)


def test_sites_can_be_iterated_while_another_thread_removes_one(monkeypatch: pytest.MonkeyPatch) -> None:
    sites = directory()
    monkeypatch.setattr(sites, "_lock", Handover(sites))

    hosts = [site.host for site in sites]

    assert hosts[:1] == ["example_site"]


@pytest.mark.parametrize("number", [250, 500])
def test_sites_are_added_in_linear_time(number: int) -> None:
    sites = [Site(Counted(f"site-{place}"), "key") for place in range(number)]
    Counted.compared = 0

    Directory().add(*sites)
    with pytest.raises(HostTaken):
        Directory().add(*sites, sites[-1])

    assert Counted.compared <= 8 * number


@pytest.mark.rule("AUTH-2")
def test_swapped_host_and_key_are_refused_without_showing_the_key() -> None:
    sites = Directory()
    site = Site("example_site", "secret")
    sites.add(site)
    for _ in range(2):
        with pytest.raises(Refused) as refused:
            sites.authenticate("secret:example_site")
        assert (refused.value.refusal, "secret" in str(refused.value)) == (Refusal.AUTH_SWAPPED, False)
        # The host of a site that is gone is known too.
        sites.remove(site)
