"""The operators of the graph IR, a family per file; ``base`` says what an operator is and holds the registry.

Primitives (lowered to loops)
-----------------------------
elementwise   every name of ``loops.operators.UNARY`` and ``BINARY``; ``select`` (condition, then, other);
              ``cast`` [dtype]. Operands have the output's shape; meaning as in the loop IR.
creation      ``full`` [value, shape, dtype]; ``iota`` [dim, shape, dtype] (the index along dim);
              ``literal`` [values, shape, dtype] (row-major, at most 64 elements)
movement      ``broadcast`` [shape, dims] (input dim i becomes output dim dims[i]; size 1 is stretched; dims increase);
              ``reshape`` [shape]; ``permute`` [dims] (output dim i is input dim dims[i]);
              ``slice`` [starts, stops, steps] (steps > 0); ``reverse`` [dims];
              ``pad`` [low, high, interior, value] (interior: that many between neighbours; all >= 0);
              ``concatenate`` [dim] (one or more operands)
reduction     ``reduce`` [op, dims] (op of REDUCTIONS; dims increase and disappear; an empty one gives the identity);
              ``argreduce`` [op, dim] (op min or max; i64; the first of equals, the first NaN if any; dim disappears;
              its size > 0)
scan          ``scan`` [op, dim] (inclusive; op add, mul, min, max);
              ``argscan`` [op, dim] (outputs: running min/max and its i64 index; the latest of equals, the latest
              NaN if any)
contraction   ``dot`` [] ([B, M, K] × [B, K, N] → [B, M, N])
convolution   ``convolution`` [strides, dilations, groups] ([N, C, *spatial] × [O, C/groups, *window]; cross-
              correlation, no padding: ``pad`` does that, and ``interior`` pads for transposed ones)
window        ``window`` [op, sizes, strides, dilations] (a reduction over windows of the trailing dims; op add, max);
              ``argwindow`` [op, sizes, strides, dilations, extents, low] (max; outputs: value and the i64 flat index of
              the chosen element in the trailing dims as they were before padding: extents are their sizes, low what
              was padded in front. Padding is never chosen; the first of equals, the last NaN if any)
indexing      ``gather`` (x, i0, …, one i64 index per dim of x, all of the output's shape) → x[i0, i1, …]; an index out
              of range ends the run with an error;
              ``scatter`` [op] (x, updates, i0, …): x with updates combined in, in row-major order; op ``replace``,
              add, mul, min, max
sorting       ``sort`` [dim, descending] (outputs: values, i64 indices; stable; NaN is the largest)
fused         ``fused`` (any inputs; body): what ``operator-fusion`` makes

Composites (``decomposition`` turns them into primitives; so does lowering where that pass did not run)
------------------------------------------------------------------------------------------------------
activations   sigmoid, silu, gelu [approximate], softplus [beta, threshold], elu [alpha, scale, input_scale],
              hardtanh [low, high], hardsigmoid, hardswish, leaky_relu [slope], relu, rsqrt, reciprocal, mish, sign
normalisation softmax [dim], log_softmax [dim], logsumexp [dims], mean [dims], var [dims, correction],
              layer_norm [dims, eps] (x; no affine part), group_norm [groups, eps] (x)
"""
