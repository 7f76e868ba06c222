# SPDX-License-Identifier: GPL-2.0-or-later
"""What netlab costs, beside others doing the same. Run it by hand: ``./scripts/bench``.

One lab is two namespaces, a veth pair, addresses of both families, both ends up, one nft drop with
its counter read, and down again; the other kind also lifts the drop, and is closed at once. The
contenders take turns, so that a noisy machine is noisy for all of them; figures are medians in
milliseconds, and ratios of medians of this run. A lab leaves to a thread what closes slowly, so
many in a row are timed as well, until all of it is closed.
"""

from __future__ import annotations

import argparse
import itertools
import os
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from functools import partial

from netlab import SYN, Lab, State
from netlab.linux import closing
from netlab.linux.namespace import Namespace
from netlab.scenario import catalogue, runner


def netlab(lifted: bool = False) -> None:
    """A lab with one drop, as the `lab` fixture makes it."""
    with Lab() as lab:
        fault = lab.drop(SYN, to=lab.server)
        assert fault.packets == 0
        if lifted:
            fault.remove()


# --- the same with netlink messages packed by hand, which is as fast as Python gets


def _attribute(kind: int, payload: bytes) -> bytes:
    length = 4 + len(payload)
    return struct.pack("=HH", length, kind) + payload + bytes(-length % 4)


def _message(kind: int, flags: int, payload: bytes) -> bytes:
    return struct.pack("=IHHII", 16 + len(payload), kind, flags | 1, 0, 0) + payload


def _ask(protocol: int, *messages: bytes) -> bytes:
    """Send all at once on a socket of this namespace, and wait for the last answer."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, protocol) as sock:
        sock.bind((0, 0))
        sock.send(b"".join(messages))
        answer = sock.recv(65536)
    kind = struct.unpack_from("=H", answer, 4)[0]
    code = struct.unpack_from("=i", answer, 16)[0] if kind == 2 else 0
    if code:
        raise OSError(-code, os.strerror(-code))
    return answer


def _link_up(index: int) -> bytes:
    return _message(19, 0, struct.pack("=BxHiII", 0, 0, index, 1, 1))


def _address(family: int, text: str, bits: int, flags: int = 0) -> bytes:
    packed = socket.inet_pton(family, text)
    header = struct.pack("=BBBBi", family, bits, 2, 0, 2)
    return _message(20, 0x400 | flags, header + _attribute(2, packed) + _attribute(1, packed))


def _end(number: int) -> tuple[bytes, ...]:
    return (
        _link_up(1),
        _link_up(2),
        _address(socket.AF_INET, f"10.0.0.{number}", 24),
        _address(socket.AF_INET6, f"fd00::{number}", 64, 4),
    )


def _nft(kind: int, flags: int, *attributes: bytes) -> bytes:
    return _message(10 << 8 | kind, flags, struct.pack(">BBH", 1, 0, 0) + b"".join(attributes))


def _expression(name: bytes, *attributes: bytes) -> bytes:
    inside = _attribute(1, name + b"\0") + _attribute(2 | 0x8000, b"".join(attributes))
    return _attribute(1 | 0x8000, inside)


def _number(kind: int, value: int) -> bytes:
    return _attribute(kind, struct.pack(">I", value))


def _compare(value: int) -> bytes:
    data = _attribute(3 | 0x8000, _attribute(1, bytes([value])))
    return _expression(b"cmp", _number(1, 1), _number(2, 0), data)


def _drop_syn() -> tuple[bytes, ...]:
    mask = _attribute(4 | 0x8000, _attribute(1, b"\x17"))
    mask += _attribute(5 | 0x8000, _attribute(1, b"\0"))
    verdict = _attribute(2 | 0x8000, _number(1, 0))
    rule = b"".join(
        (
            _expression(b"meta", _number(2, 16), _number(1, 1)),
            _compare(6),
            _expression(b"payload", _number(1, 1), _number(2, 2), _number(3, 13), _number(4, 1)),
            _expression(b"bitwise", _number(1, 1), _number(2, 1), _number(3, 1), mask),
            _compare(2),
            _expression(b"counter"),
            _expression(b"immediate", _number(1, 0), _attribute(2 | 0x8000, verdict)),
        )
    )
    table, chain = _attribute(1, b"t\0"), b"c\0"
    hook = _attribute(4 | 0x8000, _number(1, 1) + _number(2, 0))
    return (
        _message(16, 0, struct.pack(">BBH", 0, 0, 10)),
        _nft(0, 0x400, table),
        _nft(3, 0x400, table, _attribute(3, chain), hook, _attribute(7, b"filter\0")),
        _nft(6, 0xC00, table, _attribute(2, chain), _attribute(4 | 0x8000, rule)),
        _message(17, 4, struct.pack(">BBH", 0, 0, 10)),
    )


def _lift() -> tuple[bytes, ...]:
    return (
        _message(16, 0, struct.pack(">BBH", 0, 0, 10)),
        _nft(2, 0, _attribute(1, b"t\0")),
        _message(17, 4, struct.pack(">BBH", 0, 0, 10)),
    )


def packed_by_hand(lifted: bool = False) -> None:
    """The same lab without pyroute2, and without anything that netlab does for its user."""
    client, server = Namespace.create(), Namespace.create()
    descriptor = _attribute(28, struct.pack("=I", server.fd))
    peer = struct.pack("=BxHiII", 0, 0, 2, 0, 0) + _attribute(3, b"eth0\0") + descriptor
    veth = _attribute(1, b"veth\0") + _attribute(2 | 0x8000, _attribute(1 | 0x8000, peer))
    header = struct.pack("=BxHiII", 0, 0, 2, 0, 0)
    link = _message(16, 0x600, header + _attribute(3, b"eth0\0") + _attribute(18 | 0x8000, veth))
    last = _link_up(2)
    last = last[:6] + struct.pack("=H", 5) + last[8:]  # with an acknowledgment
    with client:
        _ask(0, link, *_end(1), last)
    with server:
        _ask(0, *_end(2), last)
        _ask(12, *_drop_syn())
        table = _attribute(1, b"t\0")
        assert b"counter" in _ask(12, _nft(7, 0x300, table))
        if lifted:
            _ask(12, *_lift())
    client.close()
    server.close()


# --- the same with the tools a person would type

SHELL = """\
ip netns add {0}c; ip netns add {0}s
ip -n {0}c link add eth0 type veth peer name eth0 netns {0}s
for e in c.1 s.2; do n={0}${{e%.*}}; i=${{e#*.}}
  ip -n $n link set lo up; ip -n $n link set eth0 up
  ip -n $n address add 10.0.0.$i/24 dev eth0; ip -n $n address add fd00::$i/64 dev eth0 nodad
done
ip netns exec {0}s nft 'add table inet t
  add chain inet t c {{ type filter hook input priority 0; }}
  add rule inet t c tcp flags & (fin|syn|rst|ack) == syn counter drop'
ip netns exec {0}s nft list table inet t >/dev/null
{1}
ip netns del {0}c; ip netns del {0}s
"""


def shell(lifted: bool = False) -> None:
    """``ip netns`` and ``nft``. Inside a mount namespace: netlab's benchmark leaves no names."""
    lift = "ip netns exec bench-s nft delete table inet t" if lifted else ""
    script = "mount -t tmpfs none /run && " + SHELL.format("bench-", lift)
    subprocess.run(["unshare", "--mount", "sh", "-ec", script], check=True)


# --- measuring


def interleaved(contenders: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """The median of each, in seconds. They take turns, in every order: the kernel cleans up after
    one while the next one is timed.
    """
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for contender in contenders.values():  # warm up: caches, imports, modules
        contender()
    orders = itertools.cycle(itertools.permutations(contenders))
    for order in itertools.islice(orders, rounds):
        for name in order:
            began = time.perf_counter()
            contenders[name]()
            times[name].append(time.perf_counter() - began)
    return {name: statistics.median(values) for name, values in times.items()}


def bench_lab(rounds: int) -> None:
    """One lab with one drop, up and down, in both kinds."""
    contenders: dict[str, Callable[[bool], None]] = {
        "netlab": netlab,
        "netlink packed by hand": packed_by_hand,
        "ip netns and nft": shell,
    }
    for lifted, what in ((False, "built, counted and closed"), (True, "lifted and closed at once")):
        print(f"one lab with one drop, {what} (median of {rounds})")
        each = {name: partial(contender, lifted) for name, contender in contenders.items()}
        medians = interleaved(each, rounds)
        for name, seconds in medians.items():
            ratio = seconds / medians["netlink packed by hand"]
            print(f"  {name:26} {seconds * 1000:7.2f} ms  {ratio:6.2f} x by hand")


def bench_parts(rounds: int) -> None:
    """Where the time goes of labs that are lifted and closed at once, one after the other."""
    parts: dict[str, list[float]] = {"build": [], "drop": [], "lift": [], "close": []}
    first = time.perf_counter()
    for _ in range(rounds):
        moments = [time.perf_counter()]
        lab = Lab()
        moments.append(time.perf_counter())
        fault = lab.drop(SYN, to=lab.server)
        moments.append(time.perf_counter())
        fault.remove()
        moments.append(time.perf_counter())
        lab.close()
        moments.append(time.perf_counter())
        for times, (began, ended) in zip(parts.values(), itertools.pairwise(moments), strict=True):
            times.append(ended - began)
    closing.finish()
    each = (time.perf_counter() - first) / rounds
    said = ", ".join(f"{name} {statistics.median(p) * 1000:.2f}" for name, p in parts.items())
    print(f"  its parts: {said} ms (medians)")
    print(f"  {rounds} one after the other, until everything is closed: {each * 1000:.2f} ms each")


def bench_many(count: int) -> None:
    """Many labs at once: the cost of each must not grow with their number."""
    labs, times = [], []
    for _ in range(count):
        began = time.perf_counter()
        lab = Lab()
        lab.drop(SYN, to=lab.server)
        times.append(time.perf_counter() - began)
        labs.append(lab)
    fifth = count // 5
    first, last = statistics.median(times[:fifth]), statistics.median(times[-fifth:])
    print(f"{count} labs at once")
    print(f"  first fifth {first * 1000:.2f} ms each, last fifth {last * 1000:.2f} ms each")
    began = time.perf_counter()
    for lab in labs:
        lab.close()
    print(f"  all closed in {(time.perf_counter() - began) * 1000:.0f} ms")


def bench_sample(rounds: int = 2000) -> None:
    """One look at both ends of a connection, beside what the kernel takes for it."""
    with Lab() as lab:
        lab.server.listen()
        lab.client.connect()
        lab.expect(State.ESTABLISHED, State.ESTABLISHED)
        with lab.client.namespace:
            files = [os.open(f"/proc/thread-self/net/{n}", os.O_RDONLY) for n in ("tcp", "tcp6")]

        def read(*chosen: int) -> None:
            for file in chosen:
                os.pread(file, 1 << 14, 0)

        contenders: dict[str, Callable[[], object]] = {
            "/proc/net/tcp read twice": partial(read, files[0], files[0]),
            "and tcp6, too": partial(read, *files, *files),
            "a sample of both ends": lab.sample,
            "every socket of both ends": lambda: [host.table.read() for host in lab.hosts],
        }
        medians = interleaved(contenders, rounds)
        for file in files:
            os.close(file)
    print(f"one sample of a connection (median of {rounds})")
    for name, seconds in medians.items():
        ratio = seconds / medians["/proc/net/tcp read twice"]
        print(f"  {name:26} {seconds * 1e6:7.1f} us  {ratio:6.2f} x the usual tables")


def bench_run() -> None:
    """The whole default run against its longest scenario."""
    began = time.perf_counter()
    processor = time.process_time()
    runs = [run for _, run in runner.play_all(catalogue.choose([]))]
    whole = time.perf_counter() - began
    longest = max(runs, key=lambda run: run.elapsed_s)
    print(f"the default run, {len(runs)} scenarios side by side")
    print(f"  {whole:.2f} s, of it {time.process_time() - processor:.2f} s of processor time")
    print(f"  longest scenario {longest.elapsed_s:.2f} s ({longest.scenario})")
    print(f"  bound: 1.25 x longest + 2 s = {1.25 * longest.elapsed_s + 2:.2f} s")
    holds = sorted((run for run in runs if run.samples), key=lambda run: run.gap_s, reverse=True)
    often = statistics.median(run.samples / run.held_s for run in holds if run.held_s)
    print(f"  {len(holds)} holds, {often:.0f} samples a second (median); the longest gaps:")
    for run in holds[:10]:
        print(f"    {run.gap_s:.3f} s  {run.scenario} ({run.held_s:.2f} s held)")


def bench_recording(rounds: int) -> None:
    """What packets, traces and the page cost: `netlab run` as a whole, in turn."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "netlab", "run"]
        contenders = {
            "netlab run": command,
            "netlab run --pcap": [*command, "--pcap", f"{folder}/captures"],
            "netlab run --report": [*command, "--report", f"{folder}/report"],
        }
        medians = interleaved(
            {
                name: partial(subprocess.run, each, stdout=subprocess.DEVNULL, check=True)
                for name, each in contenders.items()
            },
            rounds,
        )
    for name, seconds in medians.items():
        ratio = seconds / medians["netlab run"]
        print(f"  {name:26} {seconds:7.2f} s   {ratio:6.2f} x netlab run (median of {rounds})")


def bench_list(rounds: int) -> None:
    """``netlab list``, from the shell's view."""
    command = [sys.executable, "-m", "netlab", "list"]
    times = []
    for _ in range(rounds):
        began = time.perf_counter()
        subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
        times.append(time.perf_counter() - began)
    print(f"netlab list: {statistics.median(times):.3f} s (median of {rounds})")


def main() -> None:
    """Everything, in a minute."""
    options = argparse.ArgumentParser(description=main.__doc__)
    options.add_argument("--rounds", type=int, default=30)
    options.add_argument("--labs", type=int, default=500)
    options.add_argument("--looks", action="store_true", help="samples and their gaps alone")
    given = options.parse_args()
    if given.looks:
        bench_sample()
        bench_run()
        return
    bench_lab(given.rounds)
    bench_parts(given.rounds)
    bench_many(given.labs)
    bench_sample()
    bench_list(10)
    bench_run()
    bench_recording(5)


if __name__ == "__main__":
    main()
