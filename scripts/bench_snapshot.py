# SPDX-License-Identifier: GPL-2.0-or-later
"""What many sockets cost. Run it by hand as root, on a machine that does nothing else:

    .venv/bin/python scripts/bench_snapshot.py [SOCKETS [ROWS]]

First a snapshot beside ``ss``: 100,000 sockets in TIME_WAIT, in a namespace of its own, to several
addresses. The contenders take turns, so that a noisy machine is noisy for both; figures are medians
of one run. Then ``netlab diagnose`` of 1,000,000 mixed rows (``many_rows.py``), one in ten of them
stuck, as ``ss -tan``, ``ss -tanoei`` and ``netlab snapshot`` print them; and of 10,000, which must
not be cheaper by the socket. Memory is that of both processes together, where two do the work.
Exit code 1: something took longer, or more memory, than it may.
"""

from __future__ import annotations

import os
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from netlab.linux.namespace import Namespace

ROUNDS = 9
PAUSE = 0.02  # seconds between two looks at what is in memory
EACH = 25_000  # connections to one address: fewer than there are ports
PORT = 9000
MOST_SECONDS, MOST_MEGABYTES = 2.0, 200  # for all that netlab diagnose does
#: The same of ROWS mixed rows, as many_rows.py prints them.
MIXED = {"plain": (5.0, 300), "detailed": (20.0, 500), "snapshot": (4.0, 500)}
ROWS, FEW_ROWS = 1_000_000, 10_000
#: How much more a socket may cost among ROWS than among FEW_ROWS: a tenth, and Python's start.
DEARER = 1.1
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
    """Seconds of ``netlab diagnose``, and the megabytes of its processes, in a run of their own: to
    look at those slows it down.
    """
    command = [*NETLAB, "diagnose", str(file)]
    began = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        pass
    took = time.perf_counter() - began
    assert process.returncode in {0, 1}, command
    most = 0.0
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        while process.poll() is None:
            most = max(most, megabytes(process.pid))
            time.sleep(PAUSE)
    return took, most


def megabytes(process: int) -> float:
    """What a process and its children have in memory now; a page that several have is counted once
    (PSS). Of one that has just ended, nothing.
    """
    try:
        rollup = Path(f"/proc/{process}/smaps_rollup").read_text()
        children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    except OSError:
        return 0.0
    kilobytes = next((int(n) for n in re.findall(r"^Pss: +(\d+)", rollup, re.MULTILINE)), 0)
    return kilobytes / 1024 + sum(megabytes(int(child)) for child in children)


def mixed(folder: Path, count: int) -> bool:
    """Measure and print what many mixed rows cost; whether it is no more than it may be."""
    good = True
    start, _ = diagnosing(printed(folder, "plain", 20))
    for kind, (most_seconds, most_megabytes) in MIXED.items():
        few, _ = diagnosing(printed(folder, kind, FEW_ROWS))
        took, most = diagnosing(printed(folder, kind, count))
        each, each_of_few = ((s - start) / n * 1e6 for s, n in ((took, count), (few, FEW_ROWS)))
        print(
            f"{kind:9} {count} rows: {took:6.2f} s, {most:4.0f} MB; "
            f"each {each:5.1f} us, of {FEW_ROWS}: {each_of_few:5.1f} us"
        )
        good = good and took < most_seconds and most < most_megabytes
        good = good and each < each_of_few * DEARER
    return good


def printed(folder: Path, kind: str, count: int) -> Path:
    """A file of so many rows."""
    path = folder / f"{kind}.{count}"
    with path.open("wb") as file:
        command = [sys.executable, str(Path(__file__).with_name("many_rows.py")), kind, str(count)]
        subprocess.run(command, stdout=file, check=True)
    return path


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
            took, most = diagnosing(file)
            print(f"netlab diagnose of {what}: {took:.2f} s, {most:.0f} MB")
            good = good and took < MOST_SECONDS and most < MOST_MEGABYTES
        rows = int(sys.argv[2]) if len(sys.argv) > 2 else ROWS
        good = mixed(Path(folder), rows) and good
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
