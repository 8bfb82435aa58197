"""Nodes are replaced by simpler ones that compute the same."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import ClassVar

from misfold.compiler.graph.ir import Attribute, Graph, Node, Value
from misfold.compiler.graph.rewrite import Rebuild
from misfold.compiler.passes.base import GraphPass

from .rules import Rule, Site
from .rules_arithmetic import ARITHMETIC
from .rules_logic import LOGIC
from .rules_movement import MOVEMENT

#: All rules, in the order in which they are tried.
RULES: tuple[Rule, ...] = (*ARITHMETIC.rules, *LOGIC.rules, *MOVEMENT.rules)


@dataclass(frozen=True)
class AlgebraicSimplification(GraphPass):
    """Tries the rules of ``RULES`` at each node, in one walk in which operands are simplified before what uses them; a
    node that a rule makes is simplified in its turn. Bodies of ``fused`` are left alone, and what is not used any more
    is left to dead-code-elimination."""

    name: ClassVar[str] = "algebraic-simplification"
    precondition: ClassVar[str] = (
        "A rule's pattern and its side conditions on dtypes, constants and shapes hold; each rule states why both "
        "sides are equal then, bit for bit but for the sign of a zero that min and max leave open, and rounding of pow."
    )

    def run(self, graph: Graph) -> Graph:
        return _Simplifier(graph).run()


@cache
def _by_operator() -> dict[str, tuple[Rule, ...]]:
    names = {name for rule in RULES for name in rule.operators}
    return {name: tuple(rule for rule in RULES if name in rule.operators) for name in names}


class _Simplifier:
    def __init__(self, graph: Graph):
        self.graph = graph
        self.new = Rebuild(graph)
        self.rules = _by_operator()

    def run(self) -> Graph:
        new = self.new
        for old in self.graph.nodes:
            node = new.inputs(old)
            mark = len(new.nodes)
            value = self._simplified(node)
            if value is None:
                new.append(node)
            elif node.output.name in new.outputs and self._rename(mark, value, node.output):
                new.changed = True
            elif not new.replace(node.output, value):
                del new.nodes[mark:]
                new.append(node)
        return new.finish()

    def _simplified(self, node: Node) -> Value | None:
        for rule in self.rules.get(node.operator, ()):
            value = rule.rewrite(Site(node, self.new.producers, self._apply))
            if value is not None:
                return value
        return None

    def _apply(self, operator: str, inputs: tuple[Value, ...], attributes: dict[str, Attribute]) -> Value:
        node = self.new.apply(operator, inputs, attributes)
        value = self._simplified(node)
        if value is None:
            self.new.append(node)
            return node.output
        return value

    def _rename(self, mark: int, value: Value, output: Value) -> bool:
        """Give a value that was made for an output of the graph the output's name and strides."""
        nodes = self.new.nodes
        if len(nodes) == mark or nodes[-1].outputs != (value,):
            return False
        nodes[-1] = replace(nodes[-1], outputs=(output,))
        self.new.producers[output.name] = nodes[-1]
        return True
