# SPDX-License-Identifier: GPL-2.0-or-later
"""Keys that act on a real lab: what they do and say; and what was done can be played."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from functools import partial
from itertools import product
from pathlib import Path

import pytest

from netlab import scheduler
from netlab.linux.privileges import prepare
from netlab.live.controller import Controller
from netlab.live.session import HOLD, Session
from netlab.live.view import ViewBuilder
from netlab.model.errors import ActionFailed
from netlab.model.tcp import ACK, FIN, SYN, State, Timer
from netlab.model.vocabulary import Family, Pair, Side
from netlab.scenario import catalogue, loader, runner
from netlab.scenario.model import Do, Scenario
from netlab.testbed.lab import Lab

from .tools import wait

CLIENT, SERVER = Side.CLIENT, Side.SERVER


@pytest.fixture
def controller(lab: Lab) -> Controller:
    """A lab under somebody's hands, with nothing done yet."""
    return Controller(lab, Session())


@pytest.fixture
def connected(controller: Controller) -> Controller:
    """One end has connected, and the other has accepted it."""
    controller.listen(SERVER)
    controller.connect(CLIENT)
    reach(controller, State.ESTABLISHED, State.ESTABLISHED)
    controller.accept(SERVER)
    return controller


def until(controller: Controller, condition: Callable[[], bool]) -> None:
    """Tick as the screen does, until a condition holds."""

    def look() -> bool | None:
        controller.tick()
        return condition() or None

    assert wait(look), f"{controller.flow.pair}, {[note.text for note in controller.notes]}"


def reach(controller: Controller, client: State, server: State) -> None:
    until(controller, lambda: controller.flow.pair == Pair(client, server))


def play(controller: Controller, tmp_path: Path, settles: float = 0.0) -> str:
    """Write what was done once it has settled and holds, and play it: the outcome."""
    name = tmp_path / "mine.yaml"
    earliest = controller.lab.elapsed() + settles

    def holds() -> bool:
        now = controller.lab.elapsed()
        return now > earliest and now - controller.session.pair_at(now)[0] > HOLD

    until(controller, holds)
    packets = ViewBuilder(controller).packets
    name.write_text(
        controller.session.written("A test.", controller.lab.elapsed(), packets, name.stem)
    )
    evidence = runner.play(loader.load(name), runner.Options(family=controller.lab.family))
    return f"{evidence.outcome} {evidence.reason} {evidence.failure or ''}".strip()


def texts(controller: Controller) -> list[str]:
    return [note.text for note in controller.notes]


def test_a_lost_fin_is_made_written_and_played(connected: Controller, tmp_path: Path) -> None:
    connected.drop(SERVER, FIN)
    connected.close(CLIENT)
    reach(connected, State.FIN_WAIT1, State.ESTABLISHED)
    assert play(connected, tmp_path) == "pass"


def test_what_healed_it_is_played_too(connected: Controller, tmp_path: Path) -> None:
    connected.drop(SERVER, FIN)
    connected.close(CLIENT)
    since = connected.lab.elapsed()
    until(connected, lambda: connected.lab.elapsed() - since > 1.2)
    connected.heal()
    reach(connected, State.FIN_WAIT2, State.CLOSE_WAIT)
    assert play(connected, tmp_path) == "pass"
    assert "healed:" in (tmp_path / "mine.yaml").read_text()


def test_a_refused_connect_is_told_and_played(controller: Controller, tmp_path: Path) -> None:
    controller.connect(CLIENT)
    until(
        controller, lambda: "client connect: ECONNREFUSED, connection refused" in texts(controller)
    )
    assert controller.applications[CLIENT] == "connect: ECONNREFUSED"
    assert play(controller, tmp_path) == "pass"
    assert "fails: ECONNREFUSED" in (tmp_path / "mine.yaml").read_text()


def test_data_half_close_and_the_end_are_played(connected: Controller, tmp_path: Path) -> None:
    connected.send(CLIENT, "hello")
    connected.read(SERVER)
    connected.send(SERVER, "3000 bytes")
    connected.read(CLIENT)
    connected.shutdown(CLIENT)
    reach(connected, State.FIN_WAIT2, State.CLOSE_WAIT)
    assert "the peer has sent its FIN" in connected.read(SERVER)
    assert play(connected, tmp_path) == "pass"


def test_held_packets_and_an_undone_fault_are_played(connected: Controller, tmp_path: Path) -> None:
    connected.drop(CLIENT, ACK)
    connected.plug(CLIENT)
    connected.shutdown(CLIENT)
    reach(connected, State.FIN_WAIT1, State.ESTABLISHED)
    connected.remove("drop-ack")
    connected.plug(CLIENT)
    reach(connected, State.FIN_WAIT2, State.CLOSE_WAIT)
    connected.abort(SERVER)
    reach(connected, State.CLOSED, State.LISTEN)
    assert play(connected, tmp_path) == "pass"


def test_a_rejected_syn_is_played(controller: Controller, tmp_path: Path) -> None:
    controller.listen(SERVER)
    controller.drop(SERVER, SYN, answer="admin-prohibited")
    controller.connect(CLIENT)
    until(controller, lambda: any("client connect: E" in text for text in texts(controller)))
    assert play(controller, tmp_path) == "pass"


NAMES = ("fins-cross", "ack-of-fin-dropped-by-servers-firewall", "accept-queue-full")
Going = tuple[str, bool, Family]  # a scenario, whether it is healed, and its family


@pytest.fixture(scope="module")
def gone_on(tmp_path_factory: pytest.TempPathFactory) -> dict[Going, list[str]]:
    """What came of each frozen pair that went on: all side by side, for all of them wait."""
    outcomes: dict[Going, list[str]] = {
        going: [] for going in product(NAMES, (True, False), Family)
    }

    def go_on(going: Going) -> None:
        name, heals, family = going

        def frozen(lab: Lab, scenario: Scenario) -> None:
            controller = Controller(lab, Session(scenario))
            if heals and controller.session.in_force:
                controller.heal()
            else:
                with contextlib.suppress(ActionFailed):  # both may have closed already
                    controller.close(CLIENT)
                    controller.close(SERVER)
                controller.plug(SERVER)
            outcomes[going].append(play(controller, tmp_path_factory.mktemp("going"), settles=2.0))

        runner.play(catalogue.one(name), runner.Options(family=family, frozen=frozen))

    prepare()
    for _ in scheduler.side_by_side([partial(go_on, going) for going in outcomes], len(outcomes)):
        pass
    return outcomes


@pytest.mark.parametrize("heals", [True, False], ids=["healed", "closed"])
@pytest.mark.parametrize("name", NAMES)
def test_a_frozen_scenario_goes_on_and_is_played(
    name: str, heals: bool, netlab_family: Family, gone_on: dict[Going, list[str]]
) -> None:
    assert gone_on[name, heals, netlab_family] == ["pass"]


# --- what cannot be done


def test_every_call_without_a_connection_says_which_key_makes_one(controller: Controller) -> None:
    for call in (
        controller.read,
        controller.shutdown,
        controller.close,
        controller.abort,
        controller.vanish,
    ):
        with pytest.raises(ActionFailed, match="client has no connection: press c"):
            call(CLIENT)
    with pytest.raises(ActionFailed, match="server does not listen: press l"):
        controller.accept(SERVER)
    with pytest.raises(ActionFailed, match="nothing is in force"):
        controller.heal()
    assert not controller.session.deeds


def test_what_would_wait_says_so_at_once(controller: Controller) -> None:
    controller.listen(SERVER)
    with pytest.raises(ActionFailed, match="nothing to accept"):
        controller.accept(SERVER)
    controller.drop(SERVER, SYN)
    controller.connect(CLIENT)
    reach(controller, State.SYN_SENT, State.LISTEN)
    with pytest.raises(ActionFailed, match="client is not connected yet"):
        controller.send(CLIENT, "hello")
    with pytest.raises(ActionFailed, match="client has nothing to read"):
        controller.read(CLIENT)


def test_a_full_queue_takes_a_part_and_then_nothing(connected: Controller) -> None:
    said = connected.send(CLIENT, "9000000 bytes")
    sent = int(said.split()[2])
    assert 0 < sent < 9_000_000
    step = connected.session.deeds[-1].step
    assert isinstance(step, Do)
    assert step.arguments == {"count": sent}


def test_an_error_of_a_call_is_in_words_and_in_the_file(connected: Controller) -> None:
    connected.abort(SERVER)
    reach(connected, State.CLOSED, State.LISTEN)
    with pytest.raises(ActionFailed, match="client read 1: ECONNRESET, connection reset by peer"):
        connected.read(CLIENT)
    with pytest.raises(ActionFailed, match="EADDRINUSE"):
        connected.listen(SERVER)
    done = [deed.step for deed in connected.session.deeds[-2:]]
    steps = [step.fails for step in done if isinstance(step, Do)]
    assert [{*fails.values()} for fails in steps] == [{"ECONNRESET"}, {"EADDRINUSE"}]


def test_a_closed_socket_is_let_go_of(connected: Controller) -> None:
    connected.close(CLIENT)
    with pytest.raises(ActionFailed, match="client has let go of its socket"):
        connected.close(CLIENT)


def test_close_without_a_connection_closes_the_listener(controller: Controller) -> None:
    controller.listen(SERVER)
    assert controller.close(SERVER) == "server closes its listener"
    reach(controller, State.CLOSED, State.CLOSED)


# --- what is seen


def test_the_view_has_state_timer_queues_and_counts(connected: Controller) -> None:
    connected.drop(SERVER, FIN)
    looker = ViewBuilder(connected)
    connected.close(CLIENT)

    def sent_again() -> bool:
        row = connected.flow.rows[CLIENT]
        return row is not None and row.retransmits > 0

    until(connected, sent_again)
    looker.count()
    view = looker.look()
    client, server = view.ends
    assert (client.state, server.state) == (State.FIN_WAIT1, State.ESTABLISHED)
    assert client.row is not None
    assert (client.row.timer, client.row.tx_queue, client.row.inode) == (Timer.RETRANSMIT, 1, 0)
    assert 0 < client.share <= 1
    assert client.application == "close"
    (fault,) = view.faults
    assert (fault.what, fault.packets and fault.packets >= 2) == ("FIN lost to server", True)
    counted = {each.name: (each.client, each.server) for each in view.counters}
    assert counted["TcpRetransSegs"][0] >= 1
    assert "client ESTABLISHED → FIN_WAIT1" in texts(connected)
