# SPDX-License-Identifier: GPL-2.0-or-later
"""RFC 9293's state diagram as one SVG file: light and dark, with tooltips that name scenarios.

The places are those of the terminal, a few pixels for each column and row. Resets and time-outs,
for which Figure 5 has no lines, stand in the boxes of their states and in the list at the right.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from xml.sax.saxutils import escape

from netlab.model.tcp import State
from netlab.render.fsm_layout import BOXES, HEIGHT, ROUTES, WIDTH, Box, Drawn, Point, Route

COLUMN, ROW = 9.4, 19.0  # pixels
MARGIN, HEADER, PANEL = 28, 64, 330
TURN, HEAD = 9, 10  # radius of a corner and length of an arrow's head, pixels
PANEL_LETTERS = 44  # that fit into a line of the list
LINE = 16  # pixels from line to line in the list

STYLE = """\
svg { --paper: #ffffff; --ink: #1c2330; --quiet: #667085; --box: #f3f5f9; --edge: #8a94a6;
      --seen: #1a7f37; --never: #b42318; background: var(--paper);
      font-family: ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace; }
@media (prefers-color-scheme: dark) {
  svg { --paper: #0f141b; --ink: #e6e9ef; --quiet: #98a2b3; --box: #1b2330; --edge: #667085;
        --seen: #4cc38a; --never: #ff8a7a; } }
text { font-size: 12px; fill: var(--ink); }
.paper { fill: var(--paper); }
.title { font-size: 19px; font-weight: 700; }
.quiet { fill: var(--quiet); }
.name { font-size: 14px; font-weight: 700; text-anchor: middle; }
.heading { font-weight: 700; }
.small { font-size: 11px; }
.middle { text-anchor: middle; }
.box rect { fill: var(--box); stroke: var(--edge); stroke-width: 1.2; }
.seen { color: var(--seen); } .unseen { color: var(--quiet); } .never { color: var(--never); }
.way { fill: none; stroke: currentColor; stroke-width: 2; }
.unseen .way, .never .way { stroke-width: 1.5; stroke-dasharray: 5 4; }
.wide { fill: none; stroke: transparent; stroke-width: 14; }
.head, .mark { fill: currentColor; }
.arrow:hover .way { stroke-width: 3.5; } .arrow:hover text { font-weight: 700; }
.rule { stroke: var(--edge); stroke-width: 0.6; }"""


def svg(arrows: Sequence[Drawn], of: str) -> str:
    """The whole file. `of` names where it was seen: ``IPv4, kernel 6.18.44``."""
    width = round(2 * MARGIN + WIDTH * COLUMN + PANEL)
    height = round(HEADER + HEIGHT * ROW + MARGIN)
    seen = sum(bool(arrow.scenarios) for arrow in arrows)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}" role="img">',
        f"<title>TCP's state diagram as seen: {seen} of {len(arrows)} arrows, {escape(of)}</title>",
        f"<style>{STYLE}</style>",
        f'<rect class="paper" width="{width}" height="{height}"/>',
        *_header(of, seen, len(arrows)),
        *(line for box in BOXES for line in _box(box, arrows)),
        *(
            line
            for arrow in arrows
            if arrow.origin != "Linux" and (arrow.source, arrow.target) in ROUTES
            for line in _route(arrow, ROUTES[arrow.source, arrow.target])
        ),
        *_panel([arrow for arrow in arrows if arrow.origin == "Linux"]),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _place(point: Point) -> tuple[float, float]:
    """The middle of a letter, in pixels."""
    return MARGIN + (point[0] + 0.5) * COLUMN, HEADER + (point[1] + 0.5) * ROW


def _header(of: str, seen: int, all_of_them: int) -> Iterator[str]:
    yield _text(MARGIN, 30, "TCP's states: RFC 9293, Figure 5, as seen", "title")
    said = f"{seen} of {all_of_them} arrows seen by netlab ({of}); hover to see where"
    yield _text(MARGIN, 50, said, "quiet")


def _text(x: float, y: float, words: str, *classes: str) -> str:
    kind = f' class="{" ".join(classes)}"' if classes else ""
    return f'<text x="{x:.1f}" y="{y:.1f}"{kind}>{escape(words)}</text>'


def _tooltip(arrow: Drawn) -> str:
    said = [f"{arrow.source} → {arrow.target}: {arrow.event}"]
    if arrow.scenarios:
        said.append("seen in " + textwrap.shorten(", ".join(arrow.scenarios), 300))
    else:
        said.append(arrow.shown_by)
    return f"<title>{escape(chr(10).join(said))}</title>"


def _class(arrow: Drawn) -> str:
    return "seen" if arrow.scenarios else "never" if arrow.absent else "unseen"


def _box(box: Box, arrows: Sequence[Drawn]) -> Iterator[str]:
    """A state, and in its box whether it was seen to end by a reset, an abort or a time-out."""
    left, top, width, height = _frame(box)
    middle = left + width / 2
    ends = [
        arrow
        for arrow in arrows
        if arrow.origin == "Linux" and arrow.source is box.state and arrow.target is State.CLOSED
    ]
    base = top + height / 2 + 5
    yield f'<g class="box">{_rectangle(box)}'
    yield _text(middle, base - (7 if ends else 0), str(box.state), "name")
    for arrow in ends:
        yield f'<g class="arrow {_class(arrow)}">{_tooltip(arrow)}'
        yield _text(middle, base + 10, f"{arrow.mark} → CLOSED", "small", "middle", "mark")
        yield "</g>"
    yield "</g>"


def _frame(box: Box) -> tuple[float, float, float, float]:
    """Left edge, upper edge, width and height."""
    left, top = MARGIN + box.left * COLUMN, HEADER + box.top * ROW + ROW / 4
    return left, top, box.width * COLUMN, box.height * ROW - ROW / 2


def _rectangle(box: Box) -> str:
    left, top, width, height = _frame(box)
    return f'<rect x="{left:.1f}" y="{top:.1f}" width="{width:.1f}" height="{height:.1f}" rx="7"/>'


def _line(route: Route) -> Iterator[str]:
    """An arrow without its words."""
    corners = [_place(corner) for corner in route.corners]
    corners[0] = _to_box(corners[1], corners[0])
    tip = _to_box(corners[-2], corners[-1])
    drawn = _path([*corners[:-1], _towards(corners[-2], tip, -HEAD + 1)])
    yield f'<path class="wide" d="{drawn}"/><path class="way" d="{drawn}"/>'
    yield f'<path class="head" d="{_head(corners[-2], tip)}"/>'


def _route(arrow: Drawn, route: Route) -> Iterator[str]:
    yield f'<g class="arrow {_class(arrow)}">{_tooltip(arrow)}'
    yield from _line(route)
    for number, words in enumerate(route.words):
        x, y = MARGIN + route.at[0] * COLUMN, _place((0, route.at[1] + number))[1] + 4
        if number == 0:
            yield _text(x, y, arrow.mark, "mark")
        yield _text(x + 2 * COLUMN, y, words, *(("quiet",) if number else ()))
    yield "</g>"


def _towards(
    start: tuple[float, float], end: tuple[float, float], more: float
) -> tuple[float, float]:
    """The end of a straight line, made longer by `more` pixels."""
    (x, y), (to_x, to_y) = start, end
    length = max(abs(to_x - x), abs(to_y - y))
    return to_x + (to_x - x) / length * more, to_y + (to_y - y) / length * more


def _to_box(start: tuple[float, float], end: tuple[float, float]) -> tuple[float, float]:
    """The end of an arrow, which is the middle of a letter, moved to the frame of its box."""
    across = abs(end[0] - start[0]) > abs(end[1] - start[1])
    return _towards(start, end, COLUMN / 2 if across else ROW * 3 / 4)


def _path(corners: Sequence[tuple[float, float]]) -> str:
    """A line with round corners."""
    said = [f"M{corners[0][0]:.1f} {corners[0][1]:.1f}"]
    for before, corner, after in zip(corners, corners[1:], corners[2:], strict=False):
        x, y = _towards(before, corner, -TURN)
        out_x, out_y = _towards(after, corner, -TURN)
        said.append(f"L{x:.1f} {y:.1f}Q{corner[0]:.1f} {corner[1]:.1f} {out_x:.1f} {out_y:.1f}")
    said.append(f"L{corners[-1][0]:.1f} {corners[-1][1]:.1f}")
    return "".join(said)


def _head(start: tuple[float, float], tip: tuple[float, float]) -> str:
    x, y = _towards(start, tip, -HEAD)
    across, down = (0.0, 5.0) if abs(tip[0] - start[0]) > abs(tip[1] - start[1]) else (5.0, 0.0)
    return (
        f"M{tip[0]:.1f} {tip[1]:.1f}"
        f"L{x + across:.1f} {y + down:.1f}L{x - across:.1f} {y - down:.1f}Z"
    )


def _panel(arrows: Sequence[Drawn]) -> Iterator[str]:
    """Linux's own arrows, and what the marks mean."""
    x = MARGIN + (WIDTH + 3) * COLUMN
    y = float(HEADER + ROW)
    yield f'<line class="rule" x1="{x - 14:.1f}" y1="{HEADER}" x2="{x - 14:.1f}" '
    yield f'y2="{HEADER + HEIGHT * ROW:.1f}"/>'
    yield _text(x, y, "Linux only", "heading")
    for arrow in arrows:
        y += LINE + 6
        yield f'<g class="arrow {_class(arrow)}">{_tooltip(arrow)}'
        yield _text(x, y, arrow.mark, "mark")
        yield _text(x + 2 * COLUMN, y, f"{arrow.source} → {arrow.target}")
        for line in textwrap.wrap(arrow.event, PANEL_LETTERS):
            y += LINE
            yield _text(x + 2 * COLUMN, y, line, "small", "quiet")
        yield "</g>"
    y += 2 * LINE
    for kind, mark, words in (
        ("seen", "✓", "seen on this kernel"),
        ("unseen", "·", "not seen; the tooltip says why"),
        ("never", "✗", "not in Linux; the tooltip says why"),
    ):
        y += LINE + 2
        yield f'<g class="{kind}">{_text(x, y, mark, "mark")}'
        yield f"{_text(x + 2 * COLUMN, y, words, 'quiet')}</g>"


# --- in a page


#: A circle at a corner of a box: who is in that state.
BADGE = 10  # pixels


def figure() -> str:
    """Figure 5 alone, for a page that has the style sheet ``fsm.css`` and lights up what it wants:
    a state is ``[data-state]``, an arrow ``[data-arrow="SYN_SENT-ESTABLISHED"]``.
    """
    width, height = 2 * MARGIN + WIDTH * COLUMN, HEIGHT * ROW + MARGIN
    return "\n".join([
        f'<svg class="fsm" viewBox="0 {HEADER - BADGE} {width:.0f} {height:.0f}" role="img">',
        "<title>RFC 9293, Figure 5: TCP's states, and what leads from one to another</title>",
        *(line for ends, route in ROUTES.items() for line in _plain_route(ends, route)),
        *(line for box in BOXES for line in _plain_box(box)),
        "</svg>",
    ])  # fmt: skip


def _plain_route(ends: tuple[State, State], route: Route) -> Iterator[str]:
    start, end = ends
    yield f'<g class="arrow" data-arrow="{start}-{end}">'
    yield from _line(route)
    for number, words in enumerate(route.words):
        x, y = MARGIN + route.at[0] * COLUMN, _place((0, route.at[1] + number))[1] + 4
        yield _text(x, y, words, "words")
    yield "</g>"


def _plain_box(box: Box) -> Iterator[str]:
    left, top, width, height = _frame(box)
    yield f'<g class="box" data-state="{box.state}">{_rectangle(box)}'
    yield _text(left + width / 2, top + height / 2 + 5, str(box.state), "name")
    for x, who in ((left, "client"), (left + width, "server")):
        yield f'<g class="badge-of {who}"><circle cx="{x:.1f}" cy="{top:.1f}" r="{BADGE}"/>'
        yield f"{_text(x, top + 4, who[0].upper(), 'who')}</g>"
    yield "</g>"
