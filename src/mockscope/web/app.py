"""The Starlette application: the documents and the control API as routes, and the vendor's API for all other paths."""

import re
from typing import Final
from urllib.parse import quote, unquote

from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocketClose

from mockscope.sites.registry import SiteRegistry
from mockscope.web.control.access import ControlAccess
from mockscope.web.control.dispatch import ReservedPaths
from mockscope.web.inspector.endpoints import accepts_html
from mockscope.web.replay import Replayer
from mockscope.web.request_head import MOUNT_PATH
from mockscope.web.vendor_api import VendorAPI

RESERVED: Final = re.compile(r"/(_mockscope|openapi\.yaml|openapi\.json|docs|livez|readyz|favicon\.ico)(/|$)")
SLASH_OR_END: Final = re.compile(r"/|$")


def build_app(registry: SiteRegistry, *, hint_header: bool = True, access: ControlAccess | None = None) -> Starlette:
    """Assemble the application. It can be mounted under a path of another application.

    Args:
        registry: The sites, with their instruments.
        hint_header: Whether responses have the header X-Mockscope-Hint (HTTP-10).
        access: The access to the control API; None switches it off.
    """
    reserved = ReservedPaths(registry, access)
    app = Starlette(routes=reserved.routes, middleware=[Middleware(MountPathMiddleware)])
    app.router.redirect_slashes = False
    vendor_api = VendorAPI(registry, hint_header=hint_header)
    registry.replay = Replayer(vendor_api)
    app.router.default = VendorAPIOrNotFound(vendor_api, reserved.root, reserved.not_found)
    return app


def without_routing(app: Starlette) -> ASGIApp:
    """Return an application that passes ``/api/`` directly to the vendor's API, for a server at the root path.

    Starlette's middleware and routing would add some 60 µs to each request. If somebody has added middleware, all
    requests pass through it.
    """
    unrouted = app.router.default
    if len(app.user_middleware) > 1 or not isinstance(unrouted, VendorAPIOrNotFound):
        return app

    async def dispatch(scope: Scope, receive: Receive, send: Send) -> None:
        is_api = scope["type"] == "http" and scope["path"].startswith("/api/")
        await (unrouted.vendor_api if is_api else app)(scope, receive, send)

    return dispatch


class VendorAPIOrNotFound:
    """The application for all paths without a route: the vendor's API, a browser's start, or 404 for a reserved path.

    The vendor's API has no routes, because it authenticates a request before it looks at the path (HTTP-6).

    Args:
        vendor_api: The vendor's API.
        root: Responds to a browser that asks for the path ``/``, which is not recorded.
        not_found: Responds to requests for unknown reserved paths, which are not recorded.
    """

    def __init__(self, vendor_api: VendorAPI, root: ASGIApp, not_found: ASGIApp) -> None:
        self.vendor_api = vendor_api
        self._root = root
        self._not_found = not_found

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await WebSocketClose()(scope, receive, send)
        elif RESERVED.match(unquote(scope["path"])):
            await self._not_found(scope, receive, send)
        elif scope["path"] == "/" and scope["method"] == "GET" and accepts_html(Headers(scope=scope).get("accept", "")):
            await self._root(scope, receive, send)
        else:
            await self.vendor_api(scope, receive, send)


class MountPathMiddleware:
    """Remove the path of the mount from the path of a request, and leave the rest percent-encoded.

    Routes match the encoded path, because the name of a host or a group may contain a slash, as %2F.

    Args:
        app: The application to call.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            path = _path_below_mount(scope)
            mount = quote(scope.get("root_path", ""))
            scope = {**scope, "path": path, "raw_path": path.encode(), "root_path": "", MOUNT_PATH: mount}
        await self._app(scope, receive, send)


def _path_below_mount(scope: Scope) -> str:
    """Return the encoded path without that of the mount: "/api" for "/a%20b/api" below the mount "/a b"."""
    raw_path: bytes = scope.get("raw_path") or quote(scope["path"]).encode()
    path, mount = raw_path.decode("utf-8", "replace"), scope.get("root_path", "")
    if mount:
        for match in SLASH_OR_END.finditer(path):
            start = unquote(path[: match.start()])
            if start == mount:
                return path[match.start() :] or "/"
            if len(start) > len(mount):
                break
    # Some servers remove the mount's path themselves.
    return path
