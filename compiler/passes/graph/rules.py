"""What a rewrite rule is, and where it looks."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from misfold.compiler.dtypes import DType
from misfold.compiler.graph.ir import Attribute, Node, Value
from misfold.compiler.graph.rewrite import splat

Number = int | float | bool
Apply = Callable[[str, tuple[Value, ...], dict[str, Attribute]], Value]


class Site:
    """A node that a rule may rewrite, and what feeds it."""

    def __init__(self, node: Node, producers: dict[str, Node], apply: Apply):
        self.node = node
        self._producers = producers
        self._apply = apply

    @property
    def x(self) -> Value:
        """The first input."""
        return self.node.inputs[0]

    @property
    def y(self) -> Value:
        """The second input."""
        return self.node.inputs[1]

    @property
    def dtype(self) -> DType:
        """That of the first input."""
        return self.x.type.dtype

    @property
    def attributes(self) -> dict[str, Any]:
        return dict(self.node.attributes)

    def source(self, value: Value, *operators: str) -> Node | None:
        """The node that makes a value, if it is there and one of these."""
        node = self._producers.get(value.name)
        return node if node is not None and node.operator in operators else None

    def number(self, value: Value) -> Number | None:
        """The number that all elements of a value are, if that is known."""
        return splat(self._producers.get(value.name))

    def is_number(self, value: Value, *numbers: Number) -> bool:
        """Whether all elements of a value are one of these numbers; zeros of different signs are different."""
        found = self.number(value)
        return found is not None and any(found == one and sign(found) == sign(one) for one in numbers)

    def apply(self, operator: str, *inputs: Value, **attributes: Attribute) -> Value:
        """The result of an operator, simplified in its turn."""
        return self._apply(operator, inputs, attributes)

    def full(self, value: Number, like: Value | None = None) -> Value:
        """A constant of the type of ``like``; None: of the output."""
        type = (like or self.node.output).type
        return self.apply("full", value=value, shape=type.shape, dtype=type.dtype)


def sign(number: Number) -> float:
    """1 or -1; the sign of a zero counts for floats."""
    return math.copysign(1.0, number)


@dataclass(frozen=True)
class Rule:
    """A rewrite of one node. ``rewrite`` gives the value that takes the place of the node's output, or None where the
    pattern does not match or a side condition does not hold."""

    name: str
    operators: tuple[str, ...]
    #: Why both sides are equal, in every bit, and what the side condition is for.
    reason: str
    rewrite: Callable[[Site], Value | None]


class Rules:
    """A table of rules."""

    def __init__(self) -> None:
        self.rules: list[Rule] = []

    def add(self, name: str, operators: str | Iterable[str], reason: str) -> Callable[[Callable], Callable]:
        """Register a function as the rule for these operators."""

        def register(rewrite: Callable[[Site], Value | None]) -> Callable[[Site], Value | None]:
            names = tuple(operators.split()) if isinstance(operators, str) else tuple(operators)
            self.rules.append(Rule(name, names, reason, rewrite))
            return rewrite

        return register
