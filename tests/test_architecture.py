"""The shape of the house: which room may import which, and what no room may do."""

from __future__ import annotations

import ast
import sys
import tomllib
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))

# From the ground up: a room may import itself and those before it.
ROOMS = ("programs", "targets", "oracles", "generators", "mutators", "corpus", "triage", "fuzz")
# The project's own compiler stands on the ground: it imports none of them, and all may import it.
COMPILER = "compiler"
# A module longer than this does more than one thing.
MAX_LINES = 450
# Case files must be readable without a framework.
FRAMEWORKS = {"torch", "tvm", "tvm_ffi", "onnx", "onnxruntime"}
# What unpickles runs what a file says.
UNSAFE_MODULES = {"pickle", "cPickle", "_pickle", "cloudpickle", "dill", "joblib", "marshal", "shelve"}
UNSAFE_CALLS = {"exec", "eval", "compile"}
# Where source text is executed, and why that is safe there.
EXECUTING = {
    "targets/torch_values.py": "the printed form of a checked graph",
    "generators/collect/sources.py": "docstring examples of the installed torch, when a user collects records anew",
}


def modules_of(tree: ast.AST, path: str) -> Iterator[tuple[int, str]]:
    """Line and full name of all that a module imports, inside functions too, and by name in a string."""
    package = ("misfold/" + path).rpartition("/")[0].split("/")
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            name = ".".join([*base, *([node.module] if node.module else [])])
            yield node.lineno, name
            for alias in node.names:
                yield node.lineno, f"{name}.{alias.name}"
        elif isinstance(node, ast.Call) and _called(node) in ("import_module", "__import__"):
            for argument in node.args[:1]:
                if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                    yield node.lineno, argument.value


def _called(node: ast.Call) -> str:
    return getattr(node.func, "id", None) or getattr(node.func, "attr", "")


def faults(path: str, source: str) -> list[str]:
    """What a file of a room does that it must not; ``path`` is relative to the root."""
    room = path.partition("/")[0]
    tree = ast.parse(source)
    found = []
    if source.count("\n") > MAX_LINES:
        found.append(f"{path}: {source.count(chr(10))} lines, more than {MAX_LINES}")
    for line, name in modules_of(tree, path):
        top, _, rest = name.partition(".")
        other = rest.partition(".")[0] if top == "misfold" else None
        if other and not may_import(room, other):
            found.append(f"{path}:{line}: {room} must not import {other}")
        if top in (*ROOMS, COMPILER, "tests", "benchmarks"):
            found.append(f"{path}:{line}: import {top} by its full name, misfold.{top}")
        if room == "programs" and top in FRAMEWORKS and path != "programs/operators.py":
            found.append(f"{path}:{line}: programs must not import {top}")
        if room == COMPILER and top in FRAMEWORKS and not path.startswith("compiler/frontend/"):
            found.append(f"{path}:{line}: compiler must not import {top}")
        if top in UNSAFE_MODULES:
            found.append(f"{path}:{line}: {top} can run what a file says")
        if name in ("torch.load", "torch.save", "numpy.load"):
            found.append(f"{path}:{line}: {name} can run what a file says")
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in UNSAFE_CALLS:
            if path not in EXECUTING:
                found.append(f"{path}:{node.lineno}: {node.func.id} outside {', '.join(sorted(EXECUTING))}")
    return found


def may_import(room: str, other: str) -> bool:
    if room == other:
        return True
    if room == COMPILER:
        return False
    if other == COMPILER:
        return True
    return room in ROOMS and other in ROOMS and ROOMS.index(other) < ROOMS.index(room)


def room_folders() -> list[Path]:
    rooms = (*ROOMS, COMPILER)
    return [ROOT / room for room in rooms if (ROOT / room / "__init__.py").exists()]


def test_no_room_breaks_a_rule():
    found = []
    for folder in room_folders():
        for file in sorted(folder.rglob("*.py")):
            found += faults(file.relative_to(ROOT).as_posix(), file.read_text(encoding="utf-8"))
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("path", "source", "expected"),
    [
        ("programs/a.py", "from misfold.targets.outcome import Outcome", "programs must not import targets"),
        ("programs/a.py", "def f():\n    import misfold.fuzz.cli", "a.py:2: programs must not import fuzz"),
        ("programs/a.py", "from ..oracles import judge", "programs must not import oracles"),
        ("programs/a.py", "from .. import triage", "programs must not import triage"),
        ("programs/deep/a.py", "from ...targets import outcome", "programs must not import targets"),
        ("targets/a.py", "import_module('misfold.generators')", "targets must not import generators"),
        ("oracles/a.py", "import misfold.generators", "oracles must not import generators"),
        ("generators/a.py", "import misfold.mutators", "generators must not import mutators"),
        ("mutators/a.py", "import misfold.corpus", "mutators must not import corpus"),
        ("corpus/a.py", "import misfold.triage", "corpus must not import triage"),
        ("triage/a.py", "import misfold.fuzz", "triage must not import fuzz"),
        ("compiler/graph/a.py", "import torch", "compiler must not import torch"),
        ("compiler/a.py", "import misfold.programs", "compiler must not import programs"),
        ("fuzz/a.py", "import misfold.attic", "fuzz must not import attic"),
        ("fuzz/a.py", "from targets import eager", "by its full name, misfold.targets"),
        ("programs/a.py", "def f():\n    import torch", "programs must not import torch"),
        ("programs/a.py", "from tvm.script import parser", "programs must not import tvm"),
        ("targets/a.py", "import pickle", "pickle can run"),
        ("fuzz/a.py", "from shelve import open", "shelve can run"),
        ("targets/a.py", "from torch import load", "torch.load can run"),
        ("fuzz/a.py", "eval('1')", "eval outside"),
        ("generators/a.py", "def f(x):\n    exec(x)", "exec outside"),
        ("generators/a.py", "\n" * 451, "451 lines"),
    ],
)
def test_a_broken_rule_is_seen(path, source, expected):
    found = faults(path, source)
    assert len({fault.partition(": ")[2] for fault in found}) == 1
    assert expected in found[0]


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("programs/a.py", "from .types import TensorType\nfrom misfold.compiler import ir"),
        ("targets/a.py", "import torch\nfrom misfold.compiler import api\nfrom misfold.programs.case import Case"),
        ("targets/torch_values.py", "exec(compile(text, name, 'exec'))"),
        ("fuzz/a.py", "import misfold.triage.signature\nfrom ..programs import case\nimport re\nre.compile('a')"),
        ("compiler/a.py", "from . import ir\nfrom .ir import Loop\nimport numpy"),
        ("generators/a.py", "\n" * 450),
    ],
)
def test_what_is_allowed_is_not_reported(path, source):
    assert faults(path, source) == []


# Distributions whose modules have another name than they.
DISTRIBUTIONS = {
    "markdown_it": "markdown-it-py",
    "tvm": "apache-tvm",
    "tvm_ffi": "apache-tvm-ffi",
    "sqlalchemy": "SQLAlchemy",
    "z3": "z3-solver",
    "iced_x86": "iced-x86",
    "elftools": "pyelftools",
    "sklearn": "scikit-learn",
}


def test_nothing_is_imported_that_is_not_asked_for():
    project = PROJECT["project"]
    asked = [*project["dependencies"], *(text for extra in project["optional-dependencies"].values() for text in extra)]
    names = {Requirement(text).name for text in asked}
    missing = set()
    for folder in room_folders():
        for file in sorted(folder.rglob("*.py")):
            path = file.relative_to(ROOT).as_posix()
            for line, name in modules_of(ast.parse(file.read_text(encoding="utf-8")), path):
                top = name.partition(".")[0]
                if top != "misfold" and top not in sys.stdlib_module_names and DISTRIBUTIONS.get(top, top) not in names:
                    missing.add(f"{path}:{line}: {top}")
    assert not missing


def test_every_package_is_in_the_wheel():
    listed = set(PROJECT["tool"]["setuptools"]["packages"])
    folders = [file.parent for room in room_folders() for file in room.rglob("__init__.py")]
    assert {"misfold." + folder.relative_to(ROOT).as_posix().replace("/", ".") for folder in folders} == listed
    mapping = PROJECT["tool"]["setuptools"]["package-dir"]
    assert mapping == {name: name.removeprefix("misfold.").replace(".", "/") for name in listed}


def is_case(file: Path) -> bool:
    """Whether a file is data, for all that its name ends as a module's does."""
    return file.name.endswith(".case.py")


def test_every_module_is_in_a_package():
    stray = [
        file.relative_to(ROOT).as_posix()
        for room in room_folders()
        for file in room.rglob("*.py")
        if not (file.parent / "__init__.py").exists() and not is_case(file)
    ]
    assert not stray, f"without __init__.py beside them a wheel leaves these out: {stray}"


def test_every_data_file_is_in_the_wheel():
    patterns = PROJECT["tool"]["setuptools"]["package-data"]
    for room in room_folders():
        for file in room.rglob("*"):
            module = file.suffix in (".py", ".so") and not is_case(file)
            if file.is_file() and not module and "__pycache__" not in file.parts:
                package = f"misfold.{room.name}"
                inside = file.relative_to(room)
                assert any(inside.match(pattern) for pattern in patterns.get(package, [])), f"{package}: {inside}"


def entry_points() -> Iterator[tuple[str, str]]:
    yield from PROJECT["project"]["scripts"].items()
    for group in PROJECT["project"]["entry-points"].values():
        yield from group.items()


@pytest.mark.parametrize(("name", "value"), list(entry_points()))
def test_entry_points_resolve(name, value):
    module, _, attribute = value.partition(":")
    found = import_module(module)
    # pytest's plug-ins are modules.
    assert callable(getattr(found, attribute)) if attribute else hasattr(found, "pytest_collect_file"), name


def test_constraints_pin_what_the_extras_name():
    pins = {}
    for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            requirement = Requirement(line)
            pins[requirement.name.lower().replace("_", "-")] = requirement
    wanted = [*PROJECT["project"]["dependencies"]]
    for extra in PROJECT["project"]["optional-dependencies"].values():
        wanted += extra
    for text in wanted:
        requirement = Requirement(text)
        pin = pins[requirement.name.lower().replace("_", "-")]
        (specifier,) = pin.specifier
        assert specifier.operator == "=="
        assert requirement.specifier.contains(specifier.version), f"{pin} against {requirement}"
