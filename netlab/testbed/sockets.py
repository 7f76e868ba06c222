# SPDX-License-Identifier: GPL-2.0-or-later
"""The sockets of one host, for people: with addresses that can be read, and who holds them."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from netlab.linux.procnet import Row, ends
from netlab.model.tcp import State, Timer
from netlab.snapshot.holders import held_by

if TYPE_CHECKING:
    from netlab.testbed.program import Program

OWN = "this process"


class TcpSocket(NamedTuple):
    """One TCP socket, as its host's kernel lists it."""

    state: State
    local: tuple[str, int]
    remote: tuple[str, int]  # of a listener: an address of zeros and port 0
    unsent: int  # bytes that the peer has not acknowledged; a SYN or FIN counts 1
    unread: int  # bytes; of a listener: connections that nobody has accepted
    timer: Timer
    remaining: float  # seconds until the timer fires
    retransmits: int
    inode: int  # 0: no process holds it
    program: Program | None  # of this lab, that holds it
    owner: str  # the command line of that program, this very process, or ''

    @property
    def ports(self) -> tuple[int, int]:
        """The own one, and that of the peer."""
        return self.local[1], self.remote[1]

    def __str__(self) -> str:
        held = self.owner or ("no process" if not self.inode else "another process")
        return f"{self.state} {written(self.local)} -> {written(self.remote)} ({held})"


def sockets(rows: Iterable[Row], programs: Iterable[Program]) -> list[TcpSocket]:
    """What rows of the kernel's tables say; of their holders, this process and `programs`."""
    rows = list(rows)
    mine = held(os.getpid()) if rows else set()
    holders = {inode: program for program in programs for inode in inodes(program)}
    found = []
    for row in rows:
        program = holders.get(row.inode)
        owner = str(program) if program else OWN if row.inode in mine else ""
        found.append(_socket(row, program, owner))
    return found


def holder(inode: int, programs: Iterable[Program]) -> Program | str | None:
    """Who holds the socket of that inode: a program, this process, or None if that is unknown."""
    for program in programs:
        if inode in inodes(program):
            return program
    return OWN if inode in held(os.getpid()) else None


def inodes(program: Program) -> set[int]:
    """The numbers of the sockets that a program and its children hold."""
    return {inode for process in program.processes() for inode in held(process)}


def held(process: int) -> set[int]:
    """The numbers of the sockets that one process holds; none, if it has ended."""
    try:
        return {inode for inode, _ in held_by(str(process))}
    except OSError:
        return set()


def written(end: tuple[str, int]) -> str:
    """An address or name, and a port: ``10.0.0.1:80``, ``[fd00::1]:80``."""
    address, port = end
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def _socket(row: Row, program: Program | None, owner: str) -> TcpSocket:
    return TcpSocket(
        state=row.state,
        local=ends(row.local),
        remote=ends(row.remote),
        unsent=row.tx_queue,
        unread=row.rx_queue,
        timer=row.timer,
        remaining=row.remaining,
        retransmits=row.retransmits,
        inode=row.inode,
        program=program,
        owner=owner,
    )
