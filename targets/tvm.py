"""TVM: ``torch.export`` → Relax importer → Relax pipeline → LLVM → shared library → Relax virtual machine.

What counts as unsupported
--------------------------
The importer has no single exception for "there is no conversion". It is Unsupported here, if

* the importer's check for missing conversions fails (AssertionError "Unsupported function types [...]"), or
* the importer itself, as the deepest frame, raises NotImplementedError, or an AssertionError, ValueError, TypeError or
  KeyError whose message *says* that something is not supported, not handled or not implemented, or
* ``torch.export`` refuses: a shape or branch that depends on data, or an operator without a fake kernel.

Anything else is a compile error of TVM: an assertion without a message, an AttributeError in a conversion, a failed
internal check, a type error while building Relax. An operator that the importer has a conversion for, and whose
conversion then falls over, is a bug and is reported as one.

The program handed to TVM is functional: inputs that the program writes are copied at its beginning, their final
contents are returned as further outputs, and ``Executable`` copies these back into the inputs.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from misfold.programs.errors import TargetError
from misfold.programs.graph import Graph
from misfold.programs.pipeline import Pipeline

from .options import check_pipeline, unknown
from .packages import missing_packages, package_versions
from .protocol import Executable, Target, Unsupported
from .tvm_pipelines import PIPELINES

_OPTIONS: dict[str, type] = {
    "target": dict,  # options of TVM's llvm target
    "relax": str,  # name of a Relax pipeline
    "before": list,  # passes before the Relax pipeline: names, or [name, parameters]
    "opt_level": int,  # of the PassContext
    "config": dict,  # of the PassContext
    "disabled": list,  # names of passes that the PassContext skips
    "exec_mode": str,  # of the virtual machine: bytecode or compiled
    "jit": bool,  # let LLVM's JIT make the code instead of linking a library
}
_REFUSAL = re.compile(r"not (?:yet )?(?:been )?(?:supported|implemented|handled)|unsupported|only supports?", re.I)
_IMPORTER = "/tvm/relax/frontend/torch/"


class TVM(Target):
    """Apache TVM's Relax compiler with its LLVM backend, on one thread."""

    name = "tvm"
    family = "tvm"
    install = "pip install 'misfold[tvm]'"
    # Merging saves next to nothing here, and half of all batches of four were spoilt by a case, at twice the cost.
    batch = 1
    own_modules = ("tvm", "tvm_ffi")
    screens = True

    def __init__(self) -> None:
        self._folder: str | None = None

    def missing(self) -> str | None:
        return missing_packages(("torch", "tvm"), self.install)

    def versions(self) -> Mapping[str, str]:
        return package_versions(("apache-tvm", "apache-tvm-ffi", "torch"))

    def pipelines(self) -> Sequence[Pipeline]:
        return PIPELINES

    def warm_up(self) -> None:
        # A thread pool of TVM's or torch's own would not survive the fork.
        os.environ["TVM_NUM_THREADS"] = "1"
        import torch
        import tvm

        torch.set_num_threads(1)
        from misfold.programs.parser import parse_graph

        graph = parse_graph(
            'def program(x0: "float32[4, 4]", x1: "float32[4]"):\n'
            "    v0 = torch.matmul(x0, x0)\n    v1 = torch.add(v0, x1)\n    v2 = v1.sum(0)\n    return v1, v2\n"
        )
        inputs = [torch.ones(4, 4), torch.ones(4)]
        self.compile(graph, inputs, PIPELINES[0])(inputs)
        del tvm

    def settle(self, folder: str) -> None:
        self._folder = folder

    def compile(self, graph: Graph, inputs: Sequence[Any], pipeline: Pipeline) -> Executable:
        check_pipeline(self.name, pipeline, _OPTIONS, passes=True)
        import tvm
        from tvm import relax

        from .functional import functional
        from .guarded import GuardedInputs

        target, context, relax_pipeline, before = self._configuration(pipeline)
        program = functional(graph)
        module = self._import(program.function, [tensor.detach() for tensor in inputs])
        with context:
            if before is not None:
                module = before(module)
            built = relax.build(
                module, target, relax_pipeline=relax_pipeline,
                exec_mode=pipeline.options.get("exec_mode", "bytecode"),
            )  # fmt: skip
            if pipeline.options.get("jit", False):
                machine = relax.VirtualMachine(built, tvm.cpu())
            else:
                machine = relax.VirtualMachine(self._link(built.mod), tvm.cpu())
        main = machine["main"]

        def run(tensors: Sequence[Any]) -> Sequence[Any]:
            import torch

            guarded = GuardedInputs(tensors)
            results = main(*[tvm.runtime.from_dlpack(tensor) for tensor in guarded.tensors])
            if isinstance(results, tvm.runtime.Tensor):
                results = [results]
            # Cloned, because an output may be memory of the virtual machine's pool or an input itself.
            outputs = [torch.from_dlpack(result).clone() for result in results]
            guarded.check()
            return program.finish(outputs, tensors)

        return run

    def script(self, graph: Graph, pipeline: Pipeline) -> str:
        from .sources import tvm_source

        return tvm_source(graph, pipeline)

    def _import(self, function: Callable[..., Any], inputs: Sequence[Any]) -> Any:
        """The Relax module of a function."""
        from tvm.relax.frontend.torch import from_exported_program

        from .exporting import symbolic_operator

        exported = self._exported(function, inputs)
        operator = symbolic_operator(exported)
        if operator is not None:
            raise Unsupported("a shape that depends on the data", operator)
        try:
            return from_exported_program(exported, run_ep_decomposition=False)
        except (AssertionError, NotImplementedError, ValueError, TypeError, KeyError) as error:
            refusal = _refusal(error)
            if refusal is None:
                raise
            raise refusal from error

    def _exported(self, function: Callable[..., Any], inputs: Sequence[Any]) -> Any:
        from .exporting import export
        from .tracing import traced

        if self.screening:
            # What it cannot do, for whatever reason, the long way may.
            with suppress(Exception):
                return traced(function, inputs)
        return export(function, inputs)

    def _configuration(self, pipeline: Pipeline) -> tuple[Any, Any, Any, Any]:
        """TVM's target, pass context, Relax pipeline and passes before it, as the pipeline says."""
        import tvm
        from tvm import relax

        options = pipeline.options
        where = f"tvm, pipeline {pipeline.name!r}"
        config = options.get("config", {})
        for name in config:
            if name not in tvm.transform.PassContext.list_configs():
                raise TargetError(f"{where}: {unknown('config', name, tvm.transform.PassContext.list_configs())}")
        relax_pipeline: Any = "default"
        if pipeline.passes is not None:
            if "relax" in options:
                raise TargetError(f"{where}: a list of passes and a named Relax pipeline exclude each other")
            relax_pipeline = _sequence(where, pipeline.passes)
        elif "relax" in options:
            if options["relax"] not in relax.pipeline.PIPELINE_MAP:
                raise TargetError(
                    f"{where}: {unknown('Relax pipeline', options['relax'], relax.pipeline.PIPELINE_MAP)}"
                )
            relax_pipeline = options["relax"]
        before = None
        if "before" in options:
            entries = [(entry, {}) if isinstance(entry, str) else entry for entry in options["before"]]
            before = _sequence(where, entries)
        try:
            target = tvm.target.Target({"kind": "llvm", **options.get("target", {})})
            context = tvm.transform.PassContext(
                opt_level=options.get("opt_level", 2), config=config, disabled_pass=options.get("disabled")
            )
        except Exception as error:  # TVM answers a bad option with whatever its parser throws
            raise TargetError(f"{where}: TVM does not take its options: {error}") from error
        return target, context, relax_pipeline, before

    def _link(self, executable: Any) -> Any:
        """A virtual machine's executable with its machine code linked as a shared library.

        That is what a user deploys, and takes a third of what LLVM's JIT takes for the same code. The bytecode stays
        as it is: writing and reading it as part of the library would cost more than linking.
        """
        import tvm

        linker = shutil.which("ld")
        if linker is None or not all(module.kind == "llvm" for module in executable.imports):
            return executable
        with tempfile.TemporaryDirectory(prefix="tvm", dir=self._folder, ignore_cleanup_errors=True) as folder:
            libraries = []
            for index, module in enumerate(executable.imports):
                source, library = f"{folder}/{index}.o", f"{folder}/{index}.so"
                module.write_to_file(source)
                # g++ would take 40 ms to find out what to hand to ld; what the code needs (libm, libc) is loaded.
                subprocess.run([linker, "-shared", "-o", library, source], check=True, capture_output=True)
                libraries.append(tvm.runtime.load_module(library))
        executable.clear_imports()
        for loaded in libraries:
            executable.import_module(loaded)
        return executable


def _sequence(where: str, passes: Sequence[Any]) -> Any:
    """The Relax passes that names and parameters say, as one.

    Raises:
        TargetError: there is no such pass, or it does not take the parameters.
    """
    import tvm
    from tvm import relax

    made = []
    for entry in passes:
        if not (isinstance(entry, list | tuple) and len(entry) == 2 and isinstance(entry[0], str)):
            raise TargetError(f"{where}: not a pass: {entry!r}")
        name, parameters = entry
        factory = None
        for module in (relax.transform, relax.backend):
            with suppress(AttributeError):
                factory = factory or (getattr(module, name) if name[:1].isupper() else None)
        if not callable(factory):
            names = [item for item in (*dir(relax.transform), *dir(relax.backend)) if item[:1].isupper()]
            raise TargetError(f"{where}: {unknown('Relax pass', name, names)}")
        try:
            made.append(factory(**parameters))
        except Exception as error:  # a factory may check its arguments in C++
            raise TargetError(f"{where}: {name} does not take {dict(parameters)}: {error}") from error
    return tvm.transform.Sequential(made)


def _refusal(error: BaseException) -> Unsupported | None:
    """The honest refusal that an importer's exception is, or None."""
    message = str(error)
    missing = re.match(r"Unsupported function types \[(.*)\]", message)
    if missing:
        # from a set: sorted, so that one program gets one answer
        names = sorted(name.strip("' ") for name in missing[1].split(","))
        return Unsupported(f"the importer has no conversion of {', '.join(names)}", f"aten.{names[0]}")
    frames = traceback.extract_tb(error.__traceback__)
    if not frames or _IMPORTER not in frames[-1].filename:
        return None
    if isinstance(error, NotImplementedError) or _REFUSAL.search(message):
        return Unsupported(f"the importer refuses: {message or frames[-1].line}", _conversion(error))
    return None


def _conversion(error: BaseException) -> str | None:
    """The operator that the importer was converting: local ``node`` of its outermost conversion."""
    step = error.__traceback__
    while step is not None:
        node = step.tb_frame.f_locals.get("node")
        if step.tb_frame.f_code.co_name == "_translate_fx_graph" and node is not None:
            return str(node.target)
        step = step.tb_next
    return None
