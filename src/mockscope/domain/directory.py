"""The sites of a server, by host, and the authentication of requests."""

from collections import OrderedDict
from collections.abc import Iterator
from threading import Lock
from typing import Final

from mockscope.domain.refusals import Refusal, Refused
from mockscope.domain.site import Site

# The number of removed sites whose labels are kept for hints about late requests.
MAX_REMOVED: Final = 10_000


class HostTaken(ValueError):
    """A site was added under a host that already has one."""

    def __init__(self, host: str) -> None:
        super().__init__(
            f"there is a site {host} already: hosts are unique on a server; choose another, or remove that site first"
        )


class Directory:
    """The sites of a server, by host. It is thread-safe."""

    def __init__(self) -> None:
        self._sites: dict[str, Site] = {}
        self._removed: OrderedDict[str, str] = OrderedDict()
        self._lock = Lock()

    def __repr__(self) -> str:
        return f"<Directory {', '.join(self.hosts()) or 'empty'}>"

    def __iter__(self) -> Iterator[Site]:
        with self._lock:
            return iter(list(self._sites.values()))

    def __len__(self) -> int:
        return len(self._sites)

    def hosts(self) -> list[str]:
        """The hosts of all sites, in the order in which they were added."""
        with self._lock:
            return list(self._sites)

    def get(self, host: str) -> Site | None:
        """Return the site of a host, or None."""
        return self._sites.get(host)

    def add(self, *sites: Site) -> None:
        """Add sites, all or none.

        Raises:
            HostTaken: If a host already has a site, or occurs twice.
        """
        with self._lock:
            added: dict[str, Site] = {}
            for site in sites:
                if site.host in self._sites or site.host in added:
                    raise HostTaken(site.host)
                added[site.host] = site
            self._sites.update(added)

    def remove(self, site: Site) -> None:
        """Remove a site. Requests to it are refused with 403 from now on. An unknown site is ignored."""
        with self._lock:
            # Another site may have been added under the host since.
            if self._sites.get(site.host) is not site:
                return
            del self._sites[site.host]
            if len(self._removed) >= MAX_REMOVED:
                self._removed.popitem(last=False)
            self._removed[site.host] = site.label

    def label_of_removed(self, host: str) -> str | None:
        """Return the label of a removed site, or None if no site with this host was removed."""
        return self._removed.get(host)

    def authenticate(self, credentials: str) -> Site:
        """Return the site for the credentials ``<site-host>:<api-key>`` (AUTH-1, AUTH-2, AUTH-4).

        Raises:
            Refused: AUTH_MISSING, AUTH_MALFORMED, AUTH_SWAPPED, SITE_UNKNOWN, KEY_WRONG.
        """
        site, key = self.find(credentials)
        site.check_key(key)
        return site

    def find(self, credentials: str) -> tuple[Site, str]:
        """Return the site that credentials name, and their key, which is not checked (AUTH-1, AUTH-2).

        Raises:
            Refused: AUTH_MISSING, AUTH_MALFORMED, AUTH_SWAPPED, SITE_UNKNOWN.
        """
        # "403 Forbidden if Http-X-Partner-Auth header not specified or API_KEY is incorrect
        # or Site-Host does NOT exist"
        if not credentials:
            raise Refused(Refusal.AUTH_MISSING)
        # AUTH-1: the host of a site with Spaces has a colon, so the last colon separates host and key.
        host, colon, key = credentials.rpartition(":")
        if not colon:
            raise Refused(Refusal.AUTH_MALFORMED)
        site = self._sites.get(host)
        if site is None:
            # A key has no colon, so in swapped credentials the first colon separates them.
            swapped = credentials.partition(":")[2]
            if swapped in self._sites or swapped in self._removed:
                raise Refused(Refusal.AUTH_SWAPPED)
            raise Refused(Refusal.SITE_UNKNOWN, host=host)
        return site, key
