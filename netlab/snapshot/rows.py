# SPDX-License-Identifier: GPL-2.0-or-later
"""Converts columns to one record for each socket, and back."""

from __future__ import annotations

import collections
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from typing import Any, TypeAlias

from netlab.model.tcp import State, Timer
from netlab.snapshot.columns import MILLISECONDS, Block, Column, RawSample, SocketTable, column
from netlab.snapshot.records import Endpoint, Sample, Snapshot, Socket
from netlab.snapshot.sock_diag import FIGURES, Answered

_EMPTY: Mapping[str, float] = {}
#: The figures of one socket of a block, by its number.
Row: TypeAlias = "Callable[[int], dict[str, float]]"


class Figures(Mapping[str, float]):
    """The figures of ``ss -i`` of one socket, read when somebody asks for one.

    Nobody does for most sockets of a host, and to read them all would take as long as to diagnose
    it.
    """

    __slots__ = ("_known", "_number", "_row")

    def __init__(self, row: Row, number: int) -> None:
        self._row, self._number = row, number
        self._known: dict[str, float] | None = None

    def _all(self) -> dict[str, float]:
        if self._known is None:
            self._known = self._row(self._number)
        return self._known

    def __getitem__(self, name: str) -> float:
        return self._all()[name]

    def __contains__(self, name: object) -> bool:
        return name in self._all()

    def __iter__(self) -> Iterator[str]:
        return iter(self._all())

    def __len__(self) -> int:
        return len(self._all())

    def __repr__(self) -> str:
        return repr(self._all())

    def get(self, name: str, default: Any = None) -> Any:
        """As of a dictionary; that of Mapping takes five times as long."""
        return self._all().get(name, default)


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


#: What fills the fields of a record.
SETTERS = tuple(getattr(Socket, field.name).__set__ for field in fields(Socket))
FEW = 8  # sockets for each port of a block, from which on they share their endpoints


def _sockets(table: SocketTable, block: Block) -> list[Socket]:
    """The records of one block, filled field by field as the columns come: half the time of a call
    with twelve arguments for each.
    """

    def values(name: str, default: Any = None) -> Iterable[Any]:
        column = block.columns.get(name, default)
        return column if isinstance(column, list) else itertools.repeat(column, block.size)

    def endpoints(side: str) -> Iterable[Endpoint]:
        texts, ports = table.addresses, values(f"{side}_port")
        pairs = zip(values(side), ports, strict=True)
        if isinstance(ports, list) and len({*ports}) * FEW > block.size:
            return [(texts[number], port) for number, port in pairs]
        keys = [*pairs]
        known = {key: (texts[key[0]], key[1]) for key in {*keys}}
        return map(known.__getitem__, keys)

    timers = {None: None} | {timer.value: timer for timer in Timer}
    remaining = values("remaining")
    columns: tuple[Iterable[Any], ...] = (
        itertools.repeat(block.state, block.size),
        endpoints("local"),
        endpoints("remote"),
        values("rx_queue"),
        values("tx_queue"),
        map(timers.__getitem__, values("timer")),
        (None if milliseconds is None else milliseconds / 1000 for milliseconds in remaining),
        values("retransmits"),
        values("probes"),
        values("inode"),
        values("owner", ""),
        _rows(block) if block.info else itertools.repeat(_EMPTY, block.size),
    )
    records = [*map(object.__new__, itertools.repeat(Socket, block.size))]
    for setter, values_of in zip(SETTERS, columns, strict=True):
        collections.deque(map(setter, records, values_of), 0)  # as fast as Python gets
    return records


def _rows(block: Block) -> Iterator[Figures]:
    """The known figures of ``ss -i`` of each socket; times in seconds."""
    row = block.info.row if isinstance(block.info, Answered) else _from_columns(block)
    return map(Figures, itertools.repeat(row), range(block.size))


def _from_columns(block: Block) -> Row:
    columns: list[tuple[str, list[Any]]] = [
        (name, values if isinstance(values, list) else [values] * block.size)
        for name, values in block.info.items()
        if name in FIGURES
    ]

    def row(number: int) -> dict[str, float]:
        return {
            name: values[number] / 1000 if name in MILLISECONDS else values[number]
            for name, values in columns
            if values[number] is not None
        }

    return row


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
