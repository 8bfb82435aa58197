"""The pipelines of the ONNX Runtime target, as data."""

from __future__ import annotations

from typing import Any

from misfold.programs.pipeline import Pipeline

#: Names of graph transformers and rewrite rules that a session takes for ``disabled_optimizers`` (1.31).
OPTIMIZERS = (
    "AttentionFusion", "BiasDropoutFusion", "BiasGeluFusion", "BiasSkipLayerNormFusion", "BiasSoftmaxFusion",
    "CastChainElimination", "CastElimination", "ClipQuantRewrite", "CommonSubexpressionElimination", "ConstantFolding",
    "ConstantSharing", "ConvActivationFusion", "ConvAddActivationFusion", "ConvAddFusion", "ConvBNFusion",
    "ConvMulFusion", "DivMulFusion", "DynamicQuantizeMatMulFusion", "EliminateDropout", "EliminateIdentity",
    "EliminateSlice", "EmbedLayerNormFusion", "ExpandElimination", "FastGeluFusion", "FuseReluClip",
    "GatherSliceToSplitFusion", "GatherToSliceFusion", "GeluFusionL1", "GeluFusionL2", "GemmActivationFusion",
    "GemmSumFusion", "GemmTransposeFusion", "IsInfReduceSumFusion", "LabelEncoderFusion", "LayerNormFusionL1",
    "LayerNormFusionL2", "MatMulActivationFusion", "MatMulAddFusion", "MatMulIntegerToFloatFusion", "MatMulNBitsFusion",
    "MatMulScaleFusion", "MatmulBNFusion", "MatmulTransposeFusion", "NchwcTransformer", "NhwcTransformer",
    "NoopElimination", "NotWhereFusion", "Pad_Fusion", "PreShapeNodeElimination", "QDQPropagationTransformer",
    "QuickGeluFusion", "ReluQuantRewrite", "RemoveDuplicateCastTransformer", "ReshapeFusion",
    "SimplifiedLayerNormFusion", "SkipLayerNormFusion", "SliceConcatToSpaceToDepthFusion", "TransposeOptimizer",
    "UnsqueezeElimination",
)  # fmt: skip

#: Values of the option ``level``.
LEVELS = ("all", "layout", "extended", "basic", "disabled")


def _pipeline(name: str, **options: Any) -> Pipeline:
    return Pipeline(name, options)


def _without(name: str, *optimizers: str) -> Pipeline:
    return Pipeline(f"without-{name}", {"disabled": list(optimizers)})


PIPELINES: tuple[Pipeline, ...] = (
    _pipeline("default"),
    *(_pipeline(level, level=level) for level in LEVELS[1:]),
    # single optimisers off: the ones that the operators of a torch program can meet
    _without("constant-folding", "ConstantFolding", "ConstantSharing"),
    _without("cse", "CommonSubexpressionElimination"),
    _without("transposes", "TransposeOptimizer"),
    _without("nchwc", "NchwcTransformer"),
    _without("gemm", "MatMulAddFusion", "GemmActivationFusion", "GemmSumFusion", "GemmTransposeFusion",
             "MatmulTransposeFusion", "MatMulScaleFusion"),
    _without("gelu", "GeluFusionL1", "GeluFusionL2", "FastGeluFusion", "QuickGeluFusion", "BiasGeluFusion"),
    _without("layer-norm", "LayerNormFusionL1", "LayerNormFusionL2", "SimplifiedLayerNormFusion"),
    _without("conv", "ConvActivationFusion", "ConvAddActivationFusion", "ConvAddFusion", "ConvBNFusion",
             "ConvMulFusion"),
    _without("casts", "CastElimination", "CastChainElimination", "RemoveDuplicateCastTransformer"),
    _without("slices", "EliminateSlice", "GatherToSliceFusion", "GatherSliceToSplitFusion"),
    _without("no-ops", "NoopElimination", "EliminateIdentity", "ExpandElimination", "UnsqueezeElimination"),
    # how a session runs
    _pipeline("parallel", execution="parallel"),
    _pipeline("no-memory-plan", memory_pattern=False, arena=False, memory_reuse=False),
    _pipeline("no-prepacking", config={"session.disable_prepacking": "1"}),
    _pipeline("no-inlining", config={"session.disable_aot_function_inlining": "1"}),
    # how the model is exported
    _pipeline("opset-13", opset=13),
    _pipeline("opset-17", opset=17),
    _pipeline("no-export-folding", fold=False),
    _pipeline("dynamic-shapes", dynamic=True),
    _pipeline("dynamic-shapes-disabled", dynamic=True, level="disabled"),
)  # fmt: skip
