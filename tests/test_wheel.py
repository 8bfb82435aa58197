"""A wheel of misfold, installed into a fresh environment, works from an empty folder."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tomllib
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]["package-dir"]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    # In a copy: building leaves folders behind, and must not find those of an earlier build.
    source = tmp_path_factory.mktemp("source")
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, source)
    for folder in {path.partition("/")[0] for path in PACKAGES.values()}:
        shutil.copytree(ROOT / folder, source / folder, ignore=shutil.ignore_patterns("__pycache__"))
    subprocess.run([sys.executable, "-m", "build", "--wheel", "--no-isolation"], cwd=source, check=True, timeout=300)
    (made,) = (source / "dist").glob("*.whl")
    return made


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """The folder of an environment that has the wheel, and this one's packages behind it."""
    home = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", home], check=True, timeout=300)
    install = ["install", "--quiet", "--no-deps", "--no-index", str(wheel)]
    subprocess.run([sys.executable, "-m", "pip", "--python", str(home), *install], check=True, timeout=300)
    (site,) = home.glob("lib/python*/site-packages")
    # The .pth files of a folder that a .pth names do not count, so that an editable misfold is not found through it.
    (site / "behind.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    return home


def run(installed, tmp_path, *command):
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    program = [str(installed / "bin" / command[0]), *command[1:]]
    return subprocess.run(program, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=280)


def test_the_wheel_holds_every_module_and_data_file(wheel):
    inside = {name for name in ZipFile(wheel).namelist() if ".dist-info/" not in name}
    expected = set()
    for package, folder in PACKAGES.items():
        for file in (ROOT / folder).glob("*"):
            if file.is_file():
                expected.add(f"{package.replace('.', '/')}/{file.name}")
    for file in (ROOT / "generators" / "data").iterdir():
        expected.add(f"misfold/generators/data/{file.name}")
    assert inside == expected
    assert "misfold/programs/operators.txt" in inside
    assert any(name.startswith("misfold/generators/data/records-") for name in inside)


def test_every_module_imports_from_the_wheel(installed, tmp_path):
    script = f"""
import importlib, json, pkgutil, sys
import misfold
found = []
for package in {sorted(PACKAGES)}:
    module = importlib.import_module(package)
    found.append(module.__file__)
    for item in pkgutil.iter_modules(module.__path__, package + "."):
        if item.name != "misfold.targets.isolation.zygote":
            found.append(importlib.import_module(item.name).__file__)
from misfold.programs.operators import operator_names
print(json.dumps([found, len(operator_names())]))
"""
    result = run(installed, tmp_path, "python", "-c", script)
    assert result.returncode == 0, result.stderr
    files, operators = json.loads(result.stdout.splitlines()[-1])
    assert len(files) > len(PACKAGES)
    assert [file for file in files if not file.startswith(str(installed))] == []
    assert operators > 1000


def test_the_command_works_from_an_empty_folder(installed, tmp_path):
    result = run(installed, tmp_path, "misfold", "--help")
    assert result.returncode == 0, result.stderr
    assert "run" in result.stdout
    result = run(installed, tmp_path, "misfold", "targets")
    assert result.returncode == 0, result.stderr
    for name in ("eager", "inductor", "tvm", "onnxruntime", "misfold"):
        assert name in result.stdout
    assert os.listdir(tmp_path) == []


def test_a_campaign_runs_from_an_empty_folder(installed, tmp_path):
    result = run(
        installed,
        tmp_path,
        "misfold",
        "run",
        "--count",
        "4",
        "--targets",
        "onnxruntime",
        "--seed",
        "1",
        "--folder",
        "c",
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert os.listdir(tmp_path) == ["c"]
