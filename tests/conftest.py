"""What all tests share: one thread for numerical libraries, Hypothesis without chance or clocks."""

from __future__ import annotations

import os

# Before any test imports numpy or torch: several threads on few cores only make tests slower, and forking unsafe.
for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TVM_NUM_THREADS"):
    os.environ[variable] = "1"

from hypothesis import HealthCheck, settings  # noqa: E402

settings.register_profile(
    "misfold",
    derandomize=True,
    deadline=None,
    database=None,
    print_blob=False,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("misfold")
