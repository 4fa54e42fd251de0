"""Seeds as files: YAML or JSON text to sites, with file and line in every error, and sites back to text.

What a seed means is domain/state.py's; what its people are called is people.py's.
"""

import json
import re
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, Literal, get_args, get_type_hints

import msgspec

from mockscope.domain import state
from mockscope.domain.policy import Policy
from mockscope.domain.rules import SOMETHING
from mockscope.domain.site import Site
from mockscope.domain.state import Seed, SeedError, SeedGenerate, SeedGroup, SeedSite, SeedUser, Track, untracked
from mockscope.json_text import mistake_of
from mockscope.nearness import hint_at

SCHEMA_ID: Final = "https://json-schema.org/draft/2020-12/schema"

PATTERNS_IN_WORDS: Final = {
    repr(SOMETHING.pattern): "must not be blank",
    repr(state.HOST_PATTERN): "must be visible ASCII without blanks",
    repr(state.KEY_PATTERN): "must be visible ASCII without blank or colon",
}

# What the codec says of a key that is no text.
KEY_NO_TEXT: Final = "Expected `str`"
OTHER_VERSION: Final = f"this mockscope reads version {state.FORMAT_VERSION} of the format only"
NO_VERSION: Final = (
    f"the version of the format is a whole number: write {state.FORMAT_VERSION}, without quotes or a point"
)
BYTE_ORDER_MARK: Final = "\ufeff"
LINE_END: Final = b"\n"

Form = Literal["plain", "YAML", "JSON"]
SeedSource = str | Path | Mapping[str, Any]

# Of files that were loaded so many are kept, and none that is longer than so many bytes.
MOST_FILES: Final = 8
LONGEST_FILE: Final = 4 * 1024 * 1024


def load_sites(source: SeedSource, *, track: Track = untracked) -> list[Site]:
    """Load the sites of a seed, all or none.

    Args:
        source: a path to a YAML or JSON file, or the same as plain data.
        track: shows how far the users of a site are.

    Raises:
        SeedError: the seed can't be loaded; the message names file, line, and the nearest known name.
        OSError: the file can't be read.
    """
    if isinstance(source, Mapping):
        return _load(dict(source), track, form="plain")
    path = Path(source)
    return parse_sites(path.read_bytes(), str(path), track=track)


class SeedFiles:
    """Loads seeds, and each file once: every test of a run starts from the same few.

    Whether a file is still the same is told by its bytes.
    """

    def __init__(self) -> None:
        self._known: OrderedDict[Path, tuple[bytes, list[Site]]] = OrderedDict()

    def __repr__(self) -> str:
        return f"<SeedFiles: {len(self._known)} known>"

    def load_sites(self, source: SeedSource) -> list[Site]:
        """Load the sites of a seed, all or none; they belong to the caller alone.

        Args:
            source: a path to a YAML or JSON file, or the same as plain data.

        Raises:
            SeedError, OSError: as in the function of this name.
        """
        if isinstance(source, Mapping):
            return load_sites(source)
        path = Path(source)
        text = path.read_bytes()
        known = self._known.pop(path, None)
        if known is None or known[0] != text:
            known = text, parse_sites(text, str(path))
            if len(text) > LONGEST_FILE:
                return known[1]
        # The one that was last asked for is the last to go.
        self._known[path] = known
        if len(self._known) > MOST_FILES:
            self._known.popitem(last=False)
        return [site.copy(site.host, site.api_key) for site in known[1]]


def parse_sites(text: bytes, name: str, *, track: Track = untracked) -> list[Site]:
    """Load the sites of a seed's text.

    Args:
        text: YAML or JSON, in UTF-8.
        name: what to call it in errors; one that ends in ``.json`` is read as JSON.
        track: shows how far the users of a site are.

    Raises:
        SeedError: as in load_sites.
    """
    try:
        decoded = text.decode().removeprefix(BYTE_ORDER_MARK)
    except UnicodeDecodeError as error:
        where = f"{name}, line {text.count(LINE_END, 0, error.start) + 1}"
        raise SeedError(f"byte {error.start} is not UTF-8", where=where) from None
    is_json = name.endswith(".json")
    data = _parse(decoded, name, is_json=is_json) if decoded.strip() else None
    if data is None:
        raise SeedError(f"the file is empty: a seed begins with mockscope: {state.FORMAT_VERSION}", where=name)
    try:
        return _load(data, track, form="JSON" if is_json else "YAML")
    except SeedError as error:
        line = _line(decoded.replace("\t", " ") if is_json else decoded, error.path)
        error.where = f"{name}, line {line}"
        raise


def to_yaml(sites: list[Site]) -> str:
    """The export of sites as YAML."""
    from mockscope import yaml_text

    return yaml_text.to_text(state.export(sites))


def to_json(sites: list[Site]) -> str:
    """The export of sites as JSON."""
    return json.dumps(state.export(sites), indent=2, ensure_ascii=False) + "\n"


def schema() -> dict[str, Any]:
    """The JSON Schema of the seed format, for editors."""
    made = msgspec.json.schema(Seed)
    return {"$schema": SCHEMA_ID, "title": "mockscope seed", **made}


# -- shape -----------------------------------------------------------------------------------------------------


def _load(data: object, track: Track, *, form: Form) -> list[Site]:
    try:
        seed = msgspec.convert(data, Seed)
    except msgspec.ValidationError as error:
        raise _shape_error(str(error), data, form) from None

    def made_up(generate: SeedGenerate, site: SeedSite) -> tuple[list[SeedGroup], Iterator[SeedUser]]:
        # Here, not above: names for people take longer to import than a server takes to start.
        from mockscope.people import make_up

        return make_up(generate, site)

    return state.load(seed, make_up=made_up, track=track)


def _shape_error(text: str, data: object, form: Form) -> SeedError:
    """The codec's error, with the path taken apart, the nearest known name added, and what may have been meant.

    In a file the key is named as well, since a line may hold several; of plain data the whole place is spelled.
    """
    problem, _, where = text.partition(" - at ")
    path = _path(where)
    unknown = re.fullmatch(r"Object contains unknown field `(.*)`", problem, re.DOTALL)
    if unknown or problem == KEY_NO_TEXT:
        key = unknown[1] if unknown else _key_no_text(data, path)
        return SeedError(f"unknown key {key}; {hint_at(key, _fields_at(path))}", (*path, key))
    if missing := re.fullmatch(r"Object missing required field `(.*)`", problem):
        return SeedError(f"{missing[1]} is missing", path)
    if path == ("mockscope",):
        return SeedError(OTHER_VERSION if problem.startswith("Expected `int` ") else NO_VERSION, path)
    if problem.startswith("Invalid enum value"):
        problem += f"; known: {', '.join(map(str, _words_of(str(path[-1]))))}"
    elif pattern := re.fullmatch(r"Expected `str` matching regex (.*)", problem):
        problem = PATTERNS_IN_WORDS.get(pattern[1], problem)
    if form == "plain":
        return SeedError(problem, path)
    named = "a key of " * where.startswith("`key`") + _spelled_key(path)
    return SeedError(f"{named}{problem}{_advice(problem, form)}", path)


def _spelled_key(path: state.Path) -> str:
    """The last key of a path, with what stands behind it, and a colon: ``groups[0]: ``."""
    spelled = ""
    for step in reversed(path):
        spelled = f"[{step}]{spelled}" if isinstance(step, int) else f"{step}{spelled}: "
        if isinstance(step, str):
            break
    return spelled


def _advice(problem: str, form: Form) -> str:
    """What was probably meant by a value of another kind, with a semicolon before it."""
    kinds = re.fullmatch(r"Expected `(\w+)(?: \| null)?`, got `(\w+)`", problem)
    match kinds.groups() if kinds else ():
        case ("str", "bool" | "int" | "float" as read):
            as_what = "true or false" if read == "bool" else "a number"
            return f"; YAML reads it as {as_what}: write it in quotes" if form == "YAML" else "; write it in quotes"
        case ("bool" | "int", "str"):
            return "; write it without quotes"
        case ("array", "null"):
            return "; write [], or leave the key out"
        case (_, "null"):
            return "; nothing stands there"
    return ""


def _key_no_text(data: Any, path: state.Path) -> str:
    """The first key at a path that is no text, as YAML would have it."""
    for step in path:
        data = data[step]
    key = next(key for key in data if not isinstance(key, str))
    return "null" if key is None else str(key).lower()


def _words_of(switch: str) -> tuple[object, ...]:
    """The values that a policy switch takes: nothing else in the format is a fixed choice."""
    annotation = get_type_hints(Policy)[switch]
    return get_args(annotation)


def _path(text: str) -> state.Path:
    """``$.sites[0].users[3].email`` taken apart. ``[...]`` stands for any key of a mapping, and ends the path."""
    known = text.strip("`").partition("[...]")[0]
    return tuple(int(number) if number else name for name, number in re.findall(r"\.([^.\[]+)|\[(\d+)\]", known))


def _fields_at(path: state.Path) -> tuple[str, ...]:
    """The keys that the format knows where an unknown one was found."""
    names = [step for step in path if isinstance(step, str)]
    shape: type[msgspec.Struct] = Seed
    shapes: Mapping[str, type[msgspec.Struct]] = {
        "sites": state.SeedSite,
        "users": state.SeedUser,
        "groups": state.SeedGroup,
        "dashboards": state.SeedDashboard,
        "generate": state.SeedGenerate,
        "policy": Policy,
    }
    for name in names:
        shape = shapes.get(name, shape)
    return shape.__struct_fields__


# -- text ------------------------------------------------------------------------------------------------------


def _parse(text: str, name: str, *, is_json: bool) -> Any:
    if is_json:
        return _parse_json(text, name)
    # Here, not above: who has no seed in YAML, and the demo is in JSON, need not wait for it to be imported.
    from mockscope import yaml_text

    return yaml_text.parse(text, name)


def _line(text: str, path: state.Path) -> int:
    from mockscope import yaml_text

    return yaml_text.line_of(text, path)


def _parse_json(text: str, name: str) -> Any:
    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(pairs)
        if len(made) < len(pairs):
            twice = next(key for place, (key, _) in enumerate(pairs) if key in dict(pairs[:place]))
            raise _json_error(f"{twice} stands here twice", " stands here twice", text, name)
        return made

    try:
        return json.loads(text, object_pairs_hook=once)
    except json.JSONDecodeError as error:
        mistake = mistake_of(error)
        raise SeedError(
            f"not JSON: {mistake.msg} (column {mistake.colno})", where=f"{name}, line {mistake.lineno}"
        ) from None
    except RecursionError:
        raise SeedError("nested too deeply", where=name) from None
    except SeedError:
        raise
    except ValueError:
        # A number that is too long for Python.
        longest = max(re.findall(r"\d+", text), key=len)
        ending = " characters are too many for one int"
        raise _json_error(f"{len(longest)}{ending}", ending, text, name) from None


def _json_error(problem: str, ending: str, text: str, name: str) -> SeedError:
    """What a JSON decoder refuses without saying where. What reads YAML finds the like, and the line."""
    from mockscope import yaml_text

    try:
        yaml_text.parse(text.replace("\t", " "), name)
    except SeedError as error:
        if error.problem.endswith(ending):
            return SeedError(error.problem.replace("YAML", "JSON", 1), where=error.where)
    return SeedError(f"not JSON: {problem}", where=name)
