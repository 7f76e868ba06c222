# SPDX-License-Identifier: GPL-2.0-or-later
"""The segments of the table in words: ``PSH|ACK seq=next+10 data=5``.

Both numbers count from what is next: `seq` from what the sender sends next, `ack` from what it
expects next; a number that is exactly the next is left out. So ``ACK`` says everything: the next
numbers, no data, no option but the timestamps that both ends have agreed upon. A SYN's number is
its own, and it has the options that are named.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import NamedTuple

from netlab.packets.headers import ACK, RST, SYN, Headers
from netlab.packets.options import TcpOptions
from netlab.packets.sequence import RING
from netlab.packets.spoken import BITS, NEXT, URG, at, control_bits, position, stamp

NO_BITS = "none"
#: Bytes that a connection of the host under test may take at most (the last of tcp_rmem).
MEMORY = 6291456
#: What is told of an answer; PSH is not.
TOLD = ("SYN", "FIN", "RST", "ACK", "URG", "ECE", "CWR")


class SaidSegment(NamedTuple):
    """A segment in relative numbers."""

    bits: int
    seq: int = 0
    ack: int = 0
    data: int = 0  # bytes
    win: int | None = None  # as in the header; None: the usual one
    urg: int = 0  # the urgent pointer
    ts: int | None = 0  # from the last timestamp; None: none
    echoes_first: bool = False  # not the last timestamp that was heard: the first
    sack: tuple[tuple[int, int], ...] = ()  # from what it expects next
    mss: int | None = None
    wscale: int | None = None
    may_sack: bool = False
    stamped: bool = False  # a SYN that offers timestamps
    cookie: bytes | None = None
    unknown: tuple[int, ...] = ()
    intact: bool = True
    fills: bool = False  # data until the window is closed, in as many segments as it takes


FLAGS = {"sack": ("may_sack", True), "ts": ("stamped", True), "cookie": ("cookie", b"")}
SAYINGS = {
    "checksum=wrong": ("intact", False),
    "echo=first": ("echoes_first", True),
    "data=window": ("fills", True),
}


@functools.lru_cache(4096)
def read(text: str) -> SaidSegment:
    """A segment. Raises ValueError, which says what was expected."""
    first, *words = text.split()
    bits = 0 if first == NO_BITS else control_bits(first)
    given: dict[str, object] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals and name in FLAGS:
            field, meant = FLAGS[name]
            given[field] = meant
        elif word in SAYINGS:
            field, meant = SAYINGS[word]
            given[field] = meant
        elif equals and name in _VALUES:
            field, reader = _VALUES[name]
            given[field] = reader(value)
        else:
            known = ", ".join([*(f"{each}=" for each in _VALUES), *FLAGS])
            raise ValueError(f"one of {known}, {', '.join(SAYINGS)}; found {word}")
    return SaidSegment(bits, **given)  # type: ignore[arg-type] # `_VALUES` and FLAGS have the types


def _blocks(text: str) -> tuple[tuple[int, int], ...]:
    return tuple(
        (position(left), position(right))
        for left, _, right in (block.partition(":") for block in text.split(","))
    )


_VALUES: dict[str, tuple[str, Callable[[str], object]]] = {
    "seq": ("seq", position),
    "ack": ("ack", position),
    "data": ("data", int),
    "win": ("win", int),
    "urg": ("urg", int),
    "ts": ("ts", stamp),
    "sack": ("sack", _blocks),
    "mss": ("mss", int),
    "wscale": ("wscale", int),
    "cookie": ("cookie", bytes.fromhex),
    "option": ("unknown", lambda text: (int(text),)),
}


class IcmpError(NamedTuple):
    """An ICMP error about the last segment that came from the host under test."""

    name: str
    mtu: int = 0  # bytes

    def message(self, version: int) -> tuple[int, int]:
        """Its type and code, by the version of IP."""
        return ICMP[self.name][version]


#: Types and codes of errors: RFC 792 and 1812, RFC 4443.
ICMP = {
    "net-unreachable": {4: (3, 0), 6: (1, 0)},
    "host-unreachable": {4: (3, 1), 6: (1, 3)},
    "port-unreachable": {4: (3, 3), 6: (1, 4)},
    "admin-prohibited": {4: (3, 13), 6: (1, 1)},
    "too-big": {4: (3, 4), 6: (2, 0)},
    "time-exceeded": {4: (11, 0), 6: (3, 0)},
}


def icmp(text: str) -> IcmpError | None:
    """``ICMP host-unreachable``, ``ICMP too-big mtu=1280``; None for anything that is not ICMP.

    Raises ValueError, which says what was expected.
    """
    word, *words = text.split()
    if word != "ICMP":
        return None
    name, *rest = words or [""]
    if name not in ICMP:
        raise ValueError(f"ICMP and one of {', '.join(ICMP)}")
    given = dict(each.split("=") for each in rest)
    return IcmpError(name, int(given.get("mtu", 0)))


class Base(NamedTuple):
    """What the numbers of an answer count from: as it was before the event."""

    own: int  # what the one who answers sends next; absolute
    others: int  # what the other one sends next
    known: bool = True  # whether the one who answers has said anything yet
    stamped: bool = False  # both ends use timestamps
    shift: int = 0  # of the windows of the one who answers
    recent: int = 0  # the timestamp that it should echo: TS.Recent of RFC 7323, section 4.3


def told(headers: Headers, options: TcpOptions, base: Base, urgent: int = 0) -> str:
    """An answer in words. The sizes in a SYN's options hang on the link and on memory: they are
    left out.
    """
    bits = headers.bits
    words = ["|".join(name for name in TOLD if bits & BITS[name]) or NO_BITS]
    fresh = bits & SYN and _away(headers.sequence, base.own) != -1
    if bits & RST and not headers.sequence:
        words.append("seq=0")  # as section 3.10.7.1 has it, of the answer to a segment without ACK
    elif not (fresh and not base.known) and (away := _away(headers.sequence, base.own)):
        words.append("seq=new" if fresh else f"seq={at(away)}")
    if bits & ACK and (away := _away(headers.acknowledgment, base.others)):
        words.append(f"ack={at(away)}")
    words += [f"data={headers.length}"] if headers.length else []
    words += _window(headers, base)
    words += [f"urg={urgent}"] if bits & URG else []
    return " ".join([*words, *_options(options, bits, base)])


def folded(texts: Sequence[str]) -> tuple[str, ...]:
    """Answers, where as many bytes again and again, one after the other, are one: ``ACK data=1000
    x10``.
    """
    found: list[str] = []
    times: list[int] = []
    following = ""
    for text in texts:
        if text == following:
            times[-1] += 1
        else:
            found.append(text)
            times.append(1)
        following = _following(text)
    return tuple(f"{text} x{n}" if n > 1 else text for text, n in zip(found, times, strict=True))


def _following(text: str) -> str:
    """The segment with as many bytes that comes next in order; "" after one without any."""
    first, *words = text.split()
    given = dict(word.partition("=")[::2] for word in words)
    if "data" not in given:
        return ""
    offset = position(given.pop("seq", NEXT)) + int(given["data"])
    named = [f"{name}={value}" if value else name for name, value in given.items()]
    return " ".join([first, *([f"seq={at(offset)}"] if offset else []), *named])


def _window(headers: Headers, base: Base) -> Sequence[str]:
    """Its size is a matter of memory, unless it is none, or more than all memory there may be."""
    if headers.bits & RST:
        return ()
    if not headers.window:
        return ("win=0",)
    scaled = headers.window << base.shift
    return ("win=beyond-memory",) if scaled > MEMORY and not headers.bits & SYN else ()


def _options(options: TcpOptions, bits: int, base: Base) -> Sequence[str]:
    if bits & SYN:
        words = ["mss"] if options.mss is not None else []
        words += ["sack"] if options.may_sack else []
        words += ["ts"] if options.timestamps else []
        words += ["wscale"] if options.scale is not None else []
    else:
        words = ["ts=none"] if base.stamped and not (options.timestamps or bits & RST) else []
        words += ["ts"] if options.timestamps and not base.stamped else []
        words += _echo(options, base) if base.stamped and not bits & RST else []
    if options.sack:
        blocks = [
            f"{at(_away(left, base.others))}:{at(_away(right, base.others))}"
            for left, right in options.sack
        ]
        words.append(f"sack={','.join(blocks)}")
    if options.cookie is not None:
        words.append("cookie" + (f"={len(options.cookie)} bytes" if options.cookie else ""))
    return words


def _echo(options: TcpOptions, base: Base) -> Sequence[str]:
    """The timestamp that it echoes, if that is not the one which the RFC says."""
    if not options.timestamps or not (away := _away(options.timestamps[1], base.recent)):
        return ()
    return (f"echo=recent{away:+d}",)


def _away(number: int, base: int) -> int:
    away = (number - base) % RING
    return away if away < RING // 2 else away - RING
