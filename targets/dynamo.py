"""What targets share that are backends of ``torch.compile``.

``torch.compile`` runs what it cannot compile eagerly, and does so silently. Comparing eager with itself would look like
a pass, so what a backend compiled is counted, and what of that ran; a program of which nothing was compiled is
rejected. A graph break in the middle of a program is no failure, and no rejection.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from misfold.programs.graph import Graph

from .protocol import Executable, Unsupported


class CountingBackend:
    """A backend of torch.compile that counts the graphs it compiled and how often they ran.

    ``raised`` is the last exception that compiled code raised when it ran.
    """

    def __init__(self, compile_module: Callable[..., Any]):
        self._compile = compile_module
        self.graphs = 0
        self.runs = 0
        self.raised: BaseException | None = None

    def __call__(self, module: Any, inputs: Any) -> Callable[..., Any]:
        compiled = self._compile(module, inputs)
        self.graphs += 1

        def counted(*arguments: Any) -> Any:
            self.runs += 1
            try:
                return compiled(*arguments)
            except Exception as error:
                self.raised = error
                raise

        return counted


def compile_with(
    compile_module: Callable[..., Any],
    program: Graph | Callable[..., Any],
    inputs: Sequence[Any],
    dynamic: bool = False,
    context: AbstractContextManager[Any] | None = None,
) -> Executable:
    """Compile a program's forward and, where inputs want gradients, its backward pass with a backend.

    Args:
        compile_module: the backend, a function of an FX graph module and example inputs.
        program: a graph, or a function of tensors that returns a tuple of tensors.
        context: entered, again and again, around compiles and runs.

    Raises:
        Unsupported: torch.compile refuses the program or ran all of it eagerly.
        Exception: whatever the backend raises.
    """
    import torch

    from .execution import copy_of
    from .torch_values import gradients, to_function

    context = context or nullcontext()
    backend = CountingBackend(compile_module)
    function = torch.compile(
        to_function(program) if isinstance(program, Graph) else program, backend=backend, dynamic=dynamic
    )
    with context:
        try:
            sample = [copy_of(tensor) for tensor in inputs]
            outputs = function(*sample)
            # The backward pass is compiled when it is first asked for.
            gradients(outputs, sample)
        except Exception as error:
            if error is not backend.raised:
                raise _rejection(error) or error from error.__cause__
            failure = error  # the program was compiled, and fails when it runs
            return lambda tensors: _raise(failure)
    if not backend.graphs:
        raise Unsupported("torch.compile ran all of the program eagerly")

    def run(tensors: Sequence[Any]) -> Sequence[Any]:
        before = backend.runs
        with context:
            try:
                outputs: Sequence[Any] = function(*tensors)
            except Exception as error:
                # other shapes may be compiled anew, and refused
                if error is backend.raised:
                    raise
                raise _rejection(error) or error from error.__cause__
        if backend.runs == before:
            raise Unsupported("torch.compile went back to running the program eagerly")
        return outputs

    return run


def _raise(error: BaseException) -> Any:
    raise error


def _rejection(error: Exception) -> Unsupported | None:
    """The honest refusal that an exception of torch.compile is, or None."""
    from torch._dynamo import exc

    refusals = tuple(
        getattr(exc, name) for name in ("Unsupported", "UserError", "RecompileLimitExceeded") if hasattr(exc, name)
    )
    if isinstance(error, refusals):
        return Unsupported(str(error).partition("\n")[0])
    return None


def save_time() -> None:
    """Switch off what costs each compile time and does not change the code, in this process."""
    import torch._dynamo.config
    import torch._dynamo.guards
    import torch._functorch.config

    # What was compiled before must not answer for what is compiled now.
    torch._functorch.config.enable_autograd_cache = False
    set_entry(torch._dynamo.config, "run_gc_after_compile", False)
    # 20 ms a compile to measure how long guards take
    replace_internal(torch._dynamo.guards, "profile_guard_manager", lambda *_: 0.0)


def set_entry(config: Any, name: str, value: Any) -> None:
    """Set an entry of a torch configuration module that has it: entries come and go with versions."""
    owner, _, last = name.rpartition(".")
    holder = getattr(config, owner, None) if owner else config
    if holder is not None and hasattr(holder, last):
        setattr(holder, last, value)


def replace_internal(module: Any, name: str, value: Any) -> None:
    """Replace an internal of torch where it exists; without it only time or disk space is lost."""
    if hasattr(module, name):
        setattr(module, name, value)
