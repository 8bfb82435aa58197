"""Inductor's C++ kernels of one graph in one run of g++, instead of one each.

Inductor hands every kernel to g++ by itself, and each run reads a precompiled header of 150 MB and links: 0.3 s that
have nothing to do with the kernel. Here kernels wait until the graph's code is complete and are compiled as one source,
each in a namespace of its own and with exactly the text, the flags and the bindings that Inductor gives it. Where g++
rejects the whole, kernels are compiled one by one as usual, so that an error is the kernel's own.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Sequence
from typing import Any

import torch
from torch._inductor import async_compile, codecache
from torch._inductor.exc import CppCompileError


class _Waiting:
    """A kernel that is not compiled yet; stands in the generated module until ``wait``."""

    def __init__(self, types: Sequence[str], source: str):
        self.types, self.source = types, source


class _Joined(codecache.CppPythonBindingsCodeCache):
    """Compiles like Inductor's cache of bindings, but leaves loading to us, for there are several modules inside."""

    cache: dict[str, Any] = {}  # noqa: RUF012 - as the base class has it

    @classmethod
    def _load_library_inner(cls, path: str, key: str) -> Any:
        return _Library(path, key)


class _Library:
    def __init__(self, path: str, key: str):
        self.path, self.key = path, key

    def function(self, name: str) -> Any:
        """The compiled kernel called ``name``."""
        base = codecache.CppPythonBindingsCodeCache
        module_name = f"{self.key}.{name}"
        spec = importlib.util.spec_from_file_location(module_name, self.path)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[module_name] = module
        base._loaded_module_names.add(module_name)
        spec.loader.exec_module(module)
        return getattr(module, name)


def install() -> None:
    """Make Inductor compile the kernels of a graph together. Does nothing where torch's internals are different."""
    wanted = [
        (async_compile.AsyncCompile, "cpp_pybinding"),
        (async_compile.AsyncCompile, "wait"),
        (codecache.CppPythonBindingsCodeCache, "suffix_template"),
        (codecache.CppPythonBindingsCodeCache, "_loaded_module_names"),
        (codecache.CppPythonBindingsCodeCache, "load_async"),
    ]
    if not all(hasattr(owner, name) for owner, name in wanted) or hasattr(async_compile.AsyncCompile, "_misfold"):
        return
    original_wait = async_compile.AsyncCompile.wait

    def cpp_pybinding(self: Any, types: Sequence[str], source: str) -> Any:
        return _Waiting(types, source)

    def wait(self: Any, scope: dict[str, Any]) -> None:
        kernels = {name: value for name, value in scope.items() if isinstance(value, _Waiting)}
        scope.update(zip(kernels, _compiled(list(kernels.values())), strict=True))
        original_wait(self, scope)

    async_compile.AsyncCompile.cpp_pybinding = cpp_pybinding
    async_compile.AsyncCompile.wait = wait
    async_compile.AsyncCompile._misfold = True


def _compiled(kernels: Sequence[_Waiting]) -> list[Any]:
    """The kernels as Python functions."""
    if len(kernels) > 1:
        try:
            return _compiled_together(kernels)
        except CppCompileError:
            # One of them is at fault, or they do not go together; compiled alone, the one at fault says so.
            _Joined.cache.clear()
    return [codecache.CppPythonBindingsCodeCache.load_pybinding(kernel.types, kernel.source) for kernel in kernels]


def _compiled_together(kernels: Sequence[_Waiting]) -> list[Any]:
    base = codecache.CppPythonBindingsCodeCache
    includes: dict[str, None] = {}
    parts = []
    for index, kernel in enumerate(kernels):
        name = f"{base.entry_function}_{index}"
        arguments = ", ".join(
            f"parse_arg<{kind.replace('const ', '')}>(args, {position})" for position, kind in enumerate(kernel.types)
        )
        suffix = base.suffix_template.format(
            arg_len=len(kernel.types),
            call_entry_func=base.call_entry_function.format(arguments).replace("kernel(", f"{name}(", 1),
            entry_func=name,
            extra_parse_arg="",
        )
        body = []
        for line in (kernel.source + suffix).splitlines():
            # Headers go in front: inside of a namespace they would declare their own std.
            if line.lstrip().startswith("#include"):
                includes[line.strip()] = None
            else:
                body.append(line)
        # Kernels are all called "kernel".
        parts.append(f"#define kernel {name}\nnamespace part_{index} {{\n" + "\n".join(body) + "\n}\n#undef kernel\n")
    library = _Joined.load("\n".join(includes) + "\n" + "\n".join(parts))
    # The address of a helper in torch: the initialisation of the bindings reads it from the environment.
    os.environ["_TORCHINDUCTOR_PYOBJECT_TENSOR_DATA_PTR"] = str(
        torch._C._dynamo.guards._torchinductor_pyobject_tensor_data_ptr
    )
    return [library.function(f"{base.entry_function}_{index}") for index in range(len(kernels))]
