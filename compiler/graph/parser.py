"""Reads the text form of the graph IR.

    graph     := "graph" name "(" [name ":" type, …] ")" "->" "(" [name, …] ")" "{" node* "}"
    node      := name ":" type, … "=" operator ["[" name "=" attribute, … "]"] "(" [name, …] ")" [graph]
    attribute := integer | float | "true" | "false" | string | dtype | "(" [attribute, …] ")"

The graph behind a node is the body of ``fused``; no other has one. Names in a body stand for what the body defines,
and outside of it for nothing.
"""

from __future__ import annotations

import math

from misfold.compiler.dtypes import BY_NAME
from misfold.compiler.text import Lexer, read_dtype, read_type

from .ir import Attribute, Graph, Node, TensorType, Value

#: A body is no place for another one; more depth than that serves no program.
_MAX_DEPTH = 4


def parse_graph(text: str) -> Graph:
    """The graph that ``print_graph`` wrote. What the text says is not verified.

    Raises:
        ParseError: the text is not in the syntax above, or uses a name that is not defined before; says where.
    """
    parser = _Parser(Lexer(text))
    graph = parser.graph(1)
    if parser.lexer.kind != "end":
        raise parser.lexer.error("the end")
    return graph


class _Parser:
    def __init__(self, lexer: Lexer):
        self.lexer = lexer
        self.values: dict[str, Value] = {}

    def graph(self, depth: int) -> Graph:
        lexer = self.lexer
        if depth > _MAX_DEPTH:
            raise lexer.wrong(f"graphs nest deeper than {_MAX_DEPTH}")
        outer, self.values = self.values, {}
        lexer.expect("graph")
        name = lexer.name("the graph's name")
        inputs = lexer.list_of(self._definition, "(", ")")
        lexer.expect("->")
        # Outputs are defined only further below.
        outputs = lexer.list_of(self._use, "(", ")")
        lexer.expect("{")
        nodes = []
        while not lexer.at("}"):
            nodes.append(self._node(depth))
        lexer.advance()
        found = tuple(self._value(*use) for use in outputs)
        self.values = outer
        return Graph(name, inputs, tuple(nodes), found)

    def _node(self, depth: int) -> Node:
        lexer = self.lexer
        made = [self._typed()]
        while lexer.accept(","):
            made.append(self._typed())
        lexer.expect("=")
        operator = lexer.name("an operator")
        attributes = lexer.list_of(self._attribute, "[", "]") if lexer.at("[") else ()
        inputs = tuple(self._value(*use) for use in lexer.list_of(self._use, "(", ")"))
        body = self.graph(depth + 1) if operator == "fused" else None
        return Node(operator, inputs, tuple(self._define(*one) for one in made), attributes, body)

    def _definition(self) -> Value:
        return self._define(*self._typed())

    def _typed(self) -> tuple[Value, int]:
        lexer = self.lexer
        offset = lexer.offset
        name = lexer.name("a value")
        lexer.expect(":")
        start = lexer.offset
        dtype, shape, strides = read_type(lexer)
        if any(size < 0 for size in shape):
            raise lexer.wrong("sizes must not be negative", start)
        if strides is not None and len(strides) != len(shape):
            raise lexer.wrong(f"{len(shape)} dimensions, but {len(strides)} strides", start)
        return Value(name, TensorType(dtype, shape, strides)), offset

    def _define(self, value: Value, offset: int) -> Value:
        if value.name in self.values:
            raise self.lexer.wrong(f"{value.name} is defined twice", offset)
        self.values[value.name] = value
        return value

    def _use(self) -> tuple[str, int]:
        offset = self.lexer.offset
        return self.lexer.name("a value"), offset

    def _value(self, name: str, offset: int) -> Value:
        if name not in self.values:
            raise self.lexer.wrong(f"{name} is not defined", offset)
        return self.values[name]

    def _attribute(self) -> tuple[str, Attribute]:
        name = self.lexer.name("an attribute")
        self.lexer.expect("=")
        if self.lexer.at("("):
            # A tuple of numbers: what it may hold, the operator says.
            items = self.lexer.list_of(self._scalar, "(", ")")
            return name, items  # type: ignore[return-value]
        return name, self._scalar()

    def _scalar(self) -> int | float | bool | str | Attribute:
        lexer = self.lexer
        if lexer.kind == "string":
            return lexer.string()
        if lexer.token in ("true", "false"):
            return lexer.advance() == "true"
        if lexer.token in BY_NAME:
            return read_dtype(lexer)
        return self._number()

    def _number(self) -> int | float:
        lexer = self.lexer
        start = lexer.offset
        negative = lexer.accept("-")
        if lexer.kind != "number" and lexer.token not in ("inf", "nan"):
            raise lexer.error("a value of an attribute")
        text = lexer.advance()
        if text.isdigit():
            return -int(text) if negative else int(text)
        value = float(text)
        if math.isinf(value) and text != "inf":
            raise lexer.wrong(f"{text} is out of the range of floats", start)
        return -value if negative else value
