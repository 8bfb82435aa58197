"""Fork servers for tests, with nothing heavy preloaded."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from misfold.targets.isolation import ForkServer, Limits, Slot

#: Where services for workers are; put on their import path, not on that of the tests.
HOSTILE = Path(__file__).parent / "hostile"


def make_server(folder: Path, preload: tuple[str, ...] = ("hostile_services",), **limits: float) -> ForkServer:
    settings = {"seconds": 20.0, "memory": 256 << 20, "growth": 512 << 20, "calls": 10_000, **limits}
    return ForkServer("test", preload, folder, Limits(**settings), {"PYTHONPATH": str(HOSTILE), "PYTHONUNBUFFERED": ""})  # type: ignore[arg-type]


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ForkServer]:
    with make_server(tmp_path_factory.mktemp("server")) as server:
        yield server


@pytest.fixture
def slot(server: ForkServer) -> Iterator[Slot]:
    with Slot(server) as slot:
        yield slot


@pytest.fixture
def make(tmp_path: Path) -> Iterator[object]:
    """A function that makes a server of a test's own; its arguments are those of ``make_server``."""
    made: list[ForkServer] = []

    def make_one(**settings: object) -> ForkServer:
        made.append(make_server(tmp_path / "server", **settings))  # type: ignore[arg-type]
        return made[-1]

    yield make_one
    for server in made:
        server.close()
