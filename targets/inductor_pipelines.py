"""The pipelines of the Inductor target, as data."""

from __future__ import annotations

from typing import Any

from misfold.programs.pipeline import Pipeline


def _inductor(name: str, config: dict[str, Any] | None = None, dynamic: bool = False) -> Pipeline:
    options: dict[str, Any] = {"backend": "inductor", "dynamic": dynamic}
    if config:
        options["config"] = config
    return Pipeline(name, options)


def _stage(backend: str) -> Pipeline:
    return Pipeline(backend, {"backend": backend, "dynamic": False})


#: Stages of torch.compile in order, so that the first one that fails is the one to blame.
STAGES: tuple[Pipeline, ...] = tuple(map(_stage, ("eager", "aot_eager", "aot_eager_decomp_partition")))

PIPELINES: tuple[Pipeline, ...] = (
    _inductor("inductor"),
    *STAGES,
    _inductor("inductor-dynamic", dynamic=True),
    # code generation
    _inductor("scalar", {"cpp.simdlen": 1}),
    _inductor("no-tail-vectors", {"cpp.enable_loop_tail_vec": False}),
    _inductor("no-tiling-heuristics", {"cpp.enable_tiling_heuristics": False}),
    _inductor("precision-casts", {"emulate_precision_casts": True}),
    # fusion
    _inductor("no-fusion", {"max_fusion_size": 1}),
    _inductor("no-epilogue-fusion", {"epilogue_fusion": False}),
    _inductor("horizontal-fusion", {"cpp.max_horizontal_fusion_size": 64, "aggressive_fusion": True}),
    _inductor("realize-all", {"realize_reads_threshold": 1, "realize_opcount_threshold": 1,
                              "realize_acc_reads_threshold": 1}),
    _inductor("realize-nothing", {"realize_reads_threshold": 1000, "realize_opcount_threshold": 1000}),
    # graph passes
    _inductor("no-pattern-matcher", {"pattern_matcher": False}),
    _inductor("no-joint-passes", {"joint_graph_constant_folding": False, "use_joint_graph_passes": False}),
    _inductor("no-post-grad-passes", {"use_post_grad_passes": False, "use_pre_grad_passes": False}),
    _inductor("dce", {"use_dce": True}),
    _inductor("no-reorder", {"reorder_for_locality": False, "pick_loop_orders": False}),
    # memory
    _inductor("no-reuse", {"allow_buffer_reuse": False, "inplace_buffers": False}),
    _inductor("memory-planning", {"memory_planning": True}),
    # layout and reductions
    _inductor("no-layout", {"layout_optimization": False, "comprehensive_padding": False}),
    _inductor("keep-strides", {"keep_output_stride": False}),
    _inductor("no-split-reductions", {"split_reductions": False}),
    _inductor("graph-partition", {"graph_partition": True}),
    _inductor("no-decompose-cat", {"max_pointwise_cat_inputs": 0}),
)  # fmt: skip
