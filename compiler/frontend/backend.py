"""``torch.compile(function, backend="misfold")``.

Registered under the entry point ``torch_dynamo_backends``. AOTAutograd makes the forward and backward graphs
functional and decomposes them to core ATen; each becomes one compiled function.

Options, as in ``torch.compile(f, backend="misfold", options={"pipeline": "O3", "strict": True})``:

* ``pipeline``: one of the named pipelines, or a list of passes (``pipelines.Entry``);
* ``codegen``: fields of ``codegen.Options`` that differ from the pipeline's;
* ``strict``: raise ``Unsupported`` for a graph that the compiler does not take; without it such a graph runs eagerly,
  and a warning says why.

Dynamic shapes: a graph with symbolic sizes is compiled when it is called, once for each set of sizes that it meets.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import torch
from torch._dynamo.backends.common import aot_autograd
from torch.fx.experimental.proxy_tensor import make_fx

from misfold.compiler.driver import codegen_options, compile_graph
from misfold.compiler.errors import PipelineError, Unsupported
from misfold.compiler.pipelines import Pipeline, from_data, named

from .entry import import_fx
from .executable import Executable
from .imported import Imported

#: Distinct sets of sizes that one graph keeps compiled; the oldest goes first. Like torch's own limit of recompiles
#: (torch._dynamo.config.recompile_limit), which is 8.
MAX_SPECIALISED = 8


class FallbackWarning(UserWarning):
    """A graph runs eagerly because the compiler does not take it."""


@dataclass(frozen=True)
class Settings:
    """How the backend compiles. ``watch`` is called with each compiled graph and its tensors, whenever it runs."""

    pipeline: Pipeline
    strict: bool = False
    watch: Callable[[Imported, Sequence[Any]], None] | None = None


def misfold(module: Any, inputs: Sequence[Any], *, options: Mapping[str, Any] | None = None, **_: Any) -> Any:
    """The backend as ``torch.compile`` calls it.

    Raises:
        PipelineError: an option is not known, or the pipeline cannot be made.
        Unsupported: with ``strict``, the compiler does not take the graph.
    """
    return backend(_settings(options or {}))(module, inputs)


def _settings(options: Mapping[str, Any]) -> Settings:
    known = {"pipeline", "codegen", "strict"}
    for name in sorted(set(options) - known):
        raise PipelineError(f"backend misfold has no option {name!r}; it has: {', '.join(sorted(known))}")
    wanted = options.get("pipeline", "O2")
    pipeline = named(wanted) if isinstance(wanted, str) else from_data("custom", wanted)
    if "codegen" in options:
        if not isinstance(options["codegen"], Mapping):
            raise PipelineError(f"codegen must be options of the code generator by name, not {options['codegen']!r}")
        pipeline = replace(pipeline, codegen={**pipeline.codegen, **options["codegen"]})
        codegen_options(pipeline)
    return Settings(pipeline, bool(options.get("strict", False)))


def backend(settings: Settings) -> Callable[[Any, Sequence[Any]], Any]:
    """A backend of torch.compile with these settings."""

    def compiler(module: Any, inputs: Sequence[Any]) -> Callable[..., Any]:
        return compile_module(module, inputs, settings)

    compiled: Callable[[Any, Sequence[Any]], Any] = aot_autograd(
        fw_compiler=compiler, bw_compiler=compiler, inference_compiler=compiler, decompositions=decompositions()
    )
    return compiled


#: Operators whose decomposition means something else. Shuffles return new memory; decomposed they are a view of the
#: argument where nothing has to move, and a caller who writes to the result would write to the argument. Products with
#: a vector refuse another element type and what is scattered takes that of its surroundings; decomposed they promote.
#: Their conversions do neither.
_TAKEN_WHOLE = (
    torch.ops.aten.native_channel_shuffle.default,
    torch.ops.aten.channel_shuffle.default,
    torch.ops.aten.mv.default,
    torch.ops.aten.addmv.default,
    torch.ops.aten.select_scatter.default,
)


@cache
def decompositions() -> Mapping[Any, Callable[..., Any]]:
    """How ATen operators outside of the core set are written in terms of it."""
    from torch._decomp import core_aten_decompositions

    table: dict[Any, Callable[..., Any]] = dict(core_aten_decompositions())
    for operator in _TAKEN_WHOLE:
        table.pop(operator, None)
    return table


def compile_module(module: Any, inputs: Sequence[Any], settings: Settings) -> Callable[..., Any]:
    """Compile a functional ATen graph; a function of a list of its inputs (AOTAutograd's boxed convention).

    Raises:
        Unsupported: with ``strict``, the compiler does not take the graph.
    """
    symbolic = any(
        isinstance(value, torch.SymInt) or (isinstance(value, torch.Tensor) and _has_symbols(value)) for value in inputs
    )
    if symbolic:
        return _boxed(_Specialising(module, settings))
    try:
        return _boxed(_compiled(module, inputs, settings))
    except Unsupported as error:
        return _boxed(_fallback(module, settings, error))


def _compiled(module: Any, inputs: Sequence[Any], settings: Settings) -> Callable[..., Any]:
    imported = import_fx(module, inputs)
    executable = Executable(imported, compile_graph(imported.graph, settings.pipeline))
    watch = settings.watch
    if watch is None:
        return executable

    def watched(*tensors: Any) -> Any:
        watch(imported, tensors)
        return executable(*tensors)

    return watched


def _fallback(module: Any, settings: Settings, error: Unsupported) -> Callable[..., Any]:
    if settings.strict:
        raise error
    warnings.warn(f"runs eagerly, because misfold's compiler does not take it: {error}", FallbackWarning, stacklevel=2)
    forward: Callable[..., Any] = module.forward
    return forward


def _has_symbols(tensor: torch.Tensor) -> bool:
    return any(isinstance(size, torch.SymInt) for size in (*tensor.shape, *tensor.stride(), tensor.storage_offset()))


def _boxed(function: Callable[..., Any]) -> Callable[[list[Any]], Any]:
    """AOTAutograd hands over its arguments in a list, and wants it emptied so that memory can go early."""

    def call(arguments: list[Any]) -> Any:
        given = list(arguments)
        arguments.clear()
        return function(*given)

    call._boxed_call = True  # type: ignore[attr-defined]
    return call


class _Specialising:
    """A graph with symbolic sizes: traced and compiled anew for each set of sizes and strides that it meets."""

    def __init__(self, module: Any, settings: Settings):
        self._module = module
        self._settings = settings
        self._compiled: dict[Any, Callable[..., Any]] = {}

    def __call__(self, *inputs: Any) -> Any:
        key = tuple(
            (value.shape, value.stride(), value.dtype) if isinstance(value, torch.Tensor) else value for value in inputs
        )
        function = self._compiled.get(key)
        if function is None:
            if len(self._compiled) >= MAX_SPECIALISED:
                del self._compiled[next(iter(self._compiled))]
            function = self._compiled[key] = self._specialise(inputs)
        return function(*inputs)

    def _specialise(self, inputs: Sequence[Any]) -> Callable[..., Any]:
        # Sizes are constants in what make_fx traces, because it sees integers and tensors of known sizes.
        with torch.no_grad():
            module = make_fx(self._module, tracing_mode="fake")(*inputs)
        try:
            return _compiled(module, inputs, self._settings)
        except Unsupported as error:
            return _fallback(module, self._settings, error)
