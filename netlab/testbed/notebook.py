# SPDX-License-Identifier: GPL-2.0-or-later
"""The notes on a lab that go into the record of a run."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping

from netlab.linux.nstat import difference
from netlab.model import evidence
from netlab.model.errors import Absent, ActionFailed, LabError
from netlab.model.vocabulary import Side
from netlab.observe.transitions import sampled
from netlab.testbed.connection import Flow
from netlab.testbed.lab import Lab

#: Sysctls that decide how long a state lasts or which state is reached (Linux's ip-sysctl.rst).
#: Those that a kernel does not have are left out of the record.
TIMING_SYSCTLS = (
    "tcp_abort_on_overflow",
    "tcp_fin_timeout",
    "tcp_max_tw_buckets",
    "tcp_orphan_retries",
    "tcp_retries2",
    "tcp_rto_max_ms",
    "tcp_rto_min_us",
    "tcp_syn_linear_timeouts",
    "tcp_syn_retries",
    "tcp_synack_retries",
    "tcp_syncookies",
    "tcp_timestamps",
    "tcp_tw_reuse",
)
LOOKS = 20


class Notebook:
    """Notes on one lab, started before anything happens in it."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._before = {host.side: host.counters.read() for host in lab.hosts}
        self._info: dict[Side, dict[str, int]] = {}
        self._reads: dict[Side, tuple[str, ...]] = {}

    def ask(self, of: str, errors: bool) -> None:
        """Note what both kernels tell of their sockets of the connection of that name now, where
        they tell anything, and what its applications would read. Without `errors`, one that waits
        for an application is left to it.
        """
        for host in self._lab.hosts:
            with contextlib.suppress(ActionFailed, LabError):
                self._info[host.side] = host.tcp_info(of)
            if host.side not in self._reads:  # it was checked
                with contextlib.suppress(ActionFailed):
                    self._reads[host.side] = host.reads(of, errors)

    def reads(self, side: Side, of: str) -> tuple[str, ...]:
        """What the application of one end reads now, for a check and for the record: an error can
        be had once. Raises `ActionFailed` where no application has the connection.
        """
        self._reads[side] = self._lab.host(side).reads(of)
        return self._reads[side]

    def counted(self, side: Side) -> Mapping[str, int]:
        """Every counter of one end, as its change since the beginning."""
        before = self._before[side]
        now = self._lab.host(side).counters.read()
        return {name: value - before.get(name, 0) for name, value in now.items()}

    def end(self, side: Side, flow: Flow) -> evidence.End:
        """The record of one end, without its transitions."""
        host = self._lab.host(side)
        settings = {}
        for name in TIMING_SYSCTLS:
            with contextlib.suppress(Absent):
                settings[name] = host.sysctl(name)
        return evidence.End(
            intervals=flow.timelines[side].intervals(),
            counters=difference(self._before[side], host.counters.read()),
            sysctls=settings,
            info=self._info.get(side, {}),
            reads=self._reads.get(side, ()),
        )

    def faults(self) -> tuple[evidence.FaultRecord, ...]:
        """Sample once more, and return what the faults have done by then.

        A recording then has exactly the dropped packets that the rules have counted, unless they
        come faster than they can be read.
        """
        for _ in range(LOOKS):
            faults = self._lab.faults
            self._lab.sample()
            if self._lab.recorder is None or self._lab.faults == faults:
                break
        return faults


def transitions(lab: Lab, flow: Flow, side: Side) -> tuple[evidence.Transition, ...]:
    """The transitions of one end: traced if the lab is recorded, else sampled.

    Raises `LabError` where samples and tracepoints disagree.
    """
    if lab.recorder is None:
        return sampled(flow.timelines[side].intervals())
    try:
        return lab.recorder.transitions(flow, side)
    except LabError as error:
        raise LabError(f"netlab's observers disagree about the {side}: {error}") from None
