# SPDX-License-Identifier: GPL-2.0-or-later
"""The atlas as one page to walk in: a grid of pairs, each of which opens with its ladder, rules,
both ends' sockets and the diagnosis, beside the state diagram, which lights up.

Like a report, it needs no network and no other file. Without scripts all pairs stand below each
other, and the grid leads to them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from netlab.model.evidence import Evidence
from netlab.model.tcp import State
from netlab.model.vocabulary import Pair, Side
from netlab.render import fsm_svg, pages
from netlab.render.grid import COLOURS, MEANINGS, NEVER, SHORT
from netlab.render.ladder_condense import PacketRun
from netlab.render.ladder_layout import LadderRow, duration, layout, stamp
from netlab.render.ladder_notes import StateChange

LIMIT = 60  # arrows of a ladder
CANNOT_BE = "cannot be: it says why"  # instead of what the terminal's legend has


@dataclass(frozen=True, slots=True)
class LadderStep:
    """One step of a ladder: what happens, and the states of both ends after it."""

    at: str  # seconds
    gap: str  # that passed before it, where it is worth a word
    kind: str  # packet, note or state
    side: str  # of a packet: who sends it; of a note: whom it is about, or ''
    text: str
    fate: str  # of a packet: arrives, lost, unsent, leaves or comes
    told: str  # for those who hear it: where it goes and what becomes of it
    client: str
    server: str
    enters: tuple[tuple[str, str], ...]  # which end, and its state after it
    moves: tuple[tuple[str, str, str], ...]  # which end, and the two ends of an arrow


@dataclass(frozen=True, slots=True)
class PairChapter:
    """One pair, in words."""

    client: str
    server: str
    sign: str  # of the grid
    story: str  # how it comes about, or why it cannot be
    facts: tuple[tuple[str, str], ...] = ()
    rules: tuple[tuple[str, str], ...] = ()  # where, and what nft was given
    listings: tuple[tuple[str, str], ...] = ()  # of which end, and what ss printed
    diagnosis: str = ""
    command: str = ""  # that plays it
    steps: tuple[LadderStep, ...] = ()
    heals: bool = False  # faults are removed at the end, and that changes the pair

    @property
    def name(self) -> str:
        """Of the pair, and where a link leads to."""
        return f"{self.client}/{self.server}"

    @property
    def frozen(self) -> int:
        """The number of the last step at which the pair is held, from 0."""
        end = len(self.steps)
        if self.heals:
            removed = [n for n, step in enumerate(self.steps) if step.fate == "removed"]
            end = next((n for n in reversed(removed) if n - 1 not in removed), end)
        held = [
            number
            for number, step in enumerate(self.steps[:end])
            if (step.client, step.server) == (self.client, self.server)
        ]
        return held[-1] if held else max(0, end - 1)


def page(chapters: Sequence[PairChapter], version: str, kernel: str, home: str = "") -> str:
    """The whole page. `chapters`: every pair of the grid, row by row. `home`: where the page's
    first line leads, if anywhere.
    """
    by_client: dict[str, list[PairChapter]] = {}
    for chapter in chapters:
        by_client.setdefault(chapter.client, []).append(chapter)
    signs = [chapter.sign for chapter in chapters]
    meanings = {**MEANINGS, NEVER: CANNOT_BE}
    return (
        pages.environment()
        .get_template("atlas.html")
        .render(
            version=version,
            home=home,
            kernel=kernel,
            chapters=chapters,
            rows=by_client,
            servers=[chapter.server for chapter in next(iter(by_client.values()))],
            short=SHORT,
            never=NEVER,
            colours=COLOURS,
            legend=[
                (sign, signs.count(sign), told) for sign, told in meanings.items() if sign in signs
            ],
            can_be=len(signs) - signs.count(NEVER),
            figure=Markup(fsm_svg.figure()),
        )
    )


def steps(run: Evidence) -> Iterator[LadderStep]:
    """A recorded run as steps, first to last."""
    drawn = layout(run, LIMIT, lambda one, other: False)
    now = {side: drawn.first.get(side) or State.CLOSED for side in Side}
    for row in drawn.rows:
        moves = tuple(
            (str(side), str(change.before), str(_end_of(change)))
            for side, change in row.states.items()
        )
        now |= {side: change.after for side, change in row.states.items()}
        kind, side, text, fate, told = _happening(row)
        yield LadderStep(
            stamp(row.at, row.late),
            duration(row.gap) if row.gap else "",
            kind,
            side,
            text,
            fate,
            told,
            *Pair(now[Side.CLIENT], now[Side.SERVER]).words(),
            tuple((str(side), str(change.after)) for side, change in row.states.items()),
            moves,
        )


def _end_of(change: StateChange) -> State:
    """Where an arrow of the diagram leads that a change goes along: a listener outlives its
    connections, and its row remains when they end.
    """
    ends = change.after is State.LISTEN and change.before not in (State.CLOSED, State.SYN_RECV)
    return State.CLOSED if ends else change.after


def _happening(row: LadderRow) -> tuple[str, str, str, str, str]:
    """The kind of a row, its side, its text, the fate of its packet, and that in words."""
    if row.note is not None:
        note = row.note
        return "note", str(note.side or ""), note.text, note.kind, ""
    if not row.arriving and not row.leaving:
        return "state", "", "", "", ""
    arrow = [*row.arriving, *row.leaving][0]
    if row.crossing and not arrow.unsent:
        return _packet(arrow, "leaves", "is on its way to")
    if arrow.lost:
        return _packet(arrow, "lost", f"is lost ({arrow.packet.fault or 'on the wire'}) to")
    if arrow.unsent:
        return _packet(arrow, "unsent", "is not let out to")
    return _packet(arrow, "comes" if row.arriving else "arrives", "reaches")


def _packet(arrow: PacketRun, fate: str, does: str) -> tuple[str, str, str, str, str]:
    text = f"{arrow.label}, {arrow.again}" if arrow.again else arrow.label
    sender = arrow.sender
    return "packet", str(sender), text, fate, f"of the {sender} {does} the {sender.peer}"
