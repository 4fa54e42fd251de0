"""Made-up people and groups for ``generate`` in a seed: believable, and the same every time for the same numbers.

Words come from mimesis, once; who gets which is drawn here, which is quick enough for a site of a million.
"""

import random
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final

from mimesis import Address, Person
from mimesis.locales import Locale

from mockscope.domain.model import ALL_USERS, Access, email_key, timestamp
from mockscope.domain.state import SeedGenerate, SeedGroup, SeedSite, SeedUser

# As many different words as are drawn from; pairs of them make names enough.
FIRST_NAMES: Final = 500
LAST_NAMES: Final = 800
CITIES: Final = 200
LOGINS: Final = 2000
TEAMS: Final = ("Sales", "Marketing", "Support", "Finance", "Engineering", "Operations", "Legal", "Research")
# Logins lie in the two years before the latest date on the vendor's page, so that no clock is asked.
LATEST_LOGIN: Final = datetime(2018, 10, 18, 20, 8, 41, 794000, tzinfo=UTC)
LOGIN_SPAN_SECONDS: Final = 2 * 365 * 86400


def make_up(generate: SeedGenerate, site: SeedSite) -> tuple[list[SeedGroup], Iterator[SeedUser]]:
    """Make up the groups and users that a seed asks for.

    Args:
        generate: how many, and the seed of the draw.
        site: the site with what was written by hand; none of that is repeated.

    Returns:
        The groups, and the users one by one: a million at once would leave holes all over the memory, which what a
        server makes for its requests would be scattered into.
    """
    draw = random.Random(generate.seed)
    groups = _groups(generate, {group.name for group in site.groups}, draw)
    taken = {email_key(user.email) for user in site.users}
    return groups, _users(generate, taken, [group.name for group in groups], draw)


def _groups(generate: SeedGenerate, taken: set[str], draw: random.Random) -> list[SeedGroup]:
    cities = _cities(generate.seed) if generate.groups else ()
    groups = []
    for _ in range(generate.groups):
        name = _free(f"{draw.choice(TEAMS)} {draw.choice(cities)}", "{} {}", taken)
        taken.add(name)
        groups.append(SeedGroup(name, draw.choice(list(Access)).value))
    return groups


def _users(generate: SeedGenerate, taken: set[str], groups: list[str], draw: random.Random) -> Iterator[SeedUser]:
    first_names, last_names = _names(generate.seed)
    parts = {name: re.sub(r"[^a-z0-9]", "", name.lower()) for name in (*first_names, *last_names)}
    memberships = [
        [ALL_USERS, *draw.sample(groups, min(len(groups), size))] for size in (0, 1, 1, 2, 3) for _ in range(20)
    ]
    logins = [_login(draw) for _ in range(min(generate.users, LOGINS))]
    numbers: dict[str, int] = {}
    # All at once, and not for each user: a site of a million is drawn in half the time.
    drawn = zip(
        draw.choices(first_names, k=generate.users),
        draw.choices(last_names, k=generate.users),
        draw.choices(memberships, k=generate.users),
        draw.choices(logins, k=generate.users) if logins else (),
        strict=True,
    )
    for first, last, groups_of_one, (login, change) in drawn:
        name = f"{parts[first]}.{parts[last]}"
        number = numbers[name] = numbers.get(name, 0) + 1
        email = _free(f"{name}{number if number > 1 else ''}@example.com", "{1}.{0}", taken)
        taken.add(email)
        yield SeedUser(
            email=email,
            first_name=first,
            last_name=last,
            groups=groups_of_one,
            # One in ten was invited and never came.
            last_login_at=login if draw.random() < 0.9 else None,
            password_updated_at=change,
            tfa_enabled=draw.random() < 0.3,
        )


def _login(draw: random.Random) -> tuple[str, str]:
    """When somebody last logged in, and when the password had been changed."""
    login = LATEST_LOGIN - timedelta(seconds=draw.random() * LOGIN_SPAN_SECONDS)
    return timestamp(login), timestamp(login - timedelta(days=draw.randrange(400)))


# Tests ask for the same people over and over, and looking for the words takes longer than making a hundred of them.
@lru_cache(maxsize=8)
def _names(seed: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """First names and last names."""
    person = Person(Locale.EN, seed=seed)
    return _some(person.first_name, FIRST_NAMES), _some(person.last_name, LAST_NAMES)


@lru_cache(maxsize=8)
def _cities(seed: int) -> tuple[str, ...]:
    return _some(Address(Locale.EN, seed=seed).city, CITIES)


def _some(draw_word: Callable[[], str], size: int) -> tuple[str, ...]:
    """Different words, in an order that depends on the draw alone."""
    return tuple(dict.fromkeys(draw_word() for _ in range(size)))


def _free(name: str, pattern: str, taken: set[str]) -> str:
    """The name, or with the first number that makes it one that is not taken."""
    number = 2
    free = name
    while free in taken:
        free, number = pattern.format(name, number), number + 1
    return free
