"""YAML: parsed to plain data, rendered from it, and the line of a value. No other module of seeds imports PyYAML."""

from typing import Any, Final

import yaml

from mockscope.seeds.format import Path, SeedError

# The C classes are faster. PyYAML has them only if it was built with libyaml.
SafeLoader: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
SafeDumper: Final[Any] = getattr(yaml, "CSafeDumper", yaml.SafeDumper)

MAX_SHOWN: Final = 100
# Limits the size of the data that a small file can expand to by aliases.
MAX_ALIASED_VALUES: Final = 1_000_000

# The message of PyYAML for a tab, or a character such as @, at the beginning of a value.
NO_TOKEN: Final = "found character that cannot start any token"

# Placeholders for data that is not complete yet, and for the merge key ``<<``.
IN_PROGRESS: Final[tuple[Any, int]] = (None, 0)
MERGE_KEY: Final = object()

TEXT: Final = "tag:yaml.org,2002:str"
MERGE: Final = "tag:yaml.org,2002:merge"
SEQUENCE: Final = "tag:yaml.org,2002:seq"
MAPPING: Final = "tag:yaml.org,2002:map"
TIMESTAMP: Final = "tag:yaml.org,2002:timestamp"


class Loader(SafeLoader):  # type: ignore[misc]
    """PyYAML's safe loader, but times stay strings."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - the base class declares it so
        first: [(tag, pattern) for tag, pattern in resolvers if tag != TIMESTAMP]
        for first, resolvers in SafeLoader.yaml_implicit_resolvers.items()
    }


class Dumper(SafeDumper):  # type: ignore[misc]
    """PyYAML's safe dumper without aliases: a list that occurs twice is written twice."""

    def ignore_aliases(self, data: object) -> bool:
        """Return True, so that no alias is written."""
        return True


def parse(text: str, name: str) -> Any:
    """Parse one document of YAML.

    Args:
        text: The document.
        name: The name of the file, for errors.

    Raises:
        SeedError: If it is not YAML, a key occurs twice, or aliases repeat too many values.
    """
    try:
        loader = Loader(text)
        node = loader.get_single_node()
        return None if node is None else _Builder(loader).build(node)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        # The mark of an error at the end of the text is on the line after the last.
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
    """Render plain data as YAML. Keys keep their order."""
    text: str = yaml.dump(data, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=120)
    return text


def line_of(text: str, path: Path) -> int | None:
    """Return the line of the value at a path, or of its last existing parent.

    Args:
        text: YAML, or JSON with blanks instead of tabs.
        path: the keys and positions that lead to the value.

    Returns:
        The line number, counted from 1; None if the text is not YAML.
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
    """Return the line and the node of a child; None if the child is missing."""
    if isinstance(node, yaml.MappingNode):
        return next(((key.start_mark.line, value) for key, value in node.value if key.value == step), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        return node.value[step].start_mark.line, node.value[step]
    return None


class _Builder:
    """Builds plain data from the nodes of a document.

    The constructors of PyYAML take 5 s for 100,000 users; this class takes 1 s.

    Args:
        loader: The loader of the nodes. It constructs the scalars that are not strings.
    """

    def __init__(self, loader: Any) -> None:
        self._loader = loader
        # The data of each list and mapping, with the number of values in it, at any depth.
        self._built: dict[yaml.Node, tuple[Any, int]] = {}
        self._values = 0
        self._aliased_values = 0

    def build(self, node: yaml.Node) -> Any:
        """Build the data of a node.

        Raises:
            YAMLError: If a key occurs twice, a scalar does not fit its tag, a tag is unknown, or aliases repeat too
                many values.
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
        # The keys of the mapping itself take precedence, then those of the first source.
        for source in merged:
            made = source | made
        return made

    def _scalar(self, node: yaml.ScalarNode) -> Any:
        try:
            return self._loader.construct_object(node)
        # Raised by PyYAML for a scalar that does not fit its tag, and by Python for an integer with too many digits.
        except (ValueError, LookupError, AttributeError):
            kind, text = node.tag.rpartition(":")[2], str(node.value)
            problem = f"{text} is not of type {kind}"
            if len(text) > MAX_SHOWN:
                problem = f"{len(text)} characters are too many for one {kind}"
            raise _error(problem, node) from None


def _error(problem: str, node: yaml.Node) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(None, None, problem, node.start_mark)
