"""The operations of the inspector and of the API reference."""

import json
import re
from functools import cache
from html import escape
from typing import Final

from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from mockscope.contract import document
from mockscope.web.control.endpoints import BASE, ControlOperation
from mockscope.web.control.request import ControlRequest
from mockscope.web.inspector.files import Folder

INSPECTOR_PATH: Final = "/_mockscope/"
INSPECTOR: Final = Folder(
    "static",
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
)
# Swagger UI has icons in data URLs, and writes HTML.
REFERENCE: Final = Folder(
    "swagger_ui",
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
)
# The weight of a media type that a client does not want.
ZERO: Final = re.compile(r"q=0(\.0*)?")


def accepts_html(accept: str) -> bool:
    """Return whether a header ``Accept`` has ``text/html``, and not with a weight of 0."""
    ranges = [[part.strip() for part in each.split(";")] for each in accept.lower().split(",")]
    return any(name == "text/html" and not any(map(ZERO.fullmatch, rest)) for name, *rest in ranges)


def redirect(location: str) -> Response:
    """Return a redirect to a relative URL, which holds under the path of a mount and behind a proxy."""
    return RedirectResponse(location, headers={"Vary": "Accept"})


def inspector(request: ControlRequest) -> Response:
    return INSPECTOR.index(request, mode="live" if request.registry.report is None else "report")


def read_report(request: ControlRequest) -> object:
    if request.registry.report is None:
        raise HTTPException(404, "This server has live sites, and no report: mockscope show FILE shows one.")
    return request.registry.report


def reference(request: ControlRequest) -> Response:
    host, key = _demo()
    site = request.registry.directory.get(host)
    # The key of the demo site stands in the documentation; others are secrets.
    is_demo = site is not None and site.api_key == key
    return REFERENCE.index(request, auth=escape(f"{host}:{key}" if is_demo else ""))


@cache
def _demo() -> tuple[str, str]:
    """Return the host and the key of the demo site."""
    [site] = json.loads(document.packaged_file("demo.json"))["sites"]
    return site["host"], site["api_key"]


# None of them needs the token, because no file has data of a site.
INSPECTOR_OPERATIONS: Final = (
    ControlOperation("GET", "/_mockscope", lambda r: redirect("_mockscope/"), query=None),
    ControlOperation("GET", INSPECTOR_PATH, inspector, query=None),
    ControlOperation("GET", f"{INSPECTOR_PATH}static/{{name}}", INSPECTOR.file, query=None),
)
# Only `mockscope show` has a report, so that the document of the control API does not describe it.
REPORT_OPERATIONS: Final = (ControlOperation("GET", f"{BASE}/report", read_report),)
# They are there if the control API is switched off.
REFERENCE_OPERATIONS: Final = (
    ControlOperation("GET", "/docs", reference, query=None),
    ControlOperation("GET", "/docs/", lambda r: redirect("../docs"), query=None),
    ControlOperation("GET", "/docs/{name}", REFERENCE.file, query=None),
)
