"""A slot: one worker at a time, and always one."""

from __future__ import annotations

from types import TracebackType
from typing import Any

from .answer import SERVER_LOST, Answer
from .server import ForkServer
from .worker import Worker


class Slot:
    """Answers calls with a worker that is replaced when it dies, grows, or has served long enough.

    A slot belongs to one thread; slots of one server may be used side by side.
    """

    def __init__(self, server: ForkServer):
        self._server = server
        self._worker: Worker | None = None
        #: Workers used so far.
        self.workers = 0

    def __enter__(self) -> Slot:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def pid(self) -> int | None:
        """Of the worker, None if there is none at the moment."""
        return None if self._worker is None else self._worker.pid

    def call(self, service: str, request: dict[str, Any], seconds: float | None = None) -> Answer:
        """As ``Worker.call``, and always with an answer.

        If the fork server dies during a call, which takes the worker with it, the call is made once more on a new one;
        so a service may run twice. An exception here (as by Ctrl-C) ends the worker, since its answer is outstanding.

        Raises:
            MessageError: the request cannot be sent.
            TargetError: no worker can be had, or the server was closed meanwhile.
        """
        answer = self._call(service, request, seconds)
        if answer.death is not None and answer.death.type == SERVER_LOST:
            answer = self._call(service, request, seconds)
        return answer

    def close(self) -> None:
        """End the worker. A later call would start another."""
        worker, self._worker = self._worker, None
        if worker is not None:
            worker.kill()

    def _call(self, service: str, request: dict[str, Any], seconds: float | None) -> Answer:
        worker = self._worker
        if worker is None or not worker.alive:
            # One that died between calls died of nothing that a call did.
            self.close()
            worker = self._worker = self._server.spawn()
            self.workers += 1
        try:
            answer = worker.call(service, request, seconds)
        except BaseException:
            self.close()
            raise
        limits = self._server.limits
        grown = worker.memory - self._server.memory > limits.growth
        if answer.kind not in ("ok", "error") or grown or worker.calls >= limits.calls:
            self.close()
        return answer
