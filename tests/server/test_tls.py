"""HTTPS with certificates of a new authority: the clients that trust it, and the files that it leaves."""

import gc
import http.client
import os
import socket
import ssl
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import httpx2
import pytest
import requests
from support.ports import held_port

import mockscope
from mockscope import Authority, LiveServer
from mockscope._vendor import VENDOR_HOSTS
from mockscope.server.certificates import BUNDLE_VARIABLES, java_trust_store


@pytest.fixture
def port() -> Iterator[int]:
    """A port that no other process gets."""
    with held_port() as port:
        yield port


def shaken(server: LiveServer, name: str, context: ssl.SSLContext) -> str:
    """Return the TLS version that a client and the server agree on for a host name."""
    port = int(server.url.rpartition(":")[2])
    with (
        socket.create_connection(("127.0.0.1", port), timeout=300) as connection,
        context.wrap_socket(connection, server_hostname=name) as secured,
    ):
        return f"{secured.version()} {secured.selected_alpn_protocol()}"


def read_to_the_end(connection: socket.socket) -> None:
    while socket.socket.recv(connection, 65536):
        pass


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "::1", *VENDOR_HOSTS])
def test_the_certificate_is_for_loopback_and_for_the_vendor_s_hosts(name: str) -> None:
    with mockscope.serve(tls=True) as server:
        context = server.authority.client_context()
        context.set_alpn_protocols(["h2", "http/1.1"])

        assert shaken(server, name, context) == "TLSv1.3 http/1.1"


def test_the_certificate_is_for_the_address_that_the_server_is_bound_to() -> None:
    with mockscope.serve(tls=True, host="127.0.0.2") as server:
        response = requests.get(f"{server.url}/api/v1/users", verify=str(server.ca_file), timeout=300)

    assert (response.status_code, server.authority.pem) == (403, server.ca_file.read_bytes())


def test_a_client_without_the_authority_rejects_the_certificate() -> None:
    with mockscope.serve(tls=True) as server, pytest.raises(ssl.SSLCertVerificationError):
        shaken(server, "localhost", ssl.create_default_context())


def test_a_site_of_a_server_with_tls_has_an_https_url() -> None:
    with mockscope.serve(tls=True) as server, httpx.Client(verify=server.authority.client_context()) as client:
        site = server.site()
        made = client.post(
            f"{site.url}/api/v1/users",
            headers=site.headers,
            json={
                "first_name": "Phoebe",
                "last_name": "Buffay",
                "email": "phoebe@example.com",
                "invited_by_email": site.admin.email,
            },
        )
        assert (site.url.partition(":")[0], made.status_code) == ("https", 201)
        assert [user.email for user in site.users.values()] == [site.admin.email, "phoebe@example.com"]


def test_a_planned_reset_works_under_tls() -> None:
    with mockscope.serve(tls=True) as server:
        site = server.site()
        site.faults.add("list_users", transport="reset")
        fields = "".join(f"{name}: {value}\r\n" for name, value in site.headers.items())
        port = int(server.url.rpartition(":")[2])
        with (
            socket.create_connection(("127.0.0.1", port), timeout=300) as connection,
            server.authority.client_context().wrap_socket(connection, server_hostname="localhost") as secured,
        ):
            secured.sendall(f"GET /api/v1/users HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n".encode())

            # Below TLS, because Python's ssl makes an ordinary end of a reset.
            with pytest.raises(ConnectionResetError):
                read_to_the_end(secured)


def test_a_planned_reset_raises_the_error_of_python_s_ssl() -> None:
    with mockscope.serve(tls=True) as server:
        site = server.site()
        site.faults.add("list_users", transport="reset", times=None)
        context = server.authority.client_context()
        url = f"{site.url}/api/v1/users"
        # Python's ssl reports a reset since 3.13; before, it reported an ordinary end. (A drop is a kind of reset.)
        with pytest.raises(ConnectionResetError) as caught:
            urllib.request.urlopen(urllib.request.Request(url, headers=site.headers), context=context, timeout=300)
        is_told = caught.type is not http.client.RemoteDisconnected
        with (
            httpx.Client(verify=context) as client,
            pytest.raises(httpx.ReadError if is_told else httpx.RemoteProtocolError),
        ):
            client.get(url, headers=site.headers)
        with (
            httpx2.Client(verify=context) as other,
            pytest.raises(httpx2.ReadError if is_told else httpx2.RemoteProtocolError),
        ):
            other.get(url, headers=site.headers)
        assert len(site.calls) == 3


def test_one_authority_may_sign_certificates_of_several_servers() -> None:
    authority = Authority()
    with mockscope.serve(tls=authority) as one, mockscope.serve(tls=authority) as another:
        statuses = [
            requests.get(f"{server.url}/api/v1/users", verify=str(authority.ca_file), timeout=300).status_code
            for server in (one, another)
        ]

    assert statuses == [403, 403]


def test_a_server_stops_while_a_client_is_still_silent() -> None:
    server = mockscope.serve(tls=True).start()
    with socket.create_connection(("127.0.0.1", int(server.url.rpartition(":")[2])), timeout=300) as silent:
        server.stop()

        assert silent.recv(1) == b""


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "AWS_CA_BUNDLE"])
def test_the_bundle_holds_the_system_s_roots_the_named_bundles_and_the_authority(
    variable: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Authority()
    (tmp_path / "corporate.pem").write_bytes(b"# a comment\r\n" + other.pem)
    for name in BUNDLE_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    roots = len(ssl.create_default_context().get_ca_certs())
    monkeypatch.setenv(variable, str(tmp_path / "corporate.pem"))

    authority = Authority()
    trusted = ssl.create_default_context(cafile=str(authority.bundle_file)).get_ca_certs(binary_form=True)

    assert len(trusted) == roots + 2
    assert {ssl.PEM_cert_to_DER_cert(each.pem.decode()) for each in (other, authority)} <= set(trusted)


@pytest.mark.parametrize(
    "spoilt",
    [
        "-----BEGIN CERTIFICATE-----\nMIIMonica\n-----END CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----\nM\n-----END CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----\né\n-----END CERTIFICATE-----\n",
    ],
    ids=["no certificate", "no base64", "no ASCII"],
)
def test_text_that_is_not_a_certificate_is_left_out_of_the_bundle(
    spoilt: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Authority()
    (tmp_path / "corporate.pem").write_text(spoilt + other.pem.decode(), encoding="utf-8")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
    monkeypatch.setenv("CURL_CA_BUNDLE", str(tmp_path / "corporate.pem"))

    authority = Authority()
    trusted = ssl.create_default_context(cafile=str(authority.bundle_file)).get_ca_certs(binary_form=True)

    assert {ssl.PEM_cert_to_DER_cert(each.pem.decode()) for each in (other, authority)} <= set(trusted)


@pytest.mark.skipif(not Path("/proc/self/mem").is_file(), reason="no file here that nobody can read")
def test_an_unreadable_bundle_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    # Even root gets an error from it.
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/proc/self/mem")
    authority = Authority()

    trusted = ssl.create_default_context(cafile=str(authority.bundle_file)).get_ca_certs(binary_form=True)

    assert ssl.PEM_cert_to_DER_cert(authority.pem.decode()) in trusted


def test_the_files_hold_no_key_are_private_and_are_removed_with_the_authority() -> None:
    authority = Authority()
    directory = authority.directory
    content = {path.name: path.read_bytes() for path in directory.iterdir()}
    mode = directory.stat().st_mode & 0o777
    authority.server_context()
    del authority
    gc.collect()

    assert sorted(content) == ["bundle.pem", "ca.pem", "php.ini", "truststore.p12", "wgetrc"]
    assert [name for name, held in content.items() if b"PRIVATE" in held] == []
    assert (mode, directory.exists()) == (0o700, False)


def test_nothing_is_left_in_the_temporary_directory_when_the_process_ends(tmp_path: Path) -> None:
    script = "import mockscope\nserver = mockscope.serve(tls=True).start()\nprint(server.ca_file.exists())"
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=os.environ | {"TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )

    assert (done.stdout, done.stderr, list(tmp_path.iterdir())) == ("True\n", "", [])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no forks here")
# Python 3.12 warns where threads run; the child starts none and waits for none.
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
@pytest.mark.parametrize("options", [{}, {"tls": True}, {"proxy": True}], ids=["plain", "tls", "proxy"])
def test_a_server_that_has_stopped_refuses_though_a_forked_child_lives(options: dict[str, Any], port: int) -> None:
    server = mockscope.serve(port=port, **options).start()
    ports = [port, *([int(server.proxy_url.rpartition(":")[2])] if "proxy" in options else [])]
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(writer)
        os.read(reader, 1)
        os._exit(0)
    try:
        server.stop()
        for port in ports:
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", port), timeout=300)
        with mockscope.serve(port=port):
            pass
    finally:
        os.close(reader)
        os.close(writer)
        os.waitpid(child, 0)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no forks here")
def test_the_files_stay_when_a_forked_child_ends() -> None:
    script = """
import os, sys, mockscope
authority = mockscope.Authority()
directory = authority.directory
child = os.fork()
if child == 0:
    sys.exit()
os.waitpid(child, 0)
print(sorted(os.listdir(directory)))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=300, check=True)

    assert done.stdout == "['bundle.pem', 'ca.pem', 'php.ini', 'truststore.p12', 'wgetrc']\n"


@pytest.mark.parametrize(
    "pem", ["not a certificate", "-----BEGIN CERTIFICATE-----\nTW9uaWNh\n-----END CERTIFICATE-----\n"]
)
def test_certificates_that_cryptography_refuses_are_left_out_of_the_java_trust_store(pem: str) -> None:
    own = Authority().pem.decode()

    store = java_trust_store([own, pem, own])

    # The certificate stands in it twice, and as it is: it is not encrypted.
    assert store.count(ssl.PEM_cert_to_DER_cert(own)) == 2


def test_ca_of_a_server_without_tls_explains_how_to_get_one() -> None:
    with mockscope.serve() as server, pytest.raises(RuntimeError, match=r"use serve\(tls=True\)"):
        _ = server.ca_file


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "CONNECT"])
def test_plain_http_on_a_port_for_https_is_explained(method: str, caplog: pytest.LogCaptureFixture) -> None:
    with mockscope.serve(tls=True) as server:
        site = server.site()
        url = f"{server.url.replace('https', 'http')}/api/v1/users"
        response = requests.request(method, url, headers=site.headers, timeout=300)
        message = "This is a port for HTTPS: ask it for https://, or start mockscope without --tls (tls=True)."
        assert (response.status_code, response.json()) == (400, {"message": message})
        assert message in caplog.messages
        assert len(site.calls) == 0
