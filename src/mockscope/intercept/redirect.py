"""Redirect requests for the vendor's hosts to a mock server, inside this process.

Each client is patched where it sends, and its connection to the mock is plain HTTP. Any other connection to one of the
hosts is refused before anything is sent. This module imports no client.
"""

import sys
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import cache, lru_cache, wraps
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from inspect import Signature, iscoroutinefunction, signature
from threading import Lock
from types import ModuleType
from typing import Any, Final

from mockscope.intercept.client_hooks import AUDIT_EVENTS, PATCH_TARGETS, PATCHED_MODULES, Hook
from mockscope.intercept.routes import ACTIVE, Route, check_host

# The value of an attribute that its owner inherits or lacks.
ABSENT: Final = object()
# The attribute of a replacement for its patch.
PATCH: Final = "__mockscope_patch__"


class Patch:
    """A patched attribute of a module or class.

    Args:
        owner: the module or class.
        name: the attribute.
        hook: called with the original function, followed by the arguments of the call.
    """

    def __init__(self, owner: Any, name: str, hook: Hook) -> None:
        before = vars(owner).get(name, ABSENT)
        # Another tool may have restored a replacement of an earlier redirect after the end of that redirect.
        while (patch := getattr(before, PATCH, None)) is not None and patch.replacement is before:
            before = patch.before
        self.before = before
        self.replacement = self._replacement(getattr(owner, name) if before is ABSENT else before, hook)
        self._owner, self._name = owner, name
        setattr(owner, name, self.replacement)

    def undo(self) -> None:
        """Restore the original value, unless another tool has patched the attribute meanwhile."""
        if vars(self._owner).get(self._name) is not self.replacement:
            return
        if self.before is ABSENT:
            delattr(self._owner, self._name)
        else:
            setattr(self._owner, self._name, self.before)

    def _replacement(self, original: Any, hook: Hook) -> Hook:
        """Return a function that calls the hook. Like the original, it is async or not, and has the same signature.

        Other patching tools inspect both.
        """

        def call(*args: Any, **options: Any) -> Any:
            if ACTIVE.current is None:
                self.undo()
            return hook(original, *args, **options)

        async def call_async(*args: Any, **options: Any) -> Any:
            return await call(*args, **options)

        replacement = wraps(original)(call_async if iscoroutinefunction(original) else call)
        vars(replacement)[PATCH] = self
        if (found := find_signature(original)) is not None:
            vars(replacement)["__signature__"] = found
        return replacement


@lru_cache(maxsize=128)
def find_signature(function: Hook) -> Signature | None:
    """Return the signature of a function, or None. It is cached, because it takes longer than the rest of a patch."""
    try:
        return signature(function)
    except (TypeError, ValueError):
        return None


def find_class(module: ModuleType, name: str) -> Any:
    """Return the class that a module defines, even if another tool has replaced it in the module."""
    found = getattr(module, name, None)
    if getattr(found, "__module__", module.__name__) == module.__name__:
        return found
    return find_defined_class(module.__name__, name) or found


@cache
def find_defined_class(module: str, name: str) -> type | None:
    kinds: list[type] = [object]
    # The list grows during the iteration.
    for kind in kinds:
        if (kind.__module__, kind.__qualname__) == (module, name):
            return kind
        kinds += type.__subclasses__(kind)
    return None


# -- clients that are imported later ---------------------------------------------------------------------------


class ImportWatcher(MetaPathFinder):
    """A finder that patches client modules which are imported during a redirect."""

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        if name not in PATCHED_MODULES:
            return None
        finders = sys.meta_path
        for finder in finders[finders.index(self) + 1 :] if self in finders else finders:
            spec = finder.find_spec(name, path, target)
            if spec is not None and spec.loader is not None:
                patch_after(spec.loader)
                return spec
        return None


def patch_after(loader: Any) -> None:
    """Make a loader patch the next module that it executes."""
    execute = loader.exec_module

    def exec_module(module: ModuleType) -> None:
        vars(loader).pop("exec_module", None)
        execute(module)
        REDIRECTS.patch_late(module)

    loader.exec_module = exec_module


# -- redirects -------------------------------------------------------------------------------------------------


class RedirectPatches:
    """The patches of all redirects of this process. The first redirect applies them, and the last one removes them."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._patches: list[Patch] = []
        self._watcher = ImportWatcher()
        self._finders: list[Any] = []
        self._is_audited = False

    def open(self, route: Route) -> None:
        """Start a redirect. The first one applies the patches."""
        with self._lock:
            if not ACTIVE.routes:
                self._patch()
            ACTIVE.routes = (*ACTIVE.routes, route)

    def close(self, route: Route) -> None:
        """End a redirect. The last one removes the patches."""
        with self._lock:
            ACTIVE.routes = tuple(other for other in ACTIVE.routes if other is not route)
            if not ACTIVE.routes:
                self._unpatch()

    def patch_late(self, module: ModuleType) -> None:
        """Patch a module that was imported during a redirect."""
        with self._lock:
            if self._patches:
                self._patch_module(module.__name__, module)

    def _patch(self) -> None:
        if not self._is_audited:
            # An audit hook cannot be removed. Without an active redirect, it does nothing.
            sys.addaudithook(self._audit)
            self._is_audited = True
        # A new list, because imports in other threads iterate over the old one. Tools such as pyfakefs insert a finder
        # at the front, and later remove the first one, so the watcher must not be the first.
        finders = self._finders = sys.meta_path
        place = finders.index(PathFinder) if PathFinder in finders else len(finders)
        sys.meta_path = [*finders[:place], self._watcher, *finders[place:]]
        for name in sorted(PATCHED_MODULES & sys.modules.keys()):
            self._patch_module(name, sys.modules[name])

    def _patch_module(self, name: str, module: ModuleType) -> None:
        for target in PATCH_TARGETS:
            if target.module == name:
                kind, _, attribute = target.name.rpartition(".")
                owner = find_class(module, kind) if kind else module
                if hasattr(owner, attribute):
                    self._patches.append(Patch(owner, attribute, target.hook))

    def _unpatch(self) -> None:
        # In reverse order, because a class with two names is patched twice.
        while self._patches:
            self._patches.pop().undo()
        finders = [finder for finder in sys.meta_path if finder is not self._watcher]
        sys.meta_path = self._finders if finders == self._finders else finders

    def _audit(self, event: str, args: tuple[Any, ...]) -> None:
        if ACTIVE.routes and event in AUDIT_EVENTS:
            check_host(args[AUDIT_EVENTS[event]])


REDIRECTS: Final = RedirectPatches()


def redirected(url: str) -> AbstractContextManager[None]:
    """Redirect requests of this process to the vendor's hosts to a mock server, for a ``with`` block.

    Args:
        url: the URL of the mock server, with the scheme http.

    Raises:
        ValueError: If it is not such a URL.
    """
    Route.to(url)  # raises now, instead of at the start of the block
    return _active(url)


@contextmanager
def _active(url: str) -> Iterator[None]:
    # A new route for each block. As a decorator, a redirect may be active several times at once.
    route = Route.to(url)
    REDIRECTS.open(route)
    try:
        yield
    finally:
        REDIRECTS.close(route)
