"""A seed gives the same case in a fresh process and in one that has made many others."""

from __future__ import annotations

import subprocess
import sys

from misfold.generators.generator import Generator
from misfold.generators.options import Options
from misfold.programs.case import parse_case

_SCRIPT = """
import sys
from misfold.generators.generator import Generator
from misfold.generators.options import Options
print(Generator(Options(rules=float(sys.argv[1]))).case(31, 17).text, end="")
"""


def test_fresh_and_long_lived_processes_make_the_same_cases(records):
    for share in (0.5, 1.0):
        lived = Generator(Options(rules=share), records)
        for index in range(15):
            lived.case(2, index)
        fresh = subprocess.run(
            [sys.executable, "-c", _SCRIPT, str(share)], capture_output=True, text=True, check=True, timeout=120
        )
        assert fresh.stdout == lived.case(31, 17).text
        assert parse_case(fresh.stdout).graph.nodes
