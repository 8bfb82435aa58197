"""Drawings of graphs: everything is there, nothing overlaps, edges point down, and any text is only text."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from itertools import combinations, pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from misfold.programs.arguments import Ref
from misfold.programs.graph import Graph, Node, Value
from misfold.programs.types import TensorType
from misfold.triage.report.drawing import draw

from .made import CASE

SVG = "{http://www.w3.org/2000/svg}"


def rectangles(svg: str) -> list[tuple[float, float, float, float]]:
    root = ElementTree.fromstring(svg)
    return [
        tuple(float(one.attrib[key]) for key in ("x", "y", "width", "height"))  # type: ignore[misc]
        for one in root.iter(f"{SVG}rect")
    ]


def test_a_drawing_holds_inputs_calls_and_outputs() -> None:
    svg = draw(CASE.graph)
    texts = [one.text for one in ElementTree.fromstring(svg).iter(f"{SVG}text")]
    for text in ("x0", "float32[4, 6]", "mul", "add", "sum", "v2: float32[4]", "out0", "out1"):
        assert text in texts
    assert svg.count('<g class="call">') == 3
    assert svg.count('class="tip"') == 6


@st.composite
def graphs(draw_: st.DrawFn) -> Graph:
    kind = TensorType.of("float32", (2,))
    names = [f"x{index}" for index in range(draw_(st.integers(1, 4)))]
    inputs = tuple(Value(name, kind) for name in names)
    nodes = []
    for index in range(draw_(st.integers(1, 12))):
        used = [draw_(st.sampled_from(names)) for _ in range(2)]
        nodes.append(Node("torch.add", tuple(map(Ref, used)), {}, (Value(f"v{index}", kind),)))
        names.append(f"v{index}")
    returns = draw_(st.lists(st.sampled_from(names), min_size=1, max_size=4, unique=True))
    return Graph(inputs, tuple(nodes), tuple(returns))


@settings(max_examples=60, derandomize=True, deadline=None)
@given(graphs())
def test_boxes_do_not_overlap_and_stay_inside(graph: Graph) -> None:
    svg = draw(graph)
    root = ElementTree.fromstring(svg)
    width, height = float(root.attrib["width"]), float(root.attrib["height"])
    found = rectangles(svg)
    assert len(found) == len(graph.inputs) + len(graph.nodes) + len(graph.returns)
    for x, y, w, h in found:
        assert x >= 0 and x + w <= width + 1 and y >= 0 and y + h <= height
    for (x, y, w, h), (x2, y2, w2, h2) in combinations(found, 2):
        assert x + w <= x2 or x2 + w2 <= x or y + h <= y2 or y2 + h2 <= y


@settings(max_examples=60, derandomize=True, deadline=None)
@given(graphs())
def test_edges_point_down(graph: Graph) -> None:
    for line in ElementTree.fromstring(draw(graph)).iter(f"{SVG}path"):
        if line.attrib.get("class") == "tip":
            continue
        points = [float(pair.partition(",")[2]) for pair in line.attrib["d"].replace("M", "").replace("C", "").split()]
        assert all(a <= b for a, b in pairwise(points))
