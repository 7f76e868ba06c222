# SPDX-License-Identifier: GPL-2.0-or-later
"""netlab freezes real TCP connections in any state they can be in, and proves it.

>>> from netlab import ACK, SYN, Lab, State
>>> with Lab() as lab:
...     listener = lab.server.listen()
...     with lab.drop(SYN | ACK, to=lab.client):
...         connection = lab.client.connect(wait=False)
...         held = lab.expect(client=State.SYN_SENT, server=State.SYN_RECV, hold=0.2)
>>> str(held.pair)
'SYN_SENT/SYN_RECV'
"""

from __future__ import annotations

import importlib

from netlab._version import __version__ as __version__

#: As typing has it, which takes 10 ms to import, in which Ctrl-C is Python's own.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from netlab.audit.auditor import Auditor, faults
    from netlab.linux.conntrack import TrackedConnection
    from netlab.linux.privileges import prepare
    from netlab.model.auditing import AuditCell
    from netlab.model.errors import (
        Absent,
        ActionFailed,
        Forbidden,
        LabError,
        MissingExtra,
        NetlabError,
        NotHeld,
        ScenarioError,
        TooBusy,
        Unmet,
    )
    from netlab.model.evidence import Evidence, FaultRecord, ProgramRecord
    from netlab.model.tcp import ACK, ANY, DATA, FIN, RST, SYN, Segment, State, Timer
    from netlab.model.vocabulary import ExpectedPair, Family, Hook, Pair, Reject, Side
    from netlab.report import write_captures, write_report
    from netlab.scenario.catalogue import choose
    from netlab.scenario.loader import load
    from netlab.scenario.model import Scenario
    from netlab.scenario.runner import Options, play, play_all
    from netlab.scenario.stories import story
    from netlab.testbed.carrier import Carrier, Impairment
    from netlab.testbed.connection import Connection, Flow
    from netlab.testbed.expect import Held
    from netlab.testbed.faults.base import Fault
    from netlab.testbed.faults.drop import Drop
    from netlab.testbed.faults.plug import Plug
    from netlab.testbed.forged import Answer, Forged
    from netlab.testbed.hops.asymmetric import Asymmetric
    from netlab.testbed.hops.base import Hop
    from netlab.testbed.hops.firewall import Firewall
    from netlab.testbed.hops.narrow import Narrow
    from netlab.testbed.hops.nat import Nat
    from netlab.testbed.hops.proxy import Proxy
    from netlab.testbed.hops.service import Service
    from netlab.testbed.host import Host
    from netlab.testbed.lab import Lab
    from netlab.testbed.net import Address, Late, Net
    from netlab.testbed.path import Path
    from netlab.testbed.program import Program
    from netlab.testbed.sockets import TcpSocket

#: Where each public name lives. They are imported on first use, so that ``netlab list`` does
#: not pay for what only a lab needs (pyroute2: 0.15 s).
_HOMES = {
    "netlab.model.errors": (
        "Absent", "ActionFailed", "Forbidden", "LabError", "MissingExtra", "NetlabError",
        "NotHeld", "ScenarioError", "TooBusy", "Unmet",
    ),
    "netlab.model.evidence": ("Evidence", "FaultRecord", "ProgramRecord"),
    "netlab.audit.auditor": ("Auditor", "faults"),
    "netlab.model.auditing": ("AuditCell",),
    "netlab.report": ("write_captures", "write_report"),
    "netlab.scenario.catalogue": ("choose",),
    "netlab.scenario.loader": ("load",),
    "netlab.scenario.model": ("Scenario",),
    "netlab.scenario.runner": ("Options", "play", "play_all"),
    "netlab.scenario.stories": ("story",),
    "netlab.model.tcp": ("ACK", "ANY", "DATA", "FIN", "RST", "SYN", "Segment", "State", "Timer"),
    "netlab.testbed.carrier": ("Carrier", "Impairment"),
    "netlab.testbed.connection": ("Connection", "Flow"),
    "netlab.testbed.faults.base": ("Fault",),
    "netlab.testbed.faults.drop": ("Drop",),
    "netlab.testbed.faults.plug": ("Plug",),
    "netlab.testbed.hops.asymmetric": ("Asymmetric",),
    "netlab.testbed.hops.base": ("Hop",),
    "netlab.testbed.hops.firewall": ("Firewall",),
    "netlab.testbed.hops.narrow": ("Narrow",),
    "netlab.testbed.hops.nat": ("Nat",),
    "netlab.testbed.hops.proxy": ("Proxy",),
    "netlab.testbed.hops.service": ("Service",),
    "netlab.testbed.forged": ("Answer", "Forged"),
    "netlab.testbed.host": ("Host",),
    "netlab.testbed.lab": ("Lab",),
    "netlab.linux.conntrack": ("TrackedConnection",),
    "netlab.linux.privileges": ("prepare",),
    "netlab.testbed.net": ("Address", "Late", "Net"),
    "netlab.testbed.path": ("Path",),
    "netlab.testbed.program": ("Program",),
    "netlab.testbed.expect": ("Held",),
    "netlab.testbed.sockets": ("TcpSocket",),
    "netlab.model.vocabulary": (
        "ExpectedPair", "Family", "Hook", "Pair", "Reject", "Side",
    ),
}  # fmt: skip
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "ACK", "ANY", "DATA", "FIN", "RST", "SYN", "Absent", "ActionFailed", "Address", "Answer",
    "Asymmetric", "AuditCell", "Auditor", "Carrier", "Connection", "Drop", "Evidence",
    "ExpectedPair", "Family", "Fault", "FaultRecord", "Firewall", "Flow", "Forbidden", "Forged",
    "Held", "Hook", "Hop", "Host", "Impairment", "Lab", "LabError", "Late", "MissingExtra",
    "Narrow", "Nat", "Net", "NetlabError", "NotHeld", "Options", "Pair", "Path", "Plug",
    "Program", "ProgramRecord", "Proxy", "Reject", "Scenario", "ScenarioError", "Segment",
    "Service", "Side", "State", "TcpSocket", "Timer", "TooBusy", "TrackedConnection", "Unmet",
    "choose", "faults", "load", "play", "play_all", "prepare", "story", "write_captures",
    "write_report",
]  # fmt: skip


def __getattr__(name: str) -> object:
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module 'netlab' has no attribute {name!r}")
    return getattr(importlib.import_module(home), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
