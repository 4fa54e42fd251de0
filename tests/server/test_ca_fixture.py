"""The fixture mockscope_ca: one authority for the session and all its servers."""

import httpx

import mockscope
from mockscope import Authority


def test_a_client_trusts_a_server_signed_by_the_session_s_authority(mockscope_ca: Authority) -> None:
    with (
        mockscope.serve(tls=mockscope_ca) as server,
        httpx.Client(verify=mockscope_ca.client_context()) as client,
    ):
        site = server.site()

        assert client.get(f"{site.url}/api/v1/groups", headers=site.headers).status_code == 200


def test_the_fixture_s_file_is_a_ca_bundle_for_clients(mockscope_ca: Authority) -> None:
    assert mockscope_ca.ca_file.read_bytes() == mockscope_ca.pem
