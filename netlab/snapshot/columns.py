# SPDX-License-Identifier: GPL-2.0-or-later
"""Sockets as columns: how a snapshot is collected and stored, so that 100,000 are fast.

A block holds sockets in one state. A column is a list, or one value if all sockets share it; in
JSON, a long list of numbers is packed (`PACKED`).
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import re
import socket
import sys
from array import array
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

from netlab.model.tcp import State, Timer

#: A value for each socket of a block, or the one that all of them have.
Column: TypeAlias = "int | str | Sequence[int | None] | Sequence[str] | None"

SOURCE = "netlab snapshot"  # of samples from netlink alone
ANY = "*"  # no address, or all of them: the other end of a listener
#: A name or a mask in the place of an address, as people paste them: db1, 10.xx.1.2, <client>.
WORD = re.compile(r"(?=[^\w*?]{0,3}[\w*?])[^\s\"',;]{1,200}")
#: The kernel's figures that are milliseconds in columns, and seconds in records.
MILLISECONDS = frozenset({"rto", "ato", "lastsnd", "lastrcv", "lastack", "busy", "rwnd_limited"})

#: The columns of every block. Those of `PERHAPS` hold null where a value is unknown.
KNOWN = ("local", "local_port", "remote", "remote_port", "rx_queue", "tx_queue")
PERHAPS = ("timer", "remaining", "retransmits", "probes", "inode")
#: Lists of numbers that are longer than this are packed: base64 of 16 or 32 bits each,
#: little-endian. That takes half the space and a fifth of the time of decimal numbers.
PACKED = 1000
PACKINGS = (("u16", "H"), ("u32", "I"))

#: The most sockets of a file, which take 15 s, and what none of their numbers reaches: the kernel's
#: have 64 bits.
MOST, LARGEST = 1_000_000, 1 << 64


class Block(NamedTuple):
    """Sockets in one state. Addresses are indexes into the table's; times are milliseconds."""

    state: State
    size: int
    columns: Mapping[str, Column]  # named as the fields of netlab.snapshot.records.Socket
    info: Mapping[str, Column]  # named as in `netlab.linux.inet_diag.INFO`


class SocketTable(NamedTuple):
    """Sockets as columns, and their addresses."""

    addresses: list[str]
    blocks: list[Block]


class RawSample(NamedTuple):
    """One host at one moment, with its sockets as columns."""

    table: SocketTable
    counters: Mapping[str, int] = {}
    sysctls: Mapping[str, str] = {}
    at: float | None = None  # seconds since the epoch
    source: str = SOURCE
    whole: bool = True  # whether every socket of the host is in it
    counts: Mapping[State, int] = {}  # where there were numbers instead of sockets


def column(values: list[Any]) -> Column:
    """The list itself, or its one value if all are equal."""
    first: Column = values[0]
    return first if values.count(first) == len(values) else values


# --- JSON


def to_json(table: SocketTable) -> dict[str, Any]:
    """A table as a JSON object."""
    return {
        "addresses": table.addresses,
        "blocks": [
            {"state": block.state.name, "size": block.size}
            | {name: _packed(values) for name, values in _told_apart(block).items()}
            | {"info": {name: _packed(values) for name, values in block.info.items()}}
            for block in table.blocks
        ],
    }


def _told_apart(block: Block) -> Mapping[str, Column]:
    """The columns, of which one has as many values as there are sockets: `size` alone is not
    believed. (Two sockets that are the same in everything have been seen in pasted text only.)
    """
    columns = block.columns
    if block.size == 1 or any(isinstance(values, list) for values in columns.values()):
        return columns
    ports: Any = [columns["local_port"]] * block.size
    return {**columns, "local_port": ports}


def _packed(values: Column) -> Any:
    if not isinstance(values, list) or len(values) <= PACKED:
        return values
    for name, code in PACKINGS:
        try:
            numbers = array(code, values)
        except (OverflowError, TypeError):  # larger, not numbers, or not known for all
            continue
        if sys.byteorder == "big":
            numbers.byteswap()
        return {name: base64.b64encode(numbers.tobytes()).decode("ascii")}
    return values


def from_json(data: Any, most: int = MOST) -> SocketTable:
    """The inverse of `to_json`. Raises ValueError if the data is anything else, or has more sockets
    than `most`.
    """
    addresses = _checked(data, "addresses", list)
    for text in addresses:
        if text != ANY and not _is_address(text) and not _is_word(text):
            raise ValueError(f"'addresses' holds {str(text)[:40]!r}, which is none")
    blocks = []
    for block in _checked(data, "blocks", list):
        blocks.append(_block_from_json(block, len(addresses), most))
        most -= blocks[-1].size
    return SocketTable(addresses, blocks)


def _is_word(text: Any) -> bool:
    """Whether this is what may stand for an address in a pasted listing: a name, a mask."""
    return type(text) is str and WORD.fullmatch(text) is not None


def _is_address(text: Any) -> bool:
    for family in (socket.AF_INET, socket.AF_INET6):
        with contextlib.suppress(OSError, TypeError, ValueError):
            socket.inet_pton(family, text)
            return True
    return False


def _block_from_json(data: Any, addresses: int, most: int) -> Block:
    name, size = _checked(data, "state", str), _checked(data, "size", int)
    if name not in State.__members__:
        raise ValueError(f"no state is named {name!r}")
    info = _checked(data, "info", dict)
    if not 0 < size <= most:
        raise ValueError(f"one 'size' is {size}, and a file has from 1 to {MOST} sockets")
    columns: dict[str, Column] = {}
    for key in KNOWN:
        top = addresses - 1 if key in {"local", "remote"} else None
        columns[key] = _unpacked(data.get(key), key, size, top, False)
    for key in PERHAPS:
        top = max(Timer) if key == "timer" else None
        columns[key] = _unpacked(data.get(key), key, size, top, True)
    columns["owner"] = _texts(data.get("owner", ""), size)
    figures = {key: _unpacked(values, key, size, None, True) for key, values in info.items()}
    if size > 1 and not any(isinstance(values, list) for values in columns.values()):
        raise ValueError(f"'size' is {size}, and nothing tells that many sockets apart")
    return Block(State[name], size, columns, figures)


def _checked(data: Any, key: str, kind: type) -> Any:
    if not isinstance(data, dict) or type(data.get(key)) is not kind:
        raise ValueError(f"{key!r} is missing, or not of type {kind.__name__}")
    return data[key]


def _unpacked(values: Any, name: str, size: int, top: int | None, unknown: bool) -> Column:
    if isinstance(values, dict):
        values = _numbers(values, name, size)
    if not isinstance(values, list):
        values = [values]
        several = False
    else:
        several = True
    if several and len(values) != size:
        raise ValueError(f"{name!r} has {len(values)} values for {size} sockets")
    if not {*map(type, values)} <= ({int, type(None)} if unknown else {int}):
        raise ValueError(f"{name!r} holds something other than whole numbers")
    known = [value for value in values if value is not None] if unknown else values
    if known and (min(known) < 0 or max(known) > (LARGEST - 1 if top is None else top)):
        raise ValueError(f"{name!r} holds a number that is out of its range")
    unpacked: Column = values if several else values[0]
    return unpacked


def _numbers(packed: dict[str, Any], name: str, size: int) -> list[int]:
    for key, code in PACKINGS:
        if isinstance(packed.get(key), str):
            numbers = array(code)
            if len(packed[key]) != -(-size * numbers.itemsize // 3) * 4:
                raise ValueError(f"{name!r} does not pack {size} values")
            try:
                numbers.frombytes(base64.b64decode(packed[key], validate=True))
            except (binascii.Error, ValueError) as error:
                raise ValueError(f"{name!r} is packed incorrectly: {error}") from None
            if sys.byteorder == "big":
                numbers.byteswap()
            return numbers.tolist()
    raise ValueError(f"{name!r} is packed in a way that this version does not know")


def _texts(values: Any, size: int) -> Column:
    several = isinstance(values, list)
    if several and len(values) != size:
        raise ValueError(f"'owner' has {len(values)} values for {size} sockets")
    if not all(isinstance(text, str) for text in (values if several else [values])):
        raise ValueError("'owner' holds something other than text")
    texts: Column = values
    return texts
