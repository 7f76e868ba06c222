# SPDX-License-Identifier: GPL-2.0-or-later
"""Addresses and ports as tools print them."""

from __future__ import annotations

import ipaddress
import socket
from functools import lru_cache

from netlab.snapshot.columns import ANY
from netlab.snapshot.records import Endpoint

ANYTHING = frozenset({"*", "0.0.0.0", "::", ""})


class Unreadable(ValueError):
    """A line of a known format that cannot be read: the message gives the reason and the remedy."""

    def __init__(self, why: str, line: int | None = None) -> None:
        super().__init__(why)
        self.line = line  # None: the line that was read last


@lru_cache(1 << 14)
def endpoint(text: str) -> Endpoint:
    """``10.0.0.1:80``, ``[::ffff:10.0.0.1]:80``, ``[fe80::1]%eth0:80``, ``:::80``, ``*:*``.

    Raises `Unreadable` for anything else.
    """
    address_text, colon, port = text.rpartition(":")
    if not colon:
        raise Unreadable(f"{text!r} is no address and port")
    return address(address_text), _port(port)


@lru_cache(1 << 14)
def address(text: str) -> str:
    """An address as ipaddress writes it; mapped IPv4 as plain IPv4; without its scope.

    Raises `Unreadable` for a name, or an address that is cut off.
    """
    plain = text.partition("%")[0].strip("[]")
    if plain in ANYTHING:
        return ANY
    try:
        socket.inet_pton(socket.AF_INET, plain)
    except (OSError, ValueError):
        pass
    else:
        return plain  # as ipaddress would write it, in a fifth of its time
    try:
        parsed = ipaddress.ip_address(plain)
    except ValueError:
        raise Unreadable(_why_no_address(text, plain)) from None
    parsed = getattr(parsed, "ipv4_mapped", None) or parsed
    return ANY if parsed.is_unspecified else str(parsed)


def _why_no_address(text: str, plain: str) -> str:
    if ":" in plain and not plain.strip("0123456789abcdefABCDEF:."):
        return f"the IPv6 address {text!r} is not complete: netstat cuts long ones without -W"
    return f"{text!r} is no address: print numbers instead of names (ss -n, netstat -n)"


def _port(text: str) -> int:
    if text == "*":
        return 0
    if text.isascii() and text.isdecimal():
        number = int(text[-6:])
        if len(text) < 6 and number < 1 << 16:
            return number
        raise Unreadable(f"{text[:20]} is no port")
    try:
        return socket.getservbyname(text, "tcp")
    except (OSError, ValueError, UnicodeError):
        raise Unreadable(
            f"{text!r} is no port: print numbers instead of names (ss -n, netstat -n)"
        ) from None
