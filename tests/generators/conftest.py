"""Records are read once; torch runs on one thread, as it does in a worker."""

from __future__ import annotations

import pytest
import torch

from misfold.generators.generator import Generator
from misfold.generators.records import RecordBase


@pytest.fixture(scope="session")
def records() -> RecordBase:
    torch.set_num_threads(1)
    return RecordBase.load()


@pytest.fixture(scope="session")
def generator(records: RecordBase) -> Generator:
    return Generator(source=records)
