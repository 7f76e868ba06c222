# SPDX-License-Identifier: GPL-2.0-or-later
"""The scenario language as tables: what may be said, and what each value may be.

The loader reads files by these tables and the JSON Schema is generated from them, so the two
cannot drift apart. What a side can do is in `netlab.scenario.steps`.
"""

from __future__ import annotations

from netlab.model.vocabulary import Side
from netlab.scenario.kinds import (
    CASE,
    COMPARISON,
    COUNTER,
    DURATION,
    ERRNO,
    FAMILY,
    FLAG,
    NAME,
    NEED,
    SPAN,
    STATE,
    TEXT,
    TIMER,
    Kind,
)
from netlab.scenario.shapes import Either, Field, ListOf, MapOf, Steps, Struct

PAIR = Struct(
    "a pair of states",
    {"client": Field(ListOf(STATE), required=True), "server": Field(ListOf(STATE), required=True)},
)
REACH = Struct(
    "a pair to be reached",
    {**PAIR.fields, "hold": Field(DURATION), "within": Field(DURATION), "of": Field(NAME)},
)
LOOK = Struct(
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
    return Field(Struct("client and server", {str(side): field_of_side for side in Side}))


def _by_kernel(kind: Kind) -> Either:
    """A number, or what it is on kernels that have something and on all others."""
    return Either(kind, MapOf(CASE, kind, "what it is where a kernel has something, and otherwise"))


COUNTERS = _sides(Field(MapOf(COUNTER, _by_kernel(COMPARISON))))
HEALED = Struct(
    "what the pair becomes when the cause is gone", {**PAIR.fields, "counters": COUNTERS}
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


#: Steps other than what a side does and what is done to packets.
STEPS: dict[str, Field] = {"remove": Field(NAME), "reach": Field(REACH)}
#: Words that steps had before, and the ones they have now.
FORMER = {"lift": "remove", "release": "remove", "hold": "plug"}
#: What may stand beside what a side does.
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
        "heal": Field(Steps(), doc="what heals it, where that is not removing every fault"),
        "healed": Field(HEALED, doc="what the pair becomes when the cause is taken away"),
        "ends": Field(ENDS, doc="what it becomes by itself: played with --slow"),
    },
)
SCENARIO = Struct(
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
