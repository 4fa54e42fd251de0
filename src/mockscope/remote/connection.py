"""The connection to a server elsewhere: ``mockscope.connect``."""

from os import PathLike
from pathlib import Path

from mockscope._support.arguments import check_type
from mockscope.remote.control_client import ControlClient
from mockscope.remote.handle import RemoteServer


def connect(url: str, token: str | None = None, *, ca_file: str | Path | None = None) -> RemoteServer:
    """Connect to a mockscope server of another process or machine.

    Args:
        url: its URL, such as ``http://127.0.0.1:8765``.
        token: the token of its control API; None for a server that requires none.
        ca_file: the file with the certificate of its authority, for ``serve --tls``; None trusts those of the system.

    Raises:
        RemoteServerError: If no server answers, it is not a mockscope of this version, its control API is switched off,
            or the token is missing or wrong.
        ValueError: If the URL or the token is not valid, or the certificates cannot be read.
    """
    check_type("url", url, str)
    check_type("token", token, str | None)
    check_type("ca_file", ca_file, str | PathLike | None)
    client = ControlClient(url, token, None if ca_file is None else Path(ca_file))
    try:
        client.check()
    except BaseException:
        client.close()
        raise
    return RemoteServer(client, token)
