"""The rules of authentication: AUTH-1 to AUTH-4."""

from typing import Final

from mockscope.checking.comparing import refused, same
from mockscope.checking.guard import GROUPS
from mockscope.checking.outcome import Level, Row, differs, never, unseen
from mockscope.checking.session import WRONG_KEY, Session
from mockscope.target import Exchange

HEADER: Final = "Http-X-Partner-Auth"


def any_case(look: Session) -> None:
    plain = look.get(GROUPS)
    for name in (HEADER.upper(), HEADER.lower()):
        same(look.get(GROUPS, auth=None, headers=[(name, _pair(look))]), plain)


def the_prefix_counts(look: Session) -> None:
    for name in ("X-Partner-Auth", "Partner-Auth", "Authorization"):
        _turned_away(look.get(GROUPS, auth=None, headers=[(name, _pair(look))]))


def no_angle_brackets(look: Session) -> None:
    _turned_away(look.get(GROUPS, auth=f"<{look.host}>:<{look.api_key}>"))
    _turned_away(look.get(GROUPS, auth=f"<{_pair(look)}>"))


def the_last_colon(look: Session) -> None:
    # The first look has shown that the key opens the site.
    if ":" not in look.host:
        raise unseen("the site's host holds no colon")


def missing(look: Session) -> None:
    refused(look.get(GROUPS, auth=None), 403)


def blank(look: Session) -> None:
    for value in ("", "  "):
        refused(look.get(GROUPS, auth=value), 403)


def no_colon(look: Session) -> None:
    refused(look.get(GROUPS, auth=look.host.replace(":", "")), 403)


def repeated(look: Session) -> None:
    for pairs in ([_pair(look), look.nobody], [look.nobody, _pair(look)]):
        refused(look.get(GROUPS, auth=None, headers=[(HEADER, pair) for pair in pairs]), 403)


def unknown_site(look: Session) -> None:
    # The site's own key stays out of it.
    refused(look.get(GROUPS, auth=f"{look.names.mark}:{WRONG_KEY}"), 403)


def wrong_key(look: Session) -> None:
    refused(look.get(GROUPS, auth=look.nobody), 403)


def blank_key(look: Session) -> None:
    refused(look.get(GROUPS, auth=f"{look.host}:"), 403)


def _turned_away(exchange: Exchange) -> None:
    # With which status is for AUTH-2.
    if exchange.status < 400:
        raise differs("the site is not opened", exchange)


def _pair(look: Session) -> str:
    return f"{look.host}:{look.api_key}"


ROWS: Final = (
    Row("AUTH-1", "The header may be spelled in any case", Level.READ_ONLY, any_case),
    Row("AUTH-1", "Without its Http- prefix it is another header", Level.READ_ONLY, the_prefix_counts),
    Row("AUTH-1", "Angle brackets are no part of the value", Level.READ_ONLY, no_angle_brackets),
    Row("AUTH-1", "Host and key are parted at the last colon", Level.READ_ONLY, the_last_colon),
    Row("AUTH-2", "A missing header is 403", Level.READ_ONLY, missing),
    Row("AUTH-2", "A blank header is 403", Level.READ_ONLY, blank),
    Row("AUTH-2", "A header without a colon is 403", Level.READ_ONLY, no_colon),
    Row("AUTH-2", "A header that is repeated with another value is 403", Level.READ_ONLY, repeated),
    Row("AUTH-2", "A site that does not exist is 403", Level.READ_ONLY, unknown_site),
    Row("AUTH-2", "A wrong key is 403", Level.READ_ONLY, wrong_key),
    Row("AUTH-2", "No key at all is 403", Level.READ_ONLY, blank_key),
    never("AUTH-3", "it takes a site for which the API is not enabled, and no check can run there"),
    never("AUTH-4", "neither how keys are compared nor a rotated key can be told by asking"),
)
