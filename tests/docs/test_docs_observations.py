"""Reports about the real service are observations; all others are refused. The reports here are made up."""

import json
from pathlib import Path
from typing import Any, Final, get_type_hints

import pytest
from support.doc_blocks import read, tables
from support.observations import (
    FOLDER,
    Observation,
    Outcome,
    Report,
    ReportRefused,
    read_observations,
    render_observations,
)

IDS: Final = frozenset({"USER-GET-1", "USER-CREATE-4", "PAGE-2"})
KEY: Final = "e179017a-62b0-4996-8a38-e91aa9f1"
REPORT: Final[dict[str, Any]] = {
    "mockscope_check": 1,
    "at": "2026-01-31T23:30:00Z",
    "level": "read-only",
    "url": "https://app.periscopedata.com",
    "site": "example_site",
    "rules": [
        {"rule": "USER-GET-1", "outcome": "holds", "checks": []},
        {"rule": "PAGE-2", "outcome": "differs", "checks": [{"asked": "GET /api/v1/users"}]},
        {"rule": "USER-CREATE-4", "outcome": "not-seen", "checks": []},
    ],
    "policy": {"page_size": 50},
}


def write(folder: Path, name: str, **changes: Any) -> None:
    (folder / name).write_text(json.dumps(REPORT | changes), encoding="utf-8")


def test_an_observation_is_shown_with_its_date_and_its_report(tmp_path: Path) -> None:
    write(tmp_path, "b.json")
    write(tmp_path, "a.json", at="2026-02-28T12:00:00+00:00", url="https://api.periscopedata.com/")

    found = read_observations(IDS, tmp_path)

    assert found == [
        Observation("USER-GET-1", differs=False, date="2026-01-31", file="b.json"),
        Observation("PAGE-2", differs=True, date="2026-01-31", file="b.json"),
        Observation("USER-GET-1", differs=False, date="2026-02-28", file="a.json"),
        Observation("PAGE-2", differs=True, date="2026-02-28", file="a.json"),
    ]
    assert {rule: render_observations(found, rule) for rule in IDS} == {
        "USER-GET-1": "on 2026-01-31 ([report](observations/b.json)), on 2026-02-28 ([report](observations/a.json))",
        "PAGE-2": (
            "differs on 2026-01-31 ([report](observations/b.json)), "
            "differs on 2026-02-28 ([report](observations/a.json))"
        ),
        "USER-CREATE-4": "",
    }


def test_without_reports_there_are_no_observations(tmp_path: Path) -> None:
    assert read_observations(IDS, tmp_path) == []
    assert render_observations([], "USER-GET-1") == ""


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:8765",
        "https://localhost:8765",
        "http://app.periscopedata.com",
        "https://app.periscopedata.com:8443",
        "https://app.periscopedata.com.example",
        "https://app.periscopedata.com@127.0.0.1",
        "app.periscopedata.com",
    ],
)
def test_a_report_about_anything_but_the_real_service_is_refused(url: str, tmp_path: Path) -> None:
    write(tmp_path, "mock.json", url=url)

    with pytest.raises(ReportRefused) as caught:
        read_observations(IDS, tmp_path)

    assert str(caught.value) == (
        f"mock.json: it is about {url}; only the real service is observed: "
        "https at app.periscopedata.com or api.periscopedata.com"
    )


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"site": KEY}, "it holds what looks like an API key (e179…): take it out, and rotate the key"),
        (
            {"rules": [{"rule": "PAGE-2", "outcome": "differs", "checks": [{"sent": f"example_site:{KEY.upper()}"}]}]},
            "it holds what looks like an API key (E179…): take it out, and rotate the key",
        ),
        ({"rules": [{"rule": "PAGE-99", "outcome": "holds", "checks": []}]}, "there is no rule PAGE-99"),
        (
            {"rules": [{"rule": "PAGE-2", "outcome": each, "checks": []} for each in ("holds", "differs")]},
            "the rule PAGE-2 is named more than once",
        ),
        ({"at": "2026-01-31T12:00:00+02:00"}, "2026-01-31T12:00:00+02:00 is not a time in UTC"),
        ({"at": "2026-01-31T12:00:00"}, "2026-01-31T12:00:00 is not a time in UTC"),
        ({"at": "last week"}, "Invalid isoformat string: 'last week'"),
        ({"mockscope_check": 2}, "Invalid enum value 2 - at `$.mockscope_check`"),
        ({"level": "some"}, "Invalid enum value 'some' - at `$.level`"),
        (
            {"rules": [{"rule": "PAGE-2", "outcome": "holds"}]},
            "Object missing required field `checks` - at `$.rules[0]`",
        ),
        (
            {"rules": [{"rule": "PAGE-2", "outcome": "perhaps", "checks": []}]},
            "Invalid enum value 'perhaps' - at `$.rules[0].outcome`",
        ),
        ({"author": "Monica Geller"}, "Object contains unknown field `author`"),
    ],
)
def test_a_report_in_another_form_is_refused(changes: dict[str, Any], reason: str, tmp_path: Path) -> None:
    write(tmp_path, "a.json", **changes)

    with pytest.raises(ReportRefused) as caught:
        read_observations(IDS, tmp_path)

    assert str(caught.value) == f"a.json: {reason}"


def test_a_report_with_an_unknown_policy_switch_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "a.json", policy={"mood": "good"})

    with pytest.raises(ReportRefused, match=r"^a\.json: policy: there is no field mood here; known: page_size, "):
        read_observations(IDS, tmp_path)


def test_a_file_that_is_not_json_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(b'{"mockscope_check": 1,')

    with pytest.raises(ReportRefused, match=r"^a\.json: Input data was truncated$"):
        read_observations(IDS, tmp_path)


def test_the_id_of_a_request_is_not_taken_for_a_key(tmp_path: Path) -> None:
    write(tmp_path, "a.json", site="e179017a-62b0-4996-8a38-e91aa9f1c0de")

    assert len(read_observations(IDS, tmp_path)) == 2


# -- the documentation -----------------------------------------------------------------------------------


def test_the_keys_of_a_report_are_those_of_the_tables() -> None:
    found = [
        [[f"`{name}`", hints[name].__metadata__[0].description] for name in shape.__struct_fields__]
        for shape in (Report, Outcome)
        for hints in [get_type_hints(shape, include_extras=True)]
    ]
    assert tables("docs/observations/README.md", "The form") == found


@pytest.mark.parametrize(
    ("document", "sentence"),
    [
        ("docs/fidelity.md", "Nothing in it was observed on the real service"),
        ("README.md", "Nothing here was observed on the real service."),
        ("openapi.yaml", "Nothing in it was observed on"),
        ("docs/observations/README.md", "There are none so far."),
    ],
)
def test_a_document_says_that_nothing_was_observed_until_there_is_a_report(document: str, sentence: str) -> None:
    assert (sentence in read(document)) is (list(FOLDER.glob("*.json")) == [])
