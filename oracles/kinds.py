"""What kind of arithmetic an operator does, told from its public name: the tables that reference and exactness rest on.

An operator that is in no table gets the most careful treatment: inexact, with noise on inputs and outputs.
"""

from __future__ import annotations

from functools import cache

from misfold.programs.graph import Node


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


#: Elements are copied, arranged or converted; the only possible rounding is that of a conversion.
MOVE = _words(
    """
    __getitem__ adjoint affine_channel alias alias_copy arange argwhere as_strided as_strided_copy as_strided_scatter
    atleast_1d atleast_2d atleast_3d bfloat16 block_diag bool broadcast_tensors broadcast_to byte cartesian_prod cat
    channel_shuffle char chunk clone column_stack combinations concat concatenate constant_pad_nd contiguous copy
    detach diag diag_embed diagflat diagonal diagonal_copy diagonal_scatter double dsplit dstack embedding expand
    expand_as expand_copy eye fftshift fill fill_diagonal flatten flip fliplr flipud float full full_like gather half
    hsplit hstack ifftshift index index_copy index_fill index_put index_select int long masked_fill masked_scatter
    masked_select meshgrid moveaxis movedim mT mH narrow narrow_copy native_channel_shuffle one_hot ones ones_like
    pad permute permute_copy pixel_shuffle pixel_unshuffle positive put ravel repeat repeat_interleave reshape
    reshape_as resolve_conj resolve_neg roll rot90 row_stack scatter select select_copy select_scatter short
    slice_copy slice_inverse slice_scatter split split_copy split_with_sizes split_with_sizes_copy squeeze
    squeeze_copy stack swapaxes swapdims t t_copy take take_along_dim tensor_split tile to transpose transpose_copy
    tril tril_indices triu triu_indices type_as unbind unbind_copy unflatten unfold unfold_copy unsafe_chunk
    unsafe_split unsafe_split_with_sizes unsqueeze unsqueeze_copy view view_as view_copy vsplit vstack where zero
    zeros zeros_like
    """
)

#: The result is one of the operands' values, a constant, or a truth value: nothing rounds.
SELECT = _words(
    """
    abs absolute adaptive_max_pool1d adaptive_max_pool2d adaptive_max_pool3d all amax amin aminmax any argmax argmin
    argsort bitwise_and bitwise_left_shift bitwise_not bitwise_or bitwise_right_shift bitwise_xor bucketize ceil clamp
    clamp_max clamp_min clip count_nonzero cummax cummin eq equal fix floor fmax fmin ge greater greater_equal gt
    hardshrink hardtanh heaviside isfinite isin isinf isnan isneginf isposinf kthvalue le less less_equal logical_and
    logical_not logical_or logical_xor lt max max_pool1d max_pool2d max_pool3d maximum median min minimum mode msort
    nanmedian ne neg negative nonzero not_equal relu relu6 round searchsorted sgn sign sort threshold topk trunc unique
    unique_consecutive
    """
)

#: Sums of products along a reduction: the same call on absolute values bounds every partial sum in any order.
SUM = _words(
    """
    addbmm addmm addmv addr baddbmm bilinear bmm conv1d conv2d conv3d conv_transpose1d conv_transpose2d
    conv_transpose3d convolution cumsum dot einsum ger index_add inner kron linear matmul mm mv nansum outer
    scatter_add sum tensordot trace vdot
    """
)
#: Those among them that multiply two operands.
BILINEAR = SUM - _words("cumsum index_add nansum scatter_add sum trace")
#: Those that add into memory of the program's own type, rounding at every step.
IN_MEMORY = _words("index_add scatter_add scatter_reduce index_reduce bincount")

#: One or two roundings per element.
ARITHMETIC = _words("add addcmul cross diff div divide mul multiply rsub square sub subtract true_divide")

#: Integer arithmetic that is defined for all operands that ``undefined`` lets through.
INTEGER = _words("floor_divide remainder fmod gcd bitwise_left_shift bitwise_right_shift bincount")

#: Steps: the result jumps where an operand passes a threshold, monotonically in each operand.
STEP = _words(
    """
    bucketize byte ceil char count_nonzero eq equal fix floor floor_divide fmod frac ge greater greater_equal gt
    hardshrink heaviside int isclose allclose isin le less less_equal long lt ne not_equal remainder round
    searchsorted sgn short sign signbit threshold trunc
    """
)
#: Equality and truth: they jump at one point, so that both sides of it look alike.
POINT = _words("eq ne not_equal equal isin")
#: A float argument is taken as a truth value, or by its being other than zero.
TRUTH = _words("all any argwhere bool count_nonzero logical_and logical_not logical_or logical_xor nonzero")

#: Results include indices, whose choice among equal elements is free; which elements compete is the second word.
TIES = {
    "adaptive_max_pool1d": "all", "adaptive_max_pool2d": "all", "adaptive_max_pool3d": "all", "argmax": "largest",
    "argmin": "smallest", "argsort": "all", "cummax": "all", "cummin": "all", "kthvalue": "all", "max": "largest",
    "max_pool1d": "all", "max_pool2d": "all", "max_pool3d": "all", "median": "all", "min": "smallest", "mode": "all",
    "nanmedian": "all", "sort": "all", "topk": "all",
}  # fmt: skip
#: How many distinct elements there are, or which ones are one, depends on whether neighbours are equal.
DISTINCT = _words("unique unique_consecutive mode")
#: Shapes of results depend on the operands' elements.
DYNAMIC = _words(
    """
    __getitem__ argwhere bincount index masked_select nonzero one_hot repeat_interleave tensor_split unique
    unique_consecutive
    """
)
#: Gradients go to the element chosen, so ties decide them too.
ROUTED = frozenset(TIES) | _words("amax amin aminmax msort fractional_max_pool2d fractional_max_pool3d prod cumprod")
#: Piecewise linear in one operand: the gradient jumps at a kink.
KINKS = _words(
    """
    abs absolute celu clamp clamp_max clamp_min clip elu hardsigmoid hardswish hardtanh leaky_relu prelu relu relu6
    rrelu selu softshrink
    """
)
#: Piecewise linear in two operands, with the kink where they are equal.
PAIRED_KINKS = _words("fmax fmin maximum minimum max min")

#: The sign of a zero shows in the result.
ZERO_SIGN = _words(
    """
    angle arctan2 atan2 copysign digamma div divide floor_divide polygamma pow psi reciprocal rsqrt signbit
    true_divide xlogy float_power nextafter zeta gamma hash_tensor addcdiv
    """
)
#: Bounded functions whose implementations promise absolute accuracy against their range, not relative accuracy.
BOUNDED = _words("erf expit gelu hardsigmoid hardswish logsigmoid mish ndtr sigmoid silu softplus tanh")
#: Every result depends on a whole row of operands, whatever the shapes say.
REDUCING = _words(
    """
    batch_norm cdist corrcoef cosine_embedding_loss cosine_similarity cov cross_entropy ctc_loss cumprod
    cumulative_trapezoid group_norm instance_norm istft kl_div layer_norm local_response_norm log_softmax
    logcumsumexp multi_head_attention_forward native_batch_norm native_group_norm native_layer_norm normalize renorm
    rms_norm scaled_dot_product_attention softmax softmin std std_mean stft var var_mean
    """
)

#: Random whatever the arguments, or from a random start.
RANDOM = _words(
    """
    alpha_dropout bernoulli binomial dropout dropout1d dropout2d dropout3d feature_alpha_dropout feature_dropout
    fractional_max_pool2d fractional_max_pool3d gumbel_softmax lobpcg multinomial native_dropout pca_lowrank poisson
    rrelu svd_lowrank
    """
)
#: Binned by a rounded quotient, factorised up to signs and order, or made of the bits: nothing is known of rounding.
NO_BOUND = _words(
    """
    eig eigh eigvals hash_tensor histogramdd matrix_rank svd
    """
)
#: Counts by bins: the noisy samples cannot tell which elements may change their bin, the error analysis can.
BINNED = _words("histc histogram")


@cache
def base_name(op: str) -> str:
    """``add`` of ``torch.Tensor.add_``: the last part without the mark of an in-place operator."""
    last = op.rpartition(".")[2]
    return last if last.startswith("__") else last.rstrip("_")


def is_index(node: Node, position: int, count: int) -> bool:
    """Whether a result of an operator in ``TIES``, of which it has ``count``, depends on the choice among equals.

    Of two results the first is the elements themselves, whatever their type, but for a mode, which is a choice.
    """
    name = base_name(node.op)
    return position == 1 or name == "mode" if count > 1 else name in ("argmax", "argmin", "argsort")


def is_random(node: Node) -> bool:
    """Whether the call draws random numbers; dropout and its like do only while training."""
    name = base_name(node.op)
    if name not in RANDOM:
        return False
    if "dropout" in name or name == "rrelu":
        # F.dropout(input, p, training, inplace); torch.dropout(input, p, train); F.rrelu(x, lower, upper, training)
        position = 3 if name == "rrelu" else 2
        default = "functional" in node.op and name != "rrelu"
        training = node.args[position] if len(node.args) > position else default
        return node.kwargs.get("training", node.kwargs.get("train", training)) is not False
    return True
