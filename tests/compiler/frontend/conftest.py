"""What tests through ``torch.compile`` begin with."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch


@pytest.fixture
def fresh() -> Iterator[None]:
    """Nothing is compiled yet, and nothing of this test's is left compiled behind it; random numbers are seeded."""
    torch._dynamo.reset()
    torch.manual_seed(0)
    yield
    torch._dynamo.reset()
