# SPDX-License-Identifier: GPL-2.0-or-later
"""The layout of RFC 9293's Figure 5, in columns and rows of a terminal.

The terminal draws it as it is; the SVG uses the same places, a few pixels for each. It fits 80
columns. The states carry Linux's names.
"""

from __future__ import annotations

from typing import NamedTuple

from netlab.model.tcp import State

S = State
Point = tuple[int, int]  # column, row

WIDTH, HEIGHT = 79, 46


class Drawn(NamedTuple):
    """An arrow and what was seen of it, as a picture needs it."""

    source: State
    target: State
    event: str
    origin: str  # RFC 9293, or Linux
    scenarios: tuple[str, ...] = ()  # that show it, the best one first
    reason: str = ""  # why it was not seen
    absent: bool = False  # Linux does not have it

    @property
    def mark(self) -> str:
        """Seen, never there, or not seen this time."""
        return "✓" if self.scenarios else "✗" if self.absent else "·"

    @property
    def shown_by(self) -> str:
        """A scenario that shows it and how many more do, ``fins-cross (+8)``; or why none does."""
        if not self.scenarios:
            return self.reason or "not seen, and no reason is known"
        more = len(self.scenarios) - 1
        return self.scenarios[0] + (f" (+{more})" if more else "")


class Box(NamedTuple):
    """A state: its upper left corner, and its size with the frame."""

    state: State
    left: int
    top: int
    height: int
    width: int = 15


class Route(NamedTuple):
    """An arrow's corners from tail to head, and its words with the place of their first letter.

    The mark stands before the first line.
    """

    corners: tuple[Point, ...]
    words: tuple[str, ...]
    at: Point


BOXES = (
    Box(S.CLOSED, 32, 0, 4),
    Box(S.LISTEN, 32, 7, 3),
    Box(S.SYN_RECV, 0, 14, 7),
    Box(S.SYN_SENT, 64, 14, 7),
    Box(S.ESTABLISHED, 32, 23, 3),
    Box(S.FIN_WAIT1, 0, 27, 5),
    Box(S.CLOSE_WAIT, 64, 27, 3),
    Box(S.FIN_WAIT2, 0, 35, 3),
    Box(S.CLOSING, 32, 35, 3),
    Box(S.LAST_ACK, 64, 35, 3),
    Box(S.TIME_WAIT, 32, 42, 4),
    Box(S.CLOSED, 64, 42, 4),  # drawn twice, as in Figure 5
)

ROUTES = {
    (S.CLOSED, S.SYN_SENT): Route(
        ((47, 1), (73, 1), (73, 13)), ("active OPEN / snd SYN",), (48, 0)
    ),
    (S.SYN_SENT, S.CLOSED): Route(((67, 13), (67, 2), (47, 2)), ("CLOSE", "delete TCB"), (53, 3)),
    (S.CLOSED, S.LISTEN): Route(((36, 4), (36, 6)), ("passive OPEN", "create TCB"), (20, 4)),
    (S.LISTEN, S.CLOSED): Route(((42, 6), (42, 4)), ("CLOSE", "delete TCB"), (44, 5)),
    (S.SYN_RECV, S.LISTEN): Route(((7, 13), (7, 8), (31, 8)), ("rcv RST (note 1)",), (9, 7)),
    (S.LISTEN, S.SYN_RECV): Route(
        ((36, 10), (36, 15), (15, 15)), ("rcv SYN", "snd SYN,ACK"), (18, 13)
    ),
    (S.LISTEN, S.SYN_SENT): Route(((42, 10), (42, 15), (63, 15)), ("SEND", "snd SYN"), (49, 13)),
    (S.SYN_SENT, S.SYN_RECV): Route(((63, 17), (15, 17)), ("rcv SYN / snd SYN,ACK",), (28, 16)),
    (S.SYN_RECV, S.ESTABLISHED): Route(
        ((15, 19), (36, 19), (36, 22)), ("rcv ACK of SYN",), (17, 20)
    ),
    (S.SYN_SENT, S.ESTABLISHED): Route(
        ((63, 19), (42, 19), (42, 22)), ("rcv SYN,ACK", "snd ACK"), (47, 20)
    ),
    (S.SYN_RECV, S.FIN_WAIT1): Route(((5, 21), (5, 26)), ("CLOSE", "snd FIN"), (7, 23)),
    (S.ESTABLISHED, S.FIN_WAIT1): Route(
        ((36, 26), (36, 28), (15, 28)), ("CLOSE", "snd FIN"), (21, 26)
    ),
    (S.ESTABLISHED, S.CLOSE_WAIT): Route(
        ((42, 26), (42, 28), (63, 28)), ("rcv FIN", "snd ACK"), (48, 26)
    ),
    (S.FIN_WAIT1, S.CLOSING): Route(
        ((15, 29), (39, 29), (39, 34)), ("rcv FIN", "snd ACK"), (28, 30)
    ),
    (S.FIN_WAIT1, S.TIME_WAIT): Route(
        ((15, 30), (25, 30), (25, 43), (31, 43)),
        ("rcv FIN and", "ACK of FIN", "snd ACK", "(note 2)"),
        (27, 38),
    ),
    (S.FIN_WAIT1, S.FIN_WAIT2): Route(((5, 32), (5, 34)), ("rcv ACK of FIN",), (7, 33)),
    (S.FIN_WAIT2, S.TIME_WAIT): Route(
        ((5, 38), (5, 44), (31, 44)), ("rcv FIN", "snd ACK"), (8, 42)
    ),
    (S.CLOSING, S.TIME_WAIT): Route(((43, 38), (43, 41)), ("rcv ACK of FIN",), (45, 39)),
    (S.CLOSE_WAIT, S.LAST_ACK): Route(((71, 30), (71, 34)), ("CLOSE", "snd FIN"), (59, 31)),
    (S.LAST_ACK, S.CLOSED): Route(((71, 38), (71, 41)), ("rcv ACK of FIN",), (53, 40)),
    (S.TIME_WAIT, S.CLOSED): Route(((47, 43), (63, 43)), ("timeout=2MSL",), (48, 42)),
}
