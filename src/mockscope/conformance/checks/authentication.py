"""The rules of authentication: AUTH-1 to AUTH-4."""

from collections.abc import Iterator
from typing import Final

from mockscope._vendor import AUTH_HEADER, GROUPS_PATH
from mockscope.conformance.check_factories import Check, expects, untestable
from mockscope.conformance.outcome import REFUSED, expect_same_response, skip_unless
from mockscope.conformance.session import WRONG_KEY, Session
from mockscope.remote.exchange import Exchange


def _get_with(session: Session, *values: str, name: str = AUTH_HEADER) -> Exchange:
    """Send a GET with values of a header, and without the auth header of the site."""
    return session.get(GROUPS_PATH, auth=False, headers=[(name, value) for value in values])


def _check_case(session: Session) -> None:
    for name in (AUTH_HEADER.upper(), AUTH_HEADER.lower()):
        expect_same_response(_get_with(session, session.credentials, name=name), session.get(GROUPS_PATH))


def _get_under_other_names(session: Session) -> Iterator[Exchange]:
    for name in ("X-Partner-Auth", "Partner-Auth", "Authorization"):
        yield _get_with(session, session.credentials, name=name)


def _get_in_angle_brackets(session: Session) -> Iterator[Exchange]:
    yield _get_with(session, f"<{session.host}>:<{session.api_key}>")
    yield _get_with(session, f"<{session.credentials}>")


def _get_with_repeated_header(session: Session) -> Iterator[Exchange]:
    yield _get_with(session, session.credentials, session.wrong_credentials)
    yield _get_with(session, session.wrong_credentials, session.credentials)


def _check_last_colon(session: Session) -> None:
    # The first request of the run has shown that the key is accepted.
    skip_unless(":" in session.host, "the host of the site has no colon")


CHECKS: Final = (
    Check("AUTH-1", "The header may be spelled in any case", _check_case),
    # AUTH-2 checks the status.
    expects("AUTH-1", "A header without its prefix Http-", REFUSED, _get_under_other_names),
    expects("AUTH-1", "A value in angle brackets", REFUSED, _get_in_angle_brackets),
    Check("AUTH-1", "The last colon separates host and key", _check_last_colon),
    expects("AUTH-2", "A missing header", 403, lambda s: [_get_with(s)]),
    expects("AUTH-2", "A blank header", 403, lambda s: [_get_with(s, ""), _get_with(s, "  ")]),
    expects("AUTH-2", "A header without a colon", 403, lambda s: [_get_with(s, s.host.replace(":", ""))]),
    expects("AUTH-2", "A header that is repeated with another value", 403, _get_with_repeated_header),
    expects("AUTH-2", "A site that does not exist", 403, lambda s: [_get_with(s, f"{s.names.mark}:{WRONG_KEY}")]),
    expects("AUTH-2", "A wrong key", 403, lambda s: [_get_with(s, s.wrong_credentials)]),
    expects("AUTH-2", "No key at all", 403, lambda s: [_get_with(s, f"{s.host}:")]),
    untestable("AUTH-3", "it needs a site for which the API is not enabled, and no check can run there"),
    untestable("AUTH-4", "requests show neither how keys are compared nor a rotated key"),
)
