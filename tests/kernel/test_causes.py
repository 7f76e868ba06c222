# SPDX-License-Identifier: GPL-2.0-or-later
"""Every fault of every scenario is its cause: without it, the pair does not come."""

from __future__ import annotations

import functools
from dataclasses import replace
from pathlib import Path

from netlab.model.evidence import Evidence
from netlab.model.vocabulary import Family
from netlab.scenario import catalogue, counterfactual, loader, runner, stories
from netlab.scenario.model import FaultStep, Scenario

from ..build import evidence, scenario, states

OPEN = "ESTABLISHED/ESTABLISHED"
OTHERS_SYN = (
    "server: listen",
    "client: {connect: {as: main}}",
    "server: accept",
    "drop: {segment: SYN, to: server, port: 9, as: idle}",
    "client: {connect: {port: 9, as: other}}",
)
STORY = '''\
from netlab import Lab, State, story


@story(source="here", cause="this is a test")
def syn_ack_is_lost(lab: Lab) -> None:
    """One rule is its cause, one is about another connection, and one comes later."""
    lab.server.listen()
    lab.drop("SYN", to="server", port=9, name="idle")
    lab.drop("SYN|ACK", to="client", name="cause")
    lab.client.connect(9, wait=False)
    lab.client.connect(wait=False)
    lab.expect(State.SYN_SENT, State.SYN_RECV, hold=0.1, dropped=lambda: True)
    lab.plug("client", name="later")
    assert lab.dropped("idle"), "a story without a fault has ended by now"
'''


def mine(*steps: str, pair: str = OPEN, expect: tuple[str, ...] = ()) -> Scenario:
    text = scenario(*steps, pair=pair, expect=("hold: 100ms", "cause: this is a test", *expect))
    return loader.parse(text, Path("mine.yaml"))


def proven(played: Scenario) -> Evidence:
    [(_, run)] = counterfactual.play_all([played], runner.Options())
    return run


def told(run: Evidence) -> dict[str, str]:
    return {each.fault: each.found for each in run.counterfactuals}


@functools.cache
def everything(family: Family) -> tuple[tuple[Scenario, Evidence], ...]:
    """Every scenario of seconds, and what came of it without each of its faults."""
    scenarios = catalogue.everything(slow=False)
    played = counterfactual.play_all(scenarios, runner.Options(family))
    return tuple((scenarios[number], run) for number, run in played)


def test_no_pair_comes_without_one_of_the_faults(netlab_family: Family) -> None:
    played = everything(netlab_family)
    assert len(played) == len(catalogue.everything(slow=False))
    wrong = {run.scenario: run for _, run in played if run.outcome not in ("pass", "skip")}
    assert not wrong
    tried = [each for _, run in played for each in run.counterfactuals]
    assert len(tried) > 50, "hardly any scenario has a fault: there is nothing to prove"
    assert all(each.needed for each in tried)


def test_each_fault_of_a_file_is_left_out_once(netlab_family: Family) -> None:
    for played, run in everything(netlab_family):
        if run.outcome == "pass" and played.code is None:
            faults = [
                step.name
                for step in played.prepared
                if isinstance(step, FaultStep) and not played.expect.may_drop_nothing(step.name)
            ]
            assert [each.fault for each in run.counterfactuals] == faults, run.scenario


def test_what_came_instead_is_said() -> None:
    found = {run.scenario: told(run) for _, run in everything(Family.IPV4)}
    assert found["syn-dropped"] == {
        "drop-1": "SYN_SENT/LISTEN was not reached (ESTABLISHED/ESTABLISHED)"
    }
    assert found["ack-of-fin-dropped"] == {
        "drop-1": "FIN_WAIT1/CLOSE_WAIT was not held (FIN_WAIT2/CLOSE_WAIT)"
    }
    assert found["data-dropped"] == {"drop-1": "client: expected timer retransmit; found none"}
    assert found["every-state-in-order"]["third-ack"] == (  # on the way, in a step
        "ESTABLISHED/SYN_RECV was not reached (ESTABLISHED/ESTABLISHED)"
    )
    assert found["syn-rejected-with-tcp-reset"] == {
        "reject-1": ("client: connect, fails: ECONNREFUSED: expected ECONNREFUSED; found no error")
    }


def test_a_fault_without_which_the_pair_is_held_all_the_same_is_no_cause() -> None:
    played = mine(*OTHERS_SYN, expect=("of: main",))
    assert runner.play(played).outcome == "pass"
    run = proven(played)
    assert run.outcome == "fail"
    assert run.failure is not None
    assert run.failure.summary == (
        f"idle is no cause of the pair: without it, {OPEN} is reached and held all the same"
    )
    assert run.failure.line == 6
    [tried] = run.counterfactuals
    assert (tried.needed, tried.observed) == (False, states(OPEN))


def test_a_fault_that_changes_only_what_is_counted_is_no_cause() -> None:
    counted = "counters: {client: {TcpAttemptFails: none}}"  # one, where the SYN is answered
    run = proven(mine(*OTHERS_SYN, expect=("of: main", counted)))
    assert told(run) == {"idle": f"{OPEN} was reached and held all the same"}
    assert run.outcome == "fail"


def test_of_a_fault_that_may_drop_nothing_nothing_is_proven() -> None:
    idle, cause = "drop: {segment: RST, to: client, as: idle}", "drop: {segment: SYN, to: server}"
    drops = "dropped: {idle: none}"
    steps = ("server: listen", idle, cause, "client: connect")
    run = proven(mine(*steps, pair="SYN_SENT/LISTEN", expect=(drops,)))
    assert run.outcome == "pass"
    assert [*told(run)] == ["drop-1"]


def test_of_what_did_not_pass_nothing_is_left_out() -> None:
    run = proven(mine("server: listen", "drop: {segment: SYN, to: server}", "client: connect"))
    assert (run.outcome, run.counterfactuals) == ("fail", ())


def test_the_other_faults_need_not_drop_anything_then() -> None:
    """Without the first rule the SYN is answered, and the second never sees it again."""
    rules = (
        "drop: {segment: RST, to: client, port: 9, as: answer}",
        "drop: {segment: SYN, to: server, port: 9, after: 1, as: again}",
    )
    run = proven(mine(*OTHERS_SYN[:3], *rules, OTHERS_SYN[4], expect=("of: main",)))
    same = f"{OPEN} was reached and held all the same"
    assert told(run) == {"answer": same, "again": same}
    assert run.failure is not None
    assert run.failure.summary == (
        f"answer and again are no causes of the pair: without each of them, {OPEN} is reached and "
        "held all the same"
    )


def test_a_lab_that_cannot_be_built_is_no_proof() -> None:
    run = evidence("mine", OPEN)
    other = replace(run, outcome="error", reason="too busy")
    found = counterfactual.judged(mine("server: listen"), run, {"drop-1": other})
    assert (found.outcome, found.reason) == ("error", "without drop-1: too busy")
    assert [(each.needed, each.found) for each in found.counterfactuals] == [(None, "too busy")]


def test_the_faults_of_a_story_are_left_out_too(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text(STORY)
    [story] = stories.read(path)
    assert runner.play(story).outcome == "pass"
    run = proven(story)
    assert told(run) == {
        "idle": "SYN_SENT/SYN_RECV was reached and held all the same",
        "cause": "SYN_SENT/SYN_RECV was not reached (ESTABLISHED/ESTABLISHED)",
    }
    assert run.failure is not None
    assert (run.outcome, run.failure.line) == ("fail", 12)
