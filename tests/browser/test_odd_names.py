"""Names that mean something else to a browser or to JavaScript, as hosts, names of records, and words of addresses."""

import pytest
from support.browser import expect
from support.browser_fixtures import OpenPage
from support.inspected import HOST, demo, inspector

pytestmark = pytest.mark.browser


def test_a_site_whose_host_is_removed_from_urls_never_stands_for_all_sites(open_page: OpenPage) -> None:
    with demo() as server:
        server.site("..")
        kept = server.sites[HOST].snapshot("kept")
        page = open_page(inspector(server, "#/%2E%2E/time"))

        page.get_by_role("button", name="Reset the site").click()

        expect(page.get_by_text("A browser cannot request “..”: use another client.").first).to_be_visible()
        assert server.sites[HOST].snapshots["kept"] is kept


def test_words_of_an_address_are_no_properties_of_objects(open_page: OpenPage) -> None:
    with demo() as server:
        page = open_page(inspector(server, f"#/{HOST}/records/constructor"))
        expect(page.get_by_role("button", name="Add a user")).to_be_visible()
        page.goto(inspector(server, f"#/{HOST}/try/constructor"))
        expect(page.get_by_text("GET /api/v1/users")).to_be_visible()
        page.goto(inspector(server, f"#/{HOST}/calls?q=constructor:x"))
        expect(page.get_by_text("No call matches.")).to_be_visible()


def test_a_snapshot_whose_long_name_has_emoji_is_restored(open_page: OpenPage) -> None:
    with demo() as server:
        server.sites[HOST].snapshot("🎉" * 100)
        page = open_page(inspector(server, f"#/{HOST}/time"))

        page.get_by_role("button", name="Restore").click()

        expect(page.get_by_text("Restored.")).to_be_visible()
        # Before the server stops, because the page loads the snapshots again.
        page.close()


def test_a_token_that_is_badly_encoded_is_asked_for(open_page: OpenPage) -> None:
    with demo(control_token="central-perk") as server:
        page = open_page(f"{server.url}/_mockscope/#token=%zz", refusals=True)

        expect(page.get_by_text("The server refused the token.")).to_be_visible()
        page.close()
