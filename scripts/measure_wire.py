# SPDX-License-Identifier: GPL-2.0-or-later
"""Whether a wire does what it is asked for: asked beside measured. Run it by hand, as root:

    .venv/bin/python scripts/measure_wire.py                 netlab's wire, on this kernel
    .venv/bin/python scripts/measure_wire.py debian:trixie   and netem beside it, in a guest

Datagrams from the client to the server carry when they were sent, and the kernel stamps when each
arrives. A guest has the virtual clock, on which a busy machine costs nothing: there, the two can be
compared, and not on it how much a wire carries. The table is Markdown (docs/wire.md).
"""

from __future__ import annotations

import contextlib
import itertools
import json
import math
import os
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from netlab import Impairment, Lab, Side
from netlab.linux.netlink import NLM_F_ACK, NLM_F_CREATE, attribute, message
from netlab.linux.transport import Request
from netlab.testbed import wire

PORT = 9
SO_TIMESTAMPNS, SO_RCVBUFFORCE = 35, 33
STAMP = struct.Struct("=qq")
SENT = struct.Struct("=Iq")  # number, nanoseconds
QUIET = 0.3  # seconds without a datagram: no more will come
SURE = 1.96  # standard deviations: 95 of 100

# --- netem, without tc

RTM_NEWQDISC, TC_H_ROOT = 36, 0xFFFFFFFF
TCMSG = struct.Struct("=BxxxiIII")
QUEUE = 1_000_000  # packets
WHOLE = (1 << 32) - 1  # a share of 1


def netem(lab: Lab, **asked: float) -> None:
    """Have the client's link do it: seconds, shares, bytes a second (``linux/pkt_sched.h``)."""
    shares = {name: round(asked.get(name, 0) * WHOLE) for name in ("loss", "duplicate")}
    gap = 1 if "reorder" in asked else 0
    options = struct.pack("=6I", 0, QUEUE, shares["loss"], gap, shares["duplicate"], 0)
    if "reorder" in asked:  # of netem's, the share that is *not* held back
        options += attribute(3, struct.pack("=II", round((1 - asked["reorder"]) * WHOLE), 0))
    if "corrupt" in asked:
        options += attribute(4, struct.pack("=II", round(asked["corrupt"] * WHOLE), 0))
    if "rate" in asked:
        options += attribute(6, struct.pack("=IiIi", round(asked["rate"]), 0, 0, 0))
    for kind, name in ((10, "delay"), (11, "jitter")):
        options += attribute(kind, struct.pack("=q", round(asked.get(name, 0) * 1e9)))
    body = TCMSG.pack(0, wire.VETH, 0, TC_H_ROOT, 0) + attribute(1, b"netem\0")
    whole = message(RTM_NEWQDISC, NLM_F_CREATE | NLM_F_ACK, body + attribute(2, options))
    lab.client.route.send([Request(whole, "netem")])


# --- datagrams


class Arrival(NamedTuple):
    """A datagram that has arrived: which one, and how long it was under way, in seconds."""

    number: int
    took: float
    at: float


def arrivals(lab: Lab, count: int, every: float, size: int = 100) -> list[Arrival]:
    """Send so many datagrams, so many seconds apart; those that arrive, in their order."""
    with lab.server.namespace:
        receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with lab.client.namespace:
        sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with receiver, sender:
        receiver.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        receiver.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 64 << 20)
        sender.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8 << 20)
        receiver.bind((lab.server.address, PORT))
        sender.connect((lab.server.address, PORT))
        found: list[Arrival] = []
        began = time.monotonic()
        for number in range(count):
            left = began + number * every - time.monotonic()
            if left > 0:
                time.sleep(left)
            sender.send(SENT.pack(number, time.time_ns()).ljust(size, b"\0"))
        receiver.settimeout(QUIET)  # and not sooner: reading takes the processor from the wire
        with contextlib.suppress(TimeoutError):
            while True:
                found.append(_arrival(receiver))
        return found


def _arrival(receiver: socket.socket) -> Arrival:
    data, ancillary, _, _ = receiver.recvmsg(2048, 64)
    number, sent = SENT.unpack_from(data)
    seconds, nanoseconds = STAMP.unpack(ancillary[0][2])
    arrived = seconds * 10**9 + nanoseconds
    return Arrival(number, (arrived - sent) / 1e9, arrived / 1e9)


# --- what is told of them


def times(found: Sequence[Arrival], asked: float) -> str:
    """How late they are: percentiles beyond what was asked, in milliseconds."""
    beyond = sorted((each.took - asked) * 1000 for each in found)
    low, middle, high = (beyond[int(part * (len(beyond) - 1))] for part in (0.01, 0.5, 0.99))
    return f"{middle:+.2f} ms; 1st {low:+.2f}, 99th percentile {high:+.2f}"


def spread(found: Sequence[Arrival], asked: float) -> str:
    """Between which times most of them were under way, in milliseconds."""
    took = sorted(each.took * 1000 for each in found)
    low, middle, high = (took[int(part * (len(took) - 1))] for part in (0.01, 0.5, 0.99))
    return f"{low:.2f} to {high:.2f} ms (1st, 99th percentile), median {middle:.2f}"


def part(number: int, count: int) -> str:
    """A share in percent, with its confidence interval (Wilson)."""
    share, square = number / count, SURE**2 / count
    middle = (share + square / 2) / (1 + square)
    around = SURE * math.sqrt(share * (1 - share) / count + square / (4 * count)) / (1 + square)
    low, high = (100 * (middle + sign * around) for sign in (-1, 1))
    return f"{100 * share:.2f}% ({low:.2f} to {high:.2f})"


def missing(found: Sequence[Arrival], count: int) -> int:
    """How many did not come."""
    return count - len({each.number for each in found})


def overtaken(found: Sequence[Arrival]) -> int:
    """How many came behind a later one."""
    latest = itertools.accumulate((each.number for each in found), max)
    return sum(each.number < most for each, most in zip(found, latest, strict=True))


def carried(found: Sequence[Arrival], size: int) -> str:
    """The rate between the first and the last, of whole frames (UDP, IPv4 and Ethernet: 42).

    Who sends is a little faster than the wire, and no more: all at once would take the processor
    from what carries them, and the first one would be late.
    """
    seconds = found[-1].at - found[0].at
    return f"{(len(found) - 1) * (size + 42) * 8 / seconds / 1e6:.2f} Mbit/s"


# --- the rows


class Row(NamedTuple):
    """Something that is asked, of either wire, and what is told of what has come."""

    asked: str
    ours: Callable[[Lab], Impairment]
    netem: dict[str, float]
    packets: int
    every: float  # seconds
    size: int
    told: Callable[[Sequence[Arrival], int], str]
    counts: Callable[[Sequence[Arrival], int], int] | None = None  # beside what the wire counted


TO = Side.SERVER
ROWS = (
    Row("delay 20 ms", lambda lab: lab.wire.delay("20ms", to=TO), {"delay": 0.02},
        3000, 0.001, 100, lambda found, _: times(found, 0.02)),
    Row("delay 200 ms", lambda lab: lab.wire.delay("200ms", to=TO), {"delay": 0.2},
        2000, 0.001, 100, lambda found, _: times(found, 0.2)),
    Row("delay 20 ms, give or take 5 ms", lambda lab: lab.wire.delay("20ms", "5ms", to=TO),
        {"delay": 0.02, "jitter": 0.005}, 2000, 0.02, 100, lambda found, _: spread(found, 0.02)),
    Row("loss 2%", lambda lab: lab.wire.loss("2%", to=TO), {"loss": 0.02},
        20_000, 0.0002, 100, lambda found, count: part(missing(found, count), count), missing),
    Row("loss 0.1%", lambda lab: lab.wire.loss("0.1%", to=TO), {"loss": 0.001},
        20_000, 0.0002, 100, lambda found, count: part(missing(found, count), count), missing),
    Row("duplicate 1%", lambda lab: lab.wire.duplicate("1%", to=TO), {"duplicate": 0.01},
        20_000, 0.0002, 100, lambda found, count: part(len(found) - count, count),
        lambda found, count: len(found) - count),
    Row("reorder 1% by 5 ms", lambda lab: lab.wire.reorder("1%", "5ms", to=TO),
        {"delay": 0.005, "reorder": 0.01}, 20_000, 0.0002, 100,
        lambda found, count: part(overtaken(found), count), lambda found, _: overtaken(found)),
    Row("rate 8mbit", lambda lab: lab.wire.rate("8mbit", to=TO), {"rate": 1e6},
        400, 0.001, 1400, lambda found, _: carried(found, 1400)),
    Row("rate 100mbit", lambda lab: lab.wire.rate("100mbit", to=TO), {"rate": 12.5e6},
        8000, 0.00008, 1400, lambda found, _: carried(found, 1400)),
)  # fmt: skip


def ours(row: Row) -> str:
    """What netlab's wire does."""
    with Lab() as lab:
        fault = row.ours(lab)
        found = arrivals(lab, row.packets, row.every, row.size)
        told = row.told(found, row.packets)
        if row.counts is not None:
            told += f"; seen {row.counts(found, row.packets)}, counted {fault.met}"
        return told


def theirs(row: Row) -> str:
    """What netem does."""
    with Lab() as lab:
        netem(lab, **row.netem)
        return row.told(arrivals(lab, row.packets, row.every, row.size), row.packets)


def cable() -> str:
    """What the measurement itself adds."""
    with Lab() as lab:
        return times(arrivals(lab, 3000, 0.001), 0)


def throughput(delay: str, megabytes: int = 60) -> str:
    """What TCP carries over netlab's wire, with nothing that chooses packets."""
    with Lab() as lab:
        lab.wire.delay(delay)
        lab.server.listen()
        client = lab.client.connect()
        server = lab.server.accept()
        client.socket.setblocking(True)
        server.socket.setblocking(True)
        block = bytes(1 << 20)

        def send() -> None:
            for _ in range(megabytes):
                client.socket.sendall(block)

        sending = threading.Thread(target=send)
        began = time.perf_counter()
        sending.start()
        left = megabytes << 20
        while left:
            left -= len(server.socket.recv(min(left, 1 << 20)))
        seconds = time.perf_counter() - began
        sending.join()
    frames = (megabytes << 20) / 1448 / seconds
    return f"{megabytes * 8.388608 / seconds:.0f} Mbit/s, {frames:,.0f} full segments a second"


def here() -> None:
    """Netlab's wire, on this kernel."""
    print(f"kernel {os.uname().release}, {len(os.sched_getaffinity(0))} cores\n")
    print("| asked | netlab's wire |\n|---|---|")
    print(f"| nothing (a cable) | {cable()} |", flush=True)
    for row in ROWS:
        print(f"| {row.asked} | {ours(row)} |", flush=True)
    print(f"| as much as goes | {throughput('0')} |")


# --- in a guest

START = """\
#!{python} -SB
from netlab.kernels.vm import init
import measure_wire
init._play = measure_wire.in_guest
init.main()
"""


def in_guest(port: BinaryIO) -> None:
    """Both wires there, as records."""
    from netlab.kernels.vm import init
    from netlab.model.kernel_run import line

    def tell(asked: str, *found: str) -> None:
        init._send(port, line("row", {"asked": asked, "found": found}))

    tell("nothing (a cable)", cable(), "")
    for row in ROWS:
        tell(row.asked, ours(row), theirs(row))
    init._send(port, line("done", {"wall_s": 0.0}))


def beside(text: str) -> None:
    """Netem beside it, on that kernel."""
    from netlab.kernels import cache, suite
    from netlab.kernels.sources import fetch, spec
    from netlab.kernels.vm import bare, boot, image, qemu
    from netlab.kernels.vm.archive import Archive

    kernel = fetch.obtain(spec.parse(text))
    guest = replace(qemu.Guest(), clock="virtual", limit=3600.0)
    with open(os.memfd_create("measure"), "w+b") as file:
        archive = Archive(file)
        archive.file(bare.INIT, START.format(python=bare.PYTHON).encode(), 0o755)
        archive.file(f"{bare.PACKAGES}/measure_wire.py", Path(__file__).read_bytes())
        archive.close()
        file.seek(0)
        mine = file.read()
    disk = (
        image.userland(cache.folder("guests")), image.kernel(kernel),
        image.job(suite.Job(), kernel.spec, guest.clock), mine,
    )  # fmt: skip
    print(f"\nkernel {kernel.release}, in a guest with a virtual clock\n")
    print("| asked | netlab's wire | netem |\n|---|---|---|", flush=True)

    def heard(record: str) -> None:
        told: dict[str, Any] = json.loads(record)
        if told["record"] == "row":
            row = told["value"]
            print(f"| {row['asked']} | {' | '.join(row['found'])} |", flush=True)

    told = qemu.follow(kernel.image, disk, boot.completed(guest, kernel), heard)
    if told.error():
        sys.exit(f"{told.error()}\n" + "\n".join(told.last_lines()))


if __name__ == "__main__":
    here()
    for each in sys.argv[1:]:
        beside(each)
