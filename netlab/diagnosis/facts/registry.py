# SPDX-License-Identifier: GPL-2.0-or-later
"""The words of the conditions in ``causes.yaml``: each is a function, registered by its name.

A fact is True, False, a number or a word; None if the sources do not have it. `own` is the end
that a rule is about, `peer` the other one, or None if nothing is known about it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias, TypeVar

from netlab.diagnosis.observed import Destination, ObservedEnd
from netlab.model.tcp import Timer

Value: TypeAlias = bool | float | str | None
Fact: TypeAlias = Callable[[ObservedEnd, ObservedEnd | None], Value]
DestinationFact: TypeAlias = Callable[[Destination], Value]
AnyFact = TypeVar("AnyFact", bound=Fact)
AnyDestinationFact = TypeVar("AnyDestinationFact", bound=DestinationFact)

FACTS: dict[str, Fact] = {}  # of an end: own.retransmits, peer.held
#: Those that say the same of every end in a state of which no figures are known.
OF_FIGURES: set[str] = set()
DESTINATION_FACTS: dict[str, DestinationFact] = {}  # of a destination: destination.taken


def fact(function: AnyFact) -> AnyFact:
    """Register a function as a word of the conditions on ends."""
    FACTS[function.__name__] = function
    return function


def of_figures(function: AnyFact) -> AnyFact:
    """Register a fact that is about figures, as `ObservedEnd.has_figures` means them: without any,
    nothing but the state of an end tells what it says.
    """
    OF_FIGURES.add(function.__name__)
    return fact(function)


def destination_fact(function: AnyDestinationFact) -> AnyDestinationFact:
    """Register a function as a word of the conditions on destinations."""
    DESTINATION_FACTS[function.__name__] = function
    return function


def _attribute(name: str) -> Fact:
    def attribute(own: ObservedEnd, peer: ObservedEnd | None) -> Value:
        value = getattr(own.socket, name) if own.socket else None
        return str(value) if isinstance(value, Timer) else value

    return attribute


def _figure(name: str) -> Fact:
    def figure(own: ObservedEnd, peer: ObservedEnd | None) -> Value:
        return own.socket.info.get(name) if own.socket else None

    return figure


@fact
def state(own: ObservedEnd, peer: ObservedEnd | None) -> Value:
    """The name of the end's state."""
    return str(own.state)


#: Facts that are fields of sockets, unchanged: columns of /proc/net/tcp, and figures of ``ss -i``.
for _name in ("timer", "remaining", "retransmits", "probes", "tx_queue", "rx_queue"):
    FACTS[_name] = _attribute(_name)
OF_FIGURES.update(("timer", "remaining", "retransmits", "probes"))
for _name in (
    "segs_in", "segs_out", "data_segs_in", "data_segs_out", "bytes_acked", "bytes_received",
    "lastsnd", "lastrcv", "lastack", "sacked", "mss", "pmtu", "unacked", "lost", "drops",
):  # fmt: skip
    FACTS[_name] = _figure(_name)
    OF_FIGURES.add(_name)
