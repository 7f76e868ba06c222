# SPDX-License-Identifier: GPL-2.0-or-later
"""Firewall rules: the same rule as nftables expressions for the kernel and as text for people.

One fault is one table of its own, installed in one transaction and removed with one message. A
rule counts what it matches before its verdict, so a fault can prove that it did something.
"""

from __future__ import annotations

import functools
import socket
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pyroute2.netlink.nfnetlink import nfgen_msg, nftsocket

from netlab.errors import LabError
from netlab.tcp import ANY, CONTROL, Segment
from netlab.testbed.netlink import (
    NLM_F_ACK,
    NLM_F_DUMP,
    Request,
    Transport,
    attributes,
    encode,
)
from netlab.testbed.words import Family, Hook, Reject

NETLINK_NETFILTER = 12
NFNL_SUBSYS_NFTABLES = 10
NFNL_MSG_BATCH_BEGIN, NFNL_MSG_BATCH_END = 16, 17
NFPROTO_INET = 1
NLM_F_CREATE, NLM_F_APPEND = 0x400, 0x800
VERDICT_REGISTER, REGISTER, SECOND_REGISTER = 0, 1, 9  # 9 is the second 32-bit word of 1
NF_DROP = 0
WITHOUT_LIMIT = 0xFFFFFFFF


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
    reject: Reject | None = None

    @property
    def text(self) -> str:
        """The rule as a person would type it to nft."""
        return " ".join(term.text for term in _terms(self) if term.text)


@dataclass(frozen=True, slots=True)
class Counter:
    """What one rule has seen."""

    packets: int
    bytes: int

    def __add__(self, other: Counter) -> Counter:
        return Counter(self.packets + other.packets, self.bytes + other.bytes)


@dataclass(frozen=True, slots=True)
class Table:
    """All rules of one fault at one hook of one host."""

    name: str
    hook: Hook
    rules: tuple[Rule, ...] = ()
    raw: tuple[str, ...] = ()  # rules in nft's own language, for the nft program

    @property
    def text(self) -> str:
        """The table as ``nft -f`` takes it and a person would type it."""
        lines = [f"type filter hook {self.hook} priority 0; policy accept;"]
        lines += [rule.text for rule in self.rules]
        lines += [f"{text} counter drop" for text in self.raw]
        body = "\n".join(f"    {line}" for line in lines)
        return f"table inet {self.name} {{\n  chain {self.hook} {{\n{body}\n  }}\n}}\n"


def install(transport: Transport, tables: Sequence[Table]) -> None:
    """Put all tables in force at once. Raises `LabError` naming the rule the kernel refused."""
    requests = [_begin()]
    for table in tables:
        requests += _table(table)
    requests.append(_end())
    transport.send(requests)


def remove(transport: Transport, names: Sequence[str]) -> None:
    """Take tables out of force, all at once."""
    requests = [_begin()]
    for name in names:
        message = nftsocket.nft_table_msg()
        message["attrs"] = [("NFTA_TABLE_NAME", name)]
        requests.append(_nft(message, nftsocket.NFT_MSG_DELTABLE, 0, f"removing table {name}"))
    requests.append(_end())
    transport.send(requests)


def counters(transport: Transport, name: str) -> list[Counter]:
    """The counter of each rule of a table, in order. Raises `LabError` if the table is gone."""
    found = []
    for payload in transport.dump(_listing(name)):
        for kind, value in attributes(payload[4:]):
            if kind == 4:  # NFTA_RULE_EXPRESSIONS
                found.append(_counter(value))
    if not found:
        raise LabError(f"the rules of table {name} are gone: something else removed them")
    return found


def _counter(expressions: memoryview) -> Counter:
    for _, expression in attributes(expressions):
        parts = dict(attributes(expression))
        if bytes(parts[1]) == b"counter\0":  # NFTA_EXPR_NAME
            values = dict(attributes(parts[2]))  # NFTA_EXPR_DATA
            return Counter(
                packets=int.from_bytes(values[2], "big"),
                bytes=int.from_bytes(values[1], "big"),
            )
    raise LabError("a rule of netlab has no counter: something else replaced it")


# --- Encoding. Every message is built once: equal faults have equal bytes.


def _nft(message: Any, kind: int, flags: int, purpose: str) -> Request:
    message["nfgen_family"] = NFPROTO_INET
    return encode(message, NFNL_SUBSYS_NFTABLES << 8 | kind, flags, purpose)


def _batch(kind: int, flags: int) -> Request:
    message = nfgen_msg()
    message["res_id"] = NFNL_SUBSYS_NFTABLES
    return encode(message, kind, flags, "the transaction")


@functools.cache
def _begin() -> Request:
    return _batch(NFNL_MSG_BATCH_BEGIN, 0)


@functools.cache
def _end() -> Request:
    return _batch(NFNL_MSG_BATCH_END, NLM_F_ACK)


@functools.lru_cache(maxsize=1024)
def _listing(name: str) -> Request:
    message = nftsocket.nft_rule_msg()
    message["attrs"] = [("NFTA_RULE_TABLE", name)]
    return _nft(message, nftsocket.NFT_MSG_GETRULE, NLM_F_DUMP, f"the rules of table {name}")


@functools.lru_cache(maxsize=1024)
def _table(table: Table) -> tuple[Request, ...]:
    message = nftsocket.nft_table_msg()
    message["attrs"] = [("NFTA_TABLE_NAME", table.name), ("NFTA_TABLE_FLAGS", 0)]
    requests = [_nft(message, nftsocket.NFT_MSG_NEWTABLE, NLM_F_CREATE, f"table {table.name}")]
    hook = {"attrs": [("NFTA_HOOK_HOOKNUM", table.hook.value), ("NFTA_HOOK_PRIORITY", 0)]}
    message = nftsocket.nft_chain_msg()
    message["attrs"] = [
        ("NFTA_CHAIN_TABLE", table.name),
        ("NFTA_CHAIN_NAME", str(table.hook)),
        ("NFTA_CHAIN_HOOK", hook),
        ("NFTA_CHAIN_POLICY", 1),
        ("NFTA_CHAIN_TYPE", "filter"),
    ]
    purpose = f"a chain at {table.hook}"
    requests.append(_nft(message, nftsocket.NFT_MSG_NEWCHAIN, NLM_F_CREATE, purpose))
    for number, rule in enumerate(table.rules, start=1):
        requests += _rule(table, rule, number)
    return tuple(requests)


def _rule(table: Table, rule: Rule, number: int) -> Iterator[Request]:
    terms = [term for term in _terms(rule)]
    for term in terms:
        if term.sizes:
            yield from _sizes(table, term.sizes, number)
    expressions = [expression for term in terms for expression in term.expressions]
    for expression in expressions:
        if expression[0] == "lookup":
            expression[1].append(("NFTA_LOOKUP_SET", "__set%d"))
            expression[1].append(("NFTA_LOOKUP_SET_ID", number))
    message = nftsocket.nft_rule_msg()
    message["attrs"] = [
        ("NFTA_RULE_TABLE", table.name),
        ("NFTA_RULE_CHAIN", str(table.hook)),
        (
            "NFTA_RULE_EXPRESSIONS",
            [
                {"attrs": [("NFTA_EXPR_NAME", name), ("NFTA_EXPR_DATA", {"attrs": parts})]}
                for name, parts in expressions
            ],
        ),
    ]
    flags = NLM_F_CREATE | NLM_F_APPEND
    yield _nft(message, nftsocket.NFT_MSG_NEWRULE, flags, f"the rule '{rule.text}' at {table.hook}")


Expression = tuple[str, list[tuple[str, Any]]]


@dataclass(frozen=True, slots=True)
class _Term:
    """A part of a rule: its words, and its expressions."""

    text: str
    expressions: tuple[Expression, ...]
    sizes: Family | None = None  # needs the set of lengths of segments without payload


def _terms(rule: Rule) -> Iterator[_Term]:
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
    if rule.first is not None:
        yield _ordinal("<", rule.first)
    if rule.after is not None:
        yield _ordinal(">=", rule.after)
    yield _Term("counter", (("counter", [("NFTA_COUNTER_BYTES", 0), ("NFTA_COUNTER_PACKETS", 0)]),))
    yield _verdict(rule.reject)


def _protocol(rule: Rule) -> _Term:
    expressions = _meta(16, bytes([socket.IPPROTO_TCP]))  # NFT_META_L4PROTO
    text = "meta l4proto tcp" if rule.segment is ANY else ""
    if rule.reject is not None and rule.reject.only is not None:
        number = 2 if rule.reject.only is Family.IPV4 else 10
        expressions = _meta(15, bytes([number])) + expressions  # NFT_META_NFPROTO
    return _Term(text, expressions)


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


def _flags(segment: Segment) -> _Term:
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
    return _Term(text, (_load(2, 13, 1), ("bitwise", masked), _compare(bytes([bits]))))


def _names(segment: Segment) -> str:
    order = (Segment.FIN, Segment.SYN, Segment.RST, Segment.ACK)
    return " | ".join(str(bit).lower() for bit in order if bit in segment & CONTROL)


def _field(words: str, value: int, offset: int, length: int) -> _Term:
    loaded = (_load(2, offset, length), _compare(value.to_bytes(length, "big")))
    return _Term(f"{words} {value}", loaded)


def _ordinal(operator: str, number: int) -> _Term:
    """The n-th packet that came this far: a counter of the rule's own (net/netfilter/nft_numgen.c)."""
    generated = [
        ("NFTA_NG_DREG", REGISTER),
        ("NFTA_NG_MODULUS", WITHOUT_LIMIT),
        ("NFTA_NG_TYPE", 0),
        ("NFTA_NG_OFFSET", 0),
    ]
    swapped = [
        ("NFTA_BYTEORDER_SREG", REGISTER),
        ("NFTA_BYTEORDER_DREG", REGISTER),
        ("NFTA_BYTEORDER_OP", 1),
        ("NFTA_BYTEORDER_LEN", 4),
        ("NFTA_BYTEORDER_SIZE", 4),
    ]
    comparison = {"<": 2, ">=": 5}[operator]
    return _Term(
        f"numgen inc mod {WITHOUT_LIMIT} {operator} {number}",
        (
            ("numgen", generated),
            ("byteorder", swapped),
            _compare(number.to_bytes(4, "big"), comparison),
        ),
    )


def _verdict(reject: Reject | None) -> _Term:
    if reject is None:
        verdict = {"attrs": [("NFTA_VERDICT_CODE", NF_DROP)]}
        parts = [
            ("NFTA_IMMEDIATE_DREG", VERDICT_REGISTER),
            ("NFTA_IMMEDIATE_DATA", {"attrs": [("NFTA_DATA_VERDICT", verdict)]}),
        ]
        return _Term("drop", (("immediate", parts),))
    answer = [("NFTA_REJECT_TYPE", reject.kind), ("NFTA_REJECT_ICMP_CODE", reject.code)]
    return _Term(f"reject with {reject.text}", (("reject", answer),))


# --- Telling data from a bare acknowledgment.
#
# nftables cannot subtract, so "no payload" is said as the eleven pairs of TCP header length and
# packet length that have none: exact, whatever options the segment carries, on every kernel.
# ("@ih,0,8" would do it too, from Linux 5.16 on. "tcp doff . ip length" makes nft 1.0.6 crash on
# listing, so the header length is loaded as a raw byte: the words of 4 bytes, times 16.)


def _lengths(family: Family) -> list[tuple[int, int]]:
    header = 20 if family is Family.IPV4 else 0  # IPv6's length does not count its header
    return [(words << 4, header + words * 4) for words in range(5, 16)]


def _payload(family: Family, present: bool) -> _Term:
    field, offset, protocol = ("ip length", 2, 2) if family is Family.IPV4 else ("ip6 length", 4, 10)
    pairs = ", ".join(f"0x{words:x} . {length}" for words, length in _lengths(family))
    lookup: list[tuple[str, Any]] = [("NFTA_LOOKUP_SREG", REGISTER)]
    if present:
        lookup.append(("NFTA_LOOKUP_FLAGS", {"NFT_LOOKUP_F_INV"}))
    return _Term(
        f"@th,96,8 . {field} {'!= ' if present else ''}{{ {pairs} }}",
        (
            *_meta(15, bytes([protocol])),
            _load(2, 12, 1),
            _load(1, offset, 2, SECOND_REGISTER),
            ("lookup", lookup),
        ),
        family,
    )


def _sizes(table: Table, family: Family, number: int) -> Iterator[Request]:
    lengths = _lengths(family)
    message = nftsocket.nft_set_msg()
    message["attrs"] = [
        ("NFTA_SET_TABLE", table.name),
        ("NFTA_SET_NAME", "__set%d"),
        ("NFTA_SET_FLAGS", {"NFT_SET_ANONYMOUS", "NFT_SET_CONSTANT"}),
        ("NFTA_SET_KEY_TYPE", 4 << 6 | 4),  # integer . integer
        ("NFTA_SET_KEY_LEN", 8),
        ("NFTA_SET_ID", number),
        ("NFTA_SET_DESC", {"attrs": [("NFTA_SET_DESC_SIZE", len(lengths))]}),
        ("NFTA_SET_USERDATA", _typeof(family)),
    ]
    yield _nft(message, nftsocket.NFT_MSG_NEWSET, NLM_F_CREATE, "the set of header lengths")
    message = nftsocket.nft_set_elem_list_msg()
    message["attrs"] = [
        ("NFTA_SET_ELEM_LIST_TABLE", table.name),
        ("NFTA_SET_ELEM_LIST_SET", "__set%d"),
        ("NFTA_SET_ELEM_LIST_SET_ID", number),
        (
            "NFTA_SET_ELEM_LIST_ELEMENTS",
            [
                {"attrs": [("NFTA_SET_ELEM_KEY", {"attrs": [("NFTA_DATA_VALUE", key)]})]}
                for key in (struct.pack(">B3xH2x", *pair) for pair in lengths)
            ],
        ),
    ]
    yield _nft(message, nftsocket.NFT_MSG_NEWSETELEM, NLM_F_CREATE, "the header lengths")


def _typeof(family: Family) -> bytes:
    """What nft stores beside a set so that its listing reads as it was typed (typeof keys)."""

    def tlv(*parts: tuple[int, int | bytes]) -> bytes:
        blobs = [(k, struct.pack("=I", v) if isinstance(v, int) else v) for k, v in parts]
        return b"".join(bytes([kind, len(blob)]) + blob for kind, blob in blobs)

    payload, concatenation = 7, 13
    raw_byte = tlv((0, 0), (1, 0), (2, 3), (3, 96), (4, 8))
    length = tlv((0, 12 if family is Family.IPV4 else 13), (1, 5), (4, 16))
    fields = tlv(
        (0, tlv((0, payload), (1, raw_byte))),
        (1, tlv((0, payload), (1, length))),
    )
    return tlv((0, 0), (3, tlv((0, concatenation), (1, fields))))
