"""Relations hold for eager, honest evaluations pass, and faults show that the program itself does not show."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest
import torch

from benchmarks.faults import fault
from misfold.oracles.judge import judge
from misfold.oracles.metamorphic import variants
from misfold.oracles.metamorphic.comparing import Ran, Side, compare_outcomes, compare_pair
from misfold.oracles.metamorphic.program import Program, Writer, run
from misfold.oracles.metamorphic.relation import Relation, variant
from misfold.oracles.metamorphic.table import RELATIONS
from misfold.oracles.reference import Expected, Reference, evaluate
from misfold.oracles.selfcheck import VARIANTS, Variant
from misfold.programs.arguments import Ref
from misfold.programs.case import parse_case
from misfold.targets.eager import Eager
from misfold.targets.misfold import Misfold
from misfold.targets.outcome import Outcome
from misfold.targets.running import run_case
from misfold.targets.torch_values import make_inputs

from ..programs import integers, make_case

MATRIX = {"x0": "float32[6, 16]", "x1": "float32[16, 8]"}
#: A program for each relation on which it has a site.
PROGRAMS = {
    "batch-split": make_case("v0 = torch.matmul(x0, x1); return (v0,)", MATRIX),
    "chunked-attention": make_case(
        "v0 = torch.nn.functional.scaled_dot_product_attention(x0, x1, x2); return (v0,)",
        {"x0": "float32[2, 6, 4]", "x1": "float32[2, 5, 4]", "x2": "float32[2, 5, 4]"},
    ),
    "chunked-scan": make_case("v0 = torch.cumsum(x0, 1); return (v0,)", {"x0": "float32[3, 9]"}),
    "commuted": make_case("v0 = torch.mul(x0, x1); return (v0,)", {"x0": "float32[5]", "x1": "float32[5]"}),
    "company": make_case("v0 = torch.exp(x0); return (v0,)", {"x0": "float32[5]"}),
    "double-transpose": make_case("v0 = torch.exp(x0); return (v0,)", {"x0": "float32[3, 5]"}),
    "exposed": make_case("v0 = torch.exp(x0); v1 = torch.sum(v0); return (v1,)", {"x0": "float32[5]"}),
    "functional": make_case("v0 = torch.exp(x0); v1 = v0.mul_(x0); return (v1,)", {"x0": "float32[5]"}),
    "input-layout": make_case("v0 = torch.exp(x0); return (v0,)", {"x0": "float32[3, 5]"}),
    "outlined": make_case("v0 = torch.exp(x0); v1 = torch.sum(v0); return (v1,)", {"x0": "float32[5]"}),
    "padded-rows": make_case("v0 = torch.softmax(x0, 1); return (v0,)", {"x0": "float32[4, 7]"}),
    "permuted-rows": make_case("v0 = torch.sum(x0, 1); return (v0,)", {"x0": "float32[4, 7]"}),
    "reassociated": make_case(
        "v0 = torch.add(x0, x1); v1 = torch.add(v0, x2); return (v1,)", dict.fromkeys(("x0", "x1", "x2"), "float32[9]")
    ),
    "saturated": make_case(
        "v0 = torch.sub(x0, x1); v1 = torch.neg(v0); v2 = torch.mul(v1, x0); return (v2,)",
        {"x0": "float32[3, 5]", "x1": "float32[3, 5]"},
    ),
    "scaled-normalisation": make_case(
        "v0 = torch.nn.functional.layer_norm(x0, (8,)); return (v0,)", {"x0": "float32[4, 8]"}
    ),
    "sharded-product": make_case("v0 = torch.matmul(x0, x1); return (v0,)", MATRIX),
    "sharded-reduction": make_case("v0 = torch.sum(x0, 1); return (v0,)", {"x0": "float32[4, 7]"}),
    "unit-factor": make_case("v0 = torch.exp(x0); return (v0,)", {"x0": "float32[5]"}),
    "zero-addend": make_case("v0 = torch.exp(x0); return (v0,)", {"x0": "float32[5]"}),
}


def made(case, relation, seed=0, each=1):
    """The variants of a relation whose side conditions hold, as the service sends them."""
    answer = variants.serve({"case": case.text, "relations": [relation], "seed": seed, "each": each})
    return [item for item in answer["variants"] if "text" in item]


def verdicts(case, relation, target, seed=0, each=1):
    """The verdict on the case itself, on each variant by itself, and on each pair."""
    eager = run_case(Eager(), case)
    reference = evaluate(case, eager)
    outcome = run_case(target, case)
    plain = judge(case, eager, reference, outcome, aliases=False)
    alone, pairs = [], []
    for item in made(case, relation, seed, each):
        other = parse_case(item["text"])
        own, expected = Outcome.from_data(item["eager"]), Reference.from_data(item["reference"])
        found = run_case(target, other)
        alone.append(judge(other, own, expected, found, aliases=False))
        if outcome.kind == found.kind == "values":
            original, changed = Ran(reference, eager, outcome), Ran(expected, own, found)
            pairs.append(compare_outcomes(original, changed, item["outputs"], item["gradients"], relation))
    return plain, alone, pairs


def test_every_relation_has_a_program_here():
    assert set(PROGRAMS) == set(RELATIONS)
    assert all(relation.name == name and relation.statement for name, relation in RELATIONS.items())


@pytest.mark.parametrize("name", sorted(PROGRAMS))
def test_eager_satisfies_it_and_honest_evaluations_pass(name):
    case = PROGRAMS[name]
    items = [item for seed in range(4) for item in made(case, name, seed)]
    assert items, "no variant whose side conditions hold"
    if name != "functional":
        assert any(parse_case(item["text"]).hash != case.hash for item in items)
    for honest in ("float64 throughout", "float64 in every operator", "other memory layout"):
        _, alone, pairs = verdicts(case, name, Variant(honest, VARIANTS[honest]))
        assert not [one for one in (*alone, *pairs) if one.bad], honest


@pytest.mark.parametrize("name", sorted(PROGRAMS))
def test_values_are_the_same_in_float64(name):
    """To far more digits than a bound has: the equation itself, and not only its agreement within bounds."""
    case = PROGRAMS[name]
    wide = replace(case.graph, inputs=tuple(_wide(value) for value in case.graph.inputs))
    case = replace(case, graph=wide)
    program = Program(case, run(case, make_inputs(case)), Random(3), rewritten=name == "functional")
    if name == "functional":
        return
    for site in RELATIONS[name].sites(program):
        found = variant(RELATIONS[name], program, site)
        if found is None:
            continue
        values = run(found.case, make_inputs(found.case))
        for place, index in enumerate(found.outputs):
            if index is not None:
                left = program.values[case.graph.returns[index]]
                torch.testing.assert_close(values[found.case.graph.returns[place]], left, rtol=1e-13, atol=1e-13)


def _wide(value):
    kind = value.known
    return replace(value, type=type(kind).of("float64", kind.shape))


class _Wrong(Relation):
    """x * 2 = x"""

    name = "wrong"
    statement = "x * 2 is x"

    def sites(self, program):
        return ["x0"]

    def apply(self, program, site):
        writer = Writer(program.graph)
        return program.behind(site, writer, writer.call("torch.mul", Ref(site), 2))


def test_a_relation_that_eager_does_not_satisfy_is_not_applied(monkeypatch):
    monkeypatch.setitem(RELATIONS, "wrong", _Wrong())
    case = PROGRAMS["unit-factor"]
    (item,) = variants.serve({"case": case.text, "relations": ["wrong"]})["variants"]
    assert "eager itself does not satisfy it" in item["refused"]


def test_programs_that_fit_no_relation_say_why():
    random = make_case("v0 = torch.nn.functional.dropout(x0, 0.5, True); return (v0,)", {"x0": "float32[9]"})
    shared = make_case("v0 = x0.view(9); v1 = v0.mul_(2.0); return x0, v1", {"x0": "float32[9]"})
    assert "random" in variants.serve({"case": random.text})["unfit"]
    assert "other values show" in variants.serve({"case": shared.text})["unfit"]


#: Fault of misfold's compiler, relation, and a program on which the compiler is right all the same.
SHOWN = {
    "strided-taken-for-dense": (
        "input-layout", make_case("v0 = torch.exp(x0); return (v0,)", {"x0": "float32[5, 8]"}), 1,
    ),
    "vector-tail-lost": (
        "sharded-reduction", make_case("v0 = torch.sum(x0, 1); return (v0,)", {"x0": "float32[4, 16]"}), 1,
    ),
    "concatenation-one-late": (
        "batch-split", make_case("v0 = torch.mul(x0, x0); return (v0,)", {"x0": "float32[16]"}), 1,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(SHOWN))
def test_it_finds_what_the_program_itself_does_not_show(name):
    relation, case, count = SHOWN[name]
    with fault(name):
        results = [verdicts(case, relation, Misfold(), seed) for seed in range(count)]
    assert all(plain.kind == "ok" for plain, _, _ in results), "plain differential testing finds it too"
    bad = [pair for _, _, pairs in results for pair in pairs if pair.bad]
    assert any(pair.kind == "proved" for pair in bad)
    assert all(len(pair.explanation.splitlines()) == 3 for pair in bad)
    plain, alone, pairs = verdicts(case, relation, Misfold())
    assert not [one for one in (plain, *alone, *pairs) if one.bad], "without the fault it is right"


def test_sides_in_bounds_of_their_own_are_never_proved_apart():
    """The triangle inequality: with any errors inside both bounds, no verdict."""
    case = PROGRAMS["sharded-reduction"]
    eager = run_case(Eager(), case)
    expected = evaluate(case, eager).values[0]
    bound, centre = expected.bounds(), expected.values()
    random = Random(1)
    for _ in range(200):
        sides = []
        for _ in range(2):
            moved = centre + [random.uniform(-0.99, 0.99) for _ in centre] * bound
            value = replace(eager.values[0], data=moved.astype("float32").tobytes())
            sides.append(Side(expected, eager.values[0], value))
        apart, _ = compare_pair("out0", sides[0], sides[1], ("original", "variant"))
        assert apart is None or apart.kind != "proved"
    far = replace(eager.values[0], data=(centre + 5 * bound).astype("float32").tobytes())
    apart, _ = compare_pair("out0", sides[0], Side(expected, eager.values[0], far), ("original", "variant"))
    assert apart is not None and apart.kind == "proved" and "supports the original" in apart.text


def test_integers_and_what_is_not_known():
    case = make_case("v0 = torch.add(x0, x0); return (v0,)", {"x0": "int32[4]"}, {"x0": integers(0, 9)})
    eager = run_case(Eager(), case)
    expected = evaluate(case, eager).values[0]
    other = replace(eager.values[0], data=bytes(len(eager.values[0].data)))
    pair = Side(expected, eager.values[0], eager.values[0]), Side(expected, eager.values[0], other)
    apart, _ = compare_pair("out0", *pair, ("original", "variant"))
    assert apart is not None and apart.kind == "proved"
    unknown = Expected("int32", (4,), reason="a secret")
    apart, note = compare_pair("out0", Side(unknown, *[eager.values[0]] * 2), pair[1], ("original", "variant"))
    assert apart is None and "a secret" in note
