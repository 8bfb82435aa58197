"""The projects for which there is a template."""

from __future__ import annotations

from misfold.programs.errors import UsageError
from misfold.triage.localise.exported import STAGE
from misfold.triage.localise.onnx import EXPORTER

from . import onnxruntime, plain, pytorch, tvm
from .template import Template

TEMPLATES: dict[str, Template] = {one.TEMPLATE.name: one.TEMPLATE for one in (pytorch, tvm, onnxruntime, plain)}
#: The project that gets a target's bugs unless a person says otherwise; ``plain`` for targets not named here.
USUAL = {"inductor": "pytorch", "eager": "pytorch", "tvm": "tvm", "onnxruntime": "onnxruntime"}


#: Stages of other targets' ways that are PyTorch's: whoever else got the report would send it there.
PYTORCHS = frozenset({EXPORTER, STAGE})


def template_for(target: str, name: str | None = None, stage: str = "") -> Template:
    """The template called ``name``, or the usual one for a target's bugs, or for those that a ``stage`` is blamed for.

    Raises:
        UsageError: there is none of this name, or it is not for this target's bugs.
    """
    name = name or ("pytorch" if stage in PYTORCHS else USUAL.get(target, "plain"))
    if name not in TEMPLATES:
        raise UsageError(f"no template for {name!r}; there are: {', '.join(TEMPLATES)}")
    template = TEMPLATES[name]
    if template.targets and target not in template.targets:
        raise UsageError(
            f"a bug of {target} is none of {template.project}'s; try --for {USUAL.get(target, 'plain')} or --for plain"
        )
    return template
