# SPDX-License-Identifier: GPL-2.0-or-later
"""Segments in words: ``ACK seq=next ack=next+5``. The numbers count from what either end of a
connection is to send next. What a reader's ValueError says is what was expected.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from netlab.packets.headers import ACK, FIN, PSH, RST, SYN

URG, ECE, CWR = 0x20, 0x40, 0x80
#: The control bits by their names (RFC 9293, section 3.1).
BITS = {
    "SYN": SYN, "FIN": FIN, "RST": RST, "PSH": PSH, "ACK": ACK, "URG": URG, "ECE": ECE, "CWR": CWR,
}  # fmt: skip
NEXT, LAST, NOTHING = "next", "last", "nothing"
#: What is told of an answer; PSH and URG are not.
TOLD = ("SYN", "FIN", "RST", "ACK")
_OFFSET = re.compile(r"([a-z]+)(?:([+-])(\d{1,10}))?")


class Wanted(NamedTuple):
    """A segment that is to come; None: whatever it is."""

    bits: int
    seq: int | None = None
    ack: int | None = None


def control_bits(text: str) -> int:
    """The control bits of ``SYN|ACK``. Raises ValueError for any other text."""
    try:
        return sum(BITS[name] for name in {*text.split("|")})
    except KeyError:
        raise ValueError(f"control bits: {', '.join(BITS)}, or several: FIN|ACK") from None


def named(bits: int) -> str:
    """``SYN|ACK``, of control bits."""
    return "|".join(name for name in TOLD if bits & BITS[name]) or "no control bits"


def position(text: str) -> int:
    """The offset of ``next+10``, from what comes next. Raises ValueError for any other text."""
    return _offset(text, NEXT)


def at(offset: int) -> str:
    """The position that is so many sequence numbers from what comes next: ``next+10``."""
    return f"{NEXT}{offset:+d}" if offset else NEXT


def stamp(text: str) -> int | None:
    """The offset of ``last-1``, from the last timestamp; None for ``none``. Raises ValueError for
    any other text.
    """
    return None if text == "none" else _offset(text, LAST)


def wanted(text: str) -> Wanted | None:
    """What is to come: ``RST``, or ``ACK seq=next ack=next+5``; None for ``nothing``. Raises
    ValueError for any other text.
    """
    if text == NOTHING:
        return None
    try:
        bits, *numbers = text.split()
        found = dict(number.split("=") for number in numbers)
        asked = {name: position(number) for name, number in found.items()}
        return Wanted(control_bits(bits), **asked)
    except (ValueError, TypeError):
        raise ValueError("nothing, or a segment such as RST or ACK seq=next ack=next+5") from None


def _offset(text: str, word: str) -> int:
    found = _OFFSET.fullmatch(text)
    if not found or found[1] != word:
        raise ValueError(f"{word}, or so much more or less: {word}+10")
    return int(f"{found[2]}{found[3]}") if found[2] else 0
