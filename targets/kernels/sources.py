"""Source of ``compile_kernel`` for standalone reproducers (see ``KernelTarget.script``)."""

from __future__ import annotations

from collections.abc import Sequence

from misfold.compiler.loops.ir import Function
from misfold.compiler.loops.printer import print_function
from misfold.programs.case import print_literal
from misfold.programs.pipeline import Pipeline


def tvm_source(
    script: str,
    json: str | None,
    pipeline: Pipeline,
    required: list[tuple[str, dict[str, object]]],
    traces: Sequence[str] = (),
) -> str:
    """``script`` is the function's TVMScript; ``json`` the function itself where reading the text gives another one.
    ``traces`` are what schedules do to it first, as TVM says it: Python of ``apply_trace(sch)``."""
    scheduling = "".join(
        "\n    from tvm import s_tir\n\n"
        + "".join(f"    {line}\n" if line else "\n" for line in trace.splitlines() if not line.startswith("#"))
        + "\n    schedule = s_tir.Schedule(function)\n    apply_trace(schedule)\n"
        '    function = schedule.mod["main"]\n'
        for trace in traces
    )
    options = pipeline.options
    exact = (
        f"    # Reading the text folds constants; this is the function as it was.\n    JSON = {json!r}\n"
        if json
        else ""
    )
    reading = (
        "tvm.ir.load_json(JSON)" if json else 'tvm.script.from_source(SOURCE, extra_vars={"T": T, "I": I})'
    )  # fmt: skip
    if pipeline.passes is None:
        building = "built = tvm.compile(module, target=target)"
    else:
        building = f"built = build(tvm, module, target, {required!r})"
    return f'''
SOURCE = """
{script}
"""

{_BUILD if pipeline.passes is not None else ""}
def compile_kernel():
    """A function of one (memory, shape, element type) for each parameter."""
    os.environ["TVM_NUM_THREADS"] = "1"
    import tvm
    from tvm.script import ir as I, tirx as T

{exact}    function = {reading}
{scheduling}    module = tvm.IRModule({{"main": function}})
    target = tvm.target.Target({print_literal({"kind": "llvm", **options.get("target", {})})})
    with tvm.transform.PassContext(
        opt_level={options.get("opt_level", 2)}, config={print_literal(options.get("config", {}))}
    ):
        {building}
        main = built.jit()["main"]

    def run(parameters):
        main(*[tvm.runtime.from_dlpack(memory)._create_view(shape, dtype=dtype) for memory, shape, dtype in parameters])

    return run

'''


#: What ``targets.kernels.tvm`` does with a list of passes.
_BUILD = """
def build(tvm, module, target, passes):
    from tvm import s_tir, tirx
    from tvm.tirx.build import codegen_build

    module = tirx.transform.BindTarget(target.with_host(target))(module)
    for name, parameters in passes:
        package, _, short = name.rpartition(".")
        one = getattr(tirx.transform if package == "tirx" else s_tir.transform, short)(**parameters)
        well_formed = bool(s_tir.analysis.verify_well_formed(module, assert_mode=False))
        module = one(module)
        if well_formed and not s_tir.analysis.verify_well_formed(module, assert_mode=False):
            raise RuntimeError(f"pass {name} leaves a function that is not well-formed")
    for name in (
        "VerifyMemory", "AnnotateEntryFunc", "SplitHostDevice", "MakePackedAPI", "BF16StorageLegalize",
        "LowerTVMBuiltin", "LowerIntrin",
    ):
        module = getattr(tirx.transform, name)()(module)
    return tvm.runtime.Executable(codegen_build(module, target))

"""


def misfold_source(function: Function, pipeline: Pipeline) -> str:
    """misfold's own compiler: the one target whose scripts need misfold."""
    passes = [[name, dict(parameters)] for name, parameters in pipeline.passes or ()]
    return f'''
SOURCE = """
{print_function(function)}
"""


def compile_kernel():
    """A function of one (memory, shape, element type) for each parameter."""
    from misfold.compiler.driver import build, optimise
    from misfold.compiler.loops.parser import parse_function
    from misfold.compiler.pipelines import from_data

    pipeline = from_data("script", {passes!r}, {print_literal(pipeline.options.get("codegen", {}))})
    compiled = build(optimise(parse_function(SOURCE), pipeline, verify=True), pipeline)

    def run(parameters):
        compiled.call_pointers([memory.__array_interface__["data"][0] for memory, _, _ in parameters])

    return run

'''
