# SPDX-License-Identifier: GPL-2.0-or-later
"""Many labs at once, each with a program and a wire of 20 ms. Run it by hand, as root:

    .venv/bin/python scripts/crowd.py [LABS [KILLS]]

Every program answers over its wire, all at once and one by one, and never too early. Then netlab is
killed so many times while it builds them, each time at another moment: nothing may be left of it.
Exit code 1 where something is.
"""

from __future__ import annotations

import contextlib
import os
import random
import select
import signal
import socket
import statistics
import subprocess
import sys
import time
import uuid
from collections.abc import Sequence
from pathlib import Path

from netlab import Lab
from netlab.linux import closing

ECHO = """
import socket
server = socket.create_server(("", 8000))
while True:
    connection, _ = server.accept()
    while data := connection.recv(100):
        connection.sendall(data)
"""
PROGRAM = [sys.executable, "-IS", "-c", ECHO]
DELAY = 0.02  # seconds, each way
MARK = "NETLAB_CROWD_MARK"
PATIENCE = 60.0  # seconds


def marked(mark: str) -> list[int]:
    """The processes that have a mark in their environment."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if f"{MARK}={mark}".encode() in (path / "environ").read_bytes():
                found.append(int(path.name))
    return found


def resident(process: int) -> int:
    """The memory of a process in KiB, what it shares with others divided among them."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{process}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1])
    return 0


def pumps() -> list[int]:
    """The processes that carry packets for this one."""
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    return [int(each) for each in children
            if b"netlab.programs" in Path(f"/proc/{each}/cmdline").read_bytes()]  # fmt: skip


def said(seconds: Sequence[float]) -> str:
    """Percentiles, in milliseconds."""
    ordered = sorted(seconds)
    high = ordered[int(0.99 * (len(ordered) - 1))]
    return f"median {statistics.median(ordered) * 1000:.2f} ms, 99th percentile {high * 1000:.2f}"


def connected(labs: Sequence[Lab], stack: contextlib.ExitStack) -> list[socket.socket]:
    """A connection to each program."""
    found = []
    for lab in labs:
        with lab.client:
            sock = stack.enter_context(socket.create_connection((lab.server.address, 8000)))
        found.append(sock)
    return found


def all_at_once(connections: Sequence[socket.socket]) -> list[float]:
    """The seconds until each is answered, when all are asked together."""
    waiting = {each.fileno(): each for each in connections}
    poll = select.poll()
    sent, took = {}, []
    for number, each in waiting.items():
        poll.register(each, select.POLLIN)
        sent[number] = time.perf_counter()
        each.send(b"x")
    while waiting:
        for number, _ in poll.poll():
            took.append(time.perf_counter() - sent[number])
            poll.unregister(number)
            waiting.pop(number).recv(100)
    return took


def one_by_one(connections: Sequence[socket.socket]) -> list[float]:
    """The seconds until each is answered, one after the other."""
    took = []
    for each in connections:
        began = time.perf_counter()
        each.send(b"x")
        each.recv(100)
        took.append(time.perf_counter() - began)
    return took


def play(count: int) -> bool:
    """Build them, use them, and close them; False if an answer came too early."""
    times: dict[str, list[float]] = {"lab": [], "wire": [], "program": []}
    with contextlib.ExitStack() as stack:
        labs = []
        for _ in range(count):
            moments = [time.perf_counter()]
            lab = stack.enter_context(Lab())
            moments.append(time.perf_counter())
            lab.wire.delay(DELAY)
            moments.append(time.perf_counter())
            lab.server.start(PROGRAM, ready=8000)
            moments.append(time.perf_counter())
            for each, began, ended in zip(times.values(), moments, moments[1:], strict=False):
                each.append(ended - began)
            labs.append(lab)
        for what, each in times.items():
            print(f"  {what}: {said(each)}, {sum(each):.1f} s in all")
        carriers = pumps()
        print(f"  {len(carriers)} processes carry packets, {sum(map(resident, carriers))} KiB; "
              f"{len(os.listdir('/proc/self/fd')) // count} descriptors a lab")  # fmt: skip
        connections = connected(labs, stack)
        together, alone = all_at_once(connections), one_by_one(connections)
        print(f"  answers, all at once: {said(together)}; one by one: {said(alone)}")
        began = time.perf_counter()
    closing.finish()
    print(f"  closed in {time.perf_counter() - began:.1f} s")
    return min(*together, *alone) >= 2 * DELAY


def killed(count: int, within: float) -> bool:
    """Kill netlab at some moment while it builds so many; False if something is left of it."""
    mark = uuid.uuid4().hex
    code = f"from scripts import crowd; crowd.play({count})"
    environment = os.environ | {MARK: mark, "PYTHONPATH": str(Path(__file__).parents[1])}
    with subprocess.Popen([sys.executable, "-c", code], env=environment,
                          stdout=subprocess.DEVNULL) as process:  # fmt: skip
        time.sleep(random.uniform(0, within))
        process.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + PATIENCE
    while left := marked(mark):
        if time.monotonic() > deadline:
            print(f"  left: {left}")
            return False
        time.sleep(0.05)
    return True


def main(arguments: Sequence[str]) -> int:
    """Both, and the exit code."""
    count = int(arguments[0]) if arguments else 500
    kills = int(arguments[1]) if len(arguments) > 1 else 20
    print(f"{count} labs at once, on {len(os.sched_getaffinity(0))} cores")
    fine = play(count)
    fine &= all(killed(min(count, 20), 3.0) for _ in range(kills))
    print(f"  killed {kills} times: {'nothing is left' if fine else 'not fine'}")
    return int(not fine)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
