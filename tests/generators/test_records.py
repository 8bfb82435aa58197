"""The records that are shipped: there are enough of them, and each is true of the installed torch."""

from __future__ import annotations

import gzip
import json

import pytest
import torch

from misfold.generators.calling import type_of
from misfold.generators.collect.collecting import write
from misfold.generators.records import FORMAT, Record, RecordBase, available, file_name, installed_version
from misfold.generators.support import operand_classes
from misfold.generators.undefined import RANDOM, last_name
from misfold.programs.aliasing import may_be_view, written_arguments
from misfold.programs.errors import UsageError
from misfold.programs.operators import is_operator
from misfold.programs.parser import parse_graph
from misfold.programs.types import TensorType
from misfold.targets.torch_values import make_inputs, to_function

# Written in place only if something is to be dropped or averaged in: the table has to assume that it is.
IDLE_WRITES = ("dropout", "batch_norm", "instance_norm", "embedding", "rrelu")


def sample(records: RecordBase, step: int) -> list[Record]:
    """Some records of every operator."""
    return [record for op in records.operators for record in records.of(op)[::step]]


def test_there_are_records_for_the_installed_torch(records):
    assert records.version == installed_version().partition("+")[0]
    assert records.version in available()


def test_at_least_500_operators_that_differ_in_more_than_the_way_to_call_them(records):
    base = {last_name(op).rstrip("_") for op in records.operators}
    assert len(base) >= 500
    assert len(records.operators) >= 900
    assert all(map(is_operator, records.operators))
    assert len(records) == sum(len(records.of(op)) for op in records.operators)


def test_methods_and_in_place_operators_are_there(records):
    assert {"torch.add", "torch.Tensor.add", "torch.Tensor.add_", "torch.Tensor.__getitem__"} <= set(records.operators)
    in_place = [op for op in records.operators if op.endswith("_") and not op.endswith("__")]
    assert len(in_place) >= 120


def test_every_element_type_of_the_mix_is_there(records):
    from misfold.generators.options import DTYPES_MIX

    found = {name for op in records.operators for entry in records.entries(op) for name in entry.dtypes}
    assert found >= set(DTYPES_MIX)


def test_random_operators_are_not(records):
    suspicious = {last_name(op) for op in records.operators if RANDOM.search(last_name(op))}
    # These are deterministic with the arguments that the records have (training switched off, p = 0).
    assert suspicious <= {"dropout", "dropout1d", "dropout2d", "dropout3d", "rrelu"}


def test_records_run_with_the_types_they_state_and_finite_values(records):
    for record in sample(records, 6):
        case = record.case()
        with torch.no_grad():
            outputs = to_function(case.graph)(*make_inputs(case))
        assert [type_of(tensor) for tensor in outputs] == list(record.outputs), case.text
        assert all(bool(torch.isfinite(tensor).all()) for tensor in outputs), case.text


def test_the_aliasing_tables_know_all_that_torch_was_seen_to_do(records):
    for record in sample(records, 1):
        written = set(written_arguments(record.node))
        assert written >= set(record.writes), record.graph
        if written != set(record.writes):
            assert any(word in record.op for word in IDLE_WRITES), record.graph
        inputs = set(record.inputs)
        if any(owner in inputs for owner in record.aliases.values()):
            assert may_be_view(record.node), record.graph


def test_a_view_in_the_aliasing_tables_was_seen_to_be_one(records):
    """The table is not a list of everything: most of its operators are views in some record."""
    listed = [op for op in records.operators if any(may_be_view(record.node) for record in records.of(op))]
    seen = [op for op in listed if any(record.aliases for record in records.of(op))]
    assert len(seen) >= 0.8 * len(listed)


def test_no_file_for_a_version_says_what_there_is_and_how_to_make_one():
    with pytest.raises(
        UsageError, match=r"no operator records for torch 1\.0\.0 \(shipped: .*misfold operators --collect"
    ):
        RecordBase.load("1.0.0")


@pytest.mark.parametrize(
    "content",
    [
        b"not gzip",
        gzip.compress(b""),
        gzip.compress(b"{}"),
        gzip.compress(b"[]\n"),
        gzip.compress(b"not json\n"),
        gzip.compress(json.dumps({"format": FORMAT + 1, "torch": "2", "operators": {}}).encode()),
        gzip.compress(b"{}")[:-4],
    ],
    # Compressed bytes carry the time they were made at: they name no test that several processes have to agree on.
    ids=["not compressed", "empty", "no records", "another kind", "not JSON", "a later format", "cut short"],
)
def test_a_broken_file_is_a_clear_error(tmp_path, content):
    path = tmp_path / "records.jsonl.gz"
    path.write_bytes(content)
    with pytest.raises(UsageError, match="records"):
        RecordBase.load(path=path)


@pytest.mark.parametrize("line", ["{}", "3", "nonsense", '{"program": 3, "inputs": {}}'])
def test_a_broken_record_is_a_clear_error(tmp_path, line):
    path = tmp_path / "records.jsonl.gz"
    header = json.dumps({"format": FORMAT, "torch": "2", "operators": {"torch.add": 1}})
    path.write_bytes(gzip.compress(f"{header}\n{line}\n".encode()))
    with pytest.raises(UsageError, match="operator record"):
        RecordBase.load(path=path).of("torch.add")


def test_equal_records_give_equal_bytes_and_read_back(tmp_path, records):
    data = {"program": 'def program(x0: "float32[2]"):\n    v0: "float32[2]" = torch.abs(x0)\n    return (v0,)\n'}
    chosen = {"torch.abs": [{**data, "inputs": {"x0": {"draw": "normal"}}, "facts": {"free": [2]}}]}
    paths = [tmp_path / name / file_name(torch.__version__) for name in "ab"]
    for path in paths:
        write(path, chosen)
    assert paths[0].read_bytes() == paths[1].read_bytes()
    (record,) = RecordBase.load(path=paths[0]).of("torch.abs")
    assert (record.op, record.free, record.recipes["x0"]) == ("torch.abs", (2,), {"draw": "normal", "seed": 0})


def test_operands_are_read_off_a_line_as_the_record_has_them():
    records = RecordBase.load()
    for op in records.operators[::7]:
        for entry in records.entries(op):
            assert entry.operands == operand_classes(entry.record.graph, entry.record.node)


@pytest.mark.parametrize(
    "text",
    [
        'def program(x0: "float16[2, 3]{1, 2}", x1: "int64[]"):\n    v0: "float16[2, 3]" = torch.add(x0, x1)\n'
        "    return (v0,)\n",
        'def program(x0: "float32[4]"):\n    v0: "float32[2]"\n    v1: "float32[2]"\n'
        "    v0, v1 = torch.chunk(x0, 2)\n    return v0, v1\n",
        'def program(x0: "float32[4]"):\n    v0 = torch.sin(x0)\n    return (v0,)\n',
        'def program(x0: "float32[4]"):\n    v0: "bool[4]" = x0.div(2, rounding_mode="int8[2]")\n    return (v0,)\n',
    ],
)
def test_a_record_s_program_is_read_as_any_program_is(text):
    data = {"program": text, "inputs": {"x0": {"draw": "normal"}, "x1": {"draw": "normal"}}}
    for _ in range(2):
        assert Record.from_data(data).graph == parse_graph(text)


def test_what_is_read_off_a_line_is_what_the_record_says(records):
    for op in records.operators[::7]:
        for entry in records.entries(op):
            record = entry.record
            assert entry.writes == bool(record.writes)
            kind = record.outputs[0]
            assert entry.makes(kind) == (not record.writes and not record.dynamic)
            assert not entry.makes(TensorType(kind.dtype, (*kind.shape, 2)))
