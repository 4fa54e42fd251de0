"""Earlier states of a site that cost nothing to remember. A site forgets them when it has changed a lot since."""

from typing import NamedTuple

from mockscope.domain.policy import Policy
from mockscope.domain.site import Site
from mockscope.domain.store import Store


class PastState(NamedTuple):
    """The state of a site at one moment, from which its records can be computed.

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
    def now(cls, site: Site) -> "PastState":
        """Return the present state of a site."""
        return cls(site, site.history.writes, site.enabled, site.policy)


def copy_site_at(state: PastState) -> Site:
    """Return a copy of a site in an earlier state, with its present key.

    Raises:
        ValueError: If the site has changed too much since then.
    """
    site = state.site
    with site.lock:
        records, undo = site.store.to_change(), site.history.undo_since(state.writes)
    store = Store()
    store.apply(records)
    store.apply(undo)
    return Site(site.host, site.api_key, enabled=state.enabled, policy=state.policy, store=store)
