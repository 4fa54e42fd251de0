"""Seeds without people: each name and address is replaced, by the same one each time, and the shape is kept.

Words are made of syllables, not drawn from lists of names: those hold the names of real people too.
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
# No domain below it can be registered (RFC 2606).
TOP_LEVEL_DOMAIN: Final = ".example"
# Neither blanks nor punctuation of ASCII, so that slashes, plus signs and blanks stay where they are.
WORD_RUN: Final = re.compile(r"[^\x00-/:-@\[-`{-\x7f]+")
# More punctuation in one place is cut: it could be a whole name.
MAX_PUNCTUATION: Final = 3
WORD: Final = re.compile(r"[^\W_]+")
LETTERS: Final = re.compile(r"[^\W\d_]+")
# Shorter texts are in any longer one by chance, and shorter than all words that are made here.
MIN_AVOIDED_LENGTH: Final = 4
# The fields by whose replacements records are sorted.
SORT_FIELDS: Final = {**KEY_FIELDS, "dashboards": "name"}
ACCENTS: Final = str.maketrans("aeiou", "áéíóú")


def anonymize_seed(seed: Mapping[str, Any], salt: bytes) -> dict[str, Any]:
    """Return a seed without the names and addresses of people.

    Names and emails of users, and the names of sites, groups and dashboards, are replaced. All else stays: who is in
    which group, the times, the words of access, the built-in groups, and the switches. Keys are left out. Records are
    sorted by their new names.

    Args:
        seed: A seed as plain data, one that can be loaded.
        salt: The secret that the replacements depend on. With it, anybody can find out by trying names whether a
            person is in the seed.

    Returns:
        The same seed for the same seed and salt, whatever the order of the records.
    """
    return _Anonymizer(seed.get("sites", ()), salt).seed(seed)


class _Anonymizer:
    """The replacements for the texts of some sites, one for each email, group, dashboard, domain and host."""

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
        """Return a replacement for each text. No two of them differ in case only."""
        taken: set[str] = set()
        replaced = {}
        # The order of the originals must not show.
        for original in sorted(originals, key=lambda text: self._digest(kind, text)):
            replaced[original] = chosen = self._first_allowed(partial(make, original), taken)
            taken.add(chosen.casefold())
        return replaced

    def _first_allowed(self, make: Callable[[int], str], taken: frozenset[str] | set[str] = frozenset()) -> str:
        """Return the first attempt that is not taken, and holds no text that is replaced."""
        attempt = 0
        while (made := make(attempt)).casefold() in taken or self._contains_avoided(made):
            attempt += 1
        return made

    def _domain(self, domain: str, attempt: int) -> str:
        # Label by label from the right, so that hosts of one domain stay hosts of one domain.
        labels = domain.split(".")
        suffixes = [".".join(labels[place:]) for place in range(max(1, len(labels) - 1))]
        return ".".join(self._word("domain", suffix, attempt) for suffix in suffixes) + TOP_LEVEL_DOMAIN

    def _email(self, email: str, attempt: int) -> str:
        local, _, domain = email.partition("@")
        base, *tags = local.split("+")
        person = _without_tags(email)
        words = len(WORD_RUN.findall(base))

        def word(place: int) -> str:
            # Monica.Geller@ is called Monica Geller.
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

    # -- texts that must not be left ---------------------------------------------------------------------------

    def _avoid(self, text: str) -> None:
        """Keep a text and its words out of all replacements."""
        text = text.casefold()
        # The top of a domain is not a name.
        local, at, domain = text.partition("@")
        parts = (text, local, domain.rpartition(".")[0], domain) if at else (text,)
        words = (word for part in parts[:3] for pattern in (WORD, LETTERS) for word in pattern.findall(part))
        # Signs alone are not a name, and stay.
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
    """Return an address without its tags: a + and what follows it do not make it another person's."""
    local, _, domain = email.partition("@")
    return f"{local.partition('+')[0]}@{domain}"


def _substitute_words(text: str, word: Callable[[int], str], *, keep_script: bool = False) -> str:
    """Return a text with other words between its blanks and signs; a text without words becomes one.

    Args:
        text: The text.
        word: Returns the word for a place, counted from 0.
        keep_script: Make a word that is not ASCII for one that is not.
    """
    made, end = "", 0
    for place, found in enumerate(WORD_RUN.finditer(text)):
        new = word(place)
        between = text[end : found.start()]
        made += between[:MAX_PUNCTUATION] + (new if found[0].isascii() or not keep_script else new.translate(ACCENTS))
        end = found.end()
    return made + text[end:][:MAX_PUNCTUATION] if end else word(0)
