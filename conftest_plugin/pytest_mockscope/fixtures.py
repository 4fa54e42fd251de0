"""The fixtures: one server a session (under xdist: a worker), one fresh site a test."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from pytest_mockscope.options import (
    MockscopeConfig,
    config_of,
    find_source_of_seed,
    locate_seed,
    site_options,
)
from pytest_mockscope.reporting import INSPECTOR, ON_FINDINGS, observe_calls

if TYPE_CHECKING:
    from mockscope import Authority, Finding, LiveServer, MockSite

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
def mockscope_server(mockscope_config: MockscopeConfig, request: pytest.FixtureRequest) -> Iterator[LiveServer]:
    """The server of this session, on a port of its own. It has the sites that tests make."""
    from mockscope import serve  # imported late: a run may use no fixture

    config = mockscope_config
    # The seed is for the site of each test.
    settings = {name: value for name, value in asdict(config).items() if name != "seed"}
    observe_calls(request.config)
    with ExitStack() as stack:
        try:
            server = stack.enter_context(serve(**settings))
        except (OSError, ValueError, ImportError, RuntimeError) as error:
            raise pytest.fail.Exception(_describe_server_error(config, error), pytrace=False) from None
        request.config.stash[INSPECTOR] = getattr(server, "inspector_url", "")
        yield server


@pytest.fixture(scope="session")
def mockscope_ca() -> Authority:
    """A certificate authority of this session, for servers with TLS: ``mockscope.serve(tls=mockscope_ca)``."""
    from mockscope import Authority

    return Authority()


@pytest.fixture
def mockscope(
    request: pytest.FixtureRequest, mockscope_server: LiveServer, mockscope_config: MockscopeConfig
) -> Iterator[MockSite]:
    """A fresh site of this test's own: made-up host and key, two built-in groups, one administrator."""
    try:
        marked = site_options(request.node)
    except ValueError as error:
        raise pytest.fail.Exception(f"{error}", pytrace=False) from None
    try:
        default = None if marked.get("scenario") else mockscope_config.seed
        seed = locate_seed(request.config, marked.get("seed", default))
        site = mockscope_server.site(**marked | {"seed": seed})
    except (OSError, ValueError, ImportError) as error:
        raise pytest.fail.Exception(
            _describe_site_error(request.config, mockscope_config.seed, marked, error), pytrace=False
        ) from None
    # A hint for a request that comes after the site was removed names the test.
    site.label = request.node.nodeid
    observe_calls(request.config).own_sites.append(site)
    try:
        yield site
        findings = site.active_findings()
        if findings:
            # Here, because the site is removed before a hook sees that the test fails.
            for act in request.config.stash.get(ON_FINDINGS, ()):
                act(request.node, _describe_findings(findings))
    finally:
        site.remove()
    if findings:
        pytest.fail(_describe_findings(findings), pytrace=False)


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
def mockscope_redirect(mockscope: MockSite, mockscope_server: LiveServer) -> Iterator[MockSite]:
    """The site of this test. Requests for the vendor's hosts are redirected to its server."""
    with mockscope_server.redirect():
        yield mockscope
