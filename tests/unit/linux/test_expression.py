# SPDX-License-Identifier: GPL-2.0-or-later
"""Each rule in both of its forms, as ``nft --debug=netlink`` writes what goes to the kernel.

`tests/kernel/test_expression.py` asks nft itself whether it is so.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from netlab.linux.expression import Expression, Rule, lengths, log_text, terms
from netlab.model.tcp import ACK, ANY, DATA, FIN, RST, SYN
from netlab.model.vocabulary import REJECTS, Family

V4, V6 = Family.IPV4, Family.IPV6
TCP = ("meta load l4proto => reg 1", "cmp eq reg 1 0x00000006")
COUNTED = "counter pkts 0 bytes 0"
DROPPED = (COUNTED, "immediate reg 0 drop")


def flags(mask: int, bits: int) -> tuple[str, ...]:
    """The control bits, which are in byte 13 of the TCP header."""
    return (
        "payload load 1b @ transport header + 13 => reg 1",
        f"bitwise reg 1 = ( reg 1 & 0x{mask:08x} ) ^ 0x00000000",
        f"cmp eq reg 1 0x{bits:08x}",
    )


def nth(operator: str, number: str) -> tuple[str, ...]:
    return (
        "numgen reg 1 = inc mod 4294967295",
        "byteorder reg 1 = hton(reg 1, 4, 4)",
        f"cmp {operator} reg 1 {number}",
    )


def sizes(protocol: int, offset: int, inverted: str = "") -> tuple[str, ...]:
    """Whether a segment has the length of one without payload."""
    return (
        "meta load nfproto => reg 1",
        f"cmp eq reg 1 0x{protocol:08x}",
        "payload load 1b @ transport header + 12 => reg 1",
        f"payload load 2b @ network header + {offset} => reg 9",
        f"lookup reg 1 set __set%d{inverted}",
    )


NO_DATA = "0x50 . 40, 0x60 . 44, 0x70 . 48, 0x80 . 52, 0x90 . 56, 0xa0 . 60, 0xb0 . 64, " \
          "0xc0 . 68, 0xd0 . 72, 0xe0 . 76, 0xf0 . 80"  # fmt: skip
NO_DATA6 = "0x50 . 20, 0x60 . 24, 0x70 . 28, 0x80 . 32, 0x90 . 36, 0xa0 . 40, 0xb0 . 44, " \
           "0xc0 . 48, 0xd0 . 52, 0xe0 . 56, 0xf0 . 60"  # fmt: skip
ALL = "tcp flags & (fin | syn | rst | ack) =="
#: The rule, what a person types to nft, and what the kernel gets.
RULES: list[tuple[Rule, str, tuple[str, ...]]] = [
    (Rule(V4), "meta l4proto tcp counter drop", (*TCP, *DROPPED)),
    (Rule(V4, SYN), f"{ALL} syn counter drop", (*TCP, *flags(0x17, 2), *DROPPED)),
    (Rule(V4, SYN | ACK), f"{ALL} syn | ack counter drop", (*TCP, *flags(0x17, 0x12), *DROPPED)),
    (Rule(V4, FIN), "tcp flags & (fin | syn | rst) == fin counter drop",
     (*TCP, *flags(7, 1), *DROPPED)),
    (Rule(V4, RST), "tcp flags & (fin | syn | rst) == rst counter drop",
     (*TCP, *flags(7, 4), *DROPPED)),
    (Rule(V4, ANY, source_port=5555), "meta l4proto tcp tcp sport 5555 counter drop",
     (*TCP, "payload load 2b @ transport header + 0 => reg 1", "cmp eq reg 1 0x0000b315",
      *DROPPED)),
    (Rule(V4, ANY, destination_port=5555), "meta l4proto tcp tcp dport 5555 counter drop",
     (*TCP, "payload load 2b @ transport header + 2 => reg 1", "cmp eq reg 1 0x0000b315",
      *DROPPED)),
    (Rule(V4, ANY, acknowledges=0x01020304), "meta l4proto tcp tcp ackseq 16909060 counter drop",
     (*TCP, "payload load 4b @ transport header + 8 => reg 1", "cmp eq reg 1 0x04030201",
      *DROPPED)),
    (Rule(V4, ACK), f"{ALL} ack @th,96,8 . ip length {{ {NO_DATA} }} counter drop",
     (*TCP, *flags(0x17, 0x10), *sizes(2, 2), *DROPPED)),
    (Rule(V4, DATA),
     f"tcp flags & (fin | syn | rst) == 0x0 @th,96,8 . ip length != {{ {NO_DATA} }} counter drop",
     (*TCP, *flags(7, 0), *sizes(2, 2, " 0x1"), *DROPPED)),
    (Rule(V6, ACK), f"{ALL} ack @th,96,8 . ip6 length {{ {NO_DATA6} }} counter drop",
     (*TCP, *flags(0x17, 0x10), *sizes(10, 4), *DROPPED)),
    (Rule(V4, first=3), "meta l4proto tcp numgen inc mod 4294967295 < 3 counter drop",
     (*TCP, *nth("lt", "0x03000000"), *DROPPED)),
    (Rule(V4, after=3), "meta l4proto tcp numgen inc mod 4294967295 >= 3 counter drop",
     (*TCP, *nth("gte", "0x03000000"), *DROPPED)),
    (Rule(V4, log="mine"), 'meta l4proto tcp counter log prefix "mine" group 1 drop',
     (*TCP, COUNTED, "log prefix mine group 1", "immediate reg 0 drop")),
    (Rule(V4, SYN, reject=REJECTS["tcp-reset"]), f"{ALL} syn counter reject with tcp reset",
     (*TCP, *flags(0x17, 2), COUNTED, "reject type 1 code 0")),
    (Rule(V4, reject=REJECTS["net-prohibited"]),
     "meta l4proto tcp counter reject with icmp type net-prohibited",
     ("meta load nfproto => reg 1", "cmp eq reg 1 0x00000002", *TCP, COUNTED,
      "reject type 0 code 9")),
    (Rule(V6, reject=REJECTS["policy-fail"]),
     "meta l4proto tcp counter reject with icmpv6 type policy-fail",
     ("meta load nfproto => reg 1", "cmp eq reg 1 0x0000000a", *TCP, COUNTED,
      "reject type 0 code 5")),
    (Rule(V4, reject=REJECTS["port-unreachable"]),
     "meta l4proto tcp counter reject with icmpx type port-unreachable",
     (*TCP, COUNTED, "reject type 2 code 1")),
    # by length, and with another window
    (Rule(V4, longer=1280), "meta l4proto tcp meta length > 1280 counter drop",
     (*TCP, "meta load len => reg 1", "byteorder reg 1 = hton(reg 1, 4, 4)",
      "cmp gt reg 1 0x00050000", COUNTED, "immediate reg 0 drop")),
    (Rule(V4, window=0), "meta l4proto tcp counter tcp window set 0",
     (*TCP, COUNTED, "immediate reg 1 0x00000000",
      "payload write reg 1 => 2b @ transport header + 14 csum_type 1 csum_off 16 csum_flags 0x0")),
    # everything at once, in this order
    (Rule(V4, SYN, 1, 2, 3, 4, 5, log="x"),
     f"{ALL} syn tcp sport 1 tcp dport 2 tcp ackseq 3 numgen inc mod 4294967295 < 4 "
     'numgen inc mod 4294967295 >= 5 counter log prefix "x" group 1 drop',
     (*TCP, *flags(0x17, 2), "payload load 2b @ transport header + 0 => reg 1",
      "cmp eq reg 1 0x00000100", "payload load 2b @ transport header + 2 => reg 1",
      "cmp eq reg 1 0x00000200", "payload load 4b @ transport header + 8 => reg 1",
      "cmp eq reg 1 0x03000000", *nth("lt", "0x04000000"), *nth("gte", "0x05000000"), COUNTED,
      "log prefix x group 1", "immediate reg 0 drop")),
]  # fmt: skip


def written(expression: Expression) -> str:
    """An expression as nft writes it. A part that is not known is an error."""
    name, parts = expression
    given = {key.split("_", 2)[2]: value for key, value in parts}
    return "".join(_words(name, given))


def _words(name: str, given: dict[str, Any]) -> Iterator[str]:
    match name, given:
        case "meta", {"KEY": key, "DREG": to, **rest}:
            yield f"meta load { {0: 'len', 15: 'nfproto', 16: 'l4proto'}[key] } => reg {to}"
        case "cmp", {"SREG": of, "OP": operator, "DATA": data, **rest}:
            operators = ("eq", "neq", "lt", "lte", "gt", "gte")
            yield f"cmp {operators[operator]} reg {of} {_number(data)}"
        case "payload", {"DREG": to, "BASE": base, "OFFSET": offset, "LEN": length, **rest}:
            header = ("link", "network", "transport")[base]
            yield f"payload load {length}b @ {header} header + {offset} => reg {to}"
        case "payload", {"SREG": of, "BASE": 2, "OFFSET": offset, "LEN": length, **rest}:
            kind, at = rest.pop("CSUM_TYPE"), rest.pop("CSUM_OFFSET")
            place = f"{length}b @ transport header + {offset}"
            yield f"payload write reg {of} => {place} csum_type {kind} csum_off {at} csum_flags 0x0"
        case "bitwise", {"SREG": of, "DREG": to, "MASK": mask, "XOR": xor, "LEN": 1, **rest}:
            yield f"bitwise reg {to} = ( reg {of} & {_number(mask)} ) ^ {_number(xor)}"
        case "counter", {"BYTES": count, "PACKETS": packets, **rest}:
            yield f"counter pkts {packets} bytes {count}"
        case "immediate", {"DREG": 1, "DATA": data, **rest}:
            yield f"immediate reg 1 {_number(data)}"
        case "immediate", {"DREG": to, "DATA": data, **rest}:
            ((_, verdict),) = data["attrs"]
            assert verdict == {"attrs": [("NFTA_VERDICT_CODE", 0)]}
            yield f"immediate reg {to} drop"
        case "reject", {"TYPE": kind, "ICMP_CODE": code, **rest}:
            yield f"reject type {kind} code {code}"
        case "log", {"GROUP": group, "PREFIX": prefix, **rest}:
            yield f"log prefix {prefix} group {group}"
        case "numgen", {"DREG": to, "MODULUS": modulus, "TYPE": 0, "OFFSET": 0, **rest}:
            yield f"numgen reg {to} = inc mod {modulus}"
        case "byteorder", {"SREG": of, "DREG": to, "OP": 1, "LEN": length, "SIZE": size, **rest}:
            yield f"byteorder reg {to} = hton(reg {of}, {length}, {size})"
        case "lookup", {"SREG": of, **rest}:
            inverted = rest.pop("FLAGS", None) == {"NFT_LOOKUP_F_INV"}
            yield f"lookup reg {of} set __set%d{' 0x1' * inverted}"
    assert not rest, rest


def _number(data: dict[str, Any]) -> str:
    ((name, value),) = data["attrs"]
    assert name == "NFTA_DATA_VALUE"
    return f"0x{int.from_bytes(value.ljust(4, bytes(1)), 'little'):08x}"


@pytest.mark.parametrize(("rule", "text", "lines"), RULES, ids=[text for _, text, _ in RULES])
def test_a_rule_says_the_same_in_both_forms(rule: Rule, text: str, lines: tuple[str, ...]) -> None:
    assert rule.text == text
    assert tuple(written(each) for term in terms(rule) for each in term.expressions) == lines


def test_the_rules_that_need_the_lengths_say_of_which_family() -> None:
    needed = {
        rule.segment: {term.sizes for term in terms(rule)} - {None}
        for rule, _, _ in RULES
        if rule.family is V4
    }
    assert {segment for segment, families in needed.items() if families} == {ACK, DATA}
    assert needed[ACK] == {V4}
    assert {term.sizes for term in terms(Rule(V6, ACK))} == {None, V6}


def test_segments_without_payload_are_as_long_as_their_headers() -> None:
    assert lengths(V4) == [(words * 16, 20 + words * 4) for words in range(5, 16)]
    assert lengths(V6)[0] == (0x50, 20)
    assert log_text("mine") == 'log prefix "mine" group 1'
