"""Seeds as YAML text: to plain data and back, and the line that a piece of data came from.

Nothing of the format is known here, and no other module imports PyYAML to read or write a seed.
"""

from typing import Any, Final

import yaml

from mockscope.seeds.format import Path, SeedError

# PyYAML's own classes of these names are slower; they are there where libyaml is not.
SafeLoader: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
SafeDumper: Final[Any] = getattr(yaml, "CSafeDumper", yaml.SafeDumper)

MAX_SHOWN: Final = 100
# Aliases would make a large seed of a small file.
MAX_ALIASED_VALUES: Final = 1_000_000

# PyYAML's words for a tab, or a character such as @, where a value may begin.
NO_TOKEN: Final = "found character that cannot start any token"

# Stand-ins for data that is not there yet, and for the key that takes in the keys of another mapping.
IN_PROGRESS: Final[tuple[Any, int]] = (None, 0)
MERGE_KEY: Final = object()

TEXT: Final = "tag:yaml.org,2002:str"
MERGE: Final = "tag:yaml.org,2002:merge"
SEQUENCE: Final = "tag:yaml.org,2002:seq"
MAPPING: Final = "tag:yaml.org,2002:map"
TIMESTAMP: Final = "tag:yaml.org,2002:timestamp"


class Loader(SafeLoader):  # type: ignore[misc]
    """PyYAML's loader, but times stay texts."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - the base class declares it so
        first: [(tag, pattern) for tag, pattern in resolvers if tag != TIMESTAMP]
        for first, resolvers in SafeLoader.yaml_implicit_resolvers.items()
    }


class Dumper(SafeDumper):  # type: ignore[misc]
    """PyYAML's dumper, but a list that stands in two places is written twice."""

    def ignore_aliases(self, data: object) -> bool:
        """Write no alias."""
        return True


def parse(text: str, name: str) -> Any:
    """Parse one document of YAML.

    Args:
        text: The document.
        name: The name for it in errors.

    Raises:
        SeedError: If it is not YAML, holds a key twice, or aliases make it too large.
    """
    try:
        loader = Loader(text)
        node = loader.get_single_node()
        return None if node is None else _Builder(loader).build(node)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        # The mark of an error at the end is one line after the last.
        where = f"{name}, line {min(mark.line, text.count(chr(10))) + 1}" if mark else name
        problem = error.problem or error.context
        if mark and problem == NO_TOKEN and text.split("\n")[mark.line][mark.column] == "\t":
            problem = "a tab stands here: indent by blanks"
        raise SeedError(f"not YAML: {problem}", where=where) from None
    except yaml.YAMLError as error:
        found = yaml.reader.Reader.NON_PRINTABLE.search(text)
        if found is None:
            raise SeedError(f"not YAML: {error}", where=name) from None
        where = f"{name}, line {text.count(chr(10), 0, found.start()) + 1}"
        raise SeedError(f"not YAML: the character U+{ord(found[0]):04X} is not allowed", where=where) from None
    except RecursionError:
        raise SeedError("nested too deeply", where=name) from None


def to_text(data: object) -> str:
    """Render plain data as YAML, keys in their order."""
    text: str = yaml.dump(data, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=120)
    return text


def line_of(text: str, path: Path) -> int | None:
    """Return the line that a path leads to, or the line where the text ends the path early.

    JSON is read as YAML too. A tab can only be white space in JSON, and the caller has replaced it by a blank.

    Returns:
        The line, from 1 on; None if the text is not YAML.
    """
    try:
        node = Loader(text).get_single_node()
    except (yaml.YAMLError, RecursionError):
        return None
    line = 0 if node is None else node.start_mark.line
    for step in path:
        found = _child(node, step)
        if found is None:
            break
        line, node = found
    return int(line) + 1


def _child(node: Any, step: str | int) -> tuple[int, yaml.Node] | None:
    """Return the line where a step leads to, and the node there."""
    if isinstance(node, yaml.MappingNode):
        return next(((key.start_mark.line, value) for key, value in node.value if key.value == step), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        return node.value[step].start_mark.line, node.value[step]
    return None


class _Builder:
    """Builds plain data from the nodes of a document.

    PyYAML's own constructors take 5 s for 100,000 users, and this takes one.

    Args:
        loader: The loader that made the nodes. It constructs the scalars that are not texts.
    """

    def __init__(self, loader: Any) -> None:
        self._loader = loader
        # The data of each list and mapping, with the number of values in it at any depth.
        self._built: dict[yaml.Node, tuple[Any, int]] = {}
        self._values = 0
        self._aliased_values = 0

    def build(self, node: yaml.Node) -> Any:
        """Build the data of a node.

        Raises:
            YAMLError: If a key stands twice, a scalar is not what its tag says, a tag is unknown, or aliases repeat
                too much.
        """
        if isinstance(node, yaml.ScalarNode):
            self._values += 1
            return node.value if node.tag == TEXT else self._scalar(node)
        if node in self._built:
            return self._alias(node)
        before = self._values
        self._built[node] = IN_PROGRESS
        if node.tag == SEQUENCE and isinstance(node, yaml.SequenceNode):
            data: Any = [self.build(item) for item in node.value]
        elif node.tag == MAPPING and isinstance(node, yaml.MappingNode):
            data = self._mapping(node)
        else:
            self._loader.construct_undefined(node)
        self._values += 1
        self._built[node] = data, self._values - before
        return data

    def _alias(self, node: yaml.Node) -> Any:
        data, values = self._built[node]
        if self._built[node] is IN_PROGRESS:
            raise _error("it contains itself", node)
        self._values += values
        self._aliased_values += values
        if self._aliased_values > MAX_ALIASED_VALUES:
            raise _error(f"aliases of this repeat more than {MAX_ALIASED_VALUES} values", node)
        return data

    def _mapping(self, node: yaml.MappingNode) -> dict[Any, Any]:
        made: dict[Any, Any] = {}
        merged: list[Any] = []
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.tag not in (TEXT, MERGE):
                raise _error("a key must be a text: write it in quotes", key)
            name = MERGE_KEY if key.tag == MERGE else key.value
            if name in made:
                raise _error(f"{key.value} stands here twice", key)
            made[name] = data = self.build(value)
            if name is MERGE_KEY:
                merged = data if isinstance(data, list) else [data]
                if not all(isinstance(source, dict) for source in merged):
                    raise _error("<< needs a mapping", key)
        made.pop(MERGE_KEY, None)
        # The keys of the mapping itself win, then those of the first source.
        for source in merged:
            made = source | made
        return made

    def _scalar(self, node: yaml.ScalarNode) -> Any:
        try:
            return self._loader.construct_object(node)
        # PyYAML lets these pass where a text is not what its tag says, and Python where a number is too long for it.
        except (ValueError, LookupError, AttributeError):
            kind, text = node.tag.rpartition(":")[2], str(node.value)
            is_long = len(text) > MAX_SHOWN
            problem = (
                f"{len(text)} characters are too many for one {kind}" if is_long else f"{text} is not of type {kind}"
            )
            raise _error(problem, node) from None


def _error(problem: str, node: yaml.Node) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(None, None, problem, node.start_mark)
