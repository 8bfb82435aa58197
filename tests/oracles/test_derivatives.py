"""Forward mode and exact gradients: what they say of honest targets, and of wrong derivatives."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from misfold.fuzz.verifying import judge_exact, judge_tangents
from misfold.oracles.gradients import forward, polynomial
from misfold.oracles.judge import judge
from misfold.oracles.reference import evaluate
from misfold.programs.case import parse_case
from misfold.programs.parser import parse_graph
from misfold.targets.eager import Eager
from misfold.targets.outcome import TensorValue
from misfold.targets.running import run_case
from misfold.targets.torch_values import make_inputs, to_function, to_value

from .programs import make_case

PAIR = {"x0": "float32[3, 5]", "x1": "float32[3, 5]"}
MATRICES = {"x0": "float32[3, 4]", "x1": "float32[4, 5]"}
CASES = {
    "product": make_case("v0 = torch.mul(x0, x1); v1 = torch.sum(v0, 1); return (v1,)", PAIR),
    "matrices": make_case("v0 = torch.matmul(x0, x1); v1 = torch.square(v0); return v0, v1", MATRICES),
    "cube": make_case(
        "v0 = torch.pow(x0, 3); v1 = torch.sub(v0, x0); v2 = torch.neg(v1); return (v2,)", {"x0": "float32[6]"}
    ),
}
SMOOTH = {
    **CASES,
    "softmax": make_case("v0 = torch.softmax(x0, 1); return (v0,)", {"x0": "float32[4, 7]"}),
    "functions": make_case(
        "v0 = torch.exp(x0); v1 = torch.sin(v0); v2 = torch.mul(v1, x0); return v1, v2", {"x0": "float32[9]"}
    ),
}


class LastPlace(Eager):
    """Eager, except that its gradients are off by a unit in the last place."""

    def compile(self, graph, inputs, pipeline):
        function = to_function(graph)

        def run(tensors):
            return [_Nudged.apply(item) for item in function(*tensors)]

        return run


class _Nudged(torch.autograd.Function):
    @staticmethod
    def forward(context, item):
        return item.clone()

    @staticmethod
    def backward(context, slope):
        return slope * (1 + 2.0**-22)


def _exact(name):
    answer = polynomial.serve({"case": CASES[name].text})
    assert answer["reason"] is None and answer["wrong"] is None
    return parse_case(answer["text"]), TensorValue.each_from_data(answer["gradients"])


@pytest.mark.parametrize("name", sorted(CASES))
def test_gradients_of_polynomials_are_known_to_the_bit(name):
    case, gradients = _exact(name)
    assert judge_exact(gradients, run_case(Eager(), case).gradients).kind == "ok"


def test_a_gradient_that_the_comparison_with_eager_lets_pass():
    case, gradients = _exact("product")
    eager, target = run_case(Eager(), case), run_case(LastPlace(), case)
    assert target.gradients != eager.gradients
    assert judge(case, eager, evaluate(case, eager), target, aliases=False).kind == "ok"
    verdict = judge_exact(gradients, target.gradients)
    assert verdict.kind == "proved" and len(verdict.explanation.splitlines()) == 3


def test_finite_differences_contradict_a_wrong_gradient():
    case = polynomial.whole_inputs(CASES["cube"])
    inputs = [item.detach().double().requires_grad_() for item in make_inputs(case)]
    slopes = polynomial._gradients(case.graph, inputs)
    assert polynomial.contradiction(case.graph, inputs, slopes) is None
    slopes[0][2] += 1
    assert "derivative is" in polynomial.contradiction(case.graph, inputs, slopes)


def test_weights_differentiate_polynomials_exactly():
    points = list(range(-3, 4))
    weights = polynomial._weights(points)
    for power in range(7):
        assert sum(w * p**power for w, p in zip(weights, points)) == (1 if power == 1 else 0)


def test_what_is_no_polynomial_or_may_round_says_so():
    other = make_case("v0 = torch.exp(x0); return (v0,)", {"x0": "float32[3]"})
    assert "no polynomial" in polynomial.serve({"case": other.text})["reason"]
    body = "; ".join(f"v{i} = torch.mul({'x0' if not i else f'v{i - 1}'}, 300.0)" for i in range(4))
    large = make_case(f"{body}; return (v3,)", {"x0": "float32[3]"})
    assert "may round" in polynomial.serve({"case": large.text})["reason"]
    graph = parse_graph('def program(x0: "float32[3]"):\n    v0 = torch.mul(x0, 0.5)\n    return (v0,)\n')
    assert polynomial.degrees(graph) is None


def _tangents(name):
    case = SMOOTH[name]
    answer = forward.expect({"case": case.text})
    assert answer["reason"] is None
    eager = TensorValue.each_from_data(answer["eager"])
    return case, [forward.Expected.from_data(item) for item in answer["expected"]], eager


@pytest.mark.parametrize("name", sorted(SMOOTH))
def test_eager_and_wider_tangents_are_right(name):
    case, expected, eager = _tangents(name)
    assert judge_tangents(expected, eager, eager).kind == "ok"
    wide = [item.double() if item.is_floating_point() else item for item in forward.arguments(case)]
    honest = [to_value(item.to(torch.float32)) for item in forward.pushed(case)(*wide)]
    assert judge_tangents(expected, eager, honest).kind == "ok"


def test_wrong_tangents_are_seen():
    _, expected, eager = _tangents("functions")
    array = eager[1].array().copy()
    array[3] *= 1.01
    wrong = [eager[0], replace(eager[1], data=array.tobytes())]
    verdict = judge_tangents(expected, eager, wrong)
    assert verdict.kind == "suspect" and verdict.output == "tangent1"
    assert judge_tangents(expected, eager, eager[:1]).kind == "proved"
    assert np.isfinite(array).all()
