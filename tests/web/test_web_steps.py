"""Hints about repeated names in a body take linear time."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from support.counted import Counted

from mockscope import codec
from mockscope.web import request_hints


@pytest.mark.parametrize("number", [500, 1000])
def test_repeated_names_are_found_in_linear_time(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    names = [Counted(f"name-{place}") for place in range(number)]

    def loads(body: bytes, *, object_pairs_hook: Callable[[list[tuple[str, object]]], object], **other: Any) -> None:
        object_pairs_hook([(name, 1) for name in [*names, Counted("name-1"), Counted("name-0")]])

    monkeypatch.setattr(codec.json, "loads", loads)  # type: ignore[attr-defined]
    Counted.compared = 0

    assert codec.find_repeated_names(b"{}") == ["name-0", "name-1"]
    assert Counted.compared <= 8 * number


@pytest.mark.parametrize("number", [500, 1000])
def test_a_repeated_group_is_found_in_linear_time(number: int) -> None:
    groups = [*(Counted(f"group-{place}") for place in range(number)), Counted(f"group-{number - 1}")]
    call: Any = SimpleNamespace(call=SimpleNamespace(operation="create_user"), fields={"groups": groups})
    Counted.compared = 0

    assert [values["name"] for values in request_hints._repeated_group(call)] == [f"group-{number - 1}"]
    assert Counted.compared <= 8 * number
