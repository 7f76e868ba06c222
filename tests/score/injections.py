# SPDX-License-Identifier: GPL-2.0-or-later
"""What is broken: every scenario and every cell of the atlas, stories about data in flight, and
faults that are composed at random, others for each seed.

Each is made anew: other ports, the drop at the other hook, data that is lost with the FIN. The
scenarios' own claims about counters and rows are left out, since other connections share the lab.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from netlab.atlas import cells
from netlab.atlas.compose import compose, played
from netlab.atlas.search import CLASSES, MOST_CALLS, Recipe, Search
from netlab.model.tcp import ACK, DATA, FIN, SYN, State
from netlab.model.vocabulary import Family, Hook, Side
from netlab.scenario import catalogue
from netlab.scenario.loader import parse
from netlab.scenario.model import (
    AnyStep,
    Do,
    DropStep,
    FaultStep,
    PlugStep,
    Reach,
    Remove,
    Scenario,
)
from netlab.scenario.steps import numbered
from netlab.testbed.context import PORT

Port = Callable[[int], int]
PORTS = range(16_000, 32_000)  # the healthy ones' are below, and ephemeral ones above

STORIES = Path(__file__).parent / "stories.yaml"
#: What concerns a whole host, and so every other connection of its lab.
OF_THE_HOST = frozenset(
    {"sysctl", "sysctl-if-there", "flood", "probe", "udp", "run", "signal", "add-address"}
)
CLOSING = frozenset({State.FIN_WAIT1, State.CLOSING, State.LAST_ACK})
#: Labs with several connections, for each family; and how many broken ones are in each.
MIXED, BROKEN_AT_ONCE = 30, (3, 6)
#: Composed at random, for each family: labs, or a few; classes of segments that are lost in each.
COMPOSED, COMPOSED_QUICK, LOST_AT_ONCE = 60, 6, (0, 1, 1, 1, 2)
#: The part of them in which a server listens, and nobody connects twice: most of the world.
ORDINARY = 0.75
#: States that show nothing of a connection, or that pass by themselves.
PASSED = frozenset({State.CLOSED, State.LISTEN, State.TIME_WAIT})
#: How long everything may have been stuck when somebody looks, beyond the scenario's own hold.
WAITS = (0.0, 0.0, 1.0, 3.0, 8.0)  # seconds


@dataclass(frozen=True, slots=True)
class Injection:
    """One broken connection: the scenario that breaks it, and what was done to the scenario."""

    scenario: Scenario
    port: int  # of the server, in place of the usual one
    variant: str  # "", "at the sender", "data in flight"

    @property
    def name(self) -> str:
        """For messages and for the list of misses."""
        return f"{self.scenario.name} ({self.variant})" if self.variant else self.scenario.name


@dataclass(frozen=True, slots=True)
class Setup:
    """One lab: what is broken in it at the same time, and how many healthy ones are between."""

    name: str
    family: Family
    injections: tuple[Injection, ...]
    healthy: int
    seed: int

    @property
    def waits(self) -> float:
        """Seconds from when everything is stuck until somebody looks."""
        return random.Random(self.seed).choice(WAITS)


def setups(seed: int, quick: bool) -> list[Setup]:
    """Every lab of a score, the same for the same seed. `quick`: a few of each kind."""
    chance = random.Random(seed)
    variants = [variant for scenario in _scenarios() for variant in _variants(scenario)]
    found: list[Setup] = []
    for family in Family:
        fitting = [v for v in variants if v[0].family in (None, family)]
        chosen = chance.sample(fitting, 12) if quick else fitting
        for scenario, variant in chosen:
            one = moved(scenario, variant, _ports(chance))
            alone = any(isinstance(s, Do) and s.action in OF_THE_HOST for s in scenario.steps)
            found.append(Setup(one.name, family, (one,), 0 if alone else 2, chance.getrandbits(32)))
        for number in range(2 if quick else MIXED):
            several = tuple(_several(fitting, chance))
            name = f"mixed {number + 1}"
            found.append(Setup(name, family, several, 8, chance.getrandbits(32)))
        apart = random.Random(f"composed {seed} {family}")  # the others stay as they were
        for scenario in composed(apart, COMPOSED_QUICK if quick else COMPOSED):
            one = moved(*apart.choice([*_variants(scenario)]), _ports(apart))
            found.append(Setup(one.name, family, (one,), 2, apart.getrandbits(32)))
        for number in range(1 if quick else 6):
            name = f"nothing wrong {number + 1}"
            found.append(Setup(name, family, (), 30, chance.getrandbits(32)))
    return found


def _scenarios() -> list[Scenario]:
    known = [each for each in catalogue.everything() if of_two_ends(each)]
    return [*known, *cells.scenarios(), *stories()]


def of_two_ends(scenario: Scenario) -> bool:
    """What happens on the way, or in somebody else's name, the table of truth does not know."""
    return not (scenario.slow or scenario.way or numbered(scenario.steps))


def stories() -> list[Scenario]:
    """Data that is lost, not read or not accepted: the scenarios and the atlas have few of them."""
    found = []
    for number, text in enumerate(STORIES.read_text().split("---\n")[1:]):
        name = text.partition("\n")[0].removeprefix("# ").strip()
        found.append(parse(text, Path(f"{name or number}.yaml")))
    return found


def composed(chance: random.Random, count: int) -> list[Scenario]:
    """Faults that nobody has named: some segments are lost for ever, applications make some calls,
    and where that settles, by the model of the atlas, somebody looks.
    """
    reached = Search(MOST_CALLS - 1)
    found: list[Scenario] = []
    while len(found) < count:
        size = chance.choice(LOST_AT_ONCE)
        losses = tuple(sorted(chance.sample(CLASSES, size), key=CLASSES.index))
        recipes = [
            Recipe(ends.pair, losses, calls)
            for ends, calls in reached.under(frozenset(losses))
            if not {ends.pair.client, ends.pair.server} <= PASSED
        ]
        if chance.random() < ORDINARY:
            recipes = [recipe for recipe in recipes if _is_ordinary(recipe)]
        if not recipes:
            continue
        recipe = _needed(chance.choice(recipes))
        calls = ", ".join(map(str, recipe.calls))
        lost = ", ".join(f"{segment} to the {side}" for side, segment in recipe.losses) or "nothing"
        text = compose(recipe)
        name = Path(f"composed-{len(found)}.yaml")
        found.append(replace(parse(text, name), name=f"composed: {calls}; lost: {lost}"))
    return found


def _needed(recipe: Recipe) -> Recipe:
    """Without the losses that meet nothing, or change nothing."""
    for one in recipe.losses:
        fewer = replace(recipe, losses=tuple(loss for loss in recipe.losses if loss != one))
        try:
            same = [*played(fewer)] == [*played(recipe)]
        except AssertionError:  # without it, these calls are not possible
            continue
        recipe = fewer if same else recipe
    return recipe


def _is_ordinary(recipe: Recipe) -> bool:
    made = [call.action for call in recipe.calls if call.action in ("listen", "connect")]
    return made == ["listen", "connect"] and recipe.calls[0].side is Side.SERVER


def _variants(scenario: Scenario) -> Iterator[tuple[Scenario, str]]:
    yield scenario, ""
    sender = cells.at_the_sender(scenario) if _moves(scenario) else None
    if sender is not None:
        yield sender, "at the sender"
    for each, at in ((scenario, ""), (sender, "at the sender, ")):
        with_data = in_flight(each) if each else None
        if with_data is not None:
            yield with_data, f"{at}data in flight"


def _moves(scenario: Scenario) -> bool:
    """Whether its drops are losses, all of them, and the sender's hook freezes the same pair.

    A request whose SYN-ACK the own firewall drops is gone after a second (reqsk_timer_handler);
    what a scanner sends from a raw socket is seen by no output hook before it was sent.
    """
    requests = State.SYN_RECV in (*scenario.expect.claim.client, *scenario.expect.claim.server)
    return not any(isinstance(s, Do) and s.action == "probe" for s in scenario.steps) and all(
        step.hook is Hook.INPUT
        and not step.nft
        and step.reject is None
        and not (requests and SYN | ACK in step.segments)
        for step in scenario.drops
    )


def in_flight(scenario: Scenario) -> Scenario | None:
    """The same with data sent just before the FIN that is lost, and lost with it.

    None where no FIN is: data that arrives changes other pairs into other pairs.
    """
    closers = [
        (number, step)
        for number, step in enumerate(scenario.steps)
        if isinstance(step, Do) and step.action in ("close", "shutdown")
    ]
    if not closers:
        return None
    number, closer = closers[-1]
    if not set(scenario.expect.claim.states(closer.side)) & CLOSING:
        return None
    steps: list[AnyStep] = list(scenario.steps)
    for at, step in enumerate(steps[:number]):
        if not isinstance(step, DropStep) or step.covers_fin or step.after:
            continue
        if FIN in step.segments and sender(step) is closer.side:
            steps[at] = replace(step, segments=(*step.segments, DATA))
            break
    else:
        return None
    steps.insert(number, Do(0, "", closer.side, "send", {"count": 300}))
    return replace(scenario, steps=tuple(steps))


def sender(drop: DropStep) -> Side:
    """Whose segments a drop loses."""
    return drop.side.peer if drop.hook is Hook.INPUT else drop.side


def _several(fitting: Sequence[tuple[Scenario, str]], chance: random.Random) -> Iterator[Injection]:
    """A few that do not reach beyond their own connection, and whose pair lasts."""
    able = [
        (scenario, variant)
        for scenario, variant in fitting
        if not any(isinstance(s, PlugStep) for s in scenario.steps)
        and not any(
            isinstance(s, Do) and (s.action in OF_THE_HOST or s.action == "option")
            for s in scenario.steps
        )
        and not {State.CLOSED} >= {*scenario.expect.claim.client, *scenario.expect.claim.server}
    ]
    ports = _ports(chance)
    for scenario, variant in chance.sample(able, chance.randint(*BROKEN_AT_ONCE)):
        yield moved(scenario, variant, ports)


def _ports(chance: random.Random) -> Iterator[int]:
    """Random ports, each of them once."""
    return iter(chance.sample(PORTS, 50))


# --- moving


def moved(scenario: Scenario, variant: str, free: Iterator[int]) -> Injection:
    """The scenario on other ports, with faults that touch its own connection only."""
    ports: dict[int, int] = {}

    def port(usual: int) -> int:
        if usual not in ports:
            ports[usual] = next(free)
        return ports[usual]

    server = port(PORT)
    mark = f"p{server}-"
    steps = tuple(_moved_step(step, port, mark) for step in scenario.steps)
    expect = replace(
        scenario.expect,
        dropped={mark + name: asked for name, asked in scenario.expect.dropped.items() if name},
        of=scenario.expect.of and mark + scenario.expect.of,
        rows={},
        sockets={},
        counters={},
        path={},
    )
    return Injection(replace(scenario, steps=steps, expect=expect), server, variant)


def _moved_step(step: AnyStep, port: Port, mark: str) -> AnyStep:
    match step:
        case Do(action="listen" | "connect" | "probe" | "flood"):
            given = dict(step.arguments)
            given["port"] = port(int(str(given.get("port", PORT))))
            if "source_port" in given:
                given["source_port"] = port(int(str(given["source_port"])))
            if "name" in given:
                given["name"] = f"{mark}{given['name']}"
            return replace(step, arguments=given)
        case Do(action="run"):
            command = [
                str(port(int(word))) if word.isdigit() and int(word) == PORT else word
                for word in step.arguments["command"]
            ]
            return replace(step, arguments={"command": command})
        case Do(action="accept") if "name" in step.arguments:
            return replace(step, arguments={"name": f"{mark}{step.arguments['name']}"})
        case Do() | Reach() if step.of:
            return replace(step, of=mark + step.of)
        case DropStep():
            return replace(step, name=mark + step.name, port=port(step.port or PORT))
        case FaultStep():
            return replace(step, name=mark + step.name)
        case Remove() if step.name is not None:
            return replace(step, name=mark + step.name)
    return step
