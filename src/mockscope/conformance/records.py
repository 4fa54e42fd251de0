"""Records in responses, and the checks that users and groups have in common."""

from collections.abc import Mapping
from typing import Any

from mockscope._vendor import REMOVED_MESSAGE
from mockscope.conformance.listing import Fields, Kind, content
from mockscope.conformance.outcome import OK, expect, respond, unseen
from mockscope.conformance.session import Session
from mockscope.remote.exchange import Exchange


def shown(exchange: Exchange) -> Fields:
    """Return the record in a response.

    Raises:
        Verdict: If the response has no record to judge.
    """
    record = content(exchange)
    if exchange.status >= 300 or not isinstance(record, Fields):
        raise unseen(f"{exchange.method} is answered {exchange.status}, without a record to look at")
    return record


def field_of(exchange: Exchange, name: str) -> Any:
    """Return a field of the record in a response, or None."""
    record = content(exchange)
    return record.get(name) if isinstance(record, Fields) else None


def is_found(exchange: Exchange, kind: Kind, name: str) -> bool:
    """Return whether a response is 200 with the record of a name."""
    return exchange.status == 200 and kind.key(content(exchange)) == kind.key({kind.by: name})


def agrees(exchange: Exchange, expected: Mapping[str, object]) -> bool:
    """Return whether a response is a record with some values.

    That a key is missing is for USER-1 and GROUP-1, and how access is spelled is for GROUP-2.
    """
    record = content(exchange)
    return isinstance(record, Fields) and all(
        record[name] == value or (name == "access" and str(record[name]).lower() == str(value).lower())
        for name, value in expected.items()
        if name in record
    )


def created(session: Session, kind: Kind, values: Mapping[str, object]) -> None:
    """Judge that a create is 201 with the record, which is there from then on.

    Args:
        session: The session.
        kind: The kind of the record.
        values: The values that the server gives to a new one.
    """
    body = session.new(kind)
    exchange = session.write("POST", kind.create_path, json=body)
    # Its groups are for USER-CREATE-2.
    expected = {name: value for name, value in body.items() if name != "groups"} | {**values}
    is_created = exchange.status == 201 and field_of(exchange, kind.by) is not None and agrees(exchange, expected)
    expect(is_created, f"a create is 201 with the {kind} as it is then", exchange)
    after = session.see(kind, body[kind.by])
    expect(after.status == 200 and agrees(after, expected), f"the {kind} is there from then on", exchange, after)


def changed(session: Session, kind: Kind, name: str, changes: Mapping[str, Any]) -> tuple[Exchange, Exchange]:
    """Judge that an update changes what was sent and leaves the rest; return its response, and a look at the record."""
    before = shown(session.see(kind, name))
    exchange = session.update(kind, name, changes)
    respond(OK, exchange)
    after = session.see(kind, changes.get(kind.by, name))
    is_changed = after.status == 200 and agrees(after, {**before, **changes})
    expect(is_changed, "what was sent is changed, and what was left out stays", exchange, after)
    return exchange, after


def shows_whole(kind: Kind, exchange: Exchange, after: Exchange) -> None:
    """Judge that the response to an update is 200 with the record as a look at it shows it."""
    is_whole = exchange.status == 200 and field_of(exchange, kind.by) is not None and agrees(exchange, shown(after))
    expect(is_whole, f"an update is 200 with the {kind} as it now is", exchange, after)


def deleted(session: Session, kind: Kind) -> None:
    """Judge that a deletion is 200 with the message of the page, and that the record is gone."""
    name = session.own(kind)
    exchange = session.delete(kind, name)
    here, anywhere = (
        REMOVED_MESSAGE.format(kind=kind.one.title(), host=host) for host in (session.host, "<site-host>")
    )
    is_deleted = exchange.status == 200 and content(exchange) == {"message": here}
    expect(is_deleted, f'a deletion is 200 {{"message": "{anywhere}"}}', exchange)
    after = session.see(kind, name)
    expect(after.status != 200, f"the {kind} is not there any more", exchange, after)
