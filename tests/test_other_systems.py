"""Systems without the names of POSIX: each module can be imported, and a server answers."""

import socket
import subprocess
import sys

import pytest
from support.bounds import WAIT_SECONDS

from mockscope.server import listeners

# Everything that Windows lacks. The standard library and pytest are imported first, because they know their system.
SCRIPT = """
import asyncio, concurrent.futures, functools, http.client, logging.handlers, multiprocessing, os, pkgutil, signal
import socket, ssl, subprocess, sys, tempfile
import click.testing, hypothesis, pytest, uvicorn, urllib.request

# The standard library's own pair of sockets is of the family that is removed.
socket.socketpair = functools.partial(socket.socketpair, socket.AF_UNIX)
for name in ("fcntl", "grp", "pty", "pwd", "resource", "termios", "tty", "uvloop"):
    sys.modules[name] = None
for module, names in {
    os: "fork forkpty register_at_fork killpg getpgrp setsid setpgid tcgetpgrp tcsetpgrp fchmod geteuid getuid mkfifo "
    "waitstatus_to_exitcode WIFSTOPPED WSTOPSIG WUNTRACED",
    signal: "SIGHUP SIGQUIT SIGUSR1 SIGUSR2 SIGCONT SIGKILL SIGSTOP SIGTTIN SIGTTOU SIGCHLD",
    socket: "AF_UNIX SO_REUSEPORT CMSG_LEN",
}.items():
    for name in names.split():
        delattr(module, name)
load_cert_chain = ssl.SSLContext.load_cert_chain
def without_dev_fd(self, certificate, *args, **options):
    if str(certificate).startswith("/dev/fd/"):
        raise FileNotFoundError(certificate)
    return load_cert_chain(self, certificate, *args, **options)
ssl.SSLContext.load_cert_chain = without_dev_fd

import mockscope, pytest_mockscope
for package in (mockscope, pytest_mockscope):
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        if module.name != "mockscope.__main__":
            __import__(module.name)

from mockscope.cli.root import cli
with mockscope.serve(tls=True) as server:
    site = server.site()
    request = urllib.request.Request(f"{server.url}/api/v1/users", headers=site.headers)
    with urllib.request.urlopen(request, context=server.authority.client_context()) as response:
        print(response.status)
print(click.testing.CliRunner().invoke(cli, ["exec", "--", "true"]).output, end="")
"""


def test_without_the_names_of_posix_each_module_loads_and_a_server_answers() -> None:
    command = [sys.executable, "-c", SCRIPT]
    done = subprocess.run(command, capture_output=True, text=True, timeout=WAIT_SECONDS, check=False)
    assert (done.stdout, done.stderr) == (
        "200\nmockscope: exec needs POSIX, for process groups: start mockscope serve, and set MOCKSCOPE_URL\n",
        "",
    )


def test_where_a_port_can_be_exclusive_it_is_not_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    # An option of this system, in place of the one of Windows.
    monkeypatch.setattr(listeners, "EXCLUSIVE", socket.SO_KEEPALIVE)
    with listeners.bind("127.0.0.1", 0) as bound:
        options = [bound.getsockopt(socket.SOL_SOCKET, name) for name in (socket.SO_KEEPALIVE, socket.SO_REUSEADDR)]
    assert options == [1, 0]
