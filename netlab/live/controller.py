# SPDX-License-Identifier: GPL-2.0-or-later
"""Carries out keys at one end. Every call here returns at once: where an application would have to
wait, the person gets a message and presses the key again.
"""

from __future__ import annotations

import errno
import re
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeVar

from netlab.live.session import NOWHERE, Session
from netlab.live.sockets import as_said, fail, in_words, peer, readable
from netlab.model.errors import ActionFailed
from netlab.model.tcp import Segment, State
from netlab.model.vocabulary import Hook, Pair, Side
from netlab.scenario.model import AnyStep, Do, DropStep, FaultStep, PlugStep, Remove
from netlab.scenario.steps import ACTIONS, kind_of
from netlab.scenario.steps.action import Stage
from netlab.testbed.connection import Connection, Flow
from netlab.testbed.context import PORT
from netlab.testbed.host import Host
from netlab.testbed.lab import Lab

T = TypeVar("T")
AT_ONCE = 1 << 16  # most bytes that one read takes
Kind = Literal["state", "call", "fault", "error"]


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One line of what happened."""

    at: float  # seconds on the lab's clock
    kind: Kind
    text: str


class Controller:
    """The lab in a person's hands: acts, and records what was done and seen."""

    def __init__(self, lab: Lab, session: Session) -> None:
        self.lab = lab
        self.session = session
        scenario = session.scenario
        self.of = scenario.expect.of if scenario else ""
        self.notes: list[LogEntry] = []
        self.applications = dict.fromkeys(Side, "nothing yet")
        for step in scenario.steps if scenario else ():
            if isinstance(step, Do):
                self.applications[step.side] = step.action
        self._opening: dict[Side, tuple[Connection, AnyStep]] = {}
        self._pair = Pair(State.CLOSED, State.CLOSED)
        self._recall()

    @property
    def flow(self) -> Flow:
        """The connection on view: the scenario's, then the most recently opened one."""
        return self.lab.flow(self.of)

    # --- looking

    def _recall(self) -> None:
        """Take over the states that were seen before the view began."""
        self.lab.sample()
        past = []
        since = 0.0
        for side in Side:
            last = State.CLOSED
            for interval in self.flow.timelines[side].intervals():
                if interval.state is not last:
                    past.append(
                        LogEntry(interval.since, "state", f"{side} {last} → {interval.state}")
                    )
                    since = max(since, interval.since)
                last = interval.state
        self.notes += sorted(past, key=lambda note: note.at)
        self._pair = self.flow.pair
        self.session.saw(since, self._pair, self._dropped)

    def tick(self) -> None:
        """Sample both ends, and log what has changed."""
        self.lab.sample()
        at = self.lab.elapsed()
        pair = self.flow.pair
        for side, before, now in (
            (Side.CLIENT, self._pair.client, pair.client),
            (Side.SERVER, self._pair.server, pair.server),
        ):
            if before is not now:
                self._note("state", f"{side} {before} → {now}")
        self._pair = pair
        self.session.saw(at, pair, self._dropped)
        for side, (connection, step) in [*self._opening.items()]:
            self._opened(side, connection, step)

    def _dropped(self) -> dict[str, int]:
        """The packets that each fault has dropped by now."""
        return {fault.name: fault.packets for fault in self.lab.imposed}

    def _opened(self, side: Side, connection: Connection, step: AnyStep) -> None:
        """Check whether a connect has finished, and log the result."""
        if connection.socket.fileno() < 0:
            del self._opening[side]
            return
        code = connection.finished_opening()
        if code is None:
            return
        del self._opening[side]
        if code:
            if (
                self.session.deeds[-1].step is step
            ):  # otherwise a player would wait for it too early
                self.session.failed(self.lab.elapsed(), errno.errorcode[code])
            self.applications[side] = f"connect: {errno.errorcode[code]}"
            self._note("error", f"{side} connect: {in_words(code)}")
        else:
            self.applications[side] = "connect: done"

    def _note(self, kind: Kind, text: str) -> None:
        self.notes.append(LogEntry(self.lab.elapsed(), kind, text))

    # --- opening

    def listen(self, side: Side) -> str:
        """Passive OPEN."""
        self._call(side, "listen", {}, self.lab.host(side).listen)
        return f"{side} listens on port {PORT}"

    def connect(self, side: Side) -> str:
        """Active OPEN; from now on, that connection is on view."""
        host = self.lab.host(side)
        self.of = ""
        connection = self._call(side, "connect", {}, lambda: host.connect(wait=False))
        self._opening[side] = connection, self.session.deeds[-1].step
        return f"{side} connects from port {connection.local[1]}"

    def accept(self, side: Side) -> str:
        """Take a connection from the listener's queue.

        Raises `ActionFailed` if there is no listener, or no connection to accept.
        """
        host = self.lab.host(side)
        if not host.listeners:
            raise ActionFailed(f"{side} does not listen: press l")
        if not readable(host.listeners[-1].socket):
            raise ActionFailed(f"{side} has nothing to accept: no handshake is complete")
        connection = self._call(side, "accept", {}, host.accept)
        return f"{side} accepts the connection of port {connection.remote[1]}"

    # --- data

    def send(self, side: Side, text: str) -> str:
        """Send as much of the text as there is room for; ``5000 bytes`` sends that many zero bytes.

        Raises `ActionFailed` if there is nothing to send, or if a send would wait.
        """
        number = re.fullmatch(r" *(\d{1,7}) bytes? *", text)
        data = bytes(int(number[1])) if number else text.encode()
        if not data.strip():
            raise ActionFailed("nothing to send")
        sock = self._connection(side).socket
        said: dict[str, object] = {"count": len(data)} if number else {"text": text}
        try:
            sent = self._call(side, "send", said, lambda: sock.send(data))
        except BlockingIOError:
            if self.flow.state(side) in (State.SYN_SENT, State.SYN_RECV):
                raise ActionFailed(f"{side} is not connected yet: a send would wait") from None
            raise ActionFailed(f"{side} has a full send queue: a send would wait") from None
        if sent < len(data):
            self.session.amend({"count": sent})
        return f"{side} sends {sent} of {len(data)} bytes"

    def read(self, side: Side) -> str:
        """Read what has arrived or, at the peer's FIN, the end of the data.

        Raises `ActionFailed` if a read would wait, or fails.
        """
        sock = self._connection(side).socket
        try:
            waiting = sock.recv(AT_ONCE, socket.MSG_PEEK)
        except BlockingIOError:
            raise ActionFailed(f"{side} has nothing to read: a read would wait") from None
        except OSError as error:
            code = error.errno or 0  # peeking has cleared it from the socket
            self._call(side, "read", {"count": 1}, lambda: fail(code))
        if not waiting:
            self._call(side, "drain", {}, lambda: sock.recv(1))
            return f"{side} reads the end: the peer has sent its FIN"
        self._call(side, "read", as_said(waiting), lambda: sock.recv(len(waiting)))
        return f"{side} reads {len(waiting)} bytes"

    # --- ending

    def shutdown(self, side: Side) -> str:
        """Half-close: send a FIN, and go on reading."""
        connection = self._connection(side)
        self._call(side, "shutdown", {}, lambda: self.lab.host(side).shutdown(connection))
        return f"{side} shuts down its sending direction: a FIN"

    def close(self, side: Side) -> str:
        """Close the connection or, if there is none, the listener."""
        host = self.lab.host(side)
        if host.listeners and not self._has_connection(side):
            self._call(side, "unlisten", {}, host.unlisten)
            return f"{side} closes its listener"
        connection = self._connection(side)
        self._call(side, "close", {}, lambda: host.close(connection))
        return f"{side} closes its socket"

    def abort(self, side: Side) -> str:
        """Send a RST instead of a FIN."""
        connection = self._connection(side)
        self._call(side, "abort", {}, lambda: self.lab.host(side).abort(connection))
        return f"{side} aborts: a RST"

    def vanish(self, side: Side) -> str:
        """Vanish without a packet."""
        connection = self._connection(side)
        self._call(side, "vanish", {}, lambda: self.lab.host(side).vanish(connection))
        return f"{side} is gone without a packet"

    # --- faults

    def drop(
        self, side: Side, segment: Segment, output: bool = False, answer: str | None = None
    ) -> str:
        """Drop segments on the way to a side, or at its own output; with `answer`, reject them."""
        kind = "reject" if answer else "drop"
        name = f"{kind}-{str(segment).lower().replace('|', '-')}"
        step = DropStep(
            *NOWHERE,
            name=self.session.free_name(name),
            side=side,
            hook=Hook.OUTPUT if output else Hook.INPUT,
            segments=(segment,),
            reject=answer,
        )
        return self._impose(step)

    def plug(self, side: Side) -> str:
        """Keep what this side sends on the wire; or release it, if it is kept already."""
        for name, fault in self.session.in_force.items():
            if isinstance(fault, PlugStep) and fault.sides == (side,):
                return self.remove(name)
        name = self.session.free_name(f"plug-{side}")
        return self._impose(PlugStep(*NOWHERE, name=name, sides=(side,)))

    def remove(self, name: str) -> str:
        """Remove one fault."""
        step = self.session.in_force[name]
        self.lab.remove(name)
        return self._did(Remove(*NOWHERE, name), f"removed: {kind_of(step).described(step)}")

    def heal(self) -> str:
        """Remove every fault in force. Raises `ActionFailed` if there is none."""
        if not self.session.in_force:
            raise ActionFailed("nothing is in force: d drops, j rejects, p plugs the wire")
        self.lab.remove()
        self.session.did(self.lab.elapsed(), Remove(*NOWHERE, None), self.of)
        self._note("fault", "healed: everything is removed")
        return "everything is removed; an end moves when its timer fires next"

    def _impose(self, step: FaultStep) -> str:
        kind_of(step).install(Stage(self.lab), step)
        return self._did(step, kind_of(step).described(step))

    # --- internals

    def _did(self, step: AnyStep, text: str) -> str:
        self.session.did(self.lab.elapsed(), step, self.of)
        self._note("fault", text)
        return text

    def _call(
        self, side: Side, action: str, arguments: Mapping[str, object], call: Callable[[], T]
    ) -> T:
        """One call of an application. Raises `ActionFailed` with the error in words, and
        BlockingIOError if it would have waited: then nothing was done.
        """
        at = self.lab.elapsed()
        of = self._name_of_what_is_not_last(side) if ACTIONS[action].on_connection else ""
        step = Do(*NOWHERE, side, action, dict(arguments), of=of)
        told = f"{side} {action}" + "".join(f" {value!r}" for value in arguments.values())
        try:
            result = call()
        except BlockingIOError:
            raise
        except OSError as error:
            code = error.errno or 0
            self.session.did(at, step, self.of)
            self.session.failed(at, errno.errorcode.get(code, "EIO"))
            self.applications[side] = f"{action}: {errno.errorcode.get(code, error)}"
            self._note("error", f"{told}: {in_words(code)}")
            raise ActionFailed(f"{told}: {in_words(code)}") from None
        self.session.did(at, step, self.of)
        self.applications[side] = f"{action}" + (" …" if action == "connect" else "")
        self._note("call", told)
        return result

    def _has_connection(self, side: Side) -> bool:
        return self._open(side) is not None

    def _connection(self, side: Side) -> Connection:
        """The socket of one end of the connection on view. Raises `ActionFailed` if there is none,
        with the key that makes one.
        """
        found = self._open(side)
        if found is None:
            raise ActionFailed(self._why_none(side, self.lab.host(side)))
        return found

    def _open(self, side: Side) -> Connection | None:
        local, remote = self.flow.ends(side)
        for connection in reversed(self.lab.host(side).connections):
            is_open = connection.socket.fileno() >= 0
            if is_open and connection.local == local and peer(connection) in (None, remote):
                return connection
        return None

    def _why_none(self, side: Side, host: Host) -> str:
        if host.programs:
            return f"{side}'s connections are its program's: c makes one of your own"
        if host.listeners and readable(host.listeners[-1].socket):
            return f"{side} has not accepted the connection: press a"
        if any(connection.socket.fileno() < 0 for connection in host.connections):
            return f"{side} has let go of its socket: press c for a new connection"
        if host.listeners:
            return f"{side} has no connection: it listens, and a accepts one that has come"
        return f"{side} has no connection: press c" + (" (or l)" if side is Side.SERVER else "")

    def _name_of_what_is_not_last(self, side: Side) -> str:
        """The name for `of:`, if a step is not about the most recently opened connection."""
        opened = self.lab.host(side).connections
        return self.of if self.of and opened and self._open(side) is not opened[-1] else ""
