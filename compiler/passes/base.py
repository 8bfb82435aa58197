"""What a pass is: a small immutable object whose fields are its parameters, and a function from IR to IR.

A pass is right for every verified IR: where its precondition does not hold for some place, it leaves that place as it
is. It never changes what a function computes, except that sums and products of floats may be reordered.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import Any, ClassVar, Literal

from misfold.compiler.errors import PipelineError
from misfold.compiler.graph.ir import Graph
from misfold.compiler.loops.ir import Function

Value = int | float | bool | str


def parameter(default: Value, doc: str, values: tuple[Value, ...]) -> Any:
    """A parameter of a pass. ``values`` are all that may be chosen, or for a number those worth trying: any number
    between the smallest and the largest of them is allowed then."""
    return field(default=default, metadata={"doc": doc, "values": values})


@dataclass(frozen=True)
class Pass(ABC):
    """Base of all passes. Subclasses are frozen dataclasses; their fields are made by ``parameter``."""

    #: kebab-case, unique.
    name: ClassVar[str]
    level: ClassVar[Literal["graph", "loop"]]
    #: What must hold for the pass to change something, and why that makes it right. One or two sentences.
    precondition: ClassVar[str]

    def __post_init__(self) -> None:
        for one in fields(self):
            _check(self.name, one.name, getattr(self, one.name), one.default, one.metadata["values"])

    def data(self) -> list[Any]:
        """``[name]`` or ``[name, {parameter: value}]``, defaults left out: what ``make`` takes."""
        changed = {one.name: getattr(self, one.name) for one in fields(self) if getattr(self, one.name) != one.default}
        return [self.name, changed] if changed else [self.name]


class GraphPass(Pass):
    level = "graph"

    @abstractmethod
    def run(self, graph: Graph) -> Graph:
        """The rewritten graph; the same object if nothing changes."""


class LoopPass(Pass):
    level = "loop"

    @abstractmethod
    def run(self, function: Function) -> Function:
        """The rewritten function; the same object if nothing changes."""


def _check(name: str, parameter: str, value: Any, default: Any, values: tuple[Value, ...]) -> None:
    if type(value) is not type(default) or default is MISSING:
        raise PipelineError(f"pass {name}: {parameter} must be of type {type(default).__name__}, not {value!r}")
    numeric = isinstance(value, int | float) and not isinstance(value, bool)
    if numeric and not min(values) <= value <= max(values):  # type: ignore[type-var]
        raise PipelineError(f"pass {name}: {parameter} must be between {min(values)} and {max(values)}, not {value}")  # type: ignore[type-var]
    if not numeric and value not in values:
        raise PipelineError(f"pass {name}: {parameter} must be one of {', '.join(map(repr, values))}, not {value!r}")


@cache
def registry() -> Mapping[str, type[GraphPass] | type[LoopPass]]:
    """All passes by name: every subclass of ``Pass`` defined in a module of ``passes.graph`` or ``passes.loops``."""
    found: dict[str, Any] = {}
    for package_name in ("misfold.compiler.passes.graph", "misfold.compiler.passes.loops"):
        package = import_module(package_name)
        for module in sorted(one.name for one in iter_modules(package.__path__)):
            for item in vars(import_module(f"{package_name}.{module}")).values():
                if isinstance(item, type) and issubclass(item, Pass) and "name" in vars(item):
                    assert found.get(item.name, item) is item, f"two passes are called {item.name}"
                    found[item.name] = item
    return found


def make(name: str, parameters: Mapping[str, Value] | None = None) -> GraphPass | LoopPass:
    """A pass out of data.

    Raises:
        PipelineError: there is no such pass or parameter, or a value is not allowed; names what is there.
    """
    kind = registry().get(name)
    if kind is None:
        raise PipelineError(f"there is no pass {name!r}; there are: {', '.join(sorted(registry()))}")
    known = [one.name for one in fields(kind)]
    for given in parameters or {}:
        if given not in known:
            raise PipelineError(f"pass {name} has no parameter {given!r}; it has: {', '.join(known) or 'none'}")
    return kind(**(parameters or {}))
