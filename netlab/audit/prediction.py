# SPDX-License-Identifier: GPL-2.0-or-later
"""When something ends that hangs: the kernel's own timers, continued from what they show now.

The kernel's rules are those of ``net/ipv4/tcp_timer.c``: how often a SYN is sent again, how long
data may stay unacknowledged (tcp_retries2), what answers to probes of a closed window mean.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from netlab.audit.looking import CLOSE
from netlab.linux.namespace import Namespace
from netlab.model.auditing import Blocked, HeldSocket, Until
from netlab.model.errors import LabError
from netlab.model.tcp import State, Timer

#: Ticks a second, of most distributions: with 1000 the end is less than 1 % later.
HZ = 250
#: A call that waits for less than this share of all the time that a program has waited is a tick.
OF_ITS_WAIT = 0.5
#: Seconds for which one who only looks at a clock waits, as curl does: so short an audit has
#: not seen the next look.
TICK = 1.0


@dataclass(frozen=True, slots=True)
class Limits:
    """The sysctls of one host that limit how long TCP waits; times in seconds."""

    syn_retries: int = 6
    syn_linear: int = 0  # SYNs that are sent again a second apart, before the time doubles
    retries2: int = 15
    keepalive_interval: float = 75.0
    keepalive_probes: int = 9
    rto_min: float = 0.2
    rto_max: float = 120.0
    keepalive_time: float = 7200.0

    @classmethod
    def of(cls, namespace: Namespace) -> Limits:
        """Those of a host; what its kernel does not have is as it is there without."""
        return cls(
            int(_number(namespace, "tcp_syn_retries", 6)),
            int(_number(namespace, "tcp_syn_linear_timeouts", 0)),
            int(_number(namespace, "tcp_retries2", 15)),
            _number(namespace, "tcp_keepalive_intvl", 75),
            int(_number(namespace, "tcp_keepalive_probes", 9)),
            _number(namespace, "tcp_rto_min_us", 200_000) / 1e6,
            _number(namespace, "tcp_rto_max_ms", 120_000) / 1e3,
            _number(namespace, "tcp_keepalive_time", 7200),
        )


def _number(namespace: Namespace, name: str, otherwise: float) -> float:
    try:
        return float(namespace.sysctl(name))
    except (LabError, ValueError):
        return otherwise


def until(
    at: float,
    waited: float,
    blocked: Sequence[Blocked],
    sockets: Iterable[HeldSocket],
    limits: Limits,
    answers: bool,
    peers: Iterable[HeldSocket] = (),
) -> Until:
    """When a program comes back that was seen `at` so many seconds, and why: what it waits for, and
    what the kernel does with its sockets. `waited`: seconds since the fault has met it. `answers`:
    the other end's kernel answers bare segments. `peers`: its sockets.
    """
    others = {peer.remote: peer for peer in peers}
    bounded = [each for each in _concerned(blocked) if each.time_out is not None]
    own = [each for each in bounded if _is_its_own(each, waited)]
    ends = [_of_call(at, each) for each in own]
    ends += [
        _of_socket(at, each, limits, answers, others.get(each.local))
        for each in sockets
        if each.held
    ]
    some = [end for end in ends if end.seconds is not None]
    if some:
        found = min(some, key=lambda end: end.seconds or 0.0)
    else:
        found = ends[0] if ends else Until(None, "no connection, and no time-out")
    if any(each.call == CLOSE and each.socket for each in blocked):
        found = replace(found, why=f"{found.why}, unless SO_LINGER ends its close() sooner")
    ticks = [_whole(each) for each in bounded if each not in own]
    return replace(found, wakes=min(ticks)) if ticks and not own else found


def _concerned(blocked: Sequence[Blocked]) -> Sequence[Blocked]:
    """The threads whose time-outs may end it: those that wait for a connection, and the first one.
    Others are a runtime's own, which look after memory, timers and idle workers. Where none waits
    for a connection, it may be any.
    """
    if not any(each.socket for each in blocked):
        return blocked
    return [each for each in blocked if each.socket or each.thread == each.process]


def _is_its_own(blocked: Blocked, waited: float) -> bool:
    """True if a call's time-out may be the one that ends it all. Who wakes up every second has done
    so before, and gone on, whether that was seen or is likely.
    """
    if blocked.time_out is None or blocked.ticks:
        return False
    return _whole(blocked) > max(TICK, OF_ITS_WAIT * waited)


def _of_call(at: float, blocked: Blocked) -> Until:
    return Until(at + (blocked.time_out or 0.0), f"its own time-out of {_whole(blocked):.3g} s")


def _whole(blocked: Blocked) -> float:
    """Seconds for which a call waits in all."""
    return (blocked.time_out or 0.0) + blocked.rested


def _of_socket(
    at: float, sock: HeldSocket, limits: Limits, answers: bool, peer: HeldSocket | None
) -> Until:
    if sock.timer is Timer.RETRANSMIT:
        if sock.state is State.SYN_SENT:
            return _opening(at, sock, limits)
        return _sending(at, sock, limits)
    if sock.timer is Timer.PROBE:
        return _probing(at, sock, limits, answers)
    if sock.timer is Timer.KEEPALIVE and sock.options.get("SO_KEEPALIVE"):
        if peer is not None and peer.timer is Timer.RETRANSMIT and peer.state is not State.SYN_RECV:
            return _refused(at, sock, peer, limits)
        return _kept_alive(at, sock, limits, answers)
    said = f"{sock.state}, and no timer runs"
    if sock.unread:
        said += f"; {sock.unread} bytes wait to be read"
    return Until(None, said)


def _opening(at: float, sock: HeldSocket, limits: Limits) -> Until:
    """A SYN that is sent again: `tcp_write_timeout`, and the doubling in `tcp_retransmit_timer`."""
    rto, sent = _rto(sock, limits), sock.retransmits
    end = at + sock.remaining + late(rto)
    while sent < limits.syn_retries + limits.syn_linear:
        sent += 1
        if sent > limits.syn_linear:
            rto = min(2 * rto, limits.rto_max)
        end += rto + late(rto)
    why = f"the kernel sends the SYN again {sent} times (tcp_syn_retries={limits.syn_retries})"
    return _user_time_out(at, sock, end, why)


def _sending(at: float, sock: HeldSocket, limits: Limits) -> Until:
    """Data that is sent again, until it was unacknowledged for as long as `tcp_retries2` sendings
    from RTO_MIN on would take (`retransmits_timed_out`).
    """
    rto, first = _rto(sock, limits), at + sock.remaining
    for number in range(sock.retransmits):
        first -= min(limits.rto_max, rto) / 2**number
    enough, end = _model(limits), at + sock.remaining + late(rto)
    while end - first < enough:
        rto = min(2 * rto, limits.rto_max)
        end += rto + late(rto)
    why = f"data is not acknowledged, and the kernel gives up (tcp_retries2={limits.retries2})"
    return _user_time_out(at, sock, end, why)


def late(delay: float) -> float:
    """The seconds by which a timer of so many seconds fires too late, on average: the further off,
    the coarser is the kernel's wheel of timers (``kernel/time/timer.c``).
    """
    level = 0
    while delay * HZ >= 64 * 8.0**level:
        level += 1
    return 8.0**level / HZ / 2


def _model(limits: Limits) -> float:
    """The seconds that tcp_retries2 stands for: `tcp_model_timeout`."""
    doublings = int(math.log2(limits.rto_max / limits.rto_min))
    if limits.retries2 <= doublings:
        return ((2 << limits.retries2) - 1) * limits.rto_min
    more = (limits.retries2 - doublings) * limits.rto_max
    return ((2 << doublings) - 1) * limits.rto_min + more


def _probing(at: float, sock: HeldSocket, limits: Limits, answers: bool) -> Until:
    if answers:
        why = "the peer's window is closed, and it answers every probe: no limit of retries counts"
        return _user_time_out(at, sock, None, why)
    rto, end = _rto(sock, limits), at + sock.remaining
    for _ in range(limits.retries2):
        rto = min(2 * rto, limits.rto_max)
        end += rto + late(rto)
    why = f"probes of the closed window are not answered (tcp_retries2={limits.retries2})"
    return _user_time_out(at, sock, end, why)


def _kept_alive(at: float, sock: HeldSocket, limits: Limits, answers: bool) -> Until:
    if answers:
        return Until(None, f"{sock.state}: keepalive runs, and the peer's kernel answers it")
    interval = sock.options.get("TCP_KEEPINTVL", limits.keepalive_interval)
    probes = sock.options.get("TCP_KEEPCNT", limits.keepalive_probes)
    end = at + sock.remaining + interval * probes
    return Until(end, "keepalive finds it dead")


def _refused(at: float, sock: HeldSocket, peer: HeldSocket, limits: Limits) -> Until:
    """The peer's data is not acknowledged: once its kernel has given up, it sends a RST for the
    next probe. An answer to a probe is good for the idle time, and for an interval at least.
    """
    gone = _sending(at, peer, limits).seconds or at
    idle = sock.options.get("TCP_KEEPIDLE", limits.keepalive_time)
    period = max(idle, sock.options.get("TCP_KEEPINTVL", limits.keepalive_interval))
    end = at + sock.remaining
    while end < gone:
        end += period + late(period)
    return Until(end, "the peer gives up, and its kernel answers the next keepalive by a RST")


def _user_time_out(at: float, sock: HeldSocket, end: float | None, why: str) -> Until:
    """The application may have said how long data may stay unacknowledged."""
    limit = sock.options.get("TCP_USER_TIMEOUT", 0) / 1000
    if not limit:
        return Until(end, why)
    earlier = at + limit if end is None else min(end, at + limit)
    return Until(earlier, f"TCP_USER_TIMEOUT is {limit:g} s")


def _rto(sock: HeldSocket, limits: Limits) -> float:
    return sock.info.get("rto", 0) / 1000 or limits.rto_min
