"""Watching torch: which public operators some Python code calls, and with what."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

import torch
from torch.overrides import TorchFunctionMode, resolve_name

from misfold.programs.arguments import SYMBOLS, Argument, Ref, Symbol
from misfold.programs.errors import GraphError
from misfold.programs.graph import MAX_DEPTH, MAX_STRING
from misfold.programs.operators import is_operator, operator_names

from ..calling import NAMES, function_of

# A sample larger than this says nothing that a smaller one does not.
MAX_ELEMENTS = 2**14
# Keywords that say nothing about what is computed, as long as they hold their default, the CPU, or strided memory.
IDLE = frozenset({"device", "pin_memory", "requires_grad", "generator", "out", "layout"})
_POOL = re.compile(r"(torch\.nn\.functional\.(?:adaptive_)?max_pool[123]d)_with_indices")


class Inexpressible(Exception):
    """A call that the language cannot write down; the message says why, in a few words."""


@dataclass
class Call:
    """One call as data: arguments with ``Ref("x0")`` … for the tensors in ``tensors`` (copies made before the call)."""

    op: str
    args: tuple[Argument, ...]
    kwargs: dict[str, Argument]
    tensors: list[torch.Tensor] = field(default_factory=list)

    @property
    def structure(self) -> str:
        """What the call looks like without sizes, numbers and element types."""

        def shape(item: Any) -> str:
            if isinstance(item, Ref):
                tensor = self.tensors[int(item.name[1:])]
                zero = "0" if tensor.numel() == 0 else ""
                return f"T{tensor.dim()}{zero}{'' if tensor.is_contiguous() else 's'}"
            if isinstance(item, list | tuple):
                return f"({','.join(map(shape, item))})"
            if isinstance(item, slice):
                return f"{shape(item.start)}:{shape(item.stop)}:{shape(item.step)}"
            if isinstance(item, int | float) and not isinstance(item, bool):
                return type(item).__name__ + ("-" if item < 0 else "")
            return str(item)

        return f"{shape(self.args)}{','.join(f'{key}={shape(value)}' for key, value in self.kwargs.items())}"

    @property
    def dtypes(self) -> str:
        """Element types of the tensors, in order."""
        return ",".join(NAMES[tensor.dtype] for tensor in self.tensors)


@cache
def _names_by_function() -> dict[int, tuple[str, ...]]:
    """Allow-listed names of the installed torch's functions by identity."""
    names: dict[int, tuple[str, ...]] = {}
    for name in sorted(operator_names()):
        try:
            function = function_of(name)
        except GraphError:
            continue
        names[id(function)] = (*names.get(id(function), ()), name)
    return names


def public_names(function: Callable[..., Any]) -> tuple[Sequence[str], dict[str, Argument]]:
    """The allow-listed names of a torch function, and keyword arguments that they imply.

    There are several where torch offers one function in several places: ``torch.mm`` is ``torch.spmm`` too.
    """
    name = resolve_name(function)
    if name is None:
        return (), {}
    name = name.replace("torch.functional.", "torch.")
    pool = _POOL.fullmatch(name)
    if pool:
        return ((pool[1],) if is_operator(pool[1]) else ()), {"return_indices": True}
    found = _names_by_function().get(id(function), ())
    # A name that torch resolves to another object still says what is called.
    return (found if not is_operator(name) or name in found else (name, *found)), {}


class Recorder(TorchFunctionMode):
    """Collects the outermost calls made while it is active."""

    def __init__(self, limit: int = 10_000):
        super().__init__()
        self.calls: list[Call] = []
        self.refused: dict[str, int] = {}
        self._limit = limit

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        call: Call | None = None
        names: Sequence[str] = ()
        if len(self.calls) < self._limit:
            names, extra = public_names(function)
            if names:
                try:
                    call = describe(names[0], args, {**kwargs, **extra})
                except Inexpressible as error:
                    self.refused[str(error)] = self.refused.get(str(error), 0) + 1
        result = function(*args, **kwargs)
        if call is not None:
            self.calls += [call, *(replace(call, op=name) for name in names[1:])]
        return result


@contextmanager
def beneath() -> Iterator[None]:
    """Let recorders see through torch's functions that are written in Python, to the operators that these call."""
    checks = ("has_torch_function", "has_torch_function_unary", "has_torch_function_variadic")
    places = [(module, name) for module in (torch.nn.functional, torch.functional) for name in checks]
    before = [(module, name, getattr(module, name)) for module, name in places if hasattr(module, name)]
    for module, name, _ in before:
        setattr(module, name, lambda *_: False)
    try:
        yield
    finally:
        for module, name, check in before:
            setattr(module, name, check)


def describe(op: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call:
    """A call as data.

    Raises:
        Inexpressible: an argument has no form in the language.
    """
    tensors: list[torch.Tensor] = []
    known: dict[int, int] = {}

    def tensor(item: torch.Tensor) -> Ref:
        if item.layout is not torch.strided or item.device.type != "cpu" or item.dtype not in NAMES:
            raise Inexpressible(f"a tensor of {item.dtype}" if item.layout is torch.strided else "a sparse tensor")
        if type(item) not in (torch.Tensor, torch.nn.Parameter):
            raise Inexpressible("a tensor subclass")
        if item.numel() > MAX_ELEMENTS:
            raise Inexpressible("a large tensor")
        if id(item) not in known:
            known[id(item)] = len(tensors)
            tensors.append(fresh_copy(item))
        return Ref(f"x{known[id(item)]}")

    def plain(item: Any, depth: int = 0) -> Argument:
        if depth > MAX_DEPTH:
            raise Inexpressible("deep nesting")
        if isinstance(item, torch.Tensor):
            return tensor(item)
        if item is None or item is ... or type(item) in (bool, int, float):
            return item
        if isinstance(item, str) and len(item) < MAX_STRING:
            return item
        if isinstance(item, torch.dtype | torch.memory_format | torch.layout) and str(item) in SYMBOLS:
            return Symbol(str(item))
        if isinstance(item, list | range):
            return [plain(part, depth + 1) for part in item]
        if isinstance(item, tuple):
            return tuple(plain(part, depth + 1) for part in item)
        if isinstance(item, slice):
            return slice(*(plain(part, depth + 1) for part in (item.start, item.stop, item.step)))
        raise Inexpressible(f"a {type(item).__name__} argument")

    kept = {key: plain(value) for key, value in without_idle(kwargs).items()}
    return Call(op, tuple(plain(item) for item in args), kept, tensors)


def without_idle(kwargs: dict[str, Any]) -> dict[str, Any]:
    """Keyword arguments without those that say nothing.

    Raises:
        Inexpressible: one of them does say something, such as where the output goes.
    """
    kept = {}
    for key, value in kwargs.items():
        if key not in IDLE:
            kept[key] = value
        elif not (value is None or value is False or str(value) in ("cpu", "torch.strided")):
            raise Inexpressible(f"the keyword {key}")
    return kept


def fresh_copy(tensor: torch.Tensor) -> torch.Tensor:
    """The same elements and strides in memory of its own."""
    tensor = tensor.detach()
    if tensor.is_contiguous():
        return tensor.clone(memory_format=torch.contiguous_format)
    strides = tensor.stride()
    size = 1 + sum((dim - 1) * stride for dim, stride in zip(tensor.shape, strides)) if tensor.numel() else 0
    storage = torch.zeros(size, dtype=tensor.dtype)
    copy = storage.as_strided(tensor.shape, strides)
    if size:
        storage.copy_(tensor.as_strided((size,), (1,)))
    return copy
