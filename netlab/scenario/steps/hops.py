# SPDX-License-Identifier: GPL-2.0-or-later
"""``path: [nat: {forgets: 5s}, firewall]``: hosts between the two, and what may happen to them.

Each kind is an entry here and a class in `netlab.testbed.hops`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from netlab.model.vocabulary import Family, Side
from netlab.scenario.kinds import (
    ADDRESS,
    COUNT,
    FLAG,
    ICMP,
    MEMORY,
    MTU,
    NAME,
    PASSING,
    PATIENCE,
    PORTS,
    SIDE,
    STATE_OF,
)
from netlab.scenario.model import HopOrder, HopStep
from netlab.scenario.shapes import Field, ListOf, Struct
from netlab.scenario.spelling import fields
from netlab.scenario.steps.fault import Command, FaultKind, StepContext

if TYPE_CHECKING:
    from netlab.testbed.hops.base import Hop
    from netlab.testbed.lab import Lab

Values = Mapping[str, Any]
REMEMBERS = {
    "forgets": Field(MEMORY, doc="a connection after so long without a packet"),
    "invalid": Field(PASSING, doc="what becomes of packets of no known connection: drop, pass"),
    "liberal": Field(FLAG, doc="segments out of the window are not INVALID, but for a RST"),
}
STATE = {"state": Field(STATE_OF, "strict", doc="strict: only what it has seen open; or loose")}


@dataclass(frozen=True, slots=True)
class _Kind:
    """One kind of hop: its class, and its arguments as a file has them."""

    word: str
    name: str  # of the class in `netlab.testbed.hops.WORD`
    does: str
    fields: Mapping[str, Field]
    told: Callable[[Values], str]
    counts: Callable[[Values], bool] = lambda given: False
    tracks: bool = False
    short: str = ""
    module: str = ""
    hosted: bool = True
    needs: str = ""


def _drops(usual: str) -> Callable[[Values], bool]:
    return lambda given: given.get("invalid", usual) == "drop"


def _memory(given: Values) -> str:
    said = ""
    if "forgets" in given:
        said += f" It forgets what is silent for {given['forgets']} s."
    if given.get("invalid") == "pass":
        said += " What it does not know passes."
    return said


def _most(given: Values) -> str:
    return f", {given['holds']} at once" if "holds" in given else ""


_KINDS = (
    _Kind(
        "router",
        "Hop",
        "forwards what comes, and counts down its hop limit",
        {},
        lambda given: "A router forwards what comes, and counts down its hop limit.",
        module="base",
    ),
    _Kind(
        "nat",
        "Nat",
        "gives every connection its own address, and keeps in mind whose it is",
        {**REMEMBERS, **STATE, "ports": Field(PORTS, doc="that it has: 40000, 40000-40010")},
        lambda given: (
            "A NAT gives every connection its own address, and keeps in mind whose it is."
            + _memory(given)
        ),
        _drops("drop"),
        tracks=True,
    ),
    _Kind(
        "firewall",
        "Firewall",
        "lets pass what belongs to a connection that it knows",
        {**REMEMBERS, **STATE, "holds": Field(COUNT, doc="the connections that it can remember")},
        lambda given: (
            f"A firewall lets pass what belongs to a connection that it knows{_most(given)}."
            + _memory(given)
        ),
        _drops("drop"),
        tracks=True,
    ),
    _Kind(
        "narrow",
        "Narrow",
        "a link that carries no large packets",
        {
            "mtu": Field(MTU, doc="the largest packet, in bytes (1280)"),
            "icmp": Field(ICMP, doc="none: it does not say that a packet is too large"),
            "to": Field(SIDE, doc="the link that is narrow (client)"),
        },
        lambda given: (
            f"A link on the way carries no more than {given.get('mtu', 1280)} bytes"
            + (", and nobody says so." if "icmp" in given else ".")
        ),
        lambda given: "icmp" in given,
        short="mtu",
    ),
    _Kind(
        "service",
        "Service",
        "one address for several servers, which get connections in turn",
        {
            "to": Field(ListOf(NAME), required=True, doc="the servers behind it, in turn"),
            "masquerade": Field(FLAG, doc="they see its own address, and answer over it"),
            **REMEMBERS,
            **STATE,
        },
        lambda given: (
            f"One address stands for {' and '.join(given['to'])}: connections to it go to each of "
            f"them in turn.{_memory(given)}"
        ),
        _drops("pass"),
        tracks=True,
        short="to",
    ),
    _Kind(
        "proxy",
        "Proxy",
        "answers for both ends: each knows what it has, and nothing of the other",
        {"timeout": Field(PATIENCE, doc="without an acknowledgment, then it resets the other end")},
        lambda given: (
            "A proxy answers for both ends: each knows what it has, and nothing of the other."
            + (f" It gives up after {given['timeout']:g} s." if "timeout" in given else "")
        ),
        needs="proxy",
    ),
    _Kind(
        "asymmetric",
        "Asymmetric",
        "what the server sends takes another way back, past every hop",
        {},
        lambda given: "What the server sends takes another way back, past every hop.",
        hosted=False,
    ),
)


def _kind(each: _Kind) -> FaultKind[HopStep]:
    def read(about: StepContext, name: str, values: Values) -> HopStep:
        return HopStep(
            *about, name, word=each.word, values=values, tracks=each.tracks, hosted=each.hosted
        )

    def by_hand(step: HopStep, family: Family) -> Iterator[Command]:
        yield from _commands(made(step), step, family)

    def undo(step: HopStep, family: Family) -> Iterator[Command]:
        yield Command(step.name, "nft flush ruleset")

    def told(step: HopStep) -> str:
        return each.told(step.values)

    return FaultKind(
        each.word,
        Struct(f"a hop: {each.word}", each.fields, each.short, each.does),
        read=read,
        install=_installed,
        by_hand=by_hand,
        undo=undo,
        told=told,
        told_removed=lambda step: f"From now on {step.name} only forwards.",
        described=lambda step: f"{step.name} on the way",
        written=lambda step: _written(each, step),
        counts=lambda step: each.counts(step.values),
    )


_BY_WORD = {each.word: each for each in _KINDS}


def made(step: HopStep, idle: bool = False) -> Hop:
    """The hop of a step; `idle`: one that only forwards. Raises `LabError` for wrong arguments."""
    each = _BY_WORD[step.word]
    module = import_module(f"netlab.testbed.hops.{each.module or each.word}")
    hop: Hop = getattr(module, each.name)(**step.values, name=step.name)
    hop.idle = idle
    return hop


def needs_of(step: HopStep) -> str:
    """What a hop needs of this machine: tracking, rules, or nothing."""
    rules = "rules" if HOPS[step.word].counts(step) else ""
    return _BY_WORD[step.word].needs or ("tracking" if step.tracks else rules)


def lay(lab: Lab, steps: Sequence[HopStep], without: str = "") -> None:
    """Put the hops of a scenario on a lab's way; the one called `without` only forwards."""
    lab.path(*(made(step, idle=step.name == without) for step in steps))


def _installed(*_: object) -> Any:
    raise AssertionError("hops are laid together, before the first step")


def _written(each: _Kind, step: HopStep) -> object:
    values = fields(each.fields, step.values)
    return values if step.name == step.word else {**values, "as": step.name}


def _commands(hop: Hop, step: HopStep, family: Family) -> Iterator[Command]:
    """What makes a host on the way such a hop."""
    from netlab.testbed.hops.base import HopPlan
    from netlab.testbed.path import places

    if not hop.hosted:
        client = Side.CLIENT.address(family)
        yield Command(Side.SERVER, f"ip route replace {client} dev eth0  # and not over the hops")
        return
    yield Command(step.name, "sysctl -w net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1")
    settings = " ".join(f"{name}={value}" for name, value in hop.sysctls().items())
    if settings:
        yield Command(step.name, f"sysctl -w {settings}")
    if step.word == "narrow":
        yield Command(
            step.name,
            f"ip link set {step.values.get('to', 'client')} mtu {step.values.get('mtu', 1280)}",
        )
    rules = hop.rules(HopPlan(1, 0, places([hop])))
    for table in rules.split("table ")[1:]:
        statements = f"table {table}".strip().replace(";\n", "\n")
        statements = statements.replace("{\n", "{ ").replace("\n", "; ")
        yield Command(step.name, f"nft '{statements}'")


KINDS = tuple(map(_kind, _KINDS))
#: The kinds of hops, by their words.
HOPS: dict[str, FaultKind[HopStep]] = {kind.word: kind for kind in KINDS}


# --- what may happen to them


@dataclass(frozen=True, slots=True)
class OrderKind:
    """Something that may happen to a hop, as a step: its word, and what it takes."""

    word: str
    takes: Struct
    play: Callable[[Hop, Values], None]
    by_hand: Callable[[HopOrder], str]
    told: Callable[[HopOrder], str]


def _forget(hop: Hop, given: Values) -> None:
    hop.forget()


def _update(hop: Hop, given: Values) -> None:
    hop.update(given["to"])  # type: ignore[attr-defined]


HOP = Field(NAME, required=True, doc="the hop, by its name")
ORDERS: dict[str, OrderKind] = {
    each.word: each
    for each in (
        OrderKind(
            "forget",
            Struct("a hop forgets every connection, as if it were replaced", {"hop": HOP}, "hop"),
            _forget,
            lambda order: "conntrack -F",
            lambda order: f"{order.hop} forgets every connection that it knew: its table is empty.",
        ),
        OrderKind(
            "update",
            Struct(
                "a service sends new connections elsewhere",
                {"hop": HOP, "to": Field(ListOf(ADDRESS), required=True, doc="the servers")},
            ),
            _update,
            lambda order: f"nft ...  # dnat to {' and '.join(order.values['to'])} from now on",
            lambda order: (
                f"From now on {order.hop} sends new connections to "
                f"{' and '.join(order.values['to'])}; those that it knows go where they went."
            ),
        ),
    )
}


def give(lab: Lab, order: HopOrder) -> None:
    """Do it. Raises `LabError` where the hop cannot."""
    hop = lab.hop(order.hop)
    if not hop.idle:
        # What its table still says is seen before: a SYN may have opened a connection just now.
        lab.sample()
        ORDERS[order.word].play(hop, order.values)
