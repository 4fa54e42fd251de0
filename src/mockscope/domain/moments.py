"""Earlier states of a site that cost nothing to remember. A site forgets them when it has changed a lot since."""

from typing import NamedTuple

from mockscope.domain.policy import Policy
from mockscope.domain.site import Site
from mockscope.domain.store import Store


class Moment(NamedTuple):
    """A moment in the life of a site.

    Args:
        site: The site.
        writes: The number of writes until then.
        enabled: Whether the API was enabled.
        policy: The policy.
    """

    site: Site
    writes: int
    enabled: bool
    policy: Policy

    @classmethod
    def now(cls, site: Site) -> "Moment":
        """Return the present moment of a site."""
        return cls(site, site.history.writes, site.enabled, site.policy)


def site_at(moment: Moment) -> Site:
    """Return a copy of a site as it was at a moment, with its present key.

    Raises:
        ValueError: If the site has changed too much since then.
    """
    site = moment.site
    with site.lock:
        records, undo = site.store.to_change(), site.history.undo_since(moment.writes)
    store = Store()
    store.apply(records)
    store.apply(undo)
    return Site(site.host, site.api_key, enabled=moment.enabled, policy=moment.policy, store=store)
