"""Saturated terms are the same to the bit in eager."""

from __future__ import annotations

from random import Random

import pytest
import torch

from misfold.oracles.metamorphic import saturated, saturation, variants
from misfold.oracles.metamorphic.program import Program, run
from misfold.oracles.metamorphic.saturation import Term, equal_terms
from misfold.programs.case import Case
from misfold.targets.torch_values import make_inputs

from ..programs import integers, make_case

needs_egglog = pytest.mark.skipif(saturation.missing() is not None, reason="egglog is not installed")

HEADS = {
    "float32": "add sub mul maximum minimum neg abs".split(),
    "int32": "add sub mul maximum minimum neg abs bitwise_and bitwise_or bitwise_xor bitwise_not".split(),
    "uint8": "add sub mul maximum minimum neg bitwise_and bitwise_or bitwise_xor bitwise_not".split(),
    "int8": "add sub mul maximum minimum neg abs bitwise_and bitwise_or bitwise_xor bitwise_not".split(),
    "bool": "bitwise_and bitwise_or bitwise_xor bitwise_not logical_and logical_or logical_xor".split(),
}
UNARY = {"neg", "abs", "bitwise_not"}


def drawn(kind: str, seed: int, calls: int = 6) -> Case:
    """A program of calls on matrices of three operands, with layouts that change in between."""
    random = Random(seed)
    square, lines = ["x0", "x1", "x2"], []
    for at in range(calls):
        head, name = random.choice(HEADS[kind]), f"v{at}"
        operands = random.choices(square, k=1 if head in UNARY else 2)
        move = random.random()
        if move < 0.15:
            lines.append(f"{name} = torch.transpose({operands[0]}, 0, 1)")
        elif move < 0.3:
            lines.append(f"{name} = torch.flip({operands[0]}, [{random.randrange(2)}])")
        elif move < 0.4 and kind != "bool":
            lines.append(f"{name} = torch.mul({operands[0]}, 2)")
        else:
            lines.append(f"{name} = torch.{head}({', '.join(operands)})")
        square.append(name)
    body = "; ".join([*lines, f"return (v{calls - 1},)"])
    kinds = dict.fromkeys(("x0", "x1", "x2"), f"{kind}[4, 4]")
    high = 1 if kind == "bool" else 9
    low = -9 if kind in ("int32", "int8", "float32") else 0
    recipes = {name: integers(low, high, seed + at) for at, name in enumerate(kinds)}
    if kind == "float32":
        recipes = {name: {"draw": "normal", "seed": seed + at} for at, name in enumerate(kinds)}
    return make_case(body, kinds, recipes)


@needs_egglog
@pytest.mark.parametrize("kind", sorted(HEADS))
def test_variants_are_equal_to_the_bit(kind: str) -> None:
    relation, done = saturated.Saturated(), 0
    for seed in range(6):
        case = drawn(kind, seed)
        program = Program(case, run(case, make_inputs(case)), Random(seed))
        want = program.values[case.graph.returns[0]]
        for site in relation.sites(program):
            made = relation.apply(program, site)
            if made is None:
                continue
            assert isinstance(made, Case)
            found = run(made, make_inputs(made))[made.graph.returns[0]]
            assert found.dtype is want.dtype
            assert torch.equal(found, want), made.text
            done += made.hash != case.hash
    assert done >= 8


OPERATORS = {
    "Add": torch.add, "Sub": torch.sub, "Mul": torch.mul, "Max": torch.maximum, "Min": torch.minimum,
    "And": torch.bitwise_and, "Or": torch.bitwise_or, "Xor": torch.bitwise_xor, "Neg": torch.neg, "Abs": torch.abs,
    "Not": torch.bitwise_not, "Twice": lambda item: item * 2,
}  # fmt: skip


def value_of(term: Term, leaves: list[torch.Tensor]) -> torch.Tensor:
    if term.head == "Leaf":
        return leaves[term.places[0]]
    operands = [value_of(item, leaves) for item in term.operands]
    if term.head == "Turn":
        return operands[0].transpose(*term.places)
    if term.head == "Flip":
        return operands[0].flip(term.places)
    found: torch.Tensor = OPERATORS[term.head](*operands)
    return found


def random_term(kind: str, random: Random, depth: int = 3) -> Term:
    if depth == 0:
        return Term("Leaf", "", (), (random.randrange(3),))
    binary = {"f": "Add Sub Mul Max Min", "b": "And Or Xor"}.get(kind, "Add Sub Mul Max Min And Or Xor").split()
    unary = {"f": "Neg Abs Twice", "b": "Not", "u": "Neg Not Twice"}.get(kind, "Neg Abs Not Twice").split()
    chosen = random.random()
    if chosen < 0.5:
        parts = random_term(kind, random, depth - 1), random_term(kind, random, random.randrange(depth))
        return Term(random.choice(binary), kind, parts)
    part = random_term(kind, random, depth - 1)
    if chosen < 0.75:
        return Term(random.choice(unary), kind, (part,))
    return Term("Turn", "", (part,), (0, 1)) if chosen < 0.9 else Term("Flip", "", (part,), (random.randrange(2),))


@needs_egglog
@pytest.mark.parametrize("kind", sorted(saturation.KINDS))
def test_all_terms_are_equal_to_the_bit(kind: str) -> None:
    generator, random, seen = torch.Generator().manual_seed(4), Random(f"terms {kind}"), 0
    for _ in range(25):
        if kind == "f":
            leaves = [torch.randn(3, 3, generator=generator) for _ in range(3)]
        else:
            types = {"s": torch.int32, "u": torch.uint8, "b": torch.bool}
            low, high = {"s": (-9, 10), "u": (0, 256), "b": (0, 2)}[kind]
            leaves = [torch.randint(low, high, (3, 3), generator=generator).to(types[kind]) for _ in range(3)]
        term = random_term(kind, random)
        want = value_of(term, leaves)
        leaf = Term("Leaf", "", (), (0,))
        flipped = Term("Flip", "", (Term("Flip", "", (leaf,), (0,)),), (0,))
        for other in equal_terms(term, {leaf: flipped}, random):
            assert torch.equal(value_of(other, leaves), want), (term.text(), other.text())
            seen += 1
    assert seen > 30


@needs_egglog
def test_sums_of_floats_are_not_reassociated() -> None:
    leaves = [Term("Leaf", "", (), (at,)) for at in range(3)]
    term = Term("Add", "f", (Term("Add", "f", (leaves[0], leaves[1])), leaves[2]))
    for item in equal_terms(term, {}, Random(1)):
        assert {item.operands[0], item.operands[1]} & {leaves[2]}


@needs_egglog
def test_zeros_of_floats_and_what_may_overflow_are_left_alone() -> None:
    relation = saturated.Saturated()
    zeros = make_case("v0 = torch.sub(x0, x0); return (v0,)", {"x0": "float32[3, 3]"})
    program = Program(zeros, run(zeros, make_inputs(zeros)), Random(1))
    assert relation.apply(program, "v0") is None
    kinds = {"x0": "int32[4]", "x1": "int32[4]", "x2": "int32[4]"}
    # a + b overflows where (a + c) + b does not
    large = {
        "x0": {"draw": "values", "values": [2**30]},
        "x1": {"draw": "values", "values": [2**30 + 5]},
        "x2": {"draw": "values", "values": [-(2**30)]},
    }
    sums = make_case("v0 = torch.add(x0, x2); v1 = torch.add(v0, x1); return (v1,)", kinds, large)
    program = Program(sums, run(sums, make_inputs(sums)), Random(1))
    assert relation.apply(program, "v1") is None


def test_without_the_library_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(saturation.importlib.util, "find_spec", lambda name: None)
    case = drawn("int32", 1)
    (item,) = variants.serve({"case": case.text, "relations": ["saturated"]})["variants"]
    assert "egglog" in item["refused"]
