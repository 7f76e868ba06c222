# SPDX-License-Identifier: GPL-2.0-or-later
"""The scenario language as tables: what may be said, and what each value may be.

The loader reads files by these tables and the JSON Schema is generated from them, so the two
cannot drift apart. To add an action, add a method to `Host` and an entry here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from netlab.model.vocabulary import Side
from netlab.scenario.kinds import (
    ANSWER,
    BACKLOG,
    BYTES,
    CASE,
    COMMAND,
    COMPARISON,
    COUNT,
    COUNTER,
    DURATION,
    ERRNO,
    FAMILY,
    FIN,
    FLAG,
    NAME,
    NEED,
    OPTION,
    PLACE,
    PORT,
    REJECT,
    SECONDS,
    SEGMENT,
    SIDE,
    SIGNAL,
    SOURCE,
    SPAN,
    STATE,
    SYSCTL,
    TEXT,
    TIMER,
    VALUE,
    Kind,
)


@dataclass(frozen=True, slots=True)
class ListOf:
    """One value of a kind, or a list of them; read as a tuple."""

    kind: Kind


@dataclass(frozen=True, slots=True)
class MapOf:
    """A mapping with keys of one kind and values of another."""

    key: Kind
    value: Kind | ListOf | Either
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


_AS = Field(NAME, "name", doc="a name for the connection, for `of:`")


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
        "read exactly this text, or so many bytes",
        "text",
        text=Field(TEXT),
        bytes=Field(BYTES, "count"),
    ),
    "drain": _action("read until the peer's FIN"),
    "shutdown": _action("send a FIN, go on reading: shutdown(SHUT_WR)"),
    "close": _action("close the connection"),
    "abort": _action("close it with a RST"),
    "vanish": _action("be gone without a packet, as after a power cut"),
    "option": MapOf(OPTION, VALUE, "set socket options"),
    "sysctl": MapOf(SYSCTL, TEXT, "set sysctls of this end"),
    "sysctl_if_there": MapOf(SYSCTL, TEXT, "set those of these sysctls that this kernel has"),
    "run": _action(
        "start a program; {client} and {server} become addresses",
        "command",
        command=Field(COMMAND, required=True),
    ),
    "signal": _action(
        "send a signal to the program", "number", number=Field(SIGNAL, required=True)
    ),
    "add_address": _action("give this end one more address"),
    "udp": _action(
        "send a datagram and wait for an answer",
        "port",
        port=Field(PORT, required=True),
        text=Field(TEXT),
    ),
    "probe": _action(
        "one SYN, as a port scanner sends it",
        "port",
        port=Field(PORT),
        gets=Field(ANSWER, required=True),
    ),
    "flood": _action(
        "forged SYNs that nobody completes",
        "count",
        count=Field(COUNT, required=True),
        port=Field(PORT),
    ),
}
#: Actions that concern one connection, so that `of:` makes sense.
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


def _by_kernel(kind: Kind) -> Either:
    """A number, or what it is on kernels that have something and on all others."""
    return Either(kind, MapOf(CASE, kind, "what it is where a kernel has something, and otherwise"))


COUNTERS = _sides(Field(MapOf(COUNTER, _by_kernel(COMPARISON))))
HEALED = Table(
    "what the pair becomes when the cause is gone", {**PAIR.fields, "counters": COUNTERS}
)
ENDS = Table(
    "how the pair ends by itself",
    {
        **PAIR.fields,
        "after": Field(_by_kernel(SPAN), required=True),
        "counters": COUNTERS,
        "then": Field(Steps(), doc="what is found afterwards"),
    },
)


#: Steps other than what a side does.
STEPS: dict[str, Field] = {
    "drop": Field(DROP),
    "reject": Field(REJECTION),
    "hold": Field(
        Table("a hold", {"sides": Field(ListOf(SIDE)), "as": Field(NAME, "name")}, "sides")
    ),
    "lift": Field(NAME),
    "release": Field(NAME),
    "reach": Field(REACH),
}
#: What may stand beside what a side does.
MODIFIERS = {
    "fails": Field(
        Either(
            ERRNO, Table("an error for each family", {"ipv4": Field(ERRNO), "ipv6": Field(ERRNO)})
        ),
        doc="the error that the call must end with",
    ),
    "of": Field(NAME, doc="the connection, by its name; else the one opened last"),
}

EXPECT = Table(
    "what is expected",
    {
        "pair": Field(PAIR, required=True),
        "of": Field(NAME, doc="the connection, by its name; else the one begun last"),
        "hold": Field(DURATION, doc="how long every sample must show the pair (1 s)"),
        "within": Field(
            DURATION, doc="time to reach it; else what the kernel's timers say, and 5 s"
        ),
        "dropped": Field(
            Either(COMPARISON, MapOf(NAME, COMPARISON)), doc="packets that the faults dropped"
        ),
        "rows": _sides(Field(LOOK)),
        "sockets": _sides(Field(MapOf(STATE, COMPARISON))),
        "counters": COUNTERS,
        "path": _sides(Field(ListOf(STATE))),
        "cause": Field(TEXT, doc="why there is no fault to take away"),
        "heal": Field(Steps(), doc="what heals it, where that is not lifting every fault"),
        "healed": Field(HEALED, doc="what the pair becomes when the cause is taken away"),
        "ends": Field(ENDS, doc="what it becomes by itself: played with --slow"),
    },
)
SCENARIO = Table(
    "a scenario",
    {
        "name": Field(NAME, doc="the file's name without .yaml"),
        "source": Field(TEXT, required=True, doc="where the case is told"),
        "differs": Field(TEXT, doc="where Linux does something else than the source says"),
        "slow": Field(FLAG, doc="needs a minute or more: played with --slow only"),
        "family": Field(FAMILY, doc="where it makes sense in one only"),
        "needs": Field(
            ListOf(NEED),
            doc="what a kernel must have, or it is skipped: sysctls, counter:NAME, behaviour:NAME",
        ),
        "steps": Field(Steps(), required=True),
        "expect": Field(EXPECT, required=True),
    },
)
