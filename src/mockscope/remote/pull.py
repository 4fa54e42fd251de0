"""Read a site from another server and render it as a seed, with a warning for each value that a seed cannot hold."""

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, Literal

from mockscope._vendor import API_PATH, BUILTIN_GROUPS, KEY_FIELDS, NEXT_PAGE_START
from mockscope.domain import rules
from mockscope.domain.model import Access, DashboardAccess, email_key, timestamp
from mockscope.remote.client import SiteClient, Unreachable, group_path
from mockscope.remote.exchange import Exchange
from mockscope.seeds import yaml_io
from mockscope.seeds.files import load_sites
from mockscope.seeds.format import FORMAT_VERSION, SeedError

Form = Literal["yaml", "json"]
AccessType = type[Access] | type[DashboardAccess]
Record = dict[str, Any]
Parser = Callable[[Any], object]
# Called with the name of a list, the number of records read, and the total number if the server sends one.
ProgressCallback = Callable[[str, int, int | None], None]

# The waits before a failed request is sent again.
RETRY_SECONDS: Final = (1, 2, 4)
# The maximum size of a list, and by how much it may exceed the total that the server sends.
MAX_RECORDS: Final = 2_000_000
MAX_SURPLUS: Final = 100
STATUS_HINTS: Final = {
    400: "if the port is for HTTPS, write https://",
    403: "there is no site {host}, or this is not its key",
    404: "the API is not enabled for the site {host}, or it is not at this URL",
    429: "the server is rate-limiting: try again later, with --rate",
}
# Replaces a blank first or last name.
BLANK_NAME: Final = "-"
# The maximum number of records that a warning names.
MAX_NAMES: Final = 3
# The first line of a YAML seed. The next pull replaces only a file that begins with this line.
HEADER_COMMENT: Final = "# Written by mockscope pull, which replaces this file unless this line is gone.\n"


class PullError(Exception):
    """The site could not be read. The message has the reason and the remedy."""


class PathNotFound(PullError):
    """The server responded 404."""


@dataclass
class PulledSite:
    """The records of a site as the server sent them."""

    users: dict[str, Record] = field(default_factory=dict)
    groups: dict[str, Record] = field(default_factory=dict)
    # The access and the dashboards of each group. Groups that were deleted during the pull are missing.
    details: dict[str, Record] = field(default_factory=dict)
    totals: dict[str, int | None] = field(default_factory=dict)

    def records_of(self, kind: str) -> dict[str, Record]:
        """Return the records of a list by email or name."""
        return self.users if kind == "users" else self.groups

    def known_group_names(self) -> list[str]:
        """Return the names of the listed groups, and of others that users are members of."""
        named = dict.fromkeys((*self.groups, *(name for user in self.users.values() for name in _group_names(user))))
        return [name for name in named if _find_problem(rules.parse_text, name) is None]


def pull_site(client: SiteClient, progress: ProgressCallback) -> PulledSite:
    """Read all users, groups and dashboards of a site.

    Args:
        client: The client for the site.
        progress: Called after each response.

    Raises:
        PullError: If the server refuses a request, or its response is not one of this API.
        Unreachable: If the server does not respond.
    """
    pulled = PulledSite()
    for kind in KEY_FIELDS:
        _read_list(client, kind, pulled, progress)
    names = pulled.known_group_names()
    for place, name in enumerate(names, start=1):
        with suppress(PathNotFound):
            pulled.details[name] = _details(client, name)
        progress("dashboards of groups", place, len(names))
    return pulled


def _read_list(client: SiteClient, kind: str, pulled: PulledSite, progress: ProgressCallback) -> None:
    path, identity, records_read = f"{API_PATH}/{kind}", KEY_FIELDS[kind], pulled.records_of(kind)
    start: str | None = ""
    starts: set[str | None] = {None, ""}
    max_records = 0
    while start is not None:
        before = len(records_read)
        # The first request is sent only once: if it fails, the URL is probably wrong.
        body = _get_object(client, path, start, is_first=not pulled.totals)
        records, start, total = body.get(kind), body.get(NEXT_PAGE_START), body.get(f"total_{kind}")
        if not isinstance(records, list):
            raise _invalid_response(path, f"the body has no list {kind}")
        if not all(isinstance(record, dict) and isinstance(record.get(identity), str) for record in records):
            raise _invalid_response(path, f"some {kind} have no {identity}")
        if not (start is None or isinstance(start, str)):
            raise _invalid_response(path, "next_page_start is neither a string nor null")
        records_read |= {record[identity]: record for record in records}
        if start is not None and (start in starts or len(records_read) == before):
            raise PullError(f"the pages of {kind} repeat: a page after {len(records_read)} {kind} had no new ones")
        total = total if isinstance(total, int) else None
        max_records = min(max(max_records, MAX_RECORDS if total is None else total), MAX_RECORDS)
        if len(records_read) > max_records + MAX_SURPLUS:
            raise PullError(f"the pages of {kind} do not end: {len(records_read)} were read, more than the site counts")
        starts.add(start)
        pulled.totals[kind] = total
        progress(kind, len(records_read), total)


def _details(client: SiteClient, name: str) -> Record:
    path = group_path(name)
    body = _get_object(client, path)
    boards = body.get("dashboards", [])
    if not isinstance(boards, list) or not all(
        isinstance(board, dict) and isinstance(board.get("name"), str) for board in boards
    ):
        raise _invalid_response(path, "dashboards is not a list of objects with a name")
    return {"access": body.get("access"), "dashboards": boards}


def _get_object(client: SiteClient, path: str, start: str = "", *, is_first: bool = False) -> Record:
    """Return the JSON object at a path, or on the page of a list at a cursor.

    Raises:
        PathNotFound: If the status is 404.
        PullError: If the response is not a JSON object.
        Unreachable: If the server does not respond.
    """
    query = {NEXT_PAGE_START: start} if start else {}
    exchange = _get_with_retries(client, path, query, () if is_first else RETRY_SECONDS)
    if exchange.status != 200:
        raise (PathNotFound if exchange.status == 404 else PullError)(_describe_refusal(client, path, exchange))
    try:
        body = exchange.json
    except ValueError:
        raise _invalid_response(path, "it is not JSON") from None
    if not isinstance(body, dict):
        raise _invalid_response(path, "it is not an object")
    return body


def _get_with_retries(client: SiteClient, path: str, query: Mapping[str, str], waits: Iterable[float]) -> Exchange:
    """Send a GET. If the server or the network fails, send it again after each wait."""
    for wait in waits:
        with suppress(Unreachable):
            exchange = client.request("GET", path, query=query)
            if exchange.status < 500:
                return exchange
        time.sleep(wait)
    return client.request("GET", path, query=query)


def _invalid_response(path: str, problem: str) -> PullError:
    return PullError(f"the response to GET {path} is not one of this API: {problem}")


def _describe_refusal(client: SiteClient, path: str, exchange: Exchange) -> str:
    """Return an error message for a status other than 200, with the remedy."""
    status = exchange.status
    if 300 <= status < 400:
        hint = f"use the URL that it redirects to: {exchange.header('Location') or 'the response has no Location'}"
    elif status >= 500:
        hint = "the server failed: try again later"
    else:
        hint = STATUS_HINTS.get(status, "this API does not use that status").format(host=client.host)
    return f"{client.url} answers {status} to GET {path}: {hint}"


# -- the seed --------------------------------------------------------------------------------------------------


class SeedWarnings:
    """The records that a seed omits or changes, grouped by kind and problem."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str], list[str]] = {}
        self.notes: list[str] = []

    def add(self, kind: str, problem: str, name: str) -> None:
        """Add a record to its group."""
        self._found.setdefault((kind, problem), []).append(name)

    def lines(self, *, naming: bool) -> Iterator[str]:
        """Yield a line for each group.

        Args:
            naming: Name the first records of each group. They may be names of people.
        """
        for (kind, problem), names in self._found.items():
            rest = len(names) - MAX_NAMES
            shown = ", ".join([*map(repr, names[:MAX_NAMES]), *([f"{rest} more"] if rest > 0 else [])])
            yield f"{len(names)} {kind}{'s' * (len(names) != 1)}: {problem}{f' ({shown})' if naming else ''}"
        yield from self.notes


def to_seed(pulled: PulledSite, host: str) -> tuple[dict[str, Any], SeedWarnings]:
    """Convert a site to a seed as plain data, with the warnings.

    Args:
        pulled: The records of the site.
        host: The host of the site.

    Raises:
        PullError: If mockscope could not load the seed.
    """
    warnings = SeedWarnings()
    groups = _groups(pulled, warnings)
    missing = [name for name in BUILTIN_GROUPS if name not in groups]
    site = {
        "host": host,
        "groups": [{"name": name, "access": groups[name]} for name in sorted(groups)],
        **({"removed_groups": missing} if missing else {}),
        "users": _users(pulled, groups, warnings),
        "dashboards": _dashboards(pulled, groups, warnings),
    }
    for kind in KEY_FIELDS:
        count, total = len(pulled.records_of(kind)), pulled.totals.get(kind)
        if total not in (None, count):
            warnings.notes.append(f"the site counts {total} {kind}, but lists {count}: it was changed in the meantime")
    seed = {"mockscope": FORMAT_VERSION, "sites": [site]}
    try:
        load_sites(seed)
    except SeedError as error:
        raise PullError(f"the records are not a valid seed: {error}") from None
    return seed, warnings


def render_seed(seed: Mapping[str, Any], form: Form) -> bytes:
    """Render a seed as the content of a YAML or JSON file."""
    if form == "yaml":
        return (HEADER_COMMENT + yaml_io.to_text(seed)).encode()
    text = json.dumps(seed, indent=2, ensure_ascii=False) + "\n"
    # JSON allows these control characters unescaped, but a terminal executes them.
    return text.translate({code: f"\\u{code:04x}" for code in range(0x7F, 0xA0)}).encode()


def is_replaceable(content: bytes) -> bool:
    """Return whether a file may be replaced: it is empty, or begins with the comment of ``render_seed``."""
    return not content or content.startswith(HEADER_COMMENT.encode())


def _groups(pulled: PulledSite, warnings: SeedWarnings) -> dict[str, str]:
    """Return the access of each group."""
    found: dict[str, str] = {}
    for name in pulled.groups:
        if (problem := _find_problem(rules.parse_text, name)) is not None:
            warnings.add("group", f"left out, because the name {problem}", name)
        elif name not in pulled.details:
            warnings.add("group", "left out, because it was deleted in the meantime", name)
    for name, group in pulled.details.items():
        # The response about one group came later than the list, which may not have it.
        listed = pulled.groups.get(name, {}).get("access")
        text = group["access"] if group["access"] is not None else listed
        found[name] = _parse_access(str(text or ""), Access, "group", name, warnings)
    return found


def _users(pulled: PulledSite, groups: Mapping[str, str], warnings: SeedWarnings) -> list[Record]:
    found: dict[str, Record] = {}
    for email, record in pulled.users.items():
        if (problem := _find_problem(rules.parse_email, email)) is not None:
            warnings.add("user", f"left out, because the email {problem}", email)
        elif email_key(email) in found:
            warnings.add("user", "left out, because another user has the same email in another case", email)
        else:
            parse = partial(_parse_field, record, warnings)
            found[email_key(email)] = {
                "email": email,
                "first_name": parse("first_name", rules.parse_text, BLANK_NAME),
                "last_name": parse("last_name", rules.parse_text, BLANK_NAME),
                "groups": _memberships(record, groups, warnings),
                "last_login_at": parse("last_login_at", _parse_time, None),
                "password_updated_at": parse("password_updated_at", _parse_time, None),
                "tfa_enabled": parse("tfa_enabled", _parse_flag, replacement=False),
            }
    return [found[key] for key in sorted(found)]


def _dashboards(pulled: PulledSite, groups: Mapping[str, str], warnings: SeedWarnings) -> list[Record]:
    """Return the dashboards. The server lists a dashboard in each group that has access to it."""
    found: dict[str, dict[str, str]] = {}
    for group in sorted(groups):
        for board in pulled.details[group]["dashboards"]:
            name = board["name"]
            if (problem := _find_problem(rules.parse_text, name)) is not None:
                warnings.add("dashboard", f"left out, because the name {problem}", name)
            elif group in found.get(name, ()):
                warnings.add("dashboard", "merged, because several have the same name", name)
            else:
                text = _parse_access(str(board.get("access")), DashboardAccess, "dashboard", name, warnings)
                found.setdefault(name, {})[group] = text
    return [{"name": name, "access": found[name]} for name in sorted(found)]


def _group_names(record: Mapping[str, Any]) -> list[str]:
    groups = record.get("groups")
    return [name for name in groups if isinstance(name, str)] if isinstance(groups, list) else []


def _memberships(record: Mapping[str, Any], groups: Mapping[str, str], warnings: SeedWarnings) -> list[str]:
    named, sent = list(dict.fromkeys(_group_names(record))), record.get("groups")
    if not isinstance(sent, list) or len(_group_names(record)) < len(sent):
        warnings.add("user", "groups is not a list of names, so that only the names in it are kept", record["email"])
    for name in named:
        if name not in groups:
            warnings.add("membership", "left out, because the site has no such group", f"{record['email']} in {name}")
    return [name for name in named if name in groups]


def _parse_field(record: Record, warnings: SeedWarnings, key: str, parse: Parser, replacement: object) -> object:
    """Return a parsed field of a user, or the replacement if a seed cannot hold the value."""
    try:
        return parse(record.get(key))
    except ValueError as error:
        problem = f"{key} written as {json.dumps(replacement)}, because the value {error}"
        warnings.add("user", problem, record["email"])
        return replacement


def _parse_time(value: object) -> str | None:
    try:
        return None if value is None else timestamp(str(value))
    except ValueError:
        raise ValueError("is not a time with an offset") from None


def _parse_flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError("is neither true nor false")
    return value


def _parse_access(text: str, known: AccessType, kind: str, name: str, warnings: SeedWarnings) -> str:
    for member in known:
        if member.value.lower() == text.lower():
            return member.value
    least = known("View").value
    warnings.add(kind, f"access {text!r} written as {least}, because a seed does not support it", name)
    return least


def _find_problem(parse: Callable[[object], str], value: object) -> str | None:
    """Return the problem with a value, or None if it is valid."""
    try:
        parse(value)
    except rules.InvalidValue as problem:
        return str(problem)
    return None
