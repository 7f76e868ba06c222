# SPDX-License-Identifier: GPL-2.0-or-later
"""Behaviours in which kernels differ, tried in a lab: versions prove nothing, because
distributions backport fixes to old ones.

Each probe runs once in a process and takes a few milliseconds; no timer has to fire for it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from netlab.model.errors import LabError
from netlab.model.tcp import ACK, RST, SYN, State
from netlab.testbed.host import Host
from netlab.testbed.lab import Lab

#: Seconds. The peer's stack has processed a segment before the call that sent it returns.
PATIENCE = 0.3


@cache
def has(name: str) -> bool:
    """True if this kernel has that one of `BEHAVIOURS`. Raises `LabError` where no lab can be
    built, and KeyError for a name without a probe.
    """
    with Lab() as lab:
        return PROBES[name](lab)


def _shutdown_waits_in_syn_recv(lab: Lab) -> bool:
    """Half-close one end of a simultaneous open whose SYN is not acknowledged yet."""
    client, server = lab.hosts
    lab.drop(ACK, RST, to=client)
    client.connect(5555, source_port=5556, wait=False)
    server.connect(5556, source_port=5555, wait=False)
    if not _is_seen(lab, client):
        raise LabError("both ends connected, and SYN_RECV was not seen")
    client.shutdown()
    lab.sample()
    return lab.flow().state(client.side) is State.SYN_RECV


def _backlog_0_keeps_one_request(lab: Lab) -> bool:
    """Send a SYN to a listener with a backlog of 0 that may not answer with a cookie."""
    client, server = lab.hosts
    if server.has_sysctl("tcp_syncookies"):
        server.sysctl("tcp_syncookies", 0)
    server.listen(backlog=0)
    lab.drop(SYN | ACK, to=client)
    client.connect(wait=False)
    return _is_seen(lab, server)


def _is_seen(lab: Lab, host: Host) -> bool:
    """True if this end reaches SYN_RECV; the segment that takes it there has already arrived."""
    found = lab.wait(lambda: lab.flow().state(host.side) is State.SYN_RECV or None, PATIENCE)
    return bool(found)


PROBES: dict[str, Callable[[Lab], bool]] = {
    "shutdown-waits-in-syn-recv": _shutdown_waits_in_syn_recv,
    "backlog-0-keeps-one-request": _backlog_0_keeps_one_request,
}
