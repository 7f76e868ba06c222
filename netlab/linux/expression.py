# SPDX-License-Identifier: GPL-2.0-or-later
"""One rule in two forms: nftables expressions for the kernel, and nft's language for people.

Each term of a rule makes both at once, so they cannot drift apart. Registers, offsets and
operators: ``include/uapi/linux/netfilter/nf_tables.h``; checked against ``nft --debug=netlink``.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from netlab.model.tcp import ANY, CONTROL, Segment
from netlab.model.vocabulary import Family, Reject

VERDICT_REGISTER, REGISTER, SECOND_REGISTER = 0, 1, 9  # 9 is the second 32-bit word of 1
NF_DROP = 0
WITHOUT_LIMIT = 0xFFFFFFFF
LOG_GROUP = 1


@dataclass(frozen=True, slots=True)
class Rule:
    """What a fault matches, and what becomes of it (`reject` None: a silent drop)."""

    family: Family
    segment: Segment = ANY
    source_port: int | None = None
    destination_port: int | None = None
    acknowledges: int | None = None  # the acknowledgment number, exactly
    first: int | None = None  # only the first n that match
    after: int | None = None  # all but the first n
    longer: int | None = None  # only packets of more than so many bytes
    reject: Reject | None = None
    window: int | None = None  # instead of a verdict: what the packet's window becomes
    log: str = ""  # the NFLOG prefix of each match

    @property
    def text(self) -> str:
        """The rule as a person would type it to nft."""
        return " ".join(term.text for term in terms(self) if term.text)


Expression = tuple[str, list[tuple[str, Any]]]


@dataclass(frozen=True, slots=True)
class Term:
    """A part of a rule: its text, and its expressions."""

    text: str
    expressions: tuple[Expression, ...]
    sizes: Family | None = None  # needs the set of lengths of segments without payload


def terms(rule: Rule) -> Iterator[Term]:
    """The parts of a rule, in the order in which the kernel looks at them."""
    yield _protocol(rule)
    if rule.segment is not ANY:
        yield _flags(rule.segment)
    if rule.source_port is not None:
        yield _field("tcp sport", rule.source_port, 0, 2)
    if rule.destination_port is not None:
        yield _field("tcp dport", rule.destination_port, 2, 2)
    if rule.acknowledges is not None:
        yield _field("tcp ackseq", rule.acknowledges, 8, 4)
    if rule.segment.payload is not None:
        yield _payload(rule.family, rule.segment.payload)
    if rule.longer is not None:
        yield _longer(rule.longer)
    if rule.first is not None:
        yield _ordinal("<", rule.first)
    if rule.after is not None:
        yield _ordinal(">=", rule.after)
    yield Term("counter", (("counter", [("NFTA_COUNTER_BYTES", 0), ("NFTA_COUNTER_PACKETS", 0)]),))
    if rule.log:
        yield _log(rule.log)
    yield _verdict(rule.reject) if rule.window is None else _window(rule.window)


def _protocol(rule: Rule) -> Term:
    expressions = _meta(16, bytes([socket.IPPROTO_TCP]))  # NFT_META_L4PROTO
    text = "meta l4proto tcp" if rule.segment is ANY else ""
    if rule.reject is not None and rule.reject.only is not None:
        number = 2 if rule.reject.only is Family.IPV4 else 10
        expressions = _meta(15, bytes([number])) + expressions  # NFT_META_NFPROTO
    return Term(text, expressions)


def _meta(key: int, value: bytes) -> tuple[Expression, ...]:
    return (("meta", [("NFTA_META_KEY", key), ("NFTA_META_DREG", REGISTER)]), _compare(value))


def _compare(value: bytes, operator: int = 0) -> Expression:
    data = {"attrs": [("NFTA_DATA_VALUE", value)]}
    parts = [("NFTA_CMP_SREG", REGISTER), ("NFTA_CMP_OP", operator), ("NFTA_CMP_DATA", data)]
    return "cmp", parts


def _load(base: int, offset: int, length: int, register: int = REGISTER) -> Expression:
    return "payload", [
        ("NFTA_PAYLOAD_DREG", register),
        ("NFTA_PAYLOAD_BASE", base),
        ("NFTA_PAYLOAD_OFFSET", offset),
        ("NFTA_PAYLOAD_LEN", length),
    ]


def _flags(segment: Segment) -> Term:
    mask, bits = segment.compared.value, segment.bits.value

    def data(value: int) -> dict[str, Any]:
        return {"attrs": [("NFTA_DATA_VALUE", bytes([value]))]}

    masked = [
        ("NFTA_BITWISE_SREG", REGISTER),
        ("NFTA_BITWISE_DREG", REGISTER),
        ("NFTA_BITWISE_LEN", 1),
        ("NFTA_BITWISE_MASK", data(mask)),
        ("NFTA_BITWISE_XOR", data(0)),
    ]
    text = f"tcp flags & ({_names(segment.compared)}) == {_names(segment.bits) or '0x0'}"
    return Term(text, (_load(2, 13, 1), ("bitwise", masked), _compare(bytes([bits]))))


def _names(segment: Segment) -> str:
    order = (Segment.FIN, Segment.SYN, Segment.RST, Segment.ACK)
    return " | ".join(str(bit).lower() for bit in order if bit in segment & CONTROL)


def _field(words: str, value: int, offset: int, length: int) -> Term:
    loaded = (_load(2, offset, length), _compare(value.to_bytes(length, "big")))
    return Term(f"{words} {value}", loaded)


def _longer(size: int) -> Term:
    """More than so many bytes, with all headers (``NFT_META_LEN``, in the machine's byte order)."""
    loaded = ("meta", [("NFTA_META_KEY", 0), ("NFTA_META_DREG", REGISTER)])
    return Term(f"meta length > {size}", (loaded, _swapped(), _compare(size.to_bytes(4, "big"), 4)))


def _window(size: int) -> Term:
    """Another window in the packet's header, and a checksum that fits."""
    data = {"attrs": [("NFTA_DATA_VALUE", size.to_bytes(2, "big"))]}
    loaded = "immediate", [("NFTA_IMMEDIATE_DREG", REGISTER), ("NFTA_IMMEDIATE_DATA", data)]
    written = [
        ("NFTA_PAYLOAD_SREG", REGISTER),
        ("NFTA_PAYLOAD_BASE", 2),
        ("NFTA_PAYLOAD_OFFSET", 14),
        ("NFTA_PAYLOAD_LEN", 2),
        ("NFTA_PAYLOAD_CSUM_TYPE", 1),  # of the Internet (RFC 1071)
        ("NFTA_PAYLOAD_CSUM_OFFSET", 16),
    ]
    return Term(f"tcp window set {size}", (loaded, ("payload", written)))


def _ordinal(operator: str, number: int) -> Term:
    """The n-th packet that gets this far, by a counter of the rule's own (nft_numgen.c)."""
    generated = [
        ("NFTA_NG_DREG", REGISTER),
        ("NFTA_NG_MODULUS", WITHOUT_LIMIT),
        ("NFTA_NG_TYPE", 0),
        ("NFTA_NG_OFFSET", 0),
    ]
    comparison = {"<": 2, ">=": 5}[operator]
    return Term(
        f"numgen inc mod {WITHOUT_LIMIT} {operator} {number}",
        (
            ("numgen", generated),
            _swapped(),
            _compare(number.to_bytes(4, "big"), comparison),
        ),
    )


def _swapped() -> Expression:
    """What was loaded, in the order of bytes in which numbers are compared."""
    return "byteorder", [
        ("NFTA_BYTEORDER_SREG", REGISTER),
        ("NFTA_BYTEORDER_DREG", REGISTER),
        ("NFTA_BYTEORDER_OP", 1),
        ("NFTA_BYTEORDER_LEN", 4),
        ("NFTA_BYTEORDER_SIZE", 4),
    ]


def _log(prefix: str) -> Term:
    parts = [("NFTA_LOG_GROUP", LOG_GROUP), ("NFTA_LOG_PREFIX", prefix)]
    return Term(log_text(prefix), (("log", parts),))


def log_text(prefix: str) -> str:
    """The statement that hands a packet to the listener of netlab's NFLOG group."""
    return f'log prefix "{prefix}" group {LOG_GROUP}'


def _verdict(reject: Reject | None) -> Term:
    if reject is None:
        verdict = {"attrs": [("NFTA_VERDICT_CODE", NF_DROP)]}
        parts = [
            ("NFTA_IMMEDIATE_DREG", VERDICT_REGISTER),
            ("NFTA_IMMEDIATE_DATA", {"attrs": [("NFTA_DATA_VERDICT", verdict)]}),
        ]
        return Term("drop", (("immediate", parts),))
    answer = [("NFTA_REJECT_TYPE", reject.kind), ("NFTA_REJECT_ICMP_CODE", reject.code)]
    return Term(f"reject with {reject.text}", (("reject", answer),))


# --- Telling data from a bare acknowledgment.
#
# nftables cannot subtract, so "no payload" is written as the eleven pairs of TCP header length and
# packet length that have none: exact, whatever options the segment carries, on every kernel.
# ("@ih,0,8" would do it too, from Linux 5.16 on. "tcp doff . ip length" makes nft 1.0.6 crash on
# listing, so the header length is loaded as a raw byte: the words of 4 bytes, times 16.)


def lengths(family: Family) -> list[tuple[int, int]]:
    """(header words * 16, packet length) of every TCP segment without payload."""
    header = 20 if family is Family.IPV4 else 0  # IPv6's length does not count its header
    return [(words << 4, header + words * 4) for words in range(5, 16)]


def _payload(family: Family, present: bool) -> Term:
    field, offset, protocol = (
        ("ip length", 2, 2) if family is Family.IPV4 else ("ip6 length", 4, 10)
    )
    pairs = ", ".join(f"0x{words:x} . {length}" for words, length in lengths(family))
    lookup: list[tuple[str, Any]] = [("NFTA_LOOKUP_SREG", REGISTER)]
    if present:
        lookup.append(("NFTA_LOOKUP_FLAGS", {"NFT_LOOKUP_F_INV"}))
    return Term(
        f"@th,96,8 . {field} {'!= ' if present else ''}{{ {pairs} }}",
        (
            *_meta(15, bytes([protocol])),
            _load(2, 12, 1),
            _load(1, offset, 2, SECOND_REGISTER),
            ("lookup", lookup),
        ),
        family,
    )
