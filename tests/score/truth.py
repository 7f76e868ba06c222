# SPDX-License-Identifier: GPL-2.0-or-later
"""What an injection has done to a connection, read from its description, in words of TCP.

Nothing here knows netlab's rules. From RFC 9293: an end that has sent a SYN, a FIN or data waits
for an answer. Either what it sent is lost, or the answer is, or nobody is there to answer, or its
own host refuses to send. An end that waits for nothing is kept by the application: its own (it
does not accept, read or close), or the peer's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from netlab.model.tcp import ACK, DATA, FIN, RST, SYN, Segment, State
from netlab.model.vocabulary import Hook, Side
from netlab.scenario.model import Do, DropStep, Remove, Scenario

Causes = frozenset[str]
NOTHING: Causes = frozenset()

#: What an end in this state has sent and waits to have acknowledged.
WAITS_FOR = {
    State.SYN_SENT: SYN,
    State.SYN_RECV: SYN | ACK,
    State.FIN_WAIT1: FIN,
    State.CLOSING: FIN,
    State.LAST_ACK: FIN,
}
LOST = {SYN: "syn-lost", SYN | ACK: "syn-ack-lost", DATA: "data-lost", FIN: "fin-lost"}
ANSWER_LOST = {
    SYN: "syn-ack-lost",
    SYN | ACK: "handshake-ack-lost",
    DATA: "data-ack-lost",
    FIN: "fin-ack-lost",
}
#: States in which an end has nothing of this connection and answers with a RST.
ABSENT = frozenset({State.CLOSED, State.LISTEN, State.SYN_SENT})
#: States that only the peer's FIN leads to.
TOOK_FIN = frozenset({State.CLOSE_WAIT, State.LAST_ACK, State.CLOSING, State.TIME_WAIT})
#: States in which a SYN is not out of place.
ANSWER_BY_SYN_ACK = frozenset({State.LISTEN, State.SYN_RECV, State.SYN_SENT})
#: How many bytes fit into what an application has not read; more closes the window.
WINDOW = 100_000


@dataclass(frozen=True, slots=True)
class Truth:
    """The causes that are true of a connection: any of them is a right answer.

    `ends`: what is true of what one end can see. An end that sees nothing unusual is not in it.
    """

    both: Causes
    ends: Mapping[Side, Causes]


@dataclass(frozen=True, slots=True)
class _Conduct:
    """What the applications of one side have done in its last life."""

    listens: bool = False
    accepted: bool = False
    reads: bool = False  # to the end
    sent: int = 0
    ending: str = ""  # the last of close, shutdown, abort, vanish
    #: The numbers of the steps at which it sent last, and ended; -1: never.
    sent_at: int = -1
    ended_at: int = -1


def truth(scenario: Scenario, pair: Mapping[Side, State]) -> Truth:
    """What is true of a scenario's connection while it is frozen in this pair."""
    if any(step.reject and DATA in step.segments for step in scenario.drops):
        refused = frozenset({"icmp-error", "data-lost"})
        return Truth(refused, {Side.CLIENT: refused})
    special = _of_queues(scenario)
    if special is not None:
        return special
    story = _Story(scenario, pair)
    ends = {side: found for side in Side if (found := story.seen_by(side))}
    return Truth(story.of_both(), ends)


def _of_queues(scenario: Scenario) -> Truth | None:
    """Where the kernel of one end drops segments itself: the application, not the wire."""
    deeds = [step for step in scenario.steps if isinstance(step, Do)]
    listens = [deed for deed in deeds if deed.action == "listen"]
    flood = any(deed.action == "flood" for deed in deeds)
    connects = [deed for deed in deeds if deed.action == "connect"]
    if any(deed.arguments.get("defer") for deed in listens):
        causes = frozenset({"deferred-accept"})
        return Truth(causes, {Side.SERVER: causes})
    if flood and scenario.drops:  # the ACK that carries the cookie back is lost as well
        return Truth(frozenset({"handshake-ack-lost", "syn-cookies", "syn-flood"}), {})
    if flood:
        refused = any(deed.arguments.get("tcp_syncookies") == "0" for deed in deeds)
        causes = frozenset({"syn-flood", "syn-queue-full" if refused else "syn-cookies"})
        return Truth(causes, {Side.SERVER: causes})
    accepts = sum(deed.action == "accept" for deed in deeds)
    waiting = [deed for deed in connects if not deed.fails]
    backlog = min((int(str(deed.arguments.get("backlog", 128))) for deed in listens), default=128)
    if len(waiting) - accepts > backlog + 1 and not scenario.drops:
        causes = frozenset({"accept-queue-full", "not-accepted"})
        return Truth(causes, {Side.SERVER: causes})
    return None


class _Story:
    """One connection: what is dropped, what the applications did, and where it stands."""

    def __init__(self, scenario: Scenario, pair: Mapping[Side, State]) -> None:
        self._pair = pair
        self._drops = _in_force(scenario)
        self._did = {side: _conduct(scenario, side) for side in Side}

    def of_both(self) -> Causes:
        """Any of these is a right answer for whoever sees both ends."""
        waiting = frozenset().union(*(self._why_waiting(side) for side in Side))
        if waiting:
            return waiting
        kept = frozenset().union(*(self._application(side) for side in Side))
        if "not-accepted" in kept:
            kept -= {"not-closed"}  # who was never accepted cannot be closed
        gone = frozenset().union(*(self._alone(side) for side in Side))
        return kept | gone

    def seen_by(self, side: Side) -> Causes:
        """Any of these is a right answer for whoever sees this end; empty if it looks healthy."""
        waiting = self._why_waiting(side)
        if waiting:
            return waiting
        if self._pair[side] is State.CLOSE_WAIT:
            return self._application(side)
        if self._pair[side] is State.FIN_WAIT2 and self._did[side].ending == "close":
            return NOTHING  # an orphan: the kernel ends it within a minute, whatever the peer does
        if self._pair[side] is State.FIN_WAIT2:  # what keeps the peer from closing is not seen here
            return self.of_both() | self._application(side)
        return self._application(side)

    # --- what is waited for

    def _why_waiting(self, side: Side) -> Causes:
        segment = WAITS_FOR.get(self._pair[side])
        data = self._data_waits(side)
        found = NOTHING if segment is None else self._why_unanswered(side, segment)
        return found | (self._why_unanswered(side, DATA) if data else NOTHING)

    def _data_waits(self, side: Side) -> bool:
        sent = self._did[side].sent
        answered = not self._lost(side, DATA) and (
            not self._lost(side.peer, ACK) or self._answered_by_more(side)
        )
        nobody = self._pair[side.peer] in ABSENT and bool(self._lost(side.peer, RST))
        nobody = nobody and self._did[side].sent_at > self._did[side.peer].ended_at
        closed_window = sent > WINDOW and not self._did[side.peer].reads
        opened = self._pair[side] not in (State.SYN_SENT, State.SYN_RECV, State.CLOSED)
        return opened and bool(sent) and (not answered or nobody or closed_window)

    def _answered_by_more(self, side: Side) -> bool:
        """Whether the peer sent data or a FIN later on, which acknowledge as an ACK does."""
        own, peer = self._did[side], self._did[side.peer]
        data = peer.sent_at > own.sent_at and not self._lost(side.peer, DATA)
        fin = peer.ending in ("close", "shutdown") and peer.ended_at > own.sent_at
        return data or (fin and not self._lost(side.peer, FIN))

    def _why_unanswered(self, side: Side, segment: Segment) -> Causes:
        """Why what one end sends brings it no acknowledgment."""
        peer = side.peer
        arrived = segment == FIN and self._pair[peer] in TOOK_FIN
        if not arrived and (hook := self._lost(side, segment)):
            if hook is not Hook.INPUT:
                return frozenset({"own-firewall"})
            gone = frozenset({"peer-gone"}) if self._silent(peer) else NOTHING
            return frozenset({LOST[segment]}) | gone
        if self._is_gone(side) or self._pair[peer] is State.CLOSED:
            return self._answer(peer, RST, "rst-lost") or frozenset({"peer-gone"})
        if segment == SYN and self._pair[peer] not in ANSWER_BY_SYN_ACK:
            # An older life of the connection answers with an ACK, and this end to that with a RST.
            return self._answer(side, RST, "rst-lost") or self._answer(
                peer, ACK, "challenge-ack-lost"
            )
        name = ANSWER_LOST[segment]
        if segment == FIN and self._pair[side] is State.LAST_ACK:
            name = "last-ack-lost"
        for answer in (SYN | ACK,) if segment == SYN else (ACK, FIN):
            if found := self._answer(peer, answer, name):
                return found
        if segment != SYN and self._did[side].sent > WINDOW:
            return frozenset({"not-read"}) | self._orphan(side)
        return NOTHING

    def _answer(self, side: Side, segment: Segment, name: str) -> Causes:
        """What it is called when one side's answer is dropped, if it is.

        Linux sends no ACK and no RST again, so one that the own firewall drops is missed by
        nobody: it is lost like any other. What is sent again is known to have failed.
        """
        hook = self._lost(side, segment)
        if hook is None:
            return NOTHING
        told = hook is not Hook.INPUT and segment not in (ACK, RST)
        return frozenset({"own-firewall" if told else name})

    def _orphan(self, side: Side) -> Causes:
        return frozenset({"orphans-wait"}) if self._did[side].ending == "close" else NOTHING

    def _is_gone(self, side: Side) -> bool:
        """Whether the peer has nothing of this connection and never will."""
        if self._pair[side.peer] not in ABSENT:
            return False
        return self._pair[side] not in (State.SYN_SENT, State.SYN_RECV) or bool(
            self._did[side.peer].ending
        )

    def _silent(self, side: Side) -> bool:
        """Whether a machine is off: it says nothing, and nothing reaches it."""
        return self._did[side].ending == "vanish" and self._pair[side] in ABSENT

    def _lost(self, side: Side, segment: Segment) -> Hook | None:
        """Where what one side sends is dropped, if it is."""
        for drop in self._drops:
            from_side = drop.side.peer if drop.hook is Hook.INPUT else drop.side
            if from_side is side and any(_covers(each, segment) for each in drop.segments):
                return Hook.INPUT if drop.hook is Hook.INPUT else Hook.OUTPUT
        return None

    # --- what the applications leave undone

    def _application(self, side: Side) -> Causes:
        """What the application of one side has not done, though it should have."""
        did, state, peer = self._did[side], self._pair[side], self._pair[side.peer]
        other = self._did[side.peer]
        if did.listens and not did.accepted and state in (State.ESTABLISHED, State.CLOSE_WAIT):
            return frozenset({"not-accepted"})
        if state is State.CLOSE_WAIT:
            causes = {"not-closed"} if did.reads else {"not-read", "not-closed"}
            if other.ending == "shutdown" and peer is State.FIN_WAIT2:
                causes |= {"half-closed"}
            return frozenset(causes)
        if state is State.FIN_WAIT2:  # the peer's application has not closed
            return frozenset(
                {"not-closed", "half-closed"} if did.ending == "shutdown" else {"not-closed"}
            )
        if state is State.ESTABLISHED and other.sent > WINDOW and not did.reads:
            return frozenset({"not-read"})
        return NOTHING

    def _alone(self, side: Side) -> Causes:
        """Whether one end believes in a connection that the other knows nothing of."""
        lasting = (State.ESTABLISHED, State.CLOSE_WAIT, State.FIN_WAIT2)
        if self._pair[side] not in lasting or self._pair[side.peer] not in ABSENT:
            return NOTHING
        if self._lost(side.peer, RST):
            return frozenset({"rst-lost", "peer-gone"})  # it was lost, and nothing asks for another
        return frozenset({"peer-gone"})


def _in_force(scenario: Scenario) -> tuple[DropStep, ...]:
    drops: list[DropStep] = []
    for step in scenario.steps:
        if isinstance(step, DropStep) and step.reject is None:
            drops.append(step)
        elif isinstance(step, Remove):
            drops = [drop for drop in drops if step.name not in (None, drop.name)]
    return tuple(drops)


def _covers(named: Segment, segment: Segment) -> bool:
    """Whether a drop of one class loses segments of the other."""
    if named is Segment.ANY or named == segment:
        return True
    return named in (FIN | ACK, FIN) and segment == FIN


def _conduct(scenario: Scenario, side: Side) -> _Conduct:
    """Follow what one side does; a connect begins a new life."""
    listens = accepted = reads = False
    sent, ending, got = 0, "", 0
    sent_at = ended_at = -1
    ports = set[object]()  # that the other end has connected from
    for number, step in enumerate(scenario.steps):
        if not isinstance(step, Do) or step.fails:
            continue
        if step.side is side.peer and step.action == "send":
            got += _size(step)
        if step.side is side.peer and step.action == "connect":
            port = step.arguments.get("source_port")
            # The last one that came is looked at, unless it meets the old one.
            accepted &= port in ports and ending not in ("close", "abort")
            ports |= {port} - {None}
        if step.side is not side:
            continue
        match step.action:
            case "listen":
                listens = True
            case "connect":
                listens, accepted, reads, sent, ending = False, True, False, 0, ""
                sent_at = ended_at = -1
            case "accept":
                accepted = True
            case "send":
                sent, sent_at = sent + _size(step), number
            case "run":  # tcp_client: it sends lines, and neither reads nor closes
                listens, accepted, sent, sent_at = False, True, sent + 20, number
            case "drain":
                reads = True
            case "read":
                reads = reads or _size(step) >= got > 0
            case "close" | "shutdown" | "abort" | "vanish":
                ending, ended_at = step.action, number
    return _Conduct(listens, accepted, reads, sent, ending, sent_at, ended_at)


def _size(step: Do) -> int:
    count = step.arguments.get("count")
    return len(str(step.arguments.get("text", ""))) if count is None else int(str(count))
