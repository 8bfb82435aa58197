"""Reduction and signatures of kernels; what fails is made up: a property of the kernel itself."""

import random

import pytest

from misfold.compiler.errors import UndefinedBehaviour
from misfold.compiler.loops.interpret import interpret
from misfold.compiler.loops.ir import Binary, For, Reduce
from misfold.compiler.loops.parser import parse_function
from misfold.compiler.loops.verify import verify
from misfold.compiler.loops.visit import all_expressions, statements
from misfold.generators.kernels import generate
from misfold.oracles.verdict import Verdict
from misfold.programs.kernel import KernelCase, kernel_inputs
from misfold.programs.pipeline import Pipeline
from misfold.targets.outcome import Failure, Outcome
from misfold.triage.kernel_signature import kernel_patterns, kernel_title, silent_kernel_signature
from misfold.triage.reduce.kernels import reduce_kernel, size

PASSES = tuple((name, {}) for name in ("a", "b", "c", "d", "e"))


def defined(case: KernelCase) -> bool:
    try:
        interpret(case.function, kernel_inputs(case))
    except UndefinedBehaviour:
        return False
    return True


def with_operator(op: str):
    return lambda case: any(isinstance(node, Binary) and node.op == op for node in all_expressions(case.function.body))


def with_reduction(case: KernelCase) -> bool:
    return any(isinstance(one, Reduce) for one in statements(case.function.body))


def with_loop_in_loop(case: KernelCase) -> bool:
    loops = [one for one in statements(case.function.body) if isinstance(one, For)]
    return any(isinstance(inner, For) for loop in loops for inner in statements(loop.body))


@pytest.mark.parametrize(
    ("fails", "largest"), [(with_operator("floordiv"), 12), (with_reduction, 10), (with_loop_in_loop, 12)]
)
def test_what_does_not_matter_goes(fails, largest):
    tried = 0
    for seed in range(60):
        case = KernelCase(generate(random.Random(seed)), seed, {"tvm": Pipeline("p", {}, PASSES)})
        if not fails(case) or size(case.function) < 80:
            continue
        tried += 1

        def wrong(candidate: KernelCase) -> bool:
            return fails(candidate) and defined(candidate)

        reduced = reduce_kernel(case, "tvm", wrong, 2000)
        verify(reduced.function)
        assert wrong(reduced)
        assert size(reduced.function) <= largest
        assert reduced.pipelines["tvm"].passes == ()
        if tried == 3:
            return
    raise AssertionError("too few programs to try")


def test_passes_that_matter_stay():
    function = parse_function("function f(x: out i32[4]) {\n  for i in 0..4 {\n    x[i] = 1:i32\n  }\n}\n")
    case = KernelCase(function, 1, {"tvm": Pipeline("p", {"level": 2, "fast": True}, PASSES)})

    def fails(candidate: KernelCase) -> bool:
        names = [name for name, _ in candidate.pipelines["tvm"].passes or ()]
        both = "b" in names and "d" in names and names.index("b") < names.index("d")
        return both and "fast" in candidate.pipelines["tvm"].options

    reduced = reduce_kernel(case, "tvm", fails)
    assert [name for name, _ in reduced.pipelines["tvm"].passes or ()] == ["b", "d"]
    assert dict(reduced.pipelines["tvm"].options) == {"fast": True}


def test_the_budget_bounds_tests():
    case = KernelCase(generate(random.Random(1)), 1, {"tvm": Pipeline("p")})
    tests = []
    reduce_kernel(case, "tvm", lambda candidate: bool(tests.append(candidate)), 17)
    assert len(tests) == 17


ONE = """function f(x: in i8[4], y: out f32[4]) {
  parallel i in 0..4 {
    y[i] = 0.0:f32
    y[i] add= f32(x[i] // 3:i8)
  }
}
"""


def test_signatures_tell_what_a_kernel_is_made_of():
    function = parse_function(ONE)
    assert kernel_patterns(function) == [
        "float(small-int)", "floordiv(small-int)", "for parallel", "load(small-int)", "reduce add(float)"
    ]  # fmt: skip
    wrong = Outcome("values"), Verdict("proved", "values", "")
    signature = silent_kernel_signature("tvm", wrong[1], wrong[0], kernel_patterns(function), "simplify")
    assert signature.startswith("tvm | wrong | values | simplify | ")
    assert signature != silent_kernel_signature("tvm", wrong[1], wrong[0], kernel_patterns(function), "fusion")
    renamed = parse_function(ONE.replace("y", "other").replace("4", "7"))
    assert signature == silent_kernel_signature("tvm", wrong[1], wrong[0], kernel_patterns(renamed), "simplify")


def test_titles():
    function = parse_function(ONE)
    crash = Outcome("crash", failure=Failure("SIGSEGV", "killed"))
    title = kernel_title(Verdict("proved", "crash", ""), crash, Pipeline("x", {}, PASSES), function)
    assert "SIGSEGV" in title
    assert "after 5 passes" in title
    wrong = kernel_title(Verdict("proved", "values", ""), Outcome("values"), Pipeline("default"), function)
    assert wrong.startswith("wrong values from")
    assert wrong.endswith("under default")
