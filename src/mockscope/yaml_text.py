"""Seeds as YAML text: to plain data and back, and the line that a piece of data came from.

Nothing of the format is known here, and nobody else imports PyYAML to read or write a seed.
"""

import io
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Final

import yaml

from mockscope.domain.state import Path, SeedError

LONGEST_SHOWN: Final = 100
MERGE: Final = "tag:yaml.org,2002:merge"


class Loader(yaml.CSafeLoader):
    """YAML as people mean it here: times stay texts, and a key that stands twice is refused."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - the base class declares it so
        first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
        for first, resolvers in yaml.CSafeLoader.yaml_implicit_resolvers.items()
    }

    # Both methods take their switch as the base class declares it.

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:  # noqa: FBT001, FBT002
        try:
            return super().construct_object(node, deep)
        # What PyYAML lets slip where a tag says what the text is not, and Python where a number is too long for it.
        except (ValueError, LookupError, AttributeError):
            kind, text = node.tag.rpartition(":")[2], str(node.value)
            is_long = len(text) > LONGEST_SHOWN
            problem = f"{len(text)} characters are too many for one {kind}" if is_long else f"{text} is no {kind}"
            raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark) from None

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002
        keys: set[Any] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                continue
            known = MERGE if key.tag == MERGE else self.construct_object(key)
            if known in keys:
                raise yaml.constructor.ConstructorError(None, None, f"{key.value} stands here twice", key.start_mark)
            keys.add(known)
        return super().construct_mapping(node, deep)


def parse(text: str, name: str) -> Any:
    """Read YAML.

    Args:
        text: the text.
        name: what to call it in errors.

    Raises:
        SeedError: it is no YAML.
    """
    # Mistakes are left to the whole way too, which words them.
    with suppress(_NotPlainError, yaml.YAMLError, RecursionError):
        return _Plain(text).document()
    try:
        return yaml.load(text, Loader=Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        # What stops at the end is marked one line after the last.
        where = f"{name}, line {min(mark.line, text.count(chr(10))) + 1}" if mark else name
        raise SeedError(f"not YAML: {error.problem or error.context}", where=where) from None
    except yaml.YAMLError as error:
        found = yaml.reader.Reader.NON_PRINTABLE.search(text)
        if found is None:
            raise SeedError(f"not YAML: {error}", where=name) from None
        where = f"{name}, line {text.count(chr(10), 0, found.start()) + 1}"
        raise SeedError(f"not YAML: the character U+{ord(found[0]):04X} is not allowed", where=where) from None


def to_text(data: object) -> str:
    """Write plain data as YAML, keys in their order."""
    text: str = yaml.emit(_Writer().document(data), Dumper=yaml.CSafeDumper, allow_unicode=True, width=120)
    return text


def line_of(text: str, path: Path) -> int:
    """The line of what a path leads to, or of as much of the path as the text has: an alias is where the path ends.

    JSON is read as YAML here; a tab can only be white space in JSON, so the caller has made it a blank.
    """
    line = 1
    with suppress(yaml.YAMLError):
        events = yaml.parse(text, Loader=yaml.CSafeLoader)
        node = next(event for event in events if not isinstance(event, START_EVENTS))
        line = _line(node)
        for step in path:
            found = _child(events, node, step)
            if found is None:
                break
            line, node = found
    return line


# -- plain data ------------------------------------------------------------------------------------------------
#
# Straight from events and to events: PyYAML's own way builds a node for each piece, and the collector goes through all
# of them again and again, which takes five times as long as the reading and the writing.


class _NotPlainError(Exception):
    """There is more in the text than lists, mappings of different keys, and scalars without anchor or tag."""


class _Plain:
    """Reads one document of plain data.

    Args:
        text: YAML.
    """

    def __init__(self, text: str) -> None:
        self._loader = Loader(text)
        self._next = self._loader.get_event
        self._resolved: dict[str, Any] = {}

    def document(self) -> Any:
        """The data.

        Raises:
            _NotPlainError, YAMLError, RecursionError: it takes more than this to read it.
        """
        self._expect(yaml.StreamStartEvent)
        self._expect(yaml.DocumentStartEvent)
        data = self._value(self._next())
        self._expect(yaml.DocumentEndEvent)
        self._expect(yaml.StreamEndEvent)
        return data

    def _expect(self, kind: type[yaml.Event]) -> None:
        if not isinstance(self._next(), kind):
            raise _NotPlainError

    def _value(self, event: yaml.Event | None) -> Any:
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event)
        if not isinstance(event, yaml.CollectionStartEvent) or event.tag or event.anchor:
            raise _NotPlainError
        return self._mapping() if isinstance(event, yaml.MappingStartEvent) else self._sequence()

    def _mapping(self) -> dict[Any, Any]:
        made: dict[Any, Any] = {}
        while not isinstance(event := self._next(), yaml.MappingEndEvent):
            if not isinstance(event, yaml.ScalarEvent) or (key := self._scalar(event)) in made:
                raise _NotPlainError
            made[key] = self._value(self._next())
        return made

    def _sequence(self) -> list[Any]:
        made = []
        while not isinstance(event := self._next(), yaml.SequenceEndEvent):
            made.append(self._value(event))
        return made

    def _scalar(self, event: yaml.ScalarEvent) -> Any:
        if event.tag or event.anchor:
            raise _NotPlainError
        text = event.value
        if not event.implicit[0] or text[:1] not in Loader.yaml_implicit_resolvers:
            return text
        if text not in self._resolved:
            self._resolved[text] = self._resolve(text)
        return self._resolved[text]

    def _resolve(self, text: str) -> Any:
        tag = _tag_of(text, self._loader)
        if tag == MERGE:
            raise _NotPlainError
        return self._loader.construct_object(yaml.ScalarNode(tag, text))


class _Writer:
    """Writes plain data as the events of one document, a list that stands in two places twice."""

    def __init__(self) -> None:
        self._dumper = yaml.SafeDumper(io.StringIO())
        self._written: dict[tuple[type, str], yaml.ScalarEvent] = {}

    def document(self, data: object) -> Iterator[yaml.Event]:
        """The events.

        Raises:
            YAMLError: there is something in the data that is not plain.
        """
        yield yaml.StreamStartEvent()
        yield yaml.DocumentStartEvent(explicit=False)
        yield from self._value(data)
        yield yaml.DocumentEndEvent(explicit=False)
        yield yaml.StreamEndEvent()

    def _value(self, data: object) -> Iterator[yaml.Event]:
        if isinstance(data, dict):
            yield yaml.MappingStartEvent(None, None, implicit=True, flow_style=False)
            for key, value in data.items():
                yield from self._value(key)
                yield from self._value(value)
            yield yaml.MappingEndEvent()
        elif isinstance(data, (list, tuple)):
            yield yaml.SequenceStartEvent(None, None, implicit=True, flow_style=False)
            for item in data:
                yield from self._value(item)
            yield yaml.SequenceEndEvent()
        else:
            yield self._scalar(data)

    def _scalar(self, data: object) -> yaml.ScalarEvent:
        # Not by itself: 1 and True are equal, and so are 0.0 and -0.0.
        known = type(data), repr(data)
        if known not in self._written:
            node = self._dumper.represent_data(data)
            assert isinstance(node, yaml.ScalarNode), data
            implicit = node.tag == _tag_of(node.value, self._dumper), node.tag == self._dumper.DEFAULT_SCALAR_TAG
            self._written[known] = yaml.ScalarEvent(None, node.tag, implicit, node.value, style=node.style)
        return self._written[known]


def _tag_of(text: str, resolver: yaml.resolver.BaseResolver) -> str:
    """What a text without quotes is taken for."""
    tag: str = resolver.resolve(yaml.ScalarNode, text, (True, False))  # type: ignore[no-untyped-call]
    return tag


# -- places ----------------------------------------------------------------------------------------------------

START_EVENTS: Final = yaml.StreamStartEvent, yaml.DocumentStartEvent

DEEPER: Final = {
    yaml.MappingStartEvent: 1,
    yaml.SequenceStartEvent: 1,
    yaml.MappingEndEvent: -1,
    yaml.SequenceEndEvent: -1,
}


def _child(events: Iterator[yaml.Event], node: yaml.Event, step: str | int) -> tuple[int, yaml.Event] | None:
    """The line where a step leads to, and the node there."""
    if isinstance(node, yaml.SequenceStartEvent) and isinstance(step, int):
        for _ in range(step):
            _pass_over(next(events), events)
        item = next(events)
        return _line(item), item
    if isinstance(node, yaml.MappingStartEvent):
        while not isinstance(key := next(events), yaml.MappingEndEvent):
            if isinstance(key, yaml.ScalarEvent) and key.value == step:
                return _line(key), next(events)
            _pass_over(key, events)
            _pass_over(next(events), events)
    return None


def _pass_over(node: yaml.Event, events: Iterator[yaml.Event]) -> None:
    depth = DEEPER.get(type(node), 0)
    while depth:
        depth += DEEPER.get(type(next(events)), 0)


def _line(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark else 1
