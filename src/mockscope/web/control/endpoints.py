"""The endpoints of the control API: a table of rows, and the functions that need more than one expression."""

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from starlette.exceptions import HTTPException
from starlette.responses import Response

from mockscope import __version__
from mockscope.contract import document, validation
from mockscope.domain.policy import Policy
from mockscope.seeds import files
from mockscope.web.control import views
from mockscope.web.control.event_stream import EventStream
from mockscope.web.control.request import Ask
from mockscope.web.control.schemas import (
    Event,
    Freeze,
    LimitedQuestion,
    Move,
    NewFork,
    NewKey,
    NewSite,
    Nothing,
    Question,
    Shift,
    SiteChanges,
)
from mockscope.web.control.views import answered
from mockscope.web.response import JSONAnswer

YAML: Final = "application/yaml"
# The body of a seed, or of a fault, is any object at first; its own reader knows the fields.
OBJECT: Final = dict[str, Any]


class Row(NamedTuple):
    """An endpoint of the control API.

    Args:
        method: The method.
        path: The path, with its parameters in braces.
        endpoint: Returns the content of the JSON response, a response, or None for 204.
        body: The shape of the body.
        query: The shape of the query; None accepts any.
        status: The status of a JSON response.
        shows: Returns the content in place of the endpoint's, once that has done its work.
    """

    method: str
    path: str
    endpoint: Callable[[Ask], object]
    body: Any = Nothing
    query: Any = Nothing
    status: int = 200
    shows: Callable[[Ask], object] | None = None

    def answer(self, ask: Ask) -> Response:
        """Return the response to a request.

        Raises:
            Exception: If the endpoint, or the shape of body or query, refuses the request.
        """
        ask.read(self.body, self.query)
        content = self.endpoint(ask)
        if self.shows is not None:
            content = self.shows(ask)
        if isinstance(content, Response):
            return content
        return Response(status_code=204) if content is None else answered(content, self.status)


# -- endpoints -------------------------------------------------------------------------------------------------


def import_server(ask: Ask) -> object:
    made = ask.bench.put(*files.load_sites(ask.body, now=ask.bench.clock.now()))
    return {"sites": [views.site(site) for site in made]}


def save_state(ask: Ask) -> None:
    if ask.bench.save is None:
        raise HTTPException(409, "This server has no state file: start it with mockscope serve --state FILE.")
    try:
        ask.bench.save()
    except OSError as error:
        raise HTTPException(500, f"the state was not written: {error.strerror or error}") from None


def create_site(ask: Ask) -> object:
    policy, label = ask.body.pop("policy"), ask.body.pop("label")
    # An unknown switch must not be taken for another argument.
    Policy().with_changes(**policy)
    site = ask.bench.site(**ask.body, **policy)
    site.label = label
    return views.site(site)


def change_site(ask: Ask) -> None:
    if ask.body.get("contract"):
        # Before anything changes: the validator may be missing.
        validation.contract()
    ask.site.set_policy(**ask.body.pop("policy"))
    for name, value in ask.body.items():
        setattr(ask.site, name, value)


def take_snapshot(ask: Ask) -> object:
    name = ask.name("name")
    status = 200 if name in ask.site.snapshots else 201
    return answered(views.snapshot(ask.site.snapshot(name)), status)


def delete_snapshot(ask: Ask) -> None:
    name, snapshots = ask.name("name"), ask.site.snapshots
    if snapshots.pop(name, None) is None:
        known = ", ".join(snapshots) or "none"
        raise HTTPException(404, f"The site {ask.site.host} has no snapshot {name}; there are: {known}.")


def list_calls(ask: Ask) -> object:
    limit = ask.query.pop("limit")
    found = list(ask.calls())
    return {"total": len(found), "calls": [call.as_dict() for call in found[-limit:]]}


def get_call(ask: Ask) -> object:
    id = ask.name("call")
    for call in ask.owner.calls:
        if call.id == id:
            return call.as_dict()
    raise HTTPException(404, f"There is no call {id} here: it was never received, or is forgotten.")


def remove_fault(ask: Ask) -> None:
    ask.site.faults.remove(ask.site.faults.get(ask.name("fault")))


# -- the table -------------------------------------------------------------------------------------------------

BASE: Final = "/_mockscope/v1"
SITE: Final = f"{BASE}/sites/{{host}}"


def _site(ask: Ask) -> object:
    return views.site(ask.site)


def _clock(ask: Ask) -> object:
    return views.clock(ask.owner.clock)


def _calls_and_clock(of: str) -> tuple[Row, ...]:
    """Return the rows of a site, or of the server: its calls are those that reached no site."""
    return (
        Row("GET", f"{of}/calls", list_calls, query=LimitedQuestion),
        Row("DELETE", f"{of}/calls", lambda ask: ask.owner.calls.clear()),
        Row("GET", f"{of}/calls/har", lambda ask: JSONAnswer(ask.calls().to_har().encode()), query=Question),
        Row("GET", f"{of}/calls/stream", lambda ask: EventStream(ask.bench, ask.owner, head_only=ask.is_head)),
        Row("GET", f"{of}/calls/{{call}}", get_call),
        Row("GET", f"{of}/clock", _clock),
        Row("POST", f"{of}/clock/freeze", lambda ask: ask.owner.clock.freeze(**ask.body), Freeze, shows=_clock),
        Row("POST", f"{of}/clock/resume", lambda ask: ask.owner.clock.resume(), shows=_clock),
        Row("POST", f"{of}/clock/shift", lambda ask: ask.owner.clock.shift(**ask.body), Shift, shows=_clock),
        Row("POST", f"{of}/clock/move", lambda ask: ask.owner.clock.move_to(**ask.body), Move, shows=_clock),
        Row("POST", f"{of}/clock/reset", lambda ask: ask.owner.clock.reset(), shows=_clock),
    )


ROWS: Final = (
    Row("GET", f"{BASE}/health", lambda ask: {"status": "ok"}),
    Row("GET", f"{BASE}/version", lambda ask: {"version": __version__}),
    Row("GET", f"{BASE}/openapi.yaml", lambda ask: Response(document.control_yaml(), media_type=YAML)),
    Row("GET", f"{BASE}/openapi.json", lambda ask: JSONAnswer(document.control_json())),
    Row("POST", f"{BASE}/reset", lambda ask: ask.bench.reset(), shows=lambda ask: views.sites(ask.bench)),
    Row("GET", f"{BASE}/export", lambda ask: views.export(ask.bench)),
    Row("POST", f"{BASE}/import", import_server, OBJECT, status=201),
    Row("POST", f"{BASE}/save", save_state),
    *_calls_and_clock(BASE),
    Row("GET", f"{BASE}/sites", lambda ask: views.sites(ask.bench)),
    Row("POST", f"{BASE}/sites", create_site, NewSite, status=201),
    Row("GET", SITE, _site),
    Row("PATCH", SITE, change_site, SiteChanges, shows=_site),
    Row("DELETE", SITE, lambda ask: ask.site.remove()),
    Row("POST", f"{SITE}/rotate-key", lambda ask: ask.site.rotate_key(**ask.body), NewKey, shows=_site),
    Row("POST", f"{SITE}/reset", lambda ask: ask.site.reset(), shows=_site),
    Row("POST", f"{SITE}/fork", lambda ask: views.site(ask.site.fork(**ask.body)), NewFork, status=201),
    Row("GET", f"{SITE}/export", lambda ask: views.export(ask.site)),
    Row("POST", f"{SITE}/import", lambda ask: ask.site.load(ask.body), OBJECT, shows=_site),
    Row("GET", f"{SITE}/findings", lambda ask: views.findings(ask.site)),
    Row("GET", f"{SITE}/groups", lambda ask: views.groups(ask.site)),
    Row("GET", f"{SITE}/dashboards", lambda ask: views.dashboards(ask.site)),
    Row("POST", f"{SITE}/record-login", lambda ask: ask.site.record_login(**ask.body), Event),
    Row("POST", f"{SITE}/record-password-change", lambda ask: ask.site.record_password_change(**ask.body), Event),
    Row("GET", f"{SITE}/snapshots", lambda ask: views.snapshots(ask.site)),
    Row("PUT", f"{SITE}/snapshots/{{name}}", take_snapshot),
    Row("DELETE", f"{SITE}/snapshots/{{name}}", delete_snapshot),
    Row("POST", f"{SITE}/snapshots/{{name}}/restore", lambda ask: ask.site.restore(ask.name("name")), shows=_site),
    *_calls_and_clock(SITE),
    Row("GET", f"{SITE}/faults", lambda ask: {"faults": [fault.as_dict() for fault in ask.site.faults]}),
    Row("POST", f"{SITE}/faults", lambda ask: ask.site.faults.add_plain(ask.body).as_dict(), OBJECT, status=201),
    Row("DELETE", f"{SITE}/faults", lambda ask: ask.site.faults.clear()),
    Row("GET", f"{SITE}/faults/{{fault}}", lambda ask: ask.site.faults.get(ask.name("fault")).as_dict()),
    Row("DELETE", f"{SITE}/faults/{{fault}}", remove_fault),
)
