"""The records of a server elsewhere as a seed: pages walked, what was read kept, what a seed can't hold told."""

import json
import os
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import scrypt
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import quote

from cryptography.fernet import Fernet, InvalidToken

from mockscope import yaml_text
from mockscope.domain import rules
from mockscope.domain.model import BUILTIN_GROUPS, Access, DashboardAccess, email_key, timestamp
from mockscope.domain.state import FORMAT_VERSION, SeedError
from mockscope.seeding import load_sites
from mockscope.target import Exchange, Target

What = Literal["users", "groups"]
Form = Literal["yaml", "json"]
# What is being read, how much of it there is by now, and how much there will be, where that is known.
Progress = Callable[[str, int, int | None], None]
Entry = dict[str, Any]

# What tells a record from the others of its page.
IDENTITY: Final[Mapping[What, str]] = {"users": "email", "groups": "name"}
DASHBOARDS: Final = "dashboards of groups"
# What stands for a name that is blank.
NO_NAME: Final = "-"
# How many records a warning names.
NAMED: Final = 3
PARTIAL_VERSION: Final = 1
PARTIAL_MODE: Final = 0o600
# As RFC 7914 has it for a secret that is used at once.
SCRYPT: Final = {"n": 2**14, "r": 8, "p": 1, "dklen": 32}


class PullError(Exception):
    """What was asked for could not be read. The message says why, and what to do."""


class PartialError(Exception):
    """A partial file that nothing can be resumed from. The message says why, and what to do."""


@dataclass
class Harvest:
    """What was read so far."""

    users: dict[str, dict[str, Any]] = field(default_factory=dict)
    groups: dict[str, dict[str, Any]] = field(default_factory=dict)
    # Group by group as it was answered; None: there is no such group any more.
    details: dict[str, dict[str, Any] | None] = field(default_factory=dict)
    # Where the next page starts; None: there is none.
    next_starts: dict[What, str | None] = field(default_factory=lambda: {"users": "", "groups": ""})
    totals: dict[What, int | None] = field(default_factory=dict)
    starts: dict[What, set[str]] = field(default_factory=lambda: {"users": {""}, "groups": {""}})

    def take(self, entry: Entry) -> None:
        """Add what was read at once: a page, or a group with its dashboards.

        Raises:
            PullError: the page leads nowhere new.
        """
        if "group" in entry:
            self.details[entry["group"]] = entry["answer"]
            return
        what: What = entry["page"]
        held, identity = self._held(what), IDENTITY[what]
        before = len(held)
        held.update({record[identity]: record for record in entry["records"]})
        start = entry["next"]
        if start is not None and (start in self.starts[what] or len(held) == before):
            raise PullError(f"the pages of {what} go round in circles: after {len(held)} of them nothing new comes")
        self.starts[what].add(start)
        self.next_starts[what], self.totals[what] = start, entry["total"]

    def _held(self, what: What) -> dict[str, dict[str, Any]]:
        return self.users if what == "users" else self.groups

    def count(self, what: What) -> int:
        """How many of them there are by now."""
        return len(self._held(what))

    def group_names(self) -> list[str]:
        """The groups that can be asked for: those that were listed, and those that users are in besides."""
        named = dict.fromkeys((*self.groups, *(name for user in self.users.values() for name in _names(user))))
        return [name for name in named if _problem(rules.text, name) is None]


def harvest(target: Target, read: Harvest, *, keep: Callable[[Entry], None] | None, progress: Progress) -> None:
    """Read all users, groups and dashboards of a site, on from what was read before.

    Args:
        target: the server and the site.
        read: what was read before; what is read is added.
        keep: called with each page, once it is added, so that it need not be read again.
        progress: called after each page.

    Raises:
        PullError: the server refuses, or answers something else than this API.
        Unreachable: it does not answer.
    """

    def take(entry: Entry) -> None:
        read.take(entry)
        if keep is not None:
            keep(entry)

    for what in IDENTITY:
        while (start := read.next_starts[what]) is not None:
            take(_page(target, what, start))
            progress(what, read.count(what), read.totals[what])
    names = read.group_names()
    for place, name in enumerate(names, start=1):
        if name not in read.details:
            take(_group(target, name))
        progress(DASHBOARDS, place, len(names))


def _page(target: Target, what: What, start: str) -> Entry:
    path = f"/api/v1/{what}"
    exchange = target.ask("GET", path, query={"next_page_start": start} if start else "")
    if exchange.status != 200:
        raise PullError(_refused(target, exchange))
    body = _object(exchange)
    records, following, total = body.get(what), body.get("next_page_start"), body.get(f"total_{what}")
    identity = IDENTITY[what]
    if not isinstance(records, list):
        raise _strange(exchange, f"it has no list of {what}")
    if not all(isinstance(record, dict) and isinstance(record.get(identity), str) for record in records):
        raise _strange(exchange, f"there are {what} without {identity}")
    if not (following is None or isinstance(following, str)):
        raise _strange(exchange, "next_page_start is neither a text nor null")
    return {"page": what, "records": records, "next": following, "total": total if isinstance(total, int) else None}


def _group(target: Target, name: str) -> Entry:
    exchange = target.ask("GET", f"/api/v1/groups/{_segment(name)}")
    if exchange.status == 404:
        return {"group": name, "answer": None}
    if exchange.status != 200:
        raise PullError(_refused(target, exchange))
    body = _object(exchange)
    boards = body.get("dashboards", [])
    if not isinstance(boards, list) or not all(
        isinstance(board, dict) and isinstance(board.get("name"), str) for board in boards
    ):
        raise _strange(exchange, "its dashboards are no list of records with names")
    return {"group": name, "answer": {"access": body.get("access"), "dashboards": boards}}


def _segment(name: str) -> str:
    # A client or gateway would resolve dots that stand alone.
    return name.replace(".", "%2E") if set(name) == {"."} else quote(name, safe="")


def _object(exchange: Exchange) -> dict[str, Any]:
    try:
        body = exchange.json
    except ValueError:
        raise _strange(exchange, "it is not JSON") from None
    if not isinstance(body, dict):
        raise _strange(exchange, "it is no object")
    return body


def _strange(exchange: Exchange, problem: str) -> PullError:
    return PullError(f"{_asked(exchange)} is not answered as this API does: {problem}")


def _refused(target: Target, exchange: Exchange) -> str:
    """Why there is no such answer, and what to do."""
    match exchange.status:
        case 403:
            advice = f"there is no site {target.host}, or this is not its key"
        case 404:
            advice = f"the API is not enabled for the site {target.host}, or it is not at this URL"
        case 429:
            advice = "it asks for less haste: go on later, with --rate"
        case status if status >= 500:
            advice = "it fails: go on later"
        case status if 300 <= status < 400:
            advice = f"it is elsewhere ({exchange.header('Location') or 'and does not say where'})"
        case _:
            advice = "this API has no such answer"
    return f"{target.url} answers {exchange.status} to {_asked(exchange)}: {advice}"


def _asked(exchange: Exchange) -> str:
    # Without the query: it names somebody.
    return f"{exchange.method} {exchange.path.partition('?')[0]}"


# -- a seed ----------------------------------------------------------------------------------------------------


class Oddities:
    """What a seed can't hold, or holds otherwise than it was: kind and problem to the records."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str], list[str]] = {}
        self.remarks: list[str] = []

    def add(self, kind: str, problem: str, name: str) -> None:
        """Note a record."""
        self._found.setdefault((kind, problem), []).append(name)

    def lines(self, *, naming: bool) -> Iterator[str]:
        """A line for each problem.

        Args:
            naming: whether the first records are named.
        """
        for (kind, problem), names in self._found.items():
            shown = [*map(repr, names[:NAMED]), *([f"{len(names) - NAMED} more"] if len(names) > NAMED else [])]
            who = f" ({', '.join(shown)})" if naming else ""
            yield f"{len(names)} {kind}{'' if len(names) == 1 else 's'}: {problem}{who}"
        yield from self.remarks


def seed_of(read: Harvest, host: str) -> tuple[dict[str, Any], Oddities]:
    """The seed of a site that was read to its end, as plain data, and what did not fit into it.

    Args:
        read: what was read.
        host: the host of the site.

    Raises:
        PullError: it would not load.
    """
    odd = Oddities()
    groups = _groups(read, odd)
    missing = [name for name in BUILTIN_GROUPS if name not in groups]
    site = {
        "host": host,
        "groups": [{"name": name, "access": groups[name]} for name in sorted(groups)],
        **({"removed_groups": missing} if missing else {}),
        "users": _users(read, groups, odd),
        "dashboards": _boards(read, groups, odd),
    }
    for what in IDENTITY:
        total = read.totals.get(what)
        if total not in (None, read.count(what)):
            odd.remarks.append(
                f"the site said it has {total} {what}, and {read.count(what)} came: somebody wrote in between"
            )
    seed = {"mockscope": FORMAT_VERSION, "sites": [site]}
    try:
        load_sites(seed)
    except SeedError as error:
        raise PullError(f"what was read makes no seed: {error}") from None
    return seed, odd


def written(seed: Mapping[str, Any], form: Form) -> bytes:
    """A seed as the text of a file."""
    if form == "json":
        return (json.dumps(seed, indent=2, ensure_ascii=False) + "\n").encode()
    return yaml_text.to_text(seed).encode()


def _groups(read: Harvest, odd: Oddities) -> dict[str, str]:
    """The access of each group that there is."""
    found: dict[str, str] = {}
    for name, record in read.groups.items():
        if (problem := _problem(rules.text, name)) is not None:
            odd.add("group", f"left out, because the name {problem}", name)
        elif read.details.get(name) is None:
            odd.add("group", "left out, because it was deleted in the meantime", name)
        else:
            found[name] = str(record.get("access"))
    # The later answer is the truer one; and of groups that came up with users alone there is no other.
    details = {name: answer for name, answer in read.details.items() if answer is not None}
    found |= {name: str(answer["access"]) for name, answer in details.items() if answer["access"] is not None}
    return {name: _word(found.get(name, ""), Access, "group", name, odd) for name in details}


def _users(read: Harvest, groups: Mapping[str, str], odd: Oddities) -> list[dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for email, record in read.users.items():
        if (problem := _problem(rules.new_email, email)) is not None:
            odd.add("user", f"left out, because the email {problem}", email)
        elif email_key(email) in found:
            odd.add("user", "left out, because another has the same email but for its case", email)
        else:
            found[email_key(email)] = {
                "email": email,
                "first_name": _person_name(record, "first_name", odd),
                "last_name": _person_name(record, "last_name", odd),
                "groups": _memberships(record, groups, odd),
                "last_login_at": _time(record, "last_login_at", odd),
                "password_updated_at": _time(record, "password_updated_at", odd),
                "tfa_enabled": _flag(record, "tfa_enabled", odd),
            }
    return [found[key] for key in sorted(found)]


def _boards(read: Harvest, groups: Mapping[str, str], odd: Oddities) -> list[dict[str, Any]]:
    """The dashboards, each of which is seen from every group that may see it."""
    found: dict[str, dict[str, str]] = {}
    for group in sorted(groups):
        answer = read.details.get(group)
        for board in answer["dashboards"] if answer is not None else ():
            name = board["name"]
            if (problem := _problem(rules.text, name)) is not None:
                odd.add("dashboard", f"left out, because the name {problem}", name)
            elif group in found.get(name, ()):
                odd.add("dashboard", "taken for one, because others have the same name", name)
            else:
                word = _word(str(board.get("access")), DashboardAccess, "dashboard", name, odd)
                found.setdefault(name, {})[group] = word
    return [{"name": name, "access": found[name]} for name in sorted(found)]


def _names(record: Mapping[str, Any]) -> list[str]:
    groups = record.get("groups")
    return [name for name in groups if isinstance(name, str)] if isinstance(groups, list) else []


def _memberships(record: Mapping[str, Any], groups: Mapping[str, str], odd: Oddities) -> list[str]:
    named, groups_sent = list(dict.fromkeys(_names(record))), record.get("groups")
    if not isinstance(groups_sent, list) or len(_names(record)) < len(groups_sent):
        odd.add("user", "groups is no list of names, and only the names in it are kept", record["email"])
    for name in named:
        if name not in groups:
            odd.add("membership", "left out, because the site has no such group", f"{record['email']} in {name}")
    return [name for name in named if name in groups]


def _person_name(record: Mapping[str, Any], key: str, odd: Oddities) -> str:
    value = record.get(key)
    if (problem := _problem(rules.text, value)) is None:
        return str(value)
    odd.add("user", f"{key} written as {NO_NAME}, because it {problem}", record["email"])
    return NO_NAME


def _time(record: Mapping[str, Any], key: str, odd: Oddities) -> str | None:
    value = record.get(key)
    try:
        if value is None:
            return None
        if isinstance(value, str):
            return timestamp(value)
    except ValueError:
        pass
    odd.add("user", f"{key} written as null, because it is no time with an offset", record["email"])
    return None


def _flag(record: Mapping[str, Any], key: str, odd: Oddities) -> bool:
    value = record.get(key)
    if isinstance(value, bool):
        return value
    odd.add("user", f"{key} written as false, because it is neither true nor false", record["email"])
    return False


def _word(word: str, known: type[Access] | type[DashboardAccess], kind: str, name: str, odd: Oddities) -> str:
    for each in known:
        if each.value.lower() == word.lower():
            return each.value
    least = known("View").value
    odd.add(kind, f"access {word} written as {least}, because a seed does not know it", name)
    return least


def _problem(read: Callable[[object], str], value: object) -> str | None:
    """What is wrong with a value; None: nothing."""
    try:
        read(value)
    except rules.Invalid as problem:
        return str(problem)
    return None


# -- what was read, kept ---------------------------------------------------------------------------------------


class Partial:
    """A file that keeps what was read, a line for each page, sealed with the API key: nobody reads it without.

    Args:
        path: the file.
        target: where the records come from; what was read elsewhere is not mixed in.
        api_key: the key of the site.
    """

    def __init__(self, path: Path, target: Target, api_key: str) -> None:
        self.path = path
        self._about = {"mockscope_pull": PARTIAL_VERSION, "url": target.url, "site": target.host}
        self._fernet = Fernet(urlsafe_b64encode(scrypt(api_key.encode(), salt=target.host.encode(), **SCRYPT)))

    def __repr__(self) -> str:
        return f"<Partial {self.path}>"

    def start(self) -> None:
        """Begin anew.

        Raises:
            OSError: the file can't be written.
        """
        self.path.unlink(missing_ok=True)
        os.close(os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PARTIAL_MODE))
        self.keep(self._about)

    def keep(self, entry: Entry) -> None:
        """Add a page.

        Raises:
            OSError: it could not be written.
        """
        with self.path.open("ab") as file:
            file.write(self._fernet.encrypt(json.dumps(entry).encode()) + b"\n")

    def resume(self) -> Harvest:
        """What was read when it ended; where there is no such file, begin anew.

        Raises:
            PartialError: it is the file of something else.
            OSError: it can't be read or written.
        """
        read = Harvest()
        if not self.path.exists():
            self.start()
            return read
        content = self.path.read_bytes()
        whole = content[: content.rfind(b"\n") + 1]
        if not whole:
            # It ended before there was a first line.
            self.start()
            return read
        if len(whole) < len(content):
            # The last line was not written to its end, and the next one must not be added to it.
            os.truncate(self.path, len(whole))
        entries = (self._opened(line) for line in whole.splitlines())
        if next(entries, None) != self._about:
            raise PartialError(f"{self.path} was not kept of this site and URL: go without --resume, or name another")
        for entry in entries:
            read.take(entry)
        return read

    def end(self) -> None:
        """Remove the file: what it kept is where it belongs."""
        self.path.unlink(missing_ok=True)

    def _opened(self, line: bytes) -> Entry:
        try:
            entry: Entry = json.loads(self._fernet.decrypt(line))
        except InvalidToken:
            raise PartialError(f"{self.path} is no partial file of this key: go without --resume") from None
        return entry
