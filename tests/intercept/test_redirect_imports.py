"""A redirect imports no client, and redirects a client that is imported later."""

import subprocess
import sys
from typing import Final

import pytest
from support.bounds import WAIT_SECONDS

# In a process of its own. Whatever a redirect lets through ends here.
BEGIN: Final = """
import importlib.abc
import socket
import sys

import mockscope

CLIENTS = ("requests", "urllib3", "http.client", "urllib.request", "httpx", "httpcore", "httpx2", "httpcore2")
CLIENTS += ("aiohttp",)

real = socket.getaddrinfo

def getaddrinfo(host, *args, **options):
    assert host == "127.0.0.1", host
    return real(host, *args, **options)

socket.getaddrinfo = getaddrinfo

def imported():
    return sorted(name for name in CLIENTS if name in sys.modules)

server = mockscope.serve().start()
site = server.site()
url = "https://app.periscopedata.com/api/v1/users"
"""
END: Final = """
assert [finder for finder in sys.meta_path if type(finder).__module__.startswith("mockscope")] == []
assert socket.getaddrinfo is getaddrinfo
server.stop()
print("done")
"""
LATE: Final = {
    "requests": "import requests; status = requests.get(url, headers=site.headers).status_code",
    "urllib3": "import urllib3; status = urllib3.request('GET', url, headers=site.headers).status",
    "urllib": """
from urllib.request import Request, urlopen
with urlopen(Request(url, headers=site.headers)) as response:
    status = response.status
""",
    "http.client": """
import http.client
connection = http.client.HTTPSConnection("app.periscopedata.com")
connection.request("GET", "/api/v1/users", headers=site.headers)
status = connection.getresponse().status
connection.close()
""",
    "httpx": "import httpx; status = httpx.get(url, headers=site.headers).status_code",
    "httpx2": "import httpx2; status = httpx2.get(url, headers=site.headers).status_code",
    "httpx2 by the name of httpx": """
import httpx2
httpx2.alias_httpx()
import httpx
status = httpx.get(url, headers=site.headers).status_code
""",
    "aiohttp": """
import asyncio
import aiohttp
async def ask():
    async with aiohttp.ClientSession() as session, session.get(url, headers=site.headers) as response:
        return response.status
status = asyncio.run(ask())
""",
}


def run(script: str) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", f"{BEGIN}{script}{END}"],
        capture_output=True,
        text=True,
        timeout=WAIT_SECONDS,
        check=False,
    )

    assert (done.stdout, done.stderr, done.returncode) == ("done\n", "", 0)


@pytest.mark.parametrize("name", LATE)
def test_a_client_imported_inside_a_redirect_is_redirected(name: str) -> None:
    lines = LATE[name].strip().replace("\n", "\n    ")
    run(f"""
known = imported()
with server.redirect():
    assert imported() == known
    {lines}
assert status == 200
assert len(site.calls) == 1
for module in list(sys.modules.values()):
    loader = getattr(getattr(module, "__spec__", None), "loader", None)
    assert not type(loader).__module__.startswith("mockscope"), module
""")


def test_a_redirect_needs_no_client_installed() -> None:
    run("""
class Missing(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name.partition(".")[0] in ("requests", "urllib3", "httpx", "httpcore", "httpx2", "httpcore2", "aiohttp"):
            raise ModuleNotFoundError(name)

missing = Missing()
sys.meta_path.insert(0, missing)
from urllib.request import Request, urlopen
with server.redirect():
    with urlopen(Request(url, headers=site.headers)) as response:
        assert response.status == 200
assert imported() == ["http.client", "urllib.request"]
sys.meta_path.remove(missing)
""")


def test_a_client_of_an_unknown_version_is_refused() -> None:
    run("""
import urllib3.connection
import requests
# A version that connects in an unknown way.
class Connection(urllib3.connection.HTTPSConnection):
    def connect(self):
        self.sock = self._new_conn()
urllib3.connectionpool.HTTPSConnectionPool.ConnectionCls = Connection
with server.redirect():
    try:
        requests.get(url, headers=site.headers)
    except requests.ConnectionError as error:
        assert "(server.url)" in str(error), error
    else:
        raise AssertionError("it went through")
assert len(site.calls) == 0
""")
