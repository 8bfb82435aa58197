"""All relations, by name."""

from __future__ import annotations

from .batch_split import BatchSplit
from .chunked_attention import ChunkedAttention
from .chunked_scan import ChunkedScan
from .commuted import Commuted
from .company import Company
from .double_transpose import DoubleTranspose
from .exposed import Exposed
from .functional import Functional
from .input_layout import InputLayout
from .outlined import Outlined
from .padded_rows import PaddedRows
from .permuted_rows import PermutedRows
from .reassociated import Reassociated
from .relation import Relation
from .saturated import Saturated
from .scaled_normalisation import ScaledNormalisation
from .sharded_product import ShardedProduct
from .sharded_reduction import ShardedReduction
from .unit_factor import UnitFactor
from .zero_addend import ZeroAddend

RELATIONS: dict[str, Relation] = {
    relation.name: relation
    for relation in (
        BatchSplit(), ChunkedAttention(), ChunkedScan(), Commuted(), Company(), DoubleTranspose(), Exposed(),
        Functional(), InputLayout(), Outlined(), PaddedRows(), PermutedRows(), Reassociated(), Saturated(),
        ScaledNormalisation(), ShardedProduct(), ShardedReduction(), UnitFactor(), ZeroAddend(),
    )
}  # fmt: skip
