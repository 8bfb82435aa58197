"""Work spread over threads: every item once, errors come out, and the server is closed in any case."""

from __future__ import annotations

import threading

import pytest

from misfold.fuzz.spreading import spread


class Server:
    """Counts what is open."""

    def __init__(self, broken: bool = False):
        self.broken, self.running, self.open = broken, False, 0
        self.gone = threading.Event()

    def start(self) -> None:
        if self.broken:
            raise OSError("no server today")
        self.running = True

    def close(self) -> None:
        self.running = False
        self.gone.set()


class Caller:
    def __init__(self, server: Server):
        self.server = server
        server.open += 1

    def close(self) -> None:
        self.server.open -= 1


@pytest.fixture
def server() -> Server:
    return Server()


def closed(server: Server) -> bool:
    return not server.running and server.open == 0


@pytest.mark.parametrize("jobs", [1, 3])
def test_every_item_is_done_once(server: Server, jobs: int) -> None:
    taken: dict[int, int] = {}
    spread(range(50), jobs, server, lambda: Caller(server), lambda _, item: item * item, taken.__setitem__)
    assert taken == {item: item * item for item in range(50)}
    assert closed(server)


def test_results_are_taken_in_the_thread_of_the_caller(server: Server) -> None:
    threads: set[int] = set()
    spread(range(9), 2, server, lambda: Caller(server), lambda *_: 0, lambda *_: threads.add(threading.get_ident()))
    assert threads == {threading.get_ident()}


def test_an_error_in_the_work_ends_it_and_closes_the_server(server: Server) -> None:
    begun: list[int] = []

    def work(_: Caller, item: int) -> int:
        begun.append(item)
        if item == 3:
            raise ValueError("item 3 is bad")
        return item

    with pytest.raises(ValueError, match="item 3 is bad"):
        spread(range(10_000), 1, server, lambda: Caller(server), work, lambda *_: None)
    assert begun == [0, 1, 2, 3]
    assert closed(server)


@pytest.mark.parametrize("error", [KeyError("full"), KeyboardInterrupt()])
def test_an_error_while_taking_a_result_closes_the_server_under_calls_that_wait_for_it(
    server: Server, error: BaseException
) -> None:
    def work(_: Caller, item: int) -> int:
        if item:  # a call that comes back only when its server goes
            assert server.gone.wait(30)
        return item

    def take(*_: int) -> None:
        raise error

    with pytest.raises(type(error)):
        spread(range(4), 2, server, lambda: Caller(server), work, take)
    assert closed(server)


def test_no_caller_to_be_had_is_an_error(server: Server) -> None:
    def caller() -> Caller:
        raise RuntimeError("no worker")

    with pytest.raises(RuntimeError, match="no worker"):
        spread(range(4), 2, server, caller, lambda *_: 0, lambda *_: None)
    assert closed(server)


def test_a_server_that_does_not_start_is_an_error() -> None:
    broken = Server(broken=True)
    with pytest.raises(OSError, match="no server today"):
        spread(range(4), 2, broken, lambda: Caller(broken), lambda *_: 0, lambda *_: None)
    assert broken.open == 0
