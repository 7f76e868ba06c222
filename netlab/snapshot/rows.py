# SPDX-License-Identifier: GPL-2.0-or-later
"""Converts columns to one record for each socket, and back."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from netlab.model.tcp import State, Timer
from netlab.snapshot.columns import MILLISECONDS, Block, Column, RawSample, SocketTable, column
from netlab.snapshot.records import Endpoint, Sample, Snapshot, Socket
from netlab.snapshot.sock_diag import FIGURES

_EMPTY: Mapping[str, float] = {}


def snapshot(name: str, samples: Sequence[RawSample]) -> Snapshot:
    """A snapshot from samples that were collected or stored."""
    return Snapshot(
        tuple(
            Sample(
                sockets(raw.table),
                raw.counters,
                raw.sysctls,
                raw.at,
                raw.source,
                whole=raw.whole,
                counts=raw.counts,
            )
            for raw in samples
        ),
        name,
    )


def sockets(table: SocketTable) -> tuple[Socket, ...]:
    """The sockets of a table."""
    return tuple(itertools.chain.from_iterable(_sockets(table, block) for block in table.blocks))


def _sockets(table: SocketTable, block: Block) -> Iterator[Socket]:
    def values(name: str, default: Any = None) -> Iterable[Any]:
        column = block.columns.get(name, default)
        return column if isinstance(column, list) else itertools.repeat(column, block.size)

    def endpoints(side: str) -> Iterator[Endpoint]:
        texts = table.addresses
        known: dict[tuple[int, int], Endpoint] = {}
        for key in zip(values(side), values(f"{side}_port"), strict=True):
            endpoint = known.get(key)
            if endpoint is None:
                endpoint = known[key] = (texts[key[0]], key[1])
            yield endpoint

    timers = {None: None} | {timer.value: timer for timer in Timer}
    info = _rows(block) if block.info else itertools.repeat(_EMPTY, block.size)
    for local, remote, rx, tx, timer, remaining, retransmits, probes, inode, owner, details in zip(
        endpoints("local"),
        endpoints("remote"),
        values("rx_queue"),
        values("tx_queue"),
        values("timer"),
        values("remaining"),
        values("retransmits"),
        values("probes"),
        values("inode"),
        values("owner", ""),
        info,
        strict=True,
    ):
        yield Socket(
            block.state,
            local,
            remote,
            rx,
            tx,
            timers[timer],
            None if remaining is None else remaining / 1000,
            retransmits,
            probes,
            inode,
            owner,
            details,
        )


def _rows(block: Block) -> Iterator[dict[str, float]]:
    """The known figures of ``ss -i`` of each socket; times in seconds."""
    columns: list[tuple[str, list[Any]]] = [
        (name, values if isinstance(values, list) else [values] * block.size)
        for name, values in block.info.items()
        if name in FIGURES
    ]
    for number in range(block.size):
        yield {
            name: values[number] / 1000 if name in MILLISECONDS else values[number]
            for name, values in columns
            if values[number] is not None
        }


def table(sockets: Sequence[Socket]) -> SocketTable:
    """Sockets as columns, grouped by state."""
    numbers: dict[str, int] = {}
    by_state: dict[State, list[Socket]] = {}
    for socket in sockets:
        by_state.setdefault(socket.state, []).append(socket)
    blocks = [_block(state, members, numbers) for state, members in by_state.items()]
    return SocketTable([*numbers], blocks)


def _block(state: State, members: Sequence[Socket], numbers: dict[str, int]) -> Block:
    def endpoints(side: str) -> tuple[Column, Column]:
        addresses, ports = zip(*(getattr(member, side) for member in members), strict=True)
        return (
            column([numbers.setdefault(text, len(numbers)) for text in addresses]),
            column(list(ports)),
        )

    columns: dict[str, Column] = {}
    for side in ("local", "remote"):
        columns[side], columns[f"{side}_port"] = endpoints(side)
    for name in ("rx_queue", "tx_queue", "retransmits", "probes", "inode"):
        columns[name] = column([getattr(member, name) for member in members])
    columns["timer"] = column([None if m.timer is None else m.timer.value for m in members])
    columns["remaining"] = column(
        [None if m.remaining is None else round(m.remaining * 1000) for m in members]
    )
    if any(member.owner for member in members):
        columns["owner"] = column([member.owner for member in members])
    names = dict.fromkeys(name for member in members for name in member.info)
    info = {name: column([_whole(name, m.info.get(name)) for m in members]) for name in names}
    return Block(state, len(members), columns, info)


def _whole(name: str, value: float | None) -> int | None:
    if value is None:
        return None
    return round(value * 1000) if name in MILLISECONDS else round(value)
