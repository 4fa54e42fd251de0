"""Anonymization of a seed: names and addresses are replaced, and all other values are kept.

The replacements are made of syllables. A list of names would contain the names of real people.
"""

import hmac
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from hashlib import sha256
from operator import itemgetter
from typing import Any, Final

from mockscope._vendor import BUILTIN_GROUPS, KEY_FIELDS
from mockscope.domain.model import email_key

CONSONANTS: Final = "bdfghjklmnprstvz"
VOWELS: Final = "aeiou"
WORD_ENDINGS: Final = ("", "l", "m", "n", "r", "s", "t", "x")
SYLLABLES: Final = 3
# RFC 2606 reserves it: no domain below it can be registered.
TOP_LEVEL_DOMAIN: Final = ".example"
# Characters that are replaced: all except ASCII punctuation and white space.
WORD_RUN: Final = re.compile(r"[^\x00-/:-@\[-`{-\x7f]+")
# Longer runs of punctuation are truncated, because a run could be a whole name.
MAX_PUNCTUATION: Final = 3
WORD: Final = re.compile(r"[^\W_]+")
LETTERS: Final = re.compile(r"[^\W\d_]+")
# Shorter texts occur in longer ones by chance, and all generated words are longer.
MIN_AVOIDED_LENGTH: Final = 4
# Records are sorted by the replacement of this field.
SORT_FIELDS: Final = {**KEY_FIELDS, "dashboards": "name"}
ACCENTS: Final = str.maketrans("aeiou", "áéíóú")


def anonymize_seed(seed: Mapping[str, Any], salt: bytes) -> dict[str, Any]:
    """Return a seed without the names and addresses of people.

    Names and emails of users, and the names of sites, groups and dashboards, are replaced. Memberships, times, access,
    built-in groups and policy switches are kept. API keys are removed. Records are sorted by their new names.

    Args:
        seed: A valid seed as plain data.
        salt: The secret that the replacements depend on. Anybody who knows it can try names, and find out whether a
            person is in the seed.

    Returns:
        The anonymized seed. The same records and salt give the same result, in any order of the records.
    """
    return _Anonymizer(seed.get("sites", ()), salt).seed(seed)


class _Anonymizer:
    """The replacements for some sites: one for each email, group, dashboard, domain and host."""

    def __init__(self, sites: Iterable[Mapping[str, Any]], salt: bytes) -> None:
        sites = list(sites)
        self._salt = salt
        self._avoided: set[str] = set()
        emails = {email_key(email) for site in sites for email in _emails_in(site)}
        groups = {name for site in sites for name in _groups_in(site)} - set(BUILTIN_GROUPS)
        dashboards = {dashboard["name"] for site in sites for dashboard in site.get("dashboards", ())}
        hosts = {site["host"] for site in sites}
        domains = {email.partition("@")[2] for email in emails}
        people = {user[name] for site in sites for user in site.get("users", ()) for name in NAME_FIELDS}
        for text in (*emails, *groups, *dashboards, *hosts, *people):
            self._avoid(text)
        self._lengths = sorted(set(map(len, self._avoided)))
        self._domains = self._replacements("domain", domains, self._domain)
        self._emails = self._replacements("email", emails, self._email)
        self._groups = self._replacements("group", groups, partial(self._replace_words, "group", is_title=True))
        rename = partial(self._replace_words, "dashboard", is_title=True)
        self._dashboards = self._replacements("dashboard", dashboards, rename)
        self._hosts = self._replacements("host", hosts, partial(self._replace_words, "host"))

    def seed(self, seed: Mapping[str, Any]) -> dict[str, Any]:
        """Return the seed with all replacements."""
        return {**seed, "sites": sorted(map(self._site, seed.get("sites", ())), key=lambda site: str(site["host"]))}

    def _site(self, site: Mapping[str, Any]) -> dict[str, Any]:
        replaced = {name: value for name, value in site.items() if name != "api_key"}
        replaced["host"] = self._hosts[site["host"]]
        kinds = {"groups": self._group, "users": self._user, "dashboards": self._dashboard}
        for kind in kinds.keys() & site:
            replaced[kind] = sorted(map(kinds[kind], site[kind]), key=itemgetter(SORT_FIELDS[kind]))
        return replaced

    def _group(self, group: Mapping[str, Any]) -> dict[str, Any]:
        return {**group, "name": self._new_group_name(group["name"])}

    def _user(self, user: Mapping[str, Any]) -> dict[str, Any]:
        email = email_key(user["email"])
        replaced = {**user, "email": self._emails[email]}
        for field in NAME_FIELDS:
            rename = partial(self._replace_words, _without_tags(email), user[field], key=field, is_title=True)
            replaced[field] = self._first_allowed(rename)
        if "groups" in user:
            replaced["groups"] = list(map(self._new_group_name, user["groups"]))
        return replaced

    def _dashboard(self, dashboard: Mapping[str, Any]) -> dict[str, Any]:
        replaced = {**dashboard, "name": self._dashboards[dashboard["name"]]}
        if dashboard.get("owner") is not None:
            replaced["owner"] = self._emails[email_key(dashboard["owner"])]
        if "access" in dashboard:
            access = dashboard["access"].items()
            replaced["access"] = dict(sorted((self._new_group_name(name), word) for name, word in access))
        return replaced

    def _new_group_name(self, name: str) -> str:
        return name if name in BUILTIN_GROUPS else self._groups[name]

    # -- one replacement ---------------------------------------------------------------------------------------

    def _replacements(self, kind: str, originals: Iterable[str], make: Callable[[str, int], str]) -> dict[str, str]:
        """Return a replacement for each text. Two replacements never differ only in case."""
        taken: set[str] = set()
        replaced = {}
        # The result must not depend on the order of the originals.
        for original in sorted(originals, key=lambda text: self._digest(kind, text)):
            replaced[original] = chosen = self._first_allowed(partial(make, original), taken)
            taken.add(chosen.casefold())
        return replaced

    def _first_allowed(self, make: Callable[[int], str], taken: frozenset[str] | set[str] = frozenset()) -> str:
        """Return the first attempt that is not taken and contains none of the original texts."""
        attempt = 0
        while (made := make(attempt)).casefold() in taken or self._contains_avoided(made):
            attempt += 1
        return made

    def _domain(self, domain: str, attempt: int) -> str:
        # Each label depends on those to its right, so that hosts of one domain stay in one domain.
        labels = domain.split(".")
        suffixes = [".".join(labels[place:]) for place in range(max(1, len(labels) - 1))]
        return ".".join(self._word("domain", suffix, attempt) for suffix in suffixes) + TOP_LEVEL_DOMAIN

    def _email(self, email: str, attempt: int) -> str:
        local, _, domain = email.partition("@")
        base, *tags = local.split("+")
        person = _without_tags(email)
        words = len(WORD_RUN.findall(base))

        def word(place: int) -> str:
            # Monica.Geller@ gets the same words as the names Monica and Geller.
            slot = "last_name" if 0 < place == words - 1 else "first_name"
            return self._word(person, f"{slot} {0 if slot == 'last_name' else place}", attempt)

        renamed = [tag and self._replace_words("tag", tag, attempt) for tag in tags]
        return "+".join([_substitute_words(base, word), *renamed]) + f"@{self._domains[domain]}"

    def _replace_words(self, kind: str, text: str, attempt: int, *, key: str = "", is_title: bool = False) -> str:
        def word(place: int) -> str:
            made = self._word(kind, f"{key or text} {place}", attempt)
            return made.title() if is_title else made

        return _substitute_words(text, word, keep_script=is_title)

    def _word(self, kind: str, text: str, attempt: int) -> str:
        digest = iter(self._digest(kind, text, attempt))
        syllables = (CONSONANTS[next(digest) % 16] + VOWELS[next(digest) % 5] for _ in range(SYLLABLES))
        return "".join(syllables) + WORD_ENDINGS[next(digest) % 8]

    def _digest(self, kind: str, text: str, attempt: int = 0) -> bytes:
        return hmac.digest(self._salt, f"{kind}\0{attempt}\0{text}".encode(), sha256)

    # -- texts that must not remain ----------------------------------------------------------------------------

    def _avoid(self, text: str) -> None:
        """Avoid a text and its words in all replacements."""
        text = text.casefold()
        # The top-level domain is not a name.
        local, at, domain = text.partition("@")
        parts = (text, local, domain.rpartition(".")[0], domain) if at else (text,)
        words = (word for part in parts[:3] for pattern in (WORD, LETTERS) for word in pattern.findall(part))
        # A text without letters and digits is not a name.
        long = (part for part in (*parts, *words) if len(part) >= MIN_AVOIDED_LENGTH)
        self._avoided |= {part for part in long if WORD_RUN.search(part)}

    def _contains_avoided(self, text: str) -> bool:
        text = text.removesuffix(TOP_LEVEL_DOMAIN).casefold()
        return any(
            text[start : start + length] in self._avoided
            for length in self._lengths
            for start in range(len(text) - length + 1)
        )


NAME_FIELDS: Final = ("first_name", "last_name")


def _emails_in(site: Mapping[str, Any]) -> Iterator[str]:
    yield from (user["email"] for user in site.get("users", ()))
    yield from (dashboard["owner"] for dashboard in site.get("dashboards", ()) if dashboard.get("owner") is not None)


def _groups_in(site: Mapping[str, Any]) -> Iterator[str]:
    yield from (group["name"] for group in site.get("groups", ()))
    for user in site.get("users", ()):
        yield from user.get("groups", ())
    for dashboard in site.get("dashboards", ()):
        yield from dashboard.get("access", ())


def _without_tags(email: str) -> str:
    """Return an email without its tags, which begin with +. All tagged addresses belong to one person."""
    local, _, domain = email.partition("@")
    return f"{local.partition('+')[0]}@{domain}"


def _substitute_words(text: str, word: Callable[[int], str], *, keep_script: bool = False) -> str:
    """Replace the words of a text, and keep its punctuation. A text without words becomes one word.

    Args:
        text: The text.
        word: A function that returns the replacement for the word with an index, counted from 0.
        keep_script: Whether a replacement gets accents if the original is not ASCII.
    """
    made, end = "", 0
    for place, found in enumerate(WORD_RUN.finditer(text)):
        new = word(place)
        between = text[end : found.start()]
        made += between[:MAX_PUNCTUATION] + (new if found[0].isascii() or not keep_script else new.translate(ACCENTS))
        end = found.end()
    return made + text[end:][:MAX_PUNCTUATION] if end else word(0)
