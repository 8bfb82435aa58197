"""Programs that every target's tests share, and how to compare a target with eager on them."""

from __future__ import annotations

from misfold.programs.case import Case, parse_case
from misfold.programs.pipeline import Pipeline
from misfold.targets.eager import Eager
from misfold.targets.outcome import Outcome
from misfold.targets.protocol import Target
from misfold.targets.running import run_case

_INPUTS = {
    "x0": '{"draw": "normal", "seed": 1}',
    "x1": '{"draw": "normal", "seed": 2}',
    "x2": '{"draw": "integers", "low": -5, "high": 5, "seed": 3}',
    "x3": '{"draw": "bernoulli", "seed": 4}',
}

#: What a program's body says, by what it is an example of.
BODIES = {
    "arithmetic": """def program(x0: "float32[4, 18]", x1: "float32[18]"):
    v0 = torch.add(x0, x1)
    v1 = torch.softmax(v0, -1)
    v2 = torch.matmul(v0, x1)
    return v1, v2
""",
    "several outputs": """def program(x0: "float32[4, 6]"):
    v0, v1 = torch.topk(x0, 2, dim=1)
    v2, v3 = torch.chunk(v0, 2, dim=0)
    return v2, v3, v1
""",
    "integers": """def program(x0: "int64[3, 5]", x2: "int32[3, 5]", x3: "bool[3, 5]"):
    v0 = torch.mul(x0, x2)
    v1 = torch.where(x3, v0, x0)
    v2 = torch.sum(v1, 0)
    v3 = torch.logical_not(x3)
    return v2, v3
""",
    "views": """def program(x0: "float32[4, 6]"):
    v0 = x0.t()
    v1 = torch.narrow(v0, 0, 1, 3)
    v2 = torch.mul(v1, 2.0)
    v3 = torch.reshape(x0, [2, 12])
    return v2, v3
""",
    "in place": """def program(x0: "float32[4, 6]"):
    v0 = torch.mul(x0, 2.0)
    v1 = v0.add_(1.0)
    v2 = torch.relu(v0)
    return v1, v2
""",
    "written input": """def program(x0: "float32[4, 6]", x2: "int64[4]"):
    v0 = torch.mul(x0, 2.0)
    v1 = x2.add_(3)
    return v0, v1
""",
    "0-d and empty": """def program(x0: "float32[]", x1: "float32[0, 3]"):
    v0 = torch.mul(x0, 3.0)
    v1 = torch.add(x1, x0)
    return v0, v1
""",
    "unused input": """def program(x0: "float32[3]", x1: "float32[2]", x2: "int64[2]"):
    v0 = torch.neg(x0)
    v1 = torch.neg(x2)
    return v1, v0
""",
    "strided input": """def program(x0: "float32[3, 4]{1, 3}", x1: "float32[3, 4]{0, 1}"):
    v0 = torch.sub(x0, x1)
    return (v0,)
""",
    "input returned": """def program(x0: "float32[3]"):
    v0 = torch.neg(x0)
    return x0, v0, v0
""",
    "written through a view": """def program(x0: "float32[4, 6]"):
    v0 = torch.mul(x0, 2.0)
    v1 = torch.select(v0, 0, 1)
    v2 = v1.add_(1.0)
    return v0, v2
""",
}


def example(name: str) -> Case:
    """The case of an example."""
    return make(BODIES[name])


def make(body: str) -> Case:
    """A case of a program's text; inputs are called x0 … x3 and filled by name."""
    names = [name for name in _INPUTS if f"{name}: " in body]
    rows = "".join(f'    "{name}": {_INPUTS[name]},\n' for name in names)
    return parse_case(f"# misfold case, version 1\n\n{body}\nINPUTS = {{\n{rows}}}\n")


def check(target: Target, case: Case, pipeline: Pipeline | None = None, tolerance: float = 1e-5) -> Outcome:
    """Assert that a target gives what eager gives: element types, shapes, values, gradients, written inputs."""
    import numpy as np

    expected, actual = run_case(Eager(), case), run_case(target, case, pipeline)
    assert expected.kind == "values", expected.failure
    assert actual.kind == "values", (pipeline and pipeline.name, actual.kind, actual.failure and actual.failure.message)
    parts = [(expected.values, actual.values), (expected.mutated, actual.mutated)]
    if target.gradients:
        parts.append((expected.gradients, actual.gradients))
    for wanted, given in parts:
        assert len(wanted) == len(given)
        for left, right in zip(wanted, given, strict=True):
            assert (left is None) == (right is None)
            if left is not None and right is not None:
                assert (left.dtype, left.shape) == (right.dtype, right.shape)
                np.testing.assert_allclose(right.array(), left.array(), tolerance, tolerance)
                if target.aliases:
                    assert (left.strides, left.alias) == (right.strides, right.alias)
    return actual
