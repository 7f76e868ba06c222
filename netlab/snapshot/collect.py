# SPDX-License-Identifier: GPL-2.0-or-later
"""Collects the sockets of this host, or of any of its network namespaces.

`collect` leaves them in columns, which are fast to store; `snapshot` makes records of them, which a
diagnosis needs. Where the kernel does not answer over netlink, both read /proc.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from netlab.linux import sysctl
from netlab.linux.nstat import Counters
from netlab.model.errors import LabError
from netlab.snapshot import columns, sock_diag
from netlab.snapshot.columns import SOURCE, Block, Column, RawSample, SocketTable
from netlab.snapshot.holders import descriptors, listed
from netlab.snapshot.places import Location, inside

if TYPE_CHECKING:
    from netlab.snapshot.records import Sample, Snapshot, Socket

#: Sysctls that decide what is possible and how long it lasts (Linux's ip-sysctl.rst).
SYSCTLS = (
    "net.core.somaxconn",
    "ip_local_port_range",
    "tcp_abort_on_overflow",
    "tcp_fin_timeout",
    "tcp_keepalive_intvl",
    "tcp_keepalive_probes",
    "tcp_keepalive_time",
    "tcp_max_orphans",
    "tcp_max_syn_backlog",
    "tcp_max_tw_buckets",
    "tcp_mtu_probing",
    "tcp_orphan_retries",
    "tcp_retries2",
    "tcp_rto_max_ms",
    "tcp_syn_linear_timeouts",
    "tcp_syn_retries",
    "tcp_synack_retries",
    "tcp_syncookies",
    "tcp_timestamps",
    "tcp_tw_reuse",
)
#: On a host with more sockets, owners are looked up only on request: that reads every link
#: in /proc/*/fd, 3 us each.
FEW = 5000


class Filter(NamedTuple):
    """The sockets to keep: all, or those with this port and address, each at either end."""

    port: int | None = None
    address: str | None = None


EVERYTHING = Filter()


def collect(
    place: Location | None = None,
    keep: Filter = EVERYTHING,
    twice: float | None = None,
    owners: bool = False,
) -> list[RawSample]:
    """One sample of a namespace, or two that are `twice` seconds apart.

    None is the one that this thread is in. Raises `ScenarioError` if there is no such namespace,
    `Forbidden` if it may not be entered, and `LabError` if its counters cannot be read.
    """
    with inside(place):
        samples = [_sample(keep, owners)]
        if twice is not None:
            from netlab import scheduler

            scheduler.wait(lambda: None, scheduler.now() + twice)
            samples.append(_sample(keep, owners))
    return samples


def snapshot(place: Location) -> Snapshot:
    """A sample of a namespace as records, by its name. Raises as `collect` does."""
    from netlab.snapshot.records import Snapshot

    with inside(place):
        return Snapshot((sample(),), place.name)


def sample(owners: bool = True) -> Sample:
    """A sample of the namespace that this process is in, as a record; without `owners`, no socket
    names the processes that hold it.
    """
    from netlab.snapshot import rows
    from netlab.snapshot.records import Sample

    named: Sequence[Socket]
    at, counters = _now()
    try:
        table = sock_diag.table()
    except UNANSWERED:
        sockets, source = _from_proc(), PROC
        named = _with_owners(sockets) if owners else tuple(sockets)
    else:
        source = SOURCE
        table = with_owners(table) if owners and _count(table) <= FEW else table
        named = rows.sockets(table)
    return Sample(named, counters, dict(_sysctls()), at, source)


# --- one sample

#: No module tcp_diag, or a container without access to netlink.
UNANSWERED = (LabError, OSError)
PROC = f"{SOURCE}, /proc/net/tcp"  # as a source: it has no backlog of listeners


def _sample(keep: Filter, owners: bool) -> RawSample:
    at, counters = _now()
    table, source = _table()
    table = filtered(table, keep)
    if owners or _count(table) <= FEW:
        table = with_owners(table)
    return RawSample(table, counters, dict(_sysctls()), at, source, whole=keep == EVERYTHING)


def _now() -> tuple[float, Mapping[str, int]]:
    """The time and the counters, read before the sockets: those show what comes in between."""
    at = round(time.time(), 3)
    counters = Counters()
    try:
        return at, counters.read()
    finally:
        counters.close()


def _table() -> tuple[SocketTable, str]:
    try:
        return sock_diag.table(), SOURCE
    except UNANSWERED:
        from netlab.snapshot import rows

        return rows.table(_from_proc()), PROC


def _count(table: SocketTable) -> int:
    return sum(block.size for block in table.blocks)


def _from_proc() -> list[Socket]:
    from netlab.snapshot.parse import proc

    sockets = []
    for name in ("tcp", "tcp6"):
        reader = proc.ProcReader()
        with contextlib.suppress(FileNotFoundError):  # IPv6 is disabled
            for line in Path("/proc/thread-self/net", name).read_text("ascii").splitlines():
                reader.row(line, 0)
        sockets += reader.finish()
    return sockets


def _sysctls() -> Iterator[tuple[str, str]]:
    for name in SYSCTLS:
        with contextlib.suppress(FileNotFoundError):  # this kernel has none
            yield name.rpartition(".")[2], sysctl.read(name)


def filtered(table: SocketTable, keep: Filter) -> SocketTable:
    """The sockets of a table that a filter keeps."""
    if keep == EVERYTHING:
        return table
    address = None
    if keep.address is not None:
        if keep.address not in table.addresses:
            return SocketTable([], [])
        address = table.addresses.index(keep.address)
    blocks = []
    for block in table.blocks:
        kept = [
            number
            for number, (local, local_port, remote, remote_port) in enumerate(_endpoints(block))
            if (keep.port is None or keep.port in {local_port, remote_port})
            and (address is None or address in {local, remote})
        ]
        if kept:
            blocks.append(_picked(block, kept))
    return SocketTable(table.addresses, blocks)


def _endpoints(block: Block) -> Iterator[tuple[object, ...]]:
    names = ("local", "local_port", "remote", "remote_port")
    return zip(*(_values(block, name) for name in names), strict=True)


def _values(block: Block, name: str) -> list[object]:
    values = block.columns[name]
    return values if isinstance(values, list) else [values] * block.size


def _picked(block: Block, kept: Sequence[int]) -> Block:
    def pick(values: Column) -> Column:
        return [values[number] for number in kept] if isinstance(values, list) else values

    return Block(
        block.state,
        len(kept),
        {name: pick(values) for name, values in block.columns.items()},
        {name: pick(values) for name, values in block.info.items()},
    )


# --- owners


def with_owners(table: SocketTable) -> SocketTable:
    """A table with the processes that hold each socket, as ``ss -p`` writes them."""
    if not any(block.columns["inode"] for block in table.blocks):
        return table
    owners = _owners()
    blocks = []
    for block in table.blocks:
        texts = [owners.get(inode, "") for inode in _values(block, "inode")]
        column = {"owner": columns.column(texts)} if any(texts) else {}
        blocks.append(block._replace(columns={**block.columns, **column}))
    return SocketTable(table.addresses, blocks)


def _with_owners(sockets: Sequence[Socket]) -> tuple[Socket, ...]:
    """The same for records."""
    if len(sockets) > FEW or not any(socket.inode for socket in sockets):
        return tuple(sockets)
    from dataclasses import replace  # already loaded, unless a snapshot is only stored

    owners = _owners()
    return tuple(replace(socket, owner=owners.get(socket.inode, "")) for socket in sockets)


def _owners() -> dict[object, str]:
    """By inode of a socket: the processes that have it open, of those this user may inspect."""
    holders: dict[object, list[str]] = {}
    for inode, holder in descriptors():
        holders.setdefault(inode, []).append(holder)
    return {inode: listed(texts) for inode, texts in holders.items()}
