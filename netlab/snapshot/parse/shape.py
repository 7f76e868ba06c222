# SPDX-License-Identifier: GPL-2.0-or-later
"""What the rows of a listing show of how it was made: its columns, and what was left out."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence

from netlab.model.tcp import State
from netlab.snapshot.crowd import resting, restless
from netlab.snapshot.records import Socket

#: Rows from which on it is no chance that all of them are alike.
SEVERAL = 3


def columns(sockets: Sequence[Socket]) -> frozenset[str]:
    """The columns that not every listing has, of its first rows."""
    found = set()
    for socket in itertools.islice(sockets, 1000):
        if socket.timer is not None:
            found.add("timer")
        if socket.inode is not None:
            found.add("inode")
        if socket.owner:
            found.add("owner")
        if socket.info:
            found.add("info")
    return frozenset(found)


def richness(sockets: Sequence[Socket]) -> int:
    """How many of them there are."""
    return len(columns(sockets))


def mixed(sockets: Sequence[Socket]) -> bool:
    """Whether the rows look like all of a host's: not all in one state, at one port, of one
    program. A few may be alike by chance.
    """
    states = Counter(socket.state for socket in restless(sockets))
    connections = len(sockets) - states[State.LISTEN]
    if connections < SEVERAL:
        return True
    if len(states) < 2 and len({*states}.union(*(rows.states for rows in resting(sockets)))) < 2:
        return False
    if connections < len(sockets):
        return True
    ports = Counter(port for one in restless(sockets) for port in {one.local[1], one.remote[1]})
    for rows in resting(sockets):
        for pair in zip(rows.local_ports, rows.remote_ports, strict=True):
            ports.update({*pair})
    if max(ports.values()) >= connections:
        return False
    owners = {socket.owner.partition(",")[0] for socket in sockets}
    return len(owners) > 1 or owners == {""}
