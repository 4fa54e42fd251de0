"""The fixtures: one server a session (under xdist: a worker), one fresh site a test."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from pytest_mockscope.markers import site_options
from pytest_mockscope.reporting import INSPECTOR, ON_FINDINGS, observe_calls
from pytest_mockscope.running_server import stop_if_lost
from pytest_mockscope.server_url import find_token, find_url
from pytest_mockscope.settings import MockscopeConfig, check_settings, config_of, find_source_of_seed, locate_seed

if TYPE_CHECKING:
    from mockscope import Authority, Finding, ServerAPI, SiteAPI

# The settings of a site that the server, too, has a default for.
MODES: Final = ("strict", "contract")
MARKER_WORDS: Final = "the mockscope marker"
PORT_HINT: Final = "leave mockscope_port at 0: each run, and each worker of pytest-xdist, has a port of its own then"
STRICT_HEADING: Final = "mockscope, strict mode: the page does not promise that this works"
FAULTS_HEADING: Final = "mockscope, strict mode:"
CONTRACT_HEADING: Final = "mockscope, contract: openapi.yaml does not say that this may be sent"


@pytest.fixture(scope="session")
def mockscope_config(request: pytest.FixtureRequest) -> MockscopeConfig:
    """The settings of this run, from options and ini file. Override it to set them in code."""
    return config_of(request.config)


@pytest.fixture(scope="session")
def mockscope_server(mockscope_config: MockscopeConfig, request: pytest.FixtureRequest) -> Iterator[ServerAPI]:
    """The server of this session, on a port of its own, or the one at ``mockscope_url``. It has the sites of tests."""
    from mockscope import RemoteServer, connect, serve  # imported late: a run may use no fixture

    config = mockscope_config
    # The seed is for the site of each test.
    settings = {name: value for name, value in asdict(config).items() if name not in ("seed", "url")}
    calls = observe_calls(request.config)
    url, _ = find_url(request.config, config.url)
    with stop_if_lost(request.session), ExitStack() as stack:
        try:
            check_settings(request.config, config)
            opened: AbstractContextManager[ServerAPI] = (
                connect(url, find_token(request.config)) if url else serve(**settings)
            )
            server = stack.enter_context(opened)
        except (OSError, ValueError, ImportError, RuntimeError) as error:
            raise pytest.fail.Exception(_describe_server_error(config, error), pytrace=False) from None
        if isinstance(server, RemoteServer):
            calls.watch(server)
        request.config.stash[INSPECTOR] = getattr(server, "inspector_url", "")
        yield server


@pytest.fixture(scope="session")
def mockscope_ca() -> Authority:
    """A certificate authority of this session, for servers with TLS: ``mockscope.serve(tls=mockscope_ca)``.

    It is not the authority of the server at ``mockscope_url``, whose key another process has.
    """
    from mockscope import Authority

    return Authority()


@pytest.fixture
def mockscope(
    request: pytest.FixtureRequest, mockscope_server: ServerAPI, mockscope_config: MockscopeConfig
) -> Iterator[SiteAPI]:
    """A fresh site of this test's own: made-up host and key, two built-in groups, one administrator."""
    with stop_if_lost(request.session):
        yield from _new_site(request, mockscope_server, mockscope_config)


def _new_site(request: pytest.FixtureRequest, server: ServerAPI, config: MockscopeConfig) -> Generator[SiteAPI]:
    try:
        marked = site_options(request.node)
    except ValueError as error:
        raise pytest.fail.Exception(f"{error}", pytrace=False) from None
    try:
        default = None if marked.get("scenario") else config.seed
        seed = locate_seed(request.config, marked.get("seed", default))
        modes = {name: getattr(config, name) if marked.get(name) is None else marked[name] for name in MODES}
        site = server.site(**marked | modes | {"seed": seed})
    except (OSError, ValueError, ImportError) as error:
        raise pytest.fail.Exception(
            _describe_site_error(request.config, config.seed, marked, error), pytrace=False
        ) from None
    # A hint for a request that comes after the site was removed names the test.
    site.label = request.node.nodeid
    observe_calls(request.config).own_sites.append(site)
    try:
        yield site
        findings = _find_findings(site)
        if findings:
            # Here, because the site is removed before a hook sees that the test fails.
            for act in request.config.stash.get(ON_FINDINGS, ()):
                act(request.node, _describe_findings(findings))
    finally:
        site.remove()
    if findings:
        pytest.fail(_describe_findings(findings), pytrace=False)


def _find_findings(site: SiteAPI) -> list[Finding]:
    try:
        return site.active_findings()
    except LookupError:
        # The test has removed its site, and a running server keeps nothing of it.
        return []


def _describe_server_error(config: MockscopeConfig, error: Exception) -> str:
    if isinstance(error, RuntimeError):
        # From pytest-socket or green threads, not from a setting. The message names mockscope.
        return str(error)
    if not isinstance(error, OSError):
        return f"mockscope_config: {error}"
    reason = f"mockscope can't listen on {config.host} port {config.port}: {error.strerror or error}"
    return f"{reason}; {PORT_HINT}" if config.port else reason


def _describe_site_error(config: pytest.Config, seed: object, marked: dict[str, Any], error: Exception) -> str:
    from mockscope import SeedError

    is_marked = "seed" in marked if isinstance(error, OSError | SeedError) else bool(marked)
    source = MARKER_WORDS if is_marked else find_source_of_seed(config, seed)
    if isinstance(error, OSError):
        seed = marked.get("seed", seed)
        start = "" if Path(str(seed)).is_absolute() else f", relative to {config.invocation_params.dir}"
        return f"can't read the seed {seed} ({source}{start}): {error.strerror or error}"
    return f"{source}: {error}"


def _describe_findings(findings: list[Finding]) -> str:
    kinds: dict[str, list[str]] = {}
    for finding in findings:
        kind = CONTRACT_HEADING if finding.where else STRICT_HEADING if finding.call else FAULTS_HEADING
        kinds.setdefault(kind, []).append(f"  {finding}")
    return "\n".join(line for kind, lines in kinds.items() for line in (kind, *lines))


@pytest.fixture
def mockscope_redirect(mockscope: SiteAPI, mockscope_server: ServerAPI) -> Iterator[SiteAPI]:
    """The site of this test. Requests for the vendor's hosts are redirected to its server."""
    with mockscope_server.redirect():
        yield mockscope
