"""Sites and their instruments, as the control API renders them in JSON."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from starlette.responses import Response

from mockscope import codec
from mockscope._support.timestamps import format_time
from mockscope.instruments.findings import Finding
from mockscope.sites.mock_site import MockSite
from mockscope.sites.registry import SiteRegistry
from mockscope.sites.site_handle import SiteSnapshot
from mockscope.web.response import JSONResponse

as_json: Final = codec.encode


def respond(content: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return a response in JSON."""
    response = JSONResponse(as_json(content), status)
    response.headers.update(headers or {})
    return response


def render_site(site: MockSite) -> dict[str, Any]:
    return {
        "host": site.host,
        "api_key": site.api_key,
        "enabled": site.enabled,
        "strict": site.strict,
        "contract": site.contract,
        "label": site.label,
        "temporary": site.temporary,
        "admin": _admin(site),
        "policy": site.policy,
        "counts": {
            "users": len(site.users),
            "groups": len(site.groups),
            "dashboards": len(site.dashboards),
            # Without waiting for calls in progress.
            "calls": len(site.calls.settled(0)),
            "faults": len(site.faults),
        },
    }


def render_sites(registry: SiteRegistry) -> dict[str, Any]:
    return {"sites": [render_site(each) for each in registry.sites.values()]}


def render_snapshot(snapshot: SiteSnapshot) -> dict[str, Any]:
    counts = dict(zip(("users", "groups", "dashboards"), snapshot.counts, strict=True))
    return {"name": snapshot.name, "time": format_time(snapshot.time), "counts": counts}


def render_snapshots(site: MockSite) -> dict[str, Any]:
    return {"snapshots": [render_snapshot(each) for each in tuple(site.snapshots.values())]}


def render_findings(found: Iterable[Finding]) -> dict[str, Any]:
    return {"findings": [each.as_dict() for each in found]}


def _admin(site: MockSite) -> str | None:
    try:
        return site.admin.email
    except LookupError:
        return None
