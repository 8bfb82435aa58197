"""TVMScript kernels: reduction on the syntax tree, and what signatures are made of."""

from __future__ import annotations

from misfold.programs.kernel_tvmscript import TVMScriptCase
from misfold.programs.pipeline import Pipeline
from misfold.triage.reduce.kernels import reduce_kernel
from misfold.triage.reduce.tvmscript import weight
from misfold.triage.tvmscript import tvmscript_patterns

SCRIPT = """@T.prim_func(s_tir=True)
def main(A: T.Buffer((4,), "int32"), B: T.Buffer((4,), "int32")):
    for i in T.vectorized(4):
        with T.sblock("b"):
            v = T.axis.spatial(4, i)
            B[v] = A[v] // 7 + T.max(A[v], 3)
    for k in range(3):
        if k < 2:
            A[k] = k * 5
"""


def test_what_does_not_matter_goes():
    case = TVMScriptCase(SCRIPT, 1, {"tvm": Pipeline("p", {}, (("tirx.UnrollLoop", {}), ("tirx.RemoveNoOp", {})))})

    def fails(candidate: TVMScriptCase) -> bool:
        names = [name for name, _ in candidate.pipelines["tvm"].passes or ()]
        return "//" in candidate.script and "tirx.RemoveNoOp" in names

    reduced = reduce_kernel(case, "tvm", fails, 400)  # type: ignore[arg-type, type-var]
    assert "//" in reduced.script
    assert "max" not in reduced.script and "range" not in reduced.script
    assert weight(reduced.script) < weight(SCRIPT)
    assert reduced.pipelines["tvm"].passes == (("tirx.RemoveNoOp", {}),)


def test_patterns_are_what_is_unusual():
    assert tvmscript_patterns(SCRIPT) == ["floordiv", "if", "lt", "max", "vectorized"]
