"""What must agree besides values: how many outputs, their types and shapes, and what is a view of what."""

from __future__ import annotations

from misfold.programs.aliasing import may_be_view, written_arguments
from misfold.programs.case import Case
from misfold.programs.graph import Graph
from misfold.programs.types import contiguous_strides
from misfold.targets.outcome import Outcome, TensorValue

from .kinds import DYNAMIC, base_name
from .reference import Reference
from .values import Difference

#: Operators documented to return a view always. Others may copy or not (``reshape``: "you should not depend on the
#: copying vs. viewing behavior"), so nothing follows from what they did.
VIEWS = frozenset(
    """
    as_strided broadcast_to chunk detach diagonal expand expand_as movedim moveaxis narrow permute select split
    split_with_sizes squeeze swapaxes swapdims t tensor_split transpose unbind unfold unsqueeze view view_as mT mH
    """.split()
)


#: Operators whose shape depends on elements only if a second argument is a tensor.
_DYNAMIC_BY_TENSOR = frozenset("__getitem__ index repeat_interleave tensor_split".split())


def compare_structure(
    case: Case, reference: Reference | None, eager: Outcome, target: Outcome, aliases: bool
) -> tuple[Difference, str] | None:
    """The first structural difference and the output that has it, or None.

    A shape that depends on inexact elements is judged as they are: it is undecided unless they are exact.
    """
    if len(eager.values) != len(target.values):
        text = f"{len(target.values)} outputs, eager has {len(eager.values)}"
        return Difference("proved", "outputs", text), "out"
    pairs = [(f"out{i}", left, right) for i, (left, right) in enumerate(zip(eager.values, target.values))]
    if len(eager.gradients) == len(target.gradients):
        for index, (own, its) in enumerate(zip(eager.gradients, target.gradients)):
            if own is not None and its is not None:
                pairs.append((f"grad{index}", own, its))
    for name, left, right in pairs:
        if left.dtype != right.dtype:
            return Difference("proved", "dtype", f"{name}: target {right.dtype}, eager {left.dtype}"), name
        if tuple(left.shape) != tuple(right.shape):
            text = f"{name}: target has shape {list(right.shape)}, eager {list(left.shape)}"
            kind = "undecided" if _shape_may_vary(case.graph, reference, name) else "proved"
            return Difference(kind, "shape", text), name
    if aliases:
        for index, (left, right) in enumerate(zip(eager.values, target.values)):
            difference = _aliasing(case.graph, index, left, right)
            if difference is not None:
                return difference, f"out{index}"
    return None


def _shape_may_vary(graph: Graph, reference: Reference | None, name: str) -> bool:
    if not name.startswith("out"):
        return False
    index = int(name.removeprefix("out"))
    if reference is not None and index < len(reference.values) and reference.values[index].exact:
        return False
    wanted, seen = [graph.returns[index]], set()
    while wanted:
        value = wanted.pop()
        if value in seen or value not in graph.producers:
            continue
        seen.add(value)
        node = graph.nodes[graph.producers[value]]
        name = base_name(node.op)
        if name in DYNAMIC and (name not in _DYNAMIC_BY_TENSOR or len(node.uses) > 1):
            return True
        wanted += node.uses
    return False


def _aliasing(graph: Graph, index: int, eager: TensorValue, target: TensorValue) -> Difference | None:
    # Only sharing with inputs is promised: views of intermediates are the compiler's own affair.
    own = eager.alias if (eager.alias or "").startswith("x") else None
    its = target.alias if (target.alias or "").startswith("x") else None
    if own is None and its is None:
        return None
    path = view_path(graph, graph.returns[index])
    if path is None:
        return None
    if own != its:
        shares = f"shares the memory of input {its}" if its else "has memory of its own"
        promised = f"shares the memory of input {own}" if own else "is a copy"
        return Difference("proved", "aliasing", f"out{index}: target {shares}; in eager it {promised}")
    if observable_strides(eager) != observable_strides(target):
        text = f"out{index}, a view of input {own}: target has strides {target.strides}, eager {eager.strides}"
        return Difference("proved", "strides", text)
    return None


def view_path(graph: Graph, name: str) -> list[str] | None:
    """Operators through which a value may share memory with an input, if the documentation fixes for each whether it
    does; else None. A value made by an operator that never gives a view has an empty path."""
    path: list[str] = []
    while name in graph.producers:
        node = graph.nodes[graph.producers[name]]
        if not may_be_view(node):
            return path
        written = written_arguments(node)
        basic = base_name(node.op) == "__getitem__" and not any(
            True for ref in node.references() if ref.name != node.uses[0]
        )
        if not written and base_name(node.op) not in VIEWS and not basic:
            return None
        if not node.uses:
            return path
        path.append(node.op)
        name = written[0] if written else node.uses[0]
    return path


def observable_strides(value: TensorValue) -> tuple[int, ...]:
    """Strides that address something: those of dimensions of size 1 and of empty tensors do not."""
    if not value.type.elements:
        return contiguous_strides(value.shape)
    return tuple(stride if size > 1 else 0 for stride, size in zip(value.strides, value.shape))
