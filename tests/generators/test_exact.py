"""Values under which arithmetic is exact."""

from __future__ import annotations

from misfold.generators.exact import assign
from misfold.oracles.reference import evaluate
from misfold.programs.case import Case
from misfold.programs.parser import parse_graph


def case(body: str, kind: str = "float32[4, 6]", **recipe: object) -> Case:
    lines = "".join(f"    {line.strip()}\n" for line in body.split(";"))
    graph = parse_graph(f'def program(x0: "{kind}", x1: "{kind}"):\n{lines}')
    drawn = recipe or {"draw": "normal", "seed": 3}
    return Case(graph, {"x0": {**drawn}, "x1": {"draw": "normal", "seed": 4}})


def test_a_division_gets_powers_of_two() -> None:
    found = assign(case("v0 = torch.div(x0, x1); v1 = torch.sum(v0, 1); return v0, v1"))
    assert found is not None
    assert (found.exact, found.outputs) == (2, 2)
    assert all(item.exact for item in evaluate(found.case).values)


def test_a_root_gets_squares_and_a_function_its_fixed_point() -> None:
    found = assign(case("v0 = torch.sqrt(x0); v1 = torch.log(x1); return v0, v1"))
    assert found is not None
    assert found.exact == found.outputs == 2


def test_values_stay_in_their_domain() -> None:
    found = assign(case("v0 = torch.mul(x0, x1); return (v0,)", draw="uniform", low=0.1, high=0.9, seed=1))
    assert found is not None and found.exact == 1
    assert all(0.1 <= item <= 0.9 for item in found.case.recipes["x0"]["values"])


def test_what_cannot_be_exact_is_counted_as_such() -> None:
    found = assign(case("v0 = torch.softmax(x0, 1); v1 = torch.mul(x0, x1); return v0, v1"))
    assert found is not None
    assert (found.exact, found.outputs) == (1, 2)
