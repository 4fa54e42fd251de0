"""The calls of a test on a server that runs already."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mockscope import Call, RemoteServer, RemoteSite, SiteAPI


class RemoteTestCalls:
    """The calls of the test that runs: to the sites of one connection, and those that reached no site.

    Args:
        server: the connection.
        most: the maximum number of calls that are read from each site.
    """

    def __init__(self, server: RemoteServer, most: int) -> None:
        self._server = server
        self._most = most
        # The calls of sites that were removed, and the number of their calls before these.
        self._kept: list[Call] = []
        self._earlier = 0
        # The newest call before the test of each log, and the number of calls until then.
        self._marks: dict[Any, tuple[int, int]] = {}
        server.removal_callbacks.append(self._keep)

    def begin(self) -> None:
        """Discard the calls, because a test begins. Those that its sites and the server have are of earlier tests."""
        self._kept, self._earlier = [], 0
        self._marks = {}
        for log in self._logs():
            latest, total = self._latest(log, 1)
            self._marks[log] = (latest[0].number if latest else 0, total)

    def read(self) -> tuple[list[Call], int]:
        """Return the latest calls of the test, and the number of those before them."""
        calls, earlier = list(self._kept), self._earlier
        for log in self._logs():
            found, before = self._read(log)
            calls += found
            earlier += before
        return calls, earlier

    def sites(self) -> list[SiteAPI]:
        """Return the sites that were made since the test began, and not removed."""
        return [site for site in self._server.own_sites if site.calls not in self._marks]

    def _logs(self) -> list[Any]:
        return [self._server.calls, *(site.calls for site in self._server.own_sites)]

    def _read(self, log: Any) -> tuple[list[Call], int]:
        newest, counted = self._marks.get(log, (0, 0))
        latest, total = self._latest(log, self._most)
        found = [call for call in latest if call.number > newest]
        return found, max(0, total - counted - len(found))

    def _latest(self, log: Any, count: int) -> tuple[list[Call], int]:
        from mockscope import RemoteServerError

        try:
            latest: tuple[list[Call], int] = log.latest(count)
        except (RemoteServerError, LookupError):
            # The fixture reports a server that does not answer. Another client may have removed a site.
            return [], 0
        return latest

    def _keep(self, site: RemoteSite) -> None:
        found, before = self._read(site.calls)
        calls = sorted([*self._kept, *found], key=lambda call: call.number)
        self._kept = calls[-self._most :]
        self._earlier += before + len(calls) - len(self._kept)
