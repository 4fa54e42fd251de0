"""Schemathesis as it is set up for this API: known words, hooks, one run. Needs the extra ``contract``."""

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, redirect_stdout
from io import TextIOBase
from pathlib import Path
from shlex import quote
from tempfile import TemporaryDirectory
from typing import Any, Final, NamedTuple, TextIO
from urllib.parse import unquote
from xml.sax.saxutils import escape

import requests
import schemathesis
from hypothesis.configuration import set_hypothesis_home_dir
from hypothesis.control import BuildContext, current_build_context, currently_in_test_context
from requests.auth import AuthBase
from schemathesis import Case, HookContext, Response
from schemathesis.cli import schemathesis as command_line
from schemathesis.core.failures import Failure
from schemathesis.hooks import GLOBAL_HOOK_DISPATCHER
from schemathesis.openapi.checks import RejectedPositiveData, UseAfterFree

from mockscope import _spec
from mockscope.domain.model import ADMINISTRATORS, BUILTIN_GROUPS
from mockscope.instruments.veil import Veil

Hook = Callable[..., Any]

AUTH: Final = "Http-X-Partner-Auth"
HINT: Final = "x-mockscope-hint"
# Hints of the refusals that hang on what the site holds, which no schema can say.
STATE_REFUSALS: Final = frozenset({"user-unknown", "inviter-not-administrator", "group-unknown", "builtin-group"})
# The fields of a body that name what the site may not hold.
NAMING: Final = ("groups", "invited_by_email", "created_by_email", "create_by_email")
NOT_TRIED: Final = ("missing_auth", "rate_limited", "method_not_allowed")
WOULD_SUCCEED: Final = {"message": "Action would have completed successfully"}


class Words(NamedTuple):
    """What a site holds: without these, nearly every request would be about users and groups that nobody has."""

    emails: Sequence[str]
    administrators: Sequence[str]
    groups: Sequence[str]

    @classmethod
    def of(cls, users: Iterable[Mapping[str, Any]], groups: Iterable[str]) -> "Words":
        """The words of a site.

        Args:
            users: its users, each with ``email`` and ``groups``.
            groups: the names of its groups; those that are built in need not be among them.
        """
        known = [user for user in users if isinstance(user.get("email"), str)]
        return cls(
            [user["email"] for user in known],
            [user["email"] for user in known if ADMINISTRATORS in (user.get("groups") or ())],
            list(dict.fromkeys((*BUILTIN_GROUPS, *groups))),
        )


class HiddenKey(AuthBase):
    """A key that is sent, and shown nowhere.

    Schemathesis is told what stands for it, and shows and reports that. It is put in last, and taken out first.

    Args:
        host: the host of the site.
        key: its key.
        variable: the name of the environment variable that holds the key.
    """

    def __init__(self, host: str, key: str, variable: str) -> None:
        self.shown = f"{host}:${variable}"
        self._sent = f"{host}:{key}"
        self._line = quote(f"{AUTH}: {self.shown}")
        self._line_for_shell = f'{quote(f"{AUTH}: {host}:")}"${variable}"'
        self._veil = Veil()
        self._veil.learn(key)

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Put the key in; requests calls this when all else is there."""
        # Credentials that are wrong or missing on purpose stay so.
        if request.headers.get(AUTH) == self.shown:
            request.headers[AUTH] = self._sent
        return request

    def take_out(self, request: requests.PreparedRequest) -> None:
        """Take the key out of a request that was sent."""
        if request.headers.get(AUTH) == self._sent:
            request.headers[AUTH] = self.shown

    def hide(self, text: str) -> str:
        """A text without the key, which a server may repeat; a shell that has the variable can run its curl lines."""
        return self._veil(text.replace(self._line, self._line_for_shell))

    def hide_in(self, report: Path) -> None:
        """Rewrite a report in the same way."""
        text = report.read_text(encoding="utf-8")
        text = text.replace(escape(self._line), escape(self._line_for_shell))
        report.write_text(self._veil(text), encoding="utf-8")


def configuration(auth: str, words: Words) -> dict[str, Any]:
    """What Schemathesis is told.

    Args:
        auth: the value of the auth header.
        words: what the site holds.
    """
    dictionaries = {
        "emails": words.emails,
        "administrators": words.administrators,
        "groups": words.groups,
        "switch": ("true", "false"),
    }
    bound = {
        "header.Http-X-Email": ("emails", 0.5),
        "path.group_name": ("groups", 0.5),
        "query.test_mode": ("switch", 0.3),
        "body.invited_by_email": ("administrators", 0.7),
        "body.created_by_email": ("emails", 0.7),
        "body.create_by_email": ("emails", 0.7),
    }
    return {
        "auth": {"openapi": {"PartnerAuth": {"api_key": auth}}},
        # A dictionary without a word is none.
        "dictionaries": {name: {"values": list(values)} for name, values in dictionaries.items() if values},
        "parameters": {
            name: {"dictionary": dictionary, "probability": probability}
            for name, (dictionary, probability) in bound.items()
            if dictionaries[dictionary]
        },
        "phases": {"stateful": {"max-steps": 8}},
        # The key is for this server alone, and no answer of this API leads elsewhere.
        "max-redirects": 0,
        # What is secret is never told to Schemathesis: a curl line that hides more could not be run.
        "output": {"sanitization": {"enabled": False}},
        "cache": {"enabled": False},
        # What got no further than the door was not tried. The other warnings are about the cases, not the server.
        "warnings": {"display": [*NOT_TRIED], "fail-on": [*NOT_TRIED]},
    }


def verdicts() -> tuple[Hook, ...]:
    """The hooks that drop verdicts which can't be kept; every check of Schemathesis runs, and none is switched off."""
    dry_runs: set[str] = set()

    def after_call(context: HookContext, case: Case[Any], response: Response) -> None:
        if response.status_code == 200 and _json(response) == WOULD_SUCCEED:
            dry_runs.add(case.id)

    def filter_failure(context: HookContext, failure: Failure, case: Case[Any], response: Response) -> bool:
        # The vendor's page asks for 400, not 404, where the request is well formed and names a user, an inviter or a
        # group that the site has not, or a built-in group: "400 if the email_address does NOT belong to the user".
        if isinstance(failure, RejectedPositiveData):
            return not (response.status_code == 400 and _hangs_on_state(case, response))
        # A DELETE in test mode is answered 200 and deletes nothing (TEST-1): of course the group is still there.
        if isinstance(failure, UseAfterFree):
            return failure.deleted_case_id not in dry_runs
        return True

    return after_call, filter_failure


def resetting(reset: Callable[[], None]) -> Hook:
    """The hook that puts the site back as it was, before each case and before each chain of calls."""
    latest: list[BuildContext] = []

    def before_call(context: HookContext, case: Case[Any], kwargs: dict[str, Any]) -> None:
        if _begins(latest):
            reset()

    return before_call


def hiding(hidden: HiddenKey) -> tuple[Hook, ...]:
    """The hooks that see to it that only the server gets the key."""

    def before_call(context: HookContext, case: Case[Any], kwargs: dict[str, Any]) -> None:
        kwargs["auth"] = hidden

    def after_call(context: HookContext, case: Case[Any], response: Response) -> None:
        hidden.take_out(response.request)

    def after_network_error(context: HookContext, case: Case[Any], request: requests.PreparedRequest) -> None:
        hidden.take_out(request)

    return before_call, after_call, after_network_error


def trial(
    url: str,
    words: Words,
    hidden: HiddenKey,
    *,
    max_examples: int,
    seed: int | None = None,
    turn: Callable[[], None],
    timeout: float,
    ca_file: Path | None = None,
    reports: Mapping[str, Path],
    reset: Callable[[], None] | None = None,
) -> int:
    """Run Schemathesis's own command, with all of its phases, and return its exit status.

    Args:
        url: the server.
        words: what the site holds.
        hidden: the site and its key, which only the server is to see.
        max_examples: how many cases of fuzzing for each operation.
        seed: the number that Schemathesis begins with, to see the same cases again.
        turn: waits for the turn of the next request; it is called before each.
        timeout: how many seconds one answer may take.
        ca_file: the certificates to believe instead of the system's.
        reports: the form of each report, and its file.
        reset: puts the site back as it was.
    """
    config = schemathesis.Config.from_dict(
        {**configuration(hidden.shown, words), "generation": {"mode": "all", "database": "none"}}
    )
    hooks = [*verdicts(), *([resetting(reset)] if reset else []), *hiding(hidden)]
    with (
        TemporaryDirectory(prefix="mockscope-") as folder,
        _kept_in(folder),
        _hooked(hooks),
        _in_turn(turn),
        _told(hidden),
    ):
        document = Path(folder) / "openapi.yaml"
        document.write_bytes(_spec.openapi_yaml())
        # Its limits would let as many requests go at once as a second or a minute may have. "auto" is none of its own:
        # a server that answers 429 is given the time that it asks for.
        options = [
            f"--url={url}",
            f"--max-examples={max_examples}",
            f"--request-timeout={timeout}",
            "--rate-limit=auto",
        ]
        options += [f"--seed={seed}"] * (seed is not None)
        options += [f"--tls-verify={ca_file}"] * (ca_file is not None)
        options += [f"--report-{form}-path={path}" for form, path in reports.items()]
        status = _status_of([str(document), *options], config)
    for report in reports.values():
        if report.exists():
            hidden.hide_in(report)
    return status


def _status_of(arguments: list[str], config: schemathesis.Config) -> int:
    try:
        # Its own command without the group around it, which would look for a configuration of somebody else's.
        command_line.commands["run"].main(arguments, "mockscope contract", standalone_mode=False, obj=config)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 1
    return 0


@contextmanager
def _hooked(hooks: Iterable[Hook]) -> Iterator[None]:
    """The hooks are there for as long as the block: Schemathesis keeps such hooks for the whole process."""
    for hook in hooks:
        schemathesis.hook(hook)
    try:
        yield
    finally:
        for hook in hooks:
            GLOBAL_HOOK_DISPATCHER.unregister(hook)


@contextmanager
def _in_turn(turn: Callable[[], None]) -> Iterator[None]:
    """For a block each request waits for its turn, those too that Schemathesis sends beside its cases."""
    send = requests.Session.send

    def send_in_turn(session: requests.Session, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        turn()
        return send(session, request, **options)

    # Schemathesis makes its sessions itself, several of them, so that there is no other place.
    requests.Session.send = send_in_turn  # type: ignore[assignment, method-assign]
    try:
        yield
    finally:
        requests.Session.send = send  # type: ignore[method-assign]


@contextmanager
def _kept_in(folder: str) -> Iterator[None]:
    """For a block Hypothesis keeps what it keeps in a folder, and not where the command was typed."""
    set_hypothesis_home_dir(folder)
    try:
        yield
    finally:
        set_hypothesis_home_dir(None)


# -- cases and chains ------------------------------------------------------------------------------------------


def _begins(latest: list[BuildContext]) -> bool:
    """Whether this call is the first of a case.

    Hypothesis makes a context for each of its examples, and a chain of calls is one; where there is none, the call
    is a case by itself.
    """
    if not currently_in_test_context():
        return True
    context = current_build_context()
    is_known = bool(latest) and latest[0] is context
    latest[:] = [context]
    return not is_known


def _hangs_on_state(case: Case[Any], response: Response) -> bool:
    """Whether a well formed request may have been refused for what the site holds.

    A hint says so. Where there is none, because hints are off, or nobody gives any, what the request names decides.
    """
    if HINT in response.headers:
        return response.headers[HINT][0] in STATE_REFUSALS
    body = case.body if isinstance(case.body, Mapping) else {}
    names_user = "http-x-email" in {name.lower() for name in case.headers or {}}
    # Schemathesis keeps it as the path does.
    names_builtin = unquote(str((case.path_parameters or {}).get("group_name"))) in BUILTIN_GROUPS
    return names_user or names_builtin or any(body.get(field) for field in NAMING)


def _json(response: Response) -> object:
    try:
        return response.json()
    except ValueError:
        return None


# -- what is printed -------------------------------------------------------------------------------------------


class _Hiding(TextIOBase):
    """Standard output without the key."""

    def __init__(self, behind: TextIO, hidden: HiddenKey) -> None:
        self._behind = behind
        self._hidden = hidden

    @property
    def encoding(self) -> str:  # type: ignore[override]  # it is read alone
        return self._behind.encoding

    def write(self, text: str) -> int:
        encoding = self.encoding or "utf-8"
        # Schemathesis has signs that not every terminal and file can hold.
        self._behind.write(self._hidden.hide(text).encode(encoding, "replace").decode(encoding))
        return len(text)

    def flush(self) -> None:
        self._behind.flush()

    def isatty(self) -> bool:
        return self._behind.isatty()

    def fileno(self) -> int:
        return self._behind.fileno()


def _told(hidden: HiddenKey) -> AbstractContextManager[object]:
    return redirect_stdout(_Hiding(sys.stdout, hidden))
