"""docs/compiler-walkthrough.md is what the compiler says today."""

from __future__ import annotations

from pathlib import Path

from misfold.compiler.pipelines import named
from misfold.compiler.walkthrough import walk_through
from misfold.programs.case import parse_case
from misfold.targets.misfold import graphs_of
from misfold.targets.torch_values import make_inputs

DOCS = Path(__file__).parents[2] / "docs"


def test_the_page_is_up_to_date():
    case = parse_case((DOCS / "walkthrough.case.py").read_text(), "walkthrough.case.py")
    ((graph, inputs),) = graphs_of(case.graph, make_inputs(case))
    page = (DOCS / "compiler-walkthrough.md").read_text()
    assert page == walk_through(graph, inputs, named("O2")) + "\n", (
        "run: misfold compile docs/walkthrough.case.py --pipeline O2 --walk-through > docs/compiler-walkthrough.md"
    )
