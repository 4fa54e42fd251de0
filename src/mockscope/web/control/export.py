"""An export of sites as a streamed response."""

from collections.abc import Sequence

from starlette.responses import Response, StreamingResponse

from mockscope.domain.site import Site
from mockscope.seeds.json_export import render_export
from mockscope.web.control.request import ControlRequest
from mockscope.web.response import JSON_CONTENT_TYPE, JSONResponse


def export_sites(request: ControlRequest, sites: Sequence[Site]) -> Response:
    """Return the response with an export of sites. The state of each site is that of this moment.

    Starlette renders the pieces one by one in a thread, and the server responds to other requests meanwhile.
    """
    pieces = render_export(sites)
    if request.http_version == "1.0":
        # It has no chunked encoding, which uvicorn uses for a stream.
        return JSONResponse(b"".join(pieces))
    return StreamingResponse(() if request.is_head else pieces, media_type=JSON_CONTENT_TYPE[1].decode())
