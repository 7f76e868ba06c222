# SPDX-License-Identifier: GPL-2.0-or-later
"""Packets are recorded as fast as they come; and where they come faster, that is counted."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from netlab import scheduler
from netlab.linux.expression import LOG_GROUP
from netlab.model.vocabulary import Family, Hook, Side
from netlab.observe import capture
from netlab.observe.capture import Drops, Wire
from netlab.observe.openings import Openings
from netlab.testbed.faults.drop import Drop, Match, compiled
from netlab.testbed.host import Host
from netlab.testbed.lab import Lab
from netlab.testbed.recorder import Recorder

from . import tools

PORT = 9
CLOCKS = 1e-4  # seconds that two clocks may be apart, which are compared at each read
RATE = 100_000  # packets a second
SECONDS = 0.5
PACKETS = int(RATE * SECONDS)
#: Sends so many datagrams at so many a second: argv is address, port, number, rate.
SENDER = """
import ctypes, socket, sys, time
address, port, number, rate = sys.argv[1], *map(int, sys.argv[2:])
family = socket.AF_INET6 if ":" in address else socket.AF_INET
to = socket.socket(family, socket.SOCK_DGRAM)
to.connect((address, port))

class Piece(ctypes.Structure):
    _fields_ = [("data", ctypes.c_char_p), ("length", ctypes.c_size_t)]

class Message(ctypes.Structure):  # struct mmsghdr
    _fields_ = [
        ("name", ctypes.c_void_p), ("name_length", ctypes.c_uint),
        ("pieces", ctypes.POINTER(Piece)), ("count", ctypes.c_size_t),
        ("control", ctypes.c_void_p), ("control_length", ctypes.c_size_t),
        ("flags", ctypes.c_int), ("sent", ctypes.c_uint),
    ]

libc = ctypes.CDLL(None, use_errno=True)
piece = Piece(b"hello", 5)
batch = (Message * 50)(*[Message(pieces=ctypes.pointer(piece), count=1) for _ in range(50)])
began, done = time.monotonic(), 0
while done < number:
    if time.monotonic() - began >= done / rate:
        sent = libc.sendmmsg(to.fileno(), batch, min(50, number - done), 0)
        if sent < 0:  # ENOBUFS, EPERM of a drop: the packet is counted as sent
            sys.exit(f"sendmmsg: errno {ctypes.get_errno()}")
        done += sent
print(time.monotonic() - began)
"""


@contextmanager
def sending(lab: Lab, number: int, rate: int = 10 * RATE) -> Iterator[subprocess.Popen[str]]:
    """The client sends datagrams to the server, in a process of its own."""
    arguments = [lab.server.address, str(PORT), str(number), str(rate)]
    with lab.client.namespace:
        process = subprocess.Popen(
            [sys.executable, "-c", SENDER, *arguments], stdout=subprocess.PIPE, text=True
        )
    with process:
        try:
            yield process
        finally:
            process.kill()


def send(lab: Lab, number: int) -> None:
    """The same, to the end, and nobody reads meanwhile."""
    with sending(lab, number) as process:
        assert process.wait(tools.PATIENCE) == 0


@pytest.fixture
def sink(lab: Lab) -> Iterator[socket.socket]:
    """Who takes the datagrams, so that none is answered with an error."""
    with lab.server.namespace:
        taking = socket.socket(lab.family, socket.SOCK_DGRAM)
    with taking:
        taking.bind((lab.server.address, PORT))
        yield taking


@pytest.fixture
def wires(lab: Lab, sink: socket.socket) -> Iterator[list[Wire]]:
    """Both ends' eyes."""
    opened = [open_wire(host) for host in lab.hosts]
    yield opened
    for wire in opened:
        wire.close()


def open_wire(host: Host) -> Wire:
    with host.namespace:
        wire = Wire("eth0")
    assert tools.wait(lambda: wire.start() or None)
    return wire


def drop_datagrams(lab: Lab) -> Drop:
    """The server drops them all, and logs each."""
    tools.program("nft")
    match = Match(nft=(f"udp dport {PORT}",))
    rules = compiled("datagrams", Hook.INPUT, match, lab.family, log=True)
    return Drop(lab.server, rules, match, lab.elapsed)


class Reading:
    """Reads as the sampler does, and knows how late it ever was."""

    def __init__(self, read: Callable[[], None]) -> None:
        self._read = read
        self._before = scheduler.now()
        self.latest = 0.0

    def until_done(self, process: subprocess.Popen[str]) -> float:
        """Read until a sender has sent everything; returns the seconds that it needed."""

        def look() -> int | None:
            code = process.poll()
            now = scheduler.now()
            self.latest, self._before = max(self.latest, now - self._before), now
            self._read()
            return code

        assert tools.wait(look) == 0
        assert process.stdout is not None
        return float(process.stdout.read())


#: Seconds that a reader may be late, in one of several attempts on a machine that is busy.
PUNCTUAL = 0.045
ATTEMPTS = 10.0  # seconds
#: Of the processors' time: less is what any machine does beside a test.
OTHERS = 0.1


def processors() -> tuple[float, float]:
    """Seconds that all processors have been busy, for whomever, and those for this process and
    what it started and has ended.
    """
    tick = os.sysconf("SC_CLK_TCK")
    user, nice, system, _, _, irq, softirq, steal = map(
        int, Path("/proc/stat").read_text().split()[1:9]
    )
    return (user + nice + system + irq + softirq + steal) / tick, sum(os.times()[:4])


def once_the_machine_is_free(attempt: Callable[[], bool | None]) -> None:
    """Try until an attempt had the processors that it needs. The test is skipped only where they
    were somebody else's, and fails where this process was late on a machine that was free.
    """
    began, before = scheduler.now(), processors()
    if scheduler.wait(attempt, began + ATTEMPTS):
        return
    busy, own = (now - then for now, then in zip(processors(), before, strict=True))
    others = (busy - own) / ((scheduler.now() - began) * (os.cpu_count() or 1))
    assert others > OTHERS, f"late each time, and others had {others:.0%} of the processors"
    pytest.skip(f"others had {others:.0%} of the processors, and nobody was free to read")


@pytest.mark.parametrize(("busy", "kind"), [(0.0, AssertionError), (100.0, pytest.skip.Exception)])
def test_who_was_late_on_a_free_machine_has_failed(
    monkeypatch: pytest.MonkeyPatch, busy: float, kind: type[BaseException]
) -> None:
    looks = iter([(0.0, 0.0), (busy, 0.0), (0.0, 0.0)])
    monkeypatch.setattr(f"{__name__}.processors", lambda: next(looks))
    monkeypatch.setattr(f"{__name__}.ATTEMPTS", 0.01)
    with pytest.raises(kind, match="others"):
        once_the_machine_is_free(lambda: None)
    once_the_machine_is_free(lambda: True)


@pytest.mark.alone
def test_a_hundred_thousand_packets_a_second_are_recorded(lab: Lab, wires: list[Wire]) -> None:
    seen, sent = [0, 0], 0

    def read() -> None:
        for number, wire in enumerate(wires):
            seen[number] += sum(each.outgoing is (number == 0) for each in wire.read())

    def attempt() -> bool | None:
        """None where somebody else had the processors."""
        nonlocal sent
        before = sum(wire.missed for wire in wires)
        reading = Reading(read)
        with sending(lab, PACKETS, RATE) as process:
            took = reading.until_done(process)
        sent += PACKETS
        assert [n + wire.missed for n, wire in zip(seen, wires, strict=True)] == [sent, sent]
        if took > 1.2 * SECONDS or reading.latest > PUNCTUAL:
            return None
        assert sum(wire.missed for wire in wires) == before
        return True

    once_the_machine_is_free(attempt)


def test_packets_that_do_not_fit_are_counted_at_once(lab: Lab, wires: list[Wire]) -> None:
    send(lab, 2 * capture.FRAMES)
    for wire in wires:
        assert len(list(wire.read())) == capture.FRAMES
        assert wire.missed == capture.FRAMES
    send(lab, 10)
    for wire in wires:
        assert len(list(wire.read())) == 10
        assert wire.missed == capture.FRAMES


def test_a_ring_that_is_just_full_has_missed_nothing(lab: Lab, wires: list[Wire]) -> None:
    for _ in range(2):
        send(lab, capture.FRAMES)
        for wire in wires:
            assert len(list(wire.read())) == capture.FRAMES
            assert wire.missed == 0
            assert list(wire.read()) == []


def test_a_recording_says_that_it_missed_packets(netlab_family: Family) -> None:
    with Lab(netlab_family, record=True) as lab:
        assert lab.recorder is not None
        lab.server.listen()
        lab.client.connect()
        before = len(lab.recorder.recording(lab.flow()).frames)
        send(lab, capture.FRAMES + 1000)
        lab.sample()
        recording = lab.recorder.recording(lab.flow())
    assert before > 0
    # What the server answers to the first datagrams (port unreachable) is among them.
    assert recording.missed >= 2 * 1000
    assert len(recording.frames) <= before + 2 * capture.FRAMES


@pytest.mark.parametrize("size", [0, 1, 1000, 1400], ids="{} bytes".format)
def test_headers_are_kept_whole_and_lengths_are_true(established: Lab, size: int) -> None:
    lab = established
    wires = [open_wire(host) for host in lab.hosts]
    if size:
        lab.client.send(bytes(size))
    else:
        lab.client.close()
    header = (20 if lab.family is Family.IPV4 else 40) + 32
    for wire in wires:
        sent = next(each for each in wire.read() if each.outgoing is (wire is wires[0]))
        assert sent.length == header + size
        assert len(sent.data) == min(sent.length, capture.SNAP) >= header
        wire.close()


@pytest.mark.alone
def test_times_are_on_the_clock_of_samples(established: Lab) -> None:
    wire = open_wire(established.client)
    established.client.set_option("TCP_NODELAY", 1)
    for _ in range(20):
        before = scheduler.now()
        established.client.send("x")
        after = scheduler.now()
        (at,) = [seen.at for seen in wire.read() if seen.outgoing]
        assert before - CLOCKS <= at <= after + CLOCKS
    wire.close()


# --- what rules drop


@pytest.fixture
def drops(lab: Lab) -> Iterator[Drops]:
    with lab.server.namespace:
        opened = Drops(LOG_GROUP)
    yield opened
    opened.close()


@pytest.mark.alone
def test_a_hundred_thousand_drops_a_second_are_recorded(
    lab: Lab, sink: socket.socket, drops: Drops
) -> None:
    if not tools.is_root():
        pytest.skip("only root of the machine may have a buffer for that many (SO_RCVBUFFORCE)")
    fault, logged = drop_datagrams(lab), 0

    def read() -> None:
        nonlocal logged
        logged += sum(each.rule == "datagrams" for each in drops.read())

    reading = Reading(read)
    with sending(lab, PACKETS, RATE) as process:
        reading.until_done(process)
    assert logged + drops.missed == fault.packets == PACKETS
    assert drops.missed == 0 or reading.latest > PUNCTUAL


def test_drops_that_do_not_fit_are_counted(lab: Lab, sink: socket.socket, drops: Drops) -> None:
    fault = drop_datagrams(lab)
    send(lab, PACKETS)
    logged = len(list(drops.read()))
    assert logged < PACKETS
    assert drops.missed > 0  # how many it were, the next one tells
    send(lab, 1)
    logged += len(list(drops.read()))
    assert logged + drops.missed == fault.packets == PACKETS + 1


# --- what is left


def test_closing_leaves_no_socket_and_no_descriptor(lab: Lab) -> None:
    before = descriptors()
    wires = [open_wire(host) for host in lab.hosts for _ in range(5)]
    assert packet_sockets(lab.client) == 5
    for wire in wires:
        wire.close()
    assert tools.wait(lambda: True if descriptors() == before else None), descriptors()
    assert tools.wait(lambda: True if packet_sockets(lab.client) == 0 else None)


def test_a_recorder_that_never_started_can_be_closed(lab: Lab) -> None:
    before = descriptors()
    recorder = Recorder(scheduler.now(), 0)
    for side in Side:
        recorder.watch(side, lab.host(side).namespace, [lab.host(side).address])
    recorder.close()
    assert tools.wait(lambda: True if descriptors() == before else None), descriptors()
    assert tools.wait(lambda: True if packet_sockets(lab.client) == 0 else None)


def descriptors() -> dict[str, str]:
    found = {}
    for name in os.listdir("/proc/self/fd"):
        try:
            target = os.readlink(f"/proc/self/fd/{name}")
        except FileNotFoundError:  # the one that lists them
            continue
        if target.startswith("socket:"):
            found[name] = target
    return found


def packet_sockets(host: Host) -> int:
    """How many packet sockets there are in a host's namespace."""
    with host.namespace:
        return len(Path("/proc/thread-self/net/packet").read_text().splitlines()) - 1


def test_reading_of_openings_ends_though_each_is_followed_by_another() -> None:
    with Lab() as lab:

        def opens() -> None:
            with lab.client.namespace:
                sock = socket.socket(lab.family, socket.SOCK_STREAM)
            with sock:
                sock.connect_ex((lab.server.address, PORT))

        with lab.client.namespace:
            link = next(name for _, name in socket.if_nameindex() if name != "lo")
            openings = Openings(link)
        with contextlib.closing(openings):
            opens()
            for number, _ in enumerate(openings.read(), 1):
                assert number == 1
                opens()
            assert len([*openings.read()]) == 1
            assert openings.missed == 0


# --- two clocks


class SlowClocks:
    """Two clocks of which each call takes so many nanoseconds; some are interrupted."""

    AHEAD = 1_700_000_000_000_000_000  # ns: the wall clock, of the other

    def __init__(self, takes: int) -> None:
        self.now, self.takes, self.readings = 10**9, takes, 0
        self.interrupted: dict[int, int] = {}  # by the number of the reading: for how long

    def monotonic_ns(self) -> int:
        """Nanoseconds since the machine began."""
        self.now += self.takes
        return self.now

    def time_ns(self) -> int:
        """Nanoseconds since 1970; an interruption comes after it was read."""
        self.readings += 1
        stamp = self.now + self.takes + self.AHEAD
        self.now += self.takes + self.interrupted.get(self.readings, 0)
        return stamp


@pytest.fixture
def slow_clocks(monkeypatch: pytest.MonkeyPatch) -> Iterator[SlowClocks]:
    clocks = SlowClocks(takes=3000)  # as in an emulator
    monkeypatch.setattr(capture, "time", clocks)
    capture._good.cache_clear()
    yield clocks
    capture._good.cache_clear()


@pytest.mark.parametrize("first", [1, 21, 22, 40])
def test_an_interruption_between_two_clocks_is_no_part_of_their_offset(
    slow_clocks: SlowClocks, first: int
) -> None:
    slow_clocks.interrupted = dict.fromkeys(range(first, first + 5), 2_000_000)
    for _ in range(10):
        assert capture._offset() == pytest.approx(-slow_clocks.AHEAD / 1e9, abs=1e-6)


def test_clocks_that_are_slow_are_read_once_each_time(slow_clocks: SlowClocks) -> None:
    capture._offset()
    before = slow_clocks.readings
    for _ in range(10):
        capture._offset()
    assert slow_clocks.readings == before + 10
