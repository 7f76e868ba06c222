# SPDX-License-Identifier: GPL-2.0-or-later
"""The ladder as an SVG that stands inline in a page: light and dark, with exact times in tooltips.

Arrows fall a little, and those that cross fall until they arrive: a slope shows which way time
goes, not how much. It is as narrow as a phone; a page scales it up. Nothing in it has an id, so
that many of them can share a page, and colours come from the page where it has names for them.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from xml.sax.saxutils import escape, quoteattr

from netlab.model.evidence import Evidence
from netlab.model.tcp import Segment
from netlab.model.vocabulary import Side
from netlab.render.ladder_condense import PacketRun
from netlab.render.ladder_layout import LadderRow, Layout, duration, layout, stamp
from netlab.render.ladder_notes import Note, StateChange

#: Arrows in a picture; more are condensed.
LIMIT = 200
WIDTH, LEFT, RIGHT = 456, 100, 356  # pixels, and where the lines of both ends stand
ARROW, LOST, NOTE, GAP, HEADER = 34, 43, 20, 24, 58  # heights of rows
FALL, HEAD = 7, 7  # of an arrow, and its head's length
LETTER = 6.65  # pixels of a letter of 11 px, at most

STYLE = """\
svg.ladder { --l-ink: var(--ink, #1c2330); --l-quiet: var(--quiet, #667085);
  --l-line: var(--quiet, #8a94a6); --l-soft: var(--soft, #eef1f6); --l-paper: var(--sheet, #fff);
  --l-client: var(--client, #1f5f99); --l-server: var(--server, #8a4b08);
  --l-lost: var(--fail, #b42318); --l-healed: var(--pass, #1a7f37);
  display: block; width: 100%; max-width: 40rem; height: auto;
  font-family: var(--mono, ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace); }
@media screen and (prefers-color-scheme: dark) {
  svg.ladder { --l-ink: var(--ink, #e6e9ef); --l-quiet: var(--quiet, #98a2b3);
    --l-line: var(--quiet, #667085); --l-soft: var(--soft, #1d2530);
    --l-paper: var(--sheet, #0f141b);
    --l-client: var(--client, #7fb8ee); --l-server: var(--server, #e5a869);
    --l-lost: var(--fail, #ff8a7a); --l-healed: var(--pass, #5ccb86); } }
svg.ladder text { font-size: 11px; fill: var(--l-ink); }
svg.ladder .end { text-anchor: end; } svg.ladder .middle { text-anchor: middle; }
svg.ladder .said text { paint-order: stroke; stroke: var(--l-paper); stroke-width: 3px;
  stroke-linejoin: round; }
svg.ladder text.quiet { fill: var(--l-quiet); font-size: 10px; }
svg.ladder text.name { font-size: 13px; font-weight: 700; }
svg.ladder text.state { font-size: 10.5px; font-weight: 700; }
svg.ladder .pill { fill: var(--l-soft); }
svg.ladder .life { stroke: var(--l-line); stroke-width: 1.6; }
svg.ladder .hop { stroke: var(--l-line); stroke-width: 1; stroke-dasharray: 2 4; }
svg.ladder .gap { stroke-dasharray: 1.5 4; stroke-linecap: round; }
svg.ladder .client { color: var(--l-client); } svg.ladder .server { color: var(--l-server); }
svg.ladder .client text.name, svg.ladder .server text.name { fill: currentColor; }
svg.ladder .way { stroke: currentColor; stroke-width: 1.6; fill: none; }
svg.ladder .head, svg.ladder .dot { fill: currentColor; }
svg.ladder .wide { stroke: transparent; stroke-width: 22; }
svg.ladder .cross { stroke: var(--l-lost); stroke-width: 2.4; stroke-linecap: round; fill: none; }
svg.ladder text.lost { fill: var(--l-lost); font-size: 10px; }
svg.ladder .again { font-weight: 700; fill: currentColor; }
svg.ladder .rule { stroke: currentColor; stroke-width: 1; stroke-dasharray: 3 3; opacity: .6; }
svg.ladder .fault { color: var(--l-lost); } svg.ladder .removed { color: var(--l-healed); }
svg.ladder .fault text, svg.ladder .removed text { fill: currentColor; font-size: 10px; }
svg.ladder .back { fill: var(--l-paper); }
svg.ladder.mixed .other { opacity: .6; }
svg.ladder .arrow:hover .way { stroke-width: 2.6; }"""


def svg(evidence: Evidence) -> str:
    """The picture, to be put into a page as it is."""
    drawn = layout(evidence, LIMIT, _side_by_side)
    return "\n".join(_SvgPicture(evidence, drawn).parts()) + "\n"


def _said(arrow: PacketRun) -> str:
    return f"{arrow.label} {arrow.again}".rstrip()


def _side_by_side(one: PacketRun, other: PacketRun) -> bool:
    room = (RIGHT - LEFT - 20) / LETTER
    return len(_said(one)) + len(_said(other)) <= room


def _wrapped(note: Note) -> list[str]:
    return textwrap.wrap(note.text, 41 if not note.side else 36) or [""]


class _SvgPicture:
    """Rows from top to bottom. `y` is where the arrow, or the words, of a row begin."""

    def __init__(self, evidence: Evidence, drawn: Layout) -> None:
        self._evidence = evidence
        self._drawn = drawn
        self._at: dict[int, float] = {}  # the y of each row
        self._gaps: list[tuple[float, float]] = []
        self._arrives: dict[int, LadderRow] = {
            id(arrow): row for row in drawn.rows for arrow in row.arriving
        }
        y = float(HEADER)
        for row in drawn.rows:
            if row.gap:
                self._gaps.append((y, row.gap))
                y += GAP
            above, height = _height(row)
            self._at[id(row)] = y + above
            y += height
        self._bottom = y + 6
        footer = (*_signs(drawn), *drawn.footer)
        self._footer = [part for line in footer for part in textwrap.wrap(line, 72)]
        self._height = round(self._bottom + 14 * len(self._footer) + 8)

    def parts(self) -> Iterator[str]:
        name = f"Ladder of {self._evidence.scenario}: every segment between client and server"
        yield (
            f'<svg xmlns="http://www.w3.org/2000/svg" role="img" '
            f'class="ladder{" mixed" if self._drawn.mixed else ""}" '
            f'viewBox="0 0 {WIDTH} {self._height}" width="{WIDTH}" height="{self._height}" '
            f"aria-label={quoteattr(name)}>"
        )
        yield f"<title>{escape(name)}</title><desc>{escape(self._described())}</desc>"
        yield f"<style>{STYLE}</style>"
        yield from self._head()
        yield from self._lifelines()
        for row in self._drawn.rows:
            yield from self._row(row, self._at[id(row)])
        for row in self._drawn.rows:  # on top of lines that cross them
            for arrow in row.leaving:
                yield from self._words(arrow, self._at[id(row)])
        for number, line in enumerate(self._footer):
            yield _text(6, self._bottom + 18 + 14 * number, line, "quiet")
        yield "</svg>"

    def _described(self) -> str:
        arrows = [arrow for row in self._drawn.rows for arrow in row.leaving]
        dropped = sum(arrow.count for arrow in arrows if arrow.packet.dropped is not None)
        said = [f"{sum(arrow.count for arrow in arrows):,} packets, {dropped:,} of them dropped."]
        for side in Side:
            first = self._drawn.first[side]
            entered = [
                str(row.states[side].after) for row in self._drawn.rows if side in row.states
            ]
            said.append(
                f"The {side} went through {', '.join([str(first or 'nothing'), *entered])}."
            )
        return " ".join(said)

    def _head(self) -> Iterator[str]:
        for side, x, kind in ((Side.CLIENT, LEFT, "middle"), (Side.SERVER, RIGHT, "middle")):
            yield f'<g class="{side}">{_text(x, 15, str(side), "name", kind)}</g>'
            if side in self._drawn.ends:
                yield _text(x, 29, self._drawn.ends[side], "quiet", kind)
            state = self._drawn.first[side]
            if state is not None:
                yield _pill(side, 46, str(state), str(state), f"{side}: {state} at the beginning")

    def _lifelines(self) -> Iterator[str]:
        for number, name in enumerate(self._drawn.hops, start=1):
            yield _line(self._x(number), 50, self._x(number), self._bottom, "hop")
            yield _text(self._x(number), 44, name, "quiet", "middle")
        for x in (LEFT, RIGHT):
            y = 36.0
            for start, _ in self._gaps:
                yield _line(x, y, x, start + 1, "life")
                yield _line(x, start + 3, x, start + GAP - 3, "life gap")
                y = start + GAP - 1
            yield _line(x, y, x, self._bottom, "life")
        for start, seconds in self._gaps:
            yield _text(LEFT - 10, start + GAP / 2 + 3, f"⋮ {duration(seconds)}", "quiet", "end")

    def _row(self, row: LadderRow, y: float) -> Iterator[str]:
        arrow = bool(row.leaving or row.arriving)
        left = Side.CLIENT in row.states
        time_y = y - 6 if arrow and left else y + 4
        yield _text(LEFT - 10, time_y, stamp(row.at, row.late), "quiet", "end")
        if row.note is not None:
            yield from _note(row.note, y)
        for leaving in row.leaving:
            yield from self._arrow(leaving, y)
        for change in row.states.values():
            yield self._state(change, y + (8 if arrow else 0), left and not arrow)

    def _state(self, change: StateChange, y: float, below: bool) -> str:
        name = f"{'' if change.traced else '~'}{change.after}"
        how = "traced" if change.traced else "seen by the next sample"
        said = f"{change.side}: {change.before} → {change.after} at {change.at:.6f} s, {how}"
        lower = y + (17 if below and change.side is Side.CLIENT else 0)
        return _pill(change.side, lower, name, str(change.after), said)

    def _end(self, arrow: PacketRun, y: float) -> tuple[float, bool]:
        """The y at which an arrow that begins at `y` ends, and whether that is in a row below."""
        to = self._arrives.get(id(arrow))
        return (y + FALL, False) if to is None else (self._at[id(to)], True)

    def _x(self, hop: int) -> float:
        """Where the line of a hop stands, by its number from the client's end."""
        return LEFT + (RIGHT - LEFT) * hop / (len(self._drawn.hops) + 1)

    def _across(self, arrow: PacketRun) -> tuple[float, float, int]:
        """Where an arrow starts and ends, and which way it goes."""
        packet, to_server = arrow.packet, arrow.sender is Side.CLIENT
        start, end, way = (LEFT, RIGHT, 1) if to_server else (RIGHT, LEFT, -1)
        first = self._x(packet.made_at) if packet.made_at else start
        last = self._x(packet.lost_at) + way * 16 if packet.lost_at else end
        last = self._x(packet.taken_at) if packet.taken_at else last
        return first, last, way

    def _arrow(self, arrow: PacketRun, y: float) -> Iterator[str]:
        yield f'<g class="{_class(arrow)}"><title>{escape(_tooltip(arrow))}</title>'
        start, end, way = self._across(arrow)
        if arrow.unsent:
            yield _cross(start + way * 9, y)
        else:
            tip = end - way * (22 if arrow.lost else 1)
            tip_y = y + (tip - start) * (self._end(arrow, y)[0] - y) / (end - start)
            yield _line(start, y, tip, tip_y, "wide")
            yield _line(start, y, tip - way * (0 if arrow.lost else HEAD - 1), tip_y, "way")
            if arrow.lost:
                yield _cross(end - way * 15, tip_y + 1)
            else:
                yield f'<path class="head" d="M{tip:.1f} {tip_y:.1f}l{-way * HEAD} -4v8z"/>'
        yield "</g>"

    def _words(self, arrow: PacketRun, y: float) -> Iterator[str]:
        start, end, way = self._across(arrow)
        end_y, crossing = self._end(arrow, y)
        here, there = ("", "end") if way > 0 else ("end", "")
        yield f'<g class="said {_class(arrow)}"><title>{escape(_tooltip(arrow))}</title>'
        if arrow.unsent:
            yield _label(arrow, start + way * 18, y + 4, here)
            yield _killer(arrow, start + way * 18, y + 17, here)
        elif crossing:
            yield _label(arrow, start + way * 8, y - 4, here)
        else:
            yield _label(arrow, (LEFT + RIGHT) / 2, y - 3, "middle")
        if arrow.lost:
            yield _killer(arrow, end - way * 9, end_y + 15, there)
        yield "</g>"


def _class(arrow: PacketRun) -> str:
    return f"arrow {arrow.sender}{'' if arrow.packet.ours else ' other'}"


def _signs(drawn: Layout) -> Iterator[str]:
    if any(row.late for row in drawn.rows):
        yield "≤ at the latest: a sender's own firewall gives no time stamp"
    if drawn.sampled:
        yield "~ seen by the next sample"


def _height(row: LadderRow) -> tuple[float, float]:
    """How far below its top a row's arrow or words begin, and its height, in pixels."""
    if row.note is not None:
        lines = len(_wrapped(row.note))
        more = 18 if Side.CLIENT in row.states else 0
        return NOTE / 2, NOTE + max(14 * (lines - 1), more)
    if row.leaving:
        lost = any(arrow.packet.dropped is not None for arrow in row.leaving) and not row.crossing
        return 18, LOST if lost else ARROW if not row.crossing else 24
    if row.arriving:
        return 18, 40 if any(arrow.lost for arrow in row.arriving) else 30
    return 10, 38 if Side.CLIENT in row.states else 22


def _text(x: float, y: float, words: str, *classes: str) -> str:
    kind = f' class="{" ".join(classes)}"' if classes else ""
    return f'<text x="{x:.1f}" y="{y:.1f}"{kind}>{escape(words)}</text>'


def _line(x: float, y: float, to_x: float, to_y: float, kind: str) -> str:
    return f'<line class="{kind}" x1="{x:.1f}" y1="{y:.1f}" x2="{to_x:.1f}" y2="{to_y:.1f}"/>'


def _cross(x: float, y: float) -> str:
    return f'<path class="cross" d="M{x - 4:.1f} {y - 4:.1f}l8 8m0 -8l-8 8"/>'


def _pill(side: Side, y: float, name: str, state: str, tooltip: str) -> str:
    """A state beside its line, in the colour that the page gives it."""
    width = len(name) * 6.35 + 10
    x = LEFT - 8 - width if side is Side.CLIENT else RIGHT + 8
    return (
        f"<g><title>{escape(tooltip)}</title>"
        f'<rect class="pill" style="fill:var(--{state},var(--l-soft))" x="{x:.1f}" '
        f'y="{y - 8:.1f}" width="{width:.1f}" height="16" rx="4"/>'
        f"{_text(x + width / 2, y + 3.8, name, 'state', 'middle')}</g>"
    )


def _label(arrow: PacketRun, x: float, y: float, anchor: str) -> str:
    room = int((RIGHT - LEFT - 8) / LETTER)
    words = arrow.label if len(_said(arrow)) <= room else arrow.short
    fit = ""
    if len(words) + len(arrow.again) + 1 > room:
        fit = f' textLength="{RIGHT - LEFT - 12}" lengthAdjust="spacingAndGlyphs"'
    again = f'<tspan class="again" dx="5">{escape(arrow.again)}</tspan>' if arrow.again else ""
    kind = f' class="{anchor}"' if anchor else ""
    return f'<text x="{x:.1f}" y="{y:.1f}"{kind}{fit}>{escape(words)}{again}</text>'


def _killer(arrow: PacketRun, x: float, y: float, anchor: str) -> str:
    packet = arrow.packet
    words = f"{packet.fault}, {packet.where}" if packet.where else packet.fault
    return _text(x, y, words, "lost", *([anchor] if anchor else []))


def _note(note: Note, y: float) -> Iterator[str]:
    yield f'<g class="said {note.kind} {note.side}"><title>{note.at:.6f} s</title>'
    for number, words in enumerate(_wrapped(note)):
        base = y + 4 + 14 * number
        if note.side is Side.CLIENT:
            yield _text(LEFT + 10, base, words)
        elif note.side is Side.SERVER:
            yield _text(RIGHT - 10, base, words, "end")
        else:
            if note.kind in {"fault", "removed"} and number == 0:
                yield _line(LEFT + 6, y, RIGHT - 6, y, "rule")
            half = min(len(words) * 6.1 / 2 + 4, (RIGHT - LEFT) / 2 - 2)
            middle = (LEFT + RIGHT) / 2
            yield f'<rect class="back" x="{middle - half:.1f}" y="{y - 7 + 14 * number:.1f}" '
            yield f'width="{2 * half:.1f}" height="14"/>'
            yield _text(middle, base, words, "middle", "quiet" if note.kind != "fault" else "")
    if note.side:
        x = LEFT if note.side is Side.CLIENT else RIGHT
        yield f'<circle class="dot" cx="{x}" cy="{y:.1f}" r="3"/>'
    yield "</g>"


def _tooltip(arrow: PacketRun) -> str:
    """Exact times, and what there was no room for."""
    packet = arrow.packet
    said = [f"{packet.sender}: {_said(arrow)}"]
    if arrow.count > 1:
        said.append(f"from {packet.at:.6f} s to {arrow.until:.6f} s")
    if packet.sent is not None:
        said.append(f"left at {packet.sent:.6f} s")
    if packet.arrived is not None:
        way = f", {duration(packet.arrived - packet.sent)} later" if packet.sent else ""
        said.append(f"arrived at {packet.arrived:.6f} s{way}")
    if packet.dropped is not None:
        when = "at the latest at" if arrow.unsent else "at"
        where = ", ".join(filter(None, (packet.fault, packet.where)))
        said.append(f"dropped by {where}, {when} {packet.dropped:.6f} s")
    if packet.segment is not Segment.ANY:
        pushed = ", PSH" if packet.pushed else ""
        said.append(f"{packet.segment}{pushed}, window {packet.window:,}")
    return "\n".join(said)
