"""The endpoints of the control API, three lines each (read, call, render), and the table that names them."""

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from starlette.responses import Response

from mockscope import __version__, _spec, contracting, seeding
from mockscope.web.answer import JSONAnswer
from mockscope.web.control import rendering
from mockscope.web.control.asking import Ask, Conflict, NotThere
from mockscope.web.control.bodies import (
    Body,
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
from mockscope.web.control.rendering import answered, created, done
from mockscope.web.control.stream import EventStream

YAML: Final = "application/yaml"

# -- the server ------------------------------------------------------------------------------------------------


def get_health(ask: Ask) -> Response:
    return answered({"status": "ok"})


def get_version(ask: Ask) -> Response:
    return answered({"version": __version__})


def get_openapi_yaml(ask: Ask) -> Response:
    return Response(_spec.control_yaml(), media_type=YAML)


def get_openapi_json(ask: Ask) -> Response:
    return JSONAnswer(_spec.control_json())


def reset_server(ask: Ask) -> Response:
    ask.read(Nothing)
    ask.bench.reset()
    return answered(rendering.sites(ask.bench))


def export_server(ask: Ask) -> Response:
    return answered(ask.bench.export())


def import_server(ask: Ask) -> Response:
    made = seeding.load_sites(ask.read(dict[str, Any]))
    ask.bench.put_all(made)
    hosts = {site.host for site in made}
    return created({"sites": [rendering.site(site) for host, site in ask.bench.sites.items() if host in hosts]})


def save_state(ask: Ask) -> Response:
    ask.read(Nothing)
    if ask.bench.save is None:
        raise Conflict("This server has no state file: start it with mockscope serve --state FILE.")
    try:
        ask.bench.save()
    except OSError as error:
        raise OSError(f"the state was not written: {error.strerror or error}") from None
    return done()


# -- sites -----------------------------------------------------------------------------------------------------


def list_sites(ask: Ask) -> Response:
    return answered(rendering.sites(ask.bench))


def create_site(ask: Ask) -> Response:
    new = ask.read(NewSite)
    modes = {"strict": new.strict, "contract": new.contract}
    site = ask.bench.site(new.host, new.api_key, new.seed, **modes, **given(new.policy))
    site.label = new.label
    return created(rendering.site(site))


def get_site(ask: Ask) -> Response:
    return answered(rendering.site(ask.site))


def change_site(ask: Ask) -> Response:
    site, changes = ask.site, given(ask.read(SiteChanges))
    if changes.get("contract"):
        # Before anything changes: the validator may be missing.
        contracting.contract()
    site.set_policy(**given(changes.pop("policy")))
    for name, value in changes.items():
        setattr(site, name, value)
    return answered(rendering.site(site))


def delete_site(ask: Ask) -> Response:
    ask.site.remove()
    return done()


def rotate_key(ask: Ask) -> Response:
    site, new = ask.site, ask.read(NewKey)
    site.rotate_key(new.api_key)
    return answered(rendering.site(site))


def reset_site(ask: Ask) -> Response:
    site, _ = ask.site, ask.read(Nothing)
    site.reset()
    return answered(rendering.site(site))


def fork_site(ask: Ask) -> Response:
    site, new = ask.site, ask.read(NewFork)
    return created(rendering.site(site.fork(new.host, new.api_key)))


def export_site(ask: Ask) -> Response:
    return answered(ask.site.export())


def import_site(ask: Ask) -> Response:
    site, seed = ask.site, ask.read(dict[str, Any])
    site.load(seed)
    return answered(rendering.site(site))


def list_findings(ask: Ask) -> Response:
    return answered({"findings": [rendering.finding(finding) for finding in ask.site.findings()]})


def list_groups(ask: Ask) -> Response:
    return answered(rendering.groups(ask.site))


def list_dashboards(ask: Ask) -> Response:
    return answered(rendering.dashboards(ask.site))


def record_login(ask: Ask) -> Response:
    site, event = ask.site, ask.read(Event)
    return answered(site.record_login(event.email, event.at))


def record_password_change(ask: Ask) -> Response:
    site, event = ask.site, ask.read(Event)
    return answered(site.record_password_change(event.email, event.at))


# -- snapshots -------------------------------------------------------------------------------------------------


def list_snapshots(ask: Ask) -> Response:
    return answered({"snapshots": [rendering.snapshot(each) for each in tuple(ask.site.snapshots.values())]})


def take_snapshot(ask: Ask) -> Response:
    site, name, _ = ask.site, ask.name("name"), ask.read(Nothing)
    render = answered if name in site.snapshots else created
    return render(rendering.snapshot(site.snapshot(name)))


def restore_snapshot(ask: Ask) -> Response:
    site, _ = ask.site, ask.read(Nothing)
    site.restore(ask.name("name"))
    return answered(rendering.site(site))


def delete_snapshot(ask: Ask) -> Response:
    site, name = ask.site, ask.name("name")
    if site.snapshots.pop(name, None) is None:
        raise NotThere(
            f"The site {site.host} has no snapshot {name}; there are: {', '.join(site.snapshots) or 'none'}."
        )
    return done()


# -- calls: a site's, or those of the server that reached no site ----------------------------------------------


def list_calls(ask: Ask) -> Response:
    question = ask.question(LimitedQuestion)
    found = list(ask.calls(question))
    return answered({"total": len(found), "calls": [call.as_dict() for call in found[-question.limit :]]})


def get_call(ask: Ask) -> Response:
    for call in ask.owner.calls:
        if call.id == ask.name("call"):
            return answered(call.as_dict())
    raise NotThere(f"There is no call {ask.name('call')} here: it was never received, or is forgotten.")


def clear_calls(ask: Ask) -> Response:
    ask.owner.calls.clear()
    return done()


def export_har(ask: Ask) -> Response:
    return JSONAnswer(ask.calls(ask.question(Question)).to_har().encode())


def stream_calls(ask: Ask) -> Response:
    return EventStream(ask.bench, ask.owner, head_only=ask.method == "HEAD")


# -- faults ----------------------------------------------------------------------------------------------------


def list_faults(ask: Ask) -> Response:
    return answered({"faults": [fault.as_dict() for fault in ask.site.faults]})


def add_fault(ask: Ask) -> Response:
    site, new = ask.site, ask.read(dict[str, Any])
    return created(site.faults.add_plain(new).as_dict())


def get_fault(ask: Ask) -> Response:
    return answered(ask.site.faults.get(ask.name("fault")).as_dict())


def remove_fault(ask: Ask) -> Response:
    faults = ask.site.faults
    faults.remove(faults.get(ask.name("fault")))
    return done()


def clear_faults(ask: Ask) -> Response:
    ask.site.faults.clear()
    return done()


# -- clock: a site's, or the server's --------------------------------------------------------------------------


def get_clock(ask: Ask) -> Response:
    return answered(rendering.clock(ask.owner.clock))


def freeze_clock(ask: Ask) -> Response:
    clock, freeze = ask.owner.clock, ask.read(Freeze)
    clock.freeze(freeze.at, autojump=freeze.autojump)
    return answered(rendering.clock(clock))


def resume_clock(ask: Ask) -> Response:
    clock, _ = ask.owner.clock, ask.read(Nothing)
    clock.resume()
    return answered(rendering.clock(clock))


def shift_clock(ask: Ask) -> Response:
    clock, distance = ask.owner.clock, ask.read(Shift)
    clock.shift(**given(distance))
    return answered(rendering.clock(clock))


def move_clock(ask: Ask) -> Response:
    clock, move = ask.owner.clock, ask.read(Move)
    clock.move_to(move.to)
    return answered(rendering.clock(clock))


def reset_clock(ask: Ask) -> Response:
    clock, _ = ask.owner.clock, ask.read(Nothing)
    clock.reset()
    return answered(rendering.clock(clock))


# -- the table -------------------------------------------------------------------------------------------------

Endpoint = Callable[[Ask], Response]


class Row(NamedTuple):
    """An endpoint, the method and path it answers, and what the query may hold: None where nobody looks at it."""

    method: str
    path: str
    endpoint: Endpoint
    query: type[Body] | None = Nothing


BASE: Final = "/_mockscope/v1"
SITE: Final = f"{BASE}/sites/{{host}}"


def _calls_and_clock(of: str) -> tuple[Row, ...]:
    return (
        Row("GET", f"{of}/calls", list_calls, LimitedQuestion),
        Row("DELETE", f"{of}/calls", clear_calls),
        Row("GET", f"{of}/calls/har", export_har, Question),
        Row("GET", f"{of}/calls/stream", stream_calls),
        Row("GET", f"{of}/calls/{{call}}", get_call),
        Row("GET", f"{of}/clock", get_clock),
        Row("POST", f"{of}/clock/freeze", freeze_clock),
        Row("POST", f"{of}/clock/resume", resume_clock),
        Row("POST", f"{of}/clock/shift", shift_clock),
        Row("POST", f"{of}/clock/move", move_clock),
        Row("POST", f"{of}/clock/reset", reset_clock),
    )


ROWS: Final = (
    Row("GET", f"{BASE}/health", get_health),
    Row("GET", f"{BASE}/version", get_version),
    Row("GET", f"{BASE}/openapi.yaml", get_openapi_yaml),
    Row("GET", f"{BASE}/openapi.json", get_openapi_json),
    Row("POST", f"{BASE}/reset", reset_server),
    Row("GET", f"{BASE}/export", export_server),
    Row("POST", f"{BASE}/import", import_server),
    Row("POST", f"{BASE}/save", save_state),
    *_calls_and_clock(BASE),
    Row("GET", f"{BASE}/sites", list_sites),
    Row("POST", f"{BASE}/sites", create_site),
    Row("GET", SITE, get_site),
    Row("PATCH", SITE, change_site),
    Row("DELETE", SITE, delete_site),
    Row("POST", f"{SITE}/rotate-key", rotate_key),
    Row("POST", f"{SITE}/reset", reset_site),
    Row("POST", f"{SITE}/fork", fork_site),
    Row("GET", f"{SITE}/export", export_site),
    Row("POST", f"{SITE}/import", import_site),
    Row("GET", f"{SITE}/findings", list_findings),
    Row("GET", f"{SITE}/groups", list_groups),
    Row("GET", f"{SITE}/dashboards", list_dashboards),
    Row("POST", f"{SITE}/record-login", record_login),
    Row("POST", f"{SITE}/record-password-change", record_password_change),
    Row("GET", f"{SITE}/snapshots", list_snapshots),
    Row("PUT", f"{SITE}/snapshots/{{name}}", take_snapshot),
    Row("DELETE", f"{SITE}/snapshots/{{name}}", delete_snapshot),
    Row("POST", f"{SITE}/snapshots/{{name}}/restore", restore_snapshot),
    *_calls_and_clock(SITE),
    Row("GET", f"{SITE}/faults", list_faults),
    Row("POST", f"{SITE}/faults", add_fault),
    Row("DELETE", f"{SITE}/faults", clear_faults),
    Row("GET", f"{SITE}/faults/{{fault}}", get_fault),
    Row("DELETE", f"{SITE}/faults/{{fault}}", remove_fault),
)
