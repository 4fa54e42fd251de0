"""The environment variables by which a program finds a server, and trusts it."""

import os
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from mockscope.cli.ready_file import Ready
from mockscope.server.certificates import BUNDLE_FILE, BUNDLE_VARIABLES, CA_FILE, JAVA_FILE, WGET_FILE

LOOPBACK: Final = "localhost,127.0.0.1,::1"
PROXY_VARIABLES: Final = ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")


def environment_variables(ready: Ready) -> dict[str, str]:
    """Return the environment variables by which a program finds a server.

    Args:
        ready: The server. The program gets the first of its sites.
    """
    found = {"MOCKSCOPE_URL": ready.url}
    for site in ready.sites[:1]:
        auth = f"{site.host}:{site.api_key}"
        found |= {"MOCKSCOPE_SITE": site.host, "MOCKSCOPE_API_KEY": site.api_key, "MOCKSCOPE_AUTH": auth}
    if ready.trust is not None:
        trust = Path(ready.trust)
        found |= dict.fromkeys(BUNDLE_VARIABLES, str(trust / BUNDLE_FILE))
        # Node adds these to its own certificates. A wget that is built with GnuTLS reads only its settings.
        found |= {"NODE_EXTRA_CA_CERTS": str(trust / CA_FILE), "WGETRC": str(trust / WGET_FILE)}
        # PHP reads all .ini files of these folders. An empty name stands for its own folder.
        found["PHP_INI_SCAN_DIR"] = f"{os.environ.get('PHP_INI_SCAN_DIR', '')}{os.pathsep}{trust}"
    if ready.proxy is not None:
        found |= dict.fromkeys(PROXY_VARIABLES, ready.proxy)
        # Node's fetch uses the proxy since version 24, and only with NODE_USE_ENV_PROXY.
        found |= {"NO_PROXY": LOOPBACK, "no_proxy": LOOPBACK, "NODE_USE_ENV_PROXY": "1"}
        if ready.trust is not None:
            options = _java_options(ready.proxy, Path(ready.trust) / JAVA_FILE)
            found["JAVA_TOOL_OPTIONS"] = f"{os.environ.get('JAVA_TOOL_OPTIONS', '')} {options}".lstrip()
    return found


def _java_options(proxy: str, trust_store: Path) -> str:
    """Return the options for every JVM. They name no password: the store holds no secret."""
    parts = urlsplit(proxy)
    direct = "localhost|127.*|[::1]"
    return " ".join(
        [
            *(f"-D{way}.proxyHost={parts.hostname} -D{way}.proxyPort={parts.port}" for way in ("http", "https")),
            f"-Dhttp.nonProxyHosts={direct}",
            f'"-Djavax.net.ssl.trustStore={trust_store}"',
        ]
    )
