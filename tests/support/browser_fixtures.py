"""The fixtures of the tests in a browser: Chromium, and pages that are watched for faults."""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Protocol

import pytest

if TYPE_CHECKING:
    from support.browser import Browser, Page
    from support.inspected import Served


class OpenPage(Protocol):
    """A function that opens a page in a context of its own. After the test, faults of its context fail the test."""

    def __call__(self, url: str, *, refusals: bool = False, **options: Any) -> "Page": ...


@pytest.fixture(scope="module")
def browser() -> "Iterator[Browser]":
    """Chromium, for a module: playwright's event loop would break asynchronous tests of other modules."""
    from support.browser import chromium  # imported late: playwright may be missing

    with chromium() as browser:
        yield browser


@pytest.fixture
def open_page(browser: "Browser") -> Iterator[OpenPage]:
    """A function that opens a page in a context of its own."""
    from support.browser import watched

    with ExitStack() as contexts:

        def open_page(url: str, *, refusals: bool = False, **options: Any) -> "Page":
            page = contexts.enter_context(watched(browser, url, refusals=refusals, **options)).new_page()
            page.goto(url)
            return page

        yield open_page


@pytest.fixture(params=["", "/mock"], ids=["root", "mounted"])
def served(request: pytest.FixtureRequest) -> "Iterator[Served]":
    """The demo site on a random port, at the root and below a path."""
    from support.inspected import Served, demo, mounted_demo

    if request.param:
        with mounted_demo(request.param) as mounted:
            yield mounted
    else:
        with demo() as server:
            yield Served(server.url, server.sites)
