"""An independent reader of changes: it applies them to the records of an export."""

from typing import Any

State = dict[tuple[str, str], dict[str, Any]]


def state_of(export: dict[str, Any]) -> State:
    """Return the records of the one site in an export, by kind and name."""
    site = export["sites"][0]
    found = {("user", user["email"]): user for user in site["users"]}
    found |= {(kind, record["name"]): record for kind in ("group", "dashboard") for record in site[f"{kind}s"]}
    return found


def apply_changes(state: State, changes: list[dict[str, Any]]) -> State:
    """Return the state after changes, all at once. A change that does not fit the state before fails."""
    removed, added = set(), {}
    for change in changes:
        kind, name, fields = change["kind"], change["name"], change["fields"]
        before = {} if change["change"] == "created" else state[kind, name]
        assert {field: values[0] for field, values in fields.items()} == {field: before.get(field) for field in fields}
        if before:
            assert (kind, name) not in removed
            removed.add((kind, name))
        if change["change"] != "removed":
            after = before | {field: values[1] for field, values in fields.items()}
            assert after != before
            assert (kind, after["email" if kind == "user" else "name"]) not in added
            added[kind, after["email" if kind == "user" else "name"]] = after
    return {key: record for key, record in state.items() if key not in removed} | added
