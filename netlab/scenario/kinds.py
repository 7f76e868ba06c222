# SPDX-License-Identifier: GPL-2.0-or-later
"""The kinds of values in a scenario: their names, parsers and JSON Schemas."""

from __future__ import annotations

import enum
import errno
import math
import re
import shlex
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any

from netlab.linux import inet_diag
from netlab.model import units
from netlab.model.tcp import (
    NAMEABLE,
    SPELLINGS,
    Segment,
    State,
    Timer,
    named,
    segment_named,
    spelling,
)
from netlab.model.units import duration
from netlab.model.vocabulary import (
    BEHAVIOURS,
    CONNTRACK,
    EOF,
    REJECTS,
    WAITS,
    Family,
    Hook,
    Side,
)
from netlab.packets import spoken as packets
from netlab.programs import exchange
from netlab.scenario.model import NO_LEAK, NOTHING, Range
from netlab.testbed.profiles import PROFILES

Schema = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of scalar: its description, its parser and its schema.

    `parse` raises ValueError for any other text; `words` are offered as corrections of a
    misspelt one. A value that may also be a list of texts has a `joined`, which makes one of them.
    """

    what: str
    parse: Callable[[str], Any]
    schema: Schema
    words: tuple[str, ...] = ()
    joined: Callable[[list[str]], str] | None = None


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

    return Kind(
        f"{what}, {low} to {high}", parse, {"type": "integer", "minimum": low, "maximum": high}
    )


def _quantity(read: Callable[[str], object], example: str) -> Kind:
    """A text that says how much; it stays as it is written."""
    what = ""
    try:
        read("")
    except ValueError as error:
        what = str(error)

    def parse(text: str) -> str:
        read(text)
        return text

    return Kind(what, parse, {"type": "string", "examples": [example]})


_RANGES = (
    (re.compile(r"at least (\S+)"), lambda low: (low, math.inf)),
    (re.compile(r"at most (\S+)"), lambda high: (0.0, high)),
    (re.compile(r"between (\S+) and (\S+)"), lambda low, high: (low, high)),
    (re.compile(r"(\S+)"), lambda exact: (exact, exact)),
)


def _range(number: Callable[[str], float]) -> Callable[[str], Range]:
    def parse(text: str) -> Range:
        if text == str(NOTHING):
            return NOTHING
        for form, bounds in _RANGES:
            if match := form.fullmatch(text):
                low, high = bounds(*map(number, match.groups()))
                if low > high:
                    raise ValueError
                return Range(low, high, text)
        raise ValueError

    return parse


def _segment(text: str) -> Segment:
    bits = segment_named(text)
    if bits not in NAMEABLE:
        raise ValueError
    return bits


def _errno(text: str) -> str:
    if text not in errno.errorcode.values():
        raise ValueError
    return text


def _reading(text: str) -> str:
    if text in (EOF, WAITS, "1 byte") or re.fullmatch(r"[1-9]\d{0,6} bytes", text, re.ASCII):
        return "1 byte" if text == "1 bytes" else text
    return _errno(text)


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


_NEEDS = {
    "": _matching(r"[a-z0-9_]+(\.[a-z0-9_]+)*"),
    "counter": _matching(r"[A-Z][A-Za-z0-9]+"),
    "behaviour": _matching("|".join(BEHAVIOURS)),
    "program": _matching(r"[A-Za-z0-9_.+-]+"),
    "path": _matching("rules|tracking|proxy"),
    "python": _matching(r"[A-Za-z0-9_]+"),
}


def _packet(text: str) -> int | str:
    found = exchange.address(text)
    return found.place if found.word == exchange.NUMBER else text


def _need(text: str) -> str:
    kind, _, name = text.rpartition(":")
    _NEEDS[kind](name)
    return text


def _command(text: str) -> list[str]:
    unknown = set(re.findall(r"(?<![$%])\{(\w+)\}", text)) - {*map(str, Side), FOLDER, PYTHON}
    if unknown:
        raise ValueError
    return shlex.split(_text(text))


def _ready(text: str) -> int | str:
    return PORT.parse(text) if text.isdecimal() else _text(text)


def _exit(text: str) -> int | None:
    """As `Program.exit_code` has it."""
    if text == NEVER:
        return None
    return EXIT_CODE.parse(text) if text.isdecimal() else -_signal(text)


def _place(text: str) -> tuple[Side, Hook]:
    side, _, hook = text.partition(" ")
    return Side(side), _members(Hook)[hook]


def _ports(text: str) -> str:
    first, _, last = text.partition("-")
    if PORT.parse(first) > PORT.parse(last or first):
        raise ValueError
    return text


def _within(low: float, high: float) -> Callable[[str], float]:
    def parse(text: str) -> float:
        seconds = duration(text)
        if not low <= seconds <= high:
            raise ValueError
        return seconds

    return parse


_NUMBER_TEXT: Schema = {"type": ["integer", "string"]}
_STATES = tuple(map(str, State))
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
    f"a duration such as {units.SOME}",
    duration,
    {
        "anyOf": [
            {"type": "number", "minimum": 0},
            {"type": "string", "pattern": r"^\d+(\.\d+)? ?(ms|s|min|h|d)?$"},
        ]
    },
)
SECONDS = Kind(
    "a duration in whole seconds such as 10s", lambda text: round(duration(text)), DURATION.schema
)
MEMORY = Kind(
    "a duration in whole seconds, 1s to 1000000s",
    lambda text: round(_within(1, 1e6)(text)),
    DURATION.schema,
)
PATIENCE = Kind("a duration of at most an hour such as 10s", _within(0, 3600), DURATION.schema)
COMPARISON = Kind(
    "a number, 'at least 2', 'at most 3', 'between 1 and 3' or none",
    _range(lambda t: float(int(t, 0))),
    _NUMBER_TEXT,
)
SPAN = Kind(
    "a duration, 'at least 58s', 'at most 2s' or 'between 58s and 62s'",
    _range(duration),
    {"type": ["number", "string"]},
)
#: Defined once, as states occur in many places. The names come first: editors offer them.
STATES: Schema = {
    "description": "a state as Linux names it, or as RFC 9293, ss or netstat write it",
    "anyOf": [
        {"enum": list(_STATES)},
        {
            "type": "string",
            "pattern": f"^({'|'.join(map(spelling, chain.from_iterable(SPELLINGS.values())))})$",
        },
    ],
}
STATE = Kind(f"a state: {_or(_STATES)}", named, {"$ref": "#/$defs/state"}, _STATES)
TIMER = _choice("a timer", _members(Timer))
SEGMENT = Kind(
    f"a segment: {_or(_SEGMENTS)}",
    _segment,
    {"type": "string", "pattern": r"^(SYN|FIN|RST|ACK|DATA|ANY)( ?\| ?(SYN|FIN|RST|ACK))*$"},
    _SEGMENTS,
)
ANSWER = Kind(
    "SYN|ACK, RST, RST|ACK or nothing",
    lambda text: None if text == "nothing" else _segment(text),
    {"enum": ["SYN|ACK", "RST", "RST|ACK", "nothing"]},
    ("SYN|ACK", "RST", "RST|ACK", "nothing"),
)
ERRNO = Kind(
    "an error of errno(3) such as ECONNREFUSED",
    _errno,
    {"type": "string", "pattern": "^E[A-Z0-9]+$"},
    tuple(errno.errorcode.values()),
)
READING = Kind(
    "what an application reads: a number of bytes such as '5 bytes', EOF, an error of errno(3) "
    "such as ECONNRESET, or nothing",
    _reading,
    {"type": "string", "pattern": r"^(\d+ bytes?|EOF|nothing|E[A-Z0-9]+)$"},
    (WAITS, EOF, *errno.errorcode.values()),
)
SIGNAL = Kind(
    "a signal such as SIGINT",
    _signal,
    {"type": "string", "pattern": "^(SIG)?[A-Z0-9]+$"},
    tuple(s.name for s in signal.Signals),
)
SIDE = _choice("a side", _members(Side))
PLACE = Kind(f"a side and a hook: {_or(_PLACES)}", _place, {"enum": list(_PLACES)}, _PLACES)
REJECT = _choice("an answer", {name: name for name in REJECTS})
FAMILY = _choice("a family", {"ipv4": Family.IPV4, "ipv6": Family.IPV6})
FIN = _choice("what is covered", {"FIN": True})
NAME = Kind(
    "a name of letters, digits and hyphens",
    _matching(r"[A-Za-z][A-Za-z0-9-]{0,30}"),
    {"type": "string", "pattern": "^[A-Za-z][A-Za-z0-9-]*$"},
)
HOST_NAME = Kind(
    "the name of a host such as redis or api.example.com",
    _matching(r"(?a:\w(?:[\w.-]{0,251}\w)?)"),
    {"type": "string", "pattern": r"^[A-Za-z0-9_]([A-Za-z0-9_.-]{0,251}[A-Za-z0-9_])?$"},
)
ADDRESS = Kind(
    "the name of a service on the way, or of a server behind one", NAME.parse, NAME.schema
)
SYSCTL = Kind(
    "a sysctl of the network, which a lab has for itself, such as tcp_syncookies or "
    "net.ipv6.conf.all.forwarding",
    _matching(r"[a-z0-9_]+|net(\.[a-z0-9_]+)+"),
    {"type": "string", "pattern": r"^([a-z0-9_]+|net(\.[a-z0-9_]+)+)$"},
)
OPTION = Kind(
    "a socket option such as TCP_NODELAY", _matching(r"(TCP|SO)_[A-Z_]+"), {"type": "string"}
)
FIGURE = _choice("a figure of ss -i", {name: name for name in inet_diag.NAMES})
COUNTER = Kind(
    "a counter as nstat names it, such as TCPSynRetrans or TcpOutRsts",
    _matching(r"[A-Z][A-Za-z0-9]+"),
    {"type": "string"},
)
NEED = Kind(
    "a sysctl such as tcp_rto_max_ms, 'counter:NAME' as nstat names it, 'program:NAME', "
    "'python:NAME' for a package of Python, or "
    f"'behaviour:NAME' with one of {', '.join(BEHAVIOURS)}",
    _need,
    {
        "anyOf": [
            {"enum": [f"behaviour:{name}" for name in BEHAVIOURS]},
            {
                "type": "string",
                "pattern": "^(counter:[A-Z][A-Za-z0-9]+|program:[A-Za-z0-9_.+-]+|"
                "python:[A-Za-z0-9_]+|[a-z0-9_.]+)$",
            },
        ]
    },
    tuple(f"behaviour:{name}" for name in BEHAVIOURS),
)
OTHERWISE = "otherwise"
CASE = Kind(
    f"what a kernel has ({NEED.what}), or '{OTHERWISE}'",
    lambda text: text if text == OTHERWISE else _need(text),
    {"anyOf": [{"const": OTHERWISE}, NEED.schema]},
    (*NEED.words, OTHERWISE),
)
FOLDER = "folder"  # in a command line, the folder of the scenario's file
PYTHON = "python"  # in a command line, the Python that netlab runs in, with its packages
COMMAND = Kind(
    "a command line, or a list of its words, with {client} and {server} for addresses, {folder} "
    "for the file's folder, {python} for netlab's Python",
    _command,
    {
        "anyOf": [
            {"type": "string"},
            {"type": "array", "items": {"type": ["string", "number", "boolean"]}, "minItems": 1},
        ]
    },
    joined=shlex.join,
)
NO_LEAKS = _choice("nothing has leaked", {"none": NO_LEAK})
READY = Kind(
    "a port that it listens on, or a text that it writes",
    _ready,
    {"anyOf": [PORT.schema, {"type": "string"}]},
)
SEED = _integer("a seed", 0, 1 << 31)
TIME = _quantity(units.seconds, "40ms")
SHARE = _quantity(units.share, "2%")
PACKET = Kind(
    exchange.EXPECTED,
    _packet,
    {
        "anyOf": [
            {"type": "integer", "minimum": 1},
            {"enum": [*exchange.BITS]},
            {"type": "string", "pattern": r"^(\d+|(seq|ack)=\d{1,10})$"},
        ]
    },
    (*exchange.BITS,),
)
SPEED = _quantity(units.bits, "2mbit")
SIZE = _quantity(units.size, "64kB")
PROFILE = _choice("a profile", {name: name for name in PROFILES})
POSITION = _quantity(packets.position, "next+10")
STAMP = _quantity(packets.stamp, "last-1")
BITS = _quantity(packets.control_bits, "FIN|ACK")
COMING_BACK = _quantity(packets.wanted, "ACK seq=next ack=next")
WINDOW = _integer("a window", 0, 65535)
WRONG = _choice("its checksum", {"wrong": "wrong"})
NEVER = "never"  # of a program that must still run
EXIT_CODE = _integer("an exit code", 0, 255)
EXIT = Kind(
    f"an exit code, 0 to 255, a signal: SIGKILL, or {NEVER}",
    _exit,
    {"anyOf": [EXIT_CODE.schema, {"const": NEVER}, SIGNAL.schema]},
    (NEVER,),
)
MTU = _integer("bytes", 1280, 1500)
PORTS = Kind(
    "a port, or a lower and a higher one with a hyphen between: 40000-40010",
    _ports,
    {"anyOf": [PORT.schema, {"type": "string", "pattern": r"^\d+(-\d+)?$"}]},
)
PASSING = _choice("what becomes of it", {"drop": "drop", "pass": "pass"})
STATE_OF = _choice("how strict it is", {"strict": True, "loose": False})
ICMP = _choice("its errors", {"none": "none"})
_TRACKED = ("nothing", *CONNTRACK)
TRACKED = Kind(
    f"a state of an entry: {_or(_TRACKED)}",
    _choice("", {state: state for state in _TRACKED}).parse,
    {"enum": [*_TRACKED]},
    _TRACKED,
)
BYTES = _integer("a number of bytes", 1, 1 << 24)
SOURCE = Kind(
    "'added' (the address of add_address)",
    lambda text: {"added": True}[text],
    {"enum": ["added"]},
    ("added",),
)
