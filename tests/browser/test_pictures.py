"""The pictures of the documentation are those of the present page."""

from typing import Final

import pytest
from support.browser import Browser
from support.pictures import COMMAND, PICTURES, difference, served_episode, take

pytestmark = pytest.mark.browser

MAX_SHARE: Final = 0.01
MAX_BYTES: Final = 200 * 1024


def test_the_pictures_are_up_to_date(browser: Browser) -> None:
    with served_episode() as server:
        shares = {
            picture.name: difference(browser, picture.path.read_bytes(), take(browser, server, picture))
            for picture in PICTURES
        }

    stale = {name: share for name, share in shares.items() if share > MAX_SHARE}
    assert stale == {}, f"shares of pixels that differ; run {COMMAND}"


def test_a_picture_of_another_view_is_found_stale(browser: Browser) -> None:
    one, other = (picture.path.read_bytes() for picture in PICTURES)

    assert difference(browser, one, one) == 0
    assert difference(browser, one, other) > MAX_SHARE


def test_the_pictures_are_small() -> None:
    assert [picture.name for picture in PICTURES if picture.path.stat().st_size > MAX_BYTES] == []
