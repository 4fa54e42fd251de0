"""The pictures of the documentation: views of the inspector on a demo site with fixed calls, times and ids."""

from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple
from unittest.mock import patch

from mockscope import LiveServer
from support.browser import Browser, expect, watched
from support.inspected import HOST, PHOEBE, client, demo, inspector
from support.paths import ROOT

FOLDER: Final = ROOT / "docs/images"
COMMAND: Final = "python tests/generate_pictures.py"
SIZE: Final[tuple[int, int]] = (1280, 720)
BEGIN: Final = "1994-09-22T20:30:00Z"
NOW: Final = "1994-09-22T20:33:00Z"
ID_PREFIX: Final = "1994f0e5"
SHIFT_SECONDS: Final = 7


class Picture(NamedTuple):
    """A view and the name of its file.

    Args:
        name: The name of the file.
        address: The address of the view.
        text: A text that the view shows once it is complete.
        scheme: The colours.
    """

    name: str
    address: str
    text: str
    scheme: Literal["light", "dark"]

    @property
    def path(self) -> Path:
        """The path of the file."""
        return FOLDER / self.name


PICTURES: Final = (
    Picture("inspector-call.png", f"calls/{ID_PREFIX}-9", "Why", "light"),
    Picture("inspector-changes.png", f"calls/{ID_PREFIX}-10", "What it changed", "dark"),
)


@contextmanager
def served_episode() -> Iterator[LiveServer]:
    """Serve a demo site whose calls have fixed ids, times and durations."""
    with patch("mockscope.web.vendor_api.random_hex", lambda size: ID_PREFIX):
        server = demo()
    with server:
        site = server.sites[HOST]
        site.clock.freeze(BEGIN)
        site.faults.add("list_groups", status=503, nth=2, headers={"Retry-After": "1"})
        with client(server) as http:
            http.event_hooks["response"] = [lambda response: site.clock.shift(seconds=SHIFT_SECONDS)]
            joey, phoebe, ross = ({"Http-X-Email": f"{name}@example.com"} for name in ("joey", "phoebe", "ross"))
            friends = {"name": "Friends", "access": "Sql", "created_by_email": "rachel@example.com"}
            http.get("/users")
            http.get("/groups")
            http.get("/users", headers=joey)
            http.post("/users", json=PHOEBE, params={"test_mode": "true"})
            http.post("/users", json=PHOEBE)
            http.get("/groups")
            http.get("/groups")
            http.post("/groups", json=friends)
            http.put("/users", json={"groups": ["All Users", "Freinds"]}, headers=phoebe)
            http.put("/users", json={"groups": ["All Users", "Friends"]}, headers=phoebe)
            http.put("/groups/Friends", json={"access": "View"})
            http.delete("/users", headers=ross)
            http.post("/users", json=PHOEBE)
            http.delete("/users", headers=phoebe)
        for number, call in enumerate(site.calls):
            call.duration = (0.4 + number * 7 % 5 / 3) / 1000
        yield server


def take(browser: Browser, server: LiveServer, picture: Picture) -> bytes:
    """Return a picture as the content of its file."""
    width, height = SIZE
    seen: dict[str, Any] = {"viewport": {"width": width, "height": height}, "color_scheme": picture.scheme}
    with watched(browser, server.url, locale="en-GB", timezone_id="UTC", reduced_motion="reduce", **seen) as context:
        context.clock.set_fixed_time(NOW)
        page = context.new_page()
        page.goto(inspector(server, f"#/{HOST}/{picture.address}"))
        expect(page.get_by_role("main").get_by_text(picture.text).first).to_be_visible()
        expect(page.get_by_text("live", exact=True)).to_be_visible()
        content: bytes = page.screenshot(animations="disabled", caret="hide")
    return content


DIFFERENCE: Final = """async (urls) => {
  const [one, other] = await Promise.all(urls.map(async (url) => {
    const image = new Image();
    image.src = url;
    await image.decode();
    const context = new OffscreenCanvas(image.width, image.height).getContext("2d");
    context.drawImage(image, 0, 0);
    return context.getImageData(0, 0, image.width, image.height);
  }));
  if (one.width !== other.width || one.height !== other.height) return 1;
  let different = 0;
  for (let at = 0; at < one.data.length; at += 4) {
    const distances = [0, 1, 2].map((channel) => Math.abs(one.data[at + channel] - other.data[at + channel]));
    if (Math.max(...distances) > 64) different += 1;
  }
  return different / (one.width * one.height);
}"""


def difference(browser: Browser, one: bytes, other: bytes) -> float:
    """Return the share of pixels that differ visibly between two pictures; 1 if their sizes differ.

    Edges of letters differ between versions of Chromium, by less than what counts here.
    """
    page = browser.new_page()
    share: float = page.evaluate(
        DIFFERENCE, [f"data:image/png;base64,{b64encode(each).decode()}" for each in (one, other)]
    )
    page.close()
    return share
