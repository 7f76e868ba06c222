# SPDX-License-Identifier: GPL-2.0-or-later
"""A recording as a capture file that Wireshark opens: who saw each packet, and which rule took it.

Each end's wire is an interface, and so is each place where packets were dropped: a packet that
arrives is in the file twice, one that is dropped names the rule. The format is that of
draft-ietf-opsawg-pcapng; it is written here because no library writes comments on packets.
"""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from netlab.model.evidence import Evidence, Frame, Recording
from netlab.model.vocabulary import Hook, Side

SECTION, INTERFACE, NAMES, PACKET = 0x0A0D0D0A, 1, 4, 6  # types of blocks
BYTE_ORDER, UNKNOWN_LENGTH = 0x1A2B3C4D, 0xFFFF_FFFF_FFFF_FFFF
#: No header below the internet protocol's: IPv4's alone, IPv6's alone, or either of them.
LINKTYPE_IPV4, LINKTYPE_IPV6, LINKTYPE_RAW = 228, 229, 101
NANOSECONDS = 9  # if_tsresol: 10^-9

COMMENT = 1
SECTION_OS, SECTION_APPLICATION = 3, 4
INTERFACE_NAME, INTERFACE_DESCRIPTION, INTERFACE_RESOLUTION = 2, 3, 9
PACKET_FLAGS = 2
INBOUND, OUTBOUND = 1, 2
OUTWARD_HOOKS = (Hook.OUTPUT, Hook.POSTROUTING)
NAME_IPV4, NAME_IPV6 = 1, 2

#: Wireshark takes a packet's second sighting for a retransmission, unless it shows one place only.
ADVICE = 'For one end\'s view, filter: frame.interface_name == "client eth0"'
Option = tuple[int, bytes]


def pcapng(evidence: Evidence, application: str = "netlab") -> bytes:
    """The whole file. Raises ValueError where nothing was recorded.

    `application` goes into the header: the program that recorded it, and its version.
    """
    recording = evidence.recording
    if recording is None:
        raise ValueError(f"{evidence.scenario}: its packets were not recorded")
    frames = sorted(recording.frames, key=lambda frame: frame.at)
    places = _places(frames)
    blocks = [
        _section(evidence, recording, application),
        *(_interface(place, recording.hops, frames) for place in places),
        _names(recording),
        *(_packet(frame, places.index(_place(frame)), recording.began) for frame in frames),
    ]
    return b"".join(blocks)


class Place(NamedTuple):
    """Where packets were seen: at one end of the wire, at a hop's link towards that end, or at the
    rules there.
    """

    side: Side
    dropped: bool
    hop: int = 0  # its number, from the client's end

    def name(self, hops: Sequence[str]) -> str:
        """The name of the interface; `hops` are those of all hops."""
        link = "dropped" if self.dropped else str(self.side) if self.hop else "eth0"
        return f"{hops[self.hop - 1] if self.hop else self.side} {link}"

    def description(self, hops: Sequence[str]) -> str:
        """What was seen there."""
        if self.hop:
            name = hops[self.hop - 1]
            if self.dropped:
                return f"what rules on {name} dropped, on its way from the {self.side}"
            return f"what came in at {name} from the {self.side}"
        if self.dropped:
            return f"what rules on the {self.side} dropped"
        return f"the {self.side}'s end of the wire"


def _place(frame: Frame) -> Place:
    return Place(frame.side, frame.seen == "dropped", frame.hop)


def _places(frames: Sequence[Frame]) -> list[Place]:
    """Always both wires, and the places where packets were dropped, or came by."""
    seen = {_place(frame) for frame in frames}
    wires = [Place(side, False) for side in Side]
    ends = [place for side in Side if (place := Place(side, True)) in seen]
    hops = sorted(
        (place for place in seen if place.hop),
        key=lambda place: (place.hop, place.dropped, str(place.side)),
    )
    return [*wires, *ends, *hops]


def _longest(frames: Sequence[Frame]) -> int:
    """The bytes after which packets are cut off; 0, which means no limit, if none was."""
    if all(len(frame.data) == frame.length for frame in frames):
        return 0
    return max(len(frame.data) for frame in frames)


def _link_type(frames: Sequence[Frame]) -> int:
    """That of all interfaces: tcpdump refuses a file of several whose link type is RAW, because it
    has another number for that itself (libpcap, map_linktype).
    """
    versions = {frame.data[0] >> 4 for frame in frames if frame.data}
    if len(versions) > 1:
        return LINKTYPE_RAW
    return LINKTYPE_IPV6 if 6 in versions else LINKTYPE_IPV4


def _section(evidence: Evidence, recording: Recording, application: str) -> bytes:
    said = f"{evidence.scenario}: {evidence.outcome}, " + str(evidence.observed or "")
    if recording.missed:
        said += f"; {recording.missed} more packets came faster than they could be recorded"
    said += f". {ADVICE}"
    options = _options(
        (COMMENT, said.encode()),
        (SECTION_OS, f"Linux {evidence.kernel}".encode()),
        (SECTION_APPLICATION, application.encode()),
    )
    return _block(SECTION, struct.pack("<IHHQ", BYTE_ORDER, 1, 0, UNKNOWN_LENGTH) + options)


def _interface(place: Place, hops: Sequence[str], frames: Sequence[Frame]) -> bytes:
    options = _options(
        (INTERFACE_NAME, place.name(hops).encode()),
        (INTERFACE_DESCRIPTION, place.description(hops).encode()),
        (INTERFACE_RESOLUTION, bytes([NANOSECONDS])),
    )
    return _block(INTERFACE, struct.pack("<HHI", _link_type(frames), 0, _longest(frames)) + options)


def _names(recording: Recording) -> bytes:
    """Wireshark writes "client" for the client's address where it is asked to resolve names."""
    records = b""
    for name, (address, _) in zip(Side, (recording.client, recording.server), strict=True):
        packed = ipaddress.ip_address(address).packed
        kind = NAME_IPV4 if len(packed) == 4 else NAME_IPV6
        records += _option(kind, packed + str(name).encode() + b"\0")
    return _block(NAMES, records + _option(0, b""))


def _packet(frame: Frame, interface: int, began: int) -> bytes:
    """Times are integers: a float cannot hold nanoseconds since 1970."""
    at = began + round(frame.at * 1e9)
    head = struct.pack(
        "<IIIII", interface, at >> 32, at & 0xFFFF_FFFF, len(frame.data), frame.length
    )
    return _block(PACKET, head + _padded(frame.data) + _options(*_remarks(frame)))


def _remarks(frame: Frame) -> Iterator[Option]:
    if frame.seen == "dropped":
        outward = frame.hook in OUTWARD_HOOKS
        where = "" if frame.hop else f" at {frame.side} {frame.hook}"
        yield COMMENT, f"dropped by {frame.fault or 'a rule'}{where}".encode()
    else:
        outward = frame.seen == "out"
    yield PACKET_FLAGS, struct.pack("<I", OUTBOUND if outward else INBOUND)


def _block(kind: int, body: bytes) -> bytes:
    length = struct.pack("<I", len(body) + 12)
    return struct.pack("<I", kind) + length + body + length


def _options(*options: Option) -> bytes:
    return b"".join(_option(*option) for option in options) + _option(0, b"")


def _option(code: int, value: bytes) -> bytes:
    """One option, or one record of names: the two are written alike."""
    return struct.pack("<HH", code, len(value)) + _padded(value)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)
