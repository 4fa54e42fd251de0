"""A site elsewhere as a seed: its pages read to the end, and each thing that a seed cannot hold reported."""

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from types import MappingProxyType
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
Query = Mapping[str, str]
AccessType = type[Access] | type[DashboardAccess]
Record = dict[str, Any]
# Called with what is being read, how much of it was read, and how much there is, if the server says so.
ProgressCallback = Callable[[str, int, int | None], None]

# The waits before a failed request is repeated.
RETRY_SECONDS: Final = (1, 2, 4)
# The most records that a list may have; and how many more than the server says, for those deleted in the meantime.
MAX_RECORDS: Final = 2_000_000
MAX_SURPLUS: Final = 100
STATUS_HINTS: Final = {
    400: "the port may be one for HTTPS: write https:// then",
    403: "there is no site {host}, or this is not its key",
    404: "the API is not enabled for the site {host}, or it is not at this URL",
    429: "the server is rate-limiting: try again later, with --rate",
}
# Stands for a name that is blank.
BLANK_NAME: Final = "-"
# How many records a warning names.
MAX_NAMES: Final = 3
# The first line of a YAML seed, by which the next pull recognises a file that it may replace.
HEADER_COMMENT: Final = "# Written by mockscope pull, which replaces this file unless this line is gone.\n"


class PullError(Exception):
    """The site could not be read. The message says why, and what to do."""


class NotFound(PullError):
    """The path does not exist."""


@dataclass
class PulledSite:
    """The records of a site as they were read."""

    users: dict[str, Record] = field(default_factory=dict)
    groups: dict[str, Record] = field(default_factory=dict)
    # The access and the dashboards of each group. One that was deleted in the meantime has none.
    details: dict[str, Record] = field(default_factory=dict)
    totals: dict[str, int | None] = field(default_factory=dict)

    def records_of(self, what: str) -> dict[str, Record]:
        """Return the records of one list by their identity."""
        return self.users if what == "users" else self.groups

    def known_group_names(self) -> list[str]:
        """Return the groups to ask for: the listed ones, and any others that users are in."""
        named = dict.fromkeys((*self.groups, *(name for user in self.users.values() for name in _group_names(user))))
        return [name for name in named if _find_problem(rules.parse_text, name) is None]


def pull_site(client: SiteClient, progress: ProgressCallback) -> PulledSite:
    """Read all users, groups and dashboards of a site.

    Args:
        client: The client for the site.
        progress: Called after each response.

    Raises:
        PullError: If the server refuses, or does not answer as this API does.
        Unreachable: If the server does not respond.
    """
    read = PulledSite()
    for what in KEY_FIELDS:
        _read_list(client, what, read, progress)
    names = read.known_group_names()
    for place, name in enumerate(names, start=1):
        with suppress(NotFound):
            read.details[name] = _details(client, name)
        progress("dashboards of groups", place, len(names))
    return read


def _read_list(client: SiteClient, what: str, read: PulledSite, progress: ProgressCallback) -> None:
    path, identity, held = f"{API_PATH}/{what}", KEY_FIELDS[what], read.records_of(what)
    start: str | None = ""
    starts: set[str | None] = {None, ""}
    most = 0
    while start is not None:
        before = len(held)
        # A first request that fails is not repeated: most often the URL is wrong.
        body = _get_object(client, path, {NEXT_PAGE_START: start} if start else {}, is_first=not read.totals)
        records, start, total = body.get(what), body.get(NEXT_PAGE_START), body.get(f"total_{what}")
        if not isinstance(records, list):
            raise _invalid_response(path, f"it has no list of {what}")
        if not all(isinstance(record, dict) and isinstance(record.get(identity), str) for record in records):
            raise _invalid_response(path, f"there are {what} without {identity}")
        if not (start is None or isinstance(start, str)):
            raise _invalid_response(path, "next_page_start is neither a string nor null")
        held |= {record[identity]: record for record in records}
        if start is not None and (start in starts or len(held) == before):
            raise PullError(f"the pages of {what} repeat: nothing new comes after {len(held)} of them")
        total = total if isinstance(total, int) else None
        most = min(max(most, MAX_RECORDS if total is None else total), MAX_RECORDS)
        if len(held) > most + MAX_SURPLUS:
            raise PullError(f"the pages of {what} do not end: {len(held)} came, more than the site says it has")
        starts.add(start)
        read.totals[what] = total
        progress(what, len(held), total)


def _details(client: SiteClient, name: str) -> Record:
    path = group_path(name)
    body = _get_object(client, path)
    boards = body.get("dashboards", [])
    if not isinstance(boards, list) or not all(
        isinstance(board, dict) and isinstance(board.get("name"), str) for board in boards
    ):
        raise _invalid_response(path, "its dashboards are not a list of records with names")
    return {"access": body.get("access"), "dashboards": boards}


def _get_object(
    client: SiteClient, path: str, query: Query = MappingProxyType({}), *, is_first: bool = False
) -> Record:
    """Return the JSON object at a path.

    Raises:
        NotFound: If the status is 404.
        PullError: If the response is not a JSON object.
        Unreachable: If the server does not respond.
    """
    exchange = _get_with_retries(client, path, query, () if is_first else RETRY_SECONDS)
    if exchange.status != 200:
        raise (NotFound if exchange.status == 404 else PullError)(_describe_refusal(client, path, exchange))
    try:
        body = exchange.json
    except ValueError:
        raise _invalid_response(path, "it is not JSON") from None
    if not isinstance(body, dict):
        raise _invalid_response(path, "it is not an object")
    return body


def _get_with_retries(client: SiteClient, path: str, query: Query, waits: Iterable[float]) -> Exchange:
    """Send a GET, and repeat it while the server or the network fails."""
    for wait in waits:
        with suppress(Unreachable):
            exchange = client.request("GET", path, query=query)
            if exchange.status < 500:
                return exchange
        time.sleep(wait)
    return client.request("GET", path, query=query)


def _invalid_response(path: str, problem: str) -> PullError:
    return PullError(f"GET {path} is not answered as this API does: {problem}")


def _describe_refusal(client: SiteClient, path: str, exchange: Exchange) -> str:
    """Return the reason for a refusal, and the remedy."""
    status = exchange.status
    if 300 <= status < 400:
        hint = f"it is elsewhere ({exchange.header('Location') or 'the response does not say where'})"
    elif status >= 500:
        hint = "the server fails: try again later"
    else:
        hint = STATUS_HINTS.get(status, "this API has no such response").format(host=client.host)
    return f"{client.url} answers {status} to GET {path}: {hint}"


# -- the seed --------------------------------------------------------------------------------------------------


class SeedWarnings:
    """The records that a seed cannot hold, or holds in another form, by kind and problem."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str], list[str]] = {}
        self.notes: list[str] = []

    def add(self, kind: str, problem: str, name: str) -> None:
        """Note a record."""
        self._found.setdefault((kind, problem), []).append(name)

    def lines(self, *, naming: bool) -> Iterator[str]:
        """Yield a line for each problem.

        Args:
            naming: Name the first records.
        """
        for (kind, problem), names in self._found.items():
            rest = len(names) - MAX_NAMES
            shown = ", ".join([*map(repr, names[:MAX_NAMES]), *([f"{rest} more"] if rest > 0 else [])])
            yield f"{len(names)} {kind}{'s' * (len(names) != 1)}: {problem}{f' ({shown})' if naming else ''}"
        yield from self.notes


def to_seed(read: PulledSite, host: str) -> tuple[dict[str, Any], SeedWarnings]:
    """Return the seed of a site as plain data, and what did not fit into it.

    Args:
        read: The records of the site.
        host: The host of the site.

    Raises:
        PullError: If the seed would not load.
    """
    warnings = SeedWarnings()
    groups = _groups(read, warnings)
    missing = [name for name in BUILTIN_GROUPS if name not in groups]
    site = {
        "host": host,
        "groups": [{"name": name, "access": groups[name]} for name in sorted(groups)],
        **({"removed_groups": missing} if missing else {}),
        "users": _users(read, groups, warnings),
        "dashboards": _dashboards(read, groups, warnings),
    }
    for what in KEY_FIELDS:
        count, total = len(read.records_of(what)), read.totals.get(what)
        if total not in (None, count):
            warnings.notes.append(f"the site counts {total} {what}, but lists {count}: it was changed in the meantime")
    seed = {"mockscope": FORMAT_VERSION, "sites": [site]}
    try:
        load_sites(seed)
    except SeedError as error:
        raise PullError(f"the records do not make a seed: {error}") from None
    return seed, warnings


def render_seed(seed: Mapping[str, Any], form: Form) -> bytes:
    """Return a seed as the content of a file."""
    if form == "yaml":
        return (HEADER_COMMENT + yaml_io.to_text(seed)).encode()
    text = json.dumps(seed, indent=2, ensure_ascii=False) + "\n"
    # The control characters that JSON allows as they are, but a terminal obeys.
    return text.translate({code: f"\\u{code:04x}" for code in range(0x7F, 0xA0)}).encode()


def is_replaceable(content: bytes) -> bool:
    """Return whether a file may be replaced: ``written`` has marked it, or it is empty."""
    return not content or content.startswith(HEADER_COMMENT.encode())


def _groups(read: PulledSite, warnings: SeedWarnings) -> dict[str, str]:
    """Return the access of each group."""
    found: dict[str, str] = {}
    for name in read.groups:
        if (problem := _find_problem(rules.parse_text, name)) is not None:
            warnings.add("group", f"left out, because the name {problem}", name)
        elif name not in read.details:
            warnings.add("group", "left out, because it was deleted in the meantime", name)
    for name, group in read.details.items():
        # The later response counts, and groups that only users named have no other.
        listed = read.groups.get(name, {}).get("access")
        word = group["access"] if group["access"] is not None else listed
        found[name] = _parse_access(str(word or ""), Access, "group", name, warnings)
    return found


def _users(read: PulledSite, groups: Mapping[str, str], warnings: SeedWarnings) -> list[Record]:
    found: dict[str, Record] = {}
    for email, record in read.users.items():
        if (problem := _find_problem(rules.parse_email, email)) is not None:
            warnings.add("user", f"left out, because the email {problem}", email)
        elif email_key(email) in found:
            warnings.add("user", "left out, because another has the same email but for its case", email)
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


def _dashboards(read: PulledSite, groups: Mapping[str, str], warnings: SeedWarnings) -> list[Record]:
    """Return the dashboards. Each of them is shown with every group that may see it."""
    found: dict[str, dict[str, str]] = {}
    for group in sorted(groups):
        for board in read.details[group]["dashboards"]:
            name = board["name"]
            if (problem := _find_problem(rules.parse_text, name)) is not None:
                warnings.add("dashboard", f"left out, because the name {problem}", name)
            elif group in found.get(name, ()):
                warnings.add("dashboard", "taken for one, because others have the same name", name)
            else:
                word = _parse_access(str(board.get("access")), DashboardAccess, "dashboard", name, warnings)
                found.setdefault(name, {})[group] = word
    return [{"name": name, "access": found[name]} for name in sorted(found)]


def _group_names(record: Mapping[str, Any]) -> list[str]:
    groups = record.get("groups")
    return [name for name in groups if isinstance(name, str)] if isinstance(groups, list) else []


def _memberships(record: Mapping[str, Any], groups: Mapping[str, str], warnings: SeedWarnings) -> list[str]:
    named, sent = list(dict.fromkeys(_group_names(record))), record.get("groups")
    if not isinstance(sent, list) or len(_group_names(record)) < len(sent):
        warnings.add("user", "groups is not a list of names; only the names in it are kept", record["email"])
    for name in named:
        if name not in groups:
            warnings.add("membership", "left out, because the site has no such group", f"{record['email']} in {name}")
    return [name for name in named if name in groups]


def _parse_field(
    record: Record, warnings: SeedWarnings, key: str, parse: Callable[[Any], object], replacement: object
) -> object:
    """Return a field of a user, or its replacement if a seed cannot hold it."""
    try:
        return parse(record.get(key))
    except ValueError as problem:
        warnings.add("user", f"{key} written as {json.dumps(replacement)}, because it {problem}", record["email"])
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


def _parse_access(word: str, known: AccessType, kind: str, name: str, warnings: SeedWarnings) -> str:
    for each in known:
        if each.value.lower() == word.lower():
            return each.value
    least = known("View").value
    warnings.add(kind, f"access {word!r} written as {least}, because a seed does not know it", name)
    return least


def _find_problem(parse: Callable[[object], str], value: object) -> str | None:
    """Return what is wrong with a value, or None."""
    try:
        parse(value)
    except rules.InvalidValue as problem:
        return str(problem)
    return None
