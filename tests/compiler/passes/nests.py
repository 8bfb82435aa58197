"""Random loop nests that give passes over nests much to do: few statements, few buffers, near subscripts."""

from __future__ import annotations

import random

import numpy

from misfold.compiler.dtypes import F32, I32, I64, DType
from misfold.compiler.loops.ir import (
    Allocate,
    Assert,
    Binary,
    Buffer,
    Const,
    Expr,
    For,
    Function,
    If,
    Let,
    Load,
    Parameter,
    Reduce,
    Statement,
    Store,
    Var,
    index,
)
from misfold.compiler.loops.visit import substitute_block

#: Loop variables run within −3 … 12, so subscripts of at most two of them plus a little are in here.
SHIFT, EXTENT = 16, 60


class Nests:
    """Makes one function: some nests over two-dimensional buffers that are read and written in place."""

    def __init__(self, source: random.Random):
        self.source = source
        self.number = 0
        dtypes: list[DType] = source.choices([F32, I32], k=3)
        self.buffers = [Buffer(name, dtype, (EXTENT, EXTENT)) for name, dtype in zip("abc", dtypes)]
        self.table = Buffer("table", I64, (EXTENT,))

    def function(self) -> Function:
        body: list[Statement] = []
        for _ in range(self.source.randint(1, 3)):
            body += self.nest()
        parameters = [Parameter(self.table, "in"), *(Parameter(one, "inout") for one in self.buffers)]
        return Function("nests", tuple(parameters), tuple(body))

    def arrays(self) -> list[numpy.ndarray]:
        """Arguments: small whole numbers, so that sums of floats are exact in any order."""
        numbers = numpy.random.default_rng(self.source.getrandbits(32))
        table = numbers.integers(0, EXTENT, (EXTENT,))
        return [
            table,
            *(
                numbers.integers(-2, 3, one.shape).astype(numpy.float32 if one.dtype is F32 else numpy.int32)
                for one in self.buffers
            ),
        ]

    def name(self, stem: str) -> str:
        self.number += 1
        return f"{stem}{self.number}"

    def nest(self) -> list[Statement]:
        """A nest, perfect or not; now and then twice with the same bounds."""
        depth = self.source.choice([1, 2, 2, 3])
        heads = self.heads(depth)
        result = [self.around(heads)]
        if self.source.random() < 0.5:
            result.append(self.around([For(Var(self.name("i")), h.start, h.stop, (), h.kind, h.step) for h in heads]))
            if depth > 1:  # bounds of the first nest's variables must be its own
                values = {old.var.name: new for old, new in zip(heads, _variables(result[-1]))}
                result[-1] = _rebound(result[-1], values)
        return result

    def heads(self, depth: int) -> list[For]:
        heads: list[For] = []
        for _ in range(depth):
            start: Expr = index(self.source.choice([0, 0, 0, 1, -2]))
            stop: Expr = index(self.source.choice([0, 1, 4, 5, 6, 8, 9]))
            if heads and self.source.random() < 0.25:
                outer = heads[-1].var
                if self.source.random() < 0.5:
                    start = Binary("max", outer, index(0)) if self.source.random() < 0.5 else outer
                else:
                    stop = Binary("min", Binary("add", outer, index(2)), index(6))
            step = self.source.choice([1, 1, 1, 1, 2, 3])
            heads.append(For(Var(self.name("i")), start, stop, (), "serial", step))
        return heads

    def around(self, heads: list[For]) -> For:
        body: tuple[Statement, ...] = tuple(self.statements([head.var for head in heads]))
        for number, head in reversed(list(enumerate(heads))):
            if number < len(heads) - 1 and self.source.random() < 0.15:
                body = (*body, *self.statements([one.var for one in heads[: number + 1]]))
            body = (For(head.var, head.start, head.stop, body, head.kind, head.step),)
        assert isinstance(body[0], For)
        return body[0]

    def statements(self, variables: list[Var]) -> list[Statement]:
        result: list[Statement] = []
        for _ in range(self.source.choice([1, 1, 2, 3])):
            match self.source.choice(["store", "store", "reduce", "reduce", "let", "local", "if", "gather"]):
                case "store":
                    result.append(self.store(variables))
                case "reduce":
                    result.append(self.reduce(variables))
                case "let":
                    load = self.load(variables)
                    var = Var(self.name("t"), load.dtype)
                    target = self.buffer(load.dtype)
                    result += [Let(var, load), Store(target, self.indices(variables), self.limited(var))]
                case "local":
                    target = self.source.choice(self.buffers)
                    local = Buffer(self.name("l"), target.dtype, (1,))
                    result += [
                        Allocate(local),
                        Store(local, (index(0),), self.value(variables, target.dtype)),
                        Store(target, self.indices(variables), Load(local, (index(0),))),
                    ]
                case "if":
                    condition = Binary("lt", variables[-1], index(self.source.randint(1, 5)))
                    result.append(If(condition, (self.store(variables),), (self.reduce(variables),)))
                case "gather":
                    place = Var(self.name("p"))
                    target = self.source.choice(self.buffers)
                    # now and then an assert that may fail
                    limit = index(self.source.choice([59, EXTENT, EXTENT]))
                    in_range = Binary("and", Binary("ge", place, index(0)), Binary("lt", place, limit))
                    result += [
                        Let(place, Load(self.table, (self.subscript(variables),))),
                        Assert(in_range, "index out of range"),
                        Store(target, self.indices(variables), Load(target, (place, index(3)))),
                    ]
        return result

    def store(self, variables: list[Var]) -> Store:
        target = self.source.choice(self.buffers)
        return Store(target, self.indices(variables), self.value(variables, target.dtype))

    def reduce(self, variables: list[Var]) -> Reduce:
        target = self.source.choice(self.buffers)
        op = self.source.choice(["add", "add", "add", "max", "min"])
        return Reduce(op, target, self.indices(variables, few=True), self.value(variables, target.dtype))

    def value(self, variables: list[Var], dtype: DType) -> Expr:
        load = Load(self.buffer(dtype), self.indices(variables))
        return self.limited(load) if self.source.random() < 0.7 else Const(1.0 if dtype is F32 else 1, dtype)

    def limited(self, value: Expr) -> Expr:
        """Kept small, so that sums of floats stay exact, but not the value itself."""
        one, most = (1.0, 7.0) if value.dtype is F32 else (1, 7)
        raised = Binary("add", value, Const(one, value.dtype))
        return Binary("truncmod", raised, Const(most, value.dtype))

    def load(self, variables: list[Var]) -> Load:
        return Load(self.source.choice(self.buffers), self.indices(variables))

    def buffer(self, dtype: DType) -> Buffer:
        return self.source.choice([one for one in self.buffers if one.dtype is dtype])

    def indices(self, variables: list[Var], few: bool = False) -> tuple[Expr, Expr]:
        return self.subscript(variables[:1] if few else variables), self.subscript(variables[-1:] * (not few))

    def subscript(self, variables: list[Var]) -> Expr:
        constant = index(SHIFT + self.source.choice([0, 0, 0, 1, -1, 2]))
        if not variables or self.source.random() < 0.1:
            return constant
        form: Expr = self.source.choice(variables)
        shape = self.source.random()
        if shape < 0.1:
            form = Binary("mul", form, index(self.source.choice([2, -1])))
        elif shape < 0.2:
            form = Binary("add", form, self.source.choice(variables))
        elif shape < 0.25:
            form = Binary(self.source.choice(["floordiv", "floormod"]), form, index(self.source.choice([2, 3])))
        return Binary("add", form, constant)


def _variables(loop: Statement) -> list[Var]:
    found = []
    while isinstance(loop, For):
        found.append(loop.var)
        loop = loop.body[0]
    return found


def _rebound(loop: Statement, values: dict[str, Var]) -> For:
    (result,) = substitute_block((loop,), values)
    assert isinstance(result, For)
    return result


def random_nests(source: random.Random) -> tuple[Function, list[numpy.ndarray]]:
    """A function of loop nests, and arguments for it."""
    nests = Nests(source)
    return nests.function(), nests.arrays()
