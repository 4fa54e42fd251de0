"""Control a server with the Python client of OpenAPI Generator.

Each line of the output is an array of an operation, the class of its result, and some values of the result.
"""

import json
import sys
from datetime import UTC, datetime
from typing import assert_type

import urllib3
from openapi_client import ApiClient, CallsApi, ClockApi, FaultsApi, RecordsApi, SitesApi, SnapshotsApi
from openapi_client.models.account_event import AccountEvent
from openapi_client.models.added_user import AddedUser
from openapi_client.models.any_operation import AnyOperation
from openapi_client.models.calls import Calls
from openapi_client.models.changes import Changes
from openapi_client.models.clock import Clock
from openapi_client.models.delay import Delay
from openapi_client.models.fault import Fault
from openapi_client.models.faults import Faults
from openapi_client.models.field_value import FieldValue
from openapi_client.models.freeze_clock import FreezeClock
from openapi_client.models.move_clock import MoveClock
from openapi_client.models.new_fault import NewFault
from openapi_client.models.new_planned import NewPlanned
from openapi_client.models.new_rate_limit import NewRateLimit
from openapi_client.models.new_site import NewSite
from openapi_client.models.policy import Policy
from openapi_client.models.rate_limit import RateLimit
from openapi_client.models.site import Site
from openapi_client.models.sites import Sites
from openapi_client.models.snapshot import Snapshot
from openapi_client.models.uniform import Uniform
from openapi_client.models.uniform_delay import UniformDelay
from openapi_client.models.user import User
from openapi_client.models.user_patch import UserPatch

HOST = "central_perk"
TIME = datetime(2014, 2, 6, 23, 46, 7, tzinfo=UTC)
REFUSAL = NewFault(operation=AnyOperation.LIST_USERS, status=503)
SLOW = NewFault(operation=AnyOperation.DELETE_USER, delay=Delay(UniformDelay(uniform=Uniform(low=0.5, high=2))))
LIMIT = NewRateLimit(calls=100, per=60)
JOEY = AddedUser(email="joey@example.com", first_name="Joey", last_name="Tribbiani")


def report(operation: str, result: object, *values: object) -> None:
    sys.stdout.write(json.dumps([operation, type(result).__name__, values]) + "\n")


def instances(values: list[FieldValue | None]) -> list[object]:
    """Return the values of a field, which this generator wraps."""
    return [None if value is None else value.actual_instance for value in values]


def main() -> None:
    # The server is the one that the document names.
    client = ApiClient()
    sites, faults, calls = SitesApi(client), FaultsApi(client), CallsApi(client)
    clock, snapshots, records = ClockApi(client), SnapshotsApi(client), RecordsApi(client)

    site = assert_type(sites.create_site(NewSite(host=HOST, policy=Policy(page_size=10))), Site)
    report("create_site", site, site.host, site.policy.page_size, site.counts.users)
    taken = assert_type(snapshots.take_snapshot(HOST, "opening"), Snapshot)
    report("take_snapshot", taken, taken.name)

    refusal = faults.add_fault(HOST, NewPlanned(REFUSAL)).actual_instance
    assert isinstance(refusal, Fault)
    report("add_fault", refusal, refusal.operation, refusal.status, refusal.transport, refusal.left)
    slow = faults.add_fault(HOST, NewPlanned(SLOW)).actual_instance
    assert isinstance(slow, Fault)
    assert isinstance(slow.delay.actual_instance, UniformDelay)
    report("add_fault", slow, slow.operation, slow.status, slow.delay.actual_instance.uniform.high)
    limit = faults.add_fault(HOST, NewPlanned(LIMIT)).actual_instance
    assert isinstance(limit, RateLimit)
    report("add_fault", limit, limit.operation, limit.calls, limit.per)

    response = urllib3.request("GET", sys.argv[1], headers={"Http-X-Partner-Auth": f"{site.host}:{site.api_key}"})
    made = assert_type(calls.list_calls_of_site(HOST), Calls)
    report("list_calls_of_site", made, response.status, *((one.operation, one.status) for one in made.calls))
    planned = assert_type(faults.list_faults(HOST), Faults)
    report("list_faults", planned, *(type(one.actual_instance).__name__ for one in planned.faults))

    added = assert_type(records.create_user(HOST, JOEY), User)
    report("create_user", added, added.email, added.groups)
    patched = assert_type(records.update_user(HOST, "joey@example.com", UserPatch(first_name="Ken")), User)
    report("update_user", patched, patched.first_name, patched.last_name)
    auth = {"Http-X-Partner-Auth": f"{site.host}:{site.api_key}", "Http-X-Email": "joey@example.com"}
    urllib3.request("PUT", sys.argv[1], headers=auth, json={"first_name": "Joe"})
    [change] = calls.list_calls_of_site(HOST).calls[0].changes
    report("list_calls_of_site", change, change.name, *instances(change.fields["first_name"]))
    changed = assert_type(records.list_changes(HOST, since="opening"), Changes)
    [created] = changed.changes
    report("list_changes", changed, created.change, *instances(created.fields["groups"]))

    frozen = assert_type(clock.freeze_clock_of_site(HOST, FreezeClock(at=TIME)), Clock)
    report("freeze_clock_of_site", frozen, frozen.now, frozen.frozen)
    moved = assert_type(clock.move_clock_of_site(HOST, MoveClock(to=TIME.replace(year=2018))), Clock)
    report("move_clock_of_site", moved, moved.now, moved.frozen)

    assert site.admin is not None
    seen = assert_type(sites.record_login(HOST, AccountEvent(email=site.admin)), User)
    report("record_login", seen, seen.last_login_at)
    restored = assert_type(snapshots.restore_snapshot(HOST, "opening"), Site)
    report("restore_snapshot", restored, restored.host)
    every = assert_type(sites.list_sites(), Sites)
    report("list_sites", every, *(one.host for one in every.sites))


main()
