"""Where a fault sits: names of functions, table entries and rewrite rules of the compiler, and how each is replaced.

A place is written as one of

* ``passes.loops.simplify:_compared``, ``loops.ranges:Ranges.inside``: a function or method of ``misfold.compiler``. The
  function object stays and its code changes, so that tables and importers that hold it have the variant too.
* ``passes.loops.tiling:=smaller``: a name in one module, left alone elsewhere.
* ``codegen.floats:_EXACT[round]``: an entry of a table.
* ``rule:add-zero``: a rewrite rule of algebraic simplification.

A variant of a function is called with the function as it was and then its arguments; one of a table's entry with the
value as it was, and gives the new one.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib import import_module
from itertools import count
from types import FunctionType
from typing import Any

PACKAGE = "misfold.compiler"
_numbers = count()

#: Takes a replacement back.
Undo = Callable[[], None]


def replace_at(place: str, variant: Callable[..., Any]) -> Undo:
    """Put a variant in a place.

    Raises:
        LookupError: there is no such place.
    """
    module_name, _, path = place.partition(":")
    if module_name == "rule":
        return _recode(_rule(path), variant)
    module = import_module(f"{PACKAGE}.{module_name}")
    if path.startswith("="):
        return _reassign(module, path[1:], variant)
    if path.endswith("]"):
        table, _, key = path[:-1].partition("[")
        return _reenter(getattr(module, table), key, variant)
    found: Any = module
    for part in path.split("."):
        if not hasattr(found, part):
            raise LookupError(f"{place}: {found.__name__} has no {part}")
        found = found.__dict__[part] if isinstance(found, type) else getattr(found, part)
    if isinstance(found, staticmethod):
        found = found.__func__
    if isinstance(found, property):
        found = found.fget
    return _recode(found, variant)


def _rule(name: str) -> FunctionType:
    from misfold.compiler.passes.graph.algebraic_simplification import RULES

    for rule in RULES:
        if rule.name == name:
            assert isinstance(rule.rewrite, FunctionType)
            return rule.rewrite
    raise LookupError(f"there is no rewrite rule {name!r}")


def _trampoline(*args: Any, **kwargs: Any) -> Any:
    return __variant__(*args, **kwargs)  # type: ignore[name-defined]  # noqa: F821 - a name of the replaced function's module


def _recode(function: Any, variant: Callable[..., Any]) -> Undo:
    """Change what a function does, whoever holds it."""
    if not isinstance(function, FunctionType):
        raise LookupError(f"{function!r} is not a function")
    if function.__code__.co_freevars:
        raise LookupError(f"{function.__qualname__} is a closure, whose code cannot be changed")
    old = function.__code__
    original = FunctionType(old, function.__globals__, function.__name__, function.__defaults__)
    original.__kwdefaults__ = function.__kwdefaults__
    key = f"__variant_{next(_numbers)}__"
    function.__globals__[key] = partial(variant, original)
    # The name stays, so that tracebacks and failures' frames are those of the compiler.
    function.__code__ = _trampoline.__code__.replace(
        co_names=(key,), co_name=old.co_name, co_qualname=old.co_qualname, co_filename=old.co_filename
    )

    def undo() -> None:
        function.__code__ = old
        del function.__globals__[key]

    return undo


def _reassign(module: Any, name: str, variant: Callable[..., Any]) -> Undo:
    if not hasattr(module, name):
        raise LookupError(f"{module.__name__} has no {name}")
    old = getattr(module, name)
    setattr(module, name, partial(variant, old))
    return lambda: setattr(module, name, old)


def _reenter(table: dict[Any, Any], key: str, variant: Callable[[Any], Any]) -> Undo:
    if key not in table:
        raise LookupError(f"there is no entry {key!r}")
    old = table[key]
    table[key] = variant(old)

    def undo() -> None:
        table[key] = old

    return undo
