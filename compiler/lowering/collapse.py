"""Dimensions that a whole function walks through together become one.

A loop over rows and one over columns that only ever step through whole row-major matrices are one loop over their
elements: long and flat, whatever the shapes were. Whether two loops can be joined depends on the buffers that they
index, and whether two dimensions of a buffer can on the loops: so both are put in classes that are joined as a whole or
not at all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from math import prod

from misfold.compiler.loops.ir import (
    Allocate,
    Buffer,
    Const,
    Expr,
    For,
    Function,
    Load,
    Reduce,
    Statement,
    Store,
    Var,
    index,
)
from misfold.compiler.loops.visit import (
    Block,
    children,
    expressions_of,
    loads,
    map_all_expressions,
    map_blocks,
    map_statements,
    rewrite,
)
from misfold.compiler.loops.visit import statements as all_statements

from .indices import row_major

# A pair of neighbours: (outer loop variable, inner one), or (buffer, dimension) for a dimension and the next.
Pair = tuple[str, str] | tuple[str, int]


def collapse(function: Function, parameters: bool = False) -> Function:
    """Join dimensions and loops where all that touches them allows it, and drop dimensions of size 1.

    Only local buffers change, unless ``parameters`` says that parameters may too: those take the same memory as before,
    but have fewer dimensions.
    """
    fixed = set() if parameters else {parameter.buffer.name for parameter in function.parameters}
    function = _with_dimensions(function, lambda buffer, dim: buffer.shape[dim] == 1 and buffer.name not in fixed)
    joined = _Joins(function, fixed).found()
    if not joined:
        return function
    inner = {pair[1] for pair in joined}

    def statement(one: Statement) -> Statement:
        while isinstance(one, For) and isinstance(one.body[0], For) and one.body[0].var.name in inner:
            nested = one.body[0]
            assert isinstance(one.stop, Const) and isinstance(nested.stop, Const)
            # The joined loop keeps the outer name: that is what accesses keep too.
            one = For(one.var, one.start, index(int(one.stop.value) * int(nested.stop.value)), nested.body)
        return map_blocks(one, lambda block: map_statements(block, statement))

    function = replace(function, body=map_statements(function.body, statement))
    return _with_dimensions(function, lambda buffer, dim: (buffer.name, dim - 1) in joined)


def _with_dimensions(function: Function, goes: Callable[[Buffer, int], bool]) -> Function:
    """The function without the dimensions that ``goes`` says; each is of size 1, or joined to the one before it."""
    plans: dict[str, tuple[Buffer, list[int]]] = {}
    allocated = [one.buffer for one in all_statements(function.body) if isinstance(one, Allocate)]
    for buffer in (*[parameter.buffer for parameter in function.parameters], *allocated):
        groups: list[list[int]] = []
        for dim in range(buffer.rank):
            if not goes(buffer, dim):
                groups.append([dim])
            elif buffer.shape[dim] != 1:
                groups[-1].append(dim)
        if len(groups) < buffer.rank:
            shape = tuple([prod([buffer.shape[dim] for dim in group]) for group in groups])
            strides = buffer.strides and tuple([buffer.strides[group[-1]] for group in groups])
            plans[buffer.name] = replace(buffer, shape=shape, strides=strides), [group[0] for group in groups]
    if not plans:
        return function

    def load(node: Expr) -> Expr:
        if isinstance(node, Load) and node.buffer.name in plans:
            buffer, dims = plans[node.buffer.name]
            return Load(buffer, tuple([node.indices[dim] for dim in dims]))
        return node

    def access(statement: Statement) -> Statement:
        if isinstance(statement, Allocate | Store | Reduce) and statement.buffer.name in plans:
            buffer, dims = plans[statement.buffer.name]
            if isinstance(statement, Allocate):
                return Allocate(buffer)
            return replace(statement, buffer=buffer, indices=tuple([statement.indices[dim] for dim in dims]))
        return map_blocks(statement, block)

    def block(statements: Block) -> Block:
        return map_statements(statements, access)

    def whole(expression: Expr) -> Expr:
        if any(one.buffer.name in plans for one in loads(expression)):
            return rewrite(expression, load)
        return expression

    parameters = tuple(
        [replace(one, buffer=plans.get(one.buffer.name, (one.buffer,))[0]) for one in function.parameters]
    )
    body = map_all_expressions(block(function.body), whole)
    return replace(function, parameters=parameters, body=body)


class _Joins:
    """Finds the pairs that can be joined: classes of pairs that are used with each other, none of them otherwise."""

    def __init__(self, function: Function, fixed: set[str]):
        self._bad: set[Pair] = set()
        self._ties: dict[Pair, set[Pair]] = {}
        #: The pairs of loops that a variable is in, as the outer one and as the inner one.
        self._pair_of_outer: dict[str, Pair] = {}
        self._pair_of_inner: dict[str, Pair] = {}
        self._inner_extent: dict[Pair, int] = {}
        for statement in all_statements(function.body):
            self._loops(statement)
        for parameter in function.parameters:
            self._buffer(parameter.buffer, parameter.buffer.name in fixed)
        for statement in all_statements(function.body):
            if isinstance(statement, Allocate):
                self._buffer(statement.buffer, False)
        for statement in all_statements(function.body):
            if isinstance(statement, Store | Reduce):
                self._access(statement.buffer, statement.indices)
                self._uses([statement.value])
            else:
                self._uses(expressions_of(statement))

    def found(self) -> set[Pair]:
        todo = list(self._bad)
        while todo:
            for neighbour in self._ties.get(todo.pop(), ()):
                if neighbour not in self._bad:
                    self._bad.add(neighbour)
                    todo.append(neighbour)
        return self._ties.keys() - self._bad

    def _loops(self, outer: Statement) -> None:
        match outer:
            case For(
                var,
                Const(0, _),
                Const(),
                (For(inner, Const(0, _), Const(int(extent), _), _, "serial", 1),),
                "serial",
                1,
            ):
                pair = var.name, inner.name
                self._ties[pair] = set()
                self._pair_of_outer[var.name] = self._pair_of_inner[inner.name] = pair
                self._inner_extent[pair] = extent

    def _buffer(self, buffer: Buffer, fixed: bool) -> None:
        strides = buffer.strides or row_major(buffer.shape)
        for dim in range(buffer.rank - 1):
            pair = buffer.name, dim
            self._ties[pair] = set()
            if fixed or strides[dim] != strides[dim + 1] * buffer.shape[dim + 1]:
                self._bad.add(pair)

    def _access(self, buffer: Buffer, indices: tuple[Expr, ...]) -> None:
        for dim, one in enumerate(indices):
            following = indices[dim + 1] if dim + 1 < len(indices) else None
            place = buffer.name, dim
            pair = self._pair_of_outer.get(one.name) if isinstance(one, Var) else None
            if (
                pair is not None
                and isinstance(following, Var)
                and pair == self._pair_of_inner.get(following.name)
                and self._inner_extent[pair] == buffer.shape[dim + 1]
            ):
                self._ties[pair].add(place)
                self._ties[place].add(pair)
            else:
                if pair is not None:
                    self._bad.add(pair)
                if following is not None:
                    self._bad.add(place)
            before = indices[dim - 1] if dim else None
            pair = self._pair_of_inner.get(one.name) if isinstance(one, Var) else None
            if pair is not None and not (isinstance(before, Var) and self._pair_of_outer.get(before.name) == pair):
                self._bad.add(pair)
            if not isinstance(one, Var):
                self._uses([one])

    def _uses(self, expressions: Iterable[Expr]) -> None:
        for expression in expressions:
            match expression:
                case Load(buffer, indices):
                    self._access(buffer, indices)
                case Var(name):
                    for pairs in (self._pair_of_outer, self._pair_of_inner):
                        if name in pairs:
                            self._bad.add(pairs[name])
                case _:
                    self._uses(children(expression))
