# SPDX-License-Identifier: GPL-2.0-or-later
"""Converts columns to one record for each socket, and back."""

from __future__ import annotations

import collections
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, TypeAlias

from netlab.model.tcp import State, Timer
from netlab.snapshot.columns import MILLISECONDS, Block, Column, RawSample, SocketTable, column
from netlab.snapshot.crowd import Crowd, Rows
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


def sockets(table: SocketTable) -> Sequence[Socket]:
    """The sockets of a table. Of very many, those at rest stay columns."""
    if sum(block.size for block in table.blocks) < MANY:
        parts = (_sockets(table, block, range(block.size)) for block in table.blocks)
        return tuple(itertools.chain.from_iterable(parts))
    restless: list[Socket] = []
    batches = []
    for block in table.blocks:
        rests = _at_rest(block)
        some = [*itertools.compress(range(block.size), rests)]
        batches += [
            BlockBatch(table, block, some[at : at + EACH]) for at in range(0, len(some), EACH)
        ]
        others = [number for number, rest in enumerate(rests) if not rest]
        restless += _sockets(table, block, others) if others else ()
    return Crowd(restless, batches)


def _at_rest(block: Block) -> list[bool]:
    """Which sockets of a block are, as `netlab.snapshot.crowd.at_rest` says of a record."""
    if block.state is not State.ESTABLISHED:
        return [block.state is State.TIME_WAIT] * block.size
    names = (
        "tx_queue",
        "rx_queue",
        "probes",
        "inode",
        "local",
        "remote",
        "local_port",
        "remote_port",
    )
    return [
        not (tx or rx or probes) and inode != 0 and (local != remote or port != its_port)
        for tx, rx, probes, inode, local, remote, port, its_port in zip(
            *(_values(block.columns.get(name), range(block.size)) for name in names), strict=False
        )
    ]


def _values(column: Column, numbers: Sequence[int]) -> Iterable[Any]:
    """What a column has for sockets of these numbers."""
    if not isinstance(column, list):
        return itertools.repeat(column, len(numbers))
    return column if len(numbers) == len(column) else [column[number] for number in numbers]


@dataclass(frozen=True, slots=True)
class BlockBatch:
    """Sockets at rest of one block, by their numbers in it."""

    table: SocketTable
    block: Block
    numbers: Sequence[int]

    @property
    def size(self) -> int:
        """How many."""
        return len(self.numbers)

    def addresses(self) -> set[str]:
        """Those of their own ends."""
        local = self.block.columns.get("local")
        return {self.table.addresses[number] for number in {*_values(local, self.numbers)}}

    def rows(self) -> Rows:
        """Their columns."""
        columns, texts = self.block.columns, self.table.addresses
        local, here, remote, there, remaining = (
            [*_values(columns.get(name), self.numbers)]
            for name in ("local", "local_port", "remote", "remote_port", "remaining")
        )
        return Rows(
            [self.block.state] * self.size,
            [texts[number] for number in local],
            here,
            [texts[number] for number in remote],
            there,
            self._heard(),
            [None if milliseconds is None else milliseconds / 1000 for milliseconds in remaining],
        )

    def _heard(self) -> list[float | None]:
        rto, received, acknowledged = (
            _values(self.block.info.get(name), self.numbers)
            for name in ("rto", "lastrcv", "lastack")
        )
        return [
            None if timeout is None else min(data or 0, ack or 0) / 1000
            for timeout, data, ack in zip(rto, received, acknowledged, strict=True)
        ]

    def sockets(self) -> list[Socket]:
        """Their records."""
        return _sockets(self.table, self.block, self.numbers)

    def has(self, figure: str) -> bool:
        """Whether any of them has this figure of ``ss -i``."""
        return any(
            value is not None for value in _values(self.block.info.get(figure), self.numbers)
        )


#: What fills the fields of a record.
SETTERS = tuple(getattr(Socket, field.name).__set__ for field in fields(Socket))
FEW = 8  # sockets for each port of a block, from which on they share their endpoints
MANY, EACH = 20_000, 5000  # sockets of a table, and of a batch


def _sockets(table: SocketTable, block: Block, numbers: Sequence[int]) -> list[Socket]:
    """The records of some sockets of a block."""

    def values(name: str, default: Any = None) -> Iterable[Any]:
        return _values(block.columns.get(name, default), numbers)

    def endpoints(side: str) -> Iterable[Endpoint]:
        texts, ports = table.addresses, values(f"{side}_port")
        pairs = zip(values(side), ports, strict=True)
        if isinstance(ports, list) and len({*ports}) * FEW > len(numbers):
            return [(texts[number], port) for number, port in pairs]
        keys = [*pairs]
        known = {key: (texts[key[0]], key[1]) for key in {*keys}}
        return map(known.__getitem__, keys)

    timers = {None: None} | {timer.value: timer for timer in Timer}
    remaining = values("remaining")
    return filled(
        len(numbers),
        itertools.repeat(block.state),
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
        _figures(block, numbers) if block.info else itertools.repeat(_EMPTY),
    )


def filled(size: int, *columns: Iterable[Any]) -> list[Socket]:
    """So many records from their fields, in the order of `Socket`: half the time of a call with
    twelve arguments for each. A column may be longer.
    """
    records = [*map(object.__new__, itertools.repeat(Socket, size))]
    for setter, values in zip(SETTERS, columns, strict=True):
        collections.deque(map(setter, records, values), 0)  # as fast as Python gets
    return records


def _figures(block: Block, numbers: Sequence[int]) -> Iterator[Figures]:
    """The known figures of ``ss -i`` of each socket; times in seconds."""
    row = block.info.row if isinstance(block.info, Answered) else _from_columns(block)
    return map(Figures, itertools.repeat(row), numbers)


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
