# SPDX-License-Identifier: GPL-2.0-or-later
"""Pseudonyms for addresses, so that a snapshot can be shown to strangers.

An address always gets the same pseudonym, and no two addresses share one. Two addresses of one
subnet (/24, or /64 of IPv6) get pseudonyms of one subnet. Loopback addresses are kept, and
link-local ones stay link-local: they identify no machine. Ports are kept. With the same word, both
ends of a connection can be masked on two machines and still be matched.
"""

from __future__ import annotations

import hashlib
import ipaddress
import secrets
from collections.abc import Iterable

from netlab.snapshot.columns import ANY

ROUNDS = 6

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


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
    address = ipaddress.ip_address(text.partition("%")[0])
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
        digest = hashlib.blake2b(seed, key=key[:64], digest_size=16).digest()
        left, right = right, left ^ (int.from_bytes(digest, "big") & ((1 << half) - 1))
    return left << half | right
