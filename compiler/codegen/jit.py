"""LLVM: text to optimised code in this process, or to something to read."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Mapping
from functools import cache
from itertools import count
from typing import Any

import llvmlite.binding as llvm

from misfold.compiler.errors import PassError

from .options import Options

# llvmlite keeps one global LLVM context, which two threads must not use at a time.
_lock = threading.RLock()


@cache
def _host() -> tuple[Any, str, str]:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    target = llvm.Target.from_default_triple()
    return target, llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten()


@cache
def _machine(level: int) -> Any:
    """Code and its constants lie beside each other, where JITLink puts them, so that 32 bits tell where: constants are
    operands of instructions then, instead of addresses that have to be loaded and kept in registers first."""
    target, cpu, features = _host()
    return target.create_target_machine(
        cpu=cpu, features=features, opt=min(level, 2), reloc="pic", codemodel="small", jit=True
    )


@cache
def _linker() -> Any:
    """What puts machine code into memory, for good: it is never closed."""
    _host()
    return llvm.create_lljit_compiler(use_jit_link=True)


@cache
def head() -> str:
    """Data layout and triple of the host, as a module starts with them."""
    with _lock:
        layout = _machine(Options().level).target_data
        return f'target datalayout = "{layout}"\ntarget triple = "{llvm.get_process_triple()}"'


@cache
def features() -> frozenset[str]:
    """What the host's processor has, in LLVM's words."""
    with _lock:
        return frozenset([one[1:] for one in _host()[2].split(",") if one.startswith("+")])


def widest(options: Options) -> int:
    """Bits of the widest vector register to use."""
    host = 512 if "avx512f" in features() else 256
    return min(options.vector_bits or host, host)


def attributes(options: Options) -> str:
    """What functions say about the machine code wanted."""
    return f'"prefer-vector-width"="{widest(options)}" "min-legal-vector-width"="0"'


def scales(options: Options) -> bool:
    """Whether the host scales by powers of two in one instruction, as in ``Module``.

    It can for narrower registers too, but LLVM ends the process over ``ldexp`` of vectors that are wider than those.
    """
    return {"avx512f", "avx512vl"} <= features() and widest(options) == 512


@cache
def _builder(level: int) -> Any:
    """What runs LLVM's passes at a level."""
    tuning = llvm.create_pipeline_tuning_options(speed_level=level)
    tuning.loop_vectorization = tuning.slp_vectorization = tuning.loop_interleaving = False
    return llvm.create_pass_builder(_machine(level), tuning)


@cache
def _few_passes(level: int) -> Any:
    """What is worth its time when compiling just in time."""
    passes = llvm.create_new_module_pass_manager()
    passes.add_always_inliner_pass()
    if level:
        # Instruction selection combines instructions too: to do it before costs more than it brings.
        passes.add_sroa_pass()
    return passes


def _optimise(module: Any, options: Options) -> None:
    builder = _builder(options.level)
    # LLVM's own pipelines run once and not again: LLVM ends the process.
    passes = builder.getModulePassManager() if options.level >= 2 else _few_passes(options.level)
    passes.run(module, builder)


class Library:
    """A module in memory, as machine code. It lives as long as this object. ``called``: the addresses of functions that
    the module declares.

    Raises PassError if the text is not LLVM IR, which is a defect of the code generator.
    """

    def __init__(self, text: str, options: Options, called: Mapping[str, int] | None = None):
        with _lock:
            code = _machine(options.level).emit_object(_optimised(text, options))
            library = llvm.JITLibraryBuilder().add_object_img(code).export_symbol("entry").add_current_process()
            for name, address in (called or {}).items():
                library.import_symbol(name, address)
            try:
                linked = library.link(_linker(), f"misfold.{next(_numbers)}")
            except RuntimeError as error:
                raise PassError("code-generation", str(error)) from error
            self.entry: int = linked["entry"]
            # Holds the code, and frees it with this object; at the end of the process there is no need to.
            weakref.finalize(self, _close, linked).atexit = False


#: Libraries have names of their own.
_numbers = count()


def _close(linked: Any) -> None:
    with _lock:
        linked.close()


def _parsed(text: str) -> Any:
    """LLVM ends the process when it is given what does not verify."""
    try:
        module = llvm.parse_assembly(text)
        module.verify()
    except RuntimeError as error:
        raise PassError("code-generation", str(error)) from error
    return module


def _optimised(text: str, options: Options) -> Any:
    """The module after LLVM's passes."""
    module = _parsed(text)
    _optimise(module, options)
    return module


def optimised_ir(text: str, options: Options) -> str:
    with _lock:
        return str(_optimised(text, options))


def assembly(text: str, options: Options) -> str:
    with _lock:
        machine = _machine(options.level)
        machine.set_asm_verbosity(False)
        return machine.emit_assembly(_optimised(text, options))
