# SPDX-License-Identifier: GPL-2.0-or-later
"""The three proofs, each asked for what is not so: reached and held, caused, healed.

`BROKEN` takes one part of a proof at a time out of netlab, in a copy of it, and names the test here
that fails then.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from netlab import scheduler
from netlab.model.errors import LabError, NotHeld
from netlab.model.evidence import Evidence
from netlab.model.tcp import ACK, SYN, State
from netlab.scenario import loader, runner
from netlab.testbed import expect
from netlab.testbed.lab import Lab
from tests.build import scenario

from .test_refusals import answered

ESTABLISHED = (State.ESTABLISHED, State.ESTABLISHED)
CLOSED = (State.FIN_WAIT2, State.CLOSE_WAIT)


@pytest.fixture
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is not to come is waited for no longer than this."""
    monkeypatch.setattr(expect, "GRACE", 0.3)
    monkeypatch.setattr(runner, "PATIENCE", 0.3)


@pytest.fixture
def lab() -> Iterator[Lab]:
    """One family is enough: what is proven of a pair is above that."""
    with Lab() as lab:
        lab.server.listen()
        lab.client.connect()
        lab.server.accept()
        yield lab


def later(seconds: float, do: Callable[[], object], expecting: Callable[[], object]) -> None:
    """Do something some seconds after somebody began to expect a pair."""

    def act() -> None:
        scheduler.wait(lambda: None, scheduler.now() + seconds)
        do()

    assert len(list(scheduler.side_by_side([expecting, act], jobs=2))) == 2


# --- reached


def test_a_pair_that_does_not_come_is_not_reached(lab: Lab, hurry: None) -> None:
    for within in (None, 0.1):
        began = scheduler.now()
        with pytest.raises(NotHeld, match=r"^pair not reached"):
            lab.expect(*CLOSED, within=within)
        assert scheduler.now() - began >= (within or 0.3)


def test_both_ends_must_come(lab: Lab) -> None:
    for pair in ((ESTABLISHED[0], CLOSED[1]), (CLOSED[0], ESTABLISHED[1])):
        with pytest.raises(NotHeld, match=r"^pair not reached"):
            lab.expect(*pair, within=0.1)


def test_a_pair_that_comes_late_is_reached(lab: Lab) -> None:
    later(0.2, lab.client.close, lambda: lab.expect(*CLOSED, within=5))


def test_a_machine_may_take_seconds_where_no_timer_runs(
    lab: Lab,
) -> None:
    later(1.5, lab.client.close, lambda: lab.expect(*CLOSED))


def test_a_pair_that_a_timer_brings_is_waited_for(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The SYN-ACK is sent again after a second."""
    monkeypatch.setattr(expect, "GRACE", 1.5)
    lab.drop(SYN | ACK, to=lab.client, first=1)
    lab.client.connect(wait=False)
    lab.expect(State.SYN_SENT, State.SYN_RECV)
    assert lab.expect(*ESTABLISHED).since > 0.9


# --- held


def test_a_pair_that_is_left_is_not_held(lab: Lab) -> None:
    with pytest.raises(NotHeld, match=r"^pair not held, left after \d"):
        later(0.1, lab.client.close, lambda: lab.expect(*ESTABLISHED, hold=0.5))


def test_it_is_held_for_as_long_as_was_asked_and_seen_all_the_time(lab: Lab) -> None:
    held = lab.expect(*ESTABLISHED, hold=0.4)
    assert held.seconds >= 0.4
    assert held.seconds == held.until - held.start < lab.elapsed()
    assert held.samples >= held.seconds / held.gap
    assert held.since <= held.start < held.until


def test_states_by_turns_must_each_be_seen(lab: Lab, hurry: None) -> None:
    both = [State.ESTABLISHED, State.FIN_WAIT2]
    one = [State.ESTABLISHED]
    for client, server in ((both, one), (one, both)):
        with pytest.raises(NotHeld, match=r"^never seen alternating as "):
            lab.expect(client, server, hold=0.05)


def test_a_hold_that_nobody_looked_at_is_none(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expect, "TOLERATED", 0.1)

    def busy() -> bool:
        time.sleep(0.2)
        return False

    with pytest.raises(LabError, match=r"\d+\.\d+ s between two samples .*so 3 times"):
        lab.expect(*ESTABLISHED, hold=0.05, dropped=busy)


# --- caused


def test_a_hold_without_its_drops_is_not_caused(lab: Lab, hurry: None) -> None:
    with pytest.raises(NotHeld, match=r"^pair held, but the wrong number of packets") as caught:
        lab.expect(*ESTABLISHED, hold=0.05, dropped=lambda: False)
    assert caught.value.held


STUCK = ("server: listen", "client: connect", "server: accept",
         "drop: {segment: DATA, to: server, as: data}", "drop: {segment: RST, to: server}",
         "client: {send: hello}")  # fmt: skip
PAIR = "ESTABLISHED/ESTABLISHED"


def played(folder: Path, *lines: str) -> Evidence:
    """What came of a connection whose data is lost, and whose resets would be."""
    path = folder / "mine.yaml"
    path.write_text(scenario(*STUCK, pair=PAIR, expect=("hold: 50ms", *lines)))
    return answered(loader.load(path))


@pytest.mark.parametrize(
    "dropped", ["dropped: at least 1", "dropped: {data: at least 1}", "within: 5s"]
)
def test_a_fault_that_matched_nothing_is_no_cause(
    tmp_path: Path, hurry: None, dropped: str
) -> None:
    run = played(tmp_path, dropped, "cause: a test")
    assert run.failure is not None
    assert run.failure.summary.endswith(" by drop-1; found 0")


def test_a_fault_that_acted_only_before_is_no_cause(tmp_path: Path, hurry: None) -> None:
    path = tmp_path / "mine.yaml"
    once = ("server: listen", "drop: {segment: SYN|ACK, to: client, first: 1}", "client: connect")
    path.write_text(scenario(*once, pair=PAIR, expect=("hold: 50ms", "cause: a test")))
    run = answered(loader.load(path))
    assert run.failure is not None
    assert "drop-1 dropped 1 packet before the pair was reached, and none" in run.failure.summary


def test_a_cause_that_matched_is_one(tmp_path: Path) -> None:
    assert played(tmp_path, "dropped: {drop-1: none}", "cause: a test").outcome == "pass"


# --- healed

QUEUED = ("dropped: {drop-1: none}", "rows: {client: {timer: retransmit, tx_queue: 5}}")


def test_what_heals_comes(tmp_path: Path) -> None:
    run = played(tmp_path, *QUEUED, "healed: {client: ESTABLISHED, server: ESTABLISHED}")
    assert (run.outcome, str(run.healed)) == ("pass", PAIR), run


def test_a_pair_that_does_not_heal_is_refused(tmp_path: Path, hurry: None) -> None:
    run = played(tmp_path, QUEUED[0], "healed: {client: CLOSED, server: CLOSED}")
    assert run.failure is not None
    assert run.failure.summary.startswith("pair not reached")
    assert run.failure.line == 13


def test_a_pair_that_only_stays_has_not_healed(tmp_path: Path, hurry: None) -> None:
    run = played(
        tmp_path,
        *QUEUED,
        "heal: [remove: drop-1]",
        "healed: {client: ESTABLISHED, server: ESTABLISHED}",
    )
    assert run.failure is not None
    assert run.failure.summary.startswith("healed: nothing has healed within ")


# --- and if netlab did not ask


class Broken(NamedTuple):
    """A part of a proof that is taken out, and the test that must fail then."""

    module: str
    old: str
    new: str
    test: str


PROOF, CAUSED, RUNNER = "testbed/expect.py", "scenario/caused.py", "scenario/runner.py"
BROKEN = {
    "whatever comes is reached": Broken(
        PROOF, "if not reached:", "if False:", "test_a_pair_that_does_not_come_is_not_reached"
    ),
    "one end is enough": Broken(
        "model/vocabulary.py", "and pair.server in self.server", "",
        "test_both_ends_must_come",
    ),
    "a pair may be left": Broken(
        PROOF, "if not claim.admits(flow.pair):", "if False:",
        "test_a_pair_that_is_left_is_not_held",
    ),
    "half as long is enough": Broken(
        PROOF, "at - reached < hold", "at - reached < hold / 2",
        "test_it_is_held_for_as_long_as_was_asked_and_seen_all_the_time",
    ),
    "nobody need look": Broken(
        PROOF, "if alone > _tolerated(flow, claim, before):", "if False:",
        "test_a_hold_that_nobody_looked_at_is_none",
    ),
    "one of two states is enough": Broken(
        PROOF, "(not hold or _flickered(claim, seen))", "True",
        "test_states_by_turns_must_each_be_seen",
    ),
    "drops are never asked for": Broken(
        PROOF, "if enough() and", "if", "test_a_hold_without_its_drops_is_not_caused"
    ),
    "any number of drops is right": Broken(
        CAUSED, "if found not in asked:", "if False:",
        "test_a_fault_that_matched_nothing_is_no_cause",
    ),
    "a fault need not match beside another": Broken(
        CAUSED, "for fault in faults:", "for fault in faults[:1]:",
        "test_a_fault_that_matched_nothing_is_no_cause",
    ),
    "what was dropped before is cause enough": Broken(
        CAUSED, "elif found and lasting and not lab.tally.while_held(fault):", "elif False:",
        "test_a_fault_that_acted_only_before_is_no_cause",
    ),
    "nothing need heal": Broken(
        RUNNER, 'self._reach("healed", expect.healed.claim)', "pass",
        "test_a_pair_that_does_not_heal_is_refused",
    ),
    "a pair that stays has healed": Broken(
        RUNNER, "self._see_it_undone()\n", "pass\n", "test_a_pair_that_only_stays_has_not_healed"
    ),
}  # fmt: skip
HOME = Path(__file__).parent.parent.parent


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What these tests need, to be broken."""
    folder = tmp_path_factory.mktemp("netlab")
    for name in ("netlab", "tests"):
        shutil.copytree(HOME / name, folder / name)
    shutil.copy(HOME / "pyproject.toml", folder)
    return folder


def outcome(folder: Path, test: str) -> tuple[int, str]:
    """What pytest says of one test here, as the copy in this folder plays it."""
    here = str(Path(__file__).relative_to(HOME))
    asked = [sys.executable, "-m", "pytest", "-xq", "-p", "no:cacheprovider", "-k", test, here]
    # A file that changes twice within a second could be taken for what was compiled before.
    fresh = os.environ | {"PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(asked, cwd=folder, env=fresh, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout


def test_whole_the_copy_passes(copy: Path) -> None:
    names = " or ".join({broken.test for broken in BROKEN.values()})
    code, said = outcome(copy, names)
    assert code == 0, said


@pytest.mark.parametrize("name", BROKEN)
def test_each_part_of_a_proof_has_a_test_that_misses_it(copy: Path, name: str) -> None:
    broken = BROKEN[name]
    path = copy / "netlab" / broken.module
    whole = path.read_text()
    assert whole.count(broken.old) == 1, "the part is written otherwise now: say how, in BROKEN"
    try:
        path.write_text(whole.replace(broken.old, broken.new))
        code, said = outcome(copy, broken.test)
    finally:
        path.write_text(whole)
    assert code == 1, said
    assert broken.test in said
    assert " error" not in said.splitlines()[-1]


def test_who_expects_closed_of_an_end_that_listens_is_told_so(lab: Lab) -> None:
    lab.client.close()
    lab.server.close()
    with pytest.raises(NotHeld) as failed:
        lab.expect(client=State.TIME_WAIT, server=State.CLOSED, within=0.3)
    said = "the server still listens: LISTEN says so, CLOSED is an end without a socket"
    assert failed.value.failure.notes[-1] == said
    lab.expect(client=State.TIME_WAIT, server=State.LISTEN)
