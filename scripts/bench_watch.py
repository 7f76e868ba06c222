# SPDX-License-Identifier: GPL-2.0-or-later
"""What ``netlab watch`` of many sockets costs. Run it by hand as root:

    .venv/bin/python scripts/bench_watch.py [SOCKETS [LOOKS [STUCK]]]

The sockets are both ends of connections on the loopback of a namespace of its own: idle but for
`STUCK`, which a program has forgotten to close. Another process watches them, a look in ten
seconds,
and is scraped many times a second meanwhile, also while it looks. Exit code 1: it took one percent
of a core or more, or a scrape took a tenth of a second.
"""

from __future__ import annotations

import contextlib
import os
import re
import socket
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from netlab.linux.namespace import Namespace

EVERY = 10.0  # seconds between two looks
PAUSE = 0.05  # seconds between two scrapes
PORT = 9000
MOST_OF_A_CORE, MOST_SECONDS = 0.01, 0.1
TICKS = os.sysconf("SC_CLK_TCK")


def fill(count: int, stuck: int, stack: ExitStack) -> None:
    """Open half as many connections; of some, one end closes and the other one does not."""
    Path("/proc/sys/net/ipv4/ip_local_port_range").write_text("10000 65000")
    listener = stack.enter_context(socket.create_server(("127.0.0.1", PORT)))
    for number in range(count // 2):
        one = stack.enter_context(socket.create_connection(("127.0.0.1", PORT)))
        stack.enter_context(listener.accept()[0])
        if number < stuck:
            one.shutdown(socket.SHUT_WR)


@contextlib.contextmanager
def watching(namespace: Namespace, port: int) -> Iterator[int]:
    """``netlab watch`` of it, and the number of that process."""
    where = f"/proc/{os.getpid()}/fd/{namespace.fd}"
    command = [sys.executable, "-m", "netlab", "watch", "--every", f"{EVERY:.0f}s"]
    command += ["--netns", where, "--prometheus", f"127.0.0.1:{port}"]
    plain = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    with subprocess.Popen(command, env=plain) as process:
        try:
            yield process.pid
        finally:
            process.terminate()


def used(process: int) -> float:
    """Seconds of CPU that a process has used."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def scrape(port: int) -> tuple[float, dict[str, float]]:
    """How long a scrape took, in seconds, and the figures without labels."""
    began = time.perf_counter()
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        text = answer.read().decode()
    took = time.perf_counter() - began
    return took, {
        name: float(value) for name, value in re.findall(r"^(\w+) (\S+)$", text, re.MULTILINE)
    }


def free_port() -> int:
    """A port that nobody has just now."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        number: int = server.getsockname()[1]
        return number


def after(looks: int, port: int) -> dict[str, float]:
    """The figures after so many looks."""
    while True:
        with contextlib.suppress(OSError):
            figures = scrape(port)[1]
            if figures["netlab_looks_total"] >= looks:
                return figures
        time.sleep(PAUSE)


def cost(process: int, port: int, looks: int) -> float:
    """Seconds of CPU for each look, when nobody scrapes but at its begin and its end."""
    first = int(after(2, port)["netlab_looks_total"])  # the second one finds out who holds what
    time.sleep(EVERY / 2)
    before = used(process)
    time.sleep(EVERY * looks)
    taken = scrape(port)[1]["netlab_looks_total"] - first
    return (used(process) - before) / taken


def answers(port: int, looks: int) -> list[float]:
    """The seconds of many scrapes, while it looks so many times."""
    taken, until = [], scrape(port)[1]["netlab_looks_total"] + looks
    figures = {"netlab_looks_total": 0.0}
    while figures["netlab_looks_total"] < until:
        took, figures = scrape(port)
        taken.append(took)
        time.sleep(PAUSE)
    return taken


def main() -> int:
    """Measure, print, and say whether it holds."""
    words = [int(word) for word in sys.argv[1:]]
    count, looks, stuck = [*words, *(10_000, 6, 50)[len(words) :]]
    with ExitStack() as stack:
        namespace = stack.enter_context(contextlib.closing(Namespace.create()))
        with namespace:
            subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
            fill(count, stuck, stack)
        port = free_port()
        process = stack.enter_context(watching(namespace, port))
        each = cost(process, port, looks)
        figures = scrape(port)[1]
        scrapes = answers(port, looks)
    print(
        f"{figures['netlab_sockets']:.0f} sockets, {stuck} connections stuck, {os.uname().release}"
    )
    print(f"a look: {1000 * each:.0f} ms of CPU, which is {each / EVERY:.2%} of a core at one in "
          f"{EVERY:.0f} s; {figures['process_resident_memory_bytes'] / 1e6:.0f} MB")  # fmt: skip
    longest = ", ".join(f"{1000 * took:.0f}" for took in sorted(scrapes)[-3:])
    print(f"a scrape: median {1000 * statistics.median(scrapes):.1f} ms, the longest of "
          f"{len(scrapes)} {longest} ms")  # fmt: skip
    return 0 if each / EVERY < MOST_OF_A_CORE and max(scrapes) < MOST_SECONDS else 1


if __name__ == "__main__":
    sys.exit(main())
