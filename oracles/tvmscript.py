"""What a TVMScript kernel gives: it is read back into the loop IR, and that is interpreted.

Needs TVM, whose parser reads the (checked) text.
"""

from __future__ import annotations

from misfold.compiler.loops.ir import Function
from misfold.programs.kernel import KernelCase
from misfold.programs.kernel_bounds import KernelBounds, check_kernel
from misfold.programs.kernel_tvmscript import TVMScriptCase

from .kernels import Expected, expect

#: What one run of a kernel may cost the interpreter: a second.
BOUNDS = KernelBounds(steps=2**20)


def expected_of(case: TVMScriptCase) -> Expected:
    """What a case gives, by the interpreter of the loop IR.

    Raises:
        Unreadable: it has something that the loop IR does not.
        BoundError: it is too large.
    """
    from misfold.targets.kernels.tirx_reader import UNDEFINED

    found = expect(KernelCase(read(case), case.seed))
    if found.fails is not None and UNDEFINED in found.fails:
        return Expected(invalid=found.fails.partition(UNDEFINED)[2])
    return found


def read(case: TVMScriptCase) -> Function:
    """A case's function in the loop IR; raises as ``expected_of``."""
    from misfold.targets.kernels.tirx_reader import read_function
    from misfold.targets.kernels.tvm import parse_script

    function = read_function(parse_script(case.script), case.parameters)
    check_kernel(function, BOUNDS)
    return function
