"""Seeds as YAML text: to plain data and back, and the line that a piece of data came from.

Nothing of the format is known here, and nobody else imports PyYAML to read or write a seed.
"""

from typing import Any

import yaml

from mockscope.domain.state import Path, SeedError


class Loader(yaml.CSafeLoader):
    """YAML as people mean it here: times stay texts, and a key that stands twice is refused."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - the base class declares it so
        first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
        for first, resolvers in yaml.CSafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002
        keys: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                continue
            if key.value in keys:
                raise yaml.constructor.ConstructorError(None, None, f"{key.value} stands here twice", key.start_mark)
            keys.add(key.value)
        return super().construct_mapping(node, deep)


def parse(text: str, name: str) -> Any:
    """Read YAML.

    Args:
        text: the text.
        name: what to call it in errors.

    Raises:
        SeedError: it is no YAML.
    """
    try:
        return yaml.load(text, Loader=Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        # What stops at the end is marked one line after the last.
        where = f"{name}, line {min(mark.line, text.count(chr(10))) + 1}" if mark else name
        raise SeedError(f"not YAML: {error.problem or error.context}", where=where) from None
    except yaml.YAMLError as error:
        raise SeedError(f"not YAML: {error}", where=name) from None


def to_text(data: object) -> str:
    """Write plain data as YAML, keys in their order."""
    text: str = yaml.dump(data, Dumper=yaml.CSafeDumper, sort_keys=False, allow_unicode=True, width=120)
    return text


def line_of(text: str, path: Path) -> int:
    """The line of what a path leads to, or of as much of the path as the text has.

    JSON is read as YAML here; a tab can only be white space in JSON, so the caller has made it a blank.
    """
    try:
        node = yaml.compose(text, Loader=yaml.CSafeLoader)
    except yaml.YAMLError:
        return 1
    line = node.start_mark.line if node else 0
    for step in path:
        if isinstance(node, yaml.SequenceNode) and isinstance(step, int):
            node = node.value[step]
            line = node.start_mark.line
        elif isinstance(node, yaml.MappingNode):
            found = next(((key, value) for key, value in node.value if key.value == step), None)
            if found is None:
                break
            line, node = found[0].start_mark.line, found[1]
        else:
            break
    return int(line) + 1
