# SPDX-License-Identifier: GPL-2.0-or-later
"""Explains why an end is not in the predicted state.

A state is what an end knows: whether the peer's SYN came, whether its own was acknowledged, and
the same for both FINs. The first fact in which two states differ is the reason: the segment that
would have had to come, and what kept it from coming.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from netlab.model.tcp import ACK, ANY, FIN, SYN, Segment, State
from netlab.model.vocabulary import Hook, Side
from netlab.scenario.model import AnyStep, Do, DropStep, Remove


class Knows(NamedTuple):
    """The facts that an end in a state knows, in the order in which it learns them."""

    peers_syn: bool = True
    syn_acked: bool = True
    fin_sent: bool = False
    peers_fin: bool = False
    fin_acked: bool = False


KNOWS = {
    State.SYN_SENT: Knows(False, False),
    State.SYN_RECV: Knows(True, False),
    State.ESTABLISHED: Knows(),
    State.FIN_WAIT1: Knows(fin_sent=True),
    State.FIN_WAIT2: Knows(fin_sent=True, fin_acked=True),
    State.CLOSE_WAIT: Knows(peers_fin=True),
    State.LAST_ACK: Knows(fin_sent=True, peers_fin=True),
    State.CLOSING: Knows(fin_sent=True, peers_fin=True),
    State.TIME_WAIT: Knows(fin_sent=True, peers_fin=True, fin_acked=True),
}

#: The segments that would tell an end each fact: any of them.
TELLS = {
    "peers_syn": (SYN, SYN | ACK),
    "syn_acked": (SYN | ACK, ACK),
    "peers_fin": (FIN, FIN | ACK),
    "fin_acked": (ACK, FIN, FIN | ACK),
}
NEEDS = {
    "peers_syn": "the other end's SYN",
    "syn_acked": "the ACK of its own SYN",
    "fin_sent": "a FIN of its own",
    "peers_fin": "the other end's FIN",
    "fin_acked": "the ACK of its own FIN",
}
BEFORE = {
    "peers_syn": "{said} has not heard the other end's SYN yet, and this end has",
    "syn_acked": "{said} still waits for the ACK of its SYN, and this end has got it",
    "fin_sent": "{said} has not sent a FIN, and this end has: its application closed",
    "peers_fin": "{said} has not heard the other end's FIN, and this end has",
    "fin_acked": "{said} still waits for the ACK of its FIN, and this end has got it",
}


class RulesInForce:
    """The result of the steps so far: the rules in force, and the sides that have closed."""

    def __init__(self, steps: Sequence[AnyStep]) -> None:
        self.drops: list[DropStep] = []
        self.closed: set[Side] = set()
        self.connected: set[Side] = set()
        for step in steps:
            match step:
                case DropStep():
                    self.drops.append(step)
                case Remove(name=name):
                    self.drops = [drop for drop in self.drops if name not in (None, drop.name)]
                case Do(action="close" | "shutdown"):
                    self.closed.add(step.side)
                case Do(action="connect"):
                    self.connected.add(step.side)

    def losing(self, side: Side, segments: Sequence[Segment]) -> DropStep | None:
        """The first rule that keeps these segments from arriving at one side, if there is one."""
        for drop in self.drops:
            arriving = drop.hook in (Hook.INPUT, Hook.PREROUTING)
            receiver = drop.side if arriving else drop.side.peer
            if receiver is side and ({*segments, ANY} & {*drop.segments}):
                return drop
        return None


def reason(side: Side, said: State, truth: State, scene: RulesInForce) -> str:
    """One sentence: the reason that this end is not in the state that was predicted."""
    if State.CLOSED in (said, truth) or State.LISTEN in (said, truth):
        return _no_connection(side, said, truth, scene)
    if KNOWS[said] == KNOWS[truth]:
        return (
            "LAST_ACK took the other end's FIN and closed after that; CLOSING had sent its own FIN "
            f"already when the other came, and that one did not acknowledge it. Here it is {truth}"
        )
    fact = next(f for f in Knows._fields if getattr(KNOWS[said], f) != getattr(KNOWS[truth], f))
    if getattr(KNOWS[truth], fact):
        return BEFORE[fact].format(said=said)
    return f"{said} needs {NEEDS[fact]}, and {_what_kept_it(side, fact, scene)}"


def _what_kept_it(side: Side, fact: str, scene: RulesInForce) -> str:
    if fact == "fin_sent":
        return f"the {side}'s application has not closed"
    drop = scene.losing(side, TELLS[fact])
    if drop is not None:
        return f"the rule at the {drop.side}'s {drop.hook} drops it"
    if fact == "peers_fin" and side.peer not in scene.closed:
        return f"the {side.peer}'s application has not closed"
    return "that has not come"


def _no_connection(side: Side, said: State, truth: State, scene: RulesInForce) -> str:
    if truth is State.LISTEN:
        if said is State.CLOSED:
            return "there is still a listener on the port, and that is what a look finds: LISTEN"
        return f"{said} needs a connection, and this end has none: only its listener is there"
    if truth is State.CLOSED:
        if said is State.LISTEN:
            return f"LISTEN is a socket that waits for any client, and the {side} has no listener"
        return f"{said} needs a connection, and this end has none, or no longer has one"
    if said is State.CLOSED:
        return "nothing has ended this end: no RST came, and its timer has not given up"
    if side in scene.connected:
        return f"LISTEN is a socket that waits for any client; the {side} has called connect()"
    return (
        "the listener is still there, but the SYN has come, "
        "and since then the connection has a row of its own"
    )
