# SPDX-License-Identifier: GPL-2.0-or-later
"""Records a lab: every packet at both ends and at every rule, and what the kernel reports."""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import replace

from netlab.linux.namespace import Namespace
from netlab.linux.procnet import Row
from netlab.model import evidence
from netlab.model.evidence import EventKind, Frame, Recording, Transition
from netlab.model.tcp import State
from netlab.model.vocabulary import Side
from netlab.observe.tracing import Endpoint, Traced, tracer
from netlab.observe.transitions import Visit, reconciled, sampled
from netlab.testbed.connection import Flow
from netlab.testbed.tape import Taps

EVENTS: dict[str, EventKind] = {
    "tcp_retransmit_skb": "retransmitted",
    "tcp_retransmit_synack": "retransmitted",
    "tcp_send_reset": "reset sent",
    "tcp_receive_reset": "reset received",
    "kfree_skb": "discarded",
}
STATES = {f"TCP_{state}": state for state in State} | {
    "TCP_CLOSE": State.CLOSED,
    "TCP_NEW_SYN_RECV": State.SYN_RECV,
}


class Recorder:
    """Records one lab: packets, rule hits and tracepoints (not the samples).

    Raises `LabError` where NFLOG is missing.
    """

    def __init__(self, began: float, began_realtime: int) -> None:
        self._began, self._began_realtime = began, began_realtime
        self.taps = Taps(began)
        self._hops: tuple[str, ...] = ()
        self._answering: tuple[int, ...] = ()
        self._translations: Callable[[], Iterable[evidence.Translation]] = tuple
        self._frames: list[Frame] = []
        self._traced: list[Traced] = []
        self._tracer = tracer()
        self._lost_before = self._lost()
        self._rows: dict[str, Row] = {}  # by the kernel's address of the socket
        self._closing = contextlib.ExitStack()
        self._closing.callback(self.taps.close)
        if self._tracer is not None:
            self._closing.callback(self._tracer.unsubscribe, self._hear)

    def watch(self, side: Side, namespace: Namespace, addresses: Sequence[str]) -> None:
        """Get ready to record one side."""
        self.taps.watch(side, namespace)
        self.know(addresses)

    def watch_also(self, side: Side, namespace: Namespace, interface: str) -> None:
        """Record another interface of one side from now on. Raises `LabError` where it cannot."""
        self.taps.watch_also(side, namespace, interface)

    def watch_path(
        self,
        boxes: Sequence[tuple[str, Namespace]],
        translations: Callable[[], Iterable[evidence.Translation]],
        answering: Sequence[int],
    ) -> None:
        """Record hosts on the way from now on, by their names in a row; `translations` tells what
        they have made of addresses, `answering` which ones answer for both ends, by their numbers.
        Raises `LabError` where it cannot.
        """
        self._answering = tuple(answering)
        self._hops, self._translations = tuple(name for name, _ in boxes), translations
        for number, (_, namespace) in enumerate(boxes, start=1):
            self.taps.watch_hop(number, namespace)

    def start(self) -> None:
        """Wait until everything is ready to record. Raises `LabError` if that takes too long."""
        self.taps.start()

    def know(self, addresses: Sequence[str]) -> None:
        """Register addresses of this lab."""
        if self._tracer is not None:
            self._tracer.subscribe(addresses, self._hear)

    def close(self) -> None:
        """Stop recording."""
        self._closing.close()

    def sampled(self, rows: Sequence[Row]) -> None:
        """Note the sockets, so that a discarded packet can be attributed to one."""
        if self._tracer is None:
            return
        for row in rows:
            if row.pointer not in self._rows:
                self._tracer.introduce(row.pointer, self._hear)
            self._rows[row.pointer] = row

    def drain(self) -> None:
        """Read what has come since the last call."""
        self._frames += self.taps.read()
        if self._tracer is not None:
            self._tracer.drain(at_once=False)

    @property
    def frames(self) -> int:
        """The number of frames that have been read so far: a packet is one at each end."""
        return len(self._frames)

    @property
    def _tells_apart(self) -> bool:
        """Whether tracepoints say which socket did something: a hop that answers for both ends has
        sockets with the same addresses as theirs.
        """
        return self._tracer is not None and not self._answering

    def _hear(self, traced: Traced) -> None:
        self._traced.append(traced._replace(at=traced.at - self._began))

    def _lost(self) -> int:
        """The number of tracepoint records lost so far."""
        if self._tracer is None:
            return 0
        self._tracer.drain()
        return self._tracer.lost

    # --- what is kept

    def recording(self, flow: Flow) -> Recording:
        """Everything recorded so far, with the events of one connection."""
        return Recording(
            began=self._began_realtime,
            client=flow.client,
            server=flow.server,
            hops=self._hops,
            translations=tuple(self._translations()),
            answering=self._answering,
            frames=tuple(sorted(self._frames, key=lambda frame: frame.at)),
            events=tuple(self._events(flow)),
            traced=self._tells_apart and self._lost() == self._lost_before,
            missed=self.taps.missed,
        )

    def _events(self, flow: Flow) -> list[evidence.Event]:
        found = []
        for traced in of_open_sockets(self._traced, _addresses(flow)) if self._tells_apart else ():
            kind = EVENTS.get(traced.tracepoint)
            if kind is None or (kind == "discarded" and traced.reason in CONSUMED):
                continue
            row = self._rows.get(traced.socket)
            for side in _sides(flow):
                if (traced.local, traced.remote) == flow.ends(side) or (
                    kind == "discarded" and row is not None and flow.is_of(side, row)
                ):
                    at = round(traced.at, 6)
                    found.append(evidence.Event(at, side, kind, traced.reason))
        return found

    def transitions(self, flow: Flow, side: Side) -> tuple[Transition, ...]:
        """The transitions of one end. Raises `LabError` where samples and tracepoints disagree."""
        intervals = flow.timelines[side].intervals()
        if side not in _sides(flow):
            return sampled(intervals)
        if not self._tells_apart or self._lost() > self._lost_before:
            return sampled(intervals)
        own = self._of(flow, side)
        given = self._given(flow) if side is Side.SERVER else None
        seen = visits(own) if given is None else visits_since(given, own)
        return reconciled(seen, intervals, self._requests(flow, side))

    def _given(self, flow: Flow) -> float | None:
        """When a NAT gave a connection the ends that it has at the server, in seconds; None where
        no other connection had them before.
        """
        names, own, others = {flow.client}, list[float](), list[float]()
        for each in self._translations():
            if each.client in names:
                names.add(each.client_behind)
            if (each.client_behind, each.server_behind) == flow.seen:
                (own if each.client in names else others).append(each.at)
        return max(own) if own and others and min(others) < max(own) else None

    def _requests(self, flow: Flow, side: Side) -> list[float]:
        """The times at which one end sent a SYN-ACK of this connection."""
        return [
            frame.at
            for frame in self._frames
            if frame.side is side and frame.seen == "out" and _is_synack(frame.data, flow)
        ]

    def _of(self, flow: Flow, side: Side) -> list[Traced]:
        """The state changes that belong to one end of a connection, in order.

        A socket has no port yet when it goes to SYN_SENT (tcp_v4_connect), so that change is the
        last one towards the same peer before the connection became known, was established, or was
        seen in that state.
        """
        local, remote = flow.ends(side)
        own, without_port = [], []
        for traced in self._traced:
            if not traced.after:
                continue
            if traced.local == local and traced.remote in (remote, *LISTENERS):
                own.append(traced)
            elif traced.local == (local[0], 0) and traced.remote == remote:
                without_port.append(traced)
        begun = [at for whose, at in flow.begun if whose is side]
        begun += [t.at for t in own if t.before == "TCP_SYN_SENT" and t.after != "TCP_CLOSE"]
        if not begun:  # a program's, which has not been established
            seen = flow.timelines[side].intervals()
            begun = [each.since for each in seen if each.state is State.SYN_SENT]
        for at in begun:
            earlier = [traced for traced in without_port if traced.at <= at]
            if earlier and earlier[-1] not in own:
                own.append(earlier[-1])
        return sorted(own, key=lambda traced: traced.at)


def _sides(flow: Flow) -> tuple[Side, ...]:
    """The sides at which a connection has an end: only one if it is connected to itself."""
    return (Side.CLIENT,) if flow.client == flow.server else tuple(Side)


def _addresses(flow: Flow) -> set[str]:
    return {flow.ends(side)[0][0] for side in _sides(flow)}


def of_open_sockets(records: Iterable[Traced], addresses: Collection[str]) -> Iterator[Traced]:
    """The records without the discards of sockets that had ended before: the kernel gives such
    memory away at once, and what is met there is another's, somewhere on this machine, until a
    socket at one of these addresses is there again. A TCP socket tells its address before it can
    get a packet, for a state is set; one of another protocol does not, and so time tells as well.
    """
    ended: dict[str, float] = {}
    for record in records:
        if record.after and record.local[0] in addresses:
            ended.pop(record.socket, None)
            if record.after == "TCP_CLOSE":
                ended[record.socket] = record.at
        elif record.after == "TCP_CLOSE":  # a listener of ours at no address, or already another's
            ended.setdefault(record.socket, record.at)
        elif record.after and (record.local[0] not in ANY or record.socket in ended):
            ended[record.socket] = NEVER
        if EVENTS.get(record.tracepoint) != "discarded" or (
            record.at <= ended.get(record.socket, record.at) + CLOSING
        ):
            yield record


def visits(changes: Sequence[Traced]) -> list[Visit]:
    """The states that one end was in: those of a connection, or else of a listener on its port."""
    found: list[Visit] = []
    now, listeners = State.CLOSED, 0
    for change in changes:
        before, after = STATES[change.before], STATES[change.after]
        if (before, after) == (State.LISTEN, State.SYN_RECV) and not change.remote[1]:
            # A listener's child that has not been given its peer's address yet: Linux 5.4 reports
            # it this early, 6.18 later. Which connection it belongs to cannot be known.
            continue
        if State.LISTEN in (before, after) and not change.remote[1]:
            listeners += 1 if after is State.LISTEN else -1
        elif change.local[1] and (after is State.CLOSED and before is not now):
            continue  # of an earlier incarnation
        else:
            now = after
        shown = State.LISTEN if now is State.CLOSED and listeners else now
        found.append(Visit(shown, change.at))
    return found


def visits_since(given: float, changes: Sequence[Traced]) -> list[Visit]:
    """The states that the server's end of a connection was in, whose ends there another one had
    until a NAT gave them to it, at `given` seconds: it may well have met the other's socket.
    """
    listeners = visits([change for change in changes if change.remote in LISTENERS])
    every = visits(changes)
    met = [replace(visit, since=given, traced=False) for visit in every if visit.since < given]
    before = [visit for visit in listeners if visit.since < given]
    return [*before, *met[-1:], *(visit for visit in every if visit.since >= given)]


#: Reasons given for packets that were consumed, not discarded.
CONSUMED = ("NOT_SPECIFIED", "CONSUMED", "SKB_CONSUMED")
#: Seconds in which what has ended a socket is discarded itself.
CLOSING = 0.001
NEVER = float("-inf")
ANY = ("0.0.0.0", "::")
LISTENERS: tuple[Endpoint, ...] = tuple((address, 0) for address in ANY)


def _is_synack(data: bytes, flow: Flow) -> bool:
    """True if a packet is a SYN-ACK between the two ports of a connection."""
    start = (data[0] & 0xF) * 4 if data[0] >> 4 == 4 else 40
    ports = struct.unpack_from(">HH", data, start) if len(data) >= start + 14 else ()
    return sorted(ports) == sorted((flow.client[1], flow.server[1])) and (
        data[start + 13] & 0x12 == 0x12
    )
