"""A graph as SVG: layers from inputs to outputs, in a small layered layout.

Layers by longest path, long edges broken at every layer they cross, order within layers by the barycentre of what
comes before (Sugiyama, Tagawa, Toda, "Methods for visual understanding of hierarchical system structures", 1981).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from misfold.programs.graph import Graph

# Pixels: of a character of 12 px monospace, around texts, and between boxes.
_CHARACTER, _PADDING, _GAP, _LAYER, _LINE = 7.3, 12, 24, 90, 16
# Texts longer than this are cut: an operator's name fits, an argument list may not.
_LONGEST = 48
# Sweeps over the layers: order changes little after the first.
_SWEEPS = 4


@dataclass
class _Box:
    """A node of the drawing: lines of text and a kind (``input``, ``call``, ``output``; '' bends a long edge)."""

    kind: str
    lines: tuple[str, ...]
    layer: int = 0
    x: float = 0.0

    @property
    def width(self) -> float:
        if not self.kind:
            return 4.0
        return max(len(line) for line in self.lines) * _CHARACTER + 2 * _PADDING

    @property
    def height(self) -> float:
        return len(self.lines) * _LINE + 12.0 if self.kind else 0.0


def draw(graph: Graph) -> str:
    """The graph as one ``<svg>`` element. Texts are escaped; nothing outside it is needed."""
    boxes, edges = _boxes(graph)
    _place_layers(boxes, edges)
    boxes, edges = _break_edges(boxes, edges)
    layers = _ordered(boxes, edges)
    width = max(sum(boxes[i].width + _GAP for i in layer) for layer in layers) + _GAP
    for layer in layers:
        at = (width - sum(boxes[i].width + _GAP for i in layer) + _GAP) / 2
        for index in layer:
            boxes[index].x = at + boxes[index].width / 2
            at += boxes[index].width + _GAP
    height = len(layers) * _LAYER
    lines = [_edge(boxes[a], boxes[b]) for a, b in edges]
    drawn = [_box(box) for box in boxes if box.kind]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="graph" viewBox="0 0 {width:.0f} {height:.0f}" '
        f'width="{width:.0f}" height="{height:.0f}" role="img" aria-label="the program as a graph">'
        f"{''.join(lines)}{''.join(drawn)}</svg>"
    )


def _boxes(graph: Graph) -> tuple[list[_Box], list[tuple[int, int]]]:
    boxes: list[_Box] = []
    edges: list[tuple[int, int]] = []
    maker: dict[str, int] = {}
    for value in graph.inputs:
        maker[value.name] = len(boxes)
        boxes.append(_Box("input", (value.name, _cut(str(value.type)))))
    for node in graph.nodes:
        types = ", ".join(f"{one.name}: {one.type}" if one.type else one.name for one in node.outputs)
        index = len(boxes)
        boxes.append(_Box("call", (_cut(node.op.removeprefix("torch.")), _cut(types))))
        edges += [(maker[name], index) for name in node.uses]
        maker.update({one.name: index for one in node.outputs})
    for number, name in enumerate(graph.returns):
        edges.append((maker[name], len(boxes)))
        boxes.append(_Box("output", (f"out{number}",)))
    return boxes, list(dict.fromkeys(edges))


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def _place_layers(boxes: list[_Box], edges: Sequence[tuple[int, int]]) -> None:
    # Boxes are in an order in which every edge points forward.
    after = defaultdict(list)
    for a, b in edges:
        after[a].append(b)
    for index in range(len(boxes)):
        for later in after[index]:
            boxes[later].layer = max(boxes[later].layer, boxes[index].layer + 1)
    # An input stands right above its first use, an output at the bottom.
    last = max((box.layer for box in boxes), default=0)
    for index, box in enumerate(boxes):
        if box.kind == "input" and after[index]:
            box.layer = min(boxes[later].layer for later in after[index]) - 1
        if box.kind == "output":
            box.layer = last


def _break_edges(boxes: list[_Box], edges: Sequence[tuple[int, int]]) -> tuple[list[_Box], list[tuple[int, int]]]:
    boxes, short = list(boxes), []
    for a, b in edges:
        before = a
        for layer in range(boxes[a].layer + 1, boxes[b].layer):
            boxes.append(_Box("", (), layer))
            short.append((before, len(boxes) - 1))
            before = len(boxes) - 1
        short.append((before, b))
    return boxes, short


def _ordered(boxes: Sequence[_Box], edges: Sequence[tuple[int, int]]) -> list[list[int]]:
    above, below = defaultdict(list), defaultdict(list)
    for a, b in edges:
        above[b].append(a)
        below[a].append(b)
    layers: list[list[int]] = [[] for _ in range(1 + max((box.layer for box in boxes), default=0))]
    for index, box in enumerate(boxes):
        layers[box.layer].append(index)
    for sweep in range(_SWEEPS):
        down = sweep % 2 == 0
        neighbours = above if down else below
        place = {index: at for layer in layers for at, index in enumerate(layer)}
        for layer in layers if down else reversed(layers):
            key = {
                i: sum(place[j] for j in neighbours[i]) / len(neighbours[i]) if neighbours[i] else place[i]
                for i in layer
            }
            layer.sort(key=lambda i: (key[i], place[i]))
            place.update({index: at for at, index in enumerate(layer)})
    return layers


def _middle(box: _Box) -> float:
    return box.layer * _LAYER + _LAYER / 2


def _edge(a: _Box, b: _Box) -> str:
    top, bottom = _middle(a) + a.height / 2, _middle(b) - b.height / 2
    bend = (top + bottom) / 2
    path = f"M{a.x:.1f},{top:.1f} C{a.x:.1f},{bend:.1f} {b.x:.1f},{bend:.1f} {b.x:.1f},{bottom:.1f}"
    tip = ""
    if b.kind:
        tip = f'<path class="tip" d="M{b.x:.1f},{bottom:.1f} l-4,-7 l8,0 z" fill="#555"/>'
    return f'<path d="{path}" fill="none" stroke="#555" stroke-width="1.3"/>{tip}'


_FONT = 'text-anchor="middle" font-family="monospace" font-size="12" fill="#111"'
_FILLS = {"input": "#dbe9f6", "call": "#fff4d6", "output": "#dff0d8"}


def _box(box: _Box) -> str:
    left, top = box.x - box.width / 2, _middle(box) - box.height / 2
    rows = "".join(
        f'<text x="{box.x:.1f}" y="{top + 17 + _LINE * at:.1f}" {_FONT} font-weight="{"normal" if at else "bold"}">'
        f"{escape(line)}</text>"
        for at, line in enumerate(box.lines)
    )
    shape = (
        f'<rect x="{left:.1f}" y="{top:.1f}" width="{box.width:.1f}" height="{box.height:.1f}" rx="5" '
        f'fill="{_FILLS[box.kind]}" stroke="#888"/>'
    )
    return f'<g class="{box.kind}">{shape}{rows}</g>'
