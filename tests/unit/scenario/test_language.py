# SPDX-License-Identifier: GPL-2.0-or-later
"""The scenario language says the same everywhere: tables, loader, JSON Schema and words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from netlab.model.errors import ScenarioError
from netlab.model.vocabulary import Family
from netlab.scenario import catalogue, explain, loader
from netlab.scenario.schema import schema
from netlab.scenario.steps import ACTIONS
from tests.unit.scenario.wrong_documents import GOOD, NAME, SHAPES, WORDS, Wrong

SHIPPED = sorted(catalogue.home().rglob("*.yaml"))

#: What each action looks like with the least that it needs.
EXAMPLES = {
    "listen": "listen",
    "unlisten": "unlisten",
    "connect": "connect",
    "accept": "accept",
    "send": "{send: hello}",
    "read": "{read: {bytes: 3}}",
    "drain": "drain",
    "shutdown": "shutdown",
    "close": "close",
    "abort": "abort",
    "vanish": "vanish",
    "start": "{start: ls, ready: 80}",
    "option": "{option: {TCP_NODELAY: 1}}",
    "sysctl": "{sysctl: {tcp_sack: 0}}",
    "sysctl-if-there": "{sysctl-if-there: {net.ipv4.tcp_sack: 0}}",
    "run": "{run: 'nc {server} 5555'}",
    "signal": "{signal: SIGINT}",
    "add-address": "add-address",
    "udp": "{udp: 7}",
    "probe": "{probe: {gets: nothing}}",
    "flood": "{flood: 3}",
    "leave": "{leave: server}",
    "known-as": "{known-as: [redis, api.example.com]}",
    "forge": "{forge: RST, seq: next+10, gets: nothing}",
}


def validator() -> Draft202012Validator:
    """A judge that netlab had no hand in."""
    return Draft202012Validator(schema())


def document(text: str) -> Any:
    """What an editor makes of a file: PyYAML's own parser, so that libyaml is not needed."""
    return yaml.load(text, Loader=yaml.SafeLoader)


def acting(said: str) -> str:
    """The good document with one more step of the client's."""
    return GOOD.replace("client: connect", f"client: connect\n  - client: {said}")


# --- the JSON Schema


def test_the_schema_is_valid_by_its_own_draft() -> None:
    Draft202012Validator.check_schema(schema())


def test_the_schema_beside_the_scenarios_is_the_one_that_netlab_prints() -> None:
    stored = json.loads((catalogue.home() / "schema.json").read_text())
    assert stored == schema(), "regenerate with: netlab schema > scenarios/schema.json"


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_every_scenario_is_valid_by_the_schema(path: Path) -> None:
    problems = [error.message for error in validator().iter_errors(document(path.read_text()))]
    assert problems == []


@pytest.mark.parametrize("text", [GOOD, *map(acting, EXAMPLES.values())])
def test_schema_and_loader_accept_the_same(text: str) -> None:
    validator().validate(document(text))
    loader.parse(text, Path(NAME))


@pytest.mark.parametrize("spelt", ["syn-sent", "SYN SENT", "Syn_Sent", "SYNSENT", "SS"])
def test_a_state_may_be_written_as_tools_print_it(spelt: str) -> None:
    text = GOOD.replace("client: SYN_SENT", f"client: {spelt}")
    validator().validate(document(text))
    assert (
        loader.parse(text, Path(NAME)).expect.claim == loader.parse(GOOD, Path(NAME)).expect.claim
    )


def test_two_names_of_one_state_are_not_two_keys() -> None:
    text = f"{GOOD}  sockets: {{client: {{ESTAB: 1, established: 2}}}}\n"
    with pytest.raises(ScenarioError, match="'established' names ESTABLISHED a second time"):
        loader.parse(text, Path(NAME))


@pytest.mark.parametrize(
    "wrong", [each for each in WORDS + SHAPES if each.schema], ids=lambda wrong: wrong.what
)
def test_schema_and_loader_refuse_the_same(wrong: Wrong) -> None:
    assert not validator().is_valid(document(wrong.text))
    with pytest.raises(ScenarioError):
        loader.parse(wrong.text, Path(NAME))


# --- actions


def test_every_action_has_an_example_here() -> None:
    assert EXAMPLES.keys() == ACTIONS.keys()


def test_several_things_that_a_wire_does_stand_in_a_row_by_hand() -> None:
    """A link has one qdisc at its root: tc refuses a second one."""
    text = (
        "source: x\nsteps:\n  - delay: {time: 40ms, to: client, as: slow}\n  - loss: 2%\n"
        "  - server: listen\n  - remove: slow\n  - rate: 2mbit\n  - remove: all\n"
        "expect:\n  pair: {client: CLOSED, server: LISTEN}\n  cause: x\n"
    )
    scenario = loader.parse(text, Path(NAME))
    told = [f"{each.side} {each.text.removeprefix('tc qdisc ').replace('dev eth0 ', '')}"
            for _, commands in explain.by_hand(scenario, Family.IPV4)
            for each in commands if each.text.startswith("tc")]  # fmt: skip
    assert told == [
        "server add root handle 1: netem delay 40ms",
        "server add parent 1:1 handle 2: netem loss 2%",
        "client add root handle 1: netem loss 2%",
        "server del root",
        "server add root handle 1: netem loss 2%",
        "server add parent 1:1 handle 2: netem rate 2mbit",
        "client add parent 1:1 handle 2: netem rate 2mbit",
        "server del root",
        "client del root",
    ]


@pytest.mark.parametrize("family", Family, ids=str)
@pytest.mark.parametrize("said", EXAMPLES.values())
def test_every_action_can_be_told_to_a_person(said: str, family: Family) -> None:
    scenario = loader.parse(acting(said), Path(NAME))
    told = [command.text for _, commands in explain.by_hand(scenario, family)
            for command in commands]  # fmt: skip
    assert len(told) >= len(scenario.steps)
    assert all(told)
