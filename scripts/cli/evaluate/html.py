"""One self-contained HTML page: tables, curves as inline SVG, pictures as data. Nothing is fetched."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

_STYLE = """
:root { color-scheme: light dark; --line: #8884; --mark: #2563eb; --other: #d97706; }
body { font: 15px/1.5 system-ui, "Noto Sans SC", sans-serif; margin: 2rem auto; max-width: 72rem; padding: 0 1rem; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
table { border-collapse: collapse; } th, td { padding: .2rem .7rem; border-bottom: 1px solid var(--line); }
th { text-align: left; } td.number { text-align: right; font-variant-numeric: tabular-nums; }
.scroll { overflow-x: auto; } .curves { display: flex; flex-wrap: wrap; gap: 2rem; }
svg { width: 24rem; height: auto; } svg text { font-size: 11px; fill: currentColor; }
.pictures { display: flex; flex-wrap: wrap; gap: .5rem; } figure { margin: 0; width: 7.5rem; }
figure img, figure .none { width: 7.5rem; height: 7.5rem; object-fit: cover; background: var(--line); }
figcaption { font-size: .75rem; overflow-wrap: anywhere; }
.heat td { padding: .1rem .3rem; font-size: .75rem; }
"""
#: Pixels of a curve's box and its margin.
_WIDTH, _HEIGHT, _MARGIN = 360, 260, 40

Points = Sequence[tuple[float, float]]


def page(title: str, parts: Iterable[str]) -> str:
    """The whole document around its parts (HTML)."""
    body = "\n".join(parts)
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head>'
        f"<body><h1>{escape(title)}</h1>{body}</body></html>\n"
    )


def paragraph(text: str) -> str:
    return f"<p>{escape(text)}</p>"


def heading(text: str) -> str:
    return f"<h2>{escape(text)}</h2>"


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Cells are text or numbers; numbers stand to the right."""
    head = "".join(f"<th>{escape(column)}</th>" for column in columns)
    lines = []
    for row in rows:
        cells = (
            f'<td class="number">{cell:g}</td>' if isinstance(cell, (int, float)) else f"<td>{escape(str(cell))}</td>"
            for cell in row
        )
        lines.append(f"<tr>{''.join(cells)}</tr>")
    return f'<div class="scroll"><table><tr>{head}</tr>{"".join(lines)}</table></div>'


def curve(title: str, across: str, up: str, lines: Sequence[Points], diagonal: bool = False) -> str:
    """A chart of points between 0 and 1; `diagonal` draws what a perfect one would be."""

    def place(point: tuple[float, float]) -> str:
        x = _MARGIN + point[0] * (_WIDTH - 2 * _MARGIN)
        y = _HEIGHT - _MARGIN - point[1] * (_HEIGHT - 2 * _MARGIN)
        return f"{x:.1f},{y:.1f}"

    def path(points: Points, style: str) -> str:
        return f'<polyline fill="none" {style} points="{" ".join(map(place, points))}"/>'

    box = path([(0, 1), (0, 0), (1, 0)], 'stroke="currentColor"')
    marks = [path([(0, 0), (1, 1)], 'stroke="var(--line)" stroke-dasharray="4"')] if diagonal else []
    colours = ("var(--mark)", "var(--other)")
    marks += [path(points, f'stroke="{colours[n % 2]}" stroke-width="2"') for n, points in enumerate(lines)]
    for tick in (0.0, 0.5, 1.0):
        x, y = place((tick, 0)).split(",")
        marks.append(f'<text x="{x}" y="{float(y) + 14:.1f}" text-anchor="middle">{tick:g}</text>')
        x, y = place((0, tick)).split(",")
        marks.append(f'<text x="{float(x) - 6:.1f}" y="{y}" text-anchor="end">{tick:g}</text>')
    return (
        f"<figure style='width:auto'><figcaption>{escape(title)}</figcaption>"
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escape(title)}">{box}{"".join(marks)}'
        f'<text x="{_WIDTH / 2}" y="{_HEIGHT - 8}" text-anchor="middle">{escape(across)}</text>'
        f'<text x="12" y="{_HEIGHT / 2}" text-anchor="middle" transform="rotate(-90 12 {_HEIGHT / 2})">{escape(up)}'
        "</text></svg></figure>"
    )


def heat(labels: Sequence[str], counts: dict[str, dict[str, int]]) -> str:
    """A confusion matrix: lines are true classes, columns answers; darker is more of the line."""
    head = "<th></th>" + "".join(f'<th title="{escape(label)}">{escape(label[:8])}</th>' for label in labels)
    lines = []
    for right in labels:
        row = counts.get(right, {})
        total = max(1, sum(row.values()))
        cells = []
        for answer in labels:
            count = row.get(answer, 0)
            colour = "37 99 235" if answer == right else "217 119 6"
            shade = f' style="background: rgb({colour} / {count / total:.2f})"' if count else ""
            cells.append(f"<td{shade}>{count or ''}</td>")
        lines.append(f"<tr><th>{escape(right)}</th>{''.join(cells)}</tr>")
    return f'<div class="scroll"><table class="heat"><tr>{head}</tr>{"".join(lines)}</table></div>'
