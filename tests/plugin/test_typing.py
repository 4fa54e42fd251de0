"""A project that uses mockscope type-checks strictly against it."""

import subprocess
import sys
from pathlib import Path

import pytest
from support.bounds import WAIT_SECONDS

GOOD = """
from collections.abc import Iterator, Mapping

import mockscope as package
import pytest
from mockscope import Group, LiveServer, MockSite, Refused, User
from pytest_mockscope import MockscopeConfig


@pytest.fixture(scope="session")
def mockscope_config() -> MockscopeConfig:
    return MockscopeConfig(port=0)


def test_site(mockscope: MockSite, mockscope_server: LiveServer) -> None:
    user: User = mockscope.add_user("joey@example.com", first_name="Joey", groups=["All Users"])
    group: Group = mockscope.add_group("Sales", access="sql")
    users: Mapping[str, User] = mockscope.users
    can_edit: bool = mockscope.groups["Sales"].can_edit
    names: tuple[str, ...] = users["joey@example.com"].groups
    last_login: str | None = user.last_login_at
    other: MockSite = mockscope_server.site(host="example_site", page_size=3)
    with pytest.raises(Refused) as refused:
        other.add_user("joey")
    status: int = refused.value.status
    message: str = refused.value.message
    print(group, can_edit, names, last_login, status, message)


def serve() -> Iterator[str]:
    with package.serve() as server:
        yield server.url
"""

BAD = """
from mockscope import MockSite


def test_site(mockscope: MockSite) -> None:
    mockscope.add_user(3)
    mockscope.users["joey@example.com"].frist_name
"""


@pytest.mark.slow
def test_a_sample_project_passes_strict_type_checking_and_wrong_use_fails(tmp_path: Path) -> None:
    (tmp_path / "test_good.py").write_text(GOOD)
    (tmp_path / "test_bad.py").write_text(BAD)
    command = [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", "--cache-dir", "cache", "."]

    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=WAIT_SECONDS, check=False)

    findings = [(line.partition(":")[0], line.rpartition("[")[2].rstrip("]")) for line in result.stdout.splitlines()]
    assert findings == [("test_bad.py", "arg-type"), ("test_bad.py", "attr-defined")]
