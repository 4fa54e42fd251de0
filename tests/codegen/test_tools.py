"""A missing tool: its tests are skipped, or fail where the tools are required."""

import pytest
from support.codegen import NPM_INSTALL, installed


def test_a_missing_tool_skips_its_test_with_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MOCKSCOPE_CODEGEN", raising=False)

    with pytest.raises(pytest.skip.Exception, match=f"^duck is not installed: {NPM_INSTALL}$"):
        installed("duck", NPM_INSTALL)


def test_a_missing_tool_fails_its_test_where_the_tools_are_required(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOCKSCOPE_CODEGEN", "required")

    with pytest.raises(pytest.fail.Exception, match=f"^duck is not installed: {NPM_INSTALL}$"):
        installed("duck", NPM_INSTALL)
