# SPDX-License-Identifier: GPL-2.0-or-later
"""The scenario language as tables: the keys, and the values each may have.

The loader reads files by these tables and the JSON Schema is generated from them, so the two
cannot drift apart. The actions of a side are in `netlab.scenario.steps`.
"""

from __future__ import annotations

from netlab.model.vocabulary import Side
from netlab.scenario.kinds import (
    CASE,
    COMPARISON,
    COUNTER,
    DURATION,
    ERRNO,
    EXIT,
    FAMILY,
    FIGURE,
    FLAG,
    NAME,
    NEED,
    NO_LEAKS,
    READING,
    SIDE,
    SPAN,
    STATE,
    TEXT,
    TIMER,
    TRACKED,
    Kind,
)
from netlab.scenario.shapes import Either, Field, Hops, ListOf, MapOf, Steps, Struct

TRACKING = Field(
    MapOf(NAME, TRACKED), doc="by the name of a hop: the state that its table has of the connection"
)
PAIR = Struct(
    "a pair of states",
    {"client": Field(ListOf(STATE), required=True), "server": Field(ListOf(STATE), required=True)},
)
REACH = Struct(
    "a pair to be reached",
    {
        **PAIR.fields,
        "hold": Field(DURATION, doc="how long they must stay so, without a break"),
        "within": Field(DURATION, doc="how long is waited for it, at most"),
        "of": Field(NAME, doc="the connection, by its name; else the one opened last"),
        "tracked": TRACKING,
    },
)
PROGRAM = Struct(
    "how the program that was started last ends",
    {
        "exits": Field(EXIT, required=True),
        "at": Field(SIDE, doc="of the programs of this side"),
        "within": Field(DURATION, doc="of its start (10 s); if it exits never, it runs so long"),
        "takes": Field(SPAN, doc="from its start to its end"),
        "says": Field(TEXT, doc="what it has written by then, somewhere in its output or errors"),
    },
    "exits",
)
LOOK = Struct(
    "what a row of /proc/net/tcp shows",
    {
        "timer": Field(TIMER, doc="which one runs"),
        "remaining": Field(SPAN, doc="until it fires"),
        "retransmits": Field(COMPARISON, doc="how often it has fired"),
        "probes": Field(COMPARISON, doc="of a window or of silence, that nobody answered"),
        "tx_queue": Field(COMPARISON, doc="bytes that are not sent or not acknowledged (Send-Q)"),
        "rx_queue": Field(COMPARISON, doc="bytes that are not read (Recv-Q)"),
        "inode": Field(COMPARISON, doc="0: no program has it"),
    },
)


def _sides(field_of_side: Field, doc: str = "") -> Field:
    return Field(Struct("client and server", {str(side): field_of_side for side in Side}), doc=doc)


def _by_kernel(kind: Kind) -> Either:
    """A number, or one for kernels that have some feature and one for all others."""
    return Either(
        kind, MapOf(CASE, kind, "its value on kernels that have some feature, and otherwise")
    )


COUNTERS = _sides(
    Field(MapOf(COUNTER, _by_kernel(COMPARISON))), "how far the kernel's counters have moved"
)
HEALED = Struct(
    "what the pair becomes when the cause is removed",
    {
        **PAIR.fields,
        "counters": COUNTERS,
        "program": Field(PROGRAM, doc="how the program that was started last ends then"),
    },
)
ENDS = Struct(
    "how the pair ends by itself",
    {
        **PAIR.fields,
        "after": Field(_by_kernel(SPAN), required=True),
        "counters": COUNTERS,
        "then": Field(Steps(), doc="what is found afterwards"),
    },
)


#: Steps that are neither actions of a side nor faults.
STEPS: dict[str, Field] = {
    "remove": Field(NAME, doc="a fault ends, by its name, or all of them"),
    "reach": Field(REACH, doc="wait until both ends are in these states"),
}
#: Former words for steps, and the present ones.
FORMER = {"lift": "remove", "release": "remove", "hold": "plug"}
#: Keys that may stand beside an action of a side.
MODIFIERS = {
    "fails": Field(
        Either(
            ERRNO, Struct("an error for each family", {"ipv4": Field(ERRNO), "ipv6": Field(ERRNO)})
        ),
        doc="the error that the call must end with",
    ),
    "of": Field(NAME, doc="the connection, by its name; else the one opened last"),
}

EXPECT = Struct(
    "what is expected",
    {
        "pair": Field(PAIR, required=True),
        "of": Field(NAME, doc="the connection, by its name; else the one begun last"),
        "hold": Field(DURATION, doc="how long every sample must show the pair (1 s)"),
        "within": Field(
            DURATION,
            doc="time to reach it; by default, the time the kernel's timers take, plus 5 s",
        ),
        "dropped": Field(
            Either(COMPARISON, MapOf(NAME, COMPARISON)), doc="packets that the faults dropped"
        ),
        "rows": _sides(Field(LOOK), "what /proc/net/tcp shows of each end"),
        "sockets": _sides(
            Field(
                Either(NO_LEAKS, MapOf(STATE, COMPARISON)),
                doc="how many there are in a state; none: nothing has leaked, there are only those "
                "in LISTEN and TIME_WAIT",
            ),
            "the sockets of each end, by their states",
        ),
        "info": _sides(Field(MapOf(FIGURE, COMPARISON)), "what ss -i shows of the connection"),
        "reads": _sides(
            Field(ListOf(READING)),
            "what a read gives the application of each end while the pair is held: '5 bytes', EOF, "
            "an error, nothing; several in a list. Data stay, an error is taken",
        ),
        "counters": COUNTERS,
        "path": _sides(Field(ListOf(STATE)), "the states that each end goes through"),
        "tracked": TRACKING,
        "program": Field(PROGRAM, doc="how the program that was started last ends"),
        "cause": Field(TEXT, doc="why there is no fault to remove"),
        "heal": Field(
            Steps(),
            doc="what heals it, instead of removing every fault: those stay, but where 'remove: "
            "all' or 'remove: NAME' is among the steps",
        ),
        "healed": Field(
            HEALED, doc="what the pair becomes once every fault is removed, or by heal"
        ),
        "ends": Field(ENDS, doc="what it becomes by itself: played with --slow"),
    },
)
SCENARIO = Struct(
    "a scenario",
    {
        "name": Field(NAME, doc="the file's name without .yaml"),
        "source": Field(TEXT, required=True, doc="where the case is described"),
        "differs": Field(TEXT, doc="where Linux differs from the source"),
        "slow": Field(FLAG, doc="needs a minute or more: played only with --slow"),
        "family": Field(FAMILY, doc="if it makes sense in only one"),
        "needs": Field(
            ListOf(NEED),
            doc="what must be there, or it is skipped: sysctls, counter:NAME and behaviour:NAME of "
            "the kernel, program:NAME, python:NAME for a package",
        ),
        "path": Field(Hops(), doc="the hosts between client and server, at most five"),
        "steps": Field(Steps(), required=True),
        "expect": Field(EXPECT, required=True),
    },
)
