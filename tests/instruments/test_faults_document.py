"""The tables of docs/faults.md that are about names. Those about clients: test_faults_transport.py."""

import inspect

from support.faults_document import DOCUMENT, tables

from mockscope import Faults
from mockscope.instruments.fault import TRANSPORTS
from mockscope.instruments.matching import REQUEST_CRITERIA


def test_the_arguments_are_those_of_the_table() -> None:
    parameters = list(inspect.signature(Faults.add).parameters.values())[1:]
    found = [[parameter.name, repr(parameter.default).replace("'", '"')] for parameter in parameters]
    assert [row[:2] for row in tables("Arguments")[0]] == found


def test_the_transport_faults_are_those_of_the_table() -> None:
    assert [row[0] for row in tables("Broken connections")[0]] == list(TRANSPORTS)


def test_the_criteria_are_those_of_the_text() -> None:
    *most, last = (f"`{name}`" for name in REQUEST_CRITERIA)
    assert f"The criteria of `where` are {', '.join(most)} and {last}" in DOCUMENT.read_text(encoding="utf-8")


def test_the_members_are_those_of_the_table() -> None:
    # Called by the server, for a call that is under way, and before reads.
    inner = {"check_rate_limits", "select", "make_due_changes", "mark_hit"}
    found = {f"{name}()" for name in vars(Faults) if not name.startswith("_")} - {f"{name}()" for name in inner}
    assert {row[0] for row in tables("Members of faults")[0]} == found
