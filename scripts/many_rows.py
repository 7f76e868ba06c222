# SPDX-License-Identifier: GPL-2.0-or-later
"""Prints the sockets of a busy host, for measures of what reading them costs:

    .venv/bin/python scripts/many_rows.py plain|detailed|snapshot ROWS > FILE

Many services and peers, all states, IPv4 and IPv6, and one connection in ten that is stuck. `plain`
is what ``ss -tan`` prints, `detailed` is ``ss -tanoei``, and `snapshot` is ``netlab snapshot``. The
same number gives the same rows.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from itertools import islice

from netlab.model.tcp import State, ss_name
from netlab.snapshot.records import Endpoint, Socket, written

SERVICES = (22, 25, 80, 443, 3306, 5432, 6379, 8080, 9000, 9090, 9200, 11211)
CALM = (State.ESTABLISHED,) * 7 + (State.TIME_WAIT,) * 2 + (State.FIN_WAIT2,)
STUCK = (State.ESTABLISHED, State.CLOSE_WAIT, State.SYN_SENT, State.FIN_WAIT1, State.LAST_ACK)
ONE_IN = 10  # rows of which one is stuck
CLIENTS = 50_000  # connections of one peer at one service: fewer than there are ephemeral ports
HEADING = "State Recv-Q Send-Q Local Address:Port Peer Address:Port Process\n"
UNASKED = {State.TIME_WAIT, State.FIN_WAIT2}  # states of sockets that no process holds


def sockets() -> Iterator[Socket]:
    """The listeners, and then connections without end."""
    chance = random.Random(7)
    for port in SERVICES:
        yield Socket(State.LISTEN, ("0.0.0.0", port), ("0.0.0.0", 0), 0, 511)
    number = 0
    while True:
        number += 1
        host, peer, service = _ends(number)
        stuck = number % ONE_IN == 0
        state = chance.choice(STUCK if stuck else CALM)
        out = state is State.SYN_SENT or number % 4 == 0
        local, remote = ((host, peer[1]), (peer[0], service)) if out else ((host, service), peer)
        queued = chance.randrange(1, 90_000) if stuck else 0
        reading = state is State.CLOSE_WAIT
        yield Socket(state, local, remote, queued * reading, queued * (not reading))


def _ends(number: int) -> tuple[str, Endpoint, int]:
    """The address of this host, a peer, and the service: each number has another four-tuple."""
    rest, slot = divmod(number, len(SERVICES) * 2)
    which, port = divmod(rest, CLIENTS)
    spread = which * 200 + port % 200
    six = slot >= len(SERVICES)
    peer = f"2001:db8:1::{spread + 2:x}" if six else f"10.{20 + spread // 250}.7.{spread % 250 + 1}"
    return "2001:db8::1" if six else "10.1.0.1", (peer, 10_000 + port), SERVICES[slot % 12]


def row(socket: Socket, number: int, detailed: bool) -> str:
    """A socket as ss prints it; `number` tells it from the others."""
    remote = "0.0.0.0:*" if socket.state is State.LISTEN else written(socket.remote)
    short = (
        f"{ss_name(socket.state):<11}{socket.rx_queue:<7}{socket.tx_queue:<7}"
        f"{written(socket.local):>22} {remote:>22}"
    )
    return f"{short} {_details(socket, number)}\n" if detailed else f"{short}\n"


def _details(socket: Socket, number: int) -> str:
    timer = ""
    if socket.state is State.TIME_WAIT:
        return f"timer:(timewait,{1 + number % 59}sec,0) ino:0 sk:{number:x}"
    if socket.state is State.LISTEN:
        return f"ino:{number} sk:{number:x} cgroup:/system.slice/app.service <->"
    if socket.tx_queue:
        timer = f"timer:(on,{1 + number % 50}sec,{3 + number % 8}) "
    elif number % 3 == 0:
        timer = f"timer:(keepalive,{1 + number % 90}sec,0) "
    inode = 0 if socket.state in UNASKED else number
    retrans = f" unacked:1 retrans:1/{3 + number % 8} lost:1" if socket.tx_queue else ""
    return (
        f"{timer}uid:33 ino:{inode} sk:{number:x} cgroup:/system.slice/app.service <->\n"
        f"\t ts sack cubic wscale:7,7 rto:{204 + number % 40} rtt:0.{number % 900 + 99}/0.25 ato:40"
        f" mss:1448 pmtu:1500 rcvmss:536 advmss:1448 cwnd:10 bytes_sent:{number}"
        f" bytes_acked:{number} bytes_received:{2 * number} segs_out:{9 + number % 90}"
        f" segs_in:{8 + number % 90} data_segs_out:{5 + number % 90} data_segs_in:{4 + number % 90}"
        f" send 231Mbps lastsnd:{5000 + number % 9000} lastrcv:{5000 + number % 9000}"
        f" lastack:{5000 + number % 9000} pacing_rate 463Mbps delivery_rate 115Mbps"
        f" delivered:{5 + number % 90} app_limited{retrans} rcv_space:14480 rcv_ssthresh:64088"
        f" minrtt:0.05 snd_wnd:64256"
    )


def main() -> int:
    """Print so many sockets, of which the first are listeners."""
    kind, count = sys.argv[1], int(sys.argv[2])
    some = islice(sockets(), count)
    if kind == "snapshot":
        from netlab.snapshot import rows, store
        from netlab.snapshot.columns import RawSample

        print(store.to_json("many", [RawSample(rows.table([*some]), at=1.0)]))
        return 0
    sys.stdout.write(HEADING)
    detailed = {"plain": False, "detailed": True}[kind]
    sys.stdout.writelines(row(socket, number, detailed) for number, socket in enumerate(some, 1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
