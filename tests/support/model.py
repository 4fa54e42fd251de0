"""A naive model of the service, in lists and dicts: it predicts responses and the records after them.

It restates the contract as plainly as possible, and shares no code with mockscope: everything is sorted and searched
from end to end at each call. Slow and obviously right is the point.
"""

import json
import string
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, Final, NoReturn
from urllib.parse import parse_qsl, unquote

BUILTIN: Final = ("Administrators", "All Users")
POLICY: Final[dict[str, Any]] = {
    "page_size": 100,
    "test_mode_create_status": 200,
    "unknown_groups": "reject",
    "implicit_all_users": False,
    "creator_must_be_admin": False,
    "protect_builtin_groups": True,
    "require_json_content_type": False,
}
LOCAL_PART: Final = frozenset(string.ascii_letters + string.digits + ".!#$%&'*+/=?^_`{|}~-")
LABEL: Final = frozenset(string.ascii_letters + string.digits + "-")
TEST_MODE_MESSAGE: Final = {"message": "Action would have completed successfully"}


@dataclass(frozen=True)
class Request:
    """A request as it is sent. The target is ASCII, percent-encoded by the caller."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""


@dataclass(frozen=True)
class PredictedResponse:
    """A predicted response. The model does not predict the message of a refusal: its body is None."""

    status: int
    body: Any = None


class Refuse(Exception):
    """The request is refused with a status."""

    def __init__(self, status: int) -> None:
        self.status = status
        super().__init__(status)


class ModelSite:
    """The records of one site, in the form of its seed.

    Args:
        seed: the site's part of a seed, with every user's seven fields.
        policy: the policy switches that are not at their default.
    """

    def __init__(self, seed: dict[str, Any], policy: dict[str, Any]) -> None:
        self.host: str = seed["host"]
        self.api_key: str = seed["api_key"]
        self.enabled = True
        self.policy = POLICY | policy
        self.access: dict[str, str] = dict.fromkeys(BUILTIN, "Sql")
        self.access |= {group["name"]: group["access"] for group in seed["groups"]}
        self.users: list[dict[str, Any]] = deepcopy(seed["users"])
        self.dashboards: list[dict[str, Any]] = deepcopy(seed["dashboards"])

    def export(self) -> dict[str, Any]:
        removed = [name for name in BUILTIN if name not in self.access]
        return {
            "host": self.host,
            "api_key": self.api_key,
            "enabled": self.enabled,
            "policy": self.policy,
            "groups": [self.group(name) for name in sorted(self.access)],
            **({"removed_groups": removed} if removed else {}),
            "users": self.sorted_users(),
            "dashboards": [
                {**board, "access": dict(sorted(board["access"].items()))}
                for board in sorted(self.dashboards, key=lambda board: str(board["name"]))
            ],
        }

    def sorted_users(self) -> list[dict[str, Any]]:
        return sorted(self.users, key=lambda user: str(user["email"]).lower())

    def group(self, name: str) -> dict[str, Any]:
        return {"name": name, "access": self.access[name]}

    def find_user(self, email: str) -> dict[str, Any] | None:
        found = [user for user in self.users if user["email"].lower() == email.lower()]
        return found[0] if found else None

    def is_admin(self, email: str) -> bool:
        user = self.find_user(email)
        return user is not None and "Administrators" in user["groups"]

    def default_groups(self) -> list[str]:
        return ["All Users"] if "All Users" in self.access else []

    def groups_to_set(self, sent: list[str] | None) -> list[str]:
        """Apply USER-CREATE-2 under every policy. create_missing_groups creates the groups."""
        names: list[str] = []
        for name in sent or []:
            if name not in names:
                names.append(name)
        unknown = [name for name in names if name not in self.access]
        match self.policy["unknown_groups"]:
            case "reject" if unknown:
                raise Refuse(400)
            case "create" if any(is_blank(name) for name in unknown):
                raise Refuse(400)
            case "ignore":
                names = [name for name in names if name in self.access]
        if self.policy["implicit_all_users"] and "All Users" in (*self.access, *names):
            names = ["All Users"] + [name for name in names if name != "All Users"]
        return names or self.default_groups()

    def create_missing_groups(self, names: list[str]) -> None:
        for name in names:
            self.access.setdefault(name, "View")


class Model:
    """All sites of a server."""

    def __init__(self) -> None:
        self.sites: list[ModelSite] = []

    def export(self) -> dict[str, Any]:
        return {"mockscope": 1, "sites": [site.export() for site in self.sites]}

    def respond(self, request: Request) -> PredictedResponse:
        """Return the response to a request, and apply its writes."""
        try:
            response = self._respond(request)
        except Refuse as refusal:
            response = PredictedResponse(refusal.status)
        return PredictedResponse(response.status, b"") if request.method == "HEAD" else response

    def _respond(self, request: Request) -> PredictedResponse:
        site = self._authenticate(values_of(request, "http-x-partner-auth"))
        path, _, query_text = request.target.partition("?")
        query = dict(parse_qsl(query_text, keep_blank_values=True))
        method = "GET" if request.method == "HEAD" else request.method
        if path in ("/api/v1/users", "/api/v1/users/"):
            return self._users(site, method, query, request)
        if path in ("/api/v1/groups", "/api/v1/groups/"):
            return self._groups(site, method, query, request)
        name = path.removeprefix("/api/v1/groups/")
        if name == path or "/" in name:
            raise Refuse(404)
        return self._one_group(site, method, unquote(name), query, request)

    def _authenticate(self, credentials: set[str]) -> ModelSite:
        if len(credentials) != 1:
            raise Refuse(403)
        host, colon, key = credentials.pop().rpartition(":")
        for site in self.sites:
            if colon and site.host == host and site.api_key == key:
                if not site.enabled:
                    raise Refuse(404)
                return site
        raise Refuse(403)

    # -- users -------------------------------------------------------------------------------------------------

    def _users(self, site: ModelSite, method: str, query: dict[str, str], request: Request) -> PredictedResponse:
        sent = values_of(request, "http-x-email")
        match method:
            case "GET" if not sent:
                start = query.get("next_page_start", "").lower().replace(" ", "+")
                return page(site, "users", site.sorted_users(), "email", start)
            case "GET":
                return PredictedResponse(200, dict(named_user(site, sent)))
            case "POST":
                return create_user(site, read_object(site, request), query)
            case "PUT":
                user = named_user(site, sent)
                return update_user(site, user, read_object(site, request), query)
            case "DELETE":
                return delete_user(site, named_user(site, sent), query)
        raise Refuse(405)

    # -- groups ------------------------------------------------------------------------------------------------

    def _groups(self, site: ModelSite, method: str, query: dict[str, str], request: Request) -> PredictedResponse:
        match method:
            case "GET":
                groups = [site.group(name) for name in sorted(site.access)]
                names = {group["name"] for group in groups}
                start = query.get("next_page_start", "")
                meant = start.replace(" ", "+")
                return page(site, "groups", groups, "name", meant if meant in names and start not in names else start)
            case "POST":
                return create_group(site, read_object(site, request), query)
        raise Refuse(405)

    def _one_group(
        self, site: ModelSite, method: str, name: str, query: dict[str, str], request: Request
    ) -> PredictedResponse:
        if method not in ("GET", "PUT", "DELETE"):
            raise Refuse(405)
        if name not in site.access:
            raise Refuse(404)
        match method:
            case "GET":
                boards = sorted(site.dashboards, key=lambda board: str(board["name"]))
                shown = [{"name": b["name"], "access": b["access"][name]} for b in boards if name in b["access"]]
                return PredictedResponse(200, {**site.group(name), "dashboards": shown})
            case "PUT":
                return update_group(site, name, read_object(site, request), query)
        return delete_group(site, name, query)


# -- the operations --------------------------------------------------------------------------------------------


def page(site: ModelSite, word: str, records: list[dict[str, Any]], key: str, start: str) -> PredictedResponse:
    rest = [record for record in records if (record[key].lower() if key == "email" else record[key]) >= start]
    size = site.policy["page_size"]
    return PredictedResponse(
        200,
        {
            f"total_{word}": len(records),
            f"{word}_this_page": len(rest[:size]),
            "next_page_start": rest[size][key] if len(rest) > size else None,
            word: deepcopy(rest[:size]),
        },
    )


def create_user(site: ModelSite, body: dict[str, Any], query: dict[str, str]) -> PredictedResponse:
    names = ("first_name", "last_name", "email", "invited_by_email")
    if not all(is_text(body.get(name)) for name in names):
        raise Refuse(400)
    if not is_email(body["email"]) or not is_group_list(body.get("groups")):
        raise Refuse(400)
    if not site.is_admin(body["invited_by_email"]):
        raise Refuse(400)
    groups = site.groups_to_set(body.get("groups"))
    if site.find_user(body["email"]):
        raise Refuse(409)
    if is_dry_run(query):
        return PredictedResponse(site.policy["test_mode_create_status"], TEST_MODE_MESSAGE)
    site.create_missing_groups(groups)
    user = {
        "first_name": body["first_name"],
        "last_name": body["last_name"],
        "email": body["email"],
        "groups": groups,
        "last_login_at": None,
        "password_updated_at": None,
        "tfa_enabled": False,
    }
    site.users.append(user)
    return PredictedResponse(201, dict(user))


def update_user(
    site: ModelSite, user: dict[str, Any], body: dict[str, Any], query: dict[str, str]
) -> PredictedResponse:
    if not all(is_text(body[name]) for name in ("first_name", "last_name") if name in body):
        raise Refuse(400)
    if not is_group_list(body.get("groups")):
        raise Refuse(400)
    groups = site.groups_to_set(body["groups"]) if "groups" in body else user["groups"]
    if is_dry_run(query):
        return PredictedResponse(200, TEST_MODE_MESSAGE)
    site.create_missing_groups(groups)
    user["first_name"] = body.get("first_name", user["first_name"])
    user["last_name"] = body.get("last_name", user["last_name"])
    user["groups"] = groups
    return PredictedResponse(200, dict(user))


def delete_user(site: ModelSite, user: dict[str, Any], query: dict[str, str]) -> PredictedResponse:
    if is_dry_run(query):
        return PredictedResponse(200, TEST_MODE_MESSAGE)
    site.users.remove(user)
    for board in site.dashboards:
        if board["owner"] is not None and board["owner"].lower() == user["email"].lower():
            board["owner"] = None
    return PredictedResponse(200, {"message": f"User removed from {site.host}"})


def create_group(site: ModelSite, body: dict[str, Any], query: dict[str, str]) -> PredictedResponse:
    creator: Any = body["created_by_email"] if "created_by_email" in body else body.get("create_by_email")
    if not is_text(body.get("name")) or not is_access(body.get("access")) or not is_text(creator):
        raise Refuse(400)
    if not site.find_user(creator):
        raise Refuse(400)
    if site.policy["creator_must_be_admin"] and not site.is_admin(creator):
        raise Refuse(400)
    if body["name"] in site.access:
        raise Refuse(409)
    if is_dry_run(query):
        return PredictedResponse(site.policy["test_mode_create_status"], TEST_MODE_MESSAGE)
    site.access[body["name"]] = body["access"].capitalize()
    return PredictedResponse(201, site.group(body["name"]))


def update_group(site: ModelSite, name: str, body: dict[str, Any], query: dict[str, str]) -> PredictedResponse:
    if "name" in body and not is_text(body["name"]):
        raise Refuse(400)
    if "access" in body and not is_access(body["access"]):
        raise Refuse(400)
    new_name = body.get("name", name)
    if new_name != name and site.policy["protect_builtin_groups"] and name in BUILTIN:
        raise Refuse(400)
    if new_name != name and new_name in site.access:
        raise Refuse(409)
    if is_dry_run(query):
        return PredictedResponse(200, TEST_MODE_MESSAGE)
    access = site.access.pop(name)
    site.access[new_name] = body.get("access", access).capitalize()
    for user in site.users:
        user["groups"] = [new_name if group == name else group for group in user["groups"]]
    for board in site.dashboards:
        board["access"] = {new_name if group == name else group: word for group, word in board["access"].items()}
    return PredictedResponse(200, site.group(new_name))


def delete_group(site: ModelSite, name: str, query: dict[str, str]) -> PredictedResponse:
    if site.policy["protect_builtin_groups"] and name in BUILTIN:
        raise Refuse(400)
    if is_dry_run(query):
        return PredictedResponse(200, TEST_MODE_MESSAGE)
    del site.access[name]
    for user in site.users:
        if name in user["groups"]:
            user["groups"] = [group for group in user["groups"] if group != name] or site.default_groups()
    for board in site.dashboards:
        board["access"].pop(name, None)
    return PredictedResponse(200, {"message": f"Group removed from {site.host}"})


# -- parsing a request -----------------------------------------------------------------------------------------


def values_of(request: Request, name: str) -> set[str]:
    return {value.strip() for header, value in request.headers if header.lower() == name}


def named_user(site: ModelSite, sent: set[str]) -> dict[str, Any]:
    user = site.find_user(sent.pop()) if len(sent) == 1 else None
    if user is None:
        raise Refuse(400)
    return user


def is_dry_run(query: dict[str, str]) -> bool:
    return query.get("test_mode", "").lower() == "true"


def read_object(site: ModelSite, request: Request) -> dict[str, Any]:
    if len(request.body) > 1024 * 1024:
        raise Refuse(413)
    sent = values_of(request, "content-type")
    if site.policy["require_json_content_type"] and not any(value.startswith("application/json") for value in sent):
        raise Refuse(400)
    try:
        # A number may have any length, and Python's int may not.
        body = json.loads(request.body.decode("utf-8"), parse_constant=no_number, parse_int=float)
    except (ValueError, RecursionError):
        raise Refuse(400) from None
    if not isinstance(body, dict) or has_surrogates(request.body):
        raise Refuse(400)
    return body


def no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is not JSON")


def has_surrogates(body: bytes) -> bool:
    """Return whether a lone surrogate was escaped: it cannot be encoded in UTF-8."""
    text = json.dumps(json.loads(body, parse_int=float), ensure_ascii=False)
    return any("\ud800" <= character <= "\udfff" for character in text)


# -- validation of values --------------------------------------------------------------------------------------


def is_blank(text: str) -> bool:
    return all(character.isspace() or character == "\ufeff" for character in text)


def is_text(value: object) -> bool:
    return isinstance(value, str) and not is_blank(value)


def is_access(value: object) -> bool:
    return isinstance(value, str) and value.lower() in ("sql", "discovery", "view")


def is_group_list(value: object) -> bool:
    return value is None or (isinstance(value, list) and all(isinstance(name, str) for name in value))


def is_email(text: str) -> bool:
    local, at, domain = text.rpartition("@")
    if not at or not local or not set(local) <= LOCAL_PART:
        return False
    return all(
        0 < len(label) <= 63 and set(label) <= LABEL and not label.startswith("-") and not label.endswith("-")
        for label in domain.split(".")
    )
