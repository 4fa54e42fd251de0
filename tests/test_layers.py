"""The imports between packages (docs/architecture.md): an import that runs back fails here."""

import ast
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Final

import pytest
import pytest_mockscope

import mockscope

PACKAGE: Final = Path(mockscope.__file__).parent
PLUGIN: Final = Path(pytest_mockscope.__file__).parent

DOMAIN: Final = {"mockscope._support", "mockscope.domain", "mockscope.moments", "mockscope.nearness"}
BENCH: Final = DOMAIN | {
    "mockscope.instruments",
    "mockscope.seeding",
    "mockscope.people",
    "mockscope.json_text",
    "mockscope.contracting",
    "mockscope.bench",
}
WEB: Final = BENCH | {"mockscope.wire", "mockscope._spec", "mockscope.web", "msgspec", "starlette"}
DOUBLE: Final = WEB | {"mockscope.double"}

PROTOCOLS: Final = {"mockscope.protocol"}
PORTS: Final = PROTOCOLS | {"mockscope.gate", "mockscope.proxy", "mockscope.tls", "uvicorn"}
SERVER: Final = DOUBLE | PORTS | {"mockscope.redirect", "mockscope.server", "mockscope.transports"}

# room -> what it may import besides the standard library
ALLOWED: Final[dict[str, set[str]]] = {
    "domain": DOMAIN | {"msgspec", "sortedcontainers"},
    "instruments": {"mockscope", "mockscope._support", "mockscope.instruments", "mockscope.moments"}
    | {"mockscope.nearness", "harfile", "msgspec"},
    "_support": {"mockscope.nearness"},
    "nearness.py": set(),
    "moments.py": set(),
    "_spec.py": {"yaml"},
    "json_text.py": set(),
    "wire.py": DOMAIN | {"mockscope.json_text", "msgspec"},
    "people.py": DOMAIN,
    "seeding.py": DOMAIN
    | {"mockscope._support", "mockscope.json_text", "mockscope.people", "mockscope.yaml_text", "msgspec"},
    "yaml_text.py": {"mockscope.domain", "yaml"},
    "saving.py": DOMAIN | {"mockscope._support", "mockscope.seeding"},
    # The validator is an extra.
    "contracting.py": DOMAIN | {"mockscope.instruments", "mockscope.wire", "mockscope._spec", "jsonschema_rs"},
    "bench.py": BENCH,
    "web": WEB | {"mockscope"},
    "double.py": DOUBLE,
    "protocol.py": {"mockscope.wire", "mockscope.web", "uvicorn"},
    "tls.py": {"cryptography", "trustme"},
    "gate.py": {"mockscope.web"},
    "remote": {"mockscope", "mockscope._support", "mockscope.instruments", "mockscope.remote", "urllib3"},
    "pulling.py": DOMAIN | {"mockscope.remote", "mockscope.seeding", "mockscope.yaml_text"},
    "anonymizing.py": {"mockscope.domain"},
    "proxy.py": {"mockscope._support", "mockscope.gate", "mockscope.tls", "mockscope.web"},
    # It imports requests only where it is asked for its adapter.
    "transports.py": {"mockscope.bench", "mockscope.domain", "mockscope.web", "requests", "starlette", "urllib3"},
    # No client is imported, and no server: it is told where to lead requests.
    "redirect.py": {"mockscope.tls"},
    "server.py": SERVER,
    "running.py": {"mockscope.instruments", "mockscope.ready", "mockscope.server", "mockscope.tls"},
    "ready.py": {"mockscope._support", "msgspec"},
    "shell.py": {"mockscope.double", "mockscope.saving", "click"},
    "outside.py": {"mockscope._support", "mockscope.anonymizing", "mockscope.pulling", "mockscope.remote"}
    | {"mockscope.shell", "click"},
    "beside.py": SERVER | {"mockscope.ready", "mockscope.running", "mockscope.shell", "click", "urllib3"},
    # Schemathesis and what it stands on are an extra too.
    "contract": {"mockscope.contract", "mockscope.domain", "hypothesis", "requests", "schemathesis"},
    # It judges any server, so it may know nothing of ours.
    "checking": DOMAIN | {"mockscope._support", "mockscope.checking", "mockscope.remote", "yaml"},
    "judging.py": DOMAIN
    | {"mockscope.checking", "mockscope.outside", "mockscope.remote", "mockscope.shell", "click", "yaml"},
    "fuzzing.py": SERVER | {"mockscope.contract", "mockscope.outside", "mockscope.remote", "mockscope.shell", "click"},
    "serving.py": SERVER | {"mockscope", "mockscope._support", "mockscope.ready", "mockscope.shell", "click"},
    # The commands themselves are loaded by name.
    "cli.py": {"mockscope", "mockscope._spec", "mockscope.seeding", "mockscope.shell", "click"},
    "strategies.py": {"mockscope.domain", "hypothesis"},
    "__main__.py": {"mockscope.cli"},
    # Names alone, each loaded when it is asked for.
    "__init__.py": SERVER,
}


def imports_of(source: Path, package: Path) -> Iterator[str]:
    """The modules and names that a file imports, relative imports spelled out."""
    home = ".".join((package.name, *source.relative_to(package).parent.parts))
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(home.split(".")[: len(home.split(".")) - node.level + 1]) if node.level else ""
            module = ".".join(part for part in (base, node.module) if part)
            # "from mockscope import wire" imports a module, "from mockscope.wire import encode" a name of one.
            yield from (f"{module}.{alias.name}" for alias in node.names)


def is_allowed(module: str, allowed: set[str]) -> bool:
    top = module.partition(".")[0]
    if top in sys.stdlib_module_names:
        return True
    return any(module == name or module.startswith(f"{name}.") for name in allowed - {"mockscope"}) or (
        "mockscope" in allowed and module in {"mockscope", "mockscope.__version__"}
    )


def files() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("source", files(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_imports_only_what_its_room_may(source: Path) -> None:
    allowed = ALLOWED[source.relative_to(PACKAGE).parts[0]]

    assert [module for module in imports_of(source, PACKAGE) if not is_allowed(module, allowed)] == []


@pytest.mark.parametrize("source", sorted(PLUGIN.rglob("*.py")), ids=lambda path: path.name)
def test_the_plugin_imports_pytest_itself_and_public_names(source: Path) -> None:
    public = {"mockscope"} | {f"mockscope.{name}" for name in mockscope.__all__}
    allowed = {"pytest", "pytest_mockscope"}

    strays = [m for m in imports_of(source, PLUGIN) if m not in public and not is_allowed(m, allowed)]
    assert strays == []


def graph(package: Path) -> dict[str, set[str]]:
    """The modules of a package, each with those that it imports, for type checkers alone too."""
    sources = {_name(source, package): source for source in package.rglob("*.py")}
    # The face of the package names all others, and loads each when it is asked for.
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
    (package / "wire.py").write_text("from mockscope.web import app")
    (package / "web" / "__init__.py").write_text(
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING: from .. import wire"
    )

    with pytest.raises(CycleError) as found:
        TopologicalSorter(graph(package)).prepare()
    assert sorted(set(found.value.args[1])) == ["mockscope.web", "mockscope.wire"]


def test_an_arrow_that_runs_back_is_seen(tmp_path: Path) -> None:
    package = tmp_path / "mockscope"
    source = package / "domain" / "site.py"
    source.parent.mkdir(parents=True)
    source.write_text("import starlette.routing\nfrom ..web import app\nfrom mockscope import wire\nimport json\n")

    strays = [module for module in imports_of(source, package) if not is_allowed(module, ALLOWED["domain"])]
    assert strays == ["starlette.routing", "mockscope.web.app", "mockscope.wire"]
