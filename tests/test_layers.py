"""The imports between packages (docs/architecture.md): one that runs up, or in a circle, fails here."""

import ast
import re
import sys
import textwrap
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Final

import pytest
import pytest_mockscope

import mockscope
from mockscope import _vendor

PACKAGE: Final = Path(mockscope.__file__).parent
PLUGIN: Final = Path(pytest_mockscope.__file__).parent

# A package or module imports only from those before it.
ORDER: Final = (
    *("_vendor", "_support", "domain", "instruments", "seeds", "codec", "contract", "sites", "web", "app"),
    *("intercept", "server", "remote", "conformance", "strategies", "cli", "__main__"),
)
# These know nothing of some that stand before them.
UNKNOWN_TO: Final[dict[str, set[str]]] = {
    "instruments": {"domain", "seeds", "codec"},
    "remote": {"codec", "contract", "web", "app", "server"},
    # It judges any server.
    "conformance": {"seeds", "codec", "instruments", "contract", "sites", "web", "app", "intercept", "server"},
    "strategies": {*ORDER} - {"_vendor", "domain"},
}
# The packages that may import a library.
LIBRARIES: Final[dict[str, set[str]]] = {
    "click": {"cli"},
    "cryptography": {"server"},
    "harfile": {"instruments"},
    "hypothesis": {"contract", "strategies"},
    "jsonschema_rs": {"contract"},
    "msgspec": {*ORDER} - {"_vendor", "_support", "intercept", "server"},
    "requests": {"contract", "intercept"},
    "schemathesis": {"contract"},
    "sortedcontainers": {"domain"},
    "starlette": {"web", "app", "intercept", "server"},
    "trustme": {"server"},
    "urllib3": {"cli", "intercept", "remote"},
    "uvicorn": {"server"},
    "yaml": {"cli", "conformance", "contract", "seeds"},
}


def imports_of(source: Path, package: Path) -> Iterator[str]:
    """Yield the modules and names that a file imports, relative imports in full."""
    home = ".".join((package.name, *source.relative_to(package).parent.parts))
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(home.split(".")[: len(home.split(".")) - node.level + 1]) if node.level else ""
            module = ".".join(part for part in (base, node.module) if part)
            # "from mockscope import codec" imports a module, "from mockscope.codec import encode" a name of one.
            yield from (f"{module}.{alias.name}" for alias in node.names)


def top_of(source: Path, package: Path) -> str:
    """Return the package or module, directly in the main package, that a file belongs to."""
    return source.relative_to(package).parts[0].removesuffix(".py")


def strays(source: Path, package: Path) -> list[str]:
    """Return the imports of a file that the order or the list of libraries does not allow."""
    own = top_of(source, package)
    below = {*ORDER[: ORDER.index(own) + 1]} - UNKNOWN_TO.get(own, set()) | {"__version__"}
    found = []
    for module in imports_of(source, package):
        top, _, rest = module.partition(".")
        if top == "mockscope":
            is_allowed = rest.partition(".")[0] in below
        else:
            is_allowed = top in sys.stdlib_module_names or own in LIBRARIES.get(top, ())
        if not is_allowed:
            found.append(module)
    return found


@pytest.mark.parametrize(
    # The package itself has names alone, each loaded when it is asked for.
    "source",
    [path for path in sorted(PACKAGE.rglob("*.py")) if path != PACKAGE / "__init__.py"],
    ids=lambda path: str(path.relative_to(PACKAGE)),
)
def test_a_module_imports_only_what_stands_below_it(source: Path) -> None:
    assert strays(source, PACKAGE) == []


@pytest.mark.parametrize("source", sorted(PLUGIN.rglob("*.py")), ids=lambda path: path.name)
def test_the_plugin_imports_pytest_itself_and_public_names(source: Path) -> None:
    public = {"mockscope", *(f"mockscope.{name}" for name in mockscope.__all__)}
    foreign = [
        module
        for module in imports_of(source, PLUGIN)
        if module.partition(".")[0] not in {*sys.stdlib_module_names, "pytest", "pytest_mockscope"}
    ]

    assert [module for module in foreign if module not in public] == []


def graph(package: Path) -> dict[str, set[str]]:
    """Return the modules of a package, each with those that it imports, for type checkers alone too."""
    sources = {_name(source, package): source for source in package.rglob("*.py")}
    # The main package names all others, and loads each when it is asked for.
    sources.pop(package.name)
    graph = {}
    for name, source in sources.items():
        imported = set(imports_of(source, package))
        graph[name] = {
            module for module in imported | {one.rpartition(".")[0] for one in imported} if module in sources
        }
    return graph


def _name(source: Path, package: Path) -> str:
    parts = source.relative_to(package.parent).with_suffix("").parts
    return ".".join(parts).removesuffix(".__init__")


def test_no_modules_import_each_other_in_a_circle() -> None:
    TopologicalSorter(graph(PACKAGE)).prepare()


def test_a_circle_of_imports_is_seen(tmp_path: Path) -> None:
    package = tmp_path / "mockscope"
    (package / "web").mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "codec.py").write_text("from mockscope.web import app")
    (package / "web" / "__init__.py").write_text(
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING: from .. import codec"
    )

    with pytest.raises(CycleError) as found:
        TopologicalSorter(graph(package)).prepare()
    assert sorted(set(found.value.args[1])) == ["mockscope.codec", "mockscope.web"]


def test_an_arrow_that_runs_up_is_seen(tmp_path: Path) -> None:
    package = tmp_path / "mockscope"
    source = package / "domain" / "site.py"
    source.parent.mkdir(parents=True)
    source.write_text("import starlette.routing\nfrom ..web import app\nfrom mockscope import codec\nimport json\n")

    assert strays(source, package) == ["starlette.routing", "mockscope.web.app", "mockscope.codec"]


VENDOR_FACTS: Final = (
    *(_vendor.AUTH_HEADER, _vendor.EMAIL_HEADER, _vendor.API_PATH, _vendor.NEXT_PAGE_START, _vendor.TEST_MODE_MESSAGE),
    *_vendor.BUILTIN_GROUPS,
)


def spelled_facts(source: str) -> list[str]:
    """Return the literals of a module that spell a fact of the vendor. Docstrings and sentences may do so."""
    tree = ast.parse(source)
    # A text that stands alone is a docstring.
    alone = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    texts = [
        node.value if isinstance(node.value, str) else node.value.decode("latin-1")
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str | bytes) and id(node) not in alone
    ]
    return [text for text in texts if any(_spells(fact, text) for fact in VENDOR_FACTS)]


def _spells(fact: str, text: str) -> bool:
    is_sentence = len(text.split()) > len(fact.split())
    return not is_sentence and re.search(rf"(?<![\w-]){fact}(?![\w-])", text, re.IGNORECASE) is not None


@pytest.mark.parametrize(
    "source",
    [path for path in sorted(PACKAGE.rglob("*.py")) if path != PACKAGE / "_vendor.py"],
    ids=lambda path: str(path.relative_to(PACKAGE)),
)
def test_the_facts_of_the_vendor_stand_in_one_module(source: Path) -> None:
    assert spelled_facts(source.read_text(encoding="utf-8")) == []


def test_a_fact_that_is_spelled_elsewhere_is_seen() -> None:
    source = '''
        """Http-X-Email"""
        EMAIL = b"http-x-email"
        USERS = f"{url}/api/v1/users"
        REFUSAL = "The Http-X-Email header is missing."
        GROUPS = ["All Users"]
    '''

    assert spelled_facts(textwrap.dedent(source)) == ["http-x-email", "/api/v1/users", "All Users"]
