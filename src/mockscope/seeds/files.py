"""Seed files: YAML or JSON is parsed to sites, with file and line in errors, and sites are exported to text."""

import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, Final, Literal, TypeVar

import msgspec

from mockscope._support.collector import collector_off
from mockscope._support.json_errors import normalize_error
from mockscope._support.monotonic import unix_time_ns
from mockscope._support.suggestions import suggest
from mockscope._vendor import BUILTIN_GROUPS
from mockscope.domain.policy import Policy, with_choices
from mockscope.domain.rules import NOT_BLANK
from mockscope.domain.site import Site
from mockscope.seeds import fields, plan
from mockscope.seeds import format as seed_format
from mockscope.seeds.format import RecordGenerator, Seed, SeededSite, SeedError, ShowProgress, no_progress
from mockscope.seeds.plan import Plan, SeedPlan

T = TypeVar("T")
S = TypeVar("S", bound=msgspec.Struct)

SCHEMA_HEAD: Final[Mapping[str, Any]] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "$id": f"urn:mockscope:seed:{seed_format.FORMAT_VERSION}",
    "title": "mockscope seed",
    "examples": [
        {
            "mockscope": seed_format.FORMAT_VERSION,
            "sites": [
                {
                    "host": "example_site",
                    "groups": [{"name": "Sales", "access": "View"}],
                    "users": [
                        {
                            "first_name": "Rachel",
                            "last_name": "Green",
                            "email": "rachel@example.com",
                            "groups": [*BUILTIN_GROUPS, "Sales"],
                        }
                    ],
                    "dashboards": [{"name": "Revenue", "owner": "rachel@example.com", "access": {"Sales": "Edit"}}],
                }
            ],
        },
        {"mockscope": seed_format.FORMAT_VERSION, "sites": [{"host": "crowd", "generate": {"users": 250}}]},
    ],
}

PATTERNS_IN_WORDS: Final = {
    repr(NOT_BLANK.pattern): "must not be blank",
    repr(fields.HOST_PATTERN): "must be visible ASCII without blanks",
    repr(fields.KEY_PATTERN): "must be visible ASCII without blank or colon",
}
# The struct of the record, or of the records in the list, under each key.
STRUCTS: Final[Mapping[str, type[msgspec.Struct]]] = {
    "sites": seed_format.SeedSite,
    "users": seed_format.SeedUser,
    "groups": seed_format.SeedGroup,
    "dashboards": seed_format.SeedDashboard,
    "generate": seed_format.SeedGenerate,
    "policy": Policy,
    "faults": plan.SeedFault,
    "where": plan.SeedWhere,
    "delay": plan.SeedDelay,
    "uniform": plan.SeedUniform,
    "lognormal": plan.SeedLogNormal,
    "timeline": plan.SeedChange,
    "before": plan.SeedBefore,
}
# Examples of records, for the error about a string in place of a record. The string becomes the first field.
EXAMPLES: Final[Mapping[str, dict[str, str]]] = {
    "sites": {"host": ""},
    "users": {"email": "", "first_name": "Monica", "last_name": "Geller"},
    "groups": {"name": "", "access": "View"},
    "dashboards": {"name": ""},
    "faults": {"operation": "", "status": "503"},
}

# Examples of mappings that are not records.
MAPPINGS: Final[Mapping[str | int, dict[str, Any]]] = {
    "access": {"Sales": "View"},
    "generate": {"users": 250},
    "policy": {"page_size": 50},
    "before": {"operation": "list_users", "call": 2},
    "where": {"email": "joey@example.com"},
}

# The message of msgspec for a key that is not a string.
NOT_TEXT: Final = "Expected `str`"
START: Final = f"a seed begins with mockscope: {seed_format.FORMAT_VERSION}"
PLAN_START: Final = "write one of faults, timeline, strict and contract"
OTHER_VERSION: Final = f"this mockscope reads version {seed_format.FORMAT_VERSION} of the format only"
NO_VERSION: Final = (
    f"the version of the format is a whole number: write {seed_format.FORMAT_VERSION}, without quotes or a point"
)
TWICE: Final = " stands here twice"
TOO_LONG: Final = " characters are too many for one int"
BYTE_ORDER_MARK: Final = "\ufeff"
LINE_END: Final = b"\n"

Form = Literal["plain", "YAML", "JSON"]
SeedSource = str | Path | Mapping[str, Any]

# Limits of the cache of parsed files.
MAX_FILES: Final = 8
MAX_FILE_BYTES: Final = 4 * 1024 * 1024


def load_sites(source: SeedSource, *, now: datetime | None = None) -> list[Site]:
    """Load the sites of a seed like `load_seed`, without their plans."""
    return [each.site for each in load_seed(source, now=now)]


@collector_off()
def load_seed(
    source: SeedSource, *, now: datetime | None = None, progress: ShowProgress = no_progress
) -> list[SeededSite]:
    """Load the sites of a seed with their plans, all or none.

    Args:
        source: A path to a YAML or JSON file, or a seed as plain data.
        now: The current time, before which generated users logged in. None is the machine's time.
        progress: Shows the progress of loading users.

    Raises:
        SeedError: If the seed is not valid. The message names file and line, and the nearest known name.
        OSError: If the file cannot be read.
    """
    if isinstance(source, Mapping):
        return _load(dict(source), "plain", now, progress)
    path = Path(source)
    return parse_seed(path.read_bytes(), str(path), now=now, progress=progress)


def copy_seed(source: SeedSource, now: datetime) -> list[SeededSite]:
    """Load the sites of a seed like `load_seed`, with a cache of parsed files.

    Generated users depend on the day, so that a file is parsed once a day.
    """
    if isinstance(source, Mapping):
        return load_seed(source, now=now)
    path = Path(source)
    text = path.read_bytes()
    if len(text) > MAX_FILE_BYTES:
        return parse_seed(text, str(path), now=now)
    cached = _parse_cached(text, str(path), now.date())
    return [SeededSite(site.copy(site.host, site.api_key), planned) for site, planned in cached]


@lru_cache(MAX_FILES)
def _parse_cached(text: bytes, name: str, today: date) -> list[SeededSite]:
    return parse_seed(text, name, now=datetime.combine(today, time(), UTC))


@collector_off()
def parse_seed(
    text: bytes, name: str, *, now: datetime | None = None, progress: ShowProgress = no_progress
) -> list[SeededSite]:
    """Parse the sites of a seed with their plans, all or none.

    Args:
        text: YAML or JSON, in UTF-8.
        name: The name of the file, for errors. If it ends in ``.json``, the text is parsed as JSON.
        now: The current time, before which generated users logged in. None is the machine's time.
        progress: Shows the progress of loading users.

    Raises:
        SeedError: If the seed is not valid.
    """
    return _parse(text, name, START, partial(_load, now=now, progress=progress))


def read_plain(source: SeedSource) -> Mapping[str, Any]:
    """Return a seed as plain data, after its validation.

    Args:
        source: A path to a YAML or JSON file, or a seed as plain data.

    Raises:
        SeedError: If the seed is not valid.
        OSError: If the file cannot be read.
    """

    def check(data: Any, form: Form) -> Mapping[str, Any]:
        _load(data, form, None, no_progress)
        return data  # type: ignore[no-any-return]

    if isinstance(source, Mapping):
        return check(dict(source), "plain")
    path = Path(source)
    return _parse(path.read_bytes(), str(path), START, check)


def load_plan(path: Path) -> Plan:
    """Load a file with the faults, the timeline, strict mode and the contract of a site.

    Args:
        path: The path to a YAML or JSON file.

    Raises:
        SeedError: If the file is not valid. The message names file and line, and the nearest known name.
        OSError: If the file cannot be read.
    """
    return _parse(path.read_bytes(), str(path), PLAN_START, _load_plan)


def _parse(text: bytes, name: str, start: str, load: Callable[[object, Form], T]) -> T:
    try:
        decoded = text.decode().removeprefix(BYTE_ORDER_MARK)
    except UnicodeDecodeError as error:
        where = f"{name}, line {text.count(LINE_END, 0, error.start) + 1}"
        raise SeedError(f"byte {error.start} is not UTF-8", where=where) from None
    is_json = name.endswith(".json")
    data = (_parse_json if is_json else _parse_yaml)(decoded, name) if decoded.strip() else None
    if data is None:
        raise SeedError(f"the file is empty: {start}", where=name)
    try:
        return load(data, "JSON" if is_json else "YAML")
    except SeedError as error:
        from mockscope.seeds import yaml_io

        line = yaml_io.line_of(_as_yaml(decoded) if is_json else decoded, error.path)
        error.where = name if line is None else f"{name}, line {line}"
        raise


@collector_off()
def to_yaml(sites: list[Site]) -> str:
    """Return the export of sites as YAML."""
    from mockscope.seeds import yaml_io

    return yaml_io.to_text(seed_format.export(sites))


@collector_off()
def to_json(sites: list[Site]) -> str:
    """Return the export of sites as JSON."""
    return json.dumps(seed_format.export(sites), indent=2, ensure_ascii=False) + "\n"


def schema() -> dict[str, Any]:
    """Return the JSON Schema of the seed format, for editors."""
    text = json.dumps(msgspec.json.schema(Seed))
    for loaded, edited in fields.FOR_EDITORS.items():
        text = text.replace(json.dumps(loaded)[1:-1], json.dumps(edited)[1:-1])
    return {**SCHEMA_HEAD, **json.loads(text)}


# -- shape -----------------------------------------------------------------------------------------------------


def _load(data: object, form: Form, now: datetime | None, progress: ShowProgress) -> list[SeededSite]:
    seed = _convert(data, form, Seed)
    generator: RecordGenerator | None = None
    if any(site.generate for site in seed.sites):
        # Imported late, because few seeds generate records, and reading the names takes time.
        from mockscope.seeds.generate import generate_records

        generator = partial(generate_records, now=now or datetime.fromtimestamp(unix_time_ns() / 1e9, UTC))
    return seed_format.load(seed, generate_records=generator, progress=progress)


def _load_plan(data: object, form: Form) -> Plan:
    return seed_format.load_plan(_convert(data, form, SeedPlan))


def _convert(data: object, form: Form, kind: type[S]) -> S:
    try:
        return msgspec.convert(data, kind)
    except msgspec.ValidationError as error:
        raise _shape_error(str(error), data, form, kind) from None
    except UnicodeEncodeError:
        # From msgspec, for a text in place of another value.
        raise SeedError("a text holds half of a surrogate pair") from None


def _shape_error(text: str, data: object, form: Form, root: type[msgspec.Struct]) -> SeedError:
    """Return an error of msgspec as a SeedError, with the path, the nearest known name, and a remedy.

    For a file, the message also names the key, because a line may have several keys.
    """
    problem, _, where = text.partition(" - at ")
    path = _parse_path(where)
    unknown = re.fullmatch(r"Object contains unknown field `(.*)`", problem, re.DOTALL)
    if unknown:
        known = _struct_at(path, root).__struct_encode_fields__
        return SeedError(f"unknown key {unknown[1]}; {suggest(unknown[1], known)}", (*path, unknown[1]))
    if problem == NOT_TEXT or where.startswith("`key`"):
        return SeedError("a key is not a text", path)
    if missing := re.fullmatch(r"Object missing required field `(.*)`", problem):
        return SeedError(f"{missing[1]} is missing" + ("" if path else f": {START}"), path)
    if path == ("mockscope",):
        return SeedError(OTHER_VERSION if problem.startswith("Expected `int` ") else NO_VERSION, path)
    if problem.startswith("Invalid enum value"):
        # Only policy switches have enumerated values.
        problem = with_choices(problem, str(path[-1]))
    elif pattern := re.fullmatch(r"Expected `str` matching regex (.*)", problem):
        problem = PATTERNS_IN_WORDS.get(pattern[1], problem)
    if form == "plain":
        return SeedError(problem, path)
    return SeedError(f"{_render_key(path)}{problem}{_remedy(problem, data, path, form, root)}", path)


def _render_key(path: seed_format.Path) -> str:
    """Render the last key of a path with the positions after it, such as ``groups[0]: ``."""
    spelled = ""
    for step in reversed(path):
        spelled = f"[{step}]{spelled}" if isinstance(step, int) else f"{step}{spelled}: "
        if isinstance(step, str):
            break
    return spelled


def _remedy(problem: str, data: Any, path: seed_format.Path, form: Form, root: type[msgspec.Struct]) -> str:
    """Return the remedy for a value of a wrong type, which begins with a semicolon, or an empty string."""
    types = re.fullmatch(r"Expected `(\w+)(?: \| null)?`, got `(\w+)`", problem)
    match types.groups() if types else ():
        case ("str", "bool" | "int" | "float" as read):
            as_what = "true or false" if read == "bool" else "a number"
            return f"; YAML reads it as {as_what}: write it in quotes" if form == "YAML" else "; write it in quotes"
        case ("bool", "str"):
            return "; write true or false, without quotes"
        case ("int", "str"):
            return "; write a whole number, without quotes"
        case ("array", "null"):
            return "; write [], or leave the key out"
        case (_, "null"):
            return "; nothing stands there"
        case ("array", "object"):
            return "; write a list of them" + (", each after a dash" if form == "YAML" else " in brackets")
        case ("array", "str"):
            return f"; write {json.dumps([_value_at(data, path)]) if form == 'JSON' else f'[{_value_at(data, path)}]'}"
        case ("object", _) if not path:
            return f"; {PLAN_START if root is SeedPlan else START}"
        case ("object", _) if path[-1] in MAPPINGS:
            return f"; write {_render_record(MAPPINGS[path[-1]], form)}"
        case ("object", "str") if len(path) > 1 and (example := EXAMPLES.get(str(path[-2]))):
            record = dict(zip(example, [_value_at(data, path), *list(example.values())[1:]], strict=True))
            return f"; write {_render_record(record, form)}"
    return ""


def _render_record(record: dict[str, Any], form: Form) -> str:
    if form == "JSON":
        return json.dumps(record, ensure_ascii=False)
    return "{" + ", ".join(f"{key}: {value}" for key, value in record.items()) + "}"


def _value_at(data: Any, path: seed_format.Path) -> Any:
    for step in path:
        data = data[step]
    return data


def _parse_path(text: str) -> seed_format.Path:
    """Parse ``$.sites[0].users[3].email``. A ``[...]`` stands for any key of a mapping, and ends the path."""
    known = text.strip("`").partition("[...]")[0]
    return tuple(int(number) if number else name for name, number in re.findall(r"\.([^.\[]+)|\[(\d+)\]", known))


def _struct_at(path: seed_format.Path, root: type[msgspec.Struct]) -> type[msgspec.Struct]:
    """Return the struct to which the mapping at a path is converted."""
    return next((STRUCTS[step] for step in reversed(path) if step in STRUCTS), root)  # type: ignore[index]


# -- text ------------------------------------------------------------------------------------------------------


def _parse_yaml(text: str, name: str) -> Any:
    # Imported late, because a start without PyYAML is faster, and the demo seed is JSON.
    from mockscope.seeds import yaml_io

    return yaml_io.parse(text, name)


def _parse_json(text: str, name: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_reject_repeated_keys)
    except json.JSONDecodeError as error:
        mistake = normalize_error(error)
        where = f"{name}, line {mistake.lineno}"
        raise SeedError(f"not JSON: {mistake.msg} at column {mistake.colno}", where=where) from None
    except RecursionError:
        raise SeedError("nested too deeply", where=name) from None
    except ValueError as error:
        # A repeated key, or an integer with too many digits for Python. The YAML parser finds the line of both.
        try:
            _parse_yaml(_as_yaml(text), name)
        except SeedError as found:
            if found.problem.endswith((TWICE, TOO_LONG)):
                raise SeedError(found.problem.replace("YAML", "JSON", 1), where=found.where) from None
        raise SeedError(f"not JSON: {error}", where=name) from None


def _reject_repeated_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        seen: set[str] = set()
        key = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise ValueError(f"{key}{TWICE}")
    return made


def _as_yaml(text: str) -> str:
    """Return JSON as equivalent YAML. YAML has no tabs as white space, and a JSON string has no raw tabs."""
    return text.replace("\t", " ")
