"""Dependence analysis against the truth: all iterations of small loops, written down and compared."""

from __future__ import annotations

import random
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from misfold.compiler.loops.dependence import Dependence, dependences, independent
from misfold.compiler.loops.ir import Allocate, Binary, Const, Expr, For, If, Load, Reduce, Store, Var
from misfold.compiler.loops.parser import parse_function
from misfold.compiler.loops.ranges import Ranges
from misfold.compiler.loops.visit import expressions_of, nodes, statements

from ..passes.nests import random_nests


@dataclass(frozen=True)
class Event:
    """One access, as it happened."""

    iteration: tuple[tuple[str, int], ...]
    path: tuple[int, ...]
    kind: str
    op: str | None


def value(expression: Expr, variables: dict[str, int]) -> int:
    match expression:
        case Const(number, _):
            return int(number)
        case Var(name, _):
            return variables[name]
        case Binary(op, left, right):
            a, b = value(left, variables), value(right, variables)
            return {
                "add": lambda: a + b,
                "sub": lambda: a - b,
                "mul": lambda: a * b,
                "floordiv": lambda: a // b,
                "floormod": lambda: a % b,
                "min": lambda: min(a, b),
                "max": lambda: max(a, b),
            }[op]()
    raise LookupError("depends on memory")


class Trace:
    """The accesses to each element, in order. Both branches of an ``If`` run: the analysis takes neither for sure."""

    def __init__(self, loop: For):
        self.elements: dict[tuple, list[Event]] = defaultdict(list)
        self.instances: dict[str, int] = defaultdict(int)
        self.run((loop,), (), {}, ())

    def run(self, block, path, variables, iteration) -> None:
        for number, statement in enumerate(block):
            here = (*path, number)
            for expression in expressions_of(statement):
                for node in nodes(expression):
                    if isinstance(node, Load):
                        self.note(node, "read", None, here, variables, iteration)
            match statement:
                case Allocate(buffer):
                    self.instances[buffer.name] += 1
                case Store():
                    self.note(statement, "write", None, here, variables, iteration)
                case Reduce(op, _, _, _):
                    self.note(statement, "reduce", op, here, variables, iteration)
                case For(var, start, stop, body, _, step):
                    for now in range(value(start, variables), value(stop, variables), step):
                        self.run(body, here, {**variables, var.name: now}, (*iteration, (var.name, now)))
                case If(_, then, other):
                    self.run(then, (*here, 0), variables, iteration)
                    self.run(other, (*here, 1), variables, iteration)

    def note(self, access, kind, op, path, variables, iteration) -> None:
        name = access.buffer.name
        element = (name, self.instances[name], *(value(i, variables) for i in access.indices))
        self.elements[element].append(Event(iteration, path, kind, op))

    def dependences(self) -> Iterator[tuple[Event, Event, int, dict[str, int]]]:
        """Source, sink, level and distances of all there are."""
        for events in self.elements.values():
            for number, source in enumerate(events):
                for sink in events[number + 1 :]:
                    if source.kind == "read" == sink.kind:
                        continue
                    shared = [(a[0], b[1] - a[1]) for a, b in zip(source.iteration, sink.iteration) if a[0] == b[0]]
                    level = next((n for n, (_, distance) in enumerate(shared) if distance), len(shared))
                    if level == len(shared) and source.path == sink.path:
                        continue  # within one statement
                    yield source, sink, level, dict(shared)


def key(one: Dependence) -> tuple:
    return one.source.path, one.source.kind, one.sink.path, one.sink.kind, one.level


def check(loop: For) -> bool:
    """Compare; False if indices depend on memory, where there is nothing to compare with."""
    try:
        trace = Trace(loop)
    except LookupError:
        return False
    reported = defaultdict(list)
    for one in dependences(loop):
        if one.source.buffer.name:
            reported[key(one)].append(one)
    true = set()
    seen = set()
    for source, sink, level, distance in trace.dependences():
        found = (source.path, source.kind, sink.path, sink.kind, level)
        true.add(found)
        if (found, *distance.values()) in seen:
            continue
        seen.add((found, *distance.values()))
        assert any(
            all(low <= distance[name] <= high for name in one.loops for low, high in [one.interval(name)])
            and one.may({name: (distance[name], distance[name]) for name in one.loops})
            for one in reported[found]
        ), f"missed: {found} {distance}"
    if any(one.step > 1 and isinstance(one.start, Binary) for one in statements((loop,)) if isinstance(one, For)):
        return True  # where a loop begins at the larger of two, steps are not taken into account
    spurious = {found for found, some in reported.items() if some} - true
    assert not spurious, f"these do not exist: {spurious}"
    return True


def random_loops(seed: int, count: int) -> Iterator[For]:
    for number in range(count):
        function, _ = random_nests(random.Random(f"{seed}/{number}"))
        for statement in function.body:
            assert isinstance(statement, For)
            yield statement


def test_all_dependences_are_found_and_no_others():
    assert sum(check(loop) for loop in random_loops(0, 40)) > 40


@pytest.mark.slow
def test_all_dependences_of_many_loops_are_found_and_no_others():
    assert sum(check(loop) for loop in random_loops(1, 1500)) > 1500


def only_loop(body: str) -> For:
    function = parse_function(f"function f(x: inout f32[100, 100], k: in i64[100]) {{\n{body}\n}}\n")
    (loop,) = [one for one in function.body if isinstance(one, For)]
    return loop


@pytest.mark.parametrize(
    "body, expected",
    [
        ("for i in 1..9 { x[i, 0] = x[i - 1, 0] }", [("flow", (1,), ("<",))]),
        ("for i in 1..9 { x[i, 0] = x[i + 1, 0] }", [("anti", (1,), ("<",))]),
        ("for i in 0..9 { x[2 * i, 0] = x[2 * i + 1, 0] }", []),
        ("for i in 0..9 step 3 { x[i, 0] = x[i + 3, 0] }", [("anti", (3,), ("<",))]),
        ("for i in 0..9 step 3 { x[i, 0] = x[i + 4, 0] }", []),
        (
            "for i in 0..9 { for j in 0..9 { x[i, j] = x[j, i] } }",
            [("anti", (None, None), ("<", "*")), ("flow", (None, None), ("<", "*"))],
        ),
        ("for i in 0..5 { for j in 0..5 { x[5 * i + j, 0] = 1.0:f32 } }", []),
        ("for i in 0..5 { for j in 0..6 { x[5 * i + j, 0] = 1.0:f32 } }", [("output", (1, -5), ("<", ">"))]),
        ("for i in 0..9 { x[0, 0] add= x[i, 1] }", [("reduction", (None,), ("<",))]),
        ("for i in 0..9 { x[i // 3, i % 3] = 1.0:f32 }", []),
        ("for i in 0..9 { for j in 0..i { x[i, j] = x[j, i] } }", []),
        ("for i in 0..9 { alloc l: f32[1]\n l[0] = x[i, 0]\n x[i, 1] = l[0] }", [("flow", (0,), ("=",))]),
        ("for i in 3..3 { x[0, 0] = x[1, 0] }", []),
        ("for i in 0..9 { x[k[i], 0] = 1.0:f32 }", [("output", (None,), ("<",))]),
    ],
)
def test_textbook_cases(body, expected):
    found = [(one.kind, one.distance, one.directions) for one in dependences(only_loop(body))]
    assert found == expected


def test_asserts_hold_back_only_what_may_be_undefined():
    guarded = 'for i in 0..9 {{ let p: i64 = k[i]\n assert {}, ""\n x[0, i] = x[p, 1] }}'
    assert not independent(only_loop(guarded.format("p < 100")))
    # the element read is in row p, which may be the one that is written
    assert not independent(only_loop(guarded.format("(p >= 0) & (p < 100)")))
    assert independent(only_loop(guarded.replace("x[0, i]", "k[i]").replace("= x[p, 1]", "= k[i]").format("p < 100")))


def test_what_is_known_around_a_loop_makes_answers_sharper():
    function = parse_function(
        "function f(x: inout f32[100]) {\n for n in 5..9 { for i in 0..n { x[i] = x[i + 9] } }\n}\n"
    )
    outer = function.body[0]
    assert isinstance(outer, For) and isinstance(outer.body[0], For)
    assert not independent(outer.body[0])
    assert independent(outer.body[0], Ranges().inside(outer))


def test_a_long_body_is_analysed_in_bounded_time():
    """Twice as many accesses take less than eight times as long, and four copies of a statement are no trouble."""
    lines = "\n".join(f"x[i + {n}, j] add= x[i + {n + 1}, 99]" for n in range(64))
    started = time.process_time()
    assert not independent(only_loop(f"for i in 0..9 {{ for j in 0..9 {{ {lines} }} }}"))
    assert time.process_time() - started < 5
