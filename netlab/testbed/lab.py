# SPDX-License-Identifier: GPL-2.0-or-later
"""A lab: two hosts and the wire between them. The public interface, and the owner of everything."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, TypeVar

from netlab.linux.privileges import prepare
from netlab.model import evidence
from netlab.model.errors import ActionFailed, LabError, NotHeld
from netlab.model.tcp import Segment, State
from netlab.model.vocabulary import ExpectedPair, Family, Hook, Reject, Side
from netlab.testbed import coerce, subnets, wire
from netlab.testbed.connection import Flow
from netlab.testbed.context import LabContext
from netlab.testbed.expect import Held, prove
from netlab.testbed.faults.base import Fault
from netlab.testbed.faults.drop import Drop, Match, compiled
from netlab.testbed.faults.plug import Plug
from netlab.testbed.faults.tally import Tally
from netlab.testbed.faults.window import ClosedWindow
from netlab.testbed.flows import LATEST, Which
from netlab.testbed.host import PATIENCE, Host
from netlab.testbed.program import Program

if TYPE_CHECKING:  # what only some labs have, and takes 25 ms to import
    from netlab.linux.conntrack import TrackedConnection
    from netlab.testbed.carrier import Carrier
    from netlab.testbed.hops.base import Hop
    from netlab.testbed.path import Path
    from netlab.testbed.recorder import Recorder
    from netlab.testbed.tape import Tape

T = TypeVar("T")
F = TypeVar("F", bound=Fault)
#: A host, or the word for its side; and the place of a rule: ``("server", "output")``.
End = Host | Side | str
Place = tuple[End, Hook | str]


class Lab:
    """Two hosts, `client` and `server`, linked by a wire that can lose, refuse and hold packets.

    Use it as a context manager. `record` keeps everything, for the evidence; `tape` keeps only
    the latest packets, for a viewer, and if it cannot, `no_tape` is the reason. `forging` follows
    the numbers of connections, from which forged segments count (`Host.forge`). Raises `LabError`
    where the kernel cannot build it, `Forbidden` where it does not allow this user to.
    """

    def __init__(
        self,
        family: Family = Family.IPV4,
        record: bool = False,
        tape: bool = False,
        forging: bool = False,
    ) -> None:
        prepare()
        self.family = family
        self.network = subnets.take()
        self._faults: list[Fault] = []
        self.tally = Tally(self._faults)
        self._carrier: Carrier | None = None
        self.link = wire.NAME  # the link in use at both ends; a path adds another
        self.way: Path | None = None  # what is between its hosts
        with contextlib.ExitStack() as stack:
            stack.callback(subnets.give_back, self.network)
            self.context = LabContext(family, self.network)
            stack.callback(self.context.close)
            hosts: dict[Side, Host] = {}
            self.client = Host(self.context, Side.CLIENT, hosts)
            stack.callback(self.client.close_all)
            self.server = Host(self.context, Side.SERVER, hosts)
            stack.callback(self.server.close_all)
            wire.link(self.client.route, self.server.route, self.server.namespace.fd, self.network)
            if record:
                self._record(stack)
            watched = tape or (forging and not record)
            self.no_tape = self._tape(stack) if watched else "packets are not watched in this lab"
            if forging:
                self._follow_numbers()
            self._closing = stack.pop_all()

    def _record(self, stack: contextlib.ExitStack) -> None:
        """Keep every packet from now on, and every record of the kernel's tracepoints."""
        from netlab.testbed.recorder import Recorder

        recorder = Recorder(self.context.began, self.context.began_realtime)
        stack.callback(recorder.close)
        for host in self.hosts:
            recorder.watch(host.side, host.namespace, [host.address])
        recorder.start()
        self.context.recorder = recorder

    def _tape(self, stack: contextlib.ExitStack) -> str:
        """Keep the latest packets from now on; return '', or the reason why it cannot."""
        from netlab.testbed.tape import Tape, Taps

        taps = Taps(self.context.began)
        stack.callback(taps.close)
        try:
            for host in self.hosts:
                taps.watch(host.side, host.namespace)
            taps.start()
        except LabError as error:
            return str(error)
        self.context.tape = Tape(taps, self.context.began)
        return ""

    def _follow_numbers(self) -> None:
        """Follow what the ends of connections say from now on. Raises `LabError` where packets
        cannot be watched.
        """
        from netlab.packets.ledger import Ledger

        observer = self.recorder or self.tape
        if observer is None:
            raise LabError(self.no_tape)
        self.context.ledger = observer.taps.ledger = Ledger()

    def __enter__(self) -> Lab:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of everything; the kernel removes namespaces, wire, rules and sockets."""
        self._closing.close()

    @property
    def wire(self) -> Carrier:
        """The wire between the two, which can be slow, narrow and lossy. It is built when it first
        is: until then there is nothing but a cable.
        """
        if self._carrier is None:
            from netlab.testbed.carrier import Carrier

            hosts = {host.side: host for host in self.hosts}
            self._carrier = self._closing.enter_context(
                contextlib.closing(
                    Carrier(
                        hosts,
                        self.network,
                        self.elapsed,
                        self.name_of,
                        self.impose,
                        self.detour,
                        self.joined,
                    )
                )
            )
        return self._carrier

    def path(self, *hops: Hop) -> Path:
        """Put hosts between the two, in a row from the client's end: at most five, and once. What
        is under way then, and connections that there are, go over them from now on.

        Each hop is a fault like any other: `remove` has it only forward. Raises `LabError` where
        the kernel cannot do it, or they do not go together.
        """
        from netlab.testbed.path import LINK, Path

        if self.way is not None:
            raise LabError("a lab has one path: give all of its hops at once")
        self.detour(LINK)
        try:
            path = Path(self.context, self.hosts, hops)
        except LabError:
            self.link = wire.NAME
            raise
        self._closing.callback(path.close)
        self.way = path
        hosted = [hop for hop in hops if hop.hosted]
        boxes = [(hop.name, hop.box.namespace) for hop in hosted]
        answering = [
            number for number, hop in enumerate(hosted, start=1) if hop.answers and not hop.idle
        ]
        for host in self.hosts:
            self.joined(host, LINK)
        if self.recorder is not None:
            self.recorder.watch_path(boxes, path.translations, answering)
            self.recorder.know([*path.addresses])
        if self.tape is not None:
            self.tape.watch_path(len(hosted), path.translations())
        self.context.flows.way = path
        self.context.know(path.names)
        for hop in hops:
            if not hop.idle:
                self.impose(hop)
        return path

    def hop(self, name: str) -> Hop:
        """The hop of that name. Raises `LabError` if there is none."""
        if self.way is None:
            raise LabError("nothing is between the two hosts of this lab: it has no path")
        return self.way.hop(name)

    def entries(self, hop: str) -> list[TrackedConnection]:
        """What the hop of that name remembers, now, as ``conntrack -L`` lists it. Raises `LabError`
        if there is no such hop, or it remembers no connections.
        """
        from netlab.linux import conntrack

        return conntrack.entries(self.hop(hop).memory)

    def detour(self, link: str) -> None:
        """Have packets go over another link of both ends. Raises `LabError` if they do already."""
        if self.link != wire.NAME:
            raise LabError(
                "a lab has a path of hops between its hosts, or a wire that misbehaves, and not "
                f"both: its packets go over {self.link} already. Give each a lab of its own "
                "(net.forget is a path, net.slow a wire)"
            )
        self.link = link

    def joined(self, host: Host, link: str) -> None:
        """Watch another link of a host, too, whose packets go over it from now on."""
        host.see_links()
        for observer in (self.recorder, self.tape):
            if observer is not None:
                observer.watch_also(host.side, host.namespace, link)

    @property
    def recorder(self) -> Recorder | None:
        """The recorder of this lab, if it is recorded."""
        return self.context.recorder

    @property
    def tape(self) -> Tape | None:
        """The latest packets, if they are kept."""
        return self.context.tape

    @property
    def hosts(self) -> tuple[Host, Host]:
        """Client and server."""
        return self.client, self.server

    def host(self, side: Side) -> Host:
        """The host of one side."""
        return self.client if side is Side.CLIENT else self.server

    # --- faults

    def drop(
        self,
        *segments: Segment | str,
        to: End | None = None,
        at: Place | None = None,
        port: int | None = None,
        first: int | None = None,
        after: int | None = None,
        covers_fin: bool = False,
        longer: int | None = None,
        name: str = "",
    ) -> Drop:
        """Lose every segment of these classes (``SYN | ACK``, or ``"SYN|ACK"``) on its way ``to`` a
        host, as a wire does.

        ``at=("server", "output")`` puts the rule elsewhere: on the sender's own output it is a
        firewall, and the sender's stack learns of it. `port` matches either port; `first` and
        `after` count the packets that each rule matches; `covers_fin` matches only the
        acknowledgment number that covers the receiver's FIN; `longer`: only packets of more than so
        many bytes; `name` is for `remove`. Of faults that match at one place, the one that was
        installed last has the packet. Raises `LabError` for an unknown word, a number that
        cannot be, a name that a fault in force has, and where the kernel refuses the rule.
        """
        match = Match(coerce.segments(segments), (), port, first, after, covers_fin, longer=longer)
        return self._drop(match, to, at, name)

    def reject(
        self,
        *segments: Segment | str,
        with_: Reject | str = "port-unreachable",
        to: End | None = None,
        at: Place | None = None,
        port: int | None = None,
        first: int | None = None,
        after: int | None = None,
        name: str = "",
    ) -> Drop:
        """Refuse these segments with an answer; `with_` is one of `REJECTS`, the rest as in
        `drop`.
        """
        answer = coerce.reject(with_)
        match = Match(coerce.segments(segments), (), port, first, after, reject=answer)
        return self._drop(match, to, at, name)

    def drop_matching(
        self, *rules: str, to: End | None = None, at: Place | None = None, name: str = ""
    ) -> Drop:
        """Drop what rules in nft's own language match (``tcp dport 5555 tcp flags syn``).

        Needs the nft program, and raises `LabError` where it refuses the text.
        """
        return self._drop(Match(nft=rules), to, at, name)

    def close_window(self, to: End, name: str = "") -> Fault:
        """Have every segment on its way ``to`` a host say that its sender has no room: that host
        may send nothing, and asks again and again.
        """
        host = self.host(coerce.side(to))
        return self.impose(ClosedWindow(host, self.name_of(name, "window"), self.elapsed))

    def plug(self, *hosts: End, name: str = "") -> Plug:
        """Hold what these hosts send (both, if none is named) on the wire until it is removed.

        Raises `LabError` where their packets go over a path, or a wire that misbehaves.
        """
        if self.link != wire.NAME:
            raise LabError(
                f"a plug holds what goes over {wire.NAME}: here it goes over {self.link}"
            )
        plugged = [self.host(coerce.side(host)) for host in hosts] or self.hosts
        return self.impose(Plug(self.name_of(name, "plug"), plugged, self.elapsed))

    def impose(self, fault: F) -> F:
        """Register a fault that is in force, for `remove` and for the record of this lab."""
        self._faults.append(fault)
        return fault

    def remove(self, name: str | None = None) -> None:
        """Remove the fault of that name, or all of them in the order of their installation. Raises
        `LabError` if there was none of that name.
        """
        for fault in self._called(name):
            fault.remove()

    def name_of(self, name: str, kind: str) -> str:
        """The name of a new fault: this one, or without one that no fault of this lab has had yet
        (``drop-1``). Raises `LabError` if it is no name, or a fault in force is called so.
        """
        if name:
            if any(fault.name == name and fault.in_force for fault in self._faults):
                raise LabError(
                    f"there is already a fault called {name!r}: remove it, or give this "
                    "one another name"
                )
            return coerce.name(name)
        taken = {fault.name for fault in self._faults}
        number = next(n for n in range(1, len(taken) + 2) if f"{kind}-{n}" not in taken)
        return f"{kind}-{number}"

    def _called(self, name: str | None) -> list[Fault]:
        """The faults of that name, or all of them. A hop that only forwards is none."""
        found = [fault for fault in self._faults if name in (None, fault.name)]
        hops = [hop.name for hop in self.way.hops] if self.way is not None else []
        if name is None or found or name in hops:
            return found
        coerce.unknown("fault", name, dict.fromkeys([*(each.name for each in self._faults), *hops]))

    def _drop(self, match: Match, to: End | None, at: Place | None, name: str) -> Drop:
        if (to is None) == (at is None):
            raise LabError('a fault needs one place: to="client", or at=("server", "output")')
        side, hook = (coerce.side(to), Hook.INPUT) if to is not None else coerce.place(at)
        host = self.host(side)
        acknowledges = None
        if match.covers_fin:
            receiver = host if hook in (Hook.INPUT, Hook.PREROUTING) else host.peer
            acknowledges = receiver.connection.acknowledgment_of_fin()
        table = compiled(
            self.name_of(name, match.kind),
            hook,
            match,
            self.family,
            acknowledges,
            log=bool(self.recorder or self.tape),
        )
        return self.impose(Drop(host, table, match, self.elapsed))

    @property
    def faults(self) -> tuple[evidence.FaultRecord, ...]:
        """Every fault there was, and what it has done so far."""
        return self.tally.records()

    @property
    def imposed(self) -> tuple[Fault, ...]:
        """Every fault there was, in the order of their installation."""
        return tuple(self._faults)

    def dropped(self, name: str | None = None) -> int:
        """Packets that all faults have dropped so far, or the one of that name. Raises `LabError`
        if there was none of that name.
        """
        return sum(fault.packets for fault in self._called(name))

    # --- looking

    @property
    def programs(self) -> tuple[evidence.ProgramRecord, ...]:
        """Every program that was started, what it wrote last, and how it ended if it has."""
        return tuple(each.record(host.side) for host in self.hosts for each in host.programs)

    def elapsed(self) -> float:
        """Seconds since this lab was built: the clock of its evidence."""
        return self.context.elapsed()

    def flow(self, name: str = "") -> Flow:
        """The connection of that name, or the one opened last."""
        return self.context.flows.named(name)

    def sample(self) -> None:
        """Read both tables once, and note the state of every connection followed."""
        self.context.sample()

    def wait(self, condition: Callable[[], T | None], patience: float) -> T | None:
        """Evaluate `condition` for up to `patience` seconds, sampling both ends each time.

        Returns its first true result, or None if there was none in time.
        """
        return self.context.wait(lambda: condition() or None, patience)

    def count(self, side: Side) -> dict[State, int]:
        """The number of sockets of one side in each state, now."""
        counts: dict[State, int] = {}
        for row in self.host(side).table.read():
            counts[row.state] = counts.get(row.state, 0) + 1
        return counts

    def expect(
        self,
        client: State | str | Sequence[State | str],
        server: State | str | Sequence[State | str],
        hold: float = 0.0,
        within: float | None = None,
        dropped: Callable[[], bool] | None = None,
        connection: str = "",
        port: int | None = None,
        program: Program | None = None,
        number: int = -1,
    ) -> Held:
        """Wait for this pair of states, then see it in every sample for `hold` seconds.

        `within` limits the wait, in seconds. Without it, the limit comes from the kernel: until
        the timer of the end that has to move fires, plus 5 s. Several states of one end are a
        flicker: each must be seen, and no other. The hold goes on until `dropped` returns True; in
        a story it goes on, without one, until each fault has acted as one of a scenario file must.

        The connection is the one that this lab opened last, or if it has opened none, the one that
        a program did; or the last (`number` counts from 0, or from the end) that has this name
        (`connection`), `port` at either end, or an end in that `program`, whoever opened it.
        Raises `NotHeld`, which shows what was expected and what was sampled.
        """
        pair = ExpectedPair(coerce.states(client), coerce.states(server))
        which = Which(connection, port, program, number)
        return self.expect_pair(pair, hold, within, dropped, which)

    def expect_pair(
        self,
        pair: ExpectedPair,
        hold: float = 0.0,
        within: float | None = None,
        dropped: Callable[[], bool] | None = None,
        which: Which = LATEST,
    ) -> Held:
        """Like `expect`, with the states of both ends in one object; `hold` and `within` are
        seconds. Raises `NotHeld`.
        """
        enough = dropped or (lambda: True)
        try:
            return prove(self.context, pair, hold, within, enough, which, self.tally)
        except NotHeld as error:
            notes = (*error.failure.notes, *map(str, self.faults), *_meant(error.failure.rows))
            failure = dataclasses.replace(error.failure, notes=notes)
            raise NotHeld(failure, error.held) from None

    def flows(self, port: int | None = None, program: Program | None = None) -> list[Flow]:
        """The connections seen so far between the two hosts, in order: all, or those that have
        this port at either end, or an end in that program. ``flow.pair`` is each one's pair of
        states in the last sample.
        """
        self.sample()
        return self.context.flows.all(Which(port=port, program=program))

    def expect_no_sockets(
        self,
        at: End | None = None,
        port: int | None = None,
        program: Program | None = None,
        may_stay: Sequence[State | str] = (State.LISTEN, State.TIME_WAIT),
        within: float = PATIENCE,
    ) -> None:
        """Wait until no TCP socket is left: at both ends, or `at` one; of all, or those at a `port`
        or of a `program`; but for those in states that `may_stay`.

        Raises `ActionFailed`, which lists what is left after `within` seconds.
        """
        tolerated = coerce.states(may_stay)
        hosts = self.hosts if at is None else (self.host(coerce.side(at)),)

        def left() -> list[str]:
            return [
                f"  {host.side}: {each}"
                for host in hosts
                for each in host.sockets(port, program)
                if each.state not in tolerated
            ]

        if self.wait(lambda: not left(), within) is None and (still := left()):
            error = ActionFailed("\n".join([f"after {within:g} s sockets are left:", *still]))
            self.context.excuse(error)
            raise error


def _meant(rows: Sequence[evidence.FailureRow]) -> Iterator[str]:
    """What is often meant instead of what was expected."""
    for row in rows:
        if row.expected == (State.CLOSED,) and row.sampled is State.LISTEN and row.seen:
            yield f"the {row.side} still listens: LISTEN says so, CLOSED is an end without a socket"
