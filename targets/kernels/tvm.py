"""TVM on kernels: tirx → passes → LLVM, with no part of Relax, and without torch.

What counts as a rejection: TVM folds constants with checks that refuse what overflows or has no meaning. Integer
overflow is undefined there, so that is honest; anything else that TVM raises is a compile error.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import Any

import numpy as np

from misfold.compiler.loops.ir import Buffer, Function
from misfold.programs.errors import TargetError
from misfold.programs.kernel import KernelCase
from misfold.programs.kernel_arrays import span
from misfold.programs.kernel_tvmscript import TVMScriptCase, parameters_of
from misfold.programs.kernel_tvmscript_check import checked_function
from misfold.programs.pipeline import Pipeline
from misfold.targets.options import check_pipeline, unknown
from misfold.targets.packages import missing_packages, package_versions
from misfold.targets.protocol import Unsupported

from .protocol import CompileError, KernelExecutable, KernelTarget, PassSpace
from .tvm_pipelines import (
    DEFAULT,
    PASS_SPACE,
    PASS_SPACE_WITHOUT_BLOCKS,
    PIPELINES,
    REQUIRED,
    REQUIRED_WITH_BLOCKS,
)

_OPTIONS: dict[str, type] = {
    "target": dict,  # options of TVM's llvm target
    "config": dict,  # of the PassContext
    "opt_level": int,  # of the PassContext
    "plain": bool,  # of targets.kernels.tirx.emit
    "blocks": bool,  # of targets.kernels.tirx.emit: every store a block, for the passes of s_tir
    "schedule": list,  # of [primitive, seed], see tvm_schedules: applied before anything else
    "verify": bool,  # whether each pass of TVM's own pipeline must leave a well-formed function
}
# Constants that overflow, met while folding.
_OVERFLOW = re.compile(
    r"cannot make uint from negative value|negative uint|Literal value \S+ exceeds (?:range|maximum) of"
)


def _import_tvm() -> Any:
    """TVM without torch, which it would import for nothing where it is installed."""
    if "tvm" not in sys.modules and "torch" not in sys.modules:
        os.environ.setdefault("TVM_NUM_THREADS", "1")
        sys.modules["torch"] = None  # type: ignore[assignment]
        try:
            import tvm
        finally:
            del sys.modules["torch"]
    import tvm

    return tvm


class TVM(KernelTarget):
    """Apache TVM's tirx compiler with its LLVM backend, on one thread."""

    name = "tvm"
    family = "tvm-kernels"
    install = "pip install 'misfold[tvm]'"
    own_modules = ("tvm", "tvm_ffi")
    scripts = True

    def missing(self) -> str | None:
        return missing_packages(("tvm",), self.install) if find_spec("tvm") is None else None

    def versions(self) -> Mapping[str, str]:
        return package_versions(("apache-tvm", "apache-tvm-ffi"))

    def pipelines(self) -> Sequence[Pipeline]:
        return PIPELINES

    def pass_space(self) -> PassSpace:
        return PASS_SPACE

    def warm_up(self) -> None:
        from misfold.compiler.loops.parser import parse_function

        os.environ["TVM_NUM_THREADS"] = "1"
        _import_tvm()
        # No parallel loop: TVM's thread pool would not survive the fork.
        text = "function f(x: in f32[8], y: out f32[8]) {\n  for i in 0..8 {\n    y[i] = x[i] * 2.0:f32\n  }\n}\n"
        self.compile(parse_function(text), PIPELINES[0])

    def is_rejection(self, error: BaseException) -> bool:
        return super().is_rejection(error) or bool(_OVERFLOW.search(str(error)))

    def compile(self, function: Function, pipeline: Pipeline) -> KernelExecutable:
        check_pipeline(self.name, pipeline, _OPTIONS, passes=True)
        _import_tvm()
        from .tirx import emit

        blocks = pipeline.options.get("blocks", False)
        made = emit(function, pipeline.options.get("plain", False), blocks)
        required = REQUIRED_WITH_BLOCKS if blocks else REQUIRED
        made = scheduled(self.name, made, pipeline)
        return self._compiled(made, pipeline, [one.buffer for one in function.parameters], required)

    def compile_script(self, script: str, pipeline: Pipeline) -> KernelExecutable:
        check_pipeline(self.name, pipeline, _OPTIONS, passes=True)
        buffers = [one.buffer for one in parameters_of(checked_function(script))]
        made = scheduled(self.name, parse_script(script), pipeline)
        return self._compiled(made, pipeline, buffers, REQUIRED_WITH_BLOCKS)

    def unmet(self, names: Sequence[str], script: bool) -> str | None:
        if not script:
            return PASS_SPACE_WITHOUT_BLOCKS.unmet(names)
        return PASS_SPACE.unmet([name for name, _ in completed([(name, {}) for name in names], REQUIRED_WITH_BLOCKS)])

    def _compiled(
        self, function: Any, pipeline: Pipeline, buffers: Sequence[Buffer], required: Sequence[str]
    ) -> KernelExecutable:
        where = f"{self.name}, pipeline {pipeline.name!r}"
        options = pipeline.options
        tvm = _import_tvm()
        config = options.get("config", {})
        for name in config:
            if name not in tvm.transform.PassContext.list_configs():
                raise TargetError(f"{where}: {unknown('config', name, tvm.transform.PassContext.list_configs())}")
        try:
            target = tvm.target.Target({"kind": "llvm", **options.get("target", {})})
            watching = [watch_passes(tvm)] if options.get("verify") and pipeline.passes is None else []
            context = tvm.transform.PassContext(
                opt_level=options.get("opt_level", 2), config=config, instruments=watching
            )
        except Exception as error:  # TVM answers a bad option with whatever its parser throws
            raise TargetError(f"{where}: TVM does not take its options: {error}") from error
        passes = None if pipeline.passes is None else made_passes(where, completed(pipeline.passes, required))
        module = tvm.IRModule({"main": function})
        with context:
            built = tvm.compile(module, target=target) if passes is None else _build(tvm, module, target, passes)
            main = built.jit()["main"]
        spans = [max(span(one)[0], 0) for one in buffers]
        befores = [span(one)[1] for one in buffers]
        flat = [one.strides is not None for one in buffers]

        def run(arrays: Sequence[np.ndarray]) -> None:
            main(*[_tensor(tvm, *each) for each in zip(arrays, spans, befores, flat)])

        return run

    def script(self, case: KernelCase | TVMScriptCase, pipeline: Pipeline, exact: bool = False) -> str:
        tvm = _import_tvm()
        from .sources import tvm_source
        from .tirx import emit

        if isinstance(case, TVMScriptCase):
            passes = [] if pipeline.passes is None else completed(pipeline.passes, REQUIRED_WITH_BLOCKS)
            traces: list[str] = []
            scheduled(self.name, parse_script(case.script), pipeline, traces)
            return tvm_source(case.script, None, pipeline, passes, traces)
        blocks = pipeline.options.get("blocks", False)
        function = emit(case.function, pipeline.options.get("plain", False), blocks)
        # Reading the text folds constants, and TVM does not read all that it prints.
        saved = tvm.ir.save_json(function) if exact else None
        required = REQUIRED_WITH_BLOCKS if blocks else REQUIRED
        passes = [] if pipeline.passes is None else completed(pipeline.passes, required)
        traces = []
        scheduled(self.name, function, pipeline, traces)
        return tvm_source(function.script(), saved, pipeline, passes, traces)


def scheduled(name: str, function: Any, pipeline: Pipeline, traces: list[str] | None = None) -> Any:
    """A function after the primitives of a pipeline's ``schedule``; TVM's accounts of them are added to ``traces``.

    Raises:
        TargetError: an entry is no [primitive, seed], or there is no such primitive.
        Unsupported: a primitive does not apply.
    """
    steps = pipeline.options.get("schedule", [])
    if not steps:
        return function
    from .tvm_schedules import traced

    for step in steps:
        if not (isinstance(step, list | tuple) and len(step) == 2 and isinstance(step[1], int)):
            raise TargetError(f"{name}, pipeline {pipeline.name!r}: schedule has [primitive, seed], not {step!r}")
        try:
            function, trace = traced(function, str(step[0]), step[1])
            if traces is not None:
                traces.append(trace)
        except TargetError:
            raise
        except Exception as error:  # TVM says in many ways that a primitive does not apply
            raise Unsupported(f"{step[0]} does not apply: {str(error).partition(chr(10))[0]}", str(step[0])) from error
    return function


def parse_script(script: str) -> Any:
    """The PrimFunc of a TVMScript text, which is checked first: TVM's parser runs what it does not know.

    Raises:
        TextError: the text is not safe to parse.
    """
    checked_function(script)
    tvm = _import_tvm()
    from tvm.script import ir, tirx

    return tvm.script.from_source(script, extra_vars={"T": tirx, "I": ir})


def _tensor(tvm: Any, array: np.ndarray, elements: int, before: int, flat: bool) -> Any:
    """An array as TVM's, in the same memory; ``flat``: all of its memory, in one dimension."""
    shape = (max(elements, 1),) if flat else array.shape
    size = max(elements, 1) * array.itemsize
    start = array.__array_interface__["data"][0] - before * array.itemsize
    memory = np.frombuffer((_bytes_type(size)).from_address(start), np.uint8)
    name = array.dtype.name
    # numpy hands over neither bf16 nor, everywhere, bool.
    return tvm.runtime.from_dlpack(memory)._create_view(shape, dtype=name)


def _bytes_type(size: int) -> Any:
    import ctypes

    return ctypes.c_uint8 * size


def made_passes(where: str, entries: Sequence[tuple[str, Mapping[str, Any]]]) -> list[tuple[str, Any]]:
    """The passes that names and parameters say.

    Raises:
        TargetError: there is none of a name, or it does not take its parameters; ``where`` says whose.
    """
    from tvm import s_tir, tirx

    made = []
    for name, given in entries:
        module, _, short = name.rpartition(".")
        factory = getattr(tirx.transform if module == "tirx" else s_tir.transform, short, None)
        if name not in PASS_SPACE.passes or factory is None:
            raise TargetError(f"{where}: {unknown('pass', name, PASS_SPACE.passes)}")
        try:
            made.append((name, factory(**given)))
        except Exception as error:  # a factory may check its arguments in C++
            raise TargetError(f"{where}: {name} does not take {given}: {error}") from error
    return made


def completed(
    entries: Sequence[tuple[str, Mapping[str, Any]]], required: Sequence[str]
) -> list[tuple[str, dict[str, Any]]]:
    """A list of passes with those that are required added: each before the first of the list that comes after it by
    default."""
    made = [(name, dict(given)) for name, given in entries]
    for name in sorted(set(required) - {name for name, _ in entries}, key=DEFAULT.index):
        later = DEFAULT[DEFAULT.index(name) + 1 :]
        # Passes that are not of the default order may stand anywhere: CanonicalizeLoop is wanted by nearly all.
        place = 0 if name == DEFAULT[0] else next((i for i, (one, _) in enumerate(made) if one in later), len(made))
        made.insert(place, (name, {}))
    return [(name, {"target_bits": 32, **given} if name == "tirx.NarrowDataType" else given) for name, given in made]


def watch_passes(tvm: Any) -> Any:
    """A pass instrument that raises where a pass leaves a function that is not well-formed, and got one that is.

    It stops looking where the host's code is split off: what comes of that is well-formed by other rules.
    """
    from tvm import s_tir

    class Watch:
        good = True
        over = False

        def run_before_pass(self, module: Any, info: Any) -> None:
            self.over = self.over or info.name in ("tirx.SplitHostDevice", "tirx.MakePackedAPI")
            self.good = self.over or _well_formed(s_tir, module)

        def run_after_pass(self, module: Any, info: Any) -> None:
            if self.good and not self.over and not _well_formed(s_tir, module):
                raise CompileError(f"pass {info.name} leaves a function that is not well-formed")

    return tvm.ir.instrument.pass_instrument(Watch)()


def _well_formed(s_tir: Any, module: Any) -> bool:
    """Whether TVM's own check finds nothing. Pragmas of loops are beyond it: TVM hangs them on the loop's variable
    outside of the loop, where that check says the variable is undefined."""
    if s_tir.analysis.verify_well_formed(module, assert_mode=False):
        return True
    import tvm_ffi
    from tvm import tirx

    keys: list[str] = []
    for function in module.functions.values():
        tvm_ffi.structural_walk(function.body, (tirx.AttrStmt, lambda one: keys.append(str(one.attr_key))))
    return any(key.startswith("pragma_") for key in keys)


def _build(tvm: Any, module: Any, target: Any, passes: Sequence[tuple[str, Any]]) -> Any:
    """A module taken through a list of passes and on to machine code."""
    from tvm import s_tir, tirx
    from tvm.tirx.build import codegen_build

    module = tirx.transform.BindTarget(target.with_host(target))(module)
    for name, one in passes:
        before_well_formed = _well_formed(s_tir, module)
        module = one(module)
        if before_well_formed and not _well_formed(s_tir, module):
            raise CompileError(f"pass {name} leaves a function that is not well-formed")
    transform = tirx.transform
    for one in (
        transform.VerifyMemory(),
        transform.AnnotateEntryFunc(),
        transform.SplitHostDevice(),
        transform.MakePackedAPI(),
        transform.BF16StorageLegalize(),
        transform.LowerTVMBuiltin(),
        transform.LowerIntrin(),
    ):
        module = one(module)
    return tvm.runtime.Executable(codegen_build(module, target))
