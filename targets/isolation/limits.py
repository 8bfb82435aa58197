"""What a worker may use, and the environment that keeps the libraries under test on one thread."""

from __future__ import annotations

from dataclasses import dataclass

MIB = 2**20
GIB = 2**30


@dataclass(frozen=True)
class Limits:
    """Limits of one worker.

    ``seconds`` is the time for one call. ``memory`` is how many bytes a worker may allocate above what the fork server
    itself has mapped. A worker is replaced once its private memory has grown by ``growth`` bytes, or after ``calls``
    calls, so that neither leaks nor state left behind by one case reach far.
    """

    seconds: float = 30.0
    memory: int = 4 * GIB
    growth: int = 1 * GIB
    calls: int = 2000

    def __post_init__(self) -> None:
        if not (self.seconds > 0 and self.memory > 0 and self.growth > 0 and self.calls > 0):
            raise ValueError(f"limits must be positive: {self}")


#: Largest file a worker may write. Far above any shared object or precompiled header that compilers write (the largest
#: seen is below 300 MB), and small enough that a runaway file does not fill a disk.
FILE_BYTES = 2 * GIB

#: How much of what a call wrote to stdout and stderr is kept: its end.
OUTPUT_BYTES = 16 * 1024

#: A process that has started threads cannot be forked safely: locks they hold stay locked for ever in the child.
SINGLE_THREADED = dict.fromkeys(
    (
        "OMP_NUM_THREADS",
        "MKL_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "NUMEXPR_NUM_THREADS",
        "VECLIB_MAXIMUM_THREADS",
        "BLIS_NUM_THREADS",
        "TVM_NUM_THREADS",
        "RAYON_NUM_THREADS",
    ),
    "1",
)
