"""What all tests share: one thread for numerical libraries, Hypothesis without chance or clocks."""

from __future__ import annotations

import os

# Before any test imports numpy or torch: several threads on few cores only make tests slower, and forking unsafe.
for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TVM_NUM_THREADS"):
    os.environ[variable] = "1"

import pytest  # noqa: E402
from hypothesis import HealthCheck, settings  # noqa: E402
from xdist.scheduler import LoadFileScheduling  # noqa: E402

settings.register_profile(
    "misfold",
    derandomize=True,
    deadline=None,
    database=None,
    print_blob=False,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("misfold")

# A slow test runs for minutes on an idle machine; the limit for it is there to end one that hangs.
SLOW_SECONDS = 3600


# What takes a minute or more all together. It is begun first: begun last, it would keep one worker busy while the
# others have nothing left.
LONG = ("tests/fuzz/test_campaign.py", "tests/fuzz/graphs/test_campaign.py", "corpus/cases/")


class ByFile(LoadFileScheduling):
    """A file's tests run in one worker; so do all cases of the corpus, which share servers of all compilers."""

    def _split_scope(self, nodeid: str) -> str:
        return "corpus" if nodeid.startswith("corpus/") else super()._split_scope(nodeid)


def pytest_xdist_make_scheduler(config, log):
    if config.getvalue("dist") == "loadfile":
        return ByFile(config, log)
    return None


def pytest_collection_modifyitems(items):
    # A stable sort: otherwise the order stays.
    items.sort(key=lambda item: not item.nodeid.startswith(LONG))
    for item in items:
        if item.get_closest_marker("slow") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(SLOW_SECONDS))
