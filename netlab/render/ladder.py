# SPDX-License-Identifier: GPL-2.0-or-later
"""The ladder in a terminal: both ends as two lines, every segment between them, time downward."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

from netlab.model.evidence import Evidence
from netlab.model.vocabulary import Side
from netlab.render.ladder_condense import PacketRun, name_of
from netlab.render.ladder_layout import LadderRow, Layout, duration, layout, stamp
from netlab.render.ladder_notes import Note, StateChange
from netlab.render.style import Style

#: Arrows in a terminal; more are condensed.
LIMIT = 60
NARROWEST, WIDEST = 64, 120
STATE = 12  # columns: ~ESTABLISHED
NAME, LEAST = 26, 12  # letters of a fault's name, at most and where there is little room
COLOURS = {Side.CLIENT: "cyan", Side.SERVER: "yellow"}
KINDS = {"fault": ("red",), "removed": ("green",), "event": ("red",)}


def ladder(evidence: Evidence, width: int, style: Style) -> str:
    """The whole ladder for a terminal `width` columns wide."""
    width = min(max(width, NARROWEST), WIDEST)
    half = (width - 2 * STATE - 20) // 2  # roughly; the exact width needs the rows
    drawn = layout(evidence, LIMIT, lambda a, b: max(_needs(a), _needs(b)) <= half)
    return "\n".join(_TextPicture(drawn, width, style).lines())


def _said(arrow: PacketRun) -> str:
    return f"{arrow.label} ─ {arrow.again}" if arrow.again else arrow.label


def _needs(arrow: PacketRun) -> int:
    """Columns of its half that an arrow needs where it shares a row."""
    return max(len(_said(arrow)) + 3, len(_killer(arrow, True)) + 2 if arrow.lost else 0)


class _Line:
    """One line of letters, each with the colours it is painted in."""

    def __init__(self, width: int) -> None:
        self._letters: list[tuple[str, tuple[str, ...]]] = [(" ", ())] * width

    def write(self, column: int, text: str, *colours: str) -> None:
        """Overwrite what is there; what does not fit is cut."""
        for place, letter in enumerate(text, column):
            if 0 <= place < len(self._letters):
                self._letters[place] = letter, colours

    def cross(self, column: int) -> None:
        """Show that an arrow goes over a hop."""
        letter, colours = self._letters[column]
        if letter == "─":
            self._letters[column] = "┼", colours

    def painted(self, style: Style) -> str:
        """Neighbours in the same colour are painted together."""
        end = len(self._letters)
        while end and self._letters[end - 1][0] == " ":
            end -= 1
        said, run, colours = "", "", tuple[str, ...]()
        for letter, now in self._letters[:end]:
            if now != colours:
                said, run, colours = said + style(run, *colours), "", now
            run += letter
        return said + style(run, *colours)


class _TextPicture:
    """Rows to lines."""

    def __init__(self, drawn: Layout, width: int, style: Style) -> None:
        self._drawn = drawn
        self._style = style
        self._width = width
        times = [stamp(row.at, row.late) for row in drawn.rows]
        self._time = max(map(len, [*times, "seconds"]))
        self._left = self._time + 1 + STATE + 1  # the client's line
        self._right = width - STATE - 2  # the server's
        self._room = self._right - self._left - 1
        self._lanes: dict[int, tuple[int, PacketRun]] = {}  # arrows under way: column
        between = len(drawn.hops) + 1
        #: The columns of hops, counted from the client's line.
        self._hops = [self._room * number // between for number in range(1, between)]
        arrows = [arrow for row in drawn.rows for arrow in row.leaving if arrow.packet.fault]
        needed = [len(_said(arrow)) + len(_killer(arrow, True)) + 7 for arrow in arrows]
        self._in_full = max(needed, default=0) <= self._room

    def lines(self) -> Iterator[str]:
        yield from (line.painted(self._style) for line in self._head())
        for row in self._drawn.rows:
            if row.gap:
                yield self._gap(row.gap).painted(self._style)
            yield from (line.painted(self._style) for line in self._row(row))
        yield from self._foot()

    def _head(self) -> Iterator[_Line]:
        line = _Line(self._width)
        line.write(0, "seconds".rjust(self._time), "dim")
        line.write(self._left - 7, "client", "bold", "cyan")
        line.write(self._right + 2, "server", "bold", "yellow")
        lines = [line]
        ends = self._drawn.ends
        if ends:
            if len(ends[Side.CLIENT]) + len(ends[Side.SERVER]) > self._room:
                lines.append(_Line(self._width))
            lines[0].write(self._left, ends[Side.CLIENT], "dim")
            lines[-1].write(self._right + 1 - len(ends[Side.SERVER]), ends[Side.SERVER], "dim")
        yield from lines
        if self._hops:
            line = _Line(self._width)
            for column, name in zip(self._hops, self._drawn.hops, strict=True):
                room = self._room // (len(self._hops) + 1) - 1
                words = name if len(name) <= room else f"{name[: room - 1]}…"
                line.write(self._left + 1 + column - len(words) // 2, words, "bold", "magenta")
            yield line
        line = self._lifelines()
        for side, state in self._drawn.first.items():
            if state is not None:
                self._state(line, side, str(state))
        yield line

    def _foot(self) -> Iterator[str]:
        signs = []
        if any(row.late for row in self._drawn.rows):
            signs.append("≤ at the latest: a sender's own firewall gives no time stamp")
        if self._drawn.sampled:
            signs.append("~ seen by the next sample")
        for line in (*signs, *self._drawn.footer):
            for part in textwrap.wrap(line, self._width):
                yield self._style(part, "dim")

    def _lifelines(self, sign: str = "│") -> _Line:
        line = _Line(self._width)
        line.write(self._left, sign)
        line.write(self._right, sign)
        for column in self._hops:
            line.write(self._left + 1 + column, "┊", "dim")
        for column, arrow in self._lanes.values():
            line.write(self._left + 1 + column, sign, self._colour(arrow))
        return line

    def _gap(self, seconds: float) -> _Line:
        line = self._lifelines("┆")
        line.write(0, f"┆ {duration(seconds)}".rjust(self._time), "dim")
        return line

    def _state(self, line: _Line, side: Side, name: str) -> None:
        if side is Side.CLIENT:
            line.write(self._left - 1 - len(name), name, "bold")
        else:
            line.write(self._right + 2, name, "bold")

    def _row(self, row: LadderRow) -> Iterator[_Line]:
        lines = list(self._body(row))
        for line in lines:
            for column in self._hops:
                line.cross(self._left + 1 + column)
        first = lines[0]
        first.write(0, stamp(row.at, row.late).rjust(self._time), "dim")
        for change in row.states.values():
            self._state(self._place_of(change, row, lines), change.side, _name(change))
        yield from lines

    def _place_of(self, change: StateChange, row: LadderRow, lines: Sequence[_Line]) -> _Line:
        """The line of a row that a state is written in: where an arrow ends, the last."""
        ends_here = any(arrow.sender != change.side for arrow in row.arriving)
        return lines[-1] if ends_here else lines[0]

    def _body(self, row: LadderRow) -> Iterator[_Line]:
        if row.note is not None:
            yield from self._note(row.note)
        elif len(row.leaving) == 2:
            yield from self._cross(row.leaving)
        elif row.leaving:
            yield from self._leave(row, row.leaving[0])
        elif row.arriving:
            yield from self._arrive(row.arriving)
        else:
            yield self._lifelines()

    # --- arrows

    def _colour(self, arrow: PacketRun) -> str:
        return "dim" if self._drawn.mixed and not arrow.packet.ours else COLOURS[arrow.sender]

    def _put(self, line: _Line, sender: Side, column: int, text: str, *colours: str) -> None:
        """Text in the room between the ends, its columns counted from the sender."""
        start = column if sender is Side.CLIENT else self._room - column - len(text)
        line.write(self._left + 1 + start, text, *colours)

    def _tail(self, line: _Line, arrow: PacketRun, length: int) -> None:
        """Draw an arrow's line over `length` columns, with its label."""
        sender, colour = arrow.sender, self._colour(arrow)
        line.write(*((self._left, "├") if sender is Side.CLIENT else (self._right, "┤")))
        self._put(line, sender, 0, "─" * length, colour)
        lead = 2 if len(_said(arrow)) + 6 <= length else 1
        label = arrow.label if len(_said(arrow)) + 3 <= length else arrow.short
        words = f" {label} "
        if sender is Side.CLIENT or not arrow.again:
            parts = [(words, (colour,)), *_again(arrow)]
        else:
            parts = [*_again(arrow)[::-1], (words, (colour,))]
        whole = sum(len(text) for text, _ in parts) + len(parts) - 1
        if whole + lead > length:
            words = f" {arrow.again} {label}".replace("  ", " ")[: length - lead - 2] + "… "
            parts, whole = [(words, (colour,))], len(words)
        start = lead if sender is Side.CLIENT else self._room - lead - whole
        for text, colours in parts:
            line.write(self._left + 1 + start, text, *colours)
            start += len(text) + 1

    def _head_of(self, line: _Line, arrow: PacketRun, start: int) -> None:
        """Draw it from a column to the receiver, or to where it was dropped in front of it."""
        sender, colour = arrow.sender, self._colour(arrow)
        killer = _killer(arrow, self._in_full) if arrow.lost else ""
        if len(killer) > self._room - start - 1:
            killer = f"{killer[: self._room - start - 3]}… "
        end = self._room - (len(killer) + 1 if killer else 1)
        self._put(line, sender, start, "─" * max(0, end - start), colour)
        if killer:
            self._put(line, sender, end, "✗", "red", "bold")
            self._put(line, sender, end + 1, killer, "red")
        else:
            self._put(line, sender, end, "▶" if sender is Side.CLIENT else "◀", colour)

    def _leave(self, row: LadderRow, arrow: PacketRun) -> Iterator[_Line]:
        line = self._lifelines()
        if arrow.unsent:
            self._unsent(line, arrow)
        elif arrow.packet.lost_at or arrow.packet.made_at or arrow.packet.taken_at:
            self._of_hop(line, arrow)
        elif row.crossing:
            killer = len(_killer(arrow, self._in_full)) if arrow.lost else 0
            column = min(self._room * 2 // 3 - 3 * len(self._lanes), self._room - killer - 3)
            column = max(column, len(_said(arrow)) + 3)
            column = min(column, self._room - min(killer, LEAST) - 3)
            self._tail(line, arrow, column)
            self._put(line, arrow.sender, column, _BENDS[arrow.sender][0], self._colour(arrow))
            place = column if arrow.sender is Side.CLIENT else self._room - 1 - column
            self._lanes[id(arrow)] = place, arrow
        else:
            killer = len(_killer(arrow, self._in_full)) if arrow.lost else 0
            self._tail(line, arrow, self._room - killer - 1)
            self._head_of(line, arrow, self._room - killer - 1)
        yield line

    def _of_hop(self, line: _Line, arrow: PacketRun) -> None:
        """It begins at a hop, or ends there: its words stand on the arrow, or else beside it."""
        sender, colour, packet = arrow.sender, self._colour(arrow), arrow.packet
        start = self._reach(packet.made_at, sender, 0)
        end = self._reach(packet.lost_at or packet.taken_at, sender)
        self._put(line, sender, start, "─" * max(0, end - start), colour)
        tail = "├" if sender is Side.CLIENT else "┤"
        if packet.made_at:
            self._put(line, sender, start, tail, colour)
        else:
            line.write(self._left if sender is Side.CLIENT else self._right, tail)
        beside = (0, start)  # columns where there is room for words
        if packet.lost_at:
            killer = f" {packet.fault} "
            self._put(line, sender, end, "✗", "red", "bold")
            self._put(line, sender, end + 1, killer, "red")
            beside = (end + 1 + len(killer), self._room)
        else:
            beside = (end + 2, self._room) if packet.taken_at else beside
            self._put(line, sender, end - 1, "▶" if sender is Side.CLIENT else "◀", colour)
        column, words = _placed(arrow, (start + 2, end - 2), beside)
        self._put(line, sender, column, words, colour)

    def _reach(self, hop: int, sender: Side, otherwise: int | None = None) -> int:
        """The column of a hop, counted from the sender; of no hop, that of the other end."""
        if not hop:
            return self._room if otherwise is None else otherwise
        column = self._hops[hop - 1]
        return column if sender is Side.CLIENT else self._room - 1 - column

    def _unsent(self, line: _Line, arrow: PacketRun) -> None:
        """It was dropped where it started: no line leads to the other end."""
        killer = _killer(arrow, self._in_full)
        words = f" {_said(arrow).replace('─', '·')}"[: self._room - 2 - len(killer)]
        self._put(line, arrow.sender, 0, "✗", "red", "bold")
        if arrow.sender is Side.CLIENT:
            self._put(line, Side.CLIENT, 1, words, "cyan")
            self._put(line, Side.CLIENT, 1 + len(words), killer.replace("✗", ""), "red")
        else:
            self._put(line, Side.SERVER, 1, f"{words[1:]} ", "yellow")
            self._put(line, Side.SERVER, 1 + len(words), killer, "red")

    def _arrive(self, arrows: Sequence[PacketRun]) -> Iterator[_Line]:
        if len(arrows) == 2:
            line = self._lifelines()
            middle = self._room // 2
            for arrow in arrows:
                self._head_of(
                    line,
                    arrow,
                    middle + 2 if arrow.sender is Side.CLIENT else self._room - middle + 1,
                )
            line.write(self._left + middle, "╱", COLOURS[Side.SERVER])
            line.write(self._left + 2 + middle, "╲", COLOURS[Side.CLIENT])
            yield line
            return
        (arrow,) = arrows
        place, _ = self._lanes.pop(id(arrow), (self._room // 2, arrow))
        line = self._lifelines()
        column = place if arrow.sender is Side.CLIENT else self._room - 1 - place
        self._head_of(line, arrow, column + 1)
        self._put(line, arrow.sender, column, _BENDS[arrow.sender][1], self._colour(arrow))
        yield line

    def _cross(self, arrows: Sequence[PacketRun]) -> Iterator[_Line]:
        """Two that leave before either arrives: their lines meet in the middle."""
        middle = self._room // 2
        line = self._lifelines()
        for arrow in arrows:
            self._tail(
                line, arrow, middle - 1 if arrow.sender is Side.CLIENT else self._room - middle - 2
            )
        line.write(self._left + middle, "╲", COLOURS[Side.CLIENT])
        line.write(self._left + 2 + middle, "╱", COLOURS[Side.SERVER])
        yield line
        line = self._lifelines()
        line.write(self._left + 1 + middle, "╳")
        yield line

    # --- notes

    def _note(self, note: Note) -> Iterator[_Line]:
        dim = note.kind in {"step", "rest", "others"}
        colours = (*KINDS.get(note.kind, ()), *(("dim",) if dim else ()))
        wrapped = textwrap.wrap(note.text, self._room - (3 if note.side else 1)) or [""]
        for number, text in enumerate(wrapped):
            line = self._lifelines()
            if note.side is Side.CLIENT:
                line.write(self._left, "├╴" if number == 0 else "│ ")
                line.write(self._left + 2, text, *colours)
            elif note.side is Side.SERVER:
                line.write(self._right - 1, "╶┤" if number == 0 else " │")
                line.write(self._right - 1 - len(text), text, *colours)
            else:
                sides = (self._room - len(text) - 4) // 2
                ruled = note.kind in {"fault", "removed"} and sides > 0 and len(wrapped) == 1
                rule = "┄" * sides
                words = f"{rule} {text} {rule}" if ruled else text
                start = (self._room - len(words)) // 2 if len(wrapped) == 1 else 2
                line.write(self._left + 1 + start, words, *colours)
            yield line


_BENDS = {Side.CLIENT: ("╮", "╰"), Side.SERVER: ("╭", "╯")}


def _name(change: StateChange) -> str:
    return str(change.after) if change.traced else f"~{change.after}"


def _placed(arrow: PacketRun, on: tuple[int, int], beside: tuple[int, int]) -> tuple[int, str]:
    """The words of an arrow, and where they begin: on its line, or beside it; columns from `on[0]`
    to `on[1]`, or from `beside[0]` to `beside[1]`.
    """
    again = f" ─ {arrow.again}" if arrow.again else ""
    for words in (_said(arrow), f"{arrow.short}{again}", arrow.short, name_of(arrow.packet)):
        for start, end in (on, beside):
            if len(words) + 2 <= end - start:
                return start, f" {words} "
    start, end = max(on, beside, key=lambda room: room[1] - room[0])
    return start, f" {arrow.short}"[: max(0, end - start - 1)] + "…"


def _again(arrow: PacketRun) -> list[tuple[str, tuple[str, ...]]]:
    return [(f" {arrow.again} ", ("bold",))] if arrow.again else []


def _killer(arrow: PacketRun, in_full: bool) -> str:
    """The fault that dropped it and, where there is room, the place."""
    name, where = arrow.packet.fault, arrow.packet.where
    name = name if len(name) <= NAME else f"{name[: NAME - 1]}…"
    return f" {name}, {where} " if in_full and where else f" {name} "
