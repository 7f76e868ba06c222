# SPDX-License-Identifier: GPL-2.0-or-later
"""Tables of rules in one host's firewall: installed, counted, removed.

Each fault is a table of its own, installed in one transaction and removed with one message. A
rule counts what it matches before its verdict, so a fault can prove that it did something.
"""

from __future__ import annotations

import functools
import os
import shutil
import struct
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from netlab.linux.expression import Rule, lengths, log_text, terms
from netlab.linux.messages import encoders
from netlab.linux.netlink import NLM_F_APPEND, NLM_F_CREATE, NLM_F_DUMP, attributes
from netlab.linux.transport import Request, Transport, encode
from netlab.model.errors import LabError
from netlab.model.vocabulary import Family, Hook

NFT_TABLE_F_DORMANT = 1
NFNL_SUBSYS_NFTABLES = 10
NFNL_MSG_BATCH_BEGIN, NFNL_MSG_BATCH_END = 16, 17
NFPROTO_INET = 1
#: nft is an administrator's program, and a user's path may lack its folder.
PATH = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"


@dataclass(frozen=True, slots=True)
class Counter:
    """The packets and bytes that one rule has matched."""

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
    log: str = ""  # the NFLOG prefix of what the raw rules match

    @property
    def text(self) -> str:
        """The table as ``nft -f`` takes it and a person would type it."""
        lines = [f"type filter hook {self.hook} priority 0; policy accept;"]
        lines += [rule.text for rule in self.rules]
        log = f"{log_text(self.log)} " if self.log else ""
        lines += [f"{text} counter {log}drop" for text in self.raw]
        body = "\n".join(f"    {line}" for line in lines)
        return f"table inet {self.name} {{\n  chain {self.hook} {{\n{body}\n  }}\n}}\n"


def install(transport: Transport, tables: Sequence[Table]) -> None:
    """Put all tables in force at once. Raises `LabError` naming the rule the kernel refused."""
    transport.send(_transaction([request for table in tables for request in _table(table)]))


def disable(transport: Transport, name: str) -> None:
    """Take a table's rules out of force, but keep them and what they have counted."""
    message = _encoder().nft_table_msg()
    message["attrs"] = [("NFTA_TABLE_NAME", name), ("NFTA_TABLE_FLAGS", NFT_TABLE_F_DORMANT)]
    asleep = _nft(message, _encoder().NFT_MSG_NEWTABLE, 0, f"disabling table {name}")
    transport.send(_transaction([asleep]))


def remove(transport: Transport, names: Sequence[str]) -> None:
    """Remove tables, all at once. The kernel frees them later, and until then closing an
    nfnetlink socket in the same namespace blocks.
    """
    requests = []
    for name in names:
        message = _encoder().nft_table_msg()
        message["attrs"] = [("NFTA_TABLE_NAME", name)]
        requests.append(_nft(message, _encoder().NFT_MSG_DELTABLE, 0, f"removing table {name}"))
    transport.send(_transaction(requests))
    transport.closes_slowly = True


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


# --- the nft program


def lacking(what: str) -> str:
    """The reason why `what` is impossible without the nft program; '' where it is installed."""
    there = shutil.which("nft", path=PATH) is not None
    return "" if there else f"{what} needs the nft program: install nftables"


def execute(text: str) -> str:
    """Hand text to the nft program, in the namespace that this thread is in.

    Returns its complaint, or ''. Raises FileNotFoundError where it is not installed.
    """
    done = subprocess.run(
        [shutil.which("nft", path=PATH) or "nft", "-f", "-"],
        input=text,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode == 0:
        return ""
    return done.stderr.strip() or f"it ended with {done.returncode} and gave no reason"


# --- Encoding. Every message is built once: equal faults have equal bytes.


@functools.cache
def _encoder() -> Any:
    """pyroute2's module for nf_tables, imported when there is a first rule.

    It (0.9.7) sends the group of NFLOG as 32 bits where the kernel has 16, and reads 0.
    """
    (nftsocket,) = encoders("nfnetlink.nftsocket")
    log = nftsocket.nft_contains_expr.nft_expr.nft_log
    log.nla_map = tuple(
        (name, "be16" if name == "NFTA_LOG_GROUP" else kind) for name, kind in log.nla_map
    )
    return nftsocket


def _nft(message: Any, kind: int, flags: int, purpose: str) -> Request:
    message["nfgen_family"] = NFPROTO_INET
    return encode(message, NFNL_SUBSYS_NFTABLES << 8 | kind, flags, purpose)


def _batch(kind: int) -> Request:
    message = _encoder().nfgen_msg()
    message["res_id"] = NFNL_SUBSYS_NFTABLES
    return encode(message, kind, 0, "the transaction")


@functools.cache
def _begin() -> Request:
    return _batch(NFNL_MSG_BATCH_BEGIN)


@functools.cache
def _end() -> Request:
    return _batch(NFNL_MSG_BATCH_END)


def _transaction(requests: Sequence[Request]) -> list[Request]:
    """All or nothing. The last message that does something asks for the acknowledgment: that
    comes after the commit on every kernel, and one for the end of the batch only since Linux 6.10.
    """
    return [_begin(), *requests[:-1], requests[-1].asking(), _end()]


@functools.lru_cache(maxsize=1024)
def _listing(name: str) -> Request:
    message = _encoder().nft_rule_msg()
    message["attrs"] = [("NFTA_RULE_TABLE", name)]
    return _nft(message, _encoder().NFT_MSG_GETRULE, NLM_F_DUMP, f"the rules of table {name}")


@functools.lru_cache(maxsize=1024)
def _table(table: Table) -> tuple[Request, ...]:
    message = _encoder().nft_table_msg()
    message["attrs"] = [("NFTA_TABLE_NAME", table.name), ("NFTA_TABLE_FLAGS", 0)]
    requests = [_nft(message, _encoder().NFT_MSG_NEWTABLE, NLM_F_CREATE, f"table {table.name}")]
    hook = {"attrs": [("NFTA_HOOK_HOOKNUM", table.hook.value), ("NFTA_HOOK_PRIORITY", 0)]}
    message = _encoder().nft_chain_msg()
    message["attrs"] = [
        ("NFTA_CHAIN_TABLE", table.name),
        ("NFTA_CHAIN_NAME", str(table.hook)),
        ("NFTA_CHAIN_HOOK", hook),
        ("NFTA_CHAIN_POLICY", 1),
        ("NFTA_CHAIN_TYPE", "filter"),
    ]
    purpose = f"a chain at {table.hook}"
    requests.append(_nft(message, _encoder().NFT_MSG_NEWCHAIN, NLM_F_CREATE, purpose))
    for number, rule in enumerate(table.rules, start=1):
        requests += _rule(table, rule, number)
    return tuple(requests)


def _rule(table: Table, rule: Rule, number: int) -> Iterator[Request]:
    parts = list(terms(rule))
    for term in parts:
        if term.sizes:
            yield from _sizes(table, term.sizes, number)
    expressions = [expression for term in parts for expression in term.expressions]
    for expression in expressions:
        if expression[0] == "lookup":
            expression[1].append(("NFTA_LOOKUP_SET", "__set%d"))
            expression[1].append(("NFTA_LOOKUP_SET_ID", number))
    message = _encoder().nft_rule_msg()
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
    yield _nft(
        message, _encoder().NFT_MSG_NEWRULE, flags, f"the rule '{rule.text}' at {table.hook}"
    )


def _sizes(table: Table, family: Family, number: int) -> Iterator[Request]:
    pairs = lengths(family)
    message = _encoder().nft_set_msg()
    message["attrs"] = [
        ("NFTA_SET_TABLE", table.name),
        ("NFTA_SET_NAME", "__set%d"),
        ("NFTA_SET_FLAGS", {"NFT_SET_ANONYMOUS", "NFT_SET_CONSTANT"}),
        ("NFTA_SET_KEY_TYPE", 4 << 6 | 4),  # integer . integer
        ("NFTA_SET_KEY_LEN", 8),
        ("NFTA_SET_ID", number),
        ("NFTA_SET_DESC", {"attrs": [("NFTA_SET_DESC_SIZE", len(pairs))]}),
        ("NFTA_SET_USERDATA", _typeof(family)),
    ]
    yield _nft(message, _encoder().NFT_MSG_NEWSET, NLM_F_CREATE, "the set of header lengths")
    message = _encoder().nft_set_elem_list_msg()
    message["attrs"] = [
        ("NFTA_SET_ELEM_LIST_TABLE", table.name),
        ("NFTA_SET_ELEM_LIST_SET", "__set%d"),
        ("NFTA_SET_ELEM_LIST_SET_ID", number),
        (
            "NFTA_SET_ELEM_LIST_ELEMENTS",
            [
                {"attrs": [("NFTA_SET_ELEM_KEY", {"attrs": [("NFTA_DATA_VALUE", key)]})]}
                for key in (struct.pack(">B3xH2x", *pair) for pair in pairs)
            ],
        ),
    ]
    yield _nft(message, _encoder().NFT_MSG_NEWSETELEM, NLM_F_CREATE, "the header lengths")


def _typeof(family: Family) -> bytes:
    """The data nft stores with a set so that its listing reads as it was typed (typeof keys)."""

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
