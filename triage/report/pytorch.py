"""PyTorch's form for bugs of torch.compile.

Fields and what they are for: .github/ISSUE_TEMPLATE/pt2-bug-report.yml of pytorch/pytorch, with its paragraph for
reports that come of a fuzzer.
"""

from __future__ import annotations

from . import parts
from .facts import Facts
from .markdown import block, bullets, sections
from .template import Field, Template


def _title(facts: Facts) -> str:
    prefix = {"inductor": "[inductor] ", "onnxruntime": "[ONNX] ", "tvm": "[export] "}.get(facts.target, "")
    return f"{prefix}{facts.title}"


def _describe(facts: Facts) -> str:
    return sections(
        [
            parts.what_happens(facts),
            "**What should happen**",
            parts.what_should(facts),
            parts.why(facts),
            "**Minimal reproducer**",
            parts.script(facts),
            parts.output(facts),
            "**Ablation: which backend, mode or setting it takes**",
            parts.localisation(facts),
            parts.mitigations(facts),
            "**What the form asks of fuzzers**",
            _fuzzers(facts),
            "**Similar issues**",
            parts.similar(facts),
            "**How it was found**",
            parts.origin(facts),
            "**Disclosure**",
            parts.DISCLOSURE,
        ]
    )


def _fuzzers(facts: Facts) -> str:
    rejected = [one.name for one in facts.measures if one.same is False]
    if rejected:
        same = f"`torch._dynamo.utils.same` with `fp64_ref`, default tolerance: rejects {', '.join(rejected)}"
    elif facts.kind != "values":
        same = "no values to compare: the failure is not a numerical one"
    elif facts.oracle in ("values", "gradients", "mutation"):
        same = "`torch._dynamo.utils.same` with `fp64_ref`, default tolerance: accepts the result"
    else:
        same = f"not a numerical difference but one of {facts.oracle}"
    return bullets(
        [
            "tolerances: PyTorch's defaults",
            f"higher precision baseline: {same}",
            "indices of `max`/`min` under ties: not compared",
            "random state: seeded by the script; programs whose eager result differs from run to run are not judged",
        ]
    )


def _versions(facts: Facts) -> str:
    text = facts.environment
    return block(text) if text else parts.versions(facts)


TEMPLATE = Template(
    "pytorch",
    "PyTorch",
    "https://github.com/pytorch/pytorch/issues/new?template=pt2-bug-report.yml",
    ("inductor", "eager", "onnxruntime", "tvm"),
    _title,
    (
        Field("🐛 Describe the bug", _describe),
        Field("Error logs", parts.traceback, required=False),
        Field("Versions", _versions),
    ),
    labels=lambda facts: ("topic: fuzzer", *(("oncall: pt2",) if facts.target == "inductor" else ())),
)
