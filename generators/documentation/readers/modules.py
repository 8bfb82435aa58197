"""Documented callables of an installed module, by walking its public names."""

from __future__ import annotations

import importlib
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from misfold.programs.errors import UsageError

from ..facts import Parameter
from .docstrings import parameters
from .signatures import Signature, signature_of


@dataclass(frozen=True)
class Documentation:
    """One documented callable: its public name, docstring, signature and documented parameters."""

    api: str
    text: str
    signature: Signature | None
    parameters: tuple[Parameter, ...]


def documented(name: str) -> list[Documentation]:
    """Documentation of a module's public callables and those of its imported submodules, or of the one callable named.

    Importing the module runs it. Two names of one object, or of one docstring, are read once, under the shortest.

    Raises:
        UsageError: there is no such module or attribute, or importing it fails.
    """
    found: dict[str, Documentation] = {}
    objects: set[int] = set()
    with warnings.catch_warnings():
        found_names = sorted(callables(_imported(name), name), key=lambda pair: (len(pair[0]), pair[0]))
    for api, item in found_names:
        if id(item) in objects:
            continue
        objects.add(id(item))
        text = item.__doc__
        if not isinstance(text, str) or not text.strip() or text in found:
            continue
        signature = signature_of(item, text)
        found[text] = Documentation(api, text, signature, tuple(parameters(api, text, signature)))
    return sorted(found.values(), key=lambda entry: entry.api)


def _imported(name: str) -> Any:
    path = name
    rest: list[str] = []
    while True:
        try:
            item: Any = importlib.import_module(path)
            break
        except ModuleNotFoundError as error:
            if error.name is None or not (path == error.name or path.startswith(error.name + ".")):
                raise UsageError(
                    f"{name} cannot be read: importing it needs {error.name}, which is not installed"
                ) from None
            path, _, last = path.rpartition(".")
            if not path:
                raise UsageError(f"there is no module {name} here; give the name as in an import statement") from None
            rest.insert(0, last)
        except Exception as error:
            raise UsageError(f"{name} cannot be imported: {type(error).__name__}: {error}") from None
    for part in rest:
        if not hasattr(item, part):
            raise UsageError(f"{path} has no {part}; give a module, or a function's full name")
        item = getattr(item, part)
    parent, _, last = path.rpartition(".")
    if parent and not rest:
        # A function may hide the module of its name: users get the function.
        item = getattr(sys.modules[parent], last, item)
    return item


def callables(root: Any, name: str) -> Iterator[tuple[str, Any]]:
    """Public callables under a module (or class, or the callable itself) with their names."""
    if not isinstance(root, ModuleType):
        yield name, root
        if isinstance(root, type):
            yield from _methods(root, name)
        return
    top = name.split(".")[0]
    seen: set[int] = set()
    waiting = [(name, root)]
    warnings.simplefilter("ignore", FutureWarning)  # looking at a deprecated name is not using it
    while waiting:
        path, module = waiting.pop(0)
        if id(module) in seen:
            continue
        seen.add(id(module))
        stated = vars(module).get("__all__")
        public = (
            stated if isinstance(stated, list | tuple) else [key for key in vars(module) if not key.startswith("_")]
        )
        for key in sorted(set(public) | {key for key in vars(module) if isinstance(vars(module)[key], ModuleType)}):
            if key.startswith("_"):
                continue
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                item = getattr(module, key, None)
            full = f"{path}.{key}"
            if isinstance(item, ModuleType):
                if full in sys.modules and item.__name__.split(".")[0] == top:
                    waiting.append((full, item))
            elif callable(item) and (getattr(item, "__module__", None) or top).split(".")[0] in (
                top,
                "builtins",
                "_VariableFunctions",
            ):
                yield full, item
                if isinstance(item, type):
                    yield from _methods(item, full)


def _methods(kind: type, name: str) -> Iterator[tuple[str, Any]]:
    """A class's own public methods; those of a built-in base (as of ``torch.Tensor``) count as its own."""
    bases = [kind, *(base for base in kind.__mro__[1:] if base.__module__.rpartition(".")[2].startswith("_"))]
    seen = set()
    for base in bases:
        for key, item in vars(base).items():
            if key.startswith("_") or key in seen:
                continue
            seen.add(key)
            item = item.__func__ if isinstance(item, classmethod | staticmethod) else item
            if callable(item):
                yield f"{name}.{key}", item
