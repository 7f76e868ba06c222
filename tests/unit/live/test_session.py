# SPDX-License-Identifier: GPL-2.0-or-later
"""What was done at the keys becomes a scenario: where it waits, what it expects, what heals it."""

from __future__ import annotations

from pathlib import Path

import pytest

from netlab.live.saving import save
from netlab.live.session import NOWHERE, Session
from netlab.model.errors import ScenarioError
from netlab.model.tcp import FIN, RST, Segment, State
from netlab.model.vocabulary import ExpectedPair, Hook, Pair, Side
from netlab.scenario import catalogue, loader
from netlab.scenario.model import Do, DropStep, PlugStep, Reach, Remove, Scenario

CLIENT, SERVER = Side.CLIENT, Side.SERVER
NOTHING = Pair(State.CLOSED, State.CLOSED)
LISTENING = Pair(State.CLOSED, State.LISTEN)
OPEN = Pair(State.ESTABLISHED, State.ESTABLISHED)
LOST = Pair(State.FIN_WAIT1, State.ESTABLISHED)
TAKEN = Pair(State.FIN_WAIT2, State.CLOSE_WAIT)


def do(side: Side, action: str, **arguments: object) -> Do:
    return Do(*NOWHERE, side, action, arguments)


def lose(segment: Segment, side: Side, name: str = "drop-fin") -> DropStep:
    return DropStep(*NOWHERE, name, side, Hook.INPUT, (segment,))


HEAL = Remove(*NOWHERE, None)


def opened() -> Session:
    """A connection that was opened at the keys."""
    session = Session()
    session.saw(0.0, NOTHING)
    session.did(1.0, do(SERVER, "listen"))
    session.saw(1.02, LISTENING)
    session.did(2.0, do(CLIENT, "connect"))
    session.saw(2.02, OPEN)
    return session


def fin_lost() -> Session:
    """One end has closed it, and its FIN is lost."""
    session = opened()
    session.did(3.0, lose(FIN, SERVER))
    session.did(4.0, do(CLIENT, "close"))
    session.saw(4.02, LOST)
    return session


def read(session: Session, now: float, **dropped: int) -> Scenario:
    counts = {name.replace("_", "-"): count for name, count in dropped.items()}
    return loader.parse(session.written("A story.", now, counts, "mine"), Path("mine.yaml"))


def claim(pair: Pair) -> ExpectedPair:
    return ExpectedPair((pair.client,), (pair.server,))


def test_a_session_reads_as_a_person_would_write_it() -> None:
    assert fin_lost().written("The FIN never arrives.", 9.0, {"drop-fin": 3}, "mine") == (
        "# The FIN never arrives.\n"
        "source: netlab lab\n"
        "steps:\n"
        "  - server: listen\n"
        "  - client: connect\n"
        "  - reach: {client: ESTABLISHED, server: ESTABLISHED}\n"
        "  - drop: {segment: FIN, to: server}\n"
        "  - client: close\n"
        "expect:\n"
        "  pair: {client: FIN_WAIT1, server: ESTABLISHED}\n"
        "  hold: 1s\n"
        "  cause: 'still in force: FIN lost to server; how it heals was not tried'\n"
    )


def test_nothing_done_is_nothing_to_write() -> None:
    with pytest.raises(ScenarioError, match="no key has done anything"):
        read(Session(), 9.0)


def test_what_began_with_a_story_in_python_cannot_be_written() -> None:
    session = Session(catalogue.one("socket-is-connected-with-itself"))
    session.saw(0.1, OPEN)
    session.did(5.0, do(CLIENT, "close"))
    with pytest.raises(ScenarioError, match="a story in Python did cannot be written as steps"):
        read(session, 12.0)


def test_what_began_with_hops_on_the_way_has_them_again() -> None:
    scenario = catalogue.one("nat-that-remembers")
    session = Session(scenario)
    session.saw(0.1, OPEN)
    session.did(5.0, do(CLIENT, "close"))
    session.saw(5.1, TAKEN)
    assert list(session.in_force) == ["nat"]
    assert [hop.name for hop in read(session, 12.0).way] == ["nat"]


def test_a_pair_that_has_just_changed_is_not_written() -> None:
    with pytest.raises(ScenarioError, match=r"the pair changed 0\.5 s ago"):
        read(fin_lost(), 4.52)


def test_faults_lifted_last_are_the_healing_of_the_pair_before() -> None:
    session = fin_lost()
    session.did(8.0, HEAL)
    session.saw(8.6, TAKEN)
    scenario = read(session, 10.0, drop_fin=3)
    assert scenario.expect.claim == claim(LOST)
    assert scenario.expect.healed is not None
    assert scenario.expect.healed.claim == claim(TAKEN)
    assert not [step for step in scenario.steps if isinstance(step, Remove)]


def test_a_healing_that_has_not_come_yet_is_not_claimed() -> None:
    session = fin_lost()
    session.did(8.0, HEAL)
    scenario = read(session, 10.0, drop_fin=3)
    assert scenario.expect.claim == claim(LOST)
    assert scenario.expect.healed is None
    assert "still in force" in scenario.expect.cause
    assert not [step for step in scenario.steps if isinstance(step, Remove)]


def test_what_is_done_after_the_healing_is_a_step_like_others() -> None:
    session = fin_lost()
    session.did(8.0, HEAL)
    session.saw(8.6, TAKEN)
    session.did(9.0, do(SERVER, "accept"))
    scenario = read(session, 11.0, drop_fin=3)
    assert scenario.expect.claim == claim(TAKEN)
    assert [type(step) for step in scenario.steps[-3:]] == [Reach, Remove, Do]


@pytest.mark.parametrize(("packets", "asked"), [(0, True), (1, False), (9, False)])
def test_of_a_fault_that_has_dropped_nothing_nothing_is_asked(packets: int, asked: bool) -> None:
    expect = read(fin_lost(), 9.0, drop_fin=packets).expect
    assert expect.may_drop_nothing("drop-fin") is asked
    assert bool(expect.dropped) is asked


def refused_data(last: Pair, before: int) -> Session:
    """A RST was lost, and has not been needed since this pair came."""
    session = opened()
    session.did(3.0, lose(RST, SERVER, "drop-rst"))
    session.did(3.5, do(CLIENT, "abort"))
    session.saw(4.02, last, lambda: {"drop-rst": before})
    return session


@pytest.mark.parametrize(
    ("last", "before", "asked"),
    [
        (LOST, 1, True),  # FIN_WAIT1 repeats its FIN, and the fault does not lose that
        (LOST, 0, False),
        (Pair(State.CLOSED, State.ESTABLISHED), 1, False),  # nobody repeats anything
    ],
)
def test_of_a_fault_that_has_acted_only_before_the_pair_nothing_is_asked(
    last: Pair, before: int, asked: bool
) -> None:
    scenario = read(refused_data(last, before), 9.0, drop_rst=1)
    assert scenario.expect.may_drop_nothing("drop-rst") is asked
    assert [step.name for step in scenario.drops] == ["drop-rst" if asked else "drop-1"]


def test_what_took_long_is_waited_for() -> None:
    session = opened()
    session.did(3.0, do(CLIENT, "shutdown"))
    session.saw(63.0, Pair(State.FIN_WAIT2, State.CLOSE_WAIT))
    session.did(70.0, do(SERVER, "shutdown"))
    session.saw(80.0, Pair(State.TIME_WAIT, State.LISTEN))
    scenario = read(session, 90.0)
    reach = scenario.steps[-2]
    assert isinstance(reach, Reach)
    assert (reach.claim, reach.within) == (claim(TAKEN), 95.0)
    assert scenario.expect.within == 20.0


def test_an_error_that_comes_soon_is_expected_of_the_call() -> None:
    session = Session()
    session.saw(0.0, NOTHING)
    session.did(1.0, do(CLIENT, "connect"))
    session.failed(1.1, "ECONNREFUSED")
    (step,) = read(session, 5.0).steps
    assert isinstance(step, Do)
    assert {*step.fails.values()} == {"ECONNREFUSED"}


def test_an_error_that_comes_late_is_not_waited_for() -> None:
    session = Session()
    session.saw(0.0, NOTHING)
    session.did(1.0, do(CLIENT, "connect"))
    session.failed(130.0, "ETIMEDOUT")
    (step,) = read(session, 135.0).steps
    assert isinstance(step, Do)
    assert not step.fails


def test_a_frozen_scenario_goes_on_where_it_was_frozen() -> None:
    scenario = catalogue.one("synack-dropped")
    session = Session(scenario)
    session.saw(0.1, Pair(State.SYN_SENT, State.SYN_RECV))
    assert [*session.in_force] == ["drop-1"]
    session.did(5.0, Remove(*NOWHERE, "drop-1"))
    assert not session.in_force
    session.saw(7.0, OPEN)
    session.did(9.0, do(CLIENT, "close"))
    session.saw(9.1, TAKEN)
    again = read(session, 12.0, drop_1=4)
    assert again.source == "netlab freeze synack-dropped"
    kinds = [type(step) for step in again.steps]
    assert kinds == [Do, DropStep, Do, Reach, Remove, Reach, Do]
    assert again.drops[0].name == "drop-1"


def test_every_fault_has_a_name_of_its_own() -> None:
    session = Session()
    session.did(1.0, lose(FIN, SERVER, session.free_name("drop-fin")))
    session.did(2.0, lose(FIN, CLIENT, session.free_name("drop-fin")))
    session.did(3.0, PlugStep(*NOWHERE, name=session.free_name("plug-client"), sides=(CLIENT,)))
    assert [*session.in_force] == ["drop-fin", "drop-fin-2", "plug-client"]
    session.did(4.0, Remove(*NOWHERE, "drop-fin"))
    assert [*session.in_force] == ["drop-fin-2", "plug-client"]
    session.did(5.0, HEAL)
    assert not session.in_force


# --- the file


def written(session: Session, path: Path, confirmed: bool = False) -> tuple[str, bool]:
    return save(session, str(path), "A story.", 9.0, {"drop-fin": 3}, confirmed)


def test_a_file_is_written_and_can_be_read(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    assert written(fin_lost(), path) == ("", False)
    assert loader.load(path).story == "A story."
    assert len(path.read_text().splitlines()) <= 20


def test_what_is_there_is_overwritten_only_when_asked_twice(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("precious")
    why, asks = written(fin_lost(), path)
    assert asks
    assert "already exists" in why
    assert path.read_text() == "precious"
    assert written(fin_lost(), path, confirmed=True) == ("", False)
    assert loader.load(path).name == "mine"
    assert [*tmp_path.iterdir()] == [path]


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("no/such/folder/mine.yaml", "cannot be written: No such file or directory"),
        ("mine.txt", "is called something.yaml"),
        (".yaml", "is called something.yaml"),
        ("", "is called something.yaml"),
    ],
)
def test_what_cannot_be_written_is_told(name: str, says: str, tmp_path: Path) -> None:
    why, asks = written(fin_lost(), tmp_path / name)
    assert says in why
    assert not asks
    assert [*tmp_path.iterdir()] == []


def test_what_is_no_scenario_is_not_written(tmp_path: Path) -> None:
    session = opened()
    session.did(3.0, do(CLIENT, "vanish"))
    session.saw(3.1, Pair(State.FIN_WAIT2, State.ESTABLISHED))  # as TCP never has it
    why, _ = written(session, tmp_path / "mine.yaml")
    assert "cannot be: FIN_WAIT2 needs a peer that took the FIN" in why
    assert [*tmp_path.iterdir()] == []
