# SPDX-License-Identifier: GPL-2.0-or-later
"""The scenario language as tables: what may be said, and what each value may be.

The loader reads files by these tables and the JSON Schema is generated from them, so the two
cannot drift apart. To add an action, add a method to `Host` and a line here.
"""

from __future__ import annotations

import enum
import errno
import math
import re
import shlex
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from netlab.scenario.model import Range
from netlab.tcp import NAMEABLE, Segment, State, Timer
from netlab.testbed.words import REJECTS, Family, Hook, Side

Schema = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of scalar: what it is in words, how it is read, and its schema.

    `parse` raises ValueError where the text is something else; `words` are offered as
    corrections of a misspelt one.
    """

    what: str
    parse: Callable[[str], Any]
    schema: Schema
    words: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ListOf:
    """One value of a kind, or a list of them; read as a tuple."""

    kind: Kind


@dataclass(frozen=True, slots=True)
class MapOf:
    """A mapping with keys of one kind and values of another."""

    key: Kind
    value: Kind | ListOf
    what: str = "a mapping"


@dataclass(frozen=True, slots=True)
class Either:
    """A scalar, or a mapping that says it for each of several."""

    scalar: Kind
    mapping: MapOf | Table


@dataclass(frozen=True, slots=True)
class Steps:
    """A list of steps."""


@dataclass(frozen=True, slots=True)
class Field:
    """One key of a mapping: what it takes, and the name it has in Python."""

    takes: Takes
    name: str = ""
    required: bool = False
    doc: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """A mapping with known keys. `short`: the key that a lone scalar stands for."""

    what: str
    fields: Mapping[str, Field]
    short: str = ""


Takes = Kind | ListOf | MapOf | Table | Either | Steps


def _choice(what: str, values: Mapping[str, Any]) -> Kind:
    def parse(text: str) -> Any:
        if text not in values:
            raise ValueError
        return values[text]

    words = tuple(values)
    return Kind(f"{what}: {_or(words)}", parse, {"enum": list(words)}, words)


def _or(words: tuple[str, ...]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"


def _members(kind: type[enum.Enum]) -> dict[str, Any]:
    return {str(member): member for member in kind}


def _integer(what: str, low: int, high: int) -> Kind:
    def parse(text: str) -> int:
        number = int(text, 10)
        if not low <= number <= high:
            raise ValueError
        return number

    return Kind(f"{what}, {low} to {high}", parse, {"type": "integer", "minimum": low, "maximum": high})


_DURATION = re.compile(r"(\d+(?:\.\d+)?) ?(ms|s|min)?")
_UNITS = {"ms": 0.001, "s": 1.0, None: 1.0, "min": 60.0}


def duration(text: str) -> float:
    """Seconds, from ``1.2s``, ``300ms``, ``2min`` or a plain number. Raises ValueError."""
    match = _DURATION.fullmatch(text)
    if not match:
        raise ValueError
    return float(match[1]) * _UNITS[match[2]]


_RANGES = (
    (re.compile(r"at least (\S+)"), lambda low: (low, math.inf)),
    (re.compile(r"at most (\S+)"), lambda high: (0.0, high)),
    (re.compile(r"between (\S+) and (\S+)"), lambda low, high: (low, high)),
    (re.compile(r"(\S+)"), lambda exact: (exact, exact)),
)


def _range(number: Callable[[str], float]) -> Callable[[str], Range]:
    def parse(text: str) -> Range:
        if text == "none":
            return Range(0, 0, text)
        for form, bounds in _RANGES:
            if match := form.fullmatch(text):
                low, high = bounds(*map(number, match.groups()))
                if low > high:
                    raise ValueError
                return Range(low, high, text)
        raise ValueError

    return parse


def _segment(text: str) -> Segment:
    bits = Segment.ANY
    for word in text.replace(" ", "").split("|"):
        if word != "ANY":
            bits |= Segment[word]
    if bits not in NAMEABLE:
        raise ValueError
    return bits


def _errno(text: str) -> str:
    if not hasattr(errno, text):
        raise ValueError
    return text


def _signal(text: str) -> int:
    return int(signal.Signals[text if text.startswith("SIG") else f"SIG{text}"])


def _matching(pattern: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ValueError
        return text

    return parse


def _text(text: str) -> str:
    if not text.strip():
        raise ValueError
    return text


def _place(text: str) -> tuple[Side, Hook]:
    side, _, hook = text.partition(" ")
    return Side(side), _members(Hook)[hook]


_NUMBER_TEXT: Schema = {"type": ["integer", "string"]}
_STATES = _members(State)
_SEGMENTS = tuple(str(segment) for segment in NAMEABLE)
_PLACES = tuple(f"{side} {hook}" for side in Side for hook in Hook)

TEXT = Kind("text", _text, {"type": ["string", "integer", "number"]})
FLAG = _choice("yes or no", {"yes": True, "no": False, "true": True, "false": False})
FLAG = Kind("yes or no", FLAG.parse, {"enum": [True, False, "yes", "no"]}, FLAG.words)
PORT = _integer("a port", 1, 65535)
COUNT = _integer("a count", 1, 100_000)
BACKLOG = _integer("a backlog", 0, 65535)
VALUE = _integer("a number", -(2**31), 2**31 - 1)
DURATION = Kind(
    "a duration such as 1.2s, 300ms or 2min",
    duration,
    {"anyOf": [{"type": "number", "minimum": 0}, {"type": "string", "pattern": r"^\d+(\.\d+)? ?(ms|s|min)?$"}]},
)
SECONDS = Kind("a duration in whole seconds such as 10s", lambda text: round(duration(text)), DURATION.schema)
COMPARISON = Kind("a number, 'at least 2', 'at most 3', 'between 1 and 3' or none", _range(lambda t: float(int(t, 0))), _NUMBER_TEXT)
SPAN = Kind("a duration, 'at least 58s', 'at most 2s' or 'between 58s and 62s'", _range(duration), {"type": ["number", "string"]})
STATE = _choice("a state", _STATES)
TIMER = _choice("a timer", _members(Timer))
SEGMENT = Kind(f"a segment: {_or(_SEGMENTS)}", _segment, {"type": "string", "pattern": r"^(SYN|FIN|RST|ACK|DATA|ANY)( ?\| ?(SYN|FIN|RST|ACK))*$"}, _SEGMENTS)
ANSWER = Kind("SYN|ACK, RST, RST|ACK or nothing", lambda text: None if text == "nothing" else _segment(text), {"enum": ["SYN|ACK", "RST", "RST|ACK", "nothing"]}, ("SYN|ACK", "RST", "RST|ACK", "nothing"))
ERRNO = Kind("an error of errno(3) such as ECONNREFUSED", _errno, {"type": "string", "pattern": "^E[A-Z0-9]+$"}, tuple(errno.errorcode.values()))
SIGNAL = Kind("a signal such as SIGINT", _signal, {"type": "string", "pattern": "^(SIG)?[A-Z0-9]+$"}, tuple(s.name for s in signal.Signals))
SIDE = _choice("a side", _members(Side))
PLACE = Kind(f"a side and a hook: {_or(_PLACES)}", _place, {"enum": list(_PLACES)}, _PLACES)
REJECT = _choice("an answer", {name: name for name in REJECTS})
FAMILY = _choice("a family", {"ipv4": Family.IPV4, "ipv6": Family.IPV6})
FIN = _choice("what is covered", {"FIN": True})
NAME = Kind("a name of letters, digits and hyphens", _matching(r"[A-Za-z][A-Za-z0-9-]{0,30}"), {"type": "string", "pattern": "^[A-Za-z][A-Za-z0-9-]*$"})
SYSCTL = Kind("a sysctl such as tcp_syncookies or net.ipv6.conf.all.forwarding", _matching(r"[a-z0-9_]+(\.[a-z0-9_]+)*"), {"type": "string"})
#: With a question mark it is set where the kernel has it, and passed over where not.
OPTIONAL_SYSCTL = Kind(SYSCTL.what, _matching(r"[a-z0-9_]+(\.[a-z0-9_]+)*\??"), SYSCTL.schema)
OPTION = Kind("a socket option such as TCP_NODELAY", _matching(r"(TCP|SO)_[A-Z_]+"), {"type": "string"})
COUNTER = Kind("a counter as nstat names it, such as TCPSynRetrans or TcpOutRsts", _matching(r"[A-Z][A-Za-z0-9]+"), {"type": "string"})
COMMAND = Kind("a command line", lambda text: shlex.split(_text(text)), {"type": "string"})
BYTES = _integer("a number of bytes", 1, 1 << 24)
SOURCE = Kind("'added' (the address of add_address)", lambda text: {"added": True}[text], {"enum": ["added"]}, ("added",))

_AS = Field(NAME, "name", doc="a name for the connection, for `on:` and `of:`")


def _action(what: str, short: str = "", **fields: Field) -> Table:
    return Table(what, {key.rstrip("_").replace("_", "-"): f for key, f in fields.items()}, short)


#: What a side can do; every name is a method of `Host`.
ACTIONS: dict[str, Table | MapOf] = {
    "listen": _action(
        "wait for connections",
        "port",
        port=Field(PORT),
        backlog=Field(BACKLOG, doc="connections that may wait to be accepted"),
        defer=Field(SECONDS, doc="TCP_DEFER_ACCEPT"),
        reuse=Field(FLAG, doc="SO_REUSEADDR"),
    ),
    "unlisten": _action("close the listener"),
    "connect": _action(
        "open a connection; later steps do not wait for it",
        "port",
        port=Field(PORT),
        from_=Field(PORT, "source_port", doc="the port to connect from"),
        address=Field(SOURCE, "added", doc="connect from the added address"),
        reuse=Field(FLAG, doc="SO_REUSEADDR"),
        timeout=Field(DURATION, doc="wait that long for the handshake, then give up and close"),
        as_=_AS,
    ),
    "accept": _action("take a connection from the queue, waiting for one", "as", as_=_AS),
    "send": _action(
        "send text, or so many bytes", "text", text=Field(TEXT), bytes=Field(BYTES, "count")
    ),
    "read": _action(
        "read exactly this text, or so many bytes", "text", text=Field(TEXT), bytes=Field(BYTES, "count")
    ),
    "drain": _action("read until the peer's FIN"),
    "shutdown": _action("send a FIN, go on reading: shutdown(SHUT_WR)"),
    "close": _action("close the connection"),
    "abort": _action("close it with a RST"),
    "vanish": _action("be gone without a packet, as after a power cut"),
    "option": MapOf(OPTION, VALUE, "set socket options"),
    "sysctl": MapOf(OPTIONAL_SYSCTL, TEXT, "set sysctls of this end"),
    "run": _action("start a program; {client} and {server} become addresses", "command", command=Field(COMMAND, required=True)),
    "signal": _action("send a signal to the program", "number", number=Field(SIGNAL, required=True)),
    "add_address": _action("give this end one more address"),
    "udp": _action("send a datagram and wait for an answer", "port", port=Field(PORT, required=True), text=Field(TEXT)),
    "probe": _action("one SYN, as a port scanner sends it", "port", port=Field(PORT), gets=Field(ANSWER, required=True)),
    "flood": _action("forged SYNs that nobody completes", "count", count=Field(COUNT, required=True), port=Field(PORT)),
}  # fmt: skip
#: Actions that concern one connection, so that `on:` makes sense.
ON_CONNECTION = frozenset(
    {"send", "read", "drain", "shutdown", "close", "abort", "vanish", "option"}
)

PAIR = Table(
    "a pair of states",
    {"client": Field(ListOf(STATE), required=True), "server": Field(ListOf(STATE), required=True)},
)
_WHERE = {
    "to": Field(SIDE, doc="lost on the way to this side"),
    "at": Field(PLACE, doc="or dropped at a hook of a side, such as its own output"),
    "port": Field(PORT, doc="either port of the segment"),
    "first": Field(COUNT, doc="only the first n"),
    "after": Field(COUNT, doc="all but the first n"),
    "as": Field(NAME, "name", doc="a name for the fault, for `lift:` and `dropped:`"),
}
_SEGMENTS_FIELD = Field(ListOf(SEGMENT), "segments", doc="the classes of segments")
DROP = Table(
    "a drop",
    {
        "segment": _SEGMENTS_FIELD,
        "nft": Field(ListOf(TEXT), doc="or a match in nft's own language"),
        **_WHERE,
        "covers": Field(FIN, "covers_fin", doc="only what acknowledges the receiver's FIN"),
    },
)
REJECTION = Table(
    "a reject",
    {"segment": _SEGMENTS_FIELD, "with": Field(REJECT, "reject", required=True), **_WHERE},
)
REACH = Table(
    "a pair to be reached",
    {**PAIR.fields, "hold": Field(DURATION), "within": Field(DURATION), "of": Field(NAME)},
)
LOOK = Table(
    "what a row of /proc/net/tcp shows",
    {
        "timer": Field(TIMER),
        "remaining": Field(SPAN),
        **{
            key: Field(COMPARISON)
            for key in ("retransmits", "probes", "tx_queue", "rx_queue", "inode")
        },
    },
)
def _sides(field_of_side: Field) -> Field:
    return Field(Table("client and server", {str(side): field_of_side for side in Side}))


COUNTERS = _sides(Field(MapOf(COUNTER, COMPARISON)))
ENDS = Table(
    "how the pair ends by itself",
    {**PAIR.fields, "after": Field(SPAN, required=True), "counters": COUNTERS},
)


#: Steps other than what a side does.
STEPS: dict[str, Field] = {
    "drop": Field(DROP),
    "reject": Field(REJECTION),
    "hold": Field(Table("a hold", {"sides": Field(ListOf(SIDE)), "as": Field(NAME, "name")}, "sides")),
    "lift": Field(NAME),
    "release": Field(NAME),
    "reach": Field(REACH),
}  # fmt: skip
#: What may stand beside what a side does.
MODIFIERS = {
    "fails": Field(
        Either(ERRNO, Table("an error for each family", {"ipv4": Field(ERRNO), "ipv6": Field(ERRNO)})),
        doc="the error that the call must end with",
    ),
    "on": Field(NAME, doc="the connection, by its name; else the one opened last"),
}

EXPECT = Table("what is expected", {
    "pair": Field(PAIR, required=True),
    "of": Field(NAME, doc="the connection, by its name; else the one begun last"),
    "hold": Field(DURATION, doc="how long every sample must show the pair (1 s)"),
    "within": Field(DURATION, doc="time to reach it; else what the kernel's timers say, and 5 s"),
    "dropped": Field(
        Either(COMPARISON, MapOf(NAME, COMPARISON)), doc="packets that the faults dropped"
    ),
    "rows": _sides(Field(LOOK)),
    "sockets": _sides(Field(MapOf(STATE, COMPARISON))),
    "counters": COUNTERS,
    "path": _sides(Field(ListOf(STATE))),
    "cause": Field(TEXT, doc="why there is no fault to take away"),
    "heal": Field(Steps(), doc="what heals it, where that is not lifting every fault"),
    "healed": Field(PAIR, doc="what the pair becomes when the cause is taken away"),
    "ends": Field(ENDS, doc="what it becomes by itself: played with --slow"),
})
SCENARIO = Table("a scenario", {
    "name": Field(NAME, doc="the file's name without .yaml"),
    "source": Field(TEXT, required=True, doc="where the case is told"),
    "differs": Field(TEXT, doc="where Linux does something else than the source says"),
    "slow": Field(FLAG, doc="needs a minute or more: played with --slow only"),
    "family": Field(FAMILY, doc="where it makes sense in one only"),
    "needs": Field(ListOf(SYSCTL), doc="sysctls without which it is skipped"),
    "steps": Field(Steps(), required=True),
    "expect": Field(EXPECT, required=True),
})
