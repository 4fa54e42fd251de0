"""Generated users and groups for ``generate`` in a seed. Equal numbers give equal records in each version of mockscope.

The names are in first_names.txt and last_names.txt, compiled for this project. A change of these files changes the
generated users of each seed.
"""

import random
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Final

from mockscope._vendor import ALL_USERS
from mockscope.domain.model import Access, email_key, timestamp
from mockscope.seeds.format import SeedGenerate, SeedGroup, SeedSite, SeedUser

TEAMS: Final = ("Sales", "Marketing", "Support", "Finance", "Engineering", "Operations", "Legal", "Research")
PLACES: Final = ("Berlin", "Boston", "Cairo", "Chicago", "Dublin", "Lagos", "Lima", "London", "Madrid", "Mumbai")
# The range of days between a login and the beginning of today: of any user, of idle and of active users.
LOGIN_DAYS: Final = (0, 730)
IDLE_DAYS: Final = (91, 730)
ACTIVE_DAYS: Final = (0, 89)
MAX_PASSWORD_DAYS: Final = 400
MAX_LOGINS: Final = 2000
# The earliest today, so that all generated times are in the range of datetime.
FIRST_DAY: Final = datetime(5, 1, 1, tzinfo=UTC)


def generate_records(
    generate: SeedGenerate, site: SeedSite, now: datetime
) -> tuple[list[SeedGroup], Iterator[SeedUser]]:
    """Generate the groups and users for a seed.

    Args:
        generate: The numbers of records, and the seed of the random generator.
        site: The site with its other records, whose names are not used again.
        now: The time on the site's clock. Logins are before the beginning of its day in UTC, so that a seed gives the
            same records all day.

    Returns:
        The groups, and an iterator of the users. A list of a million would fragment the memory of the server.
    """
    draw = random.Random(generate.seed)
    groups = _groups(generate, {group.name for group in site.groups}, draw)
    taken = {email_key(user.email) for user in site.users}
    today = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return groups, _users(generate, taken, [group.name for group in groups], today, draw)


def _groups(generate: SeedGenerate, taken: set[str], draw: random.Random) -> list[SeedGroup]:
    numbers: dict[str, int] = {}
    groups = []
    for _ in range(generate.groups):
        name = _take_name(f"{draw.choice(TEAMS)} {draw.choice(PLACES)}", " ", "", numbers, taken)
        groups.append(SeedGroup(name, draw.choice(list(Access)).value))
    return groups


def _users(
    generate: SeedGenerate, taken: set[str], groups: list[str], today: datetime, draw: random.Random
) -> Iterator[SeedUser]:
    first_names, last_names, parts = _load_names("first_names.txt"), _load_names("last_names.txt"), _email_parts()
    memberships = [
        [ALL_USERS, *draw.sample(groups, min(len(groups), size))] for size in (0, 1, 1, 2, 3) for _ in range(20)
    ]
    shares = [(draw.random(), draw.randrange(MAX_PASSWORD_DAYS)) for _ in range(min(generate.users, MAX_LOGINS))]
    # For active and for idle users.
    spans = (LOGIN_DAYS, LOGIN_DAYS) if generate.idle is None else (ACTIVE_DAYS, IDLE_DAYS)
    logins = [[_login(today, span, *share) for span in spans] for share in shares]
    # With a generator of its own, so that ``idle`` does not change the names.
    idle = frozenset(random.Random(generate.seed).sample(range(generate.users), generate.idle or 0))
    numbers: dict[str, int] = {}
    # One call for all users takes half the time of a call for each.
    drawn = zip(
        draw.choices(first_names, k=generate.users),
        draw.choices(last_names, k=generate.users),
        draw.choices(memberships, k=generate.users),
        draw.choices(logins, k=generate.users) if logins else (),
        strict=True,
    )
    for place, (first, last, groups_of_one, of_one) in enumerate(drawn):
        login, change = of_one[place in idle]
        # One user in ten was invited, but has never logged in.
        has_come = draw.random() < 0.9 or generate.idle is not None
        yield SeedUser(
            email=_take_name(f"{parts[first]}.{parts[last]}", "", "@example.com", numbers, taken),
            first_name=first,
            last_name=last,
            groups=groups_of_one,
            last_login_at=login if has_come else None,
            password_updated_at=change,
            tfa_enabled=draw.random() < 0.3,
        )


def _login(today: datetime, span: tuple[int, int], share: float, password_days: int) -> tuple[str, str]:
    """Return the times of a last login, at a share of a range of days, and of the password change before it."""
    least, most = span
    # Times before the year 1 do not exist.
    latest = max(today, FIRST_DAY)
    login = latest - timedelta(days=least + share * (most - least))
    return timestamp(login), timestamp(login - timedelta(days=password_days))


@cache
def _load_names(file: str) -> list[str]:
    return Path(__file__).with_name(file).read_text(encoding="ascii").split()


@cache
def _email_parts() -> dict[str, str]:
    """Return the part of an email that stands for each name."""
    names = (*_load_names("first_names.txt"), *_load_names("last_names.txt"))
    return {name: re.sub(r"[^a-z]", "", name.lower()) for name in names}


def _take_name(name: str, separator: str, ending: str, numbers: dict[str, int], taken: set[str]) -> str:
    """Return the name, with a number if it is taken, and add it to the taken names."""
    while True:
        number = numbers[name] = numbers.get(name, 0) + 1
        free = f"{name}{separator}{number}{ending}" if number > 1 else f"{name}{ending}"
        if free not in taken:
            taken.add(free)
            return free
