"""Folders that a fork server and its workers have to themselves: what compilers write reaches nobody else's."""

from __future__ import annotations

from pathlib import Path

#: Environment variables, and the folder that each one names: where compilers put what workers may share, a home, and
#: temporary files.
FOLDERS = {"MISFOLD_CACHE": "cache", "HOME": "home", "TMPDIR": "tmp"}


def private_folders(root: Path) -> dict[str, str]:
    """Make the folders below ``root``, where they are not there yet, and give the environment that points to them."""
    environment = {variable: str(root / name) for variable, name in FOLDERS.items()}
    for path in environment.values():
        Path(path).mkdir(parents=True, exist_ok=True)
    return environment
