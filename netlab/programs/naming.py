# SPDX-License-Identifier: GPL-2.0-or-later
"""What a packet is called on a wire whose fates hang on chance: see `netlab.programs.pump`."""

from __future__ import annotations

import struct

ETHERNET = 14  # bytes of a frame's header
IPV4, IPV6 = 0x0800, 0x86DD
TCP = 6
FIN, SYN, RST, ACK = 0x01, 0x02, 0x04, 0x10
#: What a name is of: an acknowledgment alone, what takes place in the sequence, or a FIN's own.
BARE, PLACED, ENDING = range(3)
WORD = 1 << 32


class Followed:
    """A connection: its place among those that were seen, and its first sequence numbers."""

    def __init__(self, number: int) -> None:
        self.number = number
        # By direction: its first sequence number, and where the last data sent there begins and
        # ends, relative to that.
        self.first: list[int | None] = [None, None]
        self.last = [(0, 0), (0, 0)]


class Naming:
    """Names every packet by what it is."""

    def __init__(self) -> None:
        self._connections: dict[bytes, Followed] = {}  # by addresses and ports, client's first
        self._opened = 0
        self._sent: dict[tuple[int, ...], int] = {}
        self._others = [0, 0]

    def name(self, frame: bytes, way: int) -> tuple[int, ...]:
        """What a packet is, on its way to the server (0) or to the client (1)."""
        start, length, ends = layout(frame)
        if not ends or len(frame) < start + 20:
            self._others[way] += 1
            return way, self._others[way]
        sequence, acknowledged = struct.unpack_from(">II", frame, start + 4)
        flags = frame[start + 13]
        known = self._connection(ends[way] + ends[1 - way], way, sequence, flags)
        first, others = known.first[way], known.first[1 - way]
        if first is None or flags & SYN:
            first = known.first[way] = sequence
        payload = length - start - (frame[start + 12] >> 4) * 4
        begins = (sequence - first) % WORD
        ends_at = (begins + payload) % WORD
        if not payload and not flags & (SYN | FIN):  # what it acknowledges is all that it says
            what = way, known.number, BARE, (acknowledged - (others or 0)) % WORD
            return *what, self._again(what)
        if flags & FIN:
            fins = self._again((way, known.number, ENDING, ends_at))
            if not payload and known.last[way][1] == begins:
                return way, known.number, PLACED, known.last[way][0], fins
        if payload:
            known.last[way] = max(known.last[way], (begins, ends_at))
        what = way, known.number, PLACED, begins  # which flags and how much it has, time decides
        return *what, self._again(what)

    def _again(self, what: tuple[int, ...]) -> int:
        """How often it was sent, this time included."""
        again = self._sent[what] = self._sent.get(what, 0) + 1
        return again

    def _connection(self, ends: bytes, way: int, sequence: int, flags: int) -> Followed:
        known = self._connections.get(ends)
        opens = flags & SYN and not flags & ACK
        if known is None or (opens and known.first[way] not in (None, sequence)):
            self._opened += 1
            known = self._connections[ends] = Followed(self._opened)
        return known


def layout(frame: bytes) -> tuple[int, int, tuple[bytes, bytes] | None]:
    """Where TCP begins in a frame, where the packet ends, and both ends' address and port: that of
    the sender first. No ends, if it is not TCP.
    """
    kind = int.from_bytes(frame[12:14], "big")
    if kind == IPV4:
        start = ETHERNET + (frame[ETHERNET] & 0xF) * 4
        protocol, addresses, size = frame[ETHERNET + 9], ETHERNET + 12, 4
        length = ETHERNET + int.from_bytes(frame[ETHERNET + 2 : ETHERNET + 4], "big")
    elif kind == IPV6:
        start = ETHERNET + 40
        protocol, addresses, size = frame[ETHERNET + 6], ETHERNET + 8, 16
        length = start + int.from_bytes(frame[ETHERNET + 4 : ETHERNET + 6], "big")
    else:
        return 0, 0, None
    if protocol != TCP:
        return 0, 0, None
    sender, receiver = addresses, addresses + size
    return start, length, (
        frame[sender:receiver] + frame[start : start + 2],
        frame[receiver : receiver + size] + frame[start + 2 : start + 4],
    )  # fmt: skip
