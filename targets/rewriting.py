"""Graphs without in-place operators, for compilers that trace values rather than memory.

``v1 = v0.add_(x)`` becomes ``v1 = v0.add(x)``, and later uses of ``v0`` become uses of ``v1``. That is the same program
unless something else names the memory that was written and is used afterwards; such a program is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from misfold.programs.aliasing import aliases, written_arguments
from misfold.programs.arguments import Argument, Ref, Symbol, map_leaves, references
from misfold.programs.graph import Graph, Node, Value
from misfold.programs.operators import is_operator

from .protocol import Unsupported


def without_writes(graph: Graph) -> tuple[Graph, tuple[int, ...]]:
    """The graph with functional operators only, and the positions of the inputs that the original writes.

    The final contents of those inputs are returned too, behind the graph's own outputs, in order.

    Raises:
        Unsupported: a write that other names see, or an operator that has no functional form.
    """
    if not any(written_arguments(node) for node in graph.nodes):
        return graph, ()
    root = aliases(graph)
    last_use = _last_uses(graph)
    # The value that now holds what the memory called by a name holds; names are equal to begin with.
    current = {name: name for name in graph.values}
    # All names of exactly the same memory and shape: in-place results and what they were made from.
    same: dict[str, set[str]] = {name: {name} for name in graph.values}
    nodes: list[Node] = []
    for position, node in enumerate(graph.nodes):
        written = written_arguments(node)
        now = Node(node.op, _renamed(node.args, current), _renamed(node.kwargs, current), node.outputs, node.unpack)
        if not written:
            nodes.append(now)
            continue
        if len(written) != 1 or node.unpack or not isinstance(node.args[0], Ref) or node.args[0].name != written[0]:
            raise Unsupported(f"{node.op} writes an argument", node.op)
        target, result = graph.values[written[0]], node.outputs[0]
        group = same[target.name]
        group.add(result.name)
        same[result.name] = group
        for name, owner in root.items():
            if owner == root[target.name] and name not in group and _alive(graph, name, position, last_use):
                raise Unsupported(f"{node.op} writes memory that {name} shows too", node.op)
        nodes += _functional(now, target, result)
        for name in group:
            current[name] = result.name
    positions = tuple(index for index, value in enumerate(graph.inputs) if current[value.name] != value.name)
    returns = [current[name] for name in graph.returns]
    returns += [current[graph.inputs[index].name] for index in positions]
    return Graph(graph.inputs, tuple(nodes), tuple(returns)), positions


def _renamed(argument: Argument, names: dict[str, str]) -> Argument:
    def leaf(item: Argument) -> Argument:
        return Ref(names[item.name]) if isinstance(item, Ref) else item

    if isinstance(argument, dict):
        return {key: map_leaves(item, leaf) for key, item in argument.items()}
    return map_leaves(argument, leaf)


def _last_uses(graph: Graph) -> dict[str, int]:
    """Position of the last node that uses a value; the number of nodes for what is returned."""
    uses = {name: index for index, node in enumerate(graph.nodes) for name in node.uses}
    return {**uses, **{name: len(graph.nodes) for name in graph.returns}}


def _alive(graph: Graph, name: str, position: int, last_use: dict[str, int]) -> bool:
    """Whether a value that exists at a position is seen behind it: used there, or an input, which the caller sees."""
    if graph.producers.get(name, -1) >= position:
        return False
    return last_use.get(name, -1) > position or name not in graph.producers


def _functional(node: Node, target: Value, result: Value) -> list[Node]:
    """Nodes that compute what an in-place node leaves in the memory that it writes, called as its result is."""
    made = _SPECIAL.get(node.op.rpartition(".")[2], _general)(node, result)
    others = [*references(node.args[1:]), *references(list(node.kwargs.values()))]
    if not others and node.op.rpartition(".")[2] not in _SPECIAL:
        return [made]
    # Other arguments may have a wider element type, which the functional form would promote to.
    wide = Value(f"{result.name[:56]}_w", None)
    if target.type is not None:
        cast = Node("torch.Tensor.to", (Ref(wide.name), Symbol(f"torch.{target.type.dtype.name}")), {}, (result,))
    else:
        cast = Node("torch.Tensor.type_as", (Ref(wide.name), node.args[0]), {}, (result,))
    return [replace(made, outputs=(wide,)), cast]


def _general(node: Node, result: Value) -> Node:
    if not node.op.endswith("_"):
        if node.kwargs.get("inplace") is not True:
            # the flag stands among the positional arguments, and is the only one that is True
            flags = [index for index, item in enumerate(node.args) if item is True]
            if len(flags) != 1:
                raise Unsupported(f"{node.op} writes an argument", node.op)
            args = (*node.args[: flags[0]], False, *node.args[flags[0] + 1 :])
            return Node(node.op, args, node.kwargs, (result,))
        kwargs = {key: value for key, value in node.kwargs.items() if key != "inplace"}
        return Node(node.op, node.args, kwargs, (result,))
    space, _, last = node.op.rpartition(".")
    for name in (f"{space}.{last[:-1]}", f"torch.{last[:-1]}", f"torch.Tensor.{last[:-1]}"):
        if last.endswith("_") and is_operator(name):
            return Node(name, node.args, node.kwargs, (result,))
    raise Unsupported(f"{node.op} writes an argument and has no functional form", node.op)


def _fill(node: Node, result: Value) -> Node:
    if len(node.args) != 2 or isinstance(node.args[1], Ref) or node.kwargs:
        raise Unsupported("fill_ with a tensor", node.op)
    return Node("torch.full_like", node.args, {}, (result,))


def _zero(node: Node, result: Value) -> Node:
    return Node("torch.zeros_like", node.args[:1], {}, (result,))


def _copy(node: Node, result: Value) -> Node:
    if len(node.args) < 2 or not isinstance(node.args[1], Ref):
        raise Unsupported("copy_ of what is no tensor", node.op)
    return Node("torch.Tensor.expand_as", (node.args[1], node.args[0]), {}, (result,))


_SPECIAL: dict[str, Callable[[Node, Value], Node]] = {"fill_": _fill, "zero_": _zero, "copy_": _copy}
