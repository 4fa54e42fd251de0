"""The fixtures: one server a session (under xdist: a worker), one fresh site a test."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import pytest

from pytest_mockscope.options import MockscopeConfig, config_of, site_options
from pytest_mockscope.reporting import SERVER, SITES

if TYPE_CHECKING:
    from mockscope import Authority, Finding, LiveServer, MockSite

OF_STRICT_MODE: Final = "mockscope, strict mode: the page does not promise that this works"
OF_THE_CONTRACT: Final = "mockscope, contract: openapi.yaml does not say that this may be sent"


@pytest.fixture(scope="session")
def mockscope_config(request: pytest.FixtureRequest) -> MockscopeConfig:
    """What the server and the sites of this run are like: options and ini. Override it to say so in code."""
    return config_of(request.config)


@pytest.fixture(scope="session")
def mockscope_server(mockscope_config: MockscopeConfig, request: pytest.FixtureRequest) -> Iterator[LiveServer]:
    """The server of this session, on a port of its own; it has no sites but those that tests make."""
    from mockscope import serve  # here, not above: a run that uses no fixture pays nothing

    config = mockscope_config
    with serve(
        host=config.host,
        port=config.port,
        hint_header=config.hint_header,
        strict=config.strict,
        contract=config.contract,
        calls_kept=config.calls_kept,
    ) as server:
        request.config.stash[SERVER] = server
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
    options = {"seed": mockscope_config.seed} | site_options(request.node)
    faults = options.pop("faults", ())
    site = mockscope_server.site(**options)
    # A request that comes when the site is gone is told whose it was.
    site.label = request.node.nodeid
    request.node.stash.setdefault(SITES, []).append(site)
    try:
        for fault in faults:
            site.faults.add_plain(fault)
        yield site
        findings = site.objections()
    finally:
        site.remove()
    if findings:
        pytest.fail(_complaint(findings), pytrace=False)


def _complaint(findings: list[Finding]) -> str:
    kinds: dict[str, list[str]] = {}
    for finding in findings:
        kinds.setdefault(OF_THE_CONTRACT if finding.where else OF_STRICT_MODE, []).append(f"  {finding}")
    return "\n".join(line for kind, lines in kinds.items() for line in (kind, *lines))


@pytest.fixture
def mockscope_redirect(mockscope: MockSite, mockscope_server: LiveServer) -> Iterator[MockSite]:
    """The site of this test, with the vendor's own hosts leading to its server."""
    with mockscope_server.redirect():
        yield mockscope
