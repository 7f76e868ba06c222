# SPDX-License-Identifier: GPL-2.0-or-later
"""Addresses and ports as tools print them."""

from __future__ import annotations

import ipaddress
import re
import socket
import zlib
from functools import lru_cache

from netlab.snapshot.columns import ANY, WORD
from netlab.snapshot.records import Endpoint

MAPPED = re.compile(r"^::ffff:")
NAME = re.compile(r"[<\[({$]{0,2}[^\W_][\w.+*-]{0,60}[>\])}]{0,2}|[x*?#X]{1,6}|<[^<>]{1,60}>")
ANYTHING = frozenset({"*", "0.0.0.0", "::", ""})


#: Services that some machines have no /etc/services for.
SERVICES = {
    "ssh": 22, "telnet": 23, "smtp": 25, "domain": 53, "http": 80, "sunrpc": 111, "ntp": 123,
    "imap": 143, "imap2": 143, "ldap": 389, "https": 443, "microsoft-ds": 445, "imaps": 993,
    "pop3s": 995, "mysql": 3306, "postgresql": 5432, "postgres": 5432, "amqp": 5672,
    "http-alt": 8080, "webcache": 8080, "redis": 6379, "nfs": 2049, "x11": 6000,
}  # fmt: skip
#: Words for ports that nothing knows, masks above all, get numbers from here on.
NAMELESS = 1 << 16


class Unreadable(ValueError):
    """A row of a known format that cannot be read: the message gives the reason and the remedy."""


@lru_cache(1 << 14)
def endpoint(text: str) -> Endpoint:
    """``10.0.0.1:80``, ``[::ffff:10.0.0.1]:80``, ``[fe80::1]%eth0:80``, ``:::80``, ``*:*``.

    What stands for an address or a port is as good a key: ``db1:postgresql``, ``10.xx.1.2:80``,
    ``<client>:51000``. Raises `Unreadable` for anything else.
    """
    address_text, colon, port = text.rpartition(":")
    if not colon:
        raise Unreadable(f"{text!r} is no address and port")
    return address(address_text), _port(port)


@lru_cache(1 << 14)
def address(text: str) -> str:
    """An address as ipaddress writes it; mapped IPv4 as plain IPv4; without its scope; a word that
    stands for one as it is. Raises `Unreadable` for what is cut off or is no word.
    """
    if text.count("[") != text.count("]"):  # half of one may be an address, too: [::ffff
        raise Unreadable(f"{text[:40]!r} is no address")
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
        if not WORD.fullmatch(plain):
            raise Unreadable(f"{text[:40]!r} is no address") from None
        return MAPPED.sub("", plain)
    parsed = getattr(parsed, "ipv4_mapped", None) or parsed
    return ANY if parsed.is_unspecified else str(parsed)


def _port(text: str) -> int:
    if text == "*":
        return 0
    if text.isascii() and text.isdecimal():
        number = int(text[-6:])
        if len(text) < 6 and number < 1 << 16:
            return number
        raise Unreadable(f"{text[:20]} is no port")
    if not NAME.fullmatch(text):
        raise Unreadable(f"{text[:20]!r} is no port")
    if text in SERVICES:
        return SERVICES[text]
    try:
        return socket.getservbyname(text, "tcp")
    except (OSError, ValueError, UnicodeError):
        return NAMELESS + zlib.crc32(text.encode(errors="replace")) % NAMELESS
