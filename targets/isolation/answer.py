"""What a call to a worker comes back with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..outcome import Failure

#: ``death.type`` when the fork server itself went away, and the worker with it: nothing the call did.
SERVER_LOST = "server-lost"
#: ``death.type`` when something other than an answer came back from the worker.
PROTOCOL = "protocol"
#: ``death.type`` of a call that ran out of time.
TIMEOUT = "timeout"
#: ``death.type`` of a worker stopped for the memory that it and its children used.
MEMORY = "memory"


@dataclass(frozen=True)
class Answer:
    """The result of one call; there is exactly one for every call.

    ``kind`` is ``ok`` (``data`` is what the service returned), ``error`` (the service raised an exception), ``crash``
    (the worker died or tried to exit), ``hang`` (killed at the time limit) or ``memory`` (stopped for its use of
    memory, or MemoryError). For all but ``ok``, ``death`` says why. ``stderr`` is the end of what was written to
    stdout and stderr during the call, ``seconds`` the wall time of the call, ``memory`` the worker's private memory
    after it in bytes (0 if it died).
    """

    kind: str
    data: dict[str, Any] | None
    death: Failure | None
    stderr: str
    pid: int
    seconds: float
    memory: int = 0
