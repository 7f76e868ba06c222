# SPDX-License-Identifier: GPL-2.0-or-later
"""``delay: 40ms``, ``loss: {share: 2%, to: client}``, ``profile: lte``: what the wire does to
packets. Each word is a class of `netlab.programs.effects`.

By hand it is netem's doing, at the end that sends.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from netlab.model import units
from netlab.model.vocabulary import Family, Side
from netlab.programs.effects import EFFECTS, Quantity, WireEffect
from netlab.scenario.kinds import PROFILE, SEED, SHARE, SIDE, SIZE, SPEED, TIME
from netlab.scenario.model import WireStep
from netlab.scenario.shapes import Field, Struct
from netlab.scenario.steps.fault import Command, FaultKind, StepContext
from netlab.testbed.profiles import PROFILES

if TYPE_CHECKING:
    from netlab.scenario.steps.action import Stage
    from netlab.testbed.faults.base import Fault

#: How a file writes a quantity, by what reads it.
KINDS_OF = {
    units.seconds: TIME,
    units.share: SHARE,
    units.bits: SPEED,
    units.size: SIZE,
    units.whole: SEED,
}
Values = Mapping[str, Any]


def _field(quantity: Quantity) -> Field:
    return Field(KINDS_OF[quantity.read], required=quantity.required, doc=quantity.doc)


def _read(about: StepContext, name: str, word: str, values: Values) -> WireStep:
    given = {key: value for key, value in values.items() if key != "to"}
    return WireStep(*about, name=name, word=word, values=given, to=values.get("to"))


def _install(stage: Stage, step: WireStep) -> Fault:
    where = {"to": step.to} if step.to else {}
    done: Fault = getattr(stage.lab.wire, step.word)(**step.values, **where, name=step.name)
    return done


def _netem(side: Side, effects: Iterable[WireEffect]) -> Command:
    """What the sender's shell is told, for packets on their way to a side."""
    asked = " ".join(effect.netem for effect in effects)
    return Command(side.peer, f"tc qdisc add dev eth0 root netem {asked}")


def _undo(step: WireStep, family: Family) -> Iterator[Command]:
    for side in step.where:
        yield Command(side.peer, "tc qdisc del dev eth0 root")


def _written(step: WireStep) -> dict[str, Any]:
    return {**step.values, **({"to": str(step.to)} if step.to else {})}


def _kind(word: str, effect: type[WireEffect]) -> FaultKind[WireStep]:
    fields = {each.name: _field(each) for each in effect.quantities()}

    def by_hand(step: WireStep, family: Family) -> Iterator[Command]:
        for side in step.where:
            yield _netem(side, [effect(**step.values)])

    def told(step: WireStep) -> str:
        place = f" to the {step.to}" if step.to else ""
        return f"From now on {effect(**step.values).told(place)}."

    return FaultKind(
        word,
        Struct(f"a {word}", {**fields, "to": Field(SIDE)}, next(iter(fields))),
        read=lambda about, name, values: _read(about, name, word, values),
        install=_install,
        by_hand=by_hand,
        undo=_undo,
        told=told,
        told_removed=lambda step: f"The wire's {word} ends.",
        described=lambda step: f"{word}: {next(iter(step.values.values()))}",
        written=_written,
        counts=lambda step: effect.counts,
    )


def _profile() -> FaultKind[WireStep]:
    def by_hand(step: WireStep, family: Family) -> Iterator[Command]:
        for side, effects in PROFILES[step.values["which"]].ways.items():
            yield _netem(side, effects)

    def told(step: WireStep) -> str:
        profile = PROFILES[step.values["which"]]
        each = [
            effect.told(f" to the {side}") for side, done in profile.ways.items() for effect in done
        ]
        return f"From now on the wire is like {profile.like}: {'; '.join(each)}."

    return FaultKind(
        "profile",
        Struct("a profile", {"which": Field(PROFILE, required=True)}, "which"),
        read=lambda about, name, values: _read(about, name, "profile", values),
        install=_install,
        by_hand=by_hand,
        undo=_undo,
        told=told,
        told_removed=lambda step: "The wire is a cable again.",
        described=lambda step: f"profile: {step.values['which']}",
        written=_written,
        counts=lambda step: False,
    )


KINDS = (*(_kind(word, effect) for word, effect in EFFECTS.items()), _profile())
