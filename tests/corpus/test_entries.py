"""Files of a corpus: found, read, and never executed."""

from __future__ import annotations

from pathlib import Path

import pytest

from misfold.corpus.entries import entry_of, find_files, is_case_file, read_entry, shipped
from misfold.corpus.expectations import Expectation
from misfold.programs.errors import TextError, UsageError

from .conftest import GRAPH, KERNEL

KNOWN = '{"target": "inductor", "result": "wrong"}'


@pytest.mark.parametrize(("text", "name"), [(GRAPH, "a.case.py"), (KERNEL, "a.kernel")])
def test_a_file_is_read_with_its_expectations(tmp_path, text, name):
    (tmp_path / name).write_text(text % KNOWN)
    entry = read_entry(tmp_path / name)
    assert entry.expectations == (Expectation("inductor", "wrong"),)
    assert entry.targets == ("inductor",)
    assert entry.name == "a"
    changed = entry.with_expectations([Expectation("tvm", "ok", {"torch": ">=2"})])
    assert entry_of(changed.case.text, entry.path) == changed


@pytest.mark.parametrize(("text", "name"), [(GRAPH, "a.case.py"), (KERNEL, "a.kernel")])
@pytest.mark.parametrize("bad", ["7", '{"target": "inductor"}', '{"target": "inductor", "result": "so so"}'])
def test_a_bad_expectation_names_the_file(tmp_path, text, name, bad):
    (tmp_path / name).write_text(text % bad)
    with pytest.raises(TextError, match=name):
        read_entry(tmp_path / name)


def test_what_cannot_be_read_is_one_clear_error(tmp_path):
    with pytest.raises(TextError, match="No such file"):
        read_entry(tmp_path / "none.case.py")
    (tmp_path / "bytes.case.py").write_bytes(b"# misfold case, version 1\n\xff")
    with pytest.raises(TextError, match="UTF-8"):
        read_entry(tmp_path / "bytes.case.py")
    (tmp_path / "code.case.py").write_text("# misfold case, version 1\nimport os\nos.abort()\n")
    with pytest.raises(TextError, match=r"code\.case\.py:2"):
        read_entry(tmp_path / "code.case.py")


def test_files_are_found_by_what_they_say(tmp_path):
    (tmp_path / "deep").mkdir()
    for name, text in {
        "b.case.py": GRAPH % "",
        "deep/a.kernel": KERNEL % "",
        "plain.py": GRAPH % "",
        "script.py": "print('no case')",
        "notes.txt": "# misfold case, version 1",
        "empty.py": "",
    }.items():
        (tmp_path / name).write_text(text)
    assert [file.name for file in find_files([tmp_path])] == ["b.case.py", "a.kernel", "plain.py"]
    assert list(find_files([tmp_path / "notes.txt"])) == [tmp_path / "notes.txt"]
    assert not is_case_file(tmp_path)
    with pytest.raises(UsageError, match="no such file"):
        list(find_files([Path("nowhere")]))


def test_every_shipped_case_is_in_order():
    entries = [read_entry(file) for file in find_files([shipped()])]
    assert entries
    for entry in entries:
        assert entry.expectations, f"{entry.path}: nothing is expected"
        assert entry.case.about.get("title"), f"{entry.path}: no title"
        assert all(one.versions for one in entry.expectations if one.fails), f"{entry.path}: which versions?"
    assert len({entry.case.hash for entry in entries}) == len(entries)
