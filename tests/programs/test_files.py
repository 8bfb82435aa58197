from __future__ import annotations

import os
import stat

import pytest

from misfold.programs.case import HEADER, Case, parse_case
from misfold.programs.errors import TextError
from misfold.programs.files import read_case, write_case
from misfold.programs.parser import MAX_TEXT, parse_graph

TEXT = f"""{HEADER}

def program(x0: "float32[2]"):
    v0 = torch.abs(x0)
    return (v0,)

INPUTS = {{
    "x0": {{"draw": "constant", "value": 1.5}},
}}
"""


def test_a_case_comes_back_from_its_file(tmp_path):
    case = parse_case(TEXT)
    path = tmp_path / "a.case.py"
    write_case(case, path)
    assert path.read_text(encoding="utf-8") == case.text
    assert read_case(path) == case
    assert read_case(str(path)) == case
    assert os.listdir(tmp_path) == ["a.case.py"]


def test_a_written_file_obeys_the_umask(tmp_path):
    path = tmp_path / "a.case.py"
    before = os.umask(0o027)
    try:
        write_case(parse_case(TEXT), path)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def failing(function, *arguments):
    with pytest.raises(TextError) as caught:
        function(*arguments)
    message = str(caught.value)
    assert message.isprintable()
    return message


def test_a_file_that_is_not_there(tmp_path):
    path = tmp_path / "none.py"
    assert failing(read_case, path) == f"{path}: cannot be read: No such file or directory"


def test_a_folder(tmp_path):
    assert failing(read_case, tmp_path) == f"{tmp_path}: cannot be read: Is a directory"


def test_a_name_with_a_null_byte_or_a_control_character(tmp_path):
    assert "cannot be read: embedded null byte" in failing(read_case, "a\0b")
    assert failing(read_case, tmp_path / "a\x1b[31m\nb").endswith(
        "a\\x1b[31m\\nb: cannot be read: No such file or directory"
    )


def test_a_file_without_permission(tmp_path, monkeypatch):
    path = tmp_path / "a.py"

    def denied(*_):
        # raised by hand, because root may read everything
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("builtins.open", denied)
    assert failing(read_case, path) == f"{path}: cannot be read: Permission denied"


def test_a_file_that_is_not_utf_8(tmp_path):
    path = tmp_path / "a.py"
    path.write_bytes(TEXT.encode() + b"# \xff\xfe\n")
    assert failing(read_case, path) == f"{path}:10: not UTF-8 text"


def test_a_file_that_is_too_large_is_not_read_to_its_end(tmp_path):
    path = tmp_path / "a.py"
    with path.open("wb") as file:
        file.write(TEXT.encode())
        file.truncate(2**40)  # a terabyte of holes
    assert failing(read_case, path) == f"{path}: the file is too large (allowed: at most {MAX_TEXT} bytes)"


def test_errors_in_the_text_name_the_file_and_the_line(tmp_path):
    path = tmp_path / "a.py"
    path.write_text(TEXT.replace("torch.abs(x0)", "os.system('true')"))
    assert failing(read_case, path).startswith(f"{path}:4: torch.Tensor.system is not an operator")


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    case = parse_case(TEXT)
    path = tmp_path / "a.py"
    path.write_text("old")

    def full(*_):
        raise OSError(28, "No space left on device")

    for name in ("fsync", "replace"):
        with monkeypatch.context() as patch:
            patch.setattr(os, name, full)
            assert failing(write_case, case, path) == f"{path}: cannot be written: No space left on device"
        assert path.read_text() == "old"
        assert os.listdir(tmp_path) == ["a.py"]


def test_where_nothing_can_be_written(tmp_path):
    case = parse_case(TEXT)
    assert "No such file or directory" in failing(write_case, case, tmp_path / "none" / "a.py")
    assert "Is a directory" in failing(write_case, case, tmp_path)
    assert "File name too long" in failing(write_case, case, tmp_path / ("a" * 300))
    assert os.listdir(tmp_path) == []


def test_what_could_not_be_read_back_is_not_written(tmp_path):
    graph = parse_graph('def program(x0: "float32[2]"):\n    return (x0,)\n')
    case = Case(graph, {"x0": {"draw": "values", "values": [0.1] * (MAX_TEXT // 5)}})
    assert f"allowed: at most {MAX_TEXT} bytes" in failing(write_case, case, tmp_path / "a.py")
    assert os.listdir(tmp_path) == []
