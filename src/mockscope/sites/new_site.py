"""The records and the plan that a site begins with: the built-in records, or those of a seed."""

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
from mockscope.seeds.format import SeededSite

# GROUP-4: "one administrator, a member of both".
ADMINISTRATOR: Final = NewUser("Site", "Administrator", "admin@example.com", (ADMINISTRATORS, ALL_USERS))


def new_site(host: str, api_key: str, seed: SeedSource | None, *, seed_host: str | None, now: datetime) -> SeededSite:
    """Return a site with the records, policy and enablement of a seed, or with the built-in groups and administrator.

    The plan is that of the seed.

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
        return SeededSite(site)
    seeded, plan = seeded_site(seed, seed_host, now)
    return SeededSite(Site(host, api_key, enabled=seeded.enabled, policy=seeded.policy, store=seeded.store), plan)


def seeded_site(seed: SeedSource, host: str | None, now: datetime) -> SeededSite:
    """Return the only site of a seed, or the one with this host, with its plan.

    Raises:
        SeedError: If the seed is not valid.
        OSError: If the file can't be read.
        ValueError: If the seed has no sites, or several and none with this host.
    """
    check_type("seed", seed, str | PathLike | Mapping)
    sites = files.copy_seed(seed, now)
    if len(sites) == 1:
        return sites[0]
    for each in sites:
        if each.site.host == host:
            return each
    if not sites:
        raise ValueError("the seed has no sites: add one under `sites`")
    several = f"the seed has {len(sites)} sites ({', '.join(each.site.host for each in sites)})"
    if host is None:
        raise ValueError(f"{several}: name one of them with host=")
    raise ValueError(f"{several}, and none of them is {host}: keep only the one to load")
