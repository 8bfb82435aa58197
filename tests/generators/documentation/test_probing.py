"""Probes and the inconsistency oracle: what is called, and what outcomes say against documentation."""

from __future__ import annotations

import subprocess
import sys
from random import Random

import pytest

pytest.importorskip("torch")

from misfold.generators.documentation import rules
from misfold.generators.documentation.bounds import inside, interval, outside
from misfold.generators.documentation.calls import Bound
from misfold.generators.documentation.draft import draft
from misfold.generators.documentation.facts import Parameter
from misfold.generators.documentation.inconsistency import of_behaviour, of_defaults, of_signatures
from misfold.generators.documentation.openings import openings
from misfold.generators.documentation.probes import CONFORMING, UNLISTED, VIOLATING, probes, several
from misfold.generators.documentation.readers.docstrings import parameters
from misfold.generators.documentation.readers.modules import Documentation
from misfold.generators.documentation.readers.signatures import Signature
from misfold.generators.documentation.script import behaviour, signature
from misfold.generators.documentation.survey import plan, resolved, surveyed
from misfold.generators.traces.call import Call
from misfold.programs.types import TensorType

TENSOR = TensorType.of("float32", (2, 3))
API = "torch.nn.functional.smooth_l1_loss"


def constraints(**texts):
    return {name: rules.load().read(Parameter(API, name, kind, text)) for name, (kind, text) in texts.items()}


def base(**arguments):
    return Bound(API, arguments, ("input", "target", "reduction", "beta"))


def test_positional_up_to_a_gap():
    bound = base(input=TENSOR, target=TENSOR, beta=1.0)
    assert bound.call().text() == f"{API}(float32[2, 3], float32[2, 3], beta=1.0)"
    assert bound.with_argument("reduction", "sum").call().text().endswith("'sum', 1.0)")


def test_probes_keep_or_break_one_statement():
    known = constraints(
        reduction=("str", "One of ``'none'`` | ``'sum'``"),
        beta=("float", "must be in the range [0, 1]"),
        input=("Tensor", ""),
    )
    found = list(probes(base(input=TENSOR, target=TENSOR), known))
    by_kind = {
        kind: {(p.changes[0].parameter, str(p.changes[0].value)) for p in found if p.kind == kind}
        for kind in (CONFORMING, VIOLATING)
    }
    assert {("reduction", "none"), ("reduction", "sum"), ("beta", "1.0")} <= by_kind[CONFORMING]
    assert {("reduction", UNLISTED), ("beta", "-0.5"), ("beta", "1.5"), ("input", "None")} <= by_kind[VIOLATING]
    assert all(len(probe.changes) == 1 and probe.call != probe.base for probe in found)
    double = several(base(input=TENSOR, target=TENSOR), known, Random(0))
    assert len({change.parameter for change in double.changes}) == 2


def test_what_is_left_open_contradicts_nothing_that_is_said():
    known = constraints(beta=("float", "must be in the range [0, 1]"), target=("LongTensor", "of shape (N, C)"))
    bound = base(input=TENSOR, target=TENSOR, reduction="sum", beta=0.25)
    found = list(openings(bound, known))
    single = {(p.changes[0].parameter, p.changes[0].what) for p in found if len(p.changes) == 1}
    assert {("input", "no elements"), ("input", "a single number"), ("input", "elements of bool")} <= single
    assert {name for name, _ in single} == {"input"}
    together = [p for p in found if len(p.changes) == 2]
    assert any([c.value.shape for c in p.changes] == [(0, 3), (0, 3)] for p in together)
    assert all(c.value.dtype == TENSOR.dtype for p in together for c in p.changes)
    assert not of_behaviour([(API, p) for p in found], {p.call: ("", None, "") for p in found})


def test_arguments_of_another_type_come_last():
    documented = parameters(
        API, "Loss.\n\n    Args:\n        input (Tensor): x\n        reduction (str): One of ``'none'`` | ``'sum'``\n"
        "        beta (float): must be in the range [0, 1]\n    ",
    )  # fmt: skip
    entry = Documentation(API, "", None, tuple(documented))
    (item,) = surveyed([entry], rules.load())
    item.bases.append(base(input=TENSOR, target=TENSOR, reduction="sum", beta=0.25))
    made = [probe.mistyped for _, probe in plan([item], 1.0, 100, 0)]
    assert True in made and False in made
    places = [
        sum(places) / len(places) for places in ([i for i, m in enumerate(made) if m is k] for k in (False, True))
    ]
    assert places[0] < places[1]


@pytest.mark.parametrize(
    ("text", "value", "member"),
    [("[0,inf)", 0, True), ("(0,inf)", 0, False), ("[0,1)", 1, False), ("(-inf,3]", 3, True)],
)
def test_intervals(text, value, member):
    assert (value in interval(text)) is member


@pytest.mark.parametrize("text", ["[0,inf)", "(0,1]", "[2,5]", "(-inf,-3)", "[-1,1]"])
@pytest.mark.parametrize("whole", [True, False])
def test_inside_and_outside(text, whole):
    found = inside(text, whole)
    assert found is not None and found in interval(text)
    assert outside(text, whole) and not any(value in interval(text) for value in outside(text, whole))
    assert outside("[a,b]", whole) == [] and inside("anything", whole) is None


def outcome(known, errors):
    """Reports of the oracle where probes' outcomes are given by the value that they put in."""
    tried = [(API, probe) for probe in probes(base(input=TENSOR, target=TENSOR), known)]
    labels = {probe.call: (errors(probe.changes[0].value), None, "") for _, probe in tried}
    return of_behaviour(tried, labels)


def test_a_listed_value_that_is_refused_as_such_contradicts():
    known = constraints(reduction=("", "One of ``'none'`` | ``'total'``"))
    (report,) = outcome(
        known, lambda value: "" if value == "none" else f"ValueError: {value} is not a valid value for reduction"
    )
    assert report.kind == "refused" and "'total'" in report.what and "One of" in report.quote


def test_a_value_refused_for_another_reason_does_not():
    known = constraints(reduction=("", "One of ``'none'`` | ``'total'``"))
    assert not outcome(known, lambda value: "RuntimeError: sizes do not match")


def test_a_value_out_of_a_stated_range_that_is_accepted_contradicts():
    known = constraints(beta=("", "Must be in the range [0, 1]."))
    (report,) = outcome(known, lambda value: "")
    assert report.kind == "accepted" and "outside [0,1]" in report.what
    assert not outcome(known, lambda value: "ValueError: beta must be in [0, 1]" if not 0 <= value <= 1 else "")


def test_what_is_only_likely_or_conditional_is_no_statement():
    assert not outcome(constraints(beta=("int", "number of groups")), lambda value: "")
    assert not outcome(constraints(beta=("", "If given, must be in the range [0, 1].")), lambda value: "")


def entry(api, default, actual=True):
    signature = Signature(("p",), {"p": default}, frozenset(), actual)
    return Documentation(
        api,
        "text",
        signature,
        tuple(parameters(api, "F.\n\nArgs:\n    p (bool): a switch. Default: ``False``\n", signature)),
    )


def test_wrong_defaults_are_reported_once_for_all_that_share_the_sentence():
    (report,) = of_defaults([entry("torch.nn.A", "True"), entry("torch.nn.B", "True"), entry("torch.nn.C", "False")])
    assert report.apis == ["torch.nn.A", "torch.nn.B"]
    # None may be filled in later, and a signature from the same docstring is no witness.
    assert not of_defaults([entry("torch.nn.A", "None"), entry("torch.nn.A", "True", actual=False)])


def test_methods_take_over_what_they_refer_to():
    other = Documentation("torch.Tensor.f", "See :func:`torch.nn.A`", None, ())
    (_, found) = resolved([entry("torch.nn.A", "True"), other])
    assert [p.name for p in found.parameters] == ["p"]
    (_, item) = surveyed([entry("torch.nn.A", "True"), other], rules.load())
    assert item.constraints["p"].values("dtype") == ("bool",)


@pytest.mark.slow
def test_a_script_shows_the_contradiction(tmp_path):
    call = Call(API, (TENSOR, TENSOR), (("beta", 0.0),))
    path = tmp_path / "script.py"
    path.write_text(behaviour("title", "must be positive", "here", Call(API, (TENSOR, TENSOR)), call, False))
    found = subprocess.run([sys.executable, str(path)], capture_output=True, text=True)
    assert found.returncode == 1 and "CONTRADICTS" in found.stdout


def signed(names, defaults=(), *, is_open=False, api="torch.nn.A", kind="int, optional", where="Args"):
    signature = Signature(tuple(names), dict.fromkeys(defaults, "1"), frozenset(), True, is_open)
    return Documentation(api, "text", signature, (Parameter(api, "p", kind, "a number.", None, f"{api}: {where}"),))


def test_parameters_that_a_signature_does_not_have():
    (report,) = of_signatures([signed(["q"]), signed(["p"], ["p"], api="torch.nn.B")])
    assert (report.kind, report.parameter, report.apis) == ("unknown", "p", ["torch.nn.A"])
    # What takes anything may take it, and what a module is called with is no parameter of its constructor.
    assert not of_signatures([signed(["q"], is_open=True), signed(["q"], where="Shape"), signed(["q"], where="Inputs")])


def test_optional_parameters_that_are_required():
    (report,) = of_signatures([signed(["p"])])
    assert report.kind == "required"
    assert not of_signatures([signed(["p"], kind="Optional[int]")])


def test_a_rank_that_no_documented_shape_has():
    known = constraints(input=("", "input tensor of shape :math:`(N, C)` or :math:`(C)`"))
    bound = Bound(API, {"input": TensorType.of("float32", (2, 3)), "target": TENSOR}, ("input", "target"))
    tried = [(API, probe) for probe in probes(bound, known) if probe.changes[0].fact.category == "shape"]
    assert [probe.call.args[0].rank for _, probe in tried] == [3]
    (report,) = of_behaviour(tried, {probe.call: ("", None, "") for _, probe in tried})
    assert report.kind == "shape" and "one dimension more" in report.what
    open_ended = constraints(input=("", "input tensor of shape :math:`(*, C)`"))
    assert not any(probe.changes[0].fact.category == "shape" for probe in probes(bound, open_ended))


@pytest.mark.slow
def test_a_script_shows_a_missing_parameter(tmp_path):
    path = tmp_path / "script.py"
    for name, status in (("p", 1), ("padding", 0)):
        path.write_text(signature("title", "quote", "here", "torch.nn.AvgPool2d", name, "unknown"))
        assert subprocess.run([sys.executable, str(path)], capture_output=True).returncode == status


def test_a_draft_has_all_that_a_maintainer_asks_for():
    (report,) = of_signatures([signed(["q"]), signed(["q"], api="torch.nn.B")])
    text = draft(report, {"torch": "2.13.0"})
    for part in ("### The doc issue", "> p (int, optional): a number.", "`torch.nn.B`", "```python", "torch 2.13.0",
                 "Suggest a potential alternative/fix", "Checked by"):  # fmt: skip
        assert part in text
