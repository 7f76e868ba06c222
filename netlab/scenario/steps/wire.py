# SPDX-License-Identifier: GPL-2.0-or-later
"""``delay: 40ms``, ``loss: {share: 2%, to: client}``: what the wire does to packets.

By hand it is netem's doing, at the end that sends.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from netlab.model.vocabulary import Family
from netlab.scenario.kinds import SEED, SHARE, SIDE, SIZE, SPEED, TIME
from netlab.scenario.model import WireStep
from netlab.scenario.shapes import Field, Struct
from netlab.scenario.steps.fault import Command, FaultKind, StepContext

if TYPE_CHECKING:
    from netlab.scenario.steps.action import Stage
    from netlab.testbed.faults.base import Fault

Values = Mapping[str, Any]
CHOSEN = {"share": Field(SHARE, required=True), "seed": Field(SEED, doc="another one, others (0)")}


@dataclass(frozen=True, slots=True)
class _Effect:
    """One thing that a wire can do: its word is the name of `Carrier`'s method."""

    word: str
    fields: Mapping[str, Field]  # the first may be given alone
    netem: Callable[[Values], str]  # as tc writes it
    #: What becomes of packets; the place is " to the server", or nothing.
    told: Callable[[Values, str], str]
    counts: bool = False


def _later(given: Values) -> str:
    about = f", give or take {given['jitter']}" if "jitter" in given else ""
    return f"{given['time']} later{about}"


def _full(given: Values) -> str:
    return f"; what finds {given['queue']} waiting is lost" if "queue" in given else ""


EFFECTS = (
    _Effect(
        "delay",
        {
            "time": Field(TIME, required=True),
            "jitter": Field(TIME, doc="give or take up to that"),
            "seed": Field(SEED),
        },
        lambda given: f"delay {given['time']} {given.get('jitter', '')}".rstrip(),
        lambda given, place: f"every packet{place} arrives {_later(given)}",
    ),
    _Effect(
        "loss",
        CHOSEN,
        lambda given: f"loss {given['share']}",
        lambda given, place: f"{given['share']} of all packets{place} are lost on the wire",
        counts=True,
    ),
    _Effect(
        "duplicate",
        CHOSEN,
        lambda given: f"duplicate {given['share']}",
        lambda given, place: f"{given['share']} of all packets{place} arrive twice",
    ),
    _Effect(
        "reorder",
        {**CHOSEN, "by": Field(TIME, doc="how long they are held back (5ms)")},
        lambda given: f"delay {given.get('by', '5ms')} reorder {given['share']}",
        lambda given, place: (
            f"{given['share']} of all packets{place} are held back for {given.get('by', '5ms')}, "
            "and others overtake them"
        ),
    ),
    _Effect(
        "corrupt",
        CHOSEN,
        lambda given: f"corrupt {given['share']}",
        lambda given, place: f"{given['share']} of all packets{place} arrive with one wrong bit",
    ),
    _Effect(
        "rate",
        {
            "speed": Field(SPEED, required=True),
            "queue": Field(SIZE, doc="loses what finds so many bytes waiting"),
        },
        lambda given: f"rate {given['speed']}",
        lambda given, place: f"the wire carries {given['speed']}{place}{_full(given)}",
    ),
)


def _kind(effect: _Effect) -> FaultKind[WireStep]:
    def read(about: StepContext, name: str, values: Values) -> WireStep:
        given = {key: value for key, value in values.items() if key != "to"}
        return WireStep(*about, name=name, word=effect.word, values=given, to=values.get("to"))

    def install(stage: Stage, step: WireStep) -> Fault:
        done: Fault = getattr(stage.lab.wire, step.word)(**step.values, to=step.to, name=step.name)
        return done

    def by_hand(step: WireStep, family: Family) -> Iterator[Command]:
        for side in step.where:
            yield Command(
                side.peer, f"tc qdisc add dev eth0 root netem {effect.netem(step.values)}"
            )

    def undo(step: WireStep, family: Family) -> Iterator[Command]:
        for side in step.where:
            yield Command(side.peer, "tc qdisc del dev eth0 root")

    def told(step: WireStep) -> str:
        place = f" to the {step.to}" if step.to else ""
        return f"From now on {effect.told(step.values, place)}."

    first, *_ = effect.fields
    return FaultKind(
        effect.word,
        Struct(f"a {effect.word}", {**effect.fields, "to": Field(SIDE)}, first),
        read=read,
        install=install,
        by_hand=by_hand,
        undo=undo,
        told=told,
        told_removed=lambda step: f"The wire's {effect.word} ends.",
        described=lambda step: f"{effect.word}: {next(iter(step.values.values()))}",
        written=lambda step: {**step.values, **({"to": str(step.to)} if step.to else {})},
        counts=lambda step: effect.counts,
    )


KINDS = tuple(map(_kind, EFFECTS))
