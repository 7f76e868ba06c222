# SPDX-License-Identifier: GPL-2.0-or-later
"""What a snapshot of many sockets costs, beside ``ss``. Run it by hand as root:

    .venv/bin/python scripts/bench_snapshot.py [SOCKETS]

The sockets are in TIME_WAIT, in a namespace of its own, to several addresses. The contenders take
turns, so that a noisy machine is noisy for both; figures are medians of one run. Exit code 1: a
snapshot took longer than ``ss -tan``, or ``netlab diagnose`` of it takes more than it may.
"""

from __future__ import annotations

import os
import resource
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from netlab.linux.namespace import Namespace

ROUNDS = 9
EACH = 25_000  # connections to one address: fewer than there are ports
PORT = 9000
MOST_SECONDS, MOST_MEGABYTES = 2.0, 200  # for all that netlab diagnose does
NETLAB = (sys.executable, "-m", "netlab")


def fill(count: int) -> None:
    """Open and close so many connections; this end closes first and keeps TIME_WAIT."""
    Path("/proc/sys/net/ipv4/tcp_max_tw_buckets").write_text(str(2 * count))
    Path("/proc/sys/net/ipv4/ip_local_port_range").write_text("10000 65000")
    Path("/proc/sys/net/ipv4/tcp_tw_reuse").write_text("0")
    with socket.create_server(("0.0.0.0", PORT)) as listener:
        for number in range(count):
            one = socket.create_connection((f"127.0.0.{1 + number // EACH}", PORT))
            other, _ = listener.accept()
            one.close()
            other.close()


def seconds(command: list[str], output: Path) -> float:
    """How long a command takes to print everything into a file."""
    with output.open("wb") as file:
        began = time.perf_counter()
        subprocess.run(command, stdout=file, check=True)
        return time.perf_counter() - began


def diagnosing(file: Path) -> tuple[float, float]:
    """Seconds and megabytes of ``netlab diagnose``."""
    began = time.perf_counter()
    subprocess.run([*NETLAB, "diagnose", str(file)], check=True, stdout=subprocess.DEVNULL)
    took = time.perf_counter() - began
    return took, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024


def main() -> int:
    """Measure, print, and say whether it holds."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    with tempfile.TemporaryDirectory() as folder, Namespace.create():
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        fill(count)
        theirs, ours = Path(folder, "ss.txt"), Path(folder, "snapshot.json")
        ss, snapshot = [], []
        for _ in range(ROUNDS):
            ss.append(seconds(["ss", "-tan"], theirs))
            snapshot.append(seconds([*NETLAB, "snapshot"], ours))
        listed = len(theirs.read_text().splitlines()) - 1
        ratio = statistics.median(snapshot) / statistics.median(ss)
        print(f"{listed} sockets, {os.uname().release}, medians of {ROUNDS}")
        print(f"ss -tan          {statistics.median(ss):6.3f} s  {theirs.stat().st_size:9} bytes")
        print(f"netlab snapshot  {statistics.median(snapshot):6.3f} s  "
              f"{ours.stat().st_size:9} bytes  {ratio:.2f} times")  # fmt: skip
        good = ratio <= 1
        for what, file in (("the snapshot", ours), ("ss -tan", theirs)):
            took, megabytes = diagnosing(file)
            print(f"netlab diagnose of {what}: {took:.2f} s, at most {megabytes:.0f} MB so far")
            good = good and took < MOST_SECONDS and megabytes < MOST_MEGABYTES
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
