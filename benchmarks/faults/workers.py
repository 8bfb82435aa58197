"""What fork servers preload so that misfold's own target has faults: several at once, and in all that workers do."""

from __future__ import annotations

import os
from contextlib import ExitStack

from misfold.targets import running
from misfold.targets.kernels import running as kernel_running

from .switching import fault

GRAPHS = f"{__name__}:warm_up_graphs"
KERNELS = f"{__name__}:warm_up_kernels"
#: Names of the faults, separated by commas.
VARIABLE = "MISFOLD_FAULTS"


def warm_up_graphs() -> None:
    """Warm up the targets for graphs and switch the faults on, for good."""
    running.warm_up_family()
    _switch_on()


def warm_up_kernels() -> None:
    """Warm up the targets for kernels and switch the faults on, for good."""
    kernel_running.warm_up()
    _switch_on()


# Kept, or the faults would be switched off when nobody holds the block that they are on in.
_on = ExitStack()


def _switch_on() -> None:
    # Never left: workers are forked from a server with the faults.
    _on.enter_context(fault(*filter(None, os.environ.get(VARIABLE, "").split(","))))
