"""The records that a site begins with: the built-in ones, or those of a seed."""

from collections.abc import Mapping
from datetime import datetime
from os import PathLike
from typing import Final

from mockscope._support.arguments import check_type
from mockscope._vendor import ADMINISTRATORS, ALL_USERS
from mockscope.domain.rules import NewUser
from mockscope.domain.site import Site
from mockscope.seeds import files
from mockscope.seeds.files import SeedSource

# GROUP-4: "one administrator, a member of both".
ADMINISTRATOR: Final = NewUser("Site", "Administrator", "admin@example.com", (ADMINISTRATORS, ALL_USERS))


def new_site(host: str, api_key: str, seed: SeedSource | None, *, seed_host: str | None, now: datetime) -> Site:
    """Return a site with the records, policy and enablement of a seed, or with the built-in groups and administrator.

    Args:
        host: its host.
        api_key: its key.
        seed: the seed, or None.
        seed_host: the host of the site in the seed, if it has several sites.
        now: the time before which generated people logged in.

    Raises:
        SeedError: If the seed is not valid.
        OSError: If the file can't be read.
        ValueError: If the host or the key is not valid in the auth header, or the seed has no sites, or several and
            none with this host.
    """
    if seed is None:
        site = Site(host, api_key)
        site.create_user(ADMINISTRATOR)
        return site
    seeded = seeded_site(seed, seed_host, now)
    return Site(host, api_key, enabled=seeded.enabled, policy=seeded.policy, store=seeded.store)


def seeded_site(seed: SeedSource, host: str | None, now: datetime) -> Site:
    """Return the only site of a seed, or the one with this host.

    Raises:
        SeedError: If the seed is not valid.
        OSError: If the file can't be read.
        ValueError: If the seed has no sites, or several and none with this host.
    """
    check_type("seed", seed, str | PathLike | Mapping)
    sites = files.copy_sites(seed, now)
    if len(sites) == 1:
        return sites[0]
    for site in sites:
        if site.host == host:
            return site
    if not sites:
        raise ValueError("the seed has no sites: add one under `sites`")
    several = f"the seed has {len(sites)} sites ({', '.join(site.host for site in sites)})"
    if host is None:
        raise ValueError(f"{several}: name one of them with host=")
    raise ValueError(f"{several}, and none of them is {host}: keep only the one to load")
