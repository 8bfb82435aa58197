"""New statements and expressions out of what can be used at a place."""

from __future__ import annotations

import random as randomness

from misfold.compiler.dtypes import BOOL, INDEX, DType
from misfold.compiler.loops.ir import Binary, Buffer, Const, Expr, Function, Reduce, Statement, Store, index
from misfold.compiler.loops.operators import BINARY, REDUCTIONS
from misfold.compiler.loops.visit import Names
from misfold.generators.kernels import Options
from misfold.generators.kernels.expressions import Expressions
from misfold.generators.kernels.scope import Bounded, Known, Scope, State, View

from .sites import Place

_DEPTH = 2
#: An index that may be anything up to this is brought into range; of a larger one nothing is known.
_WIDE = 1 << 20


class Maker:
    """Makes what fits to a place. Divisors are not zero and indices are in range, as far as the place's ranges tell;
    that what is read was written before is left to ``repair``."""

    def __init__(self, function: Function, random: randomness.Random, place: Place):
        self._random = random
        self._place = place
        self._inputs = {parameter.buffer.name for parameter in function.parameters if parameter.role == "in"}
        self._state = State(random, Options(expression=_DEPTH, exact=False), Names(function))
        self._make = Expressions(self._state)
        self._scope = Scope(runs=1)
        for var in place.variables:
            if var.dtype == INDEX:
                bounds = place.ranges.interval(var)
                if bounds.low >= -_WIDE and bounds.high <= _WIDE:
                    self._scope.positions.append(Bounded(var, bounds.low, bounds.high))
                    continue
            self._scope.variables.append(Known(var, "exact"))
        for buffer in place.buffers:
            writable = buffer.name not in self._inputs
            self._scope.views[buffer.name] = View(buffer, "exact", readable=True, writable=writable)
        # Types that the program has already: what is new shall have to do with what is there.
        dtypes = tuple(dict.fromkeys(buffer.dtype for buffer in place.buffers))
        self._state.palette = dtypes or self._state.palette

    def expression(self, dtype: DType, depth: int = _DEPTH) -> Expr:
        """Any expression of a type."""
        return self._make.value(dtype, self._scope, depth)

    def condition(self) -> Expr:
        """A condition: of data, or a bound on a position."""
        positions = self._scope.positions
        if positions and self._random.random() < 0.6:
            one = positions[self._random.randrange(len(positions))]
            limit = self._random.randint(one.low, min(one.high + 1, one.low + 16))
            return Binary(self._random.choice(["lt", "ge", "eq", "ne", "le"]), one.expression, index(limit))
        return self.expression(BOOL)

    def indices(self, buffer: Buffer) -> tuple[Expr, ...]:
        """Indices of an element of a buffer that has elements."""
        return tuple([self._make.indices.position(size, self._scope, 1) for size in buffer.shape])

    def write(self) -> Statement | None:
        """A store or a reduction; None: nothing can be written here."""
        buffers = [one for one in self._place.buffers if one.name not in self._inputs and one.elements]
        if not buffers:
            return None
        buffer = buffers[self._random.randrange(len(buffers))]
        indices, value = self.indices(buffer), self.expression(buffer.dtype)
        if self._random.random() < 0.3:
            ops = [op for op in REDUCTIONS if buffer.dtype.kind in BINARY[op].kinds]
            return Reduce(ops[self._random.randrange(len(ops))], buffer, indices, value)
        return Store(buffer, indices, value)


def zero(dtype: DType) -> Const:
    """The zero of a type."""
    return Const(False if dtype.is_bool else 0.0 if dtype.is_float else 0, dtype)


def one(dtype: DType) -> Const:
    """The one of a type."""
    return Const(True if dtype.is_bool else 1.0 if dtype.is_float else 1, dtype)
