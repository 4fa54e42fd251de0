"""The operations of the control API: a table, and the functions that need more than one expression."""

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from starlette.exceptions import HTTPException
from starlette.responses import Response

from mockscope import __version__
from mockscope.contract import document, rules, validation
from mockscope.domain.policy import Policy
from mockscope.domain.refusals import Refused
from mockscope.instruments.events import Event
from mockscope.instruments.hints import HintTemplate
from mockscope.instruments.matching import build_criteria, matches
from mockscope.seeds import files
from mockscope.sites.mock_site import MockSite
from mockscope.web.control import records, views
from mockscope.web.control.event_stream import EventStream, render_call, render_event
from mockscope.web.control.export import export_sites
from mockscope.web.control.request import ControlRequest
from mockscope.web.control.schemas import (
    AccountEvent,
    AddedDashboard,
    AddedGroup,
    AddedUser,
    CallCriteria,
    CallPage,
    ChangesQuery,
    CopyForm,
    DashboardPatch,
    DashboardSearch,
    EventCriteria,
    FindingCriteria,
    FreezeClock,
    GroupPatch,
    MoveClock,
    NewFork,
    NewKey,
    NewReplay,
    NewReset,
    NewSite,
    NoFields,
    RecordSearch,
    ShiftClock,
    SiteChanges,
    StaleSites,
    UserPatch,
    UserSearch,
)
from mockscope.web.control.views import respond
from mockscope.web.response import JSONResponse

YAML: Final = "application/yaml"
# The body of a seed or a fault: any object. The parser of seeds or faults checks its fields.
OBJECT: Final = dict[str, Any]


class ControlOperation(NamedTuple):
    """An operation of the control API.

    Args:
        method: The method.
        path: The path, with its parameters in braces.
        endpoint: The function that returns the content of the JSON response, a response, or None for 204.
        body: The schema of the body.
        query: The schema of the query; None ignores the query.
        status: The status of a JSON response.
        then: A function that is called after the endpoint. Its result is the content, and that of the endpoint is not.
    """

    method: str
    path: str
    endpoint: Callable[[ControlRequest], object]
    body: Any = NoFields
    query: Any = NoFields
    status: int = 200
    then: Callable[[ControlRequest], object] | None = None

    def response(self, request: ControlRequest) -> Response:
        """Return the response to a request.

        Raises:
            Exception: If body or query do not match their schemas, or the endpoint refuses the request.
        """
        request.read(self.body, self.query)
        try:
            content = self.endpoint(request)
        except Refused as refused:
            raise request.refusal(refused) from None
        if self.then is not None:
            content = self.then(request)
        if isinstance(content, Response):
            return content
        return Response(status_code=204) if content is None else respond(content, self.status)


# -- endpoints -------------------------------------------------------------------------------------------------


def openapi_yaml(request: ControlRequest) -> Response:
    return Response(document.with_server(document.openapi_yaml(), request.server_url), media_type=YAML)


def openapi_json(request: ControlRequest) -> Response:
    return JSONResponse(document.to_json(document.with_server(document.openapi_yaml(), request.server_url)))


def control_yaml(request: ControlRequest) -> Response:
    return Response(document.with_server(document.control_yaml(), request.server_url), media_type=YAML)


def control_json(request: ControlRequest) -> Response:
    return JSONResponse(document.to_json(document.with_server(document.control_yaml(), request.server_url)))


def readyz(request: ControlRequest) -> Response:
    is_stopping = request.registry.is_stopping
    return respond({"status": "stopping" if is_stopping else "ok"}, 503 if is_stopping else 200)


def import_server(request: ControlRequest) -> object:
    made = request.registry.put(*files.load_seed(request.body, now=request.registry.clock.now()))
    return {"sites": [views.render_site(site) for site in made]}


def save_state(request: ControlRequest) -> None:
    if request.registry.save is None:
        raise HTTPException(409, "This server has no state file: start it with mockscope serve --state FILE.")
    try:
        request.registry.save()
    except OSError as error:
        raise HTTPException(500, f"the state was not written: {error.strerror or error}") from None


def create_site(request: ControlRequest) -> object:
    policy, label, temporary = (request.body.pop(name) for name in ("policy", "label", "temporary"))
    # An unknown switch could have the name of another argument of site().
    Policy().with_changes(**policy)
    site = request.registry.site(**request.body, **policy)
    site.label, site.temporary = label, temporary
    return views.render_site(site)


def fork_site(request: ControlRequest) -> object:
    temporary = request.body.pop("temporary")
    fork = request.site.fork(**request.body)
    fork.temporary = temporary
    return views.render_site(fork)


def change_site(request: ControlRequest) -> None:
    if request.body.get("contract"):
        # Checked before anything changes, because the validator may not be installed.
        validation.contract()
    request.site.set_policy(**request.body.pop("policy"))
    for name, value in request.body.items():
        setattr(request.site, name, value)


def list_findings(request: ControlRequest) -> object:
    site = request.site
    return views.render_findings(site.active_findings() if request.query["active"] else site.findings())


def take_snapshot(request: ControlRequest) -> object:
    name = request.name("name")
    status = 200 if name in request.site.snapshots else 201
    return respond(views.render_snapshot(request.site.snapshot(name)), status)


def delete_snapshot(request: ControlRequest) -> None:
    name, snapshots = request.name("name"), request.site.snapshots
    if snapshots.pop(name, None) is None:
        known = ", ".join(snapshots) or "none"
        raise HTTPException(404, f"The site {request.site.host} has no snapshot {name}; there are: {known}.")


def list_calls(request: ControlRequest) -> object:
    order, limit, wait = (request.query.pop(name) for name in ("order", "limit", "wait"))
    cursors = request.cursors()
    for name in cursors:
        del request.query[name]
    criteria = request.criteria()
    wanted = build_criteria(criteria.pop("operation", None), criteria)
    received = request.owner.calls.settled(0.0 if wanted.get("open") is True else wait)
    found = [call for call in received if matches(call, wanted)]
    found.sort(key=lambda call: call.number, reverse=order == "newest")
    page = [call for call in found if matches(call, cursors)]
    following = page[limit - 1].id if len(page) > limit else None
    return {"total": len(found), "calls": [call.as_dict() for call in page[:limit]], "next": following}


def stream_calls(request: ControlRequest) -> Response:
    site = request.owner if isinstance(request.owner, MockSite) else None
    host = None if site is None else site.host
    return _stream(request, site, lambda event: render_call(event, host))


def stream_events(request: ControlRequest) -> Response:
    site = request.site_at(request.query["site"]) if "site" in request.query else None
    return _stream(request, site, render_event, follow=request.query["follow"])


def _stream(
    request: ControlRequest, site: MockSite | None, render: Callable[[Event], bytes], *, follow: bool = True
) -> Response:
    last_id = request.header("last-event-id")
    return EventStream(request.registry, site, render, last_id, follow=follow, head_only=request.is_head)


def replay_call(request: ControlRequest) -> object:
    call = request.call(request.name("call"))
    # Checked first, so that a call that cannot be repeated makes no fork.
    call.request()
    if request.body["on"] == "site":
        site = request.site_at(request.body["host"]) if "host" in request.body else request.site
    else:
        site = request.site.fork()
        # No client uses the fork, so its planned changes would be findings of strict mode.
        site.faults.clear()
    return {"host": site.host, "call": site.replay(call).as_dict()}


def copy_call(request: ControlRequest) -> object:
    call, form = request.call(request.name("call")), request.query.pop("format")
    if form == "pytest":
        return {"text": call.as_pytest()}
    return {"text": call.as_curl(**request.query) if form == "curl" else call.as_httpx(**request.query)}


def remove_fault(request: ControlRequest) -> None:
    request.site.faults.remove(request.site.faults.get(request.name("fault")))


# -- the table -------------------------------------------------------------------------------------------------

BASE: Final = "/_mockscope/v1"
SITE: Final = f"{BASE}/sites/{{host}}"


def _site(request: ControlRequest) -> object:
    return views.render_site(request.site)


def _sites(request: ControlRequest) -> object:
    return views.render_sites(request.registry)


def _clock(request: ControlRequest) -> object:
    return request.owner.clock.as_dict()


def _call_and_clock_operations(of: str) -> tuple[ControlOperation, ...]:
    """Return the operations on calls and clock of a site, or of the server.

    Args:
        of: The path of the site or the server. The calls of the server are those that reached no site.
    """
    return (
        ControlOperation("GET", f"{of}/calls", list_calls, query=CallPage),
        ControlOperation("DELETE", f"{of}/calls", lambda r: r.owner.calls.clear()),
        ControlOperation(
            "GET", f"{of}/calls/har", lambda r: JSONResponse(r.calls().to_har().encode()), query=CallCriteria
        ),
        ControlOperation("GET", f"{of}/calls/stream", stream_calls),
        ControlOperation("GET", f"{of}/calls/{{call}}", lambda r: r.call(r.name("call")).as_dict()),
        ControlOperation("GET", f"{of}/calls/{{call}}/copy", copy_call, query=CopyForm),
        *([ControlOperation("POST", f"{of}/calls/{{call}}/replay", replay_call, NewReplay, status=201)] * (of == SITE)),
        ControlOperation("GET", f"{of}/clock", _clock),
        ControlOperation(
            "POST", f"{of}/clock/freeze", lambda r: r.owner.clock.freeze(**r.body), FreezeClock, then=_clock
        ),
        ControlOperation("POST", f"{of}/clock/resume", lambda r: r.owner.clock.resume(), then=_clock),
        ControlOperation("POST", f"{of}/clock/shift", lambda r: r.owner.clock.shift(**r.body), ShiftClock, then=_clock),
        ControlOperation("POST", f"{of}/clock/move", lambda r: r.owner.clock.move_to(**r.body), MoveClock, then=_clock),
        ControlOperation("POST", f"{of}/clock/reset", lambda r: r.owner.clock.reset(), then=_clock),
    )


def _record_operations() -> tuple[ControlOperation, ...]:
    """Return the operations on the users, groups and dashboards of a site."""
    user, group, dashboard = f"{SITE}/users/{{email}}", f"{SITE}/groups/{{name}}", f"{SITE}/dashboards/{{name}}"
    return (
        ControlOperation("GET", f"{SITE}/users", records.list_users, query=UserSearch),
        ControlOperation("POST", f"{SITE}/users", records.create_user, AddedUser, status=201),
        ControlOperation("GET", user, records.get_user),
        ControlOperation("PATCH", user, records.update_user, UserPatch),
        ControlOperation("DELETE", user, records.delete_user),
        ControlOperation("GET", f"{SITE}/groups", records.list_groups, query=RecordSearch),
        ControlOperation("POST", f"{SITE}/groups", records.create_group, AddedGroup, status=201),
        ControlOperation("GET", group, records.get_group),
        ControlOperation("PATCH", group, records.update_group, GroupPatch),
        ControlOperation("DELETE", group, records.delete_group),
        ControlOperation("GET", f"{SITE}/dashboards", records.list_dashboards, query=DashboardSearch),
        ControlOperation("POST", f"{SITE}/dashboards", records.create_dashboard, AddedDashboard, status=201),
        ControlOperation("GET", dashboard, records.get_dashboard),
        ControlOperation("PATCH", dashboard, records.update_dashboard, DashboardPatch),
        ControlOperation("DELETE", dashboard, records.delete_dashboard),
    )


# These paths need no token, and are there if the control API is switched off.
OPEN_OPERATIONS: Final = (
    ControlOperation("GET", "/livez", lambda r: {"status": "ok"}, query=None),
    ControlOperation("GET", "/readyz", readyz, query=None),
    # A browser asks for it by itself. It takes the status 204 for an icon that is not there.
    ControlOperation("GET", "/favicon.ico", lambda r: None, query=None),
    ControlOperation("GET", "/openapi.yaml", openapi_yaml, query=None),
    ControlOperation("GET", "/openapi.json", openapi_json, query=None),
)
CONTROL_OPERATIONS: Final = (
    ControlOperation("GET", f"{BASE}/health", lambda r: {"status": "ok"}),
    ControlOperation("GET", f"{BASE}/version", lambda r: {"version": __version__}),
    ControlOperation("GET", f"{BASE}/rules", lambda r: {"rules": [rule.as_dict() for rule in rules.read_rules()]}),
    ControlOperation("GET", f"{BASE}/hints", lambda r: {"hints": [rules.hint_as_dict(hint) for hint in HintTemplate]}),
    ControlOperation("GET", f"{BASE}/openapi.yaml", control_yaml),
    ControlOperation("GET", f"{BASE}/openapi.json", control_json),
    ControlOperation("POST", f"{BASE}/reset", lambda r: r.registry.reset(), then=_sites),
    ControlOperation("GET", f"{BASE}/export", lambda r: export_sites(r, list(r.registry.present_sites()))),
    ControlOperation("POST", f"{BASE}/import", import_server, OBJECT, status=201),
    ControlOperation("POST", f"{BASE}/save", save_state),
    ControlOperation("GET", f"{BASE}/events", stream_events, query=EventCriteria),
    *_call_and_clock_operations(BASE),
    ControlOperation("GET", f"{BASE}/sites", _sites),
    ControlOperation("POST", f"{BASE}/sites", create_site, NewSite, status=201),
    ControlOperation(
        "POST", f"{BASE}/remove-stale-sites", lambda r: {"hosts": r.registry.remove_stale_sites(**r.body)}, StaleSites
    ),
    ControlOperation("GET", SITE, _site),
    ControlOperation("PATCH", SITE, change_site, SiteChanges, then=_site),
    ControlOperation("DELETE", SITE, lambda r: r.site.remove()),
    ControlOperation("POST", f"{SITE}/rotate-key", lambda r: r.site.rotate_key(**r.body), NewKey, then=_site),
    ControlOperation("POST", f"{SITE}/reset", lambda r: r.site.reset(**r.body), NewReset, then=_site),
    ControlOperation("POST", f"{SITE}/fork", fork_site, NewFork, status=201),
    ControlOperation("GET", f"{SITE}/export", lambda r: export_sites(r, [r.domain_site])),
    ControlOperation("POST", f"{SITE}/import", lambda r: r.site.load(r.body), OBJECT, then=_site),
    ControlOperation("GET", f"{SITE}/findings", list_findings, query=FindingCriteria),
    *_record_operations(),
    ControlOperation("POST", f"{SITE}/record-login", lambda r: r.site.record_login(**r.body), AccountEvent),
    ControlOperation(
        "POST", f"{SITE}/record-password-change", lambda r: r.site.record_password_change(**r.body), AccountEvent
    ),
    ControlOperation("GET", f"{SITE}/changes", lambda r: {"changes": r.site.changes(**r.query)}, query=ChangesQuery),
    ControlOperation("GET", f"{SITE}/snapshots", lambda r: views.render_snapshots(r.site)),
    ControlOperation("PUT", f"{SITE}/snapshots/{{name}}", take_snapshot),
    ControlOperation("DELETE", f"{SITE}/snapshots/{{name}}", delete_snapshot),
    ControlOperation(
        "POST", f"{SITE}/snapshots/{{name}}/restore", lambda r: r.site.restore(r.name("name")), then=_site
    ),
    *_call_and_clock_operations(SITE),
    ControlOperation("GET", f"{SITE}/faults", lambda r: {"faults": [fault.as_dict() for fault in r.site.faults]}),
    ControlOperation("POST", f"{SITE}/faults", lambda r: r.site.faults.add_plain(r.body).as_dict(), OBJECT, status=201),
    ControlOperation("DELETE", f"{SITE}/faults", lambda r: r.site.faults.clear()),
    ControlOperation("GET", f"{SITE}/faults/{{fault}}", lambda r: r.site.faults.get(r.name("fault")).as_dict()),
    ControlOperation("DELETE", f"{SITE}/faults/{{fault}}", remove_fault),
)
