"""Bounds are checked from stated types: nothing is allocated, and each kind of operator is charged for what it does."""

import resource

import pytest

from misfold.programs.bounds import Bounds, check, growth, multiply_adds
from misfold.programs.case import parse_case
from misfold.programs.errors import BoundError
from misfold.programs.parser import parse_graph


def graph(signature: str, call: str, output: str):
    return parse_graph(f'def program({signature}):\n    v0: "{output}" = {call}\n    return (v0,)\n')


def work(signature: str, call: str, output: str) -> int:
    made = graph(signature, call, output)
    types = {value.name: value.type for value in made.values.values()}
    return multiply_adds(made.nodes[0], types, [made.nodes[0].outputs[0].type])


def test_a_huge_weight_is_refused_before_anything_is_allocated():
    text = """# misfold case, version 1

def program(x0: "float32[1, 64, 8, 8]", x1: "float32[65536, 64, 32, 32]"):
    v0: "float32[1, 65536, 1, 1]" = torch.nn.functional.conv2d(x0, x1)
    return (v0,)

INPUTS = {
    "x0": {"draw": "normal", "seed": 0},
    "x1": {"draw": "normal", "seed": 1},
}
"""
    case = parse_case(text)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(BoundError, match=r"x1 has 4294967296 elements; at most 65536 are allowed"):
        check(case)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000


@pytest.mark.parametrize(
    ("signature", "call", "output", "bounds", "message"),
    [
        ('x0: "float32[10, 10]"', "torch.abs(x0)", "float32[10, 10]", Bounds(elements=99), "x0 has 100 elements"),
        ('x0: "float32[10]"', "torch.outer(x0, x0)", "float32[10, 10]", Bounds(elements=99), "v0 has 100 elements"),
        ('x0: "float32[10]{1000}"', "torch.abs(x0)", "float32[10]", Bounds(elements=9000), "x0 has 9001 elements"),
        ('x0: "float32[10]"', "torch.abs(x0)", "float32[10]", Bounds(total=19), "20 elements together"),
        ('x0: "float64[10]"', "torch.abs(x0)", "float64[10]", Bounds(bytes=159), "160 bytes together"),
        ('x0: "float32[50, 50]"', "torch.mm(x0, x0)", "float32[50, 50]", Bounds(multiply_adds=10**5), "torch.mm"),
    ],
)
def test_each_limit_names_what_breaks_it(signature, call, output, bounds, message):
    made = graph(signature, call, output)
    check(made)
    with pytest.raises(BoundError, match=message):
        check(made, bounds)


@pytest.mark.parametrize(
    ("signature", "call", "output", "least", "most"),
    [
        ('x0: "float32[8, 16]", x1: "float32[16, 4]"', "torch.mm(x0, x1)", "float32[8, 4]", 512, 1200),
        ('x0: "float32[8, 16]", x1: "float32[16]"', "torch.mv(x0, x1)", "float32[8]", 128, 700),
        (
            'x0: "float32[1, 4, 9, 9]", x1: "float32[8, 4, 3, 3]"',
            "torch.nn.functional.conv2d(x0, x1)",
            "float32[1, 8, 7, 7]",
            14112,
            20000,
        ),
        (
            'x0: "float32[1, 4, 9, 9]", x1: "float32[4, 8, 3, 3]"',
            "torch.nn.functional.conv_transpose2d(x0, x1)",
            "float32[1, 8, 11, 11]",
            9 * 9 * 4 * 8 * 9,
            10**5,
        ),
        ('x0: "float32[6, 7]", x1: "float32[7, 5]"', 'torch.einsum("ij,jk->ik", x0, x1)', "float32[6, 5]", 210, 400),
        (
            'x0: "float32[2, 4, 16, 8]"',
            "torch.nn.functional.scaled_dot_product_attention(x0, x0, x0)",
            "float32[2, 4, 16, 8]",
            2 * 4 * 16 * 16 * 8 * 2,
            10**5,
        ),
        ('x0: "float32[9, 3]", x1: "float32[7, 3]"', "torch.cdist(x0, x1)", "float32[9, 7]", 189, 500),
        (
            'x0: "float32[5, 3]", x1: "float32[5, 4]", x2: "float32[6, 3, 4]"',
            "torch.nn.functional.bilinear(x0, x1, x2)",
            "float32[5, 6]",
            360,
            700,
        ),
        ('x0: "float32[20, 20]"', "torch.linalg.inv(x0)", "float32[20, 20]", 8000, 10**6),
        ('x0: "float32[64]"', "torch.fft.fft(x0)", "float32[64]", 64 * 6, 5000),
        ('x0: "float32[1, 1, 20, 20]"', "torch.nn.functional.max_pool2d(x0, 5)", "float32[1, 1, 4, 4]", 400, 3000),
        ('x0: "float32[100]"', "torch.relu(x0)", "float32[100]", 100, 300),
    ],
)
def test_work_is_estimated_by_family(signature, call, output, least, most):
    assert least <= work(signature, call, output) <= most


def test_growth_multiplies_sizes_where_operators_do():
    made = graph('x0: "float32[100]", x1: "float32[70]"', "torch.kron(x0, x1)", "float32[7000]")
    types = {value.name: value.type for value in made.inputs}
    assert growth(made.nodes[0], types) == 7000
    made = graph('x0: "float32[100]", x1: "float32[70]"', "torch.add(x0, x1)", "float32[7000]")
    assert growth(made.nodes[0], types) == 100


def test_a_value_without_a_type_is_no_way_around_the_bounds_of_others():
    made = parse_graph('def program(x0: "float32[300, 300]"):\n    v0 = torch.mm(x0, x0)\n    return (v0,)\n')
    with pytest.raises(BoundError, match="x0 has 90000"):
        check(made)
    with pytest.raises(BoundError, match="multiply-adds"):
        check(made, Bounds(elements=10**6, multiply_adds=10**5))
