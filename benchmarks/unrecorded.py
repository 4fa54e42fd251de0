"""mockscope serve without its recording and its faults: what the price of those two is measured against."""

from types import SimpleNamespace
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send

from mockscope import cli
from mockscope.instruments.entry import Entry
from mockscope.web import app
from mockscope.web.head import HEAD, Head
from mockscope.web.reading import Call
from mockscope.web.recording import ENTRY


class Unrecorded:
    """In the place of Recording: what the API itself needs of an entry, and nothing else."""

    def __init__(self, api: ASGIApp, *instruments: Any, **options: Any) -> None:
        self._api = api

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        head = scope.get(HEAD)
        if head is None or not head.is_of(scope):
            scope[HEAD] = head = Head(scope)
        scope[ENTRY] = Entry("", head.method, head.path)
        await self._api(scope, receive, send)


class Unclaimed(app.Api):
    """The API, leaving journals alone, on sites without faults."""

    faults = SimpleNamespace(are_planned=False)

    def _claim(self, call: Call) -> Any:
        call.site = self._directory.authenticate(call.head.credentials())
        call.site.check_enabled()
        return self


if __name__ == "__main__":
    vars(app).update(Recording=Unrecorded, Api=Unclaimed)
    cli.main()
