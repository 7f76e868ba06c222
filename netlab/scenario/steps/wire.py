# SPDX-License-Identifier: GPL-2.0-or-later
"""``delay: 40ms``, ``loss: {share: 2%, to: client}``, ``profile: lte``: what the wire does to
packets. Each word is a class of `netlab.programs.effects`.

By hand it is netem's doing, at the end that sends.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from netlab.model import units
from netlab.model.vocabulary import Side
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
#: What becomes of packets, by the word.
DOES = {
    "delay": "every packet arrives later",
    "loss": "a share of all packets is lost",
    "duplicate": "a share of all packets arrives twice",
    "reorder": "a share of all packets is held back, and others overtake them",
    "corrupt": "a share of all packets arrives with one wrong bit",
    "rate": "so many bits cross in a second, and what does not fit waits in a queue",
}
TO = Field(SIDE, doc="only what goes to this side")
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


def _asked(step: WireStep) -> Iterator[tuple[Side, str]]:
    """Each end that sends what meets it, and what netem is told there."""
    if step.word == "profile":
        for side, effects in PROFILES[step.values["which"]].ways.items():
            yield side.peer, " ".join(effect.netem for effect in effects)
    else:
        effect = EFFECTS[step.word](**step.values)
        for side in step.where:
            yield side.peer, effect.netem


def added(step: WireStep, before: Sequence[WireStep] = ()) -> Iterator[Command]:
    """What a shell at each end is told. A link has one qdisc: what comes to those that are in
    force `before` is below the last of them (tc-netem(8)).
    """
    for end, asked in _asked(step):
        last = sum(each is end for past in before for each, _ in _asked(past))
        place = f"parent {last}:1" if last else "root"
        yield Command(end, f"tc qdisc add dev eth0 {place} handle {last + 1}: netem {asked}")


def removed(gone: Sequence[WireStep], left: Sequence[WireStep]) -> Iterator[Command]:
    """What ends those that are `gone`: all are, and those that are `left` come again."""
    ends = dict.fromkeys(end for step in gone for end, _ in _asked(step))
    for end in ends:
        yield Command(end, "tc qdisc del dev eth0 root")
    for number, step in enumerate(left):
        yield from (each for each in added(step, left[:number]) if each.side in ends)


def _written(step: WireStep) -> dict[str, Any]:
    return {**step.values, **({"to": str(step.to)} if step.to else {})}


def _kind(word: str, effect: type[WireEffect]) -> FaultKind[WireStep]:
    fields = {each.name: _field(each) for each in effect.quantities()}

    def told(step: WireStep) -> str:
        place = f" to the {step.to}" if step.to else ""
        return f"From now on {effect(**step.values).told(place)}."

    return FaultKind(
        word,
        Struct(f"a {word}", {**fields, "to": TO}, next(iter(fields)), DOES[word]),
        read=lambda about, name, values: _read(about, name, word, values),
        install=_install,
        by_hand=lambda step, family: added(step),
        undo=lambda step, family: removed([step], []),
        told=told,
        told_removed=lambda step: f"The wire's {word} ends.",
        described=lambda step: f"{word}: {next(iter(step.values.values()))}",
        written=_written,
        counts=lambda step: effect.counts,
    )


def _profile() -> FaultKind[WireStep]:
    def told(step: WireStep) -> str:
        profile = PROFILES[step.values["which"]]
        each = [
            effect.told(f" to the {side}") for side, done in profile.ways.items() for effect in done
        ]
        return f"From now on the wire is like {profile.like}: {'; '.join(each)}."

    return FaultKind(
        "profile",
        Struct(
            "a profile",
            {"which": Field(PROFILE, required=True)},
            "which",
            "the wire is like a network that many people have",
        ),
        read=lambda about, name, values: _read(about, name, "profile", values),
        install=_install,
        by_hand=lambda step, family: added(step),
        undo=lambda step, family: removed([step], []),
        told=told,
        told_removed=lambda step: "The wire is a cable again.",
        described=lambda step: f"profile: {step.values['which']}",
        written=_written,
        counts=lambda step: False,
    )


KINDS = (*(_kind(word, effect) for word, effect in EFFECTS.items()), _profile())
