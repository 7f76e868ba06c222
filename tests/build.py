# SPDX-License-Identifier: GPL-2.0-or-later
"""Builds what tests need by hand: scenarios as text, and the records of runs, with defaults."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from netlab.model.evidence import Evidence, FaultRecord, PlayedStep
from netlab.model.tcp import SYN, State
from netlab.model.vocabulary import ExpectedPair, Family, Hook, Pair, Side
from netlab.packets.sightings import Packet
from netlab.scenario import loader, model, writer

from .frames import CLIENT, SERVER

#: What a step may speak of that was done before.
BEFORE = (
    "client: add-address", "client: {connect: {as: it}}", "plug: {sides: client, as: kept}",
    "drop: {segment: SYN, to: client, as: mine}",
)  # fmt: skip


# --- scenarios


def scenario(
    *steps: str,
    pair: str = "CLOSED/LISTEN",
    expect: Sequence[str] = ("cause: this is a test",),
    top: Sequence[str] = (),
) -> str:
    """The text of a scenario file: its first step is in line 3, after the lines of `top`."""
    client, server = pair.split("/")
    lines = [*top, "source: here", "steps:", *(f"  - {step}" for step in steps)]
    lines += ["expect:", f"  pair: {{client: {client}, server: {server}}}"]
    return "\n".join([*lines, *(f"  {line}" for line in expect), ""])


def parsed(text: str, *before: str) -> model.AnyStep:
    """A step as a scenario file says it, after those before it."""
    return loader.parse(scenario(*(before or BEFORE), text), Path("mine.yaml")).steps[-1]


# --- what a run showed


def states(text: str) -> Pair:
    """``SYN_SENT/SYN_RECV``."""
    client, server = text.split("/")
    return Pair(State[client], State[server])


def expected(text: str) -> ExpectedPair:
    """``SYN_SENT/SYN_RECV or LISTEN``."""
    client, server = (tuple(State[name] for name in end.split(" or ")) for end in text.split("/"))
    return ExpectedPair(client, server)


def evidence(name: str = "port-open", pair: str = "CLOSED/LISTEN", **more: Any) -> Evidence:
    """A run that passed: the pair was expected and observed. Pairs may be given as text."""
    run = Evidence(
        scenario=name,
        outcome="pass",
        source="here",
        path=f"/{name}.yaml",
        family=Family.IPV4,
        kernel="6.18",
        expected=expected(pair),
        observed=None if " or " in pair else states(pair),
    )
    for key, read in (("expected", expected), ("observed", states), ("healed", states)):
        if isinstance(more.get(key), str):
            more[key] = read(more[key])
    return replace(run, **more)


def step(at: float, text: str, result: str = "", line: int = 1) -> PlayedStep:
    """The record of a step that a file says so."""
    return replace(writer.played(parsed(text), Family.IPV4, at, result), line=line)


def fault(name: str = "drop-1", side: Side = Side.SERVER, **more: Any) -> FaultRecord:
    """A rule where packets come in, that has lost one of them, from the beginning to the end."""
    kind, hook = more.get("kind", "drop"), more.get("hook", Hook.INPUT)
    segments = ", ".join(map(str, more.get("segments", ()))) or "packets"
    usual: dict[str, Any] = {
        "kind": kind, "does": f"{kind}s {segments} at {side} {hook}", "sides": (side,),
        "hook": hook, "rules": "", "packets": 1, "bytes": 60, "installed": 0.1,
    }  # fmt: skip
    return FaultRecord(name, **usual | more)


def packet(sender: Side = Side.CLIENT, at: float = 1.0, fault: str = "", **more: Any) -> Packet:
    """A SYN, or another packet, that the fault has lost where it came in."""
    ends = CLIENT, SERVER
    source, destination = ends if sender is Side.CLIENT else reversed(ends)
    whole = Packet(
        sender=sender, sent=at, arrived=at, dropped=at if fault else None, fault=fault,
        died_at=sender.peer if fault else None, hook=Hook.INPUT if fault else None,
        source=source, destination=destination, segment=SYN, pushed=False, sequence=0,
        acknowledgment=None, window=500, length=0, resent=0, ours=True, text="",
    )  # fmt: skip
    return replace(whole, **more)


# --- what a person sees


def without_codes(text: str) -> str:
    """What is left when a terminal has taken its colours out."""
    return re.sub(r"\033\[[0-9;]*m", "", text)
