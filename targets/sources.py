"""Source of ``compile_program`` for standalone reproducers, for each built-in target (see ``Target.script``).

It says with the target's public interface what the target itself does, without the parts that only save time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from misfold.programs.case import print_literal
from misfold.programs.graph import Graph
from misfold.programs.pipeline import Pipeline
from misfold.programs.printer import print_graph

from .functional import written_inputs


def eager_source() -> str:
    """Eager PyTorch."""
    return """
def compile_program(program, inputs):
    return lambda tensors: program(*tensors)

"""


def inductor_source(pipeline: Pipeline) -> str:
    """``torch.compile``."""
    options = pipeline.options
    return f"""
def compile_program(program, inputs):
    import torch._inductor.config

    compiled = torch.compile(
        program, backend={print_literal(options.get("backend", "inductor"))}, dynamic={options.get("dynamic", False)}
    )

    def run(tensors):
        with torch._inductor.config.patch({print_literal(options.get("config", {}))}):
            return compiled(*tensors)

    return run

"""


def tvm_source(graph: Graph, pipeline: Pipeline) -> str:
    """TVM through ``torch.export`` and the Relax importer."""
    options = pipeline.options
    if pipeline.passes is not None:
        relax = f"tvm.transform.Sequential({_passes(pipeline.passes)})"
    else:
        relax = print_literal(options.get("relax", "default"))
    before = [(entry, {}) if isinstance(entry, str) else entry for entry in options.get("before", [])]
    first = f"module = tvm.transform.Sequential({_passes(before)})(module)" if before else "pass"
    return f"""
WRITTEN = {list(written_inputs(graph))}  # positions of the inputs that the program writes


def compile_program(program, inputs):
    import tvm
    from tvm import relax
    from tvm.relax.frontend.torch import from_exported_program

    class Program(torch.nn.Module):
        def forward(self, *tensors):
            tensors = [item.clone() if index in WRITTEN else item for index, item in enumerate(tensors)]
            return (*program(*tensors), *(tensors[index] for index in WRITTEN))

    tensors = tuple(tensor.detach() for tensor in inputs)
    exported = torch.export.export(Program(), tensors, strict=False).run_decompositions()
    module = from_exported_program(exported, run_ep_decomposition=False)
    target = tvm.target.Target({print_literal({"kind": "llvm", **options.get("target", {})})})
    with tvm.transform.PassContext(
        opt_level={options.get("opt_level", 2)},
        config={print_literal(options.get("config", {}))},
        disabled_pass={print_literal(options.get("disabled", []))},
    ):
        {first}
        built = relax.build(
            module, target, relax_pipeline={relax}, exec_mode={print_literal(options.get("exec_mode", "bytecode"))}
        )
    machine = relax.VirtualMachine(built, tvm.cpu())

    def run(tensors):
        # TVM wants memory aligned to 64 bytes, which torch's own allocator gives.
        copies = [tensor.detach().clone(memory_format=torch.contiguous_format) for tensor in tensors]
        results = machine["main"](*map(tvm.runtime.from_dlpack, copies))
        results = [results] if isinstance(results, tvm.runtime.Tensor) else results
        return finish([torch.from_dlpack(result).clone() for result in results], tensors)

    return run

{_FINISH}
"""


def onnxruntime_source(graph: Graph, pipeline: Pipeline) -> str:
    """ONNX Runtime through ``torch.onnx.export``."""
    from .rewriting import without_writes

    options = pipeline.options
    rewritten, written = without_writes(graph)
    other = ""
    name = "program"
    if rewritten != graph:
        name = "program_without_writes"
        other = print_graph(rewritten).replace("def program(", f"def {name}(") + "\n\n"
    level = options.get("level", "all")
    return f"""
{other}WRITTEN = {list(written)}  # positions of the inputs that the program writes


def compile_program(program, inputs):
    import io
    import warnings

    os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # counts only before the import
    import onnx
    import onnxruntime

    class Program(torch.nn.Module):
        def forward(self, *tensors):
            return {name}(*tensors)

    tensors = tuple(tensor.detach() for tensor in inputs)
    names = [f"x{{index}}" for index in range(len(tensors))]
    outputs = [f"out{{index}}" for index in range({len(rewritten.returns)})]
    shapes = {{name: tensor.shape for name, tensor in zip(names, tensors) if tensor.dim()}}
    axes = {{name: {{axis: f"{{name}}_{{axis}}" for axis in range(len(shape))}} for name, shape in shapes.items()}}
    data = io.BytesIO()
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            Program(), tensors, data, dynamo=False, input_names=names, output_names=outputs,
            opset_version={options.get("opset", 20)}, do_constant_folding={options.get("fold", True)},
            dynamic_axes=axes if {options.get("dynamic", False)} else None,
        )
    onnx.checker.check_model(data.getvalue())
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = settings.inter_op_num_threads = 1
    settings.graph_optimization_level = onnxruntime.GraphOptimizationLevel.{
        "ORT_DISABLE_ALL" if level == "disabled" else f"ORT_ENABLE_{level.upper()}"
    }
    settings.enable_mem_pattern = {options.get("memory_pattern", True)}
    settings.enable_mem_reuse = {options.get("memory_reuse", True)}
    settings.enable_cpu_mem_arena = {options.get("arena", True)}
    settings.execution_mode = onnxruntime.ExecutionMode.ORT_{str(options.get("execution", "sequential")).upper()}
    for key, value in {print_literal(options.get("config", {}))}.items():
        settings.add_session_config_entry(key, value)
    session = onnxruntime.InferenceSession(
        data.getvalue(), settings, providers=["CPUExecutionProvider"],
        disabled_optimizers={print_literal(options.get("disabled", []))},
    )

    def to_ort(tensor):
        if tensor.dtype == torch.bfloat16:
            bits = tensor.view(torch.int16).numpy().view("uint16")
            return onnxruntime.OrtValue.ortvalue_from_numpy_with_onnx_type(bits, 16)  # TensorProto.BFLOAT16
        return onnxruntime.OrtValue.ortvalue_from_numpy(tensor.numpy())

    def from_ort(value):
        if value.element_type() == 16:
            return torch.from_dlpack(value).clone()
        return torch.from_numpy(value.numpy().copy())

    def run(tensors):
        given = {{name: tensor.detach().contiguous() for name, tensor in zip(names, tensors)}}
        feeds = {{item.name: to_ort(given[item.name]) for item in session.get_inputs()}}
        results = session.run_with_ort_values([item.name for item in session.get_outputs()], feeds)
        return finish([from_ort(value) for value in results], tensors)

    return run

{_FINISH}
"""


# Programs that write their inputs: what TVM and ONNX get returns these inputs' final contents behind its outputs.
_FINISH = """
def finish(results, tensors):
    count = len(results) - len(WRITTEN)
    with torch.no_grad():
        for index, final in zip(WRITTEN, results[count:]):
            if not torch.equal(tensors[index], final):
                tensors[index].copy_(final)
    return results[:count]

"""


def _passes(entries: Sequence[Any]) -> str:
    calls = []
    for name, parameters in entries:
        arguments = ", ".join(f"{key}={print_literal(value)}" for key, value in parameters.items())
        calls.append(f"getattr(relax.transform, {name!r}, None) or relax.backend.{name}")
        calls[-1] = f"({calls[-1]})({arguments})"
    return f"[{', '.join(calls)}]"


def misfold_source(pipeline: Pipeline) -> str:
    """misfold's own compiler through ``torch.compile``."""
    options = pipeline.options
    settings: dict[str, Any] = {"strict": True}
    if pipeline.passes is not None:
        settings["pipeline"] = [[name, dict(parameters)] for name, parameters in pipeline.passes]
    if options.get("codegen"):
        settings["codegen"] = dict(options["codegen"])
    return f"""
def compile_program(program, inputs):
    compiled = torch.compile(
        program, backend="misfold", dynamic={options.get("dynamic", False)}, options={print_literal(settings)}
    )
    return lambda tensors: compiled(*tensors)

"""
