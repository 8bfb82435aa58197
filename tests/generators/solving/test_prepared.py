"""What programs by rules are made from is shipped in a prepared form, which says what the readable files say."""

from __future__ import annotations

import gzip
import json
from random import Random

import pytest
from typer.testing import CliRunner

from misfold.fuzz.cli import make_app
from misfold.generators.rules import RuleBase
from misfold.generators.solving import prepared
from misfold.generators.solving.partial import read_partials
from misfold.generators.solving.source import RuleSource
from misfold.programs.errors import UsageError


@pytest.fixture(scope="module")
def rules():
    return RuleBase.load()


@pytest.fixture(scope="module")
def shipped(rules, records):
    found = prepared.load(rules.version, rules.digest, records.digest)
    assert found is not None, "the rules or records are new: misfold rules prepare"
    return found


def test_the_shipped_lines_are_those_of_the_rules_and_records(rules, records, shipped):
    source = RuleSource(rules, records)
    assert tuple(shipped) == source.operators
    for operator in Random(5).sample(sorted(shipped), 60):
        assert list(shipped[operator]) == source.lines(operator)


def test_a_partial_operator_says_at_once_what_its_rule_says(shipped):
    seen = 0
    for operator in Random(6).sample(sorted(shipped), 40):
        for partial in read_partials(operator, shipped[operator]):
            structure, cases = partial.rule.structure, partial.rule.cases
            assert partial.op == structure.function == operator
            assert partial.ranks == tuple(hole.rank for hole in structure.tensors)
            assert partial.rule.dtypes == partial.types
            if partial.out >= 0:
                assert len(cases[0].shapes[0]) == partial.out
            if partial.reduces:
                assert cases[0].shapes[0] == () and not partial.single
            for types in partial.types.combinations[:3]:
                assert list(partial.table.of(types)) == [hole.name for hole in structure.tensors]
            seen += 1
    assert seen > 200


def test_with_other_rules_or_records_the_lines_are_made_anew(rules, records, shipped):
    assert prepared.load(rules.version, "another", records.digest) is None
    assert prepared.load(rules.version, rules.digest, "another") is None
    assert prepared.load("0.0.0", rules.digest, records.digest) is None
    assert RuleSource(rules, records).lines("torch.add") == RuleSource.load(records).lines("torch.add")
    assert RuleSource(rules, records, {}).partials("torch.add") == []


def test_a_damaged_file_is_an_error_and_says_how_to_make_it(tmp_path, monkeypatch):
    path = tmp_path / "prepared.jsonl.gz"
    monkeypatch.setattr(prepared, "shipped", lambda version: path)
    path.write_bytes(b"no gzip")
    with pytest.raises(UsageError, match="misfold rules prepare"):
        prepared.load("1", "r", "c")
    header = {"kind": prepared.KIND, "format": prepared.FORMAT, "rules": "r", "records": "c", "operators": {"a": 2}}
    path.write_bytes(gzip.compress(json.dumps(header).encode() + b"\n{}\n"))
    with pytest.raises(UsageError, match="1 lines where 2"):
        prepared.load("1", "r", "c")
    for text in (b"[]", b'{"kind": 1}'):
        path.write_bytes(gzip.compress(text))
        with pytest.raises(UsageError, match="misfold rules prepare"):
            prepared.load("1", "r", "c")
    for line in (b"{}", b"[", b'{"dtypes": [], "domains": [], "partials": [[0, [1], 1, 0]]}'):
        with pytest.raises(UsageError, match="misfold rules prepare"):
            read_partials("torch.add", [line, b"{}"])


def test_what_is_written_is_read(tmp_path, monkeypatch):
    path = tmp_path / "prepared.jsonl.gz"
    monkeypatch.setattr(prepared, "shipped", lambda version: path)
    lines = {"torch.a": [b"1", b"2"], "torch.b": [], "torch.c": [b"3"]}
    prepared.write(path, "1", "r", "c", lines)
    first = path.read_bytes()
    assert prepared.load("1", "r", "c") == lines
    prepared.write(path, "1", "r", "c", lines)
    assert path.read_bytes() == first


@pytest.mark.slow
def test_the_command_makes_the_shipped_file(tmp_path, rules):
    path = tmp_path / "made.jsonl.gz"
    result = CliRunner().invoke(make_app(), ["rules", "prepare", "-o", str(path)])
    assert result.exit_code == 0, result.output
    made, shipped = (gzip.decompress(item.read_bytes()) for item in (path, prepared.shipped(rules.version)))
    assert made == shipped
