"""Programs that write their inputs, as functions that do not: for targets that take functional programs only."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from misfold.programs.aliasing import aliases, written_arguments
from misfold.programs.arguments import Ref
from misfold.programs.graph import Graph

from .protocol import Unsupported


def written_inputs(graph: Graph) -> tuple[int, ...]:
    """Positions of the inputs whose memory the program may write, by itself or through a view. A superset."""
    root = aliases(graph)
    written = {root[name] for node in graph.nodes for name in written_arguments(node)}
    return tuple(index for index, value in enumerate(graph.inputs) if root[value.name] in written)


#: In-place operators that change what a tensor looks like rather than its elements.
_RESHAPING = frozenset(["transpose_", "t_", "swapdims_", "swapaxes_", "squeeze_", "unsqueeze_", "as_strided_"])


def refuse_reshaped_inputs(graph: Graph) -> None:
    """Raise Unsupported if the program gives one of its inputs another shape or other strides."""
    # names of the input tensors themselves: what an in-place operator returns is its first argument
    inputs = {value.name for value in graph.inputs}
    for node in graph.nodes:
        target = node.args[0] if node.args else None
        if isinstance(target, Ref) and target.name in inputs and target.name in written_arguments(node):
            if node.op.rpartition(".")[2] in _RESHAPING:
                raise Unsupported(f"{node.op} changes the shape of an input", node.op)
            inputs.update(value.name for value in node.outputs)


@dataclass(frozen=True)
class Functional:
    """``function`` returns the program's outputs and then the final contents of the inputs at ``written``."""

    function: Callable[..., tuple[Any, ...]]
    written: tuple[int, ...]

    def finish(self, results: Sequence[Any], inputs: Sequence[Any]) -> list[Any]:
        """The program's own outputs; the rest is copied into the inputs."""
        if not self.written:
            return list(results)
        import torch

        count = len(results) - len(self.written)
        with torch.no_grad():
            for index, final in zip(self.written, results[count:], strict=True):
                target = inputs[index]
                # Elements that overlap cannot be written by a program; it only looked as if they were.
                overlaps = any(stride == 0 and size > 1 for stride, size in zip(target.stride(), target.shape))
                if not overlaps and not torch.equal(target, final):
                    target.copy_(final)
        return list(results[:count])


def functional(graph: Graph) -> Functional:
    """The graph as a function that leaves its inputs alone.

    Raises:
        Unsupported: the program changes an input's shape.
    """
    from .torch_values import to_function

    refuse_reshaped_inputs(graph)
    program = to_function(graph)
    written = written_inputs(graph)
    if not written:
        return Functional(program, ())

    def function(*inputs: Any) -> tuple[Any, ...]:
        tensors = [item.clone() if index in written else item for index, item in enumerate(inputs)]
        return (*program(*tensors), *(tensors[index] for index in written))

    return Functional(function, written)


def traceable(graph: Graph) -> Functional:
    """The graph as a function without in-place operators at all.

    Raises:
        Unsupported: see ``rewriting.without_writes``.
    """
    from .rewriting import without_writes
    from .torch_values import to_function

    refuse_reshaped_inputs(graph)
    rewritten, written = without_writes(graph)
    return Functional(to_function(rewritten), written)
