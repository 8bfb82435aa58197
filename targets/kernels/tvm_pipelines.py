"""TVM's pipelines for kernels, and of what further ones are made. Data only: TVM is not imported."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from importlib.resources import files

from misfold.programs.pipeline import Pipeline

from .protocol import PassSpace

#: TVM's default order for a CPU, with the passes left out that concern GPUs alone. ``NAME`` is of s_tir.transform,
#: ``tirx.NAME`` of tirx.transform.
DEFAULT = (
    "CanonicalizeLoop",
    "LowerInitBlock",
    "PlanAndUpdateBufferAllocationLocation",
    "ConvertBlocksToOpaque",
    "CompactBufferAllocation",
    "LowerMatchBuffer",
    "StmtSimplify",
    "AnnotateIrregularLoop",
    "InjectSoftwarePipeline",
    "LowerOpaqueBlock",
    "tirx.FlattenBuffer",
    "tirx.BF16ComputeLegalize",
    "tirx.NarrowDataType",
    "LoopPartition",
    "tirx.VectorizeLoop",
    "InjectVirtualThread",
    "InjectDoubleBuffer",
    "tirx.StorageRewrite",
    "HoistIfThenElse",
    "tirx.UnrollLoop",
    "RenormalizeSplitPattern",
    "tirx.StmtSimplify",
    "tirx.RemoveNoOp",
    "RewriteUnsafeSelect",
    "tirx.CommonSubexprElim",
)
#: What the rest of the way to machine code needs; run before MakePackedAPI where a list leaves them out.
REQUIRED = ("CanonicalizeLoop", "tirx.FlattenBuffer", "tirx.BF16ComputeLegalize", "tirx.VectorizeLoop")
#: The same for functions that have blocks.
REQUIRED_WITH_BLOCKS = (*REQUIRED, "LowerInitBlock", "ConvertBlocksToOpaque", "LowerOpaqueBlock")
#: Passes that may be left out or put elsewhere.
_OPTIONAL = tuple(name for name in DEFAULT if name not in REQUIRED)
_FURTHER = (
    "HoistExpression",
    "RemoveStoreUndef",
    "UseAssumeToReduceBranches",
    "LowerAutoCopy",
    "UnifyThreadBinding",
    "tirx.RemoveAssume",
    "tirx.ConvertSSA",
    "tirx.PointerValueTypeRewrite",
    "tirx.VerifyMemory",
    "tirx.ForceNarrowIndexToInt32",
)
_PARAMETERS: Mapping[str, Mapping[str, tuple[object, ...]]] = {
    "tirx.NarrowDataType": {"target_bits": (32, 64)},
    "tirx.VectorizeLoop": {"enable_vectorize": (True, False)},
}
#: What passes need that have nothing to do before it, or do something silently wrong: from TVM's sources, for all
#: programs.
_STATED: Mapping[str, tuple[str, ...]] = {
    "tirx.StorageRewrite": ("tirx.VectorizeLoop", "tirx.FlattenBuffer"),
    "tirx.NarrowDataType": ("tirx.FlattenBuffer",),
    "tirx.ForceNarrowIndexToInt32": ("tirx.FlattenBuffer",),
    "tirx.FlattenBuffer": ("LowerOpaqueBlock",),
    "tirx.VectorizeLoop": ("CanonicalizeLoop",),
    "tirx.UnrollLoop": ("CanonicalizeLoop",),
    "ConvertBlocksToOpaque": ("LowerInitBlock",),
    "PlanAndUpdateBufferAllocationLocation": ("LowerInitBlock",),
    "CompactBufferAllocation": ("ConvertBlocksToOpaque", "PlanAndUpdateBufferAllocationLocation"),
    "LowerOpaqueBlock": ("ConvertBlocksToOpaque",),
    "tirx.PointerValueTypeRewrite": ("tirx.FlattenBuffer",),
}
#: Where a pass raises, dies, or leaves what is not well-formed, on programs with blocks: measured.
PREREQUISITES = "tvm_prerequisites.json"


def _measured() -> Mapping[str, tuple[str, ...]]:
    """Relations as ``PassSpace.after`` out of the file that ``misfold.fuzz.kernels.prerequisites`` makes."""
    data = json.loads(files(__package__).joinpath(PREREQUISITES).read_text(encoding="utf-8"))
    return {name: (entry["after"]["pass"],) for name, entry in data["passes"].items() if "after" in entry}


_MEASURED = _measured()
_AFTER: Mapping[str, tuple[str, ...]] = {
    name: tuple(dict.fromkeys((*_STATED.get(name, ()), *_MEASURED.get(name, ())))) for name in (*DEFAULT, *_FURTHER)
}
_CONFIGS: tuple[dict[str, object], ...] = (
    {},
    {"tirx.disable_vectorize": True},
    {"tirx.disable_storage_rewrite": True},
    {"tirx.disable_cse_tir": True},
    {"tirx.noalias": False},
    {"tirx.instrument_bound_checkers": True},
    {"tirx.debug_keep_trivial_loop": True},
)
_TARGETS: tuple[dict[str, object], ...] = (
    {},
    {"opt-level": 0},
    {"opt-level": 1},
    {"opt-level": 2},
    {"opt-level": 3},
)

PASS_SPACE = PassSpace(
    {name: _PARAMETERS.get(name, {}) for name in (*DEFAULT, *_FURTHER)},
    DEFAULT,
    {
        "target": _TARGETS,
        "config": _CONFIGS,
        "opt_level": (0, 1, 2, 3),
        "plain": (False, True),
        "blocks": (False, True),
        "verify": (False, True),
    },
    _AFTER,
    ("CanonicalizeLoop",),
)
#: The same for programs without blocks: passes that lower these have nothing to do there, and nothing needs them.
PASS_SPACE_WITHOUT_BLOCKS = replace(PASS_SPACE, after=_STATED)


def listed(*names: str) -> tuple[tuple[str, Mapping[str, object]], ...]:
    """Names of passes as a pipeline's list."""
    return tuple((name, {}) for name in names)


_FAST = {"target": {"opt-level": 0}}

PIPELINES: tuple[Pipeline, ...] = (
    Pipeline("default"),
    *(Pipeline(f"llvm-O{level}", {"target": {"opt-level": level}}) for level in (0, 2, 3)),
    Pipeline("plain", {**_FAST, "plain": True}),
    Pipeline("verified", {**_FAST, "verify": True}),
    Pipeline("blocks", {**_FAST, "blocks": True}),
    Pipeline("blocks-verified", {**_FAST, "blocks": True, "verify": True}),
    Pipeline("none", _FAST, ()),
    *(
        Pipeline(f"without-{left_out}", _FAST, listed(*(name for name in DEFAULT if name != left_out)))
        for left_out in _OPTIONAL
    ),
    *(Pipeline(next(iter(config)).removeprefix("tirx."), {**_FAST, "config": config}) for config in _CONFIGS if config),
)
