"""Control a server with the client of openapi-python-client.

Each line of the output is an array of an operation, the class of its result, and some values of the result.
"""

import json
import sys
from datetime import UTC, datetime
from typing import TypeVar

import httpx
from control_client import Client
from control_client.api.calls import list_calls_of_site
from control_client.api.clock import freeze_clock_of_site, move_clock_of_site
from control_client.api.faults import add_fault, list_faults
from control_client.api.records import create_user, list_changes, update_user
from control_client.api.sites import create_site, list_sites, record_login
from control_client.api.snapshots import restore_snapshot, take_snapshot
from control_client.models.account_event import AccountEvent
from control_client.models.added_user import AddedUser
from control_client.models.any_operation import AnyOperation
from control_client.models.calls import Calls
from control_client.models.changes import Changes
from control_client.models.clock import Clock
from control_client.models.fault import Fault
from control_client.models.faults import Faults
from control_client.models.freeze_clock import FreezeClock
from control_client.models.move_clock import MoveClock
from control_client.models.new_fault import NewFault
from control_client.models.new_rate_limit import NewRateLimit
from control_client.models.new_site import NewSite
from control_client.models.policy import Policy
from control_client.models.rate_limit import RateLimit
from control_client.models.site import Site
from control_client.models.sites import Sites
from control_client.models.snapshot import Snapshot
from control_client.models.uniform import Uniform
from control_client.models.uniform_delay import UniformDelay
from control_client.models.user import User
from control_client.models.user_patch import UserPatch

HOST = "central_perk"
TIME = datetime(2014, 2, 6, 23, 46, 7, tzinfo=UTC)
REFUSAL = NewFault(operation=AnyOperation.LIST_USERS, status=503)
SLOW = NewFault(operation=AnyOperation.DELETE_USER, delay=UniformDelay(uniform=Uniform(low=0.5, high=2)))
LIMIT = NewRateLimit(calls=100, per=60)
JOEY = AddedUser(email="joey@example.com", first_name="Joey", last_name="Tribbiani")

T = TypeVar("T")


def an(expected: type[T], result: object) -> T:
    """Return a result, which each function types as a union of the responses."""
    assert isinstance(result, expected), result
    return result


def report(operation: str, result: object, *values: object) -> None:
    sys.stdout.write(json.dumps([operation, type(result).__name__, values]) + "\n")


def main(url: str, users: str) -> None:
    client = Client(base_url=url, raise_on_unexpected_status=True)

    site = an(Site, create_site.sync(client=client, body=NewSite(host=HOST, policy=Policy(page_size=10))))
    report("create_site", site, site.host, site.policy.page_size, site.counts.users)
    taken = an(Snapshot, take_snapshot.sync(HOST, "opening", client=client))
    report("take_snapshot", taken, taken.name)

    refusal = an(Fault, add_fault.sync(HOST, client=client, body=REFUSAL))
    report("add_fault", refusal, refusal.operation, refusal.status, refusal.transport, refusal.left)
    slow = an(Fault, add_fault.sync(HOST, client=client, body=SLOW))
    report("add_fault", slow, slow.operation, slow.status, an(UniformDelay, slow.delay).uniform.high)
    limit = an(RateLimit, add_fault.sync(HOST, client=client, body=LIMIT))
    report("add_fault", limit, limit.operation, limit.calls, limit.per)

    response = httpx.get(users, headers={"Http-X-Partner-Auth": f"{site.host}:{site.api_key}"})
    made = an(Calls, list_calls_of_site.sync(HOST, client=client))
    report("list_calls_of_site", made, response.status_code, *((one.operation, one.status) for one in made.calls))
    planned = an(Faults, list_faults.sync(HOST, client=client))
    report("list_faults", planned, *(type(one).__name__ for one in planned.faults))

    added = an(User, create_user.sync(HOST, client=client, body=JOEY))
    report("create_user", added, added.email, added.groups)
    patched = an(User, update_user.sync(HOST, "joey@example.com", client=client, body=UserPatch(first_name="Ken")))
    report("update_user", patched, patched.first_name, patched.last_name)
    auth = {"Http-X-Partner-Auth": f"{site.host}:{site.api_key}", "Http-X-Email": "joey@example.com"}
    httpx.put(users, headers=auth, json={"first_name": "Joe"})
    [change] = an(Calls, list_calls_of_site.sync(HOST, client=client)).calls[0].changes
    report("list_calls_of_site", change, change.name, *change.fields["first_name"])
    changed = an(Changes, list_changes.sync(HOST, client=client, since="opening"))
    [created] = changed.changes
    report("list_changes", changed, created.change, *created.fields["groups"])

    frozen = an(Clock, freeze_clock_of_site.sync(HOST, client=client, body=FreezeClock(at=TIME)))
    report("freeze_clock_of_site", frozen, frozen.now, frozen.frozen)
    moved = an(Clock, move_clock_of_site.sync(HOST, client=client, body=MoveClock(to=TIME.replace(year=2018))))
    report("move_clock_of_site", moved, moved.now, moved.frozen)

    assert site.admin is not None
    seen = an(User, record_login.sync(HOST, client=client, body=AccountEvent(email=site.admin)))
    report("record_login", seen, seen.last_login_at)
    restored = an(Site, restore_snapshot.sync(HOST, "opening", client=client))
    report("restore_snapshot", restored, restored.host)
    every = an(Sites, list_sites.sync(client=client))
    report("list_sites", every, *(one.host for one in every.sites))


main(*sys.argv[1:])
