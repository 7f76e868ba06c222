# SPDX-License-Identifier: GPL-2.0-or-later
"""An action and a kind of fault are one entry each: whatever netlab does with a step, it does with
those that are added here, and an entry that lacks something is named.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from netlab.kernels.compare.behaviour import behaviour
from netlab.kernels.compare.differences import compare
from netlab.live.controller import Controller
from netlab.live.session import Session
from netlab.live.view import ViewBuilder
from netlab.model.evidence import Evidence
from netlab.model.kernel_run import KernelRun, Machine
from netlab.model.vocabulary import Family, Hook, Side
from netlab.render.ladder import ladder
from netlab.render.report import Chapter, ReportHead, ToldStep, report
from netlab.render.style import Style
from netlab.scenario import explain, loader, runner, steps, writer
from netlab.scenario.kinds import SIDE, TEXT
from netlab.scenario.model import Do, FaultStep, Scenario
from netlab.scenario.schema import schema
from netlab.scenario.shapes import Field, Struct
from netlab.scenario.steps.action import Action, Stage, struct
from netlab.scenario.steps.fault import Command, FaultKind, StepContext
from netlab.teaching import words
from netlab.testbed.faults.drop import Drop, Match, compiled
from netlab.testbed.lab import Lab

FILE = Path("deaf.yaml")
TEXT_OF_IT = """\
# The server is deaf: whatever the client shouts, it repeats.
source: a test
steps:
  - server: listen
  - client: connect
  - server: accept
  - deafen: server # from now on it hears nothing
  - client: {shout: hello}
expect:
  pair: {client: ESTABLISHED, server: ESTABLISHED}
  rows: {client: {tx_queue: 6}}
  hold: 500ms
  dropped: at least 2
  healed: {client: ESTABLISHED, server: ESTABLISHED}
"""


# --- one entry each


def shouted(stage: Stage, step: Do) -> str:
    return f"{stage.host(step).send(step.arguments['text'].upper() + '!')} bytes"


SHOUT = Action(
    "shout",
    struct("send in capitals", "text", text=Field(TEXT, required=True)),
    play=shouted,
    by_hand=lambda step, family: f"type {step.arguments['text'].upper()}! in nc",
    told=lambda given: f"shouts {given['text']!r}.",
)


@dataclasses.dataclass(frozen=True, slots=True)
class DeafenStep(FaultStep):
    """One end hears nothing."""

    side: Side

    @property
    def kind(self) -> str:
        """Its word."""
        return "deafen"

    @property
    def where(self) -> tuple[Side, ...]:
        """That end."""
        return (self.side,)


class Deaf(Drop):
    """Rules that drop everything."""

    kind = "deafen"

    @property
    def record(self) -> Any:
        """What it is, in its own words."""
        return dataclasses.replace(super().record, kind=self.kind, does="hears nothing")


def read(about: StepContext, name: str, values: Mapping[str, Any]) -> DeafenStep:
    return DeafenStep(*about, name=name, side=values["side"])


def install(stage: Stage, step: DeafenStep) -> Deaf:
    lab, log = stage.lab, bool(stage.lab.recorder)
    rules = compiled(step.name, Hook.INPUT, Match(), lab.family, log=log)
    return lab.impose(Deaf(lab.host(step.side), rules, Match(), lab.elapsed))


def by_hand(step: DeafenStep, family: Family) -> Iterator[Command]:
    yield Command(step.side, "iptables -A INPUT -j DROP")


def undo(step: DeafenStep, family: Family) -> Iterator[Command]:
    yield Command(step.side, "iptables -D INPUT -j DROP")


DEAFEN = FaultKind(
    "deafen",
    Struct("a deaf end", {"side": Field(SIDE, required=True)}, "side"),
    read=read,
    install=install,
    by_hand=by_hand,
    undo=undo,
    told=lambda step: f"From now on the {step.side} hears nothing.",
    told_removed=lambda step: f"The {step.side} hears again.",
    described=lambda step: f"{step.side} is deaf",
    written=lambda step: {"side": str(step.side)},
)


@pytest.fixture
def added(monkeypatch: pytest.MonkeyPatch) -> Scenario:
    monkeypatch.setitem(steps.ACTIONS, "shout", SHOUT)
    monkeypatch.setitem(steps.FAULTS, "deafen", DEAFEN)
    return loader.parse(TEXT_OF_IT, FILE)


@pytest.fixture
def run(added: Scenario, netlab_family: Family) -> Evidence:
    run = runner.play(added, runner.Options(family=netlab_family, record=True))
    assert run.outcome == "pass", run.failure or run.reason
    return run


# --- what netlab does with them


def test_they_load_are_in_the_schema_and_are_written_back(added: Scenario) -> None:
    import yaml

    judge = Draft202012Validator(schema())
    assert judge.is_valid(yaml.safe_load(TEXT_OF_IT))
    assert not judge.is_valid(yaml.safe_load(TEXT_OF_IT.replace("deafen: server", "deafen: 3")))
    written = writer.scenario(added)
    again = loader.parse(written, FILE)
    assert [dataclasses.replace(s, line=0) for s in again.steps] == [
        dataclasses.replace(s, line=0) for s in added.steps
    ]
    assert "  - deafen: server # from now on it hears nothing\n" in written
    assert "  - client: {shout: hello}\n" in written


def test_they_are_played_and_recorded_as_data(run: Evidence) -> None:
    done = {step.kind: step for step in run.steps}
    assert (done["deafen"].side, done["deafen"].value) == (Side.SERVER, "server")
    assert (done["shout"].side, done["shout"].value) == (Side.CLIENT, "hello")
    assert done["shout"].result == "6 bytes"
    (fault,) = run.faults
    assert (fault.kind, fault.sides, fault.hook) == ("deafen", (Side.SERVER,), Hook.INPUT)
    assert fault.packets == run.dropped >= 2
    assert Evidence.from_json(run.to_json()) == run
    assert json.loads(run.to_json())["faults"][0]["where"] == "server input"


def test_they_are_told_and_shown_by_hand(added: Scenario) -> None:
    told = [words.telling(step, added.steps) for step in added.steps]
    assert told[-2:] == [
        "From now on the server hears nothing.",
        "The client shouts 'hello'.",
    ]
    *_, deafen, shout = [commands for _, commands in explain.by_hand(added, Family.IPV4)]
    assert deafen == [Command(Side.SERVER, "iptables -A INPUT -j DROP")]
    assert shout == [Command(Side.CLIENT, "type HELLO! in nc")]


def test_they_are_drawn_in_the_ladder_and_in_the_report(run: Evidence) -> None:
    drawn = ladder(run, 100, Style(False))
    assert "deafen-1: hears nothing" in drawn
    assert "shout hello: 6 bytes" in drawn
    assert "deafen-1 removed" in drawn
    assert "✗ deafen-1" in drawn or "deafen-1 ✗" in drawn
    told = tuple(ToldStep(step.text, "", ()) for step in run.steps)
    chapter = Chapter(run, run.scenario, "", "", "", told, ())
    page = report([chapter], ReportHead("netlab", "now", 1.0))
    assert "deafen: server" in page
    assert "shout: hello" in page


def test_they_are_seen_and_removed_in_the_live_view(added: Scenario, netlab_family: Family) -> None:
    seen: list[str] = []

    def frozen(lab: Lab, scenario: Scenario) -> None:
        controller = Controller(lab, Session(scenario))
        view = ViewBuilder(controller).look()
        seen.extend(fault.what for fault in view.faults)
        seen.append(controller.applications[Side.CLIENT])
        seen.append(controller.remove("deafen-1"))

    run = runner.play(added, runner.Options(family=netlab_family, frozen=frozen))
    assert seen == ["server is deaf", "shout", "removed: server is deaf"]
    assert run.healed is not None


def test_they_are_compared_between_kernels(run: Evidence) -> None:
    machine = Machine("host", "6.18", "", "x86_64", 250)
    (play,) = behaviour(KernelRun(machine, (run,), done=True)).scenarios.values()
    facts = play.facts
    assert facts["step 5, client: {shout: hello}"] == "6 bytes"
    assert facts["rule deafen-1"] == "matched"
    other = dataclasses.replace(
        run, steps=tuple(dataclasses.replace(s, result="3 bytes") for s in run.steps)
    )
    before, after = (behaviour(KernelRun(machine, (one,), done=True)) for one in (run, other))
    subjects = {each.aspect for each in compare(before, after).differences}
    assert "step 5, client: {shout: hello}" in subjects


# --- the registry


def lacking(action: Action) -> list[str]:
    """What an entry says nothing of."""
    takes = action.takes
    needed = {f.name or key: "1" for key, f in getattr(takes, "fields", {}).items() if f.required}
    step = Do(1, "", Side.CLIENT, action.word, EXAMPLES.get(action.word, needed))
    words_of = {
        "takes": takes.what,
        "by_hand": action.by_hand(step, Family.IPV4),
        "told": action.told(step.arguments),
    }
    return [f"{action.word}: {part}" for part, said in words_of.items() if not said.strip()]


EXAMPLES: dict[str, dict[str, Any]] = {
    "send": {"text": "hello"},
    "read": {"count": 3},
    "option": {"TCP_NODELAY": 1},
    "sysctl": {"tcp_sack": "0"},
    "sysctl-if-there": {"tcp_sack": "0"},
    "run": {"command": ["nc", "{server}"]},
    "signal": {"number": 2},
    "udp": {"port": 7},
    "flood": {"count": 3},
}


@pytest.mark.parametrize("word", steps.ACTIONS)
def test_every_action_is_whole(word: str) -> None:
    assert steps.ACTIONS[word].word == word
    assert lacking(steps.ACTIONS[word]) == []


def test_an_action_that_lacks_something_is_named() -> None:
    assert lacking(SHOUT_WITH_EXAMPLE) == []
    mute = dataclasses.replace(SHOUT_WITH_EXAMPLE, told=lambda given: "")
    assert lacking(mute) == ["shout: told"]
    with pytest.raises(TypeError, match="by_hand"):
        Action("shout", SHOUT.takes, play=shouted, told=SHOUT.told)  # type: ignore[call-arg]
    parts: dict[str, Any] = {
        part.name: getattr(DEAFEN, part.name)
        for part in dataclasses.fields(DEAFEN)
        if part.name != "described"
    }
    with pytest.raises(TypeError, match="described"):
        FaultKind(**parts)


SHOUT_WITH_EXAMPLE = SHOUT
EXAMPLES["shout"] = {"text": "hello"}
