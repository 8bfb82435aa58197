"""What a system under test for kernels has to say of itself.

Kernel targets register under the entry-point group ``misfold.kernel_targets``; the built-in ones do so too.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from misfold.compiler.loops.ir import Function
from misfold.programs.kernel import KernelCase
from misfold.programs.kernel_tvmscript import TVMScriptCase
from misfold.programs.pipeline import Pipeline
from misfold.targets.protocol import Unsupported

#: Runs a compiled kernel on one array per parameter, with the parameter's strides, and writes outputs in place.
KernelExecutable = Callable[[Sequence[np.ndarray]], None]


class CompileError(Exception):
    """A target's compiler failed in a way that it does not say itself: a pass left invalid IR, for instance."""


@dataclass(frozen=True)
class PassSpace:
    """Of what pipelines are made, as data.

    Attributes:
        passes: the names of passes; for each its parameters with the values worth trying.
        default: the passes that the target runs by default, in order, as far as they are in ``passes``.
        options: the names of a pipeline's further options; for each the values worth trying.
        after: for a pass those that must have run before it.
        first: passes that the target runs before all others where a list does not have them.
    """

    passes: Mapping[str, Mapping[str, tuple[Any, ...]]] = field(default_factory=dict)
    default: tuple[str, ...] = ()
    options: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    after: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    first: tuple[str, ...] = ()

    def unmet(self, names: Sequence[str]) -> str | None:
        """The first pass of a list that lacks one before it that it needs, in words; None if there is none.

        What a compiler does then is nobody's bug.
        """
        done = {name for name in self.first if name not in names}
        for name in names:
            for needed in self.after.get(name, ()):
                if needed not in done:
                    return f"{name} runs without {needed} before it"
            done.add(name)
        return None


class KernelTarget(ABC):
    """A system under test. Everything below runs inside an isolated worker, except ``missing`` and the constants."""

    name: ClassVar[str]
    #: Targets of one family share a fork server, and so the libraries that it imported.
    family: ClassVar[str]
    #: What a user types to get it.
    install: ClassVar[str] = ""
    #: Whether integer arithmetic that overflows is defined, as in the loop IR: it wraps around.
    wraps: ClassVar[bool] = False
    #: Whether it takes TVMScript too (``compile_script``).
    scripts: ClassVar[bool] = False
    #: Modules whose frames count as the target's own when a failure's deepest frame is sought.
    own_modules: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def missing(self) -> str | None:
        """Why the target cannot run here (a package that is not installed), or None. Imports nothing heavy."""

    @abstractmethod
    def versions(self) -> Mapping[str, str]:
        """Names and versions of the packages that decide what the target does."""

    @abstractmethod
    def pipelines(self) -> Sequence[Pipeline]:
        """The ways to compile, the default first. Names are unique within the target. Imports nothing heavy."""

    @abstractmethod
    def pass_space(self) -> PassSpace:
        """Of what further pipelines can be made. Imports nothing heavy."""

    @abstractmethod
    def compile(self, function: Function, pipeline: Pipeline) -> KernelExecutable:
        """Compile a verified function.

        Raises:
            Unsupported: the target honestly does not take this function.
            Exception: anything else counts as a compile error of the target.
        """

    def compile_script(self, script: str, pipeline: Pipeline) -> KernelExecutable:
        """Compile a checked TVMScript function (``programs.kernel_tvmscript``), which only TVM takes.

        Raises:
            Unsupported, Exception: as ``compile``.
        """
        raise Unsupported(f"{self.name} does not take TVMScript", "TVMScript")

    def unmet(self, names: Sequence[str], script: bool) -> str | None:
        """As ``PassSpace.unmet``, for a list of passes as the target completes it. ``script``: of a TVMScript case."""
        return self.pass_space().unmet(names)

    def warm_up(self) -> None:  # noqa: B027 - optional
        """Import what is heavy and do what the first compile would pay for. Runs once, in the fork server."""

    def settle(self, folder: str) -> None:  # noqa: B027 - optional
        """Called in each worker before its first case, with a folder of its own for caches and scratch files."""

    def is_rejection(self, error: BaseException) -> bool:
        """Whether an exception is an honest rejection too."""
        return isinstance(error, Unsupported)

    def script(self, case: KernelCase | TVMScriptCase, pipeline: Pipeline, exact: bool = False) -> str | None:
        """Python source for standalone reproducers, or None where the target has none.

        It defines ``compile_kernel()``, which gives a function of a list of (memory, shape, element type), one for each
        parameter. ``exact``: the very function that was compiled, even if that is hard to read.
        """
        return None
