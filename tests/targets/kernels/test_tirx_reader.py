"""What a PrimFunc computes by the loop IR's interpreter is what numpy computes; what is undefined is found."""

from __future__ import annotations

import numpy as np
import pytest

from misfold.programs.errors import TextError
from misfold.programs.kernel import KernelCase, kernel_inputs
from misfold.programs.kernel_tvmscript import TVMScriptCase, without_comments

pytest.importorskip("tvm")

from tvm import te, topi

from misfold.oracles.kernels import expect
from misfold.targets.kernels.tirx_reader import UNDEFINED, Unreadable, read_function
from misfold.targets.kernels.tvm import completed, parse_script
from misfold.targets.kernels.tvm_pipelines import DEFAULT, REQUIRED_WITH_BLOCKS


def script_of(shapes, operator, dtype="float32"):
    inputs = [te.placeholder(shape, dtype, name=f"p{number}") for number, shape in enumerate(shapes)]
    return without_comments(te.create_prim_func([*inputs, operator(*inputs)]).script())


def expected(script, seed=1):
    case = TVMScriptCase(script.replace("def main_", "def main"), seed)
    function = read_function(parse_script(case.script), case.parameters)
    return case, expect(KernelCase(function, seed))


def softmax(x):
    powers = np.exp(x - x.max(1, keepdims=True))
    return powers / powers.sum(1, keepdims=True)


@pytest.mark.parametrize(
    ("shapes", "operator", "numpy_of", "exact"),
    [
        ([(3, 4), (4,)], topi.add, np.add, True),
        ([(3, 4), (3, 4)], topi.maximum, np.maximum, True),
        ([(3, 4)], lambda x: topi.sum(x, axis=1), lambda x: x.sum(1), True),
        ([(3, 4), (5, 4)], lambda a, b: topi.nn.dense(a, b), lambda a, b: a @ b.T, True),
        ([(2, 3, 4)], lambda x: topi.transpose(x, (2, 0, 1)), lambda x: x.transpose(2, 0, 1), True),
        ([(2, 3)], lambda x: topi.nn.pad(x, (1, 0), (0, 2)), lambda x: np.pad(x, ((1, 0), (0, 2))), True),
        ([(2, 6)], lambda x: topi.argmax(x, axis=1), lambda x: x.argmax(1), True),
        ([(3, 4)], lambda x: topi.reshape(x, (2, 6)), lambda x: x.reshape(2, 6), True),
        ([(7,)], topi.round, lambda x: np.round(x), True),
        ([(3, 4)], lambda x: topi.cast(x, "int8"), lambda x: x.astype(np.int8), True),
        ([(3, 4)], topi.nn.softmax, softmax, False),
        ([(6,)], topi.cumsum, np.cumsum, True),
        ([(3, 4)], topi.sigmoid, lambda x: 1 / (1 + np.exp(-x)), False),
    ],
)  # fmt: skip
def test_operators_of_topi_are_what_numpy_has(shapes, operator, numpy_of, exact):
    case, found = expected(script_of(shapes, operator))
    assert found.invalid is None and found.fails is None
    arrays = kernel_inputs(case)
    wanted = numpy_of(*arrays[: len(shapes)])
    (value,) = found.values.values()
    if exact:
        assert np.array_equal(value, wanted)
        assert not found.approximate
    else:
        assert np.allclose(value, wanted, rtol=1e-5)
        assert found.approximate


@pytest.mark.parametrize(("operator", "numpy_of"), [(topi.multiply, np.multiply), (topi.subtract, np.subtract)])
def test_integers_are_exact(operator, numpy_of):
    case, found = expected(script_of([(9,), (9,)], operator, "int32"), seed=4)
    (value,) = found.values.values()
    assert np.array_equal(value, numpy_of(*kernel_inputs(case)[:2]))
    assert not found.overflow


HEAD = '@T.prim_func(s_tir=True)\ndef main(A: T.Buffer((4,), "float32"), B: T.Buffer((4,), "int32")):\n'


LOOP = "    for i in range(4):\n"


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("    for i in range(4):\n        B[i] = T.Cast('int32', A[i] * T.float32(1e20))\n", "range of i32"),
        ("    for i in range(5):\n        B[i] = i\n", "out of bounds"),
        ("    for i in range(4):\n        B[i] = T.shift_left(i, i * 30)\n", "shift"),
        ("    for i in range(4):\n        B[i] = 3 // (i - 2)\n", "division by zero"),
        ("    for i in T.vectorized(4):\n        B[i] = B[(i + 1) % 4]\n", "race"),
        (LOOP + "        with T.sblock('b'):\n            v = T.axis.spatial(2, i)\n            B[v] = v\n", "domain"),
        ("    C = T.alloc_buffer((4,), 'int32')\n    for i in range(4):\n        B[i] = C[i]\n", "nothing was written"),
        (LOOP + "        B[i] = T.Cast('int32', T.max(T.sqrt(T.float32(-1) - A[i] * A[i]), A[i]))\n", "NaN"),
    ],
)  # fmt: skip
def test_what_is_undefined_is_found(body, why):
    _, found = expected(HEAD + body)
    text = found.invalid or found.fails or ""
    assert why in text
    assert found.invalid is not None or UNDEFINED in text


def test_a_side_that_is_not_taken_may_be_out_of_bounds():
    body = "    for i in range(8):\n        B[i % 4] = T.if_then_else(i < 4, B[i], 7)\n"
    _, found = expected(HEAD + body)
    assert found.invalid is None
    assert found.values["B"].tolist() == [7, 7, 7, 7]


def test_a_reduction_begins_where_its_reduction_variables_do():
    body = (
        "    for i, k in T.grid(4, 3):\n        with T.sblock('s'):\n"
        "            v_i, v_k = T.axis.remap('SR', [i, k])\n"
        "            with T.init():\n                B[v_i] = 10\n            B[v_i] = B[v_i] + v_k\n"
    )
    _, found = expected(HEAD + body)
    assert found.values["B"].tolist() == [13] * 4


def test_what_the_loop_ir_has_not_is_said():
    with pytest.raises(Unreadable, match="popcount"):
        expected(HEAD + "    for i in range(4):\n        B[i] = T.popcount(i)\n")


def test_texts_are_checked_before_tvm_sees_them():
    with pytest.raises(TextError):
        parse_script(HEAD + "    B[0] = __import__('os').system('true')\n")


def test_lists_of_passes_are_completed_in_the_default_order():
    names = [name for name, _ in completed([("tirx.UnrollLoop", {}), ("tirx.Simplify", {})], REQUIRED_WITH_BLOCKS)]
    assert set(names) == {"tirx.UnrollLoop", "tirx.Simplify", *REQUIRED_WITH_BLOCKS}
    ordered = [name for name in names if name in DEFAULT]
    assert ordered == sorted(ordered, key=DEFAULT.index)


def test_what_passes_need_was_measured_on_this_side_of_the_default_order():
    from misfold.targets.kernels.tvm_pipelines import PASS_SPACE

    assert PASS_SPACE.unmet(DEFAULT) is None
    for name, needed in PASS_SPACE.after.items():
        if name in DEFAULT:
            assert all(DEFAULT.index(one) < DEFAULT.index(name) for one in needed)
    without = [name for name in DEFAULT if name != "LowerOpaqueBlock"]
    assert "LowerOpaqueBlock" in (PASS_SPACE.unmet(without) or "")
