"""Walks an FX graph of ATen operators and builds the graph IR of what it computes."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch.fx import Graph as FxGraph
from torch.fx import Node as FxNode
from torch.utils._python_dispatch import _disable_current_modes

from misfold.compiler.errors import Unsupported
from misfold.compiler.graph.builder import Builder
from misfold.compiler.graph.ir import TensorType
from misfold.compiler.graph.operators.base import IllTyped
from misfold.compiler.graph.operators.creation import MAX_LITERAL

from .decompositions import decompose
from .imported import Check, Factorised
from .layout import strides_of
from .registry import Context, conversions
from .tensor import Tensor
from .types import FROM_TORCH, dtype_of

# Arguments that say where a tensor lies or how, or how to get it there, never what is in it.
_ABOUT_MEMORY = ("device", "layout", "pin_memory", "memory_format", "non_blocking", "generator")
# Calls that compute nothing: assertions about what is constant here.
_NO_EFFECT = ("aten._assert_tensor_metadata.default", "aten.sym_constrain_range_for_size.default")


class Token:
    """What orders operators that have effects, as a value: nothing that is computed."""


class Importer:
    """Builds one graph. ``environment`` holds what each FX node stands for: a ``Tensor``, a sequence of these, None or
    a Python number."""

    def __init__(self, name: str):
        self.builder = Builder(name)
        self.environment: dict[FxNode, Any] = {}
        #: Tensors that ``get_attr`` nodes refer to, by the name of the graph input that stands for them.
        self.bound: dict[str, torch.Tensor] = {}
        #: New values of inputs that the graph writes with ``copy_``: (written node, its new value).
        self.written: list[tuple[FxNode, Any]] = []
        #: What must be zero: (LAPACK's info, the function's name, whether it is of one matrix).
        self.checks: list[tuple[Tensor, Callable[[int], Check]]] = []

    # -------------------------------------------------------------------------------------------------------- inputs

    def input(self, fake: torch.Tensor) -> Tensor:
        """A new input of the graph, with the strides that the tensor has."""
        check_tensor(fake)
        type = TensorType(dtype_of(fake.dtype), tuple(fake.shape), strides_of(fake))
        return self._tensor(Tensor(self.builder, self.builder.input(type)), fake)

    def constant(self, tensor: torch.Tensor) -> Tensor:
        """A tensor that the program holds: part of the graph if it is small, else an input that is bound to it."""
        check_tensor(tensor)
        if tensor.numel() > MAX_LITERAL:
            made = self.input(tensor)
            self.bound[made.value.name] = tensor
            return made
        dtype = dtype_of(tensor.dtype)
        # AOTAutograd traces with fake tensors, which this one is not.
        with _disable_current_modes():
            values = tuple(tensor.detach().flatten().tolist())
        if tensor.numel() == 1:
            value = self.builder.one("full", value=values[0], shape=tuple(tensor.shape), dtype=dtype)
        else:
            value = self.builder.one("literal", values=values, shape=tuple(tensor.shape), dtype=dtype)
        return self._tensor(Tensor(self.builder, value), tensor)

    # --------------------------------------------------------------------------------------------------------- nodes

    def run(self, graph: FxGraph, module: torch.nn.Module) -> Any:
        """Convert all nodes but placeholders, which ``environment`` has already.

        Returns:
            What the graph returns, in the terms of ``environment``.

        Raises:
            Unsupported: names the first operator that cannot be converted, and the reason.
        """
        for node in graph.nodes:
            if node.op == "output":
                return self._argument(node.args[0])
            if node.op == "get_attr":
                self.environment[node] = self._attribute(module, node.target)
            elif node.op == "call_function":
                self.environment[node] = self._call(node)
            elif node.op != "placeholder":
                raise Unsupported(f"FX nodes of kind {node.op}", str(node.target))
        raise Unsupported("a graph without an output")

    def _attribute(self, module: torch.nn.Module, path: str) -> Any:
        found: Any = module
        for part in path.split("."):
            found = getattr(found, part)
        return self.constant(found) if isinstance(found, torch.Tensor) else found

    def _call(self, node: FxNode) -> Any:
        target: Any = node.target
        if target is operator.getitem:
            sequence, position = (self._argument(argument) for argument in node.args)
            return sequence[position]
        name = str(target)
        if target is torch.ops.higher_order.with_effects:
            return self._effect(node)
        if name in _NO_EFFECT:
            return None
        if target is torch.ops.aten.copy_.default:
            return self._write(node)
        if not isinstance(target, torch._ops.OpOverload):
            raise Unsupported("no operator on tensors with a conversion", name)
        if "val" not in node.meta:
            raise Unsupported("the graph does not say what type the result has (meta['val'])", name)
        expected = node.meta["val"]
        _check_static(name, expected)
        if isinstance(expected, int | float | bool):
            return expected
        if target._schema.is_mutable:
            raise Unsupported("writes its operand", name)
        return self._convert(node, name, expected)

    def _effect(self, node: FxNode) -> Any:
        """An operator that is called for its effect: a new token, and what the operator returns."""
        _, target, *arguments = node.args
        if target is not torch.ops.aten._linalg_check_errors.default:
            raise Unsupported("is called for an effect", str(target))
        info, name = arguments
        failure = partial(Factorised, name=str(name), is_matrix=bool(node.kwargs["is_matrix"]))
        self.checks.append((self._argument(info), failure))
        return [Token(), None]

    def _convert(self, node: FxNode, name: str, expected: Any) -> Any:
        conversion = conversions().get(name.removeprefix("aten."))
        results = expected if isinstance(expected, list | tuple) else [expected]
        for fake in results:
            if isinstance(fake, torch.Tensor):
                check_tensor(fake, name)
        try:
            if conversion is None:
                made = self._decomposed(node, name)
            else:
                arguments = [self._argument(argument) for argument in node.args]
                keywords = {
                    key: self._argument(value) for key, value in node.kwargs.items() if key not in _ABOUT_MEMORY
                }
                context = Context(name, self.builder, results, _used(node))
                made = conversion(context, *arguments, **keywords)
                self.checks += context.checks
        except IllTyped as error:
            raise Unsupported(str(error), name) from error
        except Unsupported as error:
            if error.operator is None:
                raise Unsupported(error.reason, name) from error
            raise
        if expected is None or isinstance(expected, torch.Tensor):
            return self._checked(name, made, expected)
        assert made is not None and len(made) == len(expected), f"{name}: {len(expected)} outputs expected"
        return [self._checked(name, one, fake) for one, fake in zip(made, expected)]

    def _decomposed(self, node: FxNode, name: str) -> Any:
        """Convert the graph that PyTorch decomposes a call into."""
        inner = decompose(node)
        if inner is None:
            raise Unsupported("no conversion of this operator", name)
        module, tensors = inner
        placeholders = [one for one in module.graph.nodes if one.op == "placeholder"]
        for placeholder, tensor in zip(placeholders, tensors, strict=True):
            self.environment[placeholder] = self.environment[tensor]
        return self.run(module.graph, module)

    def _write(self, node: FxNode) -> Any:
        target, source = node.args[:2]
        if not isinstance(target, FxNode) or target.op != "placeholder":
            raise Unsupported("writes a tensor that is not an input", "aten.copy_.default")
        fake = node.meta["val"]
        made = self._argument(source).cast(dtype_of(fake.dtype)).broadcast(fake.shape)
        self.written.append((target, made))
        # whoever reads the input from here on sees what was written
        self.environment[target] = made
        return made

    # -------------------------------------------------------------------------------------------- arguments, results

    def _argument(self, argument: Any) -> Any:
        if isinstance(argument, FxNode):
            return self.environment[argument]
        if isinstance(argument, list | tuple):
            return [self._argument(one) for one in argument]
        if isinstance(argument, slice):
            return slice(*(self._argument(one) for one in (argument.start, argument.stop, argument.step)))
        if isinstance(argument, torch.dtype):
            return dtype_of(argument)
        if isinstance(argument, complex):
            raise Unsupported("complex numbers")
        return argument

    def _checked(self, name: str, made: Any, fake: Any) -> Any:
        """A result in the dtype that eager gives. Its shape must be eager's already."""
        if fake is None or made is None:
            return None
        if not isinstance(made, Tensor):
            return made
        made = made.cast(dtype_of(fake.dtype))
        assert made.shape == tuple(fake.shape), f"{name}: converted to shape {made.shape}, not {tuple(fake.shape)}"
        return self._tensor(made, fake)

    def _tensor(self, made: Tensor, fake: torch.Tensor) -> Tensor:
        return Tensor(self.builder, made.value, (tuple(fake.stride()), int(fake.storage_offset())))


def _used(node: FxNode) -> set[int]:
    """The numbers of a node's outputs that others use."""
    return {
        int(user.args[1]) if user.target is operator.getitem else 0  # type: ignore[arg-type]
        for user in node.users
        if user.target is not operator.getitem or user.users
    }


def check_tensor(tensor: torch.Tensor, name: str | None = None) -> None:
    """Raises ``Unsupported`` for tensors that are more, or less, than strided elements in the host's memory."""
    if tensor.layout is not torch.strided:
        raise Unsupported(f"no tensors of layout {tensor.layout}", name)
    if tensor.device.type != "cpu":
        raise Unsupported(f"no tensors on {tensor.device}", name)
    if tensor.dtype not in FROM_TORCH:
        raise Unsupported(f"no tensors of {tensor.dtype}", name)
    _check_static(name, tensor)
    if tensor.is_neg():
        raise Unsupported("no lazily negated tensors", name)


def _check_static(name: str | None, value: Any) -> None:
    """Raises ``Unsupported`` where a number or a size is only known when the program runs."""
    for one in value if isinstance(value, list | tuple) else (value,):
        symbolic = isinstance(one, torch.SymInt | torch.SymFloat | torch.SymBool) or (
            isinstance(one, torch.Tensor) and any(isinstance(size, torch.SymInt) for size in one.shape)
        )
        if symbolic:
            raise Unsupported("a number or a shape that is not constant", name)


def returned(value: Any) -> Sequence[Any]:
    """What a graph returns, as a sequence."""
    return value if isinstance(value, list | tuple) else [value]
