"""Line charts as SVG: a logarithmic axis upwards, evenly spaced steps to the right, each line with
its name at its end. They lie on white, so that they read the same on a dark page."""

import math
from dataclasses import dataclass, field
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 760, 420
LEFT, RIGHT, TOP, BOTTOM = 76, 210, 58, 52
INK, FAINT = "#24292f", "#d8dee4"
# Apart from each other also for who sees no red or green.
COLOURS = ("#0b57d0", "#57606a", "#bc4c00", "#6f42c1")


@dataclass
class Line:
    name: str
    colour: str
    # One for each step: median, smallest, largest.
    points: list
    is_dashed: bool = False


@dataclass
class Chart:
    title: str
    across: str
    upwards: str
    steps: list
    lines: list = field(default_factory=list)

    def svg(self):
        values = [value for line in self.lines for point in line.points for value in point]
        self.low, self.high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
        parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" '
            f'role="img" font-family="system-ui, sans-serif" font-size="13" fill="{INK}">',
            f"<title>{escape(self.title)}</title>",
            f'<rect width="{WIDTH}" height="{HEIGHT}" rx="8" fill="#ffffff"/>',
            text(LEFT, 26, self.title, size=16, weight=600),
            text(LEFT, 45, self.upwards, colour="#57606a"),
            text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 12, self.across, anchor="middle", colour="#57606a"),
        ]
        parts += self.axes()
        for line in self.lines:
            parts += self.draw(line)
        parts += self.names()
        return "\n".join([*parts, "</svg>", ""])

    def x(self, step):
        return LEFT + 24 + step * (WIDTH - LEFT - RIGHT - 48) / max(1, len(self.steps) - 1)

    def y(self, value):
        share = (math.log10(value) - self.low) / (self.high - self.low)
        return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)

    def axes(self):
        parts = []
        for power in range(self.low, self.high + 1):
            y = self.y(10**power)
            parts.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="{FAINT}"/>')
            parts.append(text(LEFT - 8, y + 4, number(10**power), anchor="end"))
        parts += [text(self.x(step), HEIGHT - BOTTOM + 18, label, anchor="middle")
                  for step, label in enumerate(self.steps)]
        return parts

    def draw(self, line):
        at = [(self.x(step), *map(self.y, point)) for step, point in enumerate(line.points)]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y, _, _ in at)
        dashes = ' stroke-dasharray="6 4"' if line.is_dashed else ""
        parts = [f'<polyline points="{path}" fill="none" stroke="{line.colour}" stroke-width="2"{dashes}/>']
        for x, y, bottom, top in at:
            parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{bottom:.1f}" y2="{top:.1f}" '
                         f'stroke="{line.colour}" stroke-width="1.5"/>')
            parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{line.colour}"/>')
        return parts

    def names(self):
        """Beside the ends of the lines, moved apart where they would cover each other."""
        ends = sorted(((self.y(line.points[-1][0]), line) for line in self.lines), key=lambda end: end[0])
        parts, lowest = [], TOP - 16
        for y, line in ends:
            lowest = max(y + 4, lowest + 16)
            parts.append(text(WIDTH - RIGHT + 4, lowest, line.name, colour=line.colour, weight=600))
        return parts


def text(x, y, what, anchor="start", colour=INK, size=13, weight=400):
    return (f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}" font-size="{size}" '
            f'font-weight="{weight}">{escape(str(what))}</text>')


def number(value):
    return f"{value:,.0f}" if value >= 1 else f"{value:g}"
