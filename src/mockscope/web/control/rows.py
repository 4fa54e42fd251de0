"""The endpoints of the control API, and the table that names them with what they take."""

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from starlette.exceptions import HTTPException
from starlette.responses import Response

from mockscope import __version__, _spec, contracting, seeding
from mockscope.domain.policy import Policy
from mockscope.web.answer import JSONAnswer
from mockscope.web.control import rendering
from mockscope.web.control.asking import Ask
from mockscope.web.control.bodies import (
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
    given,
)
from mockscope.web.control.rendering import answered
from mockscope.web.control.stream import EventStream

YAML: Final = "application/yaml"
# What the body of a seed, or of a fault, is at first; its own reader knows the fields.
OBJECT: Final = dict[str, Any]

# -- the server ------------------------------------------------------------------------------------------------


def get_health(ask: Ask) -> object:
    return {"status": "ok"}


def get_version(ask: Ask) -> object:
    return {"version": __version__}


def get_openapi_yaml(ask: Ask) -> object:
    return Response(_spec.control_yaml(), media_type=YAML)


def get_openapi_json(ask: Ask) -> object:
    return JSONAnswer(_spec.control_json())


def reset_server(ask: Ask) -> object:
    ask.bench.reset()
    return rendering.sites(ask.bench)


def export_server(ask: Ask) -> object:
    return rendering.export(ask.bench)


def import_server(ask: Ask) -> object:
    made = ask.bench.put(*seeding.load_sites(ask.body))
    return {"sites": [rendering.site(site) for site in made]}


def save_state(ask: Ask) -> None:
    if ask.bench.save is None:
        raise HTTPException(409, "This server has no state file: start it with mockscope serve --state FILE.")
    try:
        ask.bench.save()
    except OSError as error:
        raise HTTPException(500, f"the state was not written: {error.strerror or error}") from None


# -- sites -----------------------------------------------------------------------------------------------------


def list_sites(ask: Ask) -> object:
    return rendering.sites(ask.bench)


def create_site(ask: Ask) -> object:
    new = ask.body
    # A switch that there is not must not be taken for another argument.
    Policy().with_changes(**new.policy)
    site = ask.bench.site(new.host, new.api_key, new.seed, strict=new.strict, contract=new.contract, **new.policy)
    site.label = new.label
    return rendering.site(site)


def get_site(ask: Ask) -> object:
    return rendering.site(ask.site)


def change_site(ask: Ask) -> object:
    changes = given(ask.body)
    if changes.get("contract"):
        # Before anything changes: the validator may be missing.
        contracting.contract()
    ask.site.set_policy(**changes.pop("policy"))
    for name, value in changes.items():
        setattr(ask.site, name, value)
    return rendering.site(ask.site)


def delete_site(ask: Ask) -> None:
    ask.site.remove()


def rotate_key(ask: Ask) -> object:
    ask.site.rotate_key(ask.body.api_key)
    return rendering.site(ask.site)


def reset_site(ask: Ask) -> object:
    ask.site.reset()
    return rendering.site(ask.site)


def fork_site(ask: Ask) -> object:
    return rendering.site(ask.site.fork(ask.body.host, ask.body.api_key))


def export_site(ask: Ask) -> object:
    return rendering.export(ask.site)


def import_site(ask: Ask) -> object:
    ask.site.load(ask.body)
    return rendering.site(ask.site)


def list_findings(ask: Ask) -> object:
    return {"findings": [rendering.finding(finding) for finding in ask.site.findings()]}


def list_groups(ask: Ask) -> object:
    return rendering.groups(ask.site)


def list_dashboards(ask: Ask) -> object:
    return rendering.dashboards(ask.site)


def record_login(ask: Ask) -> object:
    return ask.site.record_login(ask.body.email, ask.body.at)


def record_password_change(ask: Ask) -> object:
    return ask.site.record_password_change(ask.body.email, ask.body.at)


# -- snapshots -------------------------------------------------------------------------------------------------


def list_snapshots(ask: Ask) -> object:
    return {"snapshots": [rendering.snapshot(each) for each in tuple(ask.site.snapshots.values())]}


def take_snapshot(ask: Ask) -> object:
    name = ask.name("name")
    status = 200 if name in ask.site.snapshots else 201
    return answered(rendering.snapshot(ask.site.snapshot(name)), status)


def restore_snapshot(ask: Ask) -> object:
    ask.site.restore(ask.name("name"))
    return rendering.site(ask.site)


def delete_snapshot(ask: Ask) -> None:
    name, snapshots = ask.name("name"), ask.site.snapshots
    if snapshots.pop(name, None) is None:
        known = ", ".join(snapshots) or "none"
        raise HTTPException(404, f"The site {ask.site.host} has no snapshot {name}; there are: {known}.")


# -- calls: a site's, or those of the server that reached no site ----------------------------------------------


def list_calls(ask: Ask) -> object:
    found = list(ask.calls())
    return {"total": len(found), "calls": [call.as_dict() for call in found[-ask.query.limit :]]}


def get_call(ask: Ask) -> object:
    id = ask.name("call")
    for call in ask.owner.calls:
        if call.id == id:
            return call.as_dict()
    raise HTTPException(404, f"There is no call {id} here: it was never received, or is forgotten.")


def clear_calls(ask: Ask) -> None:
    ask.owner.calls.clear()


def export_har(ask: Ask) -> object:
    return JSONAnswer(ask.calls().to_har().encode())


def stream_calls(ask: Ask) -> object:
    return EventStream(ask.bench, ask.owner, head_only=ask.method == "HEAD")


# -- faults ----------------------------------------------------------------------------------------------------


def list_faults(ask: Ask) -> object:
    return {"faults": [fault.as_dict() for fault in ask.site.faults]}


def add_fault(ask: Ask) -> object:
    return ask.site.faults.add_plain(ask.body).as_dict()


def get_fault(ask: Ask) -> object:
    return ask.site.faults.get(ask.name("fault")).as_dict()


def remove_fault(ask: Ask) -> None:
    ask.site.faults.remove(ask.site.faults.get(ask.name("fault")))


def clear_faults(ask: Ask) -> None:
    ask.site.faults.clear()


# -- clock: a site's, or the server's --------------------------------------------------------------------------


def get_clock(ask: Ask) -> object:
    return rendering.clock(ask.owner.clock)


def freeze_clock(ask: Ask) -> object:
    ask.owner.clock.freeze(ask.body.at, autojump=ask.body.autojump)
    return get_clock(ask)


def resume_clock(ask: Ask) -> object:
    ask.owner.clock.resume()
    return get_clock(ask)


def shift_clock(ask: Ask) -> object:
    ask.owner.clock.shift(**given(ask.body))
    return get_clock(ask)


def move_clock(ask: Ask) -> object:
    ask.owner.clock.move_to(ask.body.to)
    return get_clock(ask)


def reset_clock(ask: Ask) -> object:
    ask.owner.clock.reset()
    return get_clock(ask)


# -- the table -------------------------------------------------------------------------------------------------


class Row(NamedTuple):
    """An endpoint, the method and path it answers, and what it takes and gives.

    The endpoint returns what is answered as JSON with ``status``, or a response, or None for 204. ``body`` and
    ``query`` are what those hold; the query is for the endpoint alone where that is None.
    """

    method: str
    path: str
    endpoint: Callable[[Ask], object]
    body: Any = Nothing
    query: Any = Nothing
    status: int = 200

    def answer(self, ask: Ask) -> Response:
        """Return the answer to a request.

        Raises:
            Exception: If the endpoint, or the shape of body or query, refuses the request.
        """
        ask.read(self.body, self.query)
        content = self.endpoint(ask)
        if isinstance(content, Response):
            return content
        return Response(status_code=204) if content is None else answered(content, self.status)


BASE: Final = "/_mockscope/v1"
SITE: Final = f"{BASE}/sites/{{host}}"


def _calls_and_clock(of: str) -> tuple[Row, ...]:
    return (
        Row("GET", f"{of}/calls", list_calls, query=LimitedQuestion),
        Row("DELETE", f"{of}/calls", clear_calls),
        Row("GET", f"{of}/calls/har", export_har, query=Question),
        Row("GET", f"{of}/calls/stream", stream_calls),
        Row("GET", f"{of}/calls/{{call}}", get_call),
        Row("GET", f"{of}/clock", get_clock),
        Row("POST", f"{of}/clock/freeze", freeze_clock, Freeze),
        Row("POST", f"{of}/clock/resume", resume_clock),
        Row("POST", f"{of}/clock/shift", shift_clock, Shift),
        Row("POST", f"{of}/clock/move", move_clock, Move),
        Row("POST", f"{of}/clock/reset", reset_clock),
    )


ROWS: Final = (
    Row("GET", f"{BASE}/health", get_health),
    Row("GET", f"{BASE}/version", get_version),
    Row("GET", f"{BASE}/openapi.yaml", get_openapi_yaml),
    Row("GET", f"{BASE}/openapi.json", get_openapi_json),
    Row("POST", f"{BASE}/reset", reset_server),
    Row("GET", f"{BASE}/export", export_server),
    Row("POST", f"{BASE}/import", import_server, OBJECT, status=201),
    Row("POST", f"{BASE}/save", save_state),
    *_calls_and_clock(BASE),
    Row("GET", f"{BASE}/sites", list_sites),
    Row("POST", f"{BASE}/sites", create_site, NewSite, status=201),
    Row("GET", SITE, get_site),
    Row("PATCH", SITE, change_site, SiteChanges),
    Row("DELETE", SITE, delete_site),
    Row("POST", f"{SITE}/rotate-key", rotate_key, NewKey),
    Row("POST", f"{SITE}/reset", reset_site),
    Row("POST", f"{SITE}/fork", fork_site, NewFork, status=201),
    Row("GET", f"{SITE}/export", export_site),
    Row("POST", f"{SITE}/import", import_site, OBJECT),
    Row("GET", f"{SITE}/findings", list_findings),
    Row("GET", f"{SITE}/groups", list_groups),
    Row("GET", f"{SITE}/dashboards", list_dashboards),
    Row("POST", f"{SITE}/record-login", record_login, Event),
    Row("POST", f"{SITE}/record-password-change", record_password_change, Event),
    Row("GET", f"{SITE}/snapshots", list_snapshots),
    Row("PUT", f"{SITE}/snapshots/{{name}}", take_snapshot),
    Row("DELETE", f"{SITE}/snapshots/{{name}}", delete_snapshot),
    Row("POST", f"{SITE}/snapshots/{{name}}/restore", restore_snapshot),
    *_calls_and_clock(SITE),
    Row("GET", f"{SITE}/faults", list_faults),
    Row("POST", f"{SITE}/faults", add_fault, OBJECT, status=201),
    Row("DELETE", f"{SITE}/faults", clear_faults),
    Row("GET", f"{SITE}/faults/{{fault}}", get_fault),
    Row("DELETE", f"{SITE}/faults/{{fault}}", remove_fault),
)
