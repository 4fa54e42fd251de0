"""The site of the documentation: `sphinx-build -W -n -c docs . build/site`, with the extra docs.

The pages are the Markdown files that the code host shows. docs/README.md is the first page, and its links are the
order of all.
"""

import inspect
import re
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import pytest_mockscope.fixtures
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

import mockscope

ROOT: Final = Path(__file__).parents[1]
SECTION: Final = re.compile(r"^## (.*)\n\n((?:[- ] .*\n)+)", re.MULTILINE)
LINK: Final = re.compile(r"\]\(([\w./-]+)\.(?:md|rst)\)")

project = "mockscope"
author = "The mockscope maintainers"
release = mockscope.__version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
root_doc = "docs/README"
include_patterns = ["docs/**", "benchmarks/*.md", "*.md"]
# A section of the code host's pages may be two levels deep. Shell sessions hold more than a lexer knows.
suppress_warnings = ["myst.header", "misc.highlighting_failure"]
# Errors that a user catches by a public base, and a type alias.
nitpick_ignore = [
    ("py:exc", "IncompleteCall"),
    ("py:exc", "FunctionFailed"),
    ("py:exc", "ListenError"),
    ("py:class", "Others"),
]
html_theme = "furo"
html_extra_path = ["../openapi.yaml"]
html_title = f"mockscope {release}"
myst_heading_anchors = 4
autodoc_member_order = "groupwise"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"


def add_order(app: Sphinx, page: str, text: list[str]) -> None:
    """Append tables of contents to the first page: one for each section, with the pages that it links."""
    if page == root_doc:
        for title, links in SECTION.findall(text[0]):
            pages = "\n".join(dict.fromkeys(LINK.findall(links)))
            text[0] += f"\n```{{toctree}}\n:hidden:\n:caption: {title}\n\n{pages}\n```\n"


def resolve_private(app: Sphinx, env: BuildEnvironment, node: Any, shown: nodes.Element) -> nodes.Element | None:
    """Resolve the module in which a public name is defined. Names of private modules and libraries stay text."""
    target = node["reftarget"]
    name = target.rpartition(".")[2]
    if name in mockscope.__all__ and not target.startswith("mockscope.strategies"):
        domain = env.domains.python_domain
        return domain.resolve_xref(env, node["refdoc"], app.builder, "obj", f"mockscope.{name}", node, shown)
    return shown if is_importable(target) else None


def is_importable(target: str) -> bool:
    """Return whether a dotted name is one of Python, or of an installed package."""
    module, _, name = target.rpartition(".")
    try:
        return hasattr(import_module(module or "builtins"), name)
    except ImportError:
        return bool(module) and is_importable(module)


def site_address(match: re.Match[str]) -> str:
    """Return a link of the first page as seen from the top of the site: to Markdown, where the page has it."""
    path = (ROOT / "docs" / match[1]).resolve().relative_to(ROOT).as_posix()
    return f"]({f'_sources/{path}.txt' if path.endswith('.md') else path.replace('.rst', '.html')}"


def write_first_files(app: Sphinx, error: Exception | None) -> None:
    """Write llms.txt, with the pages in Markdown, and an index that leads to the first page."""
    if error is None and app.builder.format == "html":
        text = (ROOT / f"{root_doc}.md").read_text(encoding="utf-8").replace("# All pages", "# mockscope", 1)
        linked = re.sub(r"\]\(([\w./-]+)", site_address, text)
        (app.outdir / "llms.txt").write_text(linked, encoding="utf-8")
        (app.outdir / "index.html").write_text(f'<meta http-equiv="refresh" content="0; url={root_doc}.html">\n')


def setup(app: Sphinx) -> None:
    """Connect the functions above. A fixture is described as the function that makes it."""
    for name, value in inspect.getmembers(pytest_mockscope.fixtures):
        if type(value).__name__ == "FixtureFunctionDefinition":
            setattr(pytest_mockscope.fixtures, name, inspect.unwrap(value))
    app.connect("source-read", add_order)
    app.connect("missing-reference", resolve_private)
    app.connect("build-finished", write_first_files)
