"""ONNX Runtime: ``torch.onnx.export`` (by tracing) → ``onnx.checker`` → session on the CPU provider.

What counts as unsupported
--------------------------
* the exporter says so: no symbolic function for an operator (UnsupportedOperatorError, "Unsupported: ONNX export of
  operator …"), or an operator that needs a newer opset than the pipeline's;
* the exporter means so, but says nothing: it does not promote integers for most floating-point operators, nor look at
  what element types an ONNX operator takes, and writes, say, Erf of int64. Where the operator's schema does not list
  the type that ONNX Runtime complains about, this is an element type that the exporter does not support;
* ONNX Runtime says so: NOT_IMPLEMENTED, no kernel for the operator at this element type;
* a program that writes memory of which other values are views, or that the exporter's tracing would freeze (see
  ``rewriting.without_writes``).

Failures keep apart who is to blame: ``InvalidModel`` is a model that breaks ONNX's own rules, so the exporter's fault;
any other exception of the exporter is its own crash; what ONNX Runtime raises for a model that ``onnx.checker``
accepts is ONNX Runtime's.
"""

from __future__ import annotations

import io
import os
import re
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from misfold.programs.errors import TargetError
from misfold.programs.graph import Graph
from misfold.programs.pipeline import Pipeline

from .functional import Functional
from .onnxruntime_pipelines import LEVELS, OPTIMIZERS, PIPELINES
from .options import check_pipeline, unknown
from .packages import missing_packages, package_versions
from .protocol import Executable, Target, Unsupported

_OPTIONS: dict[str, type] = {
    "level": str,  # of graph optimisation, one of LEVELS
    "disabled": list,  # names of optimisers
    "execution": str,  # sequential or parallel
    "memory_pattern": bool,
    "memory_reuse": bool,
    "arena": bool,
    "config": dict,  # session configuration entries, string to string
    "opset": int,
    "fold": bool,  # whether the exporter folds constants
    "dynamic": bool,  # whether the dimensions of inputs are symbols in the model
}
#: Opsets that torch's tracing exporter writes.
_OPSETS = range(9, 21)
#: What torch exports to unless told otherwise; stated, so that a model does not depend on torch's version.
_OPSET = 20
_REFUSED = re.compile(
    r"Exporting the operator '(?P<missing>[\w:.]+)'|Unsupported: ONNX export of operator (?P<partly>[\w:.]+)"
    r"|Unsupported: ONNX export|does not support|not (?:yet )?supported|unexpected tensor scalar type",
    re.I,
)
#: Warnings of the exporter that what it makes may be wrong, as where an index may name a place twice.
_DISCLAIMED = re.compile(
    r"onnx model to be incorrect|incorrect (?:onnx graph|results)|not match the expected results", re.IGNORECASE
)
_WRONG_TYPE = re.compile(r"Type 'tensor\((?P<type>\w+)\)' of input parameter \(.*?\) of operator \((?P<op>\w+)\)")
_NO_KERNEL = re.compile(r"Could not find an implementation for (\w+)\(")


class InvalidModel(Exception):
    """The exporter made a model that ``onnx.checker`` rejects."""


class OnnxRuntime(Target):
    """Microsoft's ONNX Runtime on its CPU provider, on one thread."""

    name = "onnxruntime"
    family = "onnx"
    install = "pip install 'misfold[onnxruntime]'"
    # An export costs in proportion to the program: merged cases save a quarter, and one that fails costs them all.
    batch = 1
    own_modules = ("onnxruntime", "torch.onnx", "onnx")

    def missing(self) -> str | None:
        return missing_packages(("torch", "onnx", "onnxruntime"), self.install)

    def versions(self) -> Mapping[str, str]:
        return package_versions(("onnxruntime", "onnx", "torch"))

    def pipelines(self) -> Sequence[Pipeline]:
        return PIPELINES

    def warm_up(self) -> None:
        import torch

        from misfold.programs.parser import parse_graph

        torch.set_num_threads(1)
        graph = parse_graph(
            'def program(x0: "float32[4, 4]", x1: "float32[4]"):\n'
            "    v0 = torch.matmul(x0, x0)\n    v1 = torch.add(v0, x1)\n    v2 = v1.sum(0)\n    return v1, v2\n"
        )
        inputs = [torch.ones(4, 4), torch.ones(4)]
        self.compile(graph, inputs, PIPELINES[0])(inputs)

    def compile(self, graph: Graph, inputs: Sequence[Any], pipeline: Pipeline) -> Executable:
        _check(pipeline)
        from .functional import traceable

        program = traceable(graph)
        return session(_export(program, graph, inputs, pipeline), pipeline, program.finish, len(inputs))

    def script(self, graph: Graph, pipeline: Pipeline) -> str:
        from .sources import onnxruntime_source

        return onnxruntime_source(graph, pipeline)


def _check(pipeline: Pipeline) -> None:
    """Raise TargetError unless the pipeline is one that this target understands."""
    check_pipeline("onnxruntime", pipeline, _OPTIONS)
    options = pipeline.options
    where = f"onnxruntime, pipeline {pipeline.name!r}"
    if options.get("level", "all") not in LEVELS:
        raise TargetError(f"{where}: {unknown('level', options['level'], LEVELS)}")
    for name in options.get("disabled", []):
        if name not in OPTIMIZERS:
            raise TargetError(f"{where}: {unknown('optimizer', name, OPTIMIZERS)}")
    if options.get("execution", "sequential") not in ("sequential", "parallel"):
        raise TargetError(f"{where}: execution is sequential or parallel, not {options['execution']!r}")
    if options.get("opset", _OPSET) not in _OPSETS:
        raise TargetError(f"{where}: opset must be from {_OPSETS[0]} to {_OPSETS[-1]}, not {options['opset']}")
    if not all(isinstance(value, str) for value in options.get("config", {}).values()):
        raise TargetError(f"{where}: values of config are strings")


def export_model(graph: Graph, inputs: Sequence[Any], pipeline: Pipeline | None = None) -> bytes:
    """The graph as a serialised ONNX model, checked. Inputs are ``x0, x1, …``, outputs ``out0, out1, …``.

    Inputs that the program does not use are not in the model. Inputs that the program writes are outputs too, behind
    the program's own, in order.

    Raises:
        Unsupported: the exporter has no way to express the program.
        InvalidModel: the exporter made a model that ``onnx.checker`` rejects.
    """
    from .functional import traceable

    return _export(traceable(graph), graph, inputs, pipeline or PIPELINES[0])


def _export(program: Functional, graph: Graph, inputs: Sequence[Any], pipeline: Pipeline) -> bytes:
    import onnx
    import torch

    from .exporting import Program

    options = pipeline.options
    tensors = tuple(tensor.detach() for tensor in inputs)
    names = [f"x{index}" for index in range(len(inputs))]
    outputs = [f"out{index}" for index in range(len(graph.returns) + len(program.written))]
    axes = None
    if options.get("dynamic", False):
        axes = {
            name: {axis: f"{name}_{axis}" for axis in range(tensor.dim())}
            for name, tensor in zip(names, tensors, strict=True)
            if tensor.dim()
        }
    data = io.BytesIO()
    # torch 2.13 means to log only if asked to, but tests the function that says so instead of calling it.
    if hasattr(torch._C, "_jit_onnx_log"):
        torch._C._jit_onnx_log = lambda *_: None
    with warnings.catch_warnings(record=True) as said, torch.no_grad():
        warnings.simplefilter("always")
        try:
            torch.onnx.export(
                Program(program.function), tensors, data, dynamo=False, input_names=names, output_names=outputs,
                opset_version=options.get("opset", _OPSET), do_constant_folding=options.get("fold", True),
                dynamic_axes=axes,
            )  # fmt: skip
        except (RuntimeError, NotImplementedError) as error:
            match = _REFUSED.search(str(error))
            if match is None and not isinstance(error, torch.onnx.errors.UnsupportedOperatorError):
                raise
            operator = (match["missing"] or match["partly"]) if match else None
            raise Unsupported(str(error).partition("\n")[0], operator) from error
    # Most of what is said is advice to use the exporter's successor, and what its tracer thinks.
    for warning in said:
        if _DISCLAIMED.search(text := str(warning.message)):
            raise Unsupported(" ".join(text.split())[:200])
    model = data.getvalue()
    try:
        onnx.checker.check_model(model)
    except onnx.checker.ValidationError as error:
        raise InvalidModel(str(error)) from error
    return model


def session(model: bytes, pipeline: Pipeline, finish: Any, count: int) -> Executable:
    """A model as an executable.

    ``count`` is the number of the program's inputs, ``finish`` makes its outputs out of the model's (see
    ``functional``).

    Raises:
        Unsupported: ONNX Runtime has no kernel for an operator at its element type.
        InvalidModel: it is rejected by ONNX's shape and type inference too.
    """
    onnxruntime = _runtime()
    state = onnxruntime.capi.onnxruntime_pybind11_state
    options = pipeline.options
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = 1
    settings.inter_op_num_threads = 1
    settings.log_severity_level = 4  # fatal only: the rest is raised as well
    level = options.get("level", "all")
    settings.graph_optimization_level = getattr(
        onnxruntime.GraphOptimizationLevel, "ORT_DISABLE_ALL" if level == "disabled" else f"ORT_ENABLE_{level.upper()}"
    )
    settings.enable_mem_pattern = options.get("memory_pattern", True)
    settings.enable_mem_reuse = options.get("memory_reuse", True)
    settings.enable_cpu_mem_arena = options.get("arena", True)
    if options.get("execution") == "parallel":
        settings.execution_mode = onnxruntime.ExecutionMode.ORT_PARALLEL
    for key, value in options.get("config", {}).items():
        settings.add_session_config_entry(key, value)
    try:
        made = onnxruntime.InferenceSession(
            model, settings, providers=["CPUExecutionProvider"], disabled_optimizers=options.get("disabled")
        )
    except state.NotImplemented as error:
        match = _NO_KERNEL.search(str(error))
        raise Unsupported(str(error), f"onnx.{match[1]}" if match else None) from error
    except (state.InvalidGraph, state.Fail) as error:
        _blame_exporter(model, error)
        raise
    wanted = [item.name for item in made.get_inputs()]
    results = [item.name for item in made.get_outputs()]
    # numpy has no bfloat16: where there is one, values go in and out as OrtValue over DLPack.
    narrow = any("bfloat16" in item.type for item in (*made.get_inputs(), *made.get_outputs()))

    def run(tensors: Sequence[Any]) -> Sequence[Any]:
        import torch

        from .guarded import GuardedInputs

        if len(tensors) != count:
            raise ValueError(f"{len(tensors)} inputs for a program of {count}")
        guarded = GuardedInputs(tensors)
        given = {f"x{index}": tensor for index, tensor in enumerate(guarded.tensors)}
        if narrow:
            feeds = {name: _ort_value(given[name]) for name in wanted}
            outputs = [_from_ort_value(value) for value in made.run_with_ort_values(results, feeds)]
        else:
            arrays = made.run(results, {name: given[name].numpy() for name in wanted})
            # Copied where the session hands out memory that is an input's or read-only.
            outputs = [torch.from_numpy(array.copy()) for array in arrays]
        guarded.check()
        return finish(outputs, tensors)

    return run


def _runtime() -> Any:
    """The onnxruntime package, imported without its telemetry.

    Official builds since 1.29 start an uploader thread on import, which would not survive a fork, leave an identifier
    in the user's home and report sessions over the network. The variable counts only if set before the import.
    """
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    import onnxruntime

    return onnxruntime


def _ort_value(tensor: Any) -> Any:
    """A torch tensor as an OrtValue."""
    import torch

    onnxruntime = _runtime()
    if tensor.dtype == torch.bfloat16:
        bits = tensor.view(torch.int16).numpy().view("uint16")
        return onnxruntime.OrtValue.ortvalue_from_numpy_with_onnx_type(bits, 16)  # TensorProto.BFLOAT16
    return onnxruntime.OrtValue.ortvalue_from_numpy(tensor.numpy())


def _from_ort_value(value: Any) -> Any:
    """An OrtValue as a torch tensor of its own memory."""
    import torch

    if value.element_type() == 16:
        return torch.from_dlpack(value).clone()
    return torch.from_numpy(value.numpy().copy())


def _blame_exporter(model: bytes, error: Exception) -> None:
    """Raise Unsupported or InvalidModel if it is not ONNX Runtime's fault that it does not take a model."""
    import onnx

    loaded = onnx.load_model_from_string(model)
    match = _WRONG_TYPE.search(str(error))
    if match:
        opset = next(entry.version for entry in loaded.opset_import if entry.domain == "")
        schema = onnx.defs.get_schema(match["op"], opset)
        # ONNX writes float where ONNX Runtime writes float, and otherwise the same names.
        allowed = {kind for constraint in schema.type_constraints for kind in constraint.allowed_type_strs}
        if f"tensor({match['type']})" not in allowed:
            operator = f"onnx.{match['op']}({match['type']})"
            raise Unsupported(f"the exporter writes {operator}, which ONNX does not have", operator) from error
    try:
        onnx.checker.check_model(loaded, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as rejection:
        raise InvalidModel(f"{rejection}\nONNX Runtime: {error}") from error
