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

from misfold.compiler.loops.ir import Function
from misfold.programs.errors import TargetError
from misfold.programs.kernel import KernelCase
from misfold.programs.kernel_arrays import span
from misfold.programs.pipeline import Pipeline
from misfold.targets.options import check_pipeline, unknown
from misfold.targets.packages import missing_packages, package_versions

from .protocol import CompileError, KernelExecutable, KernelTarget, PassSpace
from .tvm_pipelines import PASS_SPACE, PIPELINES, REQUIRED

_OPTIONS: dict[str, type] = {
    "target": dict,  # options of TVM's llvm target
    "config": dict,  # of the PassContext
    "opt_level": int,  # of the PassContext
    "plain": bool,  # of targets.kernels.tirx.emit
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
        where = f"{self.name}, pipeline {pipeline.name!r}"
        options = pipeline.options
        tvm = _import_tvm()

        from .tirx import emit

        config = options.get("config", {})
        for name in config:
            if name not in tvm.transform.PassContext.list_configs():
                raise TargetError(f"{where}: {unknown('config', name, tvm.transform.PassContext.list_configs())}")
        try:
            target = tvm.target.Target({"kind": "llvm", **options.get("target", {})})
            context = tvm.transform.PassContext(opt_level=options.get("opt_level", 2), config=config)
        except Exception as error:  # TVM answers a bad option with whatever its parser throws
            raise TargetError(f"{where}: TVM does not take its options: {error}") from error
        passes = None if pipeline.passes is None else _passes(where, pipeline.passes)
        module = tvm.IRModule({"main": emit(function, options.get("plain", False))})
        with context:
            built = tvm.compile(module, target=target) if passes is None else _build(tvm, module, target, passes)
            main = built.jit()["main"]
        spans = [max(span(one.buffer)[0], 0) for one in function.parameters]
        befores = [span(one.buffer)[1] for one in function.parameters]
        flat = [one.buffer.strides is not None for one in function.parameters]

        def run(arrays: Sequence[np.ndarray]) -> None:
            main(*[_tensor(tvm, *each) for each in zip(arrays, spans, befores, flat)])

        return run

    def script(self, case: KernelCase, pipeline: Pipeline, exact: bool = False) -> str:
        tvm = _import_tvm()
        from .sources import tvm_source
        from .tirx import emit

        function = emit(case.function, pipeline.options.get("plain", False))
        # Reading the text folds constants, and TVM does not read all that it prints.
        saved = tvm.ir.save_json(function) if exact else None
        passes = [] if pipeline.passes is None else _with_required(pipeline.passes)
        return tvm_source(function.script(), saved, pipeline, passes)


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


def _passes(where: str, entries: Sequence[tuple[str, Mapping[str, Any]]]) -> list[tuple[str, Any]]:
    """The passes that names and parameters say; those that code generation needs are added."""
    from tvm import s_tir, tirx

    made = []
    for name, given in _with_required(entries):
        module, _, short = name.rpartition(".")
        factory = getattr(tirx.transform if module == "tirx" else s_tir.transform, short, None)
        if name not in PASS_SPACE.passes or factory is None:
            raise TargetError(f"{where}: {unknown('pass', name, PASS_SPACE.passes)}")
        try:
            made.append((name, factory(**given)))
        except Exception as error:  # a factory may check its arguments in C++
            raise TargetError(f"{where}: {name} does not take {given}: {error}") from error
    return made


def _with_required(entries: Sequence[tuple[str, Mapping[str, Any]]]) -> list[tuple[str, dict[str, Any]]]:
    """A list of passes with those that code generation needs added."""
    names = {name for name, _ in entries}
    missing: list[tuple[str, Mapping[str, Any]]] = [(name, {}) for name in REQUIRED if name not in names]
    # CanonicalizeLoop is wanted by nearly all others.
    first = [entry for entry in missing if entry[0] == "CanonicalizeLoop"]
    wanted = (*first, *entries, *[entry for entry in missing if entry not in first])
    return [
        (name, {"target_bits": 32, **given} if name == "tirx.NarrowDataType" else dict(given)) for name, given in wanted
    ]


def _build(tvm: Any, module: Any, target: Any, passes: Sequence[tuple[str, Any]]) -> Any:
    """A module taken through a list of passes and on to machine code."""
    from tvm import s_tir, tirx
    from tvm.tirx.build import codegen_build

    module = tirx.transform.BindTarget(target.with_host(target))(module)
    for name, one in passes:
        before_well_formed = bool(s_tir.analysis.verify_well_formed(module, assert_mode=False))
        module = one(module)
        if before_well_formed and not s_tir.analysis.verify_well_formed(module, assert_mode=False):
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
