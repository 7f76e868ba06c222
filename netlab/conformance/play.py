# SPDX-License-Identifier: GPL-2.0-or-later
"""Plays rows of the table on this kernel, and says what it has done.

Rows share labs: each has a connection of its own, from an address of its own. Those that wait for
nothing are played one after the other, so that every counter that moves is theirs; those that wait
for a timer are played side by side, and their counters are nobody's.
"""

from __future__ import annotations

import contextlib
import errno
import socket
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

from netlab import scheduler
from netlab.conformance import speech
from netlab.conformance.bench import LINGER, Bench, Peer, errno_of
from netlab.conformance.counted import EXACT
from netlab.conformance.drops import Discards
from netlab.conformance.rows import NOTHING, TableRow, TableStep
from netlab.conformance.speech import SaidSegment
from netlab.linux import nstat
from netlab.model.errors import Absent, NetlabError, bug
from netlab.model.kernel_run import PlayedRow
from netlab.model.tcp import State
from netlab.model.units import seconds
from netlab.model.vocabulary import Family

#: What moves with every segment, and says nothing of a decision.
TRAFFIC = (
    "TcpInSegs", "TcpOutSegs", "TcpCurrEstab", "TCPPureAcks", "TCPHPHits", "TCPHPAcks",
    "TCPOrigDataSent", "TCPDelivered", "TCPAutoCorking", "TCPRcvCoalesce", "TCPKeepAlive",
)  # fmt: skip
OTHERS = ("Ip", "Icmp", "Udp", "MPTcp")
#: A timer may be so much later than it is said to be: as a part, and in seconds (timer wheel, ticks
#: of 4 ms, and the looks of whoever waits).
LATER, LATEST = 0.13, 0.06
EARLIER, EARLIEST = 0.1, 0.012  # likewise: what came before was late, and three ticks
#: What a kernel does otherwise than the table says, it does every time: a row has failed once that
#: was seen so often. Some timers end with the next tick (tcp_send_delayed_ack of a FIN) or the one
#: after (TCP_TIMEOUT_MIN), and a row may meet one.
SEEN = 3
#: A row that waits for nothing, and took longer than a tick, may have met any timer, and so may one
#: that was looked at late: that does not count, as long as it is played no more often than this.
UNDISTURBED, PLAYS = 0.003, 10
#: How often a timer is looked for, as a part of its time: about when it is due, and else.
CLOSELY, SELDOM = 0.02, 0.25
#: Options of a socket that Python has no name for (linux/tcp.h).
OPTIONS = {"TCP_FASTOPEN_CONNECT": 30}
#: Calls that send nothing, and that nobody hears of.
UNHEARD = frozenset(("listen", "accept", "unlisten"))
#: How much longer than it is said to take a timer is waited for.
PATIENCE = 3.0
AT_ONCE = 200  # rows that wait
#: Of data that close a window: bytes a segment, and segments. How many bytes fit is a matter of the
#: kernel's bookkeeping of memory: so many are "a full buffer".
PIECE, PIECES, FULL = 1400, 40, 8000
DELAYED = 0.1  # seconds: longer than an ACK is delayed (TCP_DELACK_MIN)


def play(
    rows: Sequence[TableRow],
    family: Family,
    sysctls: Mapping[str, str] = {},
    meanwhile: Callable[[], None] = lambda: None,
    recorded: bool = False,
) -> Iterator[PlayedRow]:
    """Play these rows and yield what each came to, as it ends; `recorded`: with its packets.

    Raises `LabError` where no lab can be built here at all.
    """
    chosen = [row for row in rows if row.family in (None, family)]
    with contextlib.ExitStack() as stack:
        common = stack.enter_context(Bench(family, sysctls))
        waiting = []
        for settings, together in _alike(chosen):
            bench = common
            try:
                if settings and any(row.waits for row in together):
                    bench = stack.enter_context(Bench(family, {**sysctls, **settings}))
                with bench.set(settings):
                    for row in together:
                        if not row.waits:
                            meanwhile()
                            yield _once(bench, row, recorded)
            except Absent as error:
                for row in together:
                    yield _blank(row, family).but(outcome="skip", problem=str(error))
                continue
            waiting += [partial(_once, bench, row, recorded) for row in together if row.waits]
        for _, found in scheduler.side_by_side(waiting, AT_ONCE, meanwhile):
            yield found


def _alike(rows: Sequence[TableRow]) -> Iterator[tuple[Mapping[str, str], list[TableRow]]]:
    """Rows by the sysctls they need: one lab has one setting."""
    groups: dict[tuple[tuple[str, str], ...], list[TableRow]] = {}
    for row in rows:
        groups.setdefault(tuple(sorted(row.sysctls.items())), []).append(row)
    return ((dict(settings), together) for settings, together in groups.items())


def _blank(row: TableRow, family: Family) -> PlayedRow:
    steps = (*row.setting.steps, *row.before, row.step, *row.sysctls.items())
    script = f"{zlib.crc32(str([*map(str, steps)]).encode()):08x}"
    return PlayedRow(row.name, family, script, due=row.after)


def _once(bench: Bench, row: TableRow, recorded: bool) -> PlayedRow:
    blank = _blank(row, bench.family)
    try:
        seen = passed = 0
        for _ in range(PLAYS):
            began, lost = scheduler.now(), scheduler.lost()
            with contextlib.closing(_RowPlay(bench, row, recorded)) as played:
                try:
                    found = played.answered(blank)
                except _Unlike as error:
                    found = blank.but(outcome="fail", problem=str(error))
            late = scheduler.lost() - lost if row.waits else scheduler.now() - began - UNDISTURBED
            seen += late <= 0
            passed += found.outcome == "pass"
            # What passes only because the machine was late is played again: it may have met a
            # timer of another length.
            if SEEN in (seen, passed) or (found.outcome == "pass" and _on_time(row, found)):
                break
        return found
    except (NetlabError, OSError) as error:
        return blank.but(outcome="error", problem=str(error))
    except Exception as error:
        return blank.but(outcome="error", problem=bug(error))


class _Unlike(Exception):
    """The host under test does otherwise before the event comes."""


class _RowPlay:
    """One row on its way: the host's sockets, and the peer."""

    def __init__(self, bench: Bench, row: TableRow, recorded: bool) -> None:
        self._bench, self._row, self._recorded = bench, row, recorded
        self._peer: Peer = bench.peer(recorded)
        self._listener: socket.socket | None = None
        self._socket: socket.socket | None = None
        self._lost = scheduler.lost()

    def close(self) -> None:
        """End the connection, so that nothing of it is there when the next row is played."""
        for each in (self._socket, self._listener):
            if each is not None:
                with contextlib.suppress(OSError):
                    each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER)
                each.close()
        if self._bench.state(self._peer) is not State.CLOSED:
            self._peer.begin()
            self._peer.say(speech.read("RST"))
            self._bench.settle()

    def answered(self, blank: PlayedRow) -> PlayedRow:
        """Play it, and compare."""
        row, bench, peer = self._row, self._bench, self._peer
        for step in row.setting.steps:
            self._do(step)
        state = self._bench.state(self._peer)
        if state is not row.setting.state:
            raise _Unlike(f"{row.setting.name} is not reached, but {state}")
        for step in row.before:
            self._do(step)
        before = bench.host.counters.lines()
        peer.begin()
        with Discards(bench.sockets(peer) if self._recorded else ()) as drops:
            result, after = self._do(row.step)
        counted = nstat.moved(before, bench.host.counters.lines())
        heard = speech.folded([each.text for each in peer.heard])
        then = bench.state(peer)
        info = bench.info(peer) if row.info else {}
        found = blank.but(
            answers=heard,
            then=str(then),
            reads=self._read(),
            result=result,
            after=None if after is None else round(after, 3),
            counters={} if row.waits else _decisions(counted),
            info={name: info[name] for name in row.info if name in info},
            frames=tuple(peer.frames),
            drops=tuple(drops.reasons),
        )
        problems = "; ".join(self._otherwise(found, counted))
        timely = not any(self._too_late(found))
        return found.but(outcome="fail" if problems else "pass", problem=problems, timely=timely)

    # --- what happens

    def _do(self, step: TableStep) -> tuple[str, float | None]:
        """The result of a call, and the seconds until a timer has ended."""
        result, after = "", None
        if step.kind == "arrives":
            self._peer.begin()
            self._arrives(step.text)
        elif step.kind == "call":
            self._peer.begin()
            result = self._call(step.text)
            if step.text in UNHEARD:
                return result, None
        elif step.kind == "timer":
            after = self._wait(step.text)
        else:
            self._expect_nothing(step.text)
        self._bench.settle()
        return result, after

    def _arrives(self, text: str) -> None:
        error = speech.icmp(text)
        if error is not None:
            self._peer.refuse(error)
            return
        segment = speech.read(text)
        if segment.fills:
            self._fill(segment)
        else:
            self._peer.say(segment)

    def _fill(self, segment: SaidSegment) -> None:
        """Send data until the host says that its window is closed."""
        for _ in range(PIECES):
            self._peer.begin()
            self._peer.say(segment._replace(data=min(self._peer.room, PIECE)))
            self._bench.settle()
            if not self._peer.room and not (self._heard_within(DELAYED) and self._peer.room):
                return
        raise _Unlike(f"its window is not closed after {PIECES} segments of {PIECE} bytes")

    def _call(self, text: str) -> str:
        name, *given = text.split()
        try:
            done = getattr(self, f"_{name}")(*given)
        except OSError as error:
            return errno_of(error)
        return str(done or "done")

    def _listen(self, again: str = "") -> None:
        if again:
            self._made().listen(8)
            return
        self._listener = self._bench.tcp()
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind(self._peer.host)
        self._listener.listen(8)

    def _accept(self) -> None:
        self._socket, _ = self._made().accept()
        self._socket.setblocking(False)

    def _connect(self) -> str:
        sock = self._made()
        code = sock.connect_ex(self._peer.end)
        return errno.errorcode[code] if code else "done"

    def _option(self, given: str) -> None:
        name, _, value = given.partition("=")
        level = socket.IPPROTO_TCP if name.startswith("TCP_") else socket.SOL_SOCKET
        self._made().setsockopt(level, OPTIONS.get(name) or getattr(socket, name), int(value))

    def _send(self, number: str, *flags: str) -> str:
        return f"{self._made().send(bytes(int(number)), _bits(flags))} bytes"

    def _recv(self, number: str, *flags: str) -> str:
        data = self._made().recv(int(number), _bits(flags))
        return _amount(len(data)) if data else "EOF"

    def _shutdown(self, which: str = "write") -> None:
        self._made().shutdown({"write": socket.SHUT_WR, "read": socket.SHUT_RD}[which])

    def _unlisten(self) -> None:
        if self._listener is not None:
            self._listener.close()
            self._listener = None

    def _close(self) -> None:
        self._made().close()
        if self._socket is None:
            self._listener = None
        self._socket = None

    def _abort(self) -> None:
        self._made().setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER)
        self._close()

    def _status(self) -> str:
        """What getsockopt(2) says of the state (TCP_INFO)."""
        return str(State(self._made().getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]))

    def _made(self) -> socket.socket:
        """The application's socket: of a connection, else the one that listens, else a new one."""
        if self._socket is None and self._listener is not None:
            return self._listener
        if self._socket is None:
            self._socket = self._bench.tcp()
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._socket.bind(self._peer.host)
        return self._socket

    def _wait(self, text: str) -> float:
        """Seconds until the host says something, or is in another state."""
        state, began = self._bench.state(self._peer), scheduler.now()
        self._peer.begin()

        def ended() -> bool | None:
            self._bench.hear()
            return bool(self._peer.heard) or self._bench.state(self._peer) is not state or None

        due = seconds(text)

        def again() -> float:
            waited = scheduler.now() - began
            near = due * (1 - 2 * EARLIER) < waited < due * (1 + LATER) + LATEST
            return scheduler.now() + due * (CLOSELY if near else SELDOM)

        if scheduler.wait(ended, began + due * (1 + LATER) + PATIENCE, again) is None:
            raise _Unlike(f"nothing comes after {text}, nor much later")
        at = self._peer.heard[0].at if self._peer.heard else scheduler.now()
        return at - began

    def _expect_nothing(self, text: str) -> None:
        """Let so much time go by, in which the host says nothing."""
        self._peer.begin()
        if self._heard_within(seconds(text)):
            raise _Unlike(f"{self._peer.heard[0].text} comes within {text}")

    def _heard_within(self, most: float) -> bool:
        """Whether anything has come since the event, or does within so many seconds."""

        def heard() -> bool | None:
            self._bench.hear()
            return bool(self._peer.heard) or None

        return scheduler.wait(heard, scheduler.now() + most) is not None

    # --- what is seen

    def _read(self) -> str:
        """What the application reads now, in one word or two."""
        if self._socket is None:
            return NOTHING
        seen = []
        try:
            while data := self._socket.recv(1 << 20):
                seen.append(_amount(len(data)))
            seen.append("EOF")
        except BlockingIOError:
            pass
        except OSError as error:
            seen += [errno_of(error)] if error.errno != errno.ENOTCONN else []
        return ", ".join(seen) or NOTHING

    # --- what was said

    def _otherwise(self, found: PlayedRow, counted: Mapping[str, int]) -> Iterator[str]:
        row = self._row
        segment = row.step.kind == "arrives" and not speech.icmp(row.step.text)
        if segment and not counted.get(
            "TcpInSegs"
        ):  # then it says nothing that nothing comes of it
            yield "the segment does not arrive"
        expected, seen = "; ".join(row.answers) or NOTHING, "; ".join(found.answers) or NOTHING
        if row.answers != found.answers:
            yield f"answers {seen}, expected {expected}"
        if str(row.then) != found.then:
            yield f"goes to {found.then}, expected {row.then}"
        if row.reads != found.reads:
            yield f"the application reads {found.reads}, expected {row.reads}"
        if row.result and row.result != found.result:
            yield f"the call ends with {found.result}, expected {row.result}"
        exact = () if row.waits else sorted((counted.keys() & EXACT) - row.counts.keys())
        for name in (*row.counts, *exact):
            number, found_number = row.counts.get(name, 0), counted.get(name, 0)
            if number != found_number:
                yield f"{name} counts {found_number}, expected {number or 'none'}"
        for name, number in row.info.items():
            if found.info.get(name, "nothing") != number:
                yield f"{name} is {found.info.get(name, 'not told')}, expected {number}"
        yield from self._too_late(found)

    def _too_late(self, found: PlayedRow) -> Iterator[str]:
        if not _on_time(self._row, found, scheduler.lost() - self._lost):
            yield f"after {found.after:.3f} s, expected {self._row.after:g} s"


def _on_time(row: TableRow, found: PlayedRow, late: float = 0.0) -> bool:
    """Whether its timer ended when it was due, where whoever looked was up to `late` s late."""
    if row.after is None or found.after is None:
        return True
    latest = row.after * (1 + LATER) + LATEST + late
    earliest = row.after * (1 - EARLIER) - EARLIEST - late  # its beginning was seen too late
    return earliest <= found.after <= latest


def _amount(number: int) -> str:
    return f"{number} bytes" if number < FULL else "a full buffer"


def _bits(flags: Sequence[str]) -> int:
    """Flags of send(2) and recv(2): ``oob`` is MSG_OOB."""
    return sum(getattr(socket, f"MSG_{flag.upper()}") for flag in flags)


def _decisions(counted: Mapping[str, int]) -> dict[str, int]:
    return {
        name: number
        for name, number in sorted(counted.items())
        if name not in TRAFFIC and not name.startswith(OTHERS)
    }
