"""Line charts as SVG text: no script, no library, nothing from elsewhere."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

# Pixels: of the whole chart, and of its margins for numbers and names.
WIDTH, HEIGHT, LEFT, BOTTOM, TOP, RIGHT = 520, 240, 58, 36, 14, 14
# Told apart by people with any colour vision (Okabe and Ito, "Color Universal Design", 2008).
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
# More points than pixels say nothing.
MOST_POINTS = 400


@dataclass(frozen=True)
class Line:
    """One curve: ``points`` are (seconds, value) with seconds rising. It holds its value between points."""

    name: str
    points: Sequence[tuple[float, float]]


def chart(title: str, lines: Sequence[Line], end: float) -> str:
    """Curves over the time from 0 to ``end`` seconds, as one ``<svg>`` element."""
    end = max(end, *(line.points[-1][0] for line in lines if line.points), 1.0) if lines else max(end, 1.0)
    top = _ceiling(max((value for line in lines for _, value in line.points), default=1.0))
    unit, name = _unit(end)

    def x(seconds: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * seconds / end

    def y(value: float) -> float:
        return HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * value / top

    parts = []
    for step in range(5):
        value, at = top * step / 4, y(top * step / 4)
        parts.append(f'<path d="M{LEFT},{at:.1f} H{WIDTH - RIGHT}" stroke="#ddd"/>')
        parts.append(_text(LEFT - 6, at + 4, f"{value:g}", "end"))
        seconds = end * step / 4
        parts.append(_text(x(seconds), HEIGHT - BOTTOM + 16, f"{seconds / unit:.3g}", "middle"))
    parts.append(_text((WIDTH + LEFT) / 2, HEIGHT - 4, name, "middle"))
    for index, line in enumerate(lines):
        colour = COLOURS[index % len(COLOURS)]
        parts.append(f'<path d="{_steps(line.points, end, x, y)}" fill="none" stroke="{colour}" stroke-width="1.8"/>')
    legend = "".join(
        f'<li><span style="background:{COLOURS[i % len(COLOURS)]}"></span>{escape(line.name)}: '
        f"{line.points[-1][1] if line.points else 0:g}</li>"
        for i, line in enumerate(lines)
    )
    return (
        f'<figure><figcaption>{escape(title)}</figcaption><svg xmlns="http://www.w3.org/2000/svg" '
        f'viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" role="img" aria-label="{escape(title)}">'
        f'{"".join(parts)}</svg><ul class="legend">{legend}</ul></figure>'
    )


def _steps(
    points: Sequence[tuple[float, float]], end: float, x: Callable[[float], float], y: Callable[[float], float]
) -> str:
    if len(points) > MOST_POINTS:
        stride = math.ceil(len(points) / MOST_POINTS)
        points = [*points[:-1:stride], points[-1]]
    path, height = f"M{x(0):.1f},{y(0):.1f}", 0.0
    for seconds, value in points:
        path += f" H{x(seconds):.1f}"
        if value != height:
            path += f" V{y(value):.1f}"
        height = value
    return f"{path} H{x(end):.1f}"


def _ceiling(value: float) -> float:
    """The next round number of which quarters are round too."""
    if value <= 4:
        return 4.0
    size = 10.0 ** math.floor(math.log10(value))
    return next(step * size for step in (1, 2, 4, 6, 8, 10, 20) if step * size >= value)


def _unit(end: float) -> tuple[float, str]:
    if end < 300:
        return 1.0, "seconds"
    return (60.0, "minutes") if end < 3 * 3600 else (3600.0, "hours")


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="11" fill="#444">{escape(text)}</text>'
