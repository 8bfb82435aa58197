"""Random functions: parameters, the loops that fill some of them, and the blocks that do something with them."""

from __future__ import annotations

import random as randomness
from dataclasses import replace

from misfold.compiler.loops.ir import Buffer, Function, Parameter, Role, Statement
from misfold.programs.kernel_arrays import LARGEST

from .loops import Loops
from .options import Options
from .scope import Scope, State, View, cap

_DEFAULT = Options()


def generate(random: randomness.Random, options: Options = _DEFAULT) -> Function:
    """A function that verifies and has no undefined behaviour, whatever numbers ``inputs`` gives it.

    The same state of ``random`` gives the same function.
    """
    return _Maker(State(random, options)).function()


class _Maker:
    def __init__(self, state: State):
        self.state = state
        self.loops = Loops(state)
        self.parameters: list[Parameter] = []
        self.scope = Scope()

    def function(self) -> Function:
        state = self.state
        state.names.fresh("kernel")
        body: list[Statement] = []
        for _ in range(state.random.randint(1, 3)):
            self.parameter("x", "in")
        for _ in range(state.weighted({0: 3, 1: 3, 2: 1})):
            self.parameter("z", "inout")
        for _ in range(state.random.randint(1, 2)):
            name = self.parameter("y", "out")
            if state.chance(0.6):
                body += self.filled(name)
        while state.statements < state.options.statements:
            if state.chance(0.25):
                body += self.loops.statement(self.scope)
            else:
                body.append(self.loops.loop(self.scope))
        return Function("kernel", tuple(self.parameters), tuple(body))

    def parameter(self, stem: str, role: Role) -> str:
        """A new parameter; its name."""
        state = self.state
        rank = state.weighted({0: 0.5, 1: 4, 2: 4, 3: 1.5})
        shape = [state.size(state.options.extent) for _ in range(rank)]
        if shape and state.chance(0.02):
            shape[state.random.randrange(rank)] = 0
        dtype = state.dtype()
        strides = self.strides(tuple(shape), role) if state.chance(state.options.layouts) else None
        buffer = Buffer(state.names.fresh(stem), dtype, tuple(shape), strides)
        self.parameters.append(Parameter(buffer, role))
        # Inputs are whole numbers, whatever role they have: only what is written here can be approximate.
        grade = self.loops.grade(dtype) if role == "out" else "whole" if dtype.is_float else "exact"
        bound = LARGEST if role == "in" else cap(dtype)
        self.scope.views[buffer.name] = View(buffer, grade, readable=role != "out", writable=role != "in", bound=bound)
        return buffer.name

    def strides(self, shape: tuple[int, ...], role: Role) -> tuple[int, ...]:
        """Strides of a permuted and padded array, or for an input of an expanded one."""
        state = self.state
        order = list(range(len(shape)))
        state.random.shuffle(order)
        strides = [0] * len(shape)
        reach = 1
        for dimension in order:
            strides[dimension] = reach
            reach = reach * max(shape[dimension], 1) + state.weighted({0: 3, 1: 1, 3: 1})
        if role == "in" and shape and state.chance(0.2):
            strides[state.random.randrange(len(shape))] = 0
        return tuple(strides)

    def filled(self, name: str) -> list[Statement]:
        """Loops that write all of an output, which can be read from then on."""
        view = self.scope.views[name]
        statements = self.loops.filling(self.scope, view)
        self.scope.views[name] = replace(view, readable=True)
        return statements
