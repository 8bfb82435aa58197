"""What a system under test has to say of itself. One file that implements ``Target`` is a target.

Targets register under the entry-point group ``misfold.targets``; the built-in ones do so too.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from misfold.programs.graph import Graph
from misfold.programs.pipeline import Pipeline

#: Runs a compiled program: input tensors in, output tensors out (torch tensors for a Graph). Writes its inputs where
#: the program does.
Executable = Callable[[Sequence[Any]], Sequence[Any]]


class Unsupported(Exception):
    """An honest "this target does not take this program". ``operator`` names the operator at fault, where known."""

    def __init__(self, reason: str, operator: str | None = None):
        super().__init__(reason)
        self.operator = operator


class MemoryStamped(Exception):
    """A compiled program wrote memory that is not its own. A target that watches for this raises it from a run."""


class Target(ABC):
    """A system under test. Everything below runs inside an isolated worker, except ``missing`` and the constants."""

    name: ClassVar[str]
    #: Targets of one family share a fork server, and so the libraries that it imported.
    family: ClassVar[str]
    #: What a user types to get it.
    install: ClassVar[str] = ""
    #: Whether the target can run a program's backward pass; if not, it runs the forward pass alone.
    gradients: ClassVar[bool] = False
    #: Whether outputs that are views of inputs, inputs written in place, and strides follow eager.
    aliases: ClassVar[bool] = False
    #: Whether ``compile`` takes a Python function of tensors in the place of a graph, as ``torch.compile`` does.
    functions: ClassVar[bool] = False
    #: How many cases are worth compiling as one, because a compile costs more than a case.
    batch: ClassVar[int] = 1
    #: What to watch of the target while it works, to steer a campaign by: sources of coverage such as
    #: ``mypackage-lines``. Empty: what is known of its family, if anything.
    coverage: ClassVar[tuple[str, ...]] = ()
    #: Modules whose frames count as the target's own when a failure's deepest frame is sought.
    own_modules: ClassVar[tuple[str, ...]] = ()
    #: Whether ``compile`` has a cheaper way than its users', giving the same program nearly always.
    screens: ClassVar[bool] = False
    #: Set where outcomes are only looked through for failures, and what fails is compiled again without it.
    screening: bool = False

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
    def compile(self, graph: Graph, inputs: Sequence[Any], pipeline: Pipeline) -> Executable:
        """Compile a program for inputs like ``inputs`` (torch tensors).

        Raises:
            Unsupported: the target honestly does not take this program.
            Exception: anything else counts as a compile error of the target.
        """

    def warm_up(self) -> None:  # noqa: B027 - optional
        """Import what is heavy and do what the first compile would pay for. Runs once, in the fork server."""

    def is_rejection(self, error: BaseException) -> bool:
        """Whether an exception from the compiled program's run is an honest rejection too."""
        return isinstance(error, Unsupported)

    def settle(self, folder: str) -> None:  # noqa: B027 - optional
        """Called in each worker before its first case, with a folder of its own for caches and scratch files."""

    def script(self, graph: Graph, pipeline: Pipeline) -> str | None:
        """Python source for standalone reproducers, which may import the target's packages, torch and numpy only.

        It defines ``compile_program(program, inputs)``, which compiles ``program`` (``graph`` as a function) for
        ``inputs`` (a list of torch tensors) as ``pipeline`` says and returns a function of a list of tensors that gives
        a list of tensors. None where the target has no such source: scripts then go through misfold.
        """
        return None
