"""What the command line loads before it knows what it is asked to do."""

from __future__ import annotations

import json
import subprocess
import sys

#: Seconds each; fork servers and those commands that need one import it.
HEAVY = ("torch", "tvm", "onnxruntime", "onnx", "z3", "sympy", "llvmlite", "matplotlib", "pandas", "hypothesis")


def test_no_framework_is_imported_to_print_a_list():
    code = f"import json, sys, misfold.fuzz.cli; print(json.dumps([one for one in {HEAVY} if one in sys.modules]))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert json.loads(result.stdout) == []
