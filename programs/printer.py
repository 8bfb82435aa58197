"""Graph to text: the restricted Python function that is the body of every case file and reproducer."""

from __future__ import annotations

import math

from .arguments import Argument, Ref, Symbol
from .graph import Graph, Node, Value

METHOD = "torch.Tensor."
GETITEM = "torch.Tensor.__getitem__"


def print_string(text: str) -> str:
    """A string constant, in double quotes wherever nothing needs escaping."""
    return f'"{text}"' if text.isprintable() and not set(text) & set("\"'\\") else repr(text)


def print_argument(argument: Argument) -> str:
    """One argument as Python source."""
    if isinstance(argument, Ref | Symbol):
        return argument.name
    if isinstance(argument, float) and not math.isfinite(argument):
        return f'float("{argument}")'
    if isinstance(argument, str):
        return print_string(argument)
    if isinstance(argument, list):
        return f"[{', '.join(map(print_argument, argument))}]"
    if isinstance(argument, tuple):
        inner = ", ".join(map(print_argument, argument))
        return f"({inner},)" if len(argument) == 1 else f"({inner})"
    if isinstance(argument, slice):
        parts = (print_argument(item) for item in (argument.start, argument.stop, argument.step))
        return f"slice({', '.join(parts)})"
    return "..." if argument is ... else repr(argument)


def print_index(index: Argument) -> str:
    """What stands between the brackets of ``x[...]``."""

    def part(item: Argument) -> str:
        if not isinstance(item, slice):
            return print_argument(item)
        bounds = ["" if bound is None else print_argument(bound) for bound in (item.start, item.stop, item.step)]
        return ":".join(bounds if bounds[2] else bounds[:2])

    if not isinstance(index, tuple) or not index:
        return part(index)
    return ", ".join(map(part, index)) + ("," if len(index) == 1 else "")


def print_call(node: Node) -> str:
    """The right-hand side of a node's assignment."""
    if node.op == GETITEM and len(node.args) == 2 and isinstance(node.args[0], Ref) and not node.kwargs:
        return f"{node.args[0].name}[{print_index(node.args[1])}]"
    if node.op.startswith(METHOD) and node.args and isinstance(node.args[0], Ref):
        function, args = f"{node.args[0].name}.{node.op.removeprefix(METHOD)}", node.args[1:]
    else:
        function, args = node.op, node.args
    parts = [print_argument(argument) for argument in args]
    parts += [f"{key}={print_argument(argument)}" for key, argument in node.kwargs.items()]
    return f"{function}({', '.join(parts)})"


def _annotated(value: Value) -> str:
    return value.name if value.type is None else f'{value.name}: "{value.type}"'


def print_graph(graph: Graph) -> str:
    """The graph as a Python function called ``program``; ``parse_graph`` gives back an equal graph."""
    lines = [f"def program({', '.join(map(_annotated, graph.inputs))}):"]
    for node in graph.nodes:
        if node.unpack:
            lines += [f"    {_annotated(value)}" for value in node.outputs if value.type is not None]
            targets = ", ".join(value.name for value in node.outputs) + ("," if len(node.outputs) == 1 else "")
        else:
            targets = _annotated(node.outputs[0])
        lines.append(f"    {targets} = {print_call(node)}")
    returns = ", ".join(graph.returns)
    lines.append(f"    return ({returns},)" if len(graph.returns) == 1 else f"    return {returns}")
    return "\n".join(lines) + "\n"


def quoted(text: str) -> str:
    """A text of several lines as a Python literal that shows them line by line."""
    escaped = text.replace("\\", "\\\\").replace('"""', '\\"\\"\\"')
    return f'"""\\\n{escaped}"""'
