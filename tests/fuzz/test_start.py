"""What the command line loads before it knows what it is asked to do."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib import import_module

import typer
from typer.main import get_command

from misfold.fuzz.cli import COMMANDS, make_app

#: Seconds each; fork servers and those commands that need one import it.
HEAVY = ("torch", "tvm", "onnxruntime", "onnx", "z3", "sympy", "llvmlite", "matplotlib", "pandas", "hypothesis")


def test_no_framework_is_imported_to_print_a_list():
    code = "import json, sys; from misfold.fuzz.cli import make_app; make_app()\n"
    code += f"print(json.dumps([one for one in {HEAVY} if one in sys.modules]))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert json.loads(result.stdout) == []


def names(app: typer.Typer) -> set[str]:
    return set(get_command(app).commands)  # type: ignore[attr-defined]


def test_each_module_adds_the_commands_that_are_stated():
    for module, commands in COMMANDS.items():
        app = typer.Typer()
        app.callback()(lambda: None)
        import_module(f"misfold.fuzz.commands.{module}").register(app)
        assert names(app) == set(commands)


def test_only_what_is_asked_for_is_loaded():
    assert names(make_app("show")) == {"findings", "bugs", "show"}
    everything = {name for commands in COMMANDS.values() for name in commands}
    for other in (None, "--help", "nonsense", "browse"):
        assert names(make_app(other)) == everything


def test_parts_of_a_command_come_with_it():
    parts = get_command(make_app("corpus")).commands["corpus"].commands  # type: ignore[attr-defined]
    assert set(parts) == {"add", "check", "list", "export", "minimise", "case"}
