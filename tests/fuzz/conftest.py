"""Fixtures: a plug-in that registers the planted target by an entry point, and campaigns over it."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from misfold.targets import registry


@pytest.fixture
def plugin(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with an installed distribution that registers tests/fuzz/planted.py as the target ``planted``."""
    site = tmp_path_factory.mktemp("site")
    install_plugin(site, monkeypatch)
    yield site
    sys.modules.pop("planted", None)
    _forget()


def install_plugin(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make a distribution with the planted target in ``site`` and put it on the path, for subprocesses too."""
    shutil.copy(Path(__file__).with_name("planted.py"), site / "planted.py")
    info = site / "planted-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: planted\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[misfold.targets]\nplanted = planted:Planted\n")
    monkeypatch.syspath_prepend(str(site))
    path = os.pathsep.join(filter(None, [str(site), os.environ.get("PYTHONPATH", "")]))
    monkeypatch.setenv("PYTHONPATH", path)
    _forget()


def _forget() -> None:
    for function in vars(registry).values():
        if hasattr(function, "cache_clear"):
            function.cache_clear()
