"""All mutators of graphs, by name."""

from __future__ import annotations

from collections.abc import Mapping

from .change_attribute import ChangeAttribute
from .change_form import ChangeForm
from .change_layout import ChangeLayout
from .change_returns import ChangeReturns
from .change_size import ChangeSize
from .change_type import ChangeType
from .delete_node import DeleteNode
from .insert_operator import InsertOperator
from .insert_view import InsertView
from .mutator import GraphMutator
from .replace_operator import ReplaceOperator
from .rewire import Rewire
from .solve_sizes import SolveSizes
from .splice import Splice

_ALL: tuple[GraphMutator, ...] = (
    ReplaceOperator(),
    InsertOperator(),
    InsertView(),
    Rewire(),
    DeleteNode(),
    Splice(),
    ChangeAttribute(),
    ChangeForm(),
    ChangeSize(),
    ChangeType(),
    ChangeLayout(),
    ChangeReturns(),
    SolveSizes(),
)
#: In a fixed order, in which chance chooses.
GRAPH_MUTATORS: Mapping[str, GraphMutator] = {one.name: one for one in _ALL}
