"""Mutators of loop programs: results verify, are free of undefined behaviour, and mean the same where they say so."""

from __future__ import annotations

import random
import re
from collections import Counter

import pytest

from misfold.compiler.dtypes import F32, I64
from misfold.compiler.errors import AssertionFailed, UndefinedBehaviour, VerificationError
from misfold.compiler.loops.interpret import interpret
from misfold.compiler.loops.ir import (
    Allocate,
    Assert,
    Binary,
    Buffer,
    Const,
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
from misfold.compiler.loops.parser import parse_function
from misfold.compiler.loops.printer import print_function
from misfold.compiler.loops.verify import verify
from misfold.compiler.loops.visit import statements
from misfold.generators.kernels import Options, generate, inputs
from misfold.mutators.kernels import MUTATORS, applied, mutate, repair
from misfold.mutators.kernels.preserving.passes import PassMutator
from misfold.mutators.kernels.sites import places, spots, with_expression, with_statements
from tests.compiler.passes.harness import same

PRESERVING = [name for name, one in MUTATORS.items() if one.preserves]
CHANGING = [name for name, one in MUTATORS.items() if not one.preserves]
# Passes need loops that lie as they want them, which random programs do not always have.
PASSES = [name for name, one in MUTATORS.items() if isinstance(one, PassMutator)]
OWN = [name for name in MUTATORS if name not in PASSES]


def is_defined(function: Function, source: random.Random) -> bool:
    """Whether a function runs under the interpreter that watches for everything."""
    try:
        interpret(function, inputs(function, source))
    except (UndefinedBehaviour, AssertionFailed):
        return False
    return True


def check_changing(count: int, seed: int) -> None:
    valid: Counter[str] = Counter()
    made: Counter[str] = Counter()
    for number in range(count):
        source = random.Random(f"{seed}/{number}")
        function = generate(source)
        donors = [generate(source) for _ in range(2)]
        # One mutator after the other, on what those before it have made.
        for step in range(3):
            name = CHANGING[(number + step * 7) % len(CHANGING)]
            found = applied(name, function, source, donors)
            if found is None:
                continue
            assert found.mutator == name and not found.preserves and found.function != function
            verify(found.function)
            made[name] += 1
            if is_defined(found.function, source):
                valid[name] += 1
                function = found.function
    assert sum(made.values()) >= 2 * count
    assert sum(valid.values()) >= 0.97 * sum(made.values()), {name: (valid[name], made[name]) for name in made}
    if count >= 3 * len(CHANGING):
        assert [name for name in CHANGING if valid[name] < 0.85 * made[name] or not made[name]] == []


def test_mutants_are_defined():
    check_changing(40, seed=1)


@pytest.mark.slow
def test_many_mutants_are_defined():
    check_changing(100, seed=1)
    check_changing(1700, seed=2)


def check_preserving(count: int, seed: int) -> None:
    made: Counter[str] = Counter()
    for number in range(count):
        source = random.Random(f"{seed}/{number}")
        function = generate(source, Options(work=600))
        arrays = inputs(function, source)
        before = [array.copy() for array in arrays]
        interpret(function, before)
        for step in range(3):
            name = PRESERVING[(number + step * 5) % len(PRESERVING)]
            found = applied(name, function, source)
            if found is None:
                continue
            assert found.preserves
            made[name] += 1
            verify(found.function)
            after = [array.copy() for array in arrays]
            story = f"{name}\n{print_function(function)}\n{print_function(found.function)}"
            interpret(found.function, after)
            for old, new in zip(before, after):
                assert same(old, new), story
            function = found.function
    assert sum(made.values()) >= count
    if count >= 5 * len(PRESERVING):
        assert [name for name in PRESERVING if name in OWN and not made[name]] == []
        assert sum(made[name] > 0 for name in PASSES) >= 0.7 * len(PASSES)


def test_preserving_mutants_mean_the_same():
    check_preserving(40, seed=3)


@pytest.mark.slow
def test_many_preserving_mutants_mean_the_same():
    check_preserving(100, seed=3)
    check_preserving(2000, seed=4)


@pytest.mark.parametrize("name", OWN)
def test_every_mutator_finds_something_to_change(name):
    changed = 0
    for seed in range(12):
        source = random.Random(seed)
        function = generate(source)
        found = applied(name, function, source, [generate(source) for _ in range(3)])
        if found is not None:
            changed += 1
            assert parse_function(print_function(found.function)) == found.function
    assert changed >= 2


def test_most_passes_find_something_to_change():
    found = set()
    for number in range(3):
        for name in PASSES:
            source = random.Random(f"{name}/{number}")
            if applied(name, generate(source), source) is not None:
                found.add(name)
    assert len(found) >= 0.5 * len(PASSES)


def test_mutators_are_described():
    for name, one in MUTATORS.items():
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*", name) and one.name == name
        assert type(one).__doc__
        assert not (one.general and one.preserves)
    assert sum(one.general for one in MUTATORS.values()) >= 10


def test_the_same_chance_gives_the_same_mutant():
    def made(seed: int) -> str:
        source = random.Random(seed)
        function = generate(source)
        found = mutate(function, source, [generate(source)])
        return found.mutator + print_function(found.function) if found is not None else ""

    texts = [made(seed) for seed in range(30)]
    assert texts == [made(seed) for seed in range(30)]
    assert len(set(texts)) > 25


def test_only_some_mutators():
    source = random.Random(5)
    function = generate(source)
    for _ in range(10):
        found = mutate(function, source, only=("guard", "commute"))
        assert found is not None and found.mutator in ("guard", "commute")
    with pytest.raises(KeyError):
        mutate(function, source, only=("guards",))
    assert mutate(function, source, donors=(), only=("splice-statement",)) is None


def test_programs_do_not_grow_without_end():
    source = random.Random(6)
    function = generate(source)
    donors = [generate(source) for _ in range(3)]
    for _ in range(60):
        found = mutate(function, source, donors)
        function = found.function if found is not None else function
    assert sum(1 for _ in statements(function.body)) <= 300
    assert is_defined(function, source)


# ------------------------------------------------------------------------------------------------------------ repair

A, B = Var("i"), Var("j")
X = Buffer("x", I64, (4,))
Y = Buffer("y", I64, (4,))
T = Buffer("t", I64, (4,))


def function_of(*body: Statement, role: str = "inout") -> Function:
    return Function("f", (Parameter(X, "in"), Parameter(Y, role)), body)  # type: ignore[arg-type]


def loop(*body: Statement, stop: int = 4, kind: str = "serial", var: Var = A) -> For:
    return For(var, index(0), index(stop), body, kind)  # type: ignore[arg-type]


ZERO = Binary("sub", Load(X, (index(0),)), Load(X, (index(0),)))


@pytest.mark.parametrize(
    "broken",
    [
        function_of(loop(Store(Y, (Binary("add", A, index(1)),), A))),
        function_of(loop(Store(Y, (A,), Load(X, (Binary("mul", A, Load(X, (A,))),))))),
        function_of(Store(Y, (index(-1),), index(0))),
        function_of(Store(Y, (index(0),), Binary("floordiv", index(3), ZERO))),
        function_of(Store(Y, (index(0),), Binary("truncmod", index(3), index(0)))),
        function_of(Allocate(T), Store(Y, (index(0),), Load(T, (index(2),)))),
        function_of(Allocate(T), Reduce("add", T, (index(0),), index(1)), Store(Y, (index(0),), Load(T, (index(0),)))),
        function_of(Reduce("add", Y, (index(1),), index(1)), role="out"),
        # Half of it is written before it is read.
        function_of(Allocate(T), loop(Store(T, (A,), A), stop=2), Store(Y, (index(0),), Load(T, (index(3),)))),
        # It is written, but one iteration too late.
        function_of(Allocate(T), loop(Store(Y, (A,), Load(T, (A,))), Store(T, (A,), A))),
        function_of(loop(Store(Y, (index(0),), A), kind="parallel")),
        function_of(loop(Reduce("add", Y, (index(0),), A), kind="parallel")),
        function_of(For(A, index(1), index(4), (Store(Y, (A,), Load(Y, (Binary("sub", A, index(1)),))),), "parallel")),
        function_of(Assert(Binary("lt", index(3), Load(X, (index(0),))), "no")),
    ],
)
def test_what_is_undefined_is_repaired(broken):
    verify(broken)
    source = random.Random(1)
    assert not all(is_defined(broken, source) for _ in range(20))
    repaired = repair(broken)
    assert repaired is not None
    verify(repaired)
    assert all(is_defined(repaired, source) for _ in range(20)), print_function(repaired)


@pytest.mark.parametrize(
    "broken",
    [
        function_of(Store(Y, (B,), index(0))),
        function_of(Let(B, index(1)), Let(B, index(2))),
        function_of(loop(loop(Store(Y, (A,), A)))),
        function_of(Store(T, (index(0),), index(1))),
        function_of(Store(Y, (index(0),), Load(T, (index(0),)))),
        function_of(Store(X, (index(0),), index(1))),
        function_of(Store(Buffer("y", F32, (4, 2)), (index(0), index(1)), Const(1.5, F32))),
        function_of(Store(Y, (index(0),), Load(Buffer("x", F32, (4, 2)), (index(0), index(1))))),
        function_of(Store(Y, (index(0),), Const(1.0, F32))),
        function_of(loop(loop(Store(Y, (A,), B), var=B), kind="vectorised")),
        function_of(loop(Store(Y, (index(0),), A), stop=1000, kind="vectorised")),
        function_of(For(A, index(0), Load(X, (index(0),)), (Store(Y, (index(0),), A),), "unrolled")),
        function_of(If(Load(X, (index(0),)), (Store(Y, (index(0),), index(1)),))),
    ],
)
def test_what_does_not_verify_is_repaired(broken):
    with pytest.raises(VerificationError):
        verify(broken)
    repaired = repair(broken)
    assert repaired is not None
    verify(repaired)
    assert all(is_defined(repaired, random.Random(seed)) for seed in range(10)), print_function(repaired)


def test_long_loops_become_short():
    endless = function_of(For(A, index(0), Load(X, (index(0),)), (Store(Y, (index(0),), A),)))
    repaired = repair(endless)
    assert repaired is not None
    arrays = inputs(repaired, random.Random(0))
    arrays[0][:] = 1 << 60
    interpret(repaired, arrays)
    assert 0 < arrays[1][0] < 100


def test_what_takes_too_long_is_given_up():
    body: Statement = Store(Y, (index(0),), index(1))
    for number in range(4):
        body = loop(body, stop=60, var=Var(f"i{number}"))
    assert repair(function_of(body)) is None


def test_what_is_right_stays():
    kept = 0
    for seed in range(40):
        function = generate(random.Random(seed))
        repaired = repair(function)
        assert repaired is not None
        assert repair(repaired) == repaired
        kept += repaired == function
    # Where independence cannot be shown, a loop becomes serial.
    assert kept >= 30


def test_places_and_spots_lead_back():
    function = generate(random.Random(9))
    for place in places(function):
        if place.statement is not None:
            assert with_statements(function, place.path, [place.statement]) == function
    for spot in spots(function):
        assert with_expression(function, spot, spot.expression) == function
    assert sum(place.statement is not None for place in places(function)) == sum(1 for _ in statements(function.body))
