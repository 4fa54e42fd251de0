"""Records in responses, and the checks of creates, updates and deletions for both kinds of records."""

from collections.abc import Mapping
from typing import Any

from mockscope._vendor import REMOVED_MESSAGE
from mockscope.conformance.listing import JSONObject, RecordKind, parse_body
from mockscope.conformance.outcome import OK, expect, expect_status, skip
from mockscope.conformance.session import Session
from mockscope.remote.exchange import Exchange


def record_in(exchange: Exchange) -> JSONObject:
    """Return the record in a response.

    Raises:
        OutcomeException: If the response has no record.
    """
    record = parse_body(exchange)
    if exchange.status >= 300 or not isinstance(record, JSONObject):
        skip(f"the response to {exchange.method} has the status {exchange.status} and no record")
    return record


def field_in(exchange: Exchange, name: str) -> Any:
    """Return a field of the record in a response; None if there is no record or field."""
    record = parse_body(exchange)
    return record.get(name) if isinstance(record, JSONObject) else None


def has_record(exchange: Exchange, kind: RecordKind, name: str) -> bool:
    """Return whether a response is 200 with the record that has a name."""
    return exchange.status == 200 and kind.key(parse_body(exchange)) == kind.key({kind.key_field: name})


def matches(exchange: Exchange, status: int, expected: Mapping[str, object]) -> bool:
    """Return whether a response has a status and a record with the expected values.

    Missing fields are checked by USER-1 and GROUP-1, and the spelling of access by GROUP-2.
    """
    record = parse_body(exchange)
    return (
        exchange.status == status
        and isinstance(record, JSONObject)
        and all(
            record[name] == value or (name == "access" and str(record[name]).lower() == str(value).lower())
            for name, value in expected.items()
            if name in record
        )
    )


def check_create(session: Session, kind: RecordKind, values: Mapping[str, object]) -> None:
    """Check that a create is 201 with the record, and that the record exists afterwards.

    Args:
        session: The session.
        kind: The kind of the record.
        values: The values that the server gives a new record.
    """
    body = session.new_body(kind)
    exchange = session.write("POST", kind.create_path, json=body)
    # USER-CREATE-2 checks the groups.
    expected = {name: value for name, value in body.items() if name != "groups"} | {**values}
    is_created = field_in(exchange, kind.key_field) is not None and matches(exchange, 201, expected)
    expect(is_created, f"a create is 201 with the new {kind}", exchange)
    after = session.get_record(kind, body[kind.key_field])
    expect(matches(after, 200, expected), f"the {kind} exists after the create", exchange, after)


def check_update(session: Session, kind: RecordKind, name: str, changes: dict[str, Any]) -> tuple[Exchange, Exchange]:
    """Check that an update changes the fields that were sent and no others. Return its exchange and a later GET."""
    before = record_in(session.get_record(kind, name))
    exchange = session.update(kind, name, changes)
    expect_status(OK, exchange)
    after = session.get_record(kind, changes.get(kind.key_field, name))
    is_changed = matches(after, 200, {**before, **changes})
    expect(is_changed, "an update changes the fields that were sent and no others", exchange, after)
    return exchange, after


def check_update_response(kind: RecordKind, exchange: Exchange, after: Exchange) -> None:
    """Check that the response to an update is 200 with the record that a later GET returns."""
    is_complete = field_in(exchange, kind.key_field) is not None and matches(exchange, 200, record_in(after))
    expect(is_complete, f"an update is 200 with the updated {kind}", exchange, after)


def check_delete(session: Session, kind: RecordKind) -> None:
    """Check that a deletion is 200 with the message of the vendor's page, and that the record is gone."""
    name = session.create_own(kind)
    exchange = session.delete(kind, name)
    message = REMOVED_MESSAGE.format(kind=kind.singular.title(), host="<site-host>")
    body = {"message": message.replace("<site-host>", session.host)}
    is_deleted = exchange.status == 200 and parse_body(exchange) == body
    expect(is_deleted, f'a deletion is 200 {{"message": "{message}"}}', exchange)
    after = session.get_record(kind, name)
    expect(after.status != 200, f"the {kind} does not exist after the deletion", exchange, after)
