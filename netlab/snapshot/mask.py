# SPDX-License-Identifier: GPL-2.0-or-later
"""Pseudonyms, so that a snapshot can be shown to strangers.

Addresses, names and numbers of processes, and inodes get other ones; what a diagnosis needs stays:
which of them are the same, and which is none.

An address always gets the same pseudonym, and no two addresses share one. Two addresses of one
subnet (/24, or /64 of IPv6) get pseudonyms of one subnet. Loopback addresses are kept, and
link-local ones stay link-local: they identify no machine. Ports are kept. With the same word, both
ends of a connection can be masked on two machines and still be matched.
"""

from __future__ import annotations

import hashlib
import ipaddress
import itertools
import secrets
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from netlab.snapshot.columns import ANY, Column, RawSample
from netlab.snapshot.owners import HOLDER, NETSTAT

ROUNDS = 6
#: What a person who masks has to know.
TOLD = (
    "masked: addresses, names and numbers of processes, inodes, the host's name; "
    "kept: ports, states, queues, timers, counters, sysctls, the time"
)

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def masked(samples: Sequence[RawSample], word: str = "") -> list[RawSample]:
    """Samples of one host with pseudonyms in place of what identifies it; see `pseudonyms`."""
    numbers = _Numbers()
    return [
        sample._replace(
            table=sample.table._replace(
                addresses=pseudonyms(sample.table.addresses, word),
                blocks=[
                    block._replace(
                        columns={
                            name: numbers.masked(name, values)
                            for name, values in block.columns.items()
                        }
                    )
                    for block in sample.table.blocks
                ],
            )
        )
        for sample in samples
    ]


class _Numbers:
    """Processes and inodes, numbered as they come: the same one has the same number again."""

    def __init__(self) -> None:
        self._inodes = defaultdict[object, int](itertools.count(1).__next__)
        self._names = defaultdict[str, int](itertools.count(1).__next__)
        self._processes = defaultdict[str, int](itertools.count(1).__next__)

    def masked(self, name: str, values: Column) -> Column:
        """A column without what identifies anything."""
        if name not in ("inode", "owner"):
            return values
        replace = self._inode if name == "inode" else self._owner
        return [*map(replace, values)] if isinstance(values, list) else replace(values)

    def _inode(self, inode: Any) -> Any:
        return self._inodes[inode] if inode else inode  # 0 and None have a meaning of their own

    def _owner(self, owner: Any) -> Any:
        """Written anew of what was understood: nothing else of the text can stay in it."""
        if netstat := NETSTAT.fullmatch(owner or ""):
            return f"{self._processes[netstat[1]]}/process-{self._names[netstat[2]]}"
        holders = [
            f'("process-{self._names[name]}",pid={self._processes[process]},fd={descriptor})'
            for name, process, descriptor in HOLDER.findall(owner)
        ]
        return f"users:({','.join(holders)})" if owner else ""


def pseudonyms(addresses: Iterable[str], word: str = "") -> list[str]:
    """The pseudonym of each address, by the word, or by a random key of this process."""
    key = hashlib.blake2b(word.encode(), digest_size=32).digest() if word else _own_key()
    return [_pseudonym(text, key) for text in addresses]


_KEYS: list[bytes] = []


def _own_key() -> bytes:
    if not _KEYS:
        _KEYS.append(secrets.token_bytes(32))
    return _KEYS[0]


def _pseudonym(text: str, key: bytes) -> str:
    if text == ANY:
        return text
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:  # a name, or what stands for an address
        return f"host-{hashlib.blake2b(text.encode(), key=key, digest_size=6).hexdigest()}"
    if address.is_loopback or address.is_unspecified:
        return text
    host_bits = 8 if address.version == 4 else 64
    if address.is_link_local:
        kept = 16 if address.version == 4 else 64
        host_bits = address.max_prefixlen - kept
        subnet = int(address) >> host_bits
    else:
        subnet = _other_subnet(int(address) >> host_bits, address, host_bits, key)
    host = int(address) & ((1 << host_bits) - 1)
    changed = _permuted(host, host_bits, key + (int(address) >> host_bits).to_bytes(16, "big"))
    return str(type(address)(subnet << host_bits | changed))


def _other_subnet(subnet: int, address: Address, host_bits: int, key: bytes) -> int:
    """The pseudonym of a subnet: the permutation is repeated until the subnet is a unicast one."""
    while True:
        subnet = _permuted(subnet, address.max_prefixlen - host_bits, key)
        first = type(address)(subnet << host_bits)
        if not (
            first.is_loopback or first.is_link_local or first.is_multicast or first.is_unspecified
        ) and (first.version == 6 or 0 < int(first) >> 24 < 224):
            return subnet


def _permuted(value: int, bits: int, key: bytes) -> int:
    """A keyed permutation of the numbers of `bits` bits: a Feistel network."""
    half = bits // 2
    left, right = value >> half, value & ((1 << half) - 1)
    for number in range(ROUNDS):
        seed = b"%d %d %d" % (bits, number, right)
        digest = hashlib.blake2b(seed, key=key, digest_size=16).digest()
        left, right = right, left ^ (int.from_bytes(digest, "big") & ((1 << half) - 1))
    return left << half | right
