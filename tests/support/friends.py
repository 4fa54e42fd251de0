"""The people of the vendor's page as a site of the library."""

import json
from typing import Any

from hypothesis import settings

from mockscope import Access, Dashboard, DashboardAccess, Policy
from mockscope.domain.dashboards import create_dashboard
from mockscope.domain.rules import NewGroup, NewUser
from mockscope.domain.site import Site
from mockscope.seeds import format as seed_format
from support.examples import examples

# A busy machine must not fail a test, and fifty examples keep the folder quick.
unhurried = settings(deadline=None, max_examples=examples(50))

KEY = "e179017a-62b0-4996-8a38-e91aa9f1"
LAST_LOGIN = "2014-02-06T23:46:07.118Z"
PASSWORD_UPDATED = "2018-10-18T20:08:41.794Z"

ORDINARY = ("All Users",)
ADMINISTRATING = ("Administrators", "All Users")
PEOPLE = (
    ("Monica", "Geller", ORDINARY),
    ("Chandler", "Bing", ORDINARY),
    ("Joey", "Tribbiani", ("All Users", "Sales")),
    ("Rachel", "Green", ADMINISTRATING),
    ("Mike", "Hannigan", ADMINISTRATING),
)
PHOEBE = NewUser("Phoebe", "Buffay", "phoebe@example.com", ("All Users", "Sales"), "mike@example.com")
FRIENDS = NewGroup("Friends", Access.SQL, "rachel@example.com")


def friends(**policy: Any) -> Site:
    """Return a site with the page's people, Sales and NY Knicks, and two dashboards of Monica's."""
    site = Site("example-site", KEY, policy=Policy().with_changes(**policy))
    site.create_group(NewGroup("Sales", Access.VIEW))
    site.create_group(NewGroup("NY Knicks", Access.DISCOVERY))
    for first_name, last_name, groups in PEOPLE:
        site.create_user(
            NewUser(
                first_name,
                last_name,
                f"{first_name.lower()}@example.com",
                groups,
                last_login_at=LAST_LOGIN,
                password_updated_at=PASSWORD_UPDATED,
                tfa_enabled=True,
            )
        )
    edit = DashboardAccess.EDIT
    create_dashboard(site, Dashboard("Test Dashboard", "monica@example.com", {"Administrators": edit}))
    create_dashboard(
        site, Dashboard("Example Dashboard", "monica@example.com", {"Administrators": edit, "Sales": edit})
    )
    return site


def exported(site: Site) -> str:
    """Return the whole state of a site as one text, for comparison by bytes."""
    return json.dumps(seed_format.export_site(site))
