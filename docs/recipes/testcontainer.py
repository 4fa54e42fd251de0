"""A mockscope in a container for a test session, by testcontainers. The image: docker build -t mockscope ."""

import json
from collections.abc import Iterator
from urllib.request import Request, urlopen

import pytest
from testcontainers.core.container import DockerContainer
from testcontainers.core.wait_strategies import HttpWaitStrategy

PORT = 8765
TOKEN = "a-token-of-these-tests"


@pytest.fixture(scope="session")
def mockscope_url() -> Iterator[str]:
    """The URL of a server with the demo site."""
    container = DockerContainer("mockscope").with_exposed_ports(PORT).with_env("MOCKSCOPE_CONTROL_TOKEN", TOKEN)
    with container.waiting_for(HttpWaitStrategy(PORT, "/readyz").for_status_code(200)) as running:
        yield f"http://{running.get_container_host_ip()}:{running.get_exposed_port(PORT)}"


def test_the_container_has_the_demo_site(mockscope_url: str) -> None:
    request = Request(f"{mockscope_url}/_mockscope/v1/sites", headers={"Authorization": f"Bearer {TOKEN}"})
    with urlopen(request) as response:
        assert [site["host"] for site in json.load(response)["items"]] == ["example_site"]
