# SPDX-License-Identifier: GPL-2.0-or-later
"""The words of TCP, as RFC 9293 and Linux use them."""

from __future__ import annotations

import contextlib
import enum
import re
from functools import cache


class State(enum.IntEnum):
    """A connection's state, numbered as in Linux (``include/net/tcp_states.h``).

    `CLOSED` also stands for a connection that is not there: RFC 9293, section 3.3.2, calls it
    fictional "because it represents the state when there is no TCB".
    """

    ESTABLISHED = 1
    SYN_SENT = 2
    SYN_RECV = 3
    FIN_WAIT1 = 4
    FIN_WAIT2 = 5
    TIME_WAIT = 6
    CLOSED = 7
    CLOSE_WAIT = 8
    LAST_ACK = 9
    LISTEN = 10
    CLOSING = 11

    def __str__(self) -> str:
        return self.name


#: How states are written by RFC 9293, ss and its filter, netstat of Linux, BSD and Windows, and
#: last by the atlas's grid. A hyphen may also be a space, an underscore or nothing.
SPELLINGS: dict[State, tuple[str, ...]] = {
    State.ESTABLISHED: ("ESTABLISHED", "ESTAB", "EST"),
    State.SYN_SENT: ("SYN-SENT", "SS"),
    State.SYN_RECV: ("SYN-RECV", "SYN-RCVD", "SYN-RECEIVED", "NEW-SYN-RECV", "SR"),
    State.FIN_WAIT1: ("FIN-WAIT-1", "FW1"),
    State.FIN_WAIT2: ("FIN-WAIT-2", "FW2"),
    State.TIME_WAIT: ("TIME-WAIT", "TW"),
    State.CLOSED: ("CLOSED", "CLOSE", "UNCONN", "CLO"),
    State.CLOSE_WAIT: ("CLOSE-WAIT", "CW"),
    State.LAST_ACK: ("LAST-ACK", "LA"),
    State.LISTEN: ("LISTEN", "LISTENING", "LIS"),
    State.CLOSING: ("CLOSING", "CLG"),
}


def ss_name(state: State) -> str:
    """A state as ss writes it (``misc/ss.c``, sstate_name)."""
    return _SS_NAMES.get(state, SPELLINGS[state][0])


_SS_NAMES = {State.ESTABLISHED: "ESTAB", State.CLOSED: "UNCONN"}


def spelling(words: str) -> str:
    """A regular expression for one of `SPELLINGS` in any case, without flags: JSON Schema, which
    the scenario language is described in, has none.
    """
    letters = (f"[{letter}{letter.lower()}]" if letter.isalpha() else letter for letter in words)
    return "".join("[-_ ]?" if letter == "-" else letter for letter in letters)


@cache
def _spelt() -> dict[State, re.Pattern[str]]:
    """Compiled when they are first asked for: 2 ms, which ``netlab snapshot`` does not need."""
    return {
        state: re.compile("|".join(map(spelling, spellings)))
        for state, spellings in SPELLINGS.items()
    }


def named(text: str) -> State:
    """The state that a person means: ``FIN_WAIT2``, ``fin-wait-2``, ``FW2``, ``estab``.

    Raises ValueError with what comes close and the whole list.
    """
    for state, spelt in _spelt().items():
        if spelt.fullmatch(text):
            return state
    squeezed = {words.replace("-", ""): state for state, spellings in SPELLINGS.items()
                for words in spellings}  # fmt: skip
    wanted = re.sub(r"[\W_]", "", text).upper()
    beginning = [word for word in squeezed if wanted and word.startswith(wanted)]
    import difflib

    close = beginning or difflib.get_close_matches(wanted, squeezed, n=3, cutoff=0.6)
    meant = " or ".join(dict.fromkeys(str(squeezed[word]) for word in close))
    states = ", ".join(map(str, State))
    guess = f"did you mean {meant}? The states are" if meant else "the states are"
    raise ValueError(f"{text!r} is no state: {guess} {states}")


#: What stands between the two states of a pair.
BETWEEN = re.compile(r"[/,]|\s(?:-|and)\s")


def both_named(text: str) -> tuple[State, ...]:
    """The states of a pair (``FW1/EST``, ``FW1 and EST``, or two cells of a table), or one alone.

    Raises ValueError as `named` does.
    """
    words = BETWEEN.split(text)
    if len(words) == 1:
        cells = text.split()
        for place in range(1, len(cells)):
            with contextlib.suppress(ValueError):
                return named(" ".join(cells[:place])), named(" ".join(cells[place:]))
    if len(words) > 2:
        raise ValueError(f"{text!r} is no pair: expected CLIENT/SERVER such as SYN_SENT/LISTEN")
    return tuple(named(word.strip()) for word in words)


#: The states in which a segment that was sent waits for its acknowledgment, so that Linux sends
#: it again: the SYN, the SYN-ACK, or the FIN.
RETRANSMITTING = frozenset(
    {State.SYN_SENT, State.SYN_RECV, State.FIN_WAIT1, State.CLOSING, State.LAST_ACK}
)


class Segment(enum.Flag):
    """A class of segments: the control bits that matter to a connection's state, and payload.

    Bits of one segment are joined with ``|`` (``SYN | ACK``). `FIN` and `RST` alone match with or
    without ACK, since Linux sends no FIN without it; `ACK` alone is an acknowledgment without
    data, `DATA` a segment with payload and none of SYN, FIN, RST. `ANY` is every segment.
    """

    ANY = 0
    FIN = 0x01
    SYN = 0x02
    RST = 0x04
    ACK = 0x10
    DATA = 0x100

    @property
    def compared(self) -> Segment:
        """The control bits that are compared."""
        if self is Segment.ANY:
            return Segment.ANY
        if self in (Segment.FIN, Segment.RST, Segment.DATA):
            return Segment.FIN | Segment.SYN | Segment.RST
        return CONTROL

    @property
    def bits(self) -> Segment:
        """The control bits that must be set among `compared`."""
        return self & ~Segment.DATA

    @property
    def payload(self) -> bool | None:
        """True: only with payload; False: only without; None: either."""
        return {Segment.ACK: False, Segment.DATA: True}.get(self)

    def __str__(self) -> str:
        return "|".join(name for name in WRITTEN_ORDER if Segment[name] in self) or "ANY"


def segment_named(text: str) -> Segment:
    """The segment of ``SYN|ACK``, with or without spaces. Raises KeyError for an unknown bit."""
    bits = Segment.ANY
    for name in text.replace(" ", "").split("|"):
        bits |= Segment[name]
    return bits


CONTROL = Segment.FIN | Segment.SYN | Segment.RST | Segment.ACK
WRITTEN_ORDER = ("SYN", "FIN", "RST", "DATA", "ACK")  # as people say them: SYN|ACK, FIN|ACK

SYN, FIN, RST, ACK, DATA, ANY = (
    Segment.SYN,
    Segment.FIN,
    Segment.RST,
    Segment.ACK,
    Segment.DATA,
    Segment.ANY,
)

#: Every combination that a real stack sends and that a fault may name.
NAMEABLE = (SYN, SYN | ACK, ACK, DATA, FIN, FIN | ACK, RST, RST | ACK, ANY)


class Timer(enum.IntEnum):
    """The timer a socket waits for: column ``tr`` (``net/ipv4/tcp_ipv4.c``, get_tcp4_sock)."""

    NONE = 0
    RETRANSMIT = 1  # or tail loss probe, which does not increase `retransmits`
    KEEPALIVE = 2  # or a listener's: SYN-ACKs are re-sent by a timer of each request
    TIME_WAIT = 3  # also that of an orphaned FIN_WAIT2
    PROBE = 4  # zero window, or a segment that the local firewall refused

    def __str__(self) -> str:
        return self.name.lower().replace("_", "-")


#: How ss writes the timers that run (``misc/ss.c``, tmr_name).
SS_TIMERS = {
    Timer.RETRANSMIT: "on",
    Timer.KEEPALIVE: "keepalive",
    Timer.TIME_WAIT: "timewait",
    Timer.PROBE: "persist",
}


def why_unreachable(client: State, server: State) -> str | None:
    """The reason why no sequence of segments leads to this pair, or None if one does.

    Each sentence is the invariant that forbids the pair (RFC 9293, section 3.3.2 and Figure 5);
    `netlab.atlas.explore` explores two endpoints exhaustively and finds the same 79 of 110.
    """
    return _one_way(client, server) or _one_way(server, client)


def _one_way(one: State, other: State) -> str | None:
    s = State
    if one is s.LISTEN and other is s.LISTEN:
        return "two listeners have no connection with each other"
    if one is s.FIN_WAIT2 and other in (
        s.SYN_RECV,
        s.ESTABLISHED,
        s.FIN_WAIT1,
        s.FIN_WAIT2,
    ):
        return f"FIN_WAIT2 needs a peer that took the FIN, and {other} has not"
    if one is s.CLOSE_WAIT and other in (
        s.ESTABLISHED,
        s.CLOSE_WAIT,
        s.LAST_ACK,
        s.CLOSING,
        s.TIME_WAIT,
    ):
        return f"CLOSE_WAIT needs a peer that sent its FIN first and has none back, not {other}"
    if one is s.TIME_WAIT and other in (
        s.SYN_RECV,
        s.ESTABLISHED,
        s.FIN_WAIT1,
        s.FIN_WAIT2,
    ):
        return f"TIME_WAIT needs a peer that took the FIN and sent its own, and {other} has not"
    if one is s.ESTABLISHED and other in (s.LAST_ACK, s.CLOSING):
        return f"{other} needs a peer that sent a FIN, and ESTABLISHED has not"
    if one is s.LAST_ACK and other is s.CLOSING:
        return "every FIN of LAST_ACK acknowledges the peer's, and CLOSING took one that did not"
    if one is s.LAST_ACK and other is s.LAST_ACK:
        return "each side would have to take the other's FIN before sending its own"
    return None
