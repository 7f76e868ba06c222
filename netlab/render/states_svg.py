# SPDX-License-Identifier: GPL-2.0-or-later
"""Both ends' states over time as coloured bars, with retransmissions and the time of each fault.

A handshake takes a millisecond and a held pair a second: the axis gives each stretch between two
changes a width by the logarithm of its length, so that both can be read. Places are in percent and
letters in pixels: the picture fits a phone as well as a sheet of paper, and its letters never
shrink. Which words fit is computed here; `wide` and `narrow` tell the style sheet.
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from markupsafe import Markup

from netlab.model.evidence import End, Evidence
from netlab.model.tcp import State
from netlab.model.vocabulary import Side

SHORT = {
    State.ESTABLISHED: "EST",
    State.SYN_SENT: "SS",
    State.SYN_RECV: "SR",
    State.FIN_WAIT1: "FW1",
    State.FIN_WAIT2: "FW2",
    State.TIME_WAIT: "TW",
    State.CLOSED: "C",
    State.CLOSE_WAIT: "CW",
    State.LAST_ACK: "LA",
    State.LISTEN: "L",
    State.CLOSING: "CL",
}
MILLISECOND = 1e-3
LEAST = 0.35  # of any stretch's width, in logarithms of milliseconds
FIRST = 1.0  # at most, of the first stretch
LETTER, PADDING = 7.2, 8.0  # pixels
WIDE, NARROW = 660.0, 300.0  # pixels, at least: on a screen or on paper; on a phone
BAR, LINE, THIN, GAP = 26, 18, 10, 12  # heights in pixels


class Stretch(NamedTuple):
    """One end in one state, in seconds, and whether its beginning was traced by the kernel."""

    state: State
    since: float
    until: float
    exact: bool


def stretches(end: End, until: float) -> list[Stretch]:
    """The states of one end until `until`, in seconds.

    They come from its transitions if there are any, else from its samples.
    """
    if end.transitions:
        first = end.transitions[0]
        changes = [(0.0, first.before, True)]
        changes += [(change.at, change.after, change.traced) for change in end.transitions]
    else:
        changes = []
        for interval in end.intervals:
            if not changes or changes[-1][1] is not interval.state:
                changes.append((interval.since, interval.state, False))
    lane = []
    for number, (at, state, exact) in enumerate(changes):
        last = number == len(changes) - 1
        after = until if last else changes[number + 1][0]
        if after > at or last:
            lane.append(Stretch(state, at, max(after, at), exact))
    return lane


def resent(evidence: Evidence, side: Side) -> list[tuple[float, str]]:
    """The seconds at which an end sent again, in order, and how each is known."""
    recording, end = evidence.recording, _end(evidence, side)
    if recording and recording.traced:
        events = [event for event in recording.events if event.side is side]
        return [(e.at, "retransmitted") for e in events if e.kind == "retransmitted"]
    found = []
    for before, after in pairwise(end.intervals):
        if before.state is after.state and after.retransmits > before.retransmits:
            found.append((after.since, "retransmitted, seen by a sample"))
        if before.state is after.state and after.probes > before.probes:
            found.append((after.since, "probed, seen by a sample"))
    return found


class Axis:
    """Seconds to percent."""

    def __init__(self, times: Sequence[float]) -> None:
        self._times = sorted({max(0.0, time) for time in times})
        widths = [
            LEAST + math.log1p((after - before) / MILLISECOND)
            for before, after in pairwise(self._times)
        ]
        if widths:  # nothing happens yet: the lab is being built
            widths[0] = min(widths[0], FIRST)
        whole = sum(widths) or 1.0
        self._places = [0.0]
        for width in widths:
            self._places.append(self._places[-1] + 100 * width / whole)

    def __call__(self, time: float) -> float:
        """The place of a time. Between two changes, the scale is linear."""
        number = bisect.bisect_right(self._times, time) - 1
        if number < 0:
            return 0.0
        if number >= len(self._times) - 1:
            return self._places[-1]
        begin, end = self._times[number : number + 2]
        left, right = self._places[number : number + 2]
        return left + (right - left) * (time - begin) / (end - begin)

    def marks(self, apart: float) -> list[tuple[float, float]]:
        """Times to write down with their places, at least `apart` percent apart; always the last.

        The last is written to its left, so it keeps two widths for itself.
        """
        chosen: list[tuple[float, float]] = []
        last = self._places[-1]
        for time, place in zip(self._times, self._places, strict=True):
            if place <= last - 2 * apart and (not chosen or place >= chosen[-1][1] + apart):
                chosen.append((time, place))
        return [*chosen, (self._times[-1], last)]


def svg(evidence: Evidence) -> Markup:
    """The picture, for a page that has the style sheet; empty if nothing was seen."""
    until = max(
        evidence.elapsed_s,
        *(interval.until for end in _ends(evidence) for interval in end.intervals[-1:]),
        *(change.at for end in _ends(evidence) for change in end.transitions[-1:]),
        0.0,
    )
    lanes = {side: stretches(_end(evidence, side), until) for side in Side}
    if not any(lanes.values()) or until <= 0:
        return Markup()
    axis = Axis([0.0, until, *_changes(evidence, lanes)])
    parts, y = [], 0
    for side, lane in lanes.items():
        parts.append(_words(0, y + 12, str(side), "side"))
        y += LINE
        parts += [_bar(stretch, axis, y) for stretch in lane]
        y += BAR
        parts += [_resent(axis(at), y, at, how) for at, how in resent(evidence, side)]
        y += GAP + 4
    for fault in evidence.faults:
        ended = until if fault.removed is None else fault.removed
        left, right = axis(fault.installed), axis(ended)
        did = f"{fault.packets} dropped" if fault.counts else fault.does
        said = f"{fault.name} at {fault.where}: {did}"
        parts.append(_fault_words(left, y + 12, said))
        y += LINE
        parts.append(_fault(left, right, y, f"{said}, {clock(fault.installed)} to {clock(ended)}"))
        y += THIN + GAP // 2
    grid = [_grid(place, y, "wide") for _, place in axis.marks(9)]
    grid += [_grid(place, y, "narrow") for _, place in axis.marks(18)]
    scale = [*_scale(axis, 9, y + LINE, "wide"), *_scale(axis, 18, y + LINE, "narrow")]
    said = "; ".join(f"{side}: {_told(lane)}" for side, lane in lanes.items())
    return Markup(
        '<svg class="states" role="img" width="100%" height="{height}" aria-label="{said}">'
        "{parts}</svg>"
    ).format(height=y + LINE + 6, said=said, parts=Markup("\n").join([*grid, *parts, *scale]))


def clock(seconds: float) -> str:
    """A time as a person reads it: ``0.31 ms``, ``12.4 ms``, ``1.205 s``."""
    if seconds <= 0:
        return "0"
    if seconds < 0.01:
        return f"{seconds * 1e3:.2f} ms"
    return f"{seconds * 1e3:.0f} ms" if seconds < 1 else f"{seconds:.2f} s"


def _ends(evidence: Evidence) -> tuple[End, End]:
    return evidence.client, evidence.server


def _end(evidence: Evidence, side: Side) -> End:
    return evidence.end(side)


def _changes(evidence: Evidence, lanes: dict[Side, list[Stretch]]) -> Iterator[float]:
    yield from (stretch.since for lane in lanes.values() for stretch in lane)
    for fault in evidence.faults:
        yield fault.installed
        if fault.removed is not None:
            yield fault.removed


def _told(lane: Sequence[Stretch]) -> str:
    return (
        ", ".join(f"{stretch.state} from {clock(stretch.since)}" for stretch in lane) or "nothing"
    )


def _bar(stretch: Stretch, axis: Axis, y: int) -> Markup:
    left, right = axis(stretch.since), axis(stretch.until)
    known = "" if stretch.exact else " (sampled)"
    title = f"{stretch.state}, {clock(stretch.since)} to {clock(stretch.until)}{known}"
    wide = _fitting(stretch.state, (right - left) / 100 * WIDE)
    narrow = _fitting(stretch.state, (right - left) / 100 * NARROW)
    words = Markup("").join(
        _words(50, 17, text, "name", *kinds)
        for text, *kinds in ([(wide,)] if wide == narrow else [(wide, "wide"), (narrow, "narrow")])
        if text
    )
    return Markup(
        '<svg class="bar {state}{sampled}" x="{x:.2f}%" y="{y}" width="{width:.2f}%" '
        'height="{height}"><title>{title}</title><rect width="100%" height="100%"/>'
        '<line y2="100%"/>{words}</svg>'
    ).format(
        state=stretch.state,
        sampled="" if stretch.exact else " sampled",
        x=left,
        y=y,
        width=max(right - left, 0.3),
        height=BAR,
        title=title,
        words=words,
    )


def _fitting(state: State, pixels: float) -> str:
    """As much of a state's name as its bar has room for."""
    for text in (str(state), SHORT[state]):
        if len(text) * LETTER + PADDING <= pixels:
            return text
    return ""


def _words(percent: float, y: float, text: str, *kinds: str) -> Markup:
    return Markup('<text class="{}" x="{:.2f}%" y="{}">{}</text>').format(
        " ".join(kinds), percent, y, text
    )


def _resent(percent: float, y: int, at: float, how: str) -> Markup:
    return Markup(
        '<svg class="resent" x="{:.2f}%" y="{}"><title>{} at {}</title>'
        '<path d="M0 1l5 8h-10z"/></svg>'
    ).format(percent, y, how, clock(at))


def _fault(left: float, right: float, y: int, title: str) -> Markup:
    return Markup(
        '<svg class="fault" x="{:.2f}%" y="{}" width="{:.2f}%" height="{}"><title>{}</title>'
        '<rect width="100%" height="100%"/><line y1="50%" x2="100%" y2="50%"/></svg>'
    ).format(left, y, max(right - left, 0.3), THIN, title)


def _fault_words(left: float, y: int, said: str) -> Markup:
    """Above its bar, from the bar's left end, or further left where it would not fit."""
    length = len(said) * LETTER
    wide = min(left, max(0.0, 100 - 100 * length / WIDE))
    narrow = min(left, max(0.0, 100 - 100 * length / NARROW))
    return _words(wide, y, said, "wide") + _words(narrow, y, said, "narrow")


def _grid(percent: float, bottom: int, kind: str) -> Markup:
    return Markup('<line class="grid {}" x1="{:.2f}%" x2="{:.2f}%" y1="{}" y2="{}"/>').format(
        kind, percent, percent, LINE, bottom + 4
    )


def _scale(axis: Axis, apart: float, y: int, kind: str) -> Iterator[Markup]:
    marks, written = axis.marks(apart), ""
    for number, (time, place) in enumerate(marks):
        last = number == len(marks) - 1
        if last or clock(time) not in (written, clock(marks[-1][0])):
            where = "last" if last else "first" if place == 0 else "middle"
            yield _words(place, y, clock(time), "time", where, kind)
        written = clock(time)
