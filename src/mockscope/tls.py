"""Certificates for the vendor's hosts, from an authority made on the spot, and the files that make clients trust it."""

import os
import re
import shutil
import ssl
import struct
import tempfile
import weakref
from collections.abc import Iterable
from functools import cached_property
from hashlib import sha1
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from trustme import CA

VENDOR_HOSTS: Final = ("app.periscopedata.com", "api.periscopedata.com")
OWN_NAMES: Final = ("localhost", "127.0.0.1", "::1")

# What the files in an authority's directory are called.
CA_FILE: Final = "ca.pem"
BUNDLE_FILE: Final = "bundle.pem"
JAVA_FILE: Final = "truststore.jks"
WGET_FILE: Final = "wgetrc"

# Variables that may already name certificates which a client trusts; they go into the bundle too.
BUNDLE_VARIABLES: Final = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "AWS_CA_BUNDLE")
# Where systems keep their roots, for a Python that was built to look elsewhere.
SYSTEM_ROOTS: Final = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)
UNIT: Final = "made on the spot, for tests"
CERTIFICATE: Final = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----\n?", re.DOTALL)


class Authority:
    """A certificate authority of this process.

    Nothing is installed in any store of the system, and no key is ever written to a file. The files below hold
    certificates only; they lie in a private temporary directory that goes when the authority does.
    """

    def __init__(self) -> None:
        self._ca: CA = _made()

    def __repr__(self) -> str:
        return f"<Authority {self.__dict__.get('directory', 'without files yet')}>"

    @property
    def pem(self) -> bytes:
        """The authority's certificate."""
        return self._ca.cert_pem.bytes()

    @cached_property
    def directory(self) -> Path:
        """The directory with the files; they are written when it is first asked for."""
        directory = Path(tempfile.mkdtemp(prefix="mockscope-"))
        weakref.finalize(self, shutil.rmtree, directory, ignore_errors=True)
        own = self.pem.decode()
        bundle = "".join(dict.fromkeys((*_roots(), own)))
        (directory / CA_FILE).write_text(own)
        (directory / BUNDLE_FILE).write_text(bundle)
        (directory / JAVA_FILE).write_bytes(_truststore(bundle))
        (directory / WGET_FILE).write_text(f"ca_certificate = {directory / BUNDLE_FILE}\n")
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
        """A context for clients in this process, which trusts this authority and nobody else."""
        return ssl.create_default_context(cadata=self.pem.decode())

    def server_context(self, *names: str) -> ssl.SSLContext:
        """A context for a server.

        Args:
            names: hosts and addresses that its certificate is for, besides the vendor's and loopback.
        """
        leaf = self._ca.issue_cert(*dict.fromkeys((*OWN_NAMES, *VENDOR_HOSTS, *filter(None, names))))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        chain = b"".join(blob.bytes() for blob in leaf.cert_chain_pems)
        with _Pipe(chain) as certificate, _Pipe(leaf.private_key_pem.bytes()) as key:
            context.load_cert_chain(certificate, key)
        # The server speaks nothing newer, and clients that could are told so.
        context.set_alpn_protocols(["http/1.1"])
        return context


def read_own(content: bytes) -> str:
    """Read the certificate of an authority that was made here, now or earlier.

    Raises:
        ValueError: it is another one, or not that alone.
    """
    pem = content.decode()
    if CERTIFICATE.findall(pem) != [pem] or UNIT.encode() not in ssl.PEM_cert_to_DER_cert(pem):
        raise ValueError("not the certificate of an authority made here")
    return pem


class _Pipe:
    """Bytes under a name for a library that reads files only, without ever being in one.

    They must fit into what a pipe holds; a certificate or a key is some hundred bytes.
    """

    def __init__(self, content: bytes) -> None:
        self._content = content

    def __enter__(self) -> str:
        self._reader, writer = os.pipe()
        with open(writer, "wb") as file:
            file.write(self._content)
        return f"/dev/fd/{self._reader}"

    def __exit__(self, *exc_info: object) -> None:
        os.close(self._reader)


def _made() -> "CA":
    from trustme import CA  # here, not above: it loads a library of cryptography, which most runs never need

    return CA(organization_name="mockscope", organization_unit_name=UNIT)


def _roots() -> Iterable[str]:
    """What clients trust without us: the system's roots, and those that the environment names."""
    # Its cafile would be what SSL_CERT_FILE names, and the roots missing for clients that never looked there.
    system = ssl.get_default_verify_paths().openssl_cafile
    named = [os.environ.get(name) for name in BUNDLE_VARIABLES]
    found = [path for path in (system, *SYSTEM_ROOTS) if path and os.path.isfile(path)][:1]
    for path in dict.fromkeys((*found, *(path for path in named if path and os.path.isfile(path)))):
        for certificate in CERTIFICATE.findall(_text(path)):
            if path in found or _is_certificate(certificate):
                yield f"{certificate.rstrip()}\n"


def _text(path: str) -> str:
    try:
        return Path(path).read_text(errors="replace")
    except OSError:
        # Then no client believed it either.
        return ""


def _is_certificate(pem: str) -> bool:
    """Whether it is one to OpenSSL; one that is none would spoil the whole bundle."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=ssl.PEM_cert_to_DER_cert(pem))
    except (ssl.SSLError, ValueError):
        # The latter where it is not even base64.
        return False
    return True


def _truststore(bundle: str) -> bytes:
    """Certificates as a Java KeyStore, which every JVM reads, and reads without a password where nothing is secret."""
    entries = [
        # 2 says that it is a certificate; then alias, time of creation, kind.
        struct.pack(">i", 2)
        + _utf(str(number))
        + struct.pack(">q", 0)
        + _utf("X.509")
        + struct.pack(">i", len(der))
        + der
        for number, der in enumerate(map(ssl.PEM_cert_to_DER_cert, CERTIFICATE.findall(bundle)))
    ]
    content = struct.pack(">Iii", 0xFEEDFEED, 2, len(entries)) + b"".join(entries)
    # The checksum of the empty password, with the words that the format puts before the content.
    return content + sha1(b"Mighty Aphrodite" + content, usedforsecurity=False).digest()


def _utf(text: str) -> bytes:
    return struct.pack(">H", len(text)) + text.encode()
