# SPDX-License-Identifier: GPL-2.0-or-later
"""Sockets as columns: how a snapshot is stored, since 100,000 of them must be read in no time.

A block holds sockets in one state. A column is a list, or one value where all have the same; in
JSON, a long list of numbers is packed (`PACKED`).
"""

from __future__ import annotations

import base64
import binascii
import itertools
import sys
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from netlab.observe.diag import MILLISECONDS, Block, Column, Table
from netlab.tcp import State, Timer

if TYPE_CHECKING:  # so that a snapshot is written without them: they cost 6 ms
    from netlab.diagnosis.records import Endpoint, Socket

#: What every block has a column for. Those that may be unknown hold null then.
KNOWN = ("local", "local_port", "remote", "remote_port", "rx_queue", "tx_queue")
PERHAPS = ("timer", "remaining", "retransmits", "probes", "inode")
#: Lists of numbers that are longer than this are packed: base64 of 16 or 32 bits each, little end
#: first. That is half the size, and a fifth of the time, of numbers in decimal.
PACKED = 1000
PACKINGS = (("u16", "H"), ("u32", "I"))

#: Sockets that a block may have: what a file claims must not fill the memory.
MOST = 2_000_000

_EMPTY: Mapping[str, float] = {}


# --- records


def sockets(table: Table) -> tuple[Socket, ...]:
    """The sockets of a table."""
    return tuple(itertools.chain.from_iterable(_sockets(table, block) for block in table.blocks))


def _sockets(table: Table, block: Block) -> Iterator[Socket]:
    from netlab.diagnosis.records import Socket

    def column(name: str, default: Any = None) -> Iterable[Any]:
        values = block.columns.get(name, default)
        return values if isinstance(values, list) else itertools.repeat(values, block.size)

    def ends(side: str) -> Iterator[Endpoint]:
        texts = table.addresses
        known: dict[tuple[int, int], Endpoint] = {}
        for end in zip(column(side), column(f"{side}_port"), strict=True):
            found = known.get(end)
            if found is None:
                found = known[end] = (texts[end[0]], end[1])
            yield found

    timers = {None: None} | {timer.value: timer for timer in Timer}
    info = _rows(block) if block.info else itertools.repeat(_EMPTY, block.size)
    for local, remote, rx, tx, timer, remaining, retransmits, probes, inode, owner, details in zip(
        ends("local"),
        ends("remote"),
        column("rx_queue"),
        column("tx_queue"),
        column("timer"),
        column("remaining"),
        column("retransmits"),
        column("probes"),
        column("inode"),
        column("owner", ""),
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
    """What ``ss -i`` says of each socket, without what it does not say."""
    columns: list[tuple[str, list[Any]]] = [
        (name, values if isinstance(values, list) else [values] * block.size)
        for name, values in block.info.items()
    ]
    for number in range(block.size):
        yield {
            name: values[number] / 1000 if name in MILLISECONDS else values[number]
            for name, values in columns
            if values[number] is not None
        }


def table(sockets: Sequence[Socket]) -> Table:
    """The same sockets as columns, by state."""
    numbers: dict[str, int] = {}
    by_state: dict[State, list[Socket]] = {}
    for each in sockets:
        by_state.setdefault(each.state, []).append(each)
    blocks = [_block(state, members, numbers) for state, members in by_state.items()]
    return Table([*numbers], blocks)


def _block(state: State, members: Sequence[Socket], numbers: dict[str, int]) -> Block:
    def ends(side: str) -> tuple[Column, Column]:
        addresses, ports = zip(*(getattr(each, side) for each in members), strict=True)
        return (
            column([numbers.setdefault(text, len(numbers)) for text in addresses]),
            column(list(ports)),
        )

    columns: dict[str, Column] = {}
    for side in ("local", "remote"):
        columns[side], columns[f"{side}_port"] = ends(side)
    for name in ("rx_queue", "tx_queue", "retransmits", "probes", "inode"):
        columns[name] = column([getattr(each, name) for each in members])
    columns["timer"] = column([None if e.timer is None else e.timer.value for e in members])
    columns["remaining"] = column(
        [None if each.remaining is None else round(each.remaining * 1000) for each in members]
    )
    if any(each.owner for each in members):
        columns["owner"] = column([each.owner for each in members])
    names = dict.fromkeys(name for each in members for name in each.info)
    info = {name: column([_whole(name, each.info.get(name)) for each in members]) for name in names}
    return Block(state, len(members), columns, info)


def _whole(name: str, value: float | None) -> int | None:
    if value is None:
        return None
    return round(value * 1000) if name in MILLISECONDS else round(value)


def column(values: list[Any]) -> Column:
    """A list, or the value that is all over it."""
    first: Column = values[0]
    return first if values.count(first) == len(values) else values


# --- JSON


def to_json(table: Table) -> dict[str, Any]:
    """A table as JSON has it."""
    return {
        "addresses": table.addresses,
        "blocks": [
            {"state": block.state.name, "size": block.size}
            | {name: _packed(values) for name, values in block.columns.items()}
            | {"info": {name: _packed(values) for name, values in block.info.items()}}
            for block in table.blocks
        ],
    }


def _packed(values: Column) -> Any:
    if not isinstance(values, list) or len(values) <= PACKED:
        return values
    for name, code in PACKINGS:
        try:
            numbers = array(code, values)
        except (OverflowError, TypeError):  # larger, not numbers, or not known of all
            continue
        if sys.byteorder == "big":
            numbers.byteswap()
        return {name: base64.b64encode(numbers.tobytes()).decode("ascii")}
    return values


def from_json(data: Any) -> Table:
    """The inverse of `to_json`. Raises ValueError where it is something else."""
    addresses = _checked(data, "addresses", list)
    if not all(isinstance(text, str) for text in addresses):
        raise ValueError("'addresses' holds something else than text")
    blocks = [_block_from_json(block, len(addresses)) for block in _checked(data, "blocks", list)]
    return Table(addresses, blocks)


def _block_from_json(data: Any, addresses: int) -> Block:
    name, size = _checked(data, "state", str), _checked(data, "size", int)
    if name not in State.__members__:
        raise ValueError(f"no state is named {name!r}")
    info = _checked(data, "info", dict)
    if not 0 < size <= MOST:
        raise ValueError(f"'size' is {size}, and no block has more than {MOST} sockets")
    columns: dict[str, Column] = {}
    for key in KNOWN:
        top = addresses - 1 if key in {"local", "remote"} else None
        columns[key] = _unpacked(data.get(key), key, size, top, False)
    for key in PERHAPS:
        top = max(Timer) if key == "timer" else None
        columns[key] = _unpacked(data.get(key), key, size, top, True)
    columns["owner"] = _texts(data.get("owner", ""), size)
    found = {key: _unpacked(values, key, size, None, True) for key, values in info.items()}
    return Block(State[name], size, columns, found)


def _checked(data: Any, key: str, kind: type) -> Any:
    if not isinstance(data, dict) or type(data.get(key)) is not kind:
        raise ValueError(f"{key!r} is missing, or is no {kind.__name__}")
    return data[key]


def _unpacked(values: Any, name: str, size: int, top: int | None, unknown: bool) -> Column:
    if isinstance(values, dict):
        values = _numbers(values, name)
    if not isinstance(values, list):
        values = [values]
        several = False
    else:
        several = True
    if several and len(values) != size:
        raise ValueError(f"{name!r} has {len(values)} values for {size} sockets")
    if not {*map(type, values)} <= ({int, type(None)} if unknown else {int}):
        raise ValueError(f"{name!r} holds something else than whole numbers")
    there = [value for value in values if value is not None] if unknown else values
    if there and (min(there) < 0 or (top is not None and max(there) > top)):
        raise ValueError(f"{name!r} holds a number that is out of its range")
    found: Column = values if several else values[0]
    return found


def _numbers(packed: dict[str, Any], name: str) -> list[int]:
    for key, code in PACKINGS:
        if isinstance(packed.get(key), str):
            numbers = array(code)
            try:
                numbers.frombytes(base64.b64decode(packed[key], validate=True))
            except (binascii.Error, ValueError) as error:
                raise ValueError(f"{name!r} is packed wrongly: {error}") from None
            if sys.byteorder == "big":
                numbers.byteswap()
            return numbers.tolist()
    raise ValueError(f"{name!r} is packed in a way that this version does not know")


def _texts(values: Any, size: int) -> Column:
    several = isinstance(values, list)
    if several and len(values) != size:
        raise ValueError(f"'owner' has {len(values)} values for {size} sockets")
    if not all(isinstance(text, str) for text in (values if several else [values])):
        raise ValueError("'owner' holds something else than text")
    found: Column = values
    return found
