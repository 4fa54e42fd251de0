"""The page of the control API has every endpoint of its contract, with the same summary."""

import re
from pathlib import Path
from typing import Final, get_args

from support.control_client import BASE, CONTRACT

from mockscope.instruments.events import MAX_EVENT_BYTES, MAX_EVENTS, EventKind
from mockscope.web.control.endpoints import CONTROL_OPERATIONS
from mockscope.web.control.schemas import CallPage

PAGE: Final = (Path(__file__).resolve().parents[3] / "docs" / "control-api.md").read_text(encoding="utf-8")


def test_the_table_of_endpoints_is_the_table_of_rows_with_the_summaries_of_the_contract() -> None:
    shown = re.findall(r"^\| `([A-Z]+)` \| `(/\S+)` \| (.+) \|$", PAGE, flags=re.MULTILINE)
    summaries = [CONTRACT["paths"][row.path][row.method.lower()]["summary"] for row in CONTROL_OPERATIONS]

    assert shown == [
        (row.method, row.path.removeprefix(BASE), f"{summary[0].lower()}{summary[1:]}")
        for row, summary in zip(CONTROL_OPERATIONS, summaries, strict=True)
    ]


def test_every_criterion_of_a_query_is_documented() -> None:
    [sentence] = re.findall(r"Calls are listed with the newest.*?\n\n", PAGE, flags=re.DOTALL)
    assert [name for name in CallPage.__struct_fields__ if f"`{name}`" not in sentence] == []


def test_the_table_of_events_has_every_kind() -> None:
    [table] = re.findall(r"\| event \| when .*?\n\n", PAGE, flags=re.DOTALL)
    assert sorted(re.findall(r"^\| `(\S+)` \|", table, flags=re.MULTILINE)) == sorted(get_args(EventKind))


def test_the_page_names_the_limits_of_the_kept_events() -> None:
    assert f"the latest {MAX_EVENTS:,} events, {MAX_EVENT_BYTES // 2**20} MiB at most" in " ".join(PAGE.split())
