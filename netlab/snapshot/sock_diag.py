# SPDX-License-Identifier: GPL-2.0-or-later
"""Every TCP socket of one namespace, from ``sock_diag(7)``, as columns.

``ss`` sends the kernel the same request. Printing costs it 1.3 us a socket; an object for each
would cost as much here, so the kernel's answer is never parsed row by row: messages of one kind
have one length, and a field of all of them is one strided view.
"""

from __future__ import annotations

import socket
import struct
import sys
from array import array
from collections.abc import Iterable, Iterator, Mapping
from typing import TypeAlias

from netlab.linux import netlink
from netlab.linux.inet_diag import INET_DIAG_INFO, INFO
from netlab.linux.netlink import NETLINK_SOCK_DIAG, NLM_F_DUMP, NLMSG_DONE, NLMSG_ERROR
from netlab.model.tcp import State
from netlab.snapshot.columns import ANY, MILLISECONDS, Block, Column, SocketTable

Numbers: TypeAlias = "int | list[int]"  # a column of numbers that are all known

#: The older of two requests: its answer covers both families in one walk through the table, which
#: costs 9 ms with the 262144 buckets of an ordinary host. Every kernel has it.
TCPDIAG_GETSOCK = 18
ALL_STATES = 0xFFF  # requests come with SYN_RECV
BUFFER = 1 << 18
HEADER = netlink.HEADER.size
ATTRIBUTES = HEADER + 72  # after struct inet_diag_msg

#: All that a record of a socket may have: ``ss -m`` also prints what was dropped for want of room.
FIGURES = frozenset({*INFO, "drops"})
RETRANSMITS, PROBES = 2, 3  # in struct tcp_info


def table() -> SocketTable:
    """Every TCP socket of the namespace that this thread is in.

    Raises `LabError` if the kernel refuses (it has no module tcp_diag), OSError without netlink.
    """
    addresses = _Addresses()
    blocks = [_block(messages, length, addresses) for messages, length in _kinds(_pieces())]
    return SocketTable([*addresses.numbers], blocks)


def _pieces() -> Iterator[bytes]:
    """The kernel's answer, in pieces of whole messages; the last piece ends with its end mark."""
    extensions = 1 << (INET_DIAG_INFO - 1)
    request = struct.pack("=BBBB48xII", socket.AF_UNSPEC, 0, 0, extensions, ALL_STATES, 0)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_SOCK_DIAG) as sock:
        sock.send(netlink.message(TCPDIAG_GETSOCK, NLM_F_DUMP, request, 1))
        while True:
            piece = sock.recv(BUFFER)
            kind, _ = struct.unpack_from("=HH", piece, 4)
            if kind == NLMSG_ERROR:
                raise netlink.refused("a list of its sockets", netlink.error_code(piece[HEADER:]))
            yield piece


def _uniform(piece: bytes, length: int) -> bool:
    """Whether a piece holds only messages of this length, all of one family and state."""
    words = memoryview(piece).cast("I")[:: length // 4].tolist()
    families, states = piece[HEADER::length], piece[HEADER + 1 :: length]
    return all(column.count(column[0]) == len(words) for column in (words, families, states))


def _kinds(pieces: Iterator[bytes]) -> Iterator[tuple[bytes, int]]:
    """Messages of one length, family and state with the same attributes, and that length.

    Most pieces hold only one kind, and are passed on whole: 39 sockets in TIME_WAIT, for example.
    """
    kinds: dict[tuple[int, bytes], list[bytes]] = {}
    done = False
    for piece in pieces:
        at = 0
        while at < len(piece):
            length, kind = struct.unpack_from("=IH", piece, at)
            if kind == NLMSG_DONE:
                done = True
                break
            end = at + length
            if at == 0 and len(piece) % length == 0 and _uniform(piece, length):
                end = len(piece)
            family_and_state = piece[at + HEADER : at + HEADER + 2]
            kinds.setdefault((length, family_and_state), []).append(piece[at:end])
            at = end
        if done:
            break
    for (length, _), members in kinds.items():
        for messages in _alike(b"".join(members), length):
            yield messages, length


def _alike(messages: bytes, length: int) -> Iterator[bytes]:
    """Messages of one length, grouped by the offsets of their attributes."""
    fields = _Fields(messages, length)
    if all(fields.same(start - 4, 4) for start in _attributes(messages, length).values()):
        yield messages
        return
    layouts: dict[tuple[tuple[int, int], ...], list[bytes]] = {}
    for start in range(0, len(messages), length):
        message = messages[start : start + length]
        layouts.setdefault(tuple(_attributes(message, length).items()), []).append(message)
    for members in layouts.values():
        yield b"".join(members)


def _attributes(message: bytes, length: int) -> dict[int, int]:
    """The offset of the value of each attribute of a message, by its type."""
    return {kind: start for kind, start, _ in netlink.places(message, ATTRIBUTES, length)}


# --- fields


class _Fields:
    """One field of every message at a time, as a column."""

    def __init__(self, messages: bytes, length: int) -> None:
        self._bytes, self._length = messages, length
        self._halves = memoryview(messages).cast("H")
        self._words = memoryview(messages).cast("I")
        self.count = len(messages) // length

    def same(self, at: int, size: int) -> bool:
        """Whether all messages agree on a field: three times as fast as reading it."""
        for byte in range(at, at + size):
            values = self._bytes[byte :: self._length]
            if values.count(values[0]) != self.count:
                return False
        return True

    def zero(self, at: int, size: int) -> bool:
        """Whether a field is 0 in all messages."""
        return not any(self.first(at, size)) and self.same(at, size)

    def of(self, number: int, at: int) -> tuple[bytes, int]:
        """Where a field of one message is, as `struct` wants it."""
        return self._bytes, number * self._length + at

    def first(self, at: int, size: int) -> bytes:
        return self._bytes[at : at + size]

    def byte(self, at: int) -> Numbers:
        if self.same(at, 1):
            return self._bytes[at]
        return list(self._bytes[at :: self._length])

    def port(self, at: int) -> Numbers:
        """Two bytes in network order."""
        if self.same(at, 2):
            return int.from_bytes(self._bytes[at : at + 2], "big")
        ports = array("H", self._halves[at // 2 :: self._length // 2].tolist())
        if sys.byteorder == "little":
            ports.byteswap()
        return ports.tolist()

    def word(self, at: int) -> Numbers:
        return self._words[at // 4] if self.same(at, 4) else self.words(at)

    def words(self, at: int) -> list[int]:
        return self._words[at // 4 :: self._length // 4].tolist()

    def double(self, at: int) -> Numbers:
        """Eight bytes, which need not be aligned."""
        if self.same(at, 8):
            return int.from_bytes(self._bytes[at : at + 8], sys.byteorder)
        low, high = (0, 4) if sys.byteorder == "little" else (4, 0)
        pairs = zip(self.words(at + low), self.words(at + high), strict=True)
        return [low | high << 32 for low, high in pairs]


class _Addresses:
    """Addresses as text, each once."""

    def __init__(self) -> None:
        self.numbers: dict[str, int] = {}  # in order

    def column(self, fields: _Fields, at: int, family: int) -> Column:
        """The addresses that begin at byte `at` of every message."""
        size = 4 if family == socket.AF_INET else 16
        if fields.same(at, size):
            return self._number(family, fields.first(at, size))
        if family == socket.AF_INET:
            words = fields.words(at)
            known = {word: self._number(family, struct.pack("=I", word)) for word in {*words}}
            return [known[word] for word in words]
        rows = list(zip(*(fields.words(at + part) for part in (0, 4, 8, 12)), strict=True))
        numbers = {row: self._number(family, struct.pack("=4I", *row)) for row in {*rows}}
        return [numbers[row] for row in rows]

    def _number(self, family: int, packed: bytes) -> int:
        if packed.startswith(MAPPED) and family == socket.AF_INET6:
            family, packed = socket.AF_INET, packed[len(MAPPED) :]
        text = socket.inet_ntop(family, packed) if any(packed) else ANY
        return self.numbers.setdefault(text, len(self.numbers))


MAPPED = bytes(10) + b"\xff\xff"


def _block(messages: bytes, length: int, addresses: _Addresses) -> Block:
    """Messages of one layout as columns."""
    fields = _Fields(messages, length)
    family, state = messages[HEADER], State(messages[HEADER + 1])
    columns: dict[str, Column] = {
        "local": addresses.column(fields, 24, family),
        "local_port": fields.port(20),
        "remote": addresses.column(fields, 40, family),
        "remote_port": fields.port(22),
        "rx_queue": fields.word(72),
        "tx_queue": fields.word(76),
        "timer": fields.byte(18),
        "remaining": fields.word(68),
        "inode": fields.word(84),
    }
    start = _attributes(messages, length).get(INET_DIAG_INFO)
    if start is None or state is State.LISTEN:  # a listener's figures mean something else
        columns["retransmits"] = fields.byte(19)  # not 0 only for a request
        columns["probes"] = 0
        return Block(state, fields.count, columns, {})
    columns["retransmits"] = fields.byte(start + RETRANSMITS)
    columns["probes"] = fields.byte(start + PROBES)
    (size,) = struct.unpack_from("=H", messages, start - 4)
    return Block(state, fields.count, columns, Answered(fields, start, size - 4))


class Answered(Mapping[str, Column]):
    """The figures of all messages, as columns that are read when somebody asks for them.

    A column of zeros is left out, as ``ss`` does. `row` has those of one message.
    """

    def __init__(self, fields: _Fields, start: int, size: int) -> None:
        self._fields, self._start = fields, start
        self._places = {
            name: place
            for name, place in INFO.items()
            if place[0] + place[1] <= size and not fields.zero(start + place[0], place[1])
        }
        self._columns: dict[str, Column] = {}
        self._struct = struct.Struct(_layout(self._places.values()))

    def __getitem__(self, name: str) -> Column:
        if name not in self._columns:
            offset, width, divisor = self._places[name]
            fields = self._fields
            read = {1: fields.byte, 4: fields.word, 8: fields.double}[width]
            self._columns[name] = _divided(read(self._start + offset), divisor)
        return self._columns[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)

    def row(self, number: int) -> dict[str, float]:
        """The figures of one message; times in seconds."""
        values = self._struct.unpack_from(*self._fields.of(number, self._start))
        return {
            name: value // divisor / 1000 if name in MILLISECONDS else value // divisor
            for (name, (_, _, divisor)), value in zip(self._places.items(), values, strict=True)
        }


def _layout(places: Iterable[tuple[int, int, int]]) -> str:
    """The struct of fields that follow each other, each at its offset."""
    layout, at = "=", 0
    for offset, width, _ in places:
        layout += f"{offset - at}x{CODES[width]}"
        at = offset + width
    return layout


CODES = {1: "B", 4: "I", 8: "Q"}


def _divided(column: Numbers, divisor: int) -> Numbers:
    if divisor == 1:
        return column
    if isinstance(column, int):
        return column // divisor
    return [value // divisor for value in column]
