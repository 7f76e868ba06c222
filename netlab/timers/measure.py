# SPDX-License-Identifier: GPL-2.0-or-later
"""How long TCP's timers really run: each is waited for to its end, all of them side by side.

What was sent is timed by the kernel's timestamps of the packets. The end is polled for: when the
kernel's own timer is due (``/proc/net/tcp`` shows it), and at intervals from then on, because a
timer of an hour may fire minutes late (``kernel/time/timer.c``: the wheel's levels). In virtual
time, waiting costs nothing and looking does.
"""

from __future__ import annotations

import contextlib
import errno
import socket
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import replace
from functools import partial

from netlab import scheduler
from netlab.model.errors import ActionFailed, Forbidden, LabError, NetlabError, ScenarioError
from netlab.model.kernel_run import Timing
from netlab.model.tcp import Timer
from netlab.model.vocabulary import Family, Side
from netlab.packets.sightings import Packet, packets
from netlab.testbed.host import PATIENCE
from netlab.testbed.lab import Lab
from netlab.timers.catalogue import TIMEOUTS, Timeout

NAMES = tuple(TIMEOUTS)
#: Those that last a quarter of an hour or two hours: too long to wait for in real time.
HOURS = ("data", "window-probe", "window-probe-answered", "keepalive")
#: Those that end within 16 s: short enough to be waited for in real time by anybody.
QUICK = (
    "delayed-ack",
    "fin-wait2-open",
    "orphan-retries",
    "rto-min",
    "user-timeout",
    "defer-accept",
)
#: A timer that is due is looked for again after this fraction of the time already waited.
LATE = 0.001
UNSEEN = 0.1  # the same where no timer is shown; that of a delayed ACK never is
SHORTEST = 0.001  # seconds
#: Seconds without any kernel timer, after which a state counts as one without an end.
NO_TIMER = 5.0
#: Frames, of which a packet is two. No timer sends more than 20 packets, and what goes before
#: takes 800. One that sends at every tick makes minutes of work of a virtual hour: it is ended.
MOST = 4000
#: Seconds: nothing lasts longer with any defaults. Keepalive takes 7875.
LIMIT = 4 * 3600.0


def run(
    names: Sequence[str] = NAMES,
    family: Family = Family.IPV4,
    sysctls: Mapping[str, str] = {},
    meanwhile: Callable[[], None] = lambda: None,
) -> Generator[Timing]:
    """Measure the timers of these names, side by side, and yield each as it ends.

    `sysctls` are set at both hosts. `meanwhile` is called whenever all of them wait. Raises
    `ScenarioError` for a name that is not one of `NAMES`, `Forbidden` where this user may not
    build labs; any other failure is the `problem` of one timing.
    """
    for name in names:
        if name not in TIMEOUTS:
            raise ScenarioError(f"no timer is called {name!r}; expected one of {', '.join(NAMES)}")
    return _side_by_side(names, family, sysctls, meanwhile)


def _side_by_side(
    names: Sequence[str],
    family: Family,
    sysctls: Mapping[str, str],
    meanwhile: Callable[[], None],
) -> Generator[Timing]:
    """All labs are built before the first timer runs: building one outlasts some timers."""
    with contextlib.ExitStack() as opened:
        plays = []
        for name in names:
            timeout = TIMEOUTS[name]
            try:
                lab = opened.enter_context(Lab(family, record=True))
                for host in lab.hosts:
                    for key, value in {**sysctls, **timeout.sysctls}.items():
                        host.sysctl(key, value)
                plays.append(partial(_measure, lab, name))
            except Forbidden:
                raise
            except LabError as error:
                yield Timing(name, timeout.about, problem=str(error))
        for _, timing in scheduler.side_by_side(plays, len(plays), meanwhile):
            yield timing


def _measure(lab: Lab, name: str) -> Timing:
    timeout = TIMEOUTS[name]
    blank = Timing(name, timeout.about)
    try:
        timeout.begin(lab)
        flow = lab.flow()
        if not lab.wait(lambda: flow.state(timeout.side) is timeout.state or None, PATIENCE):
            state = flow.state(timeout.side)
            return replace(
                blank, problem=f"the {timeout.side} came to {state}, not {timeout.state}"
            )
        over = _to_its_end(lab, timeout)
        return _timing(lab, timeout, over, blank)
    except NetlabError as error:
        return replace(blank, problem=str(error))
    except OSError as error:
        return replace(blank, problem=f"an application's call failed: {error.strerror}")


def _to_its_end(lab: Lab, timeout: Timeout) -> bool | None:
    """True when the timer's state is left; False if no timer runs; None if neither in time."""
    flow, side = lab.flow(), timeout.side
    began = seen_running = scheduler.now()

    def look() -> bool | None:
        nonlocal seen_running
        lab.sample()
        row, at = flow.rows[side], scheduler.now()
        _refuse_endless(lab, at - began)
        if flow.state(side) is not timeout.state or row is None:
            return True
        if timeout.last is not None and any(map(timeout.last, _packets(lab, timeout))):
            return True
        if row.timer is not Timer.NONE:
            seen_running = at
        return False if at - seen_running > NO_TIMER else None

    def again() -> float:
        row, at = flow.rows[side], scheduler.now()
        if row is None or row.timer is Timer.NONE:
            return at + max(SHORTEST, UNSEEN * (at - began))
        return at + max(row.remaining, SHORTEST, LATE * (at - began))

    return scheduler.wait(look, began + (timeout.watched or LIMIT), again)


def _refuse_endless(lab: Lab, seconds: float) -> None:
    """End a lab in which a timer sends on and on. Raises `ActionFailed`."""
    assert lab.recorder is not None
    if lab.recorder.frames > MOST:
        lab.close()
        raise ActionFailed(f"it sends without an end: {MOST // 2} packets within {seconds:.1f} s")


def _timing(lab: Lab, timeout: Timeout, over: bool | None, blank: Timing) -> Timing:
    """The result, in seconds since the timer's first packet, or since all was idle."""
    flow, side = lab.flow(), timeout.side
    ended, state = _left(lab, timeout), flow.state(side)
    own = _packets(lab, timeout)
    sent = [packet.at for packet in own if timeout.sent is not None and timeout.sent(packet)]
    last = [packet for packet in own if timeout.last is not None and timeout.last(packet)]
    if timeout.sent is not None and not sent:
        return replace(blank, problem="nothing that it sends was seen on the wire")
    begun = min([packet.at for packet in last] + sent[:1], default=ended)
    origin = begun
    if timeout.idle:
        origin = max((packet.at for packet in _ours(lab) if packet.at < begun), default=begun)
    if over is None and timeout.watched is None:
        return replace(blank, problem=f"{state} has not ended after {LIMIT:g} s")
    if last:
        ended = last[0].at
    return replace(
        blank,
        after=round(ended - origin, 3) if over else None,
        sends=tuple(round(at - origin, 3) for at in sent),
        ending=str(last[0].segment) if last else _error(lab, side) or str(state),
    )


def _left(lab: Lab, timeout: Timeout) -> float:
    """When its state was left, as the kernel says: a busy machine looks late. A state without a
    full socket is left when it is seen to be.
    """
    assert lab.recorder is not None
    seen = lab.elapsed()
    last = lab.recorder.transitions(lab.flow(), timeout.side)[-1:]
    said = (each.at for each in last if each.traced and each.before is timeout.state)
    return next(said, seen)


def _packets(lab: Lab, timeout: Timeout) -> list[Packet]:
    """Everything that the timer's own end has sent."""
    return [packet for packet in _ours(lab) if packet.sender is timeout.side]


def _ours(lab: Lab) -> list[Packet]:
    """Everything that one of the ends has sent.

    What a rule drops is not a packet of its own: some kernels (5.10) give it the time at which it
    is read, and that may be long after it was sent.
    """
    assert lab.recorder is not None
    recording = lab.recorder.recording(lab.flow())
    return [packet for packet in packets(recording) if packet.ours and packet.sent is not None]


def _error(lab: Lab, side: Side) -> str:
    """The error that an application would get, if it still holds the socket, by its name."""
    connections = lab.host(side).connections
    if not connections or connections[-1].socket.fileno() < 0:
        return ""
    code = connections[-1].socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    return errno.errorcode[code] if code else ""
