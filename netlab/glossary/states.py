# SPDX-License-Identifier: GPL-2.0-or-later
"""States, and pairs of them."""

from __future__ import annotations

import functools
from collections.abc import Iterator

from netlab.atlas import cells, store
from netlab.atlas.compose import name_of
from netlab.atlas.fsm import RFC_ARROWS, Arrow
from netlab.glossary import causes
from netlab.glossary.entry import Fact, GlossaryEntry, entry, some
from netlab.model.tcp import SPELLINGS, State, ss_name, why_unreachable
from netlab.model.vocabulary import Pair, Side
from netlab.scenario.model import FaultStep, Scenario
from netlab.scenario.steps import kind_of
from netlab.teaching.answers import MEANINGS
from netlab.teaching.words import CROSSED, callers, lives

MOST = 6  # names that fit a line
#: The notes below Figure 5 of RFC 9293.
NOTES = {"(note 1)": "(where it came from LISTEN)", "(note 2)": "(both in one segment)"}
BY_MORE = "none by the state alone: timers and queues show it, ss -tanoei | netlab diagnose -"


def of_state(state: State) -> GlossaryEntry:
    """What a state is, how it begins and ends, and what keeps an end in it."""
    arrows = [arrow for arrow in RFC_ARROWS if not arrow.absent]
    peers = [pair.server for pair in store.pairs() if pair.client is state and _can_be(pair)]
    if state is State.LISTEN:
        peers = [pair.client for pair in store.pairs() if pair.server is state and _can_be(pair)]
    return entry(
        "state",
        str(state),
        MEANINGS[state],
        ("ss", f"{ss_name(state)}; elsewhere {_elsewhere(state)}; in /proc/net/tcp {state:02X}"),
        ("from", "; ".join(f"{a.source} by {_event(a)}" for a in arrows if a.target is state)),
        ("to", "; ".join(f"{a.target} by {_event(a)}" for a in arrows if a.source is state)),
        ("lasts", _lasts_anyhow(state)),
        ("with", ", ".join(map(str, peers))),
        ("causes", _causes(state)),
        ("more", f"netlab atlas {state}, netlab conformance {state}"),
    )


def _event(arrow: Arrow) -> str:
    """What leads along an arrow; of a note in the RFC's figure, what it says."""
    for note, said in NOTES.items():
        if note in arrow.event:
            return arrow.event.replace(note, said)
    return arrow.event


def _causes(state: State) -> str:
    """Those that one end shows by its state alone; where there are none, what would show some."""
    by_state = some(causes.of_state(state), MOST)
    return by_state or (BY_MORE if causes.may_show(state) else "")


def _elsewhere(state: State) -> str:
    return ", ".join(word for word in SPELLINGS[state] if word != ss_name(state))


def _can_be(pair: Pair) -> bool:
    return why_unreachable(pair.client, pair.server) is None


def lasts(state: State, called: bool = False) -> str:
    """How long a state lasts in which nothing arrives any more, at an end that has `called`
    connect() or not; '' for CLOSED.
    """
    if state is State.CLOSED:
        return ""
    return lives(state, called) or "for ever: no timer ends it, only a packet or its program"


def _lasts_anyhow(state: State) -> str:
    """The same where nobody knows how an end came to it."""
    return f"{lasts(state)}; {CROSSED}" if state is State.SYN_RECV else lasts(state)


def lasting(pair: Pair) -> Iterator[Fact]:
    """How long each end of a pair lasts that is left alone; '' for one that is not there."""
    called = callers(cell_of(pair))
    yield "client", lasts(pair.client, Side.CLIENT in called)
    yield "server", lasts(pair.server, Side.SERVER in called)


def of_pair(pair: Pair) -> GlossaryEntry:
    """How a pair comes about, what keeps it and for how long; or why it cannot be."""
    why = why_unreachable(pair.client, pair.server)
    if why:
        return entry("pair", str(pair), f"cannot be: {why}")
    if pair.client is State.LISTEN:
        return of_pair(Pair(pair.server, pair.client))
    scenario = cell_of(pair)
    healed = scenario.expect.healed
    return entry(
        "pair",
        str(pair),
        story(scenario, pair),
        ("rules", "; ".join(rules(scenario))),
        ("heals", f"into {healed.claim}" if healed else scenario.expect.cause),
        ("lasts", "; ".join(f"{side} {said}" for side, said in lasting(pair) if said)),
        ("causes", some(causes.of_pair(pair), MOST)),
        ("more", f"netlab atlas {pair}"),
    )


def cell_of(pair: Pair) -> Scenario:
    """The scenario of the atlas that freezes a pair."""
    return _cells()[name_of(pair)]


@functools.cache
def _cells() -> dict[str, Scenario]:
    return {scenario.name: scenario for scenario in cells.scenarios()}


def story(scenario: Scenario, pair: Pair) -> str:
    """What a cell of the atlas says of itself, without its name."""
    return " ".join(scenario.story.split()).removeprefix(f"{pair}: ")


def rules(scenario: Scenario) -> Iterator[str]:
    """What is lost, or held on the wire, in a few words each."""
    for step in scenario.steps:
        if isinstance(step, FaultStep):
            yield kind_of(step).described(step)
