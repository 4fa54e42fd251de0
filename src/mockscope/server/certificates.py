"""Certificates for the vendor's hosts, from an authority of the process, and the files that make clients trust it."""

import os
import re
import shutil
import ssl
import tempfile
import warnings
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final

from mockscope._vendor import VENDOR_HOSTS

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

LOOPBACK_NAMES: Final = ("localhost", "127.0.0.1", "::1")

# The names of the files in an authority's directory.
CA_FILE: Final = "ca.pem"
BUNDLE_FILE: Final = "bundle.pem"
JAVA_FILE: Final = "truststore.p12"
WGET_FILE: Final = "wgetrc"
PHP_FILE: Final = "php.ini"

# Environment variables that may name certificates which a client trusts already. The bundle includes them.
BUNDLE_VARIABLES: Final = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "AWS_CA_BUNDLE")
# The root certificates of common systems, for a Python that was built with another path.
SYSTEM_ROOTS: Final = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)
# The mark by which parse_own_certificate recognizes a certificate of mockscope.
ORGANIZATIONAL_UNIT: Final = "made on the spot, for tests"
CERTIFICATE: Final = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----\n?", re.DOTALL)


class Authority:
    """A certificate authority of this process.

    Nothing is installed in any store of the system, and no key is ever written to a file. The files hold certificates
    only. They are in a private temporary directory that is removed with the authority.
    """

    def __init__(self) -> None:
        # Imported here, because it loads a library of cryptography that most runs never need.
        from trustme import CA

        self._ca = CA(organization_name="mockscope", organization_unit_name=ORGANIZATIONAL_UNIT)

    def __repr__(self) -> str:
        return f"<Authority {self.__dict__.get('directory', 'without files yet')}>"

    @property
    def pem(self) -> bytes:
        """The authority's certificate."""
        return self._ca.cert_pem.bytes()

    @cached_property
    def directory(self) -> Path:
        """The directory with the files. They are written on first use."""
        directory = Path(tempfile.mkdtemp(prefix="mockscope-"))
        weakref.finalize(self, remove_directory, directory, os.getpid())
        certificates = list(dict.fromkeys((*root_certificates(), self.pem.decode())))
        (directory / CA_FILE).write_bytes(self.pem)
        (directory / BUNDLE_FILE).write_text("".join(certificates))
        (directory / JAVA_FILE).write_bytes(java_trust_store(certificates))
        (directory / WGET_FILE).write_text(f"ca_certificate = {directory / BUNDLE_FILE}\n")
        (directory / PHP_FILE).write_text(f'curl.cainfo = "{directory / BUNDLE_FILE}"\n')
        return directory

    @property
    def ca_file(self) -> Path:
        """A file with the authority's certificate."""
        return self.directory / CA_FILE

    @property
    def bundle_file(self) -> Path:
        """A file with the system's roots and the authority's certificate, for clients that take one file for all."""
        return self.directory / BUNDLE_FILE

    def client_context(self) -> ssl.SSLContext:
        """Return a context for clients in this process, which trusts this authority alone."""
        return ssl.create_default_context(cadata=self.pem.decode())

    def server_context(self, *names: str) -> ssl.SSLContext:
        """Return a context for a server.

        Args:
            names: hosts and addresses for its certificate, beside the vendor's and loopback.
        """
        leaf = self._ca.issue_cert(*dict.fromkeys((*LOOPBACK_NAMES, *VENDOR_HOSTS, *filter(None, names))))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        chain = b"".join(blob.bytes() for blob in leaf.cert_chain_pems)
        try:
            with readable_path(chain) as certificate, readable_path(leaf.private_key_pem.bytes()) as key:
                context.load_cert_chain(certificate, key)
        except FileNotFoundError:
            # Windows has no /dev/fd. This writes a temporary file.
            leaf.configure_cert(context)
        # The server does not support HTTP/2. ALPN makes clients use HTTP/1.1.
        context.set_alpn_protocols(["http/1.1"])
        return context


@contextmanager
def readable_path(content: bytes) -> Iterator[str]:
    """Yield a path from which bytes can be read once, for a library that reads files only.

    The bytes must fit into the buffer of a pipe. A certificate or a key is about a kilobyte.
    """
    reader, writer = os.pipe()
    with open(writer, "wb") as file:
        file.write(content)
    try:
        yield f"/dev/fd/{reader}"
    finally:
        os.close(reader)


def remove_directory(directory: Path, process: int) -> None:
    """Remove a directory, unless this is a child of the process that made it."""
    if os.getpid() == process:
        shutil.rmtree(directory, ignore_errors=True)


def parse_own_certificate(content: bytes) -> str:
    """Parse the certificate of an authority that mockscope generated, in this run or an earlier one.

    Raises:
        ValueError: If it is another certificate, or not one certificate alone.
    """
    pem = content.decode()
    if CERTIFICATE.findall(pem) != [pem] or ORGANIZATIONAL_UNIT.encode() not in ssl.PEM_cert_to_DER_cert(pem):
        raise ValueError("not the certificate of an authority made here")
    return pem


def root_certificates() -> Iterator[str]:
    """Yield the certificates that clients trust already: the system's roots, and those that the environment names."""
    # Not .cafile, which is SSL_CERT_FILE if that is set: clients that ignore the variable trust the system's roots.
    system = ssl.get_default_verify_paths().openssl_cafile
    found = [path for path in (system, *SYSTEM_ROOTS) if path and os.path.isfile(path)][:1]
    from_environment = [path for name in BUNDLE_VARIABLES if (path := os.environ.get(name)) and os.path.isfile(path)]
    for path in dict.fromkeys((*found, *from_environment)):
        try:
            text = Path(path).read_text(errors="replace")
        except OSError:
            # Clients of this user cannot read it either.
            continue
        for certificate in CERTIFICATE.findall(text):
            # One that is not valid would spoil the whole bundle.
            if path in found or parse_certificate(certificate):
                yield f"{certificate.rstrip()}\n"


def parse_certificate(pem: str) -> "Certificate | None":
    """Parse a certificate, or return None if it is not valid."""
    from cryptography.x509 import load_pem_x509_certificate

    with warnings.catch_warnings():
        # cryptography warns about old roots that violate the standard.
        warnings.simplefilter("ignore")
        try:
            return load_pem_x509_certificate(pem.encode())
        except ValueError:
            return None


def java_trust_store(certificates: list[str]) -> bytes:
    """Return certificates as a PKCS12 store, which a JVM reads without a password because nothing in it is secret."""
    from cryptography.hazmat.primitives.serialization import NoEncryption
    from cryptography.hazmat.primitives.serialization.pkcs12 import PKCS12Certificate, serialize_java_truststore

    parsed = filter(None, map(parse_certificate, certificates))
    entries = [PKCS12Certificate(certificate, b"%d" % number) for number, certificate in enumerate(parsed)]
    return serialize_java_truststore(entries, NoEncryption())
