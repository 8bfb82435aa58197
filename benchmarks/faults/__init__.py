"""A benchmark with known answers: faults seeded into misfold's own compiler, each modelled on a class of real bugs.

    python -m benchmarks.faults --sample 12 --minutes 5 [--kernels] [--together]
    python -m benchmarks.faults --list

A fault is a faulty variant of a rewrite rule, an analysis, a pass, a lowering or a piece of code generation. It is off
unless named: ``with fault("name"):`` puts the variant in place for the time of the block, and the targets of
``benchmarks.faults.targets`` do so around all that they compile and run. Nothing in ``misfold.compiler`` knows of it.
"""

from .catalogue import CLASSES, Fault, catalogue
from .switching import fault

__all__ = ["CLASSES", "Fault", "catalogue", "fault"]
