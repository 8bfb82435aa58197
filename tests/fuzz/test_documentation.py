"""Documentation campaigns: what differs between eager and another side, and what is reported of it."""

from __future__ import annotations

from collections import Counter

import pytest

pytest.importorskip("torch")

from typer.testing import CliRunner

from misfold.fuzz.cli import make_app
from misfold.fuzz.commands.documentation import _sides
from misfold.fuzz.documentation import answered_first, run
from misfold.fuzz.documentation_differences import Compared, _asks_for_work, _differences
from misfold.generators.documentation.facts import Fact
from misfold.generators.documentation.probes import VIOLATING, Change, Probe
from misfold.generators.documentation.sides import STAMPED, UNSUPPORTED
from misfold.generators.traces.call import Call
from misfold.generators.traces.drawing import SAFE, WIDE
from misfold.programs.errors import UsageError
from misfold.programs.types import TensorType

CALL = Call("torch.add", (TensorType.of("float32", (2, 3)), 1))
PROBE = Probe(CALL, VIOLATING, CALL, (Change("other", Fact("range", "[2,inf)", "at least 2"), "1 outside", 1),))


def told(eager, other, graphs=1, draws=(SAFE,)):
    counts = Counter()
    data = {
        "draws": list(draws),
        "eager": [(error, None) for error in eager],
        "sides": {"aot_eager": {"results": [(error, None) for error in other], "graphs": graphs, "runs": graphs}},
    }
    return list(_differences("torch.add", PROBE, data, counts)), counts


@pytest.mark.parametrize(
    ("eager", "other", "expected"),
    [
        ("", "", "accepted alike"),
        ("ValueError: no", "RuntimeError: no", "refused alike"),
        ("ValueError: no", "", "accepted"),
        ("", "RuntimeError: shape", "refused"),
        ("", f"{UNSUPPORTED}not here", "unsupported"),
        ("", "BackendCompilerFailed: NotImplementedError: x", "unsupported"),
        ("", f"{STAMPED}input 0: 4 bytes", "stamped"),
        ("ValueError: no", "RuntimeError: x INTERNAL ASSERT FAILED at y", "internal"),
    ],
)
def test_states(eager, other, expected):
    found, counts = told([eager], [other])
    assert counts == {f"aot_eager: {expected}": 1}
    assert [item.kind for item in found] == ([] if "alike" in expected or expected == "unsupported" else [expected])


def test_wild_elements_are_said_to_be_what_is_refused():
    (found,), _ = told(["", "IndexError: out of range"], ["", ""], draws=(SAFE, WIDE))
    assert found.draw == "wild" and found.statement.startswith("elements that eager torch refuses")
    assert "wild(torch.float32" in found.script


def test_an_internal_error_of_eager_is_a_finding_by_itself():
    (found,), _ = told(["RuntimeError: x INTERNAL ASSERT FAILED at y"], ["RuntimeError: x INTERNAL ASSERT FAILED at y"])
    assert (found.kind, found.backend) == ("internal", "eager")


def test_one_message_is_one_difference():
    result = Compared()
    for api in ("torch.add", "torch.Tensor.add", "torch.add"):
        (found,), _ = told(["ValueError: no"], [""])
        found.api, found.apis = api, [api]
        result.add(found)
    (kept,) = result.differences.values()
    assert kept.seen == 3 and kept.apis == ["torch.add", "torch.Tensor.add"]


def test_work_without_end_that_was_asked_for():
    assert _asks_for_work(Call("torch.eye", (2**40,)))
    assert not _asks_for_work(Call("torch.eye", (2**20,)))


def test_sides_have_budgets_of_their_own():
    assert _sides(["aot_eager", "misfold=7"], 40) == {"aot_eager": 40, "misfold": 7}
    for text, message in (("nvcc", "unknown backend"), ("tvm=x", "no number of calls")):
        with pytest.raises(UsageError, match=message):
            _sides([text], 1)


def test_an_unknown_source_is_one_line():
    found = CliRunner().invoke(make_app(), ["docs", "fuzz", "torch.nn.functional", "--source", "dreams"])
    assert isinstance(found.exception, UsageError) and "allowed: documentation, types, records" in str(found.exception)


@pytest.mark.slow
@pytest.mark.parametrize("source", ["documentation", "types", "records"])
def test_campaigns_of_each_source(source):
    result = run(["torch.nn.functional"], ratio=0.5, count=60, seed=1, jobs=1, sides={"aot_eager": 12}, source=source)
    measures = result.measures()
    assert measures["calls"] == 60 and measures["compiled_calls"] == {"aot_eager": 12}
    assert 0 < measures["apis_reached"] <= measures["apis_called"] <= result.operators
    assert 0 < measures["valid_share"] < 1
    kinds = {name.split()[0] for name in result.counts}
    assert kinds <= ({"conforming", "violating", "open"} if source == "documentation" else {"random"})


def test_what_operators_answered_is_compiled_first():
    probes = [("f", Probe(Call("torch.add", (n,)), VIOLATING, CALL, ())) for n in range(20)]
    errors = ["TypeError: add(): argument 'other' must be Tensor, not str", "RuntimeError: index out of range", ""]
    labels = {probe.call: (errors[n % 3], None, "") for n, (_, probe) in enumerate(probes)}
    ordered = [labels[probe.call][0] for _, probe in answered_first(probes, labels)]
    assert sorted(ordered) == sorted(label[0] for label in labels.values())
    assert [place for place, error in enumerate(ordered) if error.startswith("TypeError")] == [9, *range(14, 20)]
