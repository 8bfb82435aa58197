"""All mutators of loop programs, by name."""

from __future__ import annotations

from collections.abc import Mapping

from .general.delete_expression import DeleteExpression
from .general.delete_statement import DeleteStatement
from .general.duplicate_expression import DuplicateExpression
from .general.duplicate_statement import DuplicateStatement
from .general.insert_expression import InsertExpression
from .general.insert_statement import InsertStatement
from .general.move_statement import MoveStatement
from .general.replace_expression import ReplaceExpression
from .general.replace_statement import ReplaceStatement
from .general.splice_expression import SpliceExpression
from .general.splice_statement import SpliceStatement
from .general.swap_expressions import SwapExpressions
from .general.swap_statements import SwapStatements
from .mutator import Mutator
from .preserving.bind_expression import BindExpression
from .preserving.commute import Commute
from .preserving.loop_kind import KindOfLoop
from .preserving.neutral_arithmetic import NeutralArithmetic
from .preserving.passes import pass_mutators
from .preserving.reverse_loop import ReverseLoop
from .preserving.split_loop import SplitLoop
from .preserving.store_expression import StoreExpression
from .preserving.true_branch import TrueBranch
from .specific.buffer_layout import BufferLayout
from .specific.buffer_type import BufferType
from .specific.comparison import Comparison
from .specific.constant import Constant
from .specific.distribute_loop import DistributeLoop
from .specific.fuse_loops import FuseLoops
from .specific.guard import Guard
from .specific.index_arithmetic import IndexArithmetic
from .specific.intrinsic import Intrinsic
from .specific.loop_bounds import LoopBounds
from .specific.loop_step import LoopStep
from .specific.nest_loop import NestLoop
from .specific.operator import Operator
from .specific.reduction import Reduction
from .specific.resize_buffer import ResizeBuffer
from .specific.reuse_buffer import ReuseBuffer
from .specific.rounding import Rounding
from .specific.variable_type import VariableType

_ALL: tuple[Mutator, ...] = (
    InsertStatement(),
    DeleteStatement(),
    ReplaceStatement(),
    SwapStatements(),
    DuplicateStatement(),
    MoveStatement(),
    SpliceStatement(),
    InsertExpression(),
    DeleteExpression(),
    ReplaceExpression(),
    SwapExpressions(),
    DuplicateExpression(),
    SpliceExpression(),
    LoopBounds(),
    LoopStep(),
    NestLoop(),
    FuseLoops(),
    DistributeLoop(),
    ResizeBuffer(),
    BufferType(),
    VariableType(),
    BufferLayout(),
    ReuseBuffer(),
    IndexArithmetic(),
    Rounding(),
    Guard(),
    Comparison(),
    Intrinsic(),
    Operator(),
    Reduction(),
    Constant(),
    KindOfLoop(),
    NeutralArithmetic(),
    Commute(),
    TrueBranch(),
    BindExpression(),
    StoreExpression(),
    ReverseLoop(),
    SplitLoop(),
    *pass_mutators(),
)
#: In a fixed order, in which chance chooses.
MUTATORS: Mapping[str, Mutator] = {one.name: one for one in _ALL}
