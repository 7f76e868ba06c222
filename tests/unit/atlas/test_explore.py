# SPDX-License-Identifier: GPL-2.0-or-later
"""The atlas's model: what it reaches, what it is shipped as, and that a wrong one is caught."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from netlab.atlas import cells, fsm, grid, store
from netlab.atlas.compose import healed_pair, name_of
from netlab.atlas.endpoint import Act, Endpoint, InFlight
from netlab.atlas.exchange import NOTHING
from netlab.atlas.explore import Bounds, Events, Reached, World, explore
from netlab.atlas.search import Recipe, recipes
from netlab.model.evidence import Cell, Evidence
from netlab.model.tcp import FIN, State, why_unreachable
from netlab.model.vocabulary import Pair
from netlab.render.grid import grid as drawn
from netlab.render.style import Style
from netlab.scenario import runner
from netlab.scenario.loader import load
from tests.build import evidence


@pytest.fixture(scope="module")
def reached() -> Reached:
    """Explored once: it takes seconds."""
    return explore()


@pytest.fixture(scope="module")
def found() -> dict[Pair, Recipe]:
    """Searched once."""
    return recipes()


def test_the_shipped_result_is_what_the_model_gives(reached: Reached) -> None:
    told = "run 'python -m netlab.atlas.store'"
    assert store.REACHABLE.read_text(encoding="utf-8") == store.as_json(reached), told


def test_the_shipped_scenarios_are_what_the_search_finds(found: dict[Pair, Recipe]) -> None:
    shipped = {path.name: path.read_text() for path in cells.CONSTANT.glob("*.yaml")}
    assert shipped == store.constant_cells(found), "run 'python -m netlab.atlas.store'"


def test_the_model_reaches_all_pairs_but_those_that_an_invariant_forbids(reached: Reached) -> None:
    wrong = [
        str(pair)
        for pair in store.pairs()
        if (pair in reached.traces) == (why_unreachable(pair.client, pair.server) is not None)
    ]
    assert wrong == []
    assert sum(pair in reached.traces for pair in store.pairs()) == 79


def test_a_trace_ends_in_its_pair(reached: Reached) -> None:
    wrong = [pair for pair, way in reached.traces.items() if way and way[-1][1] != pair]
    assert wrong == []


def test_constant_losses_freeze_sixty_eight_pairs(found: dict[Pair, Recipe]) -> None:
    assert len(found) == 68
    assert all(why_unreachable(pair.client, pair.server) is None for pair in found)


def test_no_loss_of_a_recipe_can_be_left_out(found: dict[Pair, Recipe]) -> None:
    fewer = recipes(most_losses=2)
    three = [recipe for recipe in found.values() if len(recipe.losses) == 3]
    assert three, "nothing needs three losses: the bound could be lower"
    assert all(recipe.pair not in fewer for recipe in three)


def test_every_pair_but_the_listener_alone_has_one_scenario() -> None:
    names = [scenario.name for scenario in cells.scenarios()]
    reachable = [name_of(p) for p in store.pairs() if not why_unreachable(p.client, p.server)]
    assert sorted(names) == sorted(reachable)


def test_a_scenario_by_hand_claims_the_pair_of_its_name() -> None:
    for path in cells.CROSSING.glob("*.yaml"):
        claim = load(path).expect.claim
        assert name_of(Pair(claim.client[0], claim.server[0])) == path.stem


def test_what_heals_is_another_pair(found: dict[Pair, Recipe]) -> None:
    lost = [recipe for recipe in found.values() if recipe.losses]
    assert any(healed_pair(recipe) != recipe.pair for recipe in lost)


# --- a wrong model, and a wrong observation


def _closes_at_once(self: Endpoint) -> Act:
    """FIN_WAIT1 skipped: as if a FIN needed no acknowledgment."""
    after = replace(self, state=State.FIN_WAIT2)
    return Act(after, (after._packet(FIN),))


def _takes_any_fin(self: Endpoint, packet: InFlight) -> Act:
    """A FIN moves ESTABLISHED to LAST_ACK: as if the application closed by itself."""
    if packet.kind is FIN and self.state is State.ESTABLISHED:
        after = replace(self, state=State.LAST_ACK)
        return Act(after, (after._packet(FIN),))
    return _PAYLOAD(self, packet)


_PAYLOAD = Endpoint._payload


@pytest.mark.parametrize(
    ("method", "wrong"), [("_finish", _closes_at_once), ("_payload", _takes_any_fin)]
)
def test_a_model_with_one_wrong_transition_is_caught(
    method: str,
    wrong: Callable[..., Act],
    found: dict[Pair, Recipe],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Already by what it finds with a single loss, which is quick to search."""
    simple = {pair: recipe for pair, recipe in found.items() if len(recipe.losses) <= 1}
    assert recipes(most_losses=1) == simple
    monkeypatch.setattr(Endpoint, method, wrong)
    assert recipes(most_losses=1) != simple


def test_a_frozen_pair_that_the_model_does_not_reach_is_caught(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scenarios = {scenario.name: scenario for scenario in cells.scenarios()}
    runs = {name: evidence(name, held_s=1.0) for name in scenarios}
    assert grid.disagreements(grid.draw(scenarios, runs)) == []
    known = store.reachable()
    monkeypatch.setattr(
        store, "reachable", lambda: {k: v for k, v in known.items() if "CLOSING" not in k}
    )
    found = grid.disagreements(grid.draw(scenarios, runs))
    assert "CLOSING/CLOSING was frozen, but is not reachable in the model" in found
    assert "CLOSING/CLOSING is not reachable in the model, but no invariant forbids it" in found


# --- the picture


@pytest.mark.parametrize("width", [80, 160])
def test_the_grid_fits(width: int) -> None:
    scenarios = {scenario.name: scenario for scenario in cells.scenarios()}
    runs = {
        name: evidence(name, outcome="fail" if name == "closing-and-closing" else "pass")
        for name in scenarios
    }
    picture = drawn(grid.draw(scenarios, runs), width, Style(False))
    table = picture.split("\n\n")[0].splitlines()
    assert max(map(len, table)) <= width
    assert len(table) == 2 + 10
    assert "○   1  the model reaches it, and this kernel did not" in picture
    assert "·  31  cannot be" in picture


# --- the model and the diagram


def moves_of_the_model() -> set[tuple[State, State]]:
    """Every change of one end's state that a single event makes; a listener alone is CLOSED."""
    start, events = World(NOTHING), Events(Bounds(packets=1))
    seen, waiting = {start}, deque([start])
    moves = set()
    while waiting:
        world = waiting.popleft()
        for _, following in events.of(world):
            moves |= {
                (before.state, after.state)
                for before, after in zip(world.ends, following.ends, strict=True)
                if before.state is not after.state
            }
            if following not in seen:
                seen.add(following)
                waiting.append(following)
    return moves


def test_the_model_and_the_diagram_have_the_same_transitions() -> None:
    def closed(state: State) -> State:
        return State.CLOSED if state is State.LISTEN else state

    arrows = {(closed(arrow.source), closed(arrow.target)) for arrow in fsm.ARROWS}
    arrows -= {(State.CLOSED, State.CLOSED)}
    moves = moves_of_the_model()
    # One segment can carry the ACK of the handshake and the FIN: two arrows in one event.
    assert moves - arrows == {(State.SYN_RECV, State.CLOSE_WAIT)}
    # The model has no SYN cookies, and no sockets that take a port out of TIME_WAIT.
    assert arrows - moves == {
        (State.CLOSED, State.ESTABLISHED),
        (State.TIME_WAIT, State.SYN_SENT),
    }


def test_each_cell_is_told_of_once_as_soon_as_both_of_its_runs_are_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    played = grid.scenarios()
    twin = next(one for one in played if one.name.endswith("-at-the-sender"))
    told: list[Cell] = []
    seen: list[tuple[str, int]] = []

    def play_all(*_: object) -> Iterator[tuple[int, Evidence]]:
        for number, one in enumerate(played):
            yield number, evidence(one.name)
            seen.append((one.name, len(told)))

    monkeypatch.setattr(runner, "play_all", play_all)
    whole = grid.play(played, runner.Options(), complete=told.append)
    assert len(told) == len(whole)
    assert {cell.pair: cell for cell in told} == {cell.pair: cell for cell in whole}
    before = dict(seen)
    first = twin.name.removesuffix("-at-the-sender")
    place = next(place for place, cell in enumerate(told) if cell.scenario == first)
    assert before[first] <= place < before[twin.name]
