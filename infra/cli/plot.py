"""Lines over time as an SVG picture that needs nothing else. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 860, 420
LEFT, RIGHT, TOP, BOTTOM = 70, 180, 44, 44
COLOURS = ("#1f6feb", "#d1242f", "#1a7f37", "#8250df", "#9a6700", "#57606a")
TICKS = 5
MAX_POINTS = 4000
"""Of one line; of a longer one every n-th is drawn, and the last."""


@dataclass(frozen=True, slots=True)
class Line:
    """Points (seconds, value) in the order of time. `steps`: a value stays until the next one."""

    name: str
    points: Sequence[tuple[float, float]]
    steps: bool = False
    dashed: bool = False


def svg(title: str, unit: str, lines: Sequence[Line]) -> str:
    """The picture, with a legend at its right. `unit`: what the upright axis counts."""
    points = [point for line in lines for point in line.points]
    last_s = max((at for at, _ in points), default=0.0) or 1.0
    most = max((value for _, value in points), default=0.0) * 1.05 or 1.0
    wide, high = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM

    def x(at_s: float) -> float:
        return LEFT + wide * at_s / last_s

    def y(value: float) -> float:
        return TOP + high * (1 - value / most)

    drawn = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" '
        'font-size="12" fill="#1f2328">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        f'<text x="{LEFT}" y="24" font-size="15">{escape(title)}</text>',
        f'<text x="{LEFT - 8}" y="{TOP - 6}" text-anchor="end">{escape(unit)}</text>',
    ]
    for tick in range(TICKS + 1):
        at_s, value = last_s * tick / TICKS, most * tick / TICKS
        drawn.append(
            f'<line x1="{LEFT}" x2="{LEFT + wide}" y1="{y(value):.1f}" y2="{y(value):.1f}" stroke="#d0d7de"/>'
            f'<text x="{LEFT - 8}" y="{y(value) + 4:.1f}" text-anchor="end">{value:.0f}</text>'
            f'<text x="{x(at_s):.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{at_s:.1f} s</text>'
        )
    for number, line in enumerate(lines):
        colour = COLOURS[number % len(COLOURS)]
        stroke = f'stroke="{colour}" stroke-width="2"' + (' stroke-dasharray="6 4"' if line.dashed else "")
        path = " ".join(f"{x(at):.1f},{y(value):.1f}" for at, value in _drawn_points(line))
        beside, at_y = LEFT + wide + 14, TOP + 12 + 20 * number
        drawn.append(
            f'<polyline fill="none" {stroke} points="{path}"/>'
            f'<line x1="{beside}" x2="{beside + 22}" y1="{at_y}" y2="{at_y}" {stroke}/>'
            f'<text x="{beside + 28}" y="{at_y + 4}">{escape(line.name)}</text>'
        )
    return "\n".join([*drawn, "</svg>", ""])


def _drawn_points(line: Line) -> list[tuple[float, float]]:
    step = -(-len(line.points) // MAX_POINTS) or 1
    thin = list(line.points[::step])
    if line.points and (len(line.points) - 1) % step:
        thin.append(line.points[-1])
    if not line.steps:
        return thin
    found: list[tuple[float, float]] = []
    for at, value in thin:
        if found:
            found.append((at, found[-1][1]))
        found.append((at, value))
    return found
