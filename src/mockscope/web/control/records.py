"""The endpoints of the records of a site: users, groups and dashboards. They are not calls, and no fault hits them."""

from collections.abc import Callable
from typing import Any, TypeVar

from mockscope.domain.dashboards import require_dashboard
from mockscope.domain.model import Dashboard, Group, User
from mockscope.domain.search import search_dashboards, search_groups, search_users
from mockscope.domain.site import Site
from mockscope.domain.store import Page
from mockscope.web.control.request import ControlRequest

R = TypeVar("R")


def list_users(request: ControlRequest) -> object:
    return _list(search_users, _render_user, request)


def create_user(request: ControlRequest) -> User:
    return request.site.add_user(**request.body)


def get_user(request: ControlRequest) -> User:
    return request.domain_site.get_user(request.name("email"))


def update_user(request: ControlRequest) -> User:
    return request.site.update_user(request.name("email"), **request.body)


def delete_user(request: ControlRequest) -> None:
    request.site.remove_user(request.name("email"))


def list_groups(request: ControlRequest) -> object:
    return _list(search_groups, _render_group, request)


def create_group(request: ControlRequest) -> object:
    return _render_group(request.domain_site, request.site.add_group(**request.body))


def get_group(request: ControlRequest) -> object:
    site = request.domain_site
    return _render_group(site, site.require_group(request.name("name"), rule="GROUP-GET-1"))


def update_group(request: ControlRequest) -> object:
    return _render_group(request.domain_site, request.site.update_group(request.name("name"), **request.body))


def delete_group(request: ControlRequest) -> None:
    request.site.remove_group(request.name("name"))


def list_dashboards(request: ControlRequest) -> object:
    return _list(search_dashboards, _render_dashboard, request)


def create_dashboard(request: ControlRequest) -> object:
    return _render_dashboard(request.domain_site, request.site.add_dashboard(**request.body))


def get_dashboard(request: ControlRequest) -> object:
    site = request.domain_site
    return _render_dashboard(site, require_dashboard(site, request.name("name")))


def update_dashboard(request: ControlRequest) -> object:
    changed = request.site.update_dashboard(request.name("name"), **request.body)
    return _render_dashboard(request.domain_site, changed)


def delete_dashboard(request: ControlRequest) -> None:
    request.site.remove_dashboard(request.name("name"))


def _list(search: Callable[..., Page[R]], render: Callable[[Site, R], object], request: ControlRequest) -> object:
    site, query = request.domain_site, request.query
    page = search(site, query.pop("q"), query.pop("start"), query.pop("limit"), **query)
    return {"total": page.total, "items": [render(site, each) for each in page.records], "next": page.next_start}


def _render_user(site: Site, user: User) -> User:
    return user


def _render_group(site: Site, group: Group) -> dict[str, Any]:
    shown = {name: getattr(group, name) for name in ("name", "access", "can_edit", "can_drag_and_drop")}
    return {**shown, "members": len(site.store.members[group.name])}


def _render_dashboard(site: Site, board: Dashboard) -> dict[str, Any]:
    return {"name": board.name, "owner": board.owner, "access": dict(board.access)}
