"""The rules of authentication: AUTH-1 to AUTH-4."""

from typing import Final

from mockscope.checking.comparing import refused, same
from mockscope.checking.outcome import differs, unseen
from mockscope.checking.session import WRONG_KEY, Session
from mockscope.checking.table import Family
from mockscope.remote.client import AUTH_HEADER, GROUPS
from mockscope.remote.exchange import Exchange

FAMILY: Final = Family("Authentication")
check = FAMILY.check


def _asked(session: Session, *values: str, name: str = AUTH_HEADER) -> Exchange:
    """Send a GET with these values of a header, and no other auth header."""
    return session.get(GROUPS, auth=False, headers=[(name, value) for value in values])


def _pair(session: Session) -> str:
    return f"{session.host}:{session.api_key}"


def _not_opened(exchange: Exchange) -> None:
    # The status is for AUTH-2.
    if exchange.status < 400:
        raise differs("the site is not opened", exchange)


@check("AUTH-1", "The header may be spelled in any case")
def any_case(session: Session) -> None:
    plain = session.get(GROUPS)
    same(_asked(session, _pair(session), name=AUTH_HEADER.upper()), plain)
    same(_asked(session, _pair(session), name=AUTH_HEADER.lower()), plain)


@check("AUTH-1", "Without its Http- prefix it is another header")
def prefix(session: Session) -> None:
    for name in ("X-Partner-Auth", "Partner-Auth", "Authorization"):
        _not_opened(_asked(session, _pair(session), name=name))


@check("AUTH-1", "Angle brackets are not part of the value")
def angle_brackets(session: Session) -> None:
    _not_opened(_asked(session, f"<{session.host}>:<{session.api_key}>"))
    _not_opened(_asked(session, f"<{_pair(session)}>"))


@check("AUTH-1", "The last colon separates host and key")
def last_colon(session: Session) -> None:
    # The first look has shown that the key opens the site.
    if ":" not in session.host:
        raise unseen("the site's host holds no colon")


@check("AUTH-2", "A missing header is 403")
def missing(session: Session) -> None:
    refused(_asked(session), status=403)


@check("AUTH-2", "A blank header is 403")
def blank(session: Session) -> None:
    refused(_asked(session, ""), _asked(session, "  "), status=403)


@check("AUTH-2", "A header without a colon is 403")
def no_colon(session: Session) -> None:
    refused(_asked(session, session.host.replace(":", "")), status=403)


@check("AUTH-2", "A header that is repeated with another value is 403")
def repeated(session: Session) -> None:
    nobody = f"{session.host}:{WRONG_KEY}"
    refused(_asked(session, _pair(session), nobody), _asked(session, nobody, _pair(session)), status=403)


@check("AUTH-2", "A site that does not exist is 403")
def unknown_site(session: Session) -> None:
    refused(_asked(session, f"{session.names.mark}:{WRONG_KEY}"), status=403)


@check("AUTH-2", "A wrong key is 403")
def wrong_key(session: Session) -> None:
    refused(_asked(session, f"{session.host}:{WRONG_KEY}"), status=403)


@check("AUTH-2", "No key at all is 403")
def blank_key(session: Session) -> None:
    refused(_asked(session, f"{session.host}:"), status=403)


FAMILY.cannot_see("AUTH-3", "it takes a site for which the API is not enabled, and no check can run there")
FAMILY.cannot_see("AUTH-4", "requests show neither how keys are compared nor a rotated key")
