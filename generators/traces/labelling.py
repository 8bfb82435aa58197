"""Labels of many calls: batches go to isolated workers, and a call that takes its worker down is found and labelled."""

from __future__ import annotations

import struct
import tempfile
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any

from misfold.programs.errors import TargetError
from misfold.targets.isolation import Answer, ForkServer, Limits, Slot
from misfold.targets.isolation.limits import MIB

from .call import Call
from .errors import normal_error
from .executing import LEFT_OUT, Label

_SERVICE = "misfold.generators.traces.executing:serve"
#: Calls in a batch: enough that passing them costs nothing, few enough to do once more when one of them dies.
BATCH = 128
# A call takes some 50 µs; a batch that takes longer than this holds one that hangs or works on and on.
_BATCH_SECONDS = 20.0
# What a call by itself may take before it counts as hanging; the largest that augmentation makes take milliseconds.
_CALL_SECONDS = 8.0
# Small tensors only; a call that wants more is not worth waiting for.
_MEMORY = 1024 * MIB


# glibc's checked allocator: what was written behind a block's end aborts the process when the block is freed.
_CHECKED = "libc_malloc_debug.so.0"


def heap_checks() -> dict[str, str]:
    """Environment under which a call that writes out of bounds dies there and then, where the C library can do that:
    a few operators trust their arguments, and such a call would else count as valid. Empty elsewhere."""
    try:
        maps = Path("/proc/self/maps").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return {}
    folders = {Path(line.split()[-1]).parent for line in maps.splitlines() if line.endswith("/libc.so.6")}
    found = [folder / _CHECKED for folder in sorted(folders) if (folder / _CHECKED).exists()]
    return {"LD_PRELOAD": str(found[0]), "GLIBC_TUNABLES": "glibc.malloc.check=3"} if found else {}


class Labeller:
    """Labels calls in isolated workers, several side by side; a context manager.

    ``own`` are functions outside torch, ``package.module:function``, that workers may import and call. ``deaths``
    counts workers lost, ``unstable`` lists calls that took a worker down in a batch but not by themselves.
    ``seconds`` are what a batch and one call may take.
    """

    def __init__(
        self,
        jobs: int = 2,
        own: Sequence[str] = (),
        seconds: tuple[float, float] = (_BATCH_SECONDS, _CALL_SECONDS),
    ):
        self._jobs = jobs
        self._own = list(own)
        self._folder = tempfile.TemporaryDirectory(prefix="misfold-traces-")
        root = Path(self._folder.name)
        limits = Limits(seconds=_BATCH_SECONDS, memory=_MEMORY, growth=_MEMORY // 2)
        preload = ["torch", "misfold.generators.traces.executing:prepare"]
        self._server = ForkServer("traces", preload, root / "workers", limits, heap_checks())
        self._batch_seconds, self._call_seconds = seconds
        self._local = threading.local()
        self._slots: list[Slot] = []
        self._lock = threading.Lock()
        self._threads = ThreadPoolExecutor(jobs, "label")
        self.deaths = 0
        self.unstable: list[str] = []

    def __enter__(self) -> Labeller:
        self._server.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._server.close()
        self._threads.shutdown()
        for slot in self._slots:
            slot.close()
        self._folder.cleanup()

    def labels(self, calls: Iterable[Call], batch: int = BATCH) -> Iterator[tuple[Call, Label]]:
        """Every call with its label, in order; a few batches are ahead of the consumer.

        Raises:
            TargetError: no worker can be had.
        """
        stream = iter(calls)
        ahead: deque[tuple[list[Call], Future[list[Label]]]] = deque()
        while True:
            while len(ahead) < self._jobs * 2 and (part := list(islice(stream, batch))):
                ahead.append((part, self._threads.submit(self._batch, part)))
            if not ahead:
                return
            done, future = ahead.popleft()
            yield from zip(done, future.result(), strict=True)

    def _slot(self) -> tuple[Slot, Path]:
        local = self._local
        if not hasattr(local, "slot"):
            local.slot = Slot(self._server)
            with self._lock:
                local.progress = Path(self._folder.name) / f"progress-{len(self._slots)}"
                self._slots.append(local.slot)
            local.progress.write_bytes(bytes(8))
        return local.slot, local.progress

    def _ask(self, calls: Sequence[Call], seconds: float) -> tuple[Answer, list[Label], int]:
        """The answer for a batch, its labels, and the position of the call that was under way."""
        slot, progress = self._slot()
        request: dict[str, Any] = {
            "calls": [call.to_data() for call in calls],
            "progress": str(progress),
            "own": self._own,
        }
        # A worker that dies before its first call must not be blamed on a position of an earlier batch.
        progress.write_bytes(bytes(8))
        answer = slot.call(_SERVICE, request, seconds)
        if answer.kind == "ok" and answer.data is not None:
            return answer, [(error, outputs, values) for error, outputs, values in answer.data["labels"]], -1
        if answer.kind == "error" and answer.death is not None:
            raise TargetError(f"labelling calls failed: {answer.death.type}: {answer.death.message}")
        return answer, [], struct.unpack("q", progress.read_bytes())[0]

    def _batch(self, calls: Sequence[Call]) -> list[Label]:
        found: list[Label] = []
        while len(found) < len(calls):
            rest = calls[len(found) :]
            _, labels, culprit = self._ask(rest, self._batch_seconds)
            if labels:
                return found + labels
            with self._lock:
                self.deaths += 1
            if culprit:
                # What came before is done once more, in a worker that nothing bad has happened to.
                found += self._batch(rest[:culprit])
            found.append(self._alone(rest[culprit]))
        return found

    def _alone(self, call: Call) -> Label:
        answer, labels, _ = self._ask([call], self._call_seconds)
        if labels:
            if answer.seconds < self._call_seconds / 4:
                self.unstable.append(call.text())
            return labels[0]
        if answer.kind == "memory":
            return f"{LEFT_OUT}no memory", None, ""
        if answer.kind == "hang":
            return "hang", None, ""
        reason = answer.death.type if answer.death is not None else ""
        return normal_error("crash", reason), None, ""
