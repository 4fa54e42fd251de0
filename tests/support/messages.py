"""The sentences of mockscope that several test modules assert."""

from typing import Final

NOT_RUNNING: Final = "the mockscope server is not running: use it in a with block, or call start()"
PLAIN_HTTP_PORT: Final = "This is a port for plain HTTP: ask it for http://, or start mockscope with --tls (tls=True)."
STRICT_HEADING: Final = "mockscope, strict mode: the page does not promise that this works"
CHECK_INTERRUPTED: Final = "mockscope: interrupted before all was checked"


def port_in_use(port: int) -> str:
    """Return the line of a command whose port on loopback is in use."""
    return f"mockscope: can't listen on 127.0.0.1 port {port}: Address already in use\n"
