"""Many independent calls of isolated workers: threads over a queue of items, and an orderly end whatever happens."""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable, Iterable
from typing import Protocol, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class Closable(Protocol):
    """Something that holds a worker or a server and lets go of it."""

    def close(self) -> None:
        """Let go."""


class Startable(Closable, Protocol):
    """A server, or several."""

    def start(self) -> None:
        """Start, or raise and leave nothing running."""


Caller = TypeVar("Caller", bound=Closable)


def spread(
    items: Iterable[Item],
    jobs: int,
    server: Startable,
    caller: Callable[[], Caller],
    work: Callable[[Caller, Item], Result],
    take: Callable[[Item, Result], None],
) -> None:
    """Do ``work`` on every item, ``jobs`` at a time, with a server that is started first and closed in any case.

    Each thread has a ``caller`` of its own, which it closes. Items are begun in their order; ``take`` is called in this
    thread with each item and its result, in the order in which they are done.

    Raises:
        BaseException: the first error of the server, of ``work`` or of ``take``; no further item is begun then.
    """
    todo = deque(items)
    done: queue.SimpleQueue[tuple[Item, Result] | BaseException | None] = queue.SimpleQueue()
    stopped = threading.Event()

    def run() -> None:
        try:
            own = caller()
            try:
                while not stopped.is_set():
                    try:
                        item = todo.popleft()
                    except IndexError:
                        break
                    done.put((item, work(own, item)))
            finally:
                own.close()
        except BaseException as error:
            done.put(error)
        finally:
            done.put(None)

    threads = [threading.Thread(target=run, daemon=True) for _ in range(jobs)]
    server.start()
    try:
        for thread in threads:
            thread.start()
        running = len(threads)
        while running:
            what = done.get()
            if isinstance(what, BaseException):
                raise what
            if what is None:
                running -= 1
            else:
                take(*what)
    finally:
        # Calls under way come back as deaths when their server goes, so that no thread is waited for in vain.
        stopped.set()
        server.close()
        for thread in threads:
            if thread.ident is not None:
                thread.join()
