"""The exact content of the wheel, and of the sdist from which a wheel can be built."""

import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from importlib.metadata import distribution
from pathlib import Path
from typing import Final

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from support.bounds import WAIT_SECONDS

ROOT: Final = Path(__file__).resolve().parents[1]
SOURCES: Final = ("src/mockscope", "conftest_plugin/pytest_mockscope")


# The bound of CONTRIBUTING.md.
MAX_PACKAGES: Final = 20
MAX_BYTES: Final = 50_000_000


def sources() -> set[str]:
    """The files of both packages as a wheel names them."""
    return {
        path.relative_to((ROOT / source).parent).as_posix()
        for source in SOURCES
        for path in (ROOT / source).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an sdist, and a wheel that was built from it."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True, timeout=WAIT_SECONDS)
    return folder


def test_the_wheel_holds_both_packages_the_contract_its_rules_and_nothing_else(built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
        metadata = {name.rpartition(".dist-info/")[2] for name in archive.namelist() if ".dist-info/" in name}
        contract, rules, page = (archive.read(f"mockscope/{name}.yaml") for name in ("openapi", "rules", "page"))
        (entry_points,) = (archive.read(n).decode() for n in archive.namelist() if n.endswith("entry_points.txt"))

    assert names == sources() | {f"mockscope/{name}.yaml" for name in ("openapi", "rules", "page")}
    swagger_ui = "licenses/src/mockscope/web/inspector/swagger_ui"
    assert metadata == {
        *("METADATA", "RECORD", "WHEEL", "entry_points.txt", "licenses/LICENSE"),
        *(f"{swagger_ui}/LICENSE", f"{swagger_ui}/NOTICE", f"{swagger_ui}/swagger-ui-bundle.js.LICENSE.txt"),
    }
    assert contract == (ROOT / "openapi.yaml").read_bytes()
    assert (rules, page) == tuple((ROOT / f"docs/{name}.yaml").read_bytes() for name in ("rules", "page"))
    assert entry_points == (
        "[console_scripts]\nmockscope = mockscope.cli:main\n\n[pytest11]\npytest_mockscope = pytest_mockscope\n"
    )


def test_the_sdist_holds_what_its_list_says(built: Path) -> None:
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        top = {name.split("/")[1] for name in archive.getnames()}

    assert top == {
        "CHANGELOG.md",
        "CONTRIBUTING.md",
        "Dockerfile",
        "LICENSE",
        "PKG-INFO",
        "README.md",
        "RELEASING.md",
        ".ci",
        ".dockerignore",
        ".github",
        ".gitignore",
        "benchmarks",
        "conftest_plugin",
        "docs",
        "openapi.yaml",
        "pyproject.toml",
        "src",
        "tests",
    }


def installed_with(name: str) -> Iterator[str]:
    """Yield a package, and all that it needs without an extra."""
    yield canonicalize_name(name)
    for line in distribution(name).requires or ():
        requirement = Requirement(line)
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            yield from installed_with(requirement.name)


def test_mockscope_alone_is_light() -> None:
    names = {*installed_with("mockscope")}
    files = [file for name in names - {"mockscope"} for file in distribution(name).files or () if file.suffix != ".pyc"]
    # mockscope may be installed as a link to its sources.
    own = [path for source in SOURCES for path in (ROOT / source).rglob("*") if path.suffix != ".pyc"]
    size = sum(file.size or 0 for file in files) + sum(path.stat().st_size for path in own if path.is_file())

    assert len(names) <= MAX_PACKAGES, names
    assert size <= MAX_BYTES, f"{size / 1e6:.0f} MB"
