"""The site of the documentation: it builds without a warning, and each link has a target."""

import re
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from support.bounds import WAIT_SECONDS
from support.paths import ROOT
from support.tools import skip_unless_required

import mockscope
from mockscope import strategies

pytestmark = pytest.mark.slow
FIXTURES = ("mockscope", "mockscope_server", "mockscope_config", "mockscope_redirect", "mockscope_ca")


class Page(HTMLParser):
    """The anchors of a page, and the links to other pages and to itself."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.links: list[str] = []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep the id and the link of a tag."""
        values = dict(attrs)
        if name := values.get("id"):
            self.anchors.add(name)
        link = values.get("href")
        if tag == "a" and link and not urlsplit(link).scheme:
            self.links.append(link)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a built site."""
    if find_spec("sphinx") is None:
        skip_unless_required("Sphinx is not installed: pip install -e '.[docs]'", "MOCKSCOPE_DOCS")
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "-n", "--keep-going", "-c", "docs", ".", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=WAIT_SECONDS, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    return folder


def broken_links(pages: dict[Path, Page]) -> Iterator[str]:
    """Yield the links without a target."""
    for path, page in pages.items():
        for link in page.links:
            parts = urlsplit(link)
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            anchor = unquote(parts.fragment)
            if not target.exists() or (target in pages and anchor and anchor not in pages[target].anchors):
                yield f"{path.name}: {link}"


def test_each_link_of_the_site_has_a_target(site: Path) -> None:
    pages = {path.resolve(): Page(path) for path in site.rglob("*.html")}
    assert list(broken_links(pages)) == []
    assert {site / name for name in ("docs/tutorial.html", "README.html", "CHANGELOG.html")} <= {*pages}


def test_the_site_describes_each_public_name(site: Path) -> None:
    wanted = {f"mockscope.{name}" for name in mockscope.__all__ if name != "__version__"}
    wanted |= {f"mockscope.strategies.{name}" for name in strategies.__all__}
    wanted |= {f"pytest_mockscope.fixtures.{name}" for name in FIXTURES}
    assert wanted - Page(site / "docs/api.html").anchors == set()


def test_llms_txt_names_the_pages_in_markdown(site: Path) -> None:
    text = (site / "llms.txt").read_text(encoding="utf-8")
    targets = re.findall(r"\]\(([^)#]+)", text)
    assert text.startswith("# mockscope\n")
    assert "_sources/docs/tutorial.md.txt" in targets
    assert [target for target in targets if not (site / target).exists()] == []
