"""The pipelines of the TVM target, as data."""

from __future__ import annotations

from typing import Any

from misfold.programs.pipeline import Pipeline

# LLVM optimises what it is given for 100 ms a graph; nearly all of TVM's own work is done before. So the default
# leaves LLVM's optimiser out, and the pipelines llvm-O1 … O3 have it.
_QUICK = {"opt-level": 0}

#: Passes of TVM's default Relax pipeline for a CPU (a test compares them with what TVM runs).
DEFAULT_PASSES = (
    "DispatchSampling",
    "DispatchSortScan",
    "LegalizeOps",
    "AnnotateTIROpPattern",
    "FoldConstant",
    "FuseOps",
    "FuseTIR",
    "RewriteDataflowReshape",
    "ToNonDataflow",
    "RemovePurityChecking",
    "CallTIRRewrite",
    "StaticPlanBlockMemory",
    "LowerAllocTensor",
    "KillAfterLastUse",
    "LowerRuntimeBuiltin",
    "ComputePrimValue",
    "VMShapeLower",
    "AttachGlobalSymbol",
)
#: Those that only optimise: without one of them a module still builds.
_OPTIONAL = ("FoldConstant", "FuseOps", "RewriteDataflowReshape", "StaticPlanBlockMemory", "KillAfterLastUse")


def _pipeline(name: str, passes: tuple[str, ...] | None = None, **options: Any) -> Pipeline:
    listed: tuple[tuple[str, dict[str, Any]], ...] | None = None
    if passes is not None:
        listed = tuple((item, {}) for item in passes)
    return Pipeline(name, {"target": _QUICK, **options}, listed)


def _without(*names: str) -> tuple[str, ...]:
    return tuple(name for name in DEFAULT_PASSES if name not in names)


PIPELINES: tuple[Pipeline, ...] = (
    _pipeline("default"),
    _pipeline("llvm-O1", target={"opt-level": 1}),
    _pipeline("llvm-O2", target={"opt-level": 2}),
    _pipeline("llvm-O3", target={"opt-level": 3}),
    _pipeline("jit", jit=True),
    _pipeline("vm-compiled", exec_mode="compiled"),
    # what a PassContext's level switches off
    _pipeline("pass-level-0", opt_level=0),
    _pipeline("pass-level-3", opt_level=3),
    # the named pipelines
    _pipeline("default-build", relax="default_build"),
    _pipeline("zero", before=["LegalizeOps", "AnnotateTIROpPattern", "FoldConstant", "FuseOps", "FuseTIR"],
              relax="default_build"),
    # single passes dropped
    *(_pipeline(f"without-{name}", _without(name)) for name in _OPTIONAL),
    _pipeline("without-fusion", _without("AnnotateTIROpPattern", "FuseOps", "FuseTIR")),
    # graph rewrites that the default pipeline leaves to the user
    _pipeline("canonical", before=["CanonicalizeBindings", "EliminateCommonSubexpr", "DeadCodeElimination"]),
    _pipeline("matmul-rewrites",
              before=["ExpandMatmulOfSum", "AdjustMatmulOrder", "CombineParallelMatmul", "ReorderTakeAfterMatmul",
                      "ReorderPermuteDimsAfterConcat", "CanonicalizeBindings"]),
    _pipeline("layout-rewrites",
              before=["FoldBatchnormToConv2D", "OptimizeLayoutTransform", "RemoveRedundantReshape"]),
    _pipeline("inference", before=["DecomposeOpsForInference", "FoldConstant", "CanonicalizeBindings"]),
    _pipeline("inplace", ("LegalizeOps", "DataflowUseInplaceCalls", *_without("LegalizeOps", "DispatchSampling",
                                                                              "DispatchSortScan")),
              before=["DispatchSampling", "DispatchSortScan", "ConvertToDataflow"]),
    # loop level
    _pipeline("no-vectorize", config={"tirx.disable_vectorize": True}),
    _pipeline("no-storage-rewrite", config={"tirx.disable_storage_rewrite": True}),
    _pipeline("no-cse", config={"tirx.disable_cse_tir": True}),
    _pipeline("no-noalias", config={"tirx.noalias": False}),
    _pipeline("bound-checks", config={"tirx.instrument_bound_checkers": True}),
    _pipeline("unroll",
              config={"tirx.UnrollLoop": {"auto_max_step": 16, "auto_max_depth": 8, "explicit_unroll": True}}),
    _pipeline("fuse-depth-2", config={"relax.FuseOps.max_depth": 2}),
)  # fmt: skip
