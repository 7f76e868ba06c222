# SPDX-License-Identifier: GPL-2.0-or-later
"""``netlab repro``: every scenario that ``causes.yaml`` names can be written for a finding."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from netlab.cli.commands import repro
from netlab.diagnosis import rules
from netlab.model.errors import ScenarioError
from netlab.model.findings import Alternative, Finding, StuckConnection
from netlab.model.tcp import State
from netlab.scenario import catalogue, loader, writer
from netlab.scenario.model import Do, Scenario, Step

SCENARIOS = sorted(
    {case.scenario for cause in rules.rules().causes.values() for case in cause.seen}
    | {cause.scenario for cause in rules.rules().causes.values()}
)


def finding(scenario: str, port: int | None = 8443, address: str = "10.0.0.1") -> Finding:
    connection = StuckConnection((address, 4711), (address, 8443), (State.ESTABLISHED,))
    return Finding(
        "a-cause", "t", 1.0, scenario, "", "", "",
        service=f"port {port}", port=port, connections=(connection,),
    )  # fmt: skip


def all_steps(scenario: Scenario) -> list[Step]:
    ends = scenario.expect.ends
    return [*scenario.steps, *scenario.expect.heal, *(ends.then if ends else ())]


@pytest.mark.parametrize("name", SCENARIOS)
def test_every_scenario_that_is_named_can_be_written_with_another_port(name: str) -> None:
    recreating = repro.scenario(finding(name))
    text = writer.scenario(recreating)
    written = loader.parse(text, Path(f"{name}.yaml"))
    assert written.story.startswith("a-cause: t.\nFound in a connection in ESTABLISHED, port 8443.")
    assert "5555" not in text
    actions = [step for step in all_steps(written) if isinstance(step, Do)]
    if any(step.action == "connect" for step in actions):
        for step in actions:
            if step.action in ("listen", "flood") or (
                step.action == "connect" and "source_port" not in step.arguments
            ):
                assert step.arguments["port"] == 8443
    assert all(step.port in (None, 8443) for step in written.drops)


def test_a_port_that_the_client_of_a_template_has_goes_to_the_server() -> None:
    scenario = repro.scenario(finding("syn-sent-and-established", 5556))
    connects = [step for step in scenario.steps
                if isinstance(step, Do) and step.action == "connect"]  # fmt: skip
    assert {(step.arguments["port"], step.arguments["source_port"]) for step in connects} == {
        (5556, 5555)
    }


def test_without_a_port_the_template_stays_as_it_is() -> None:
    template = catalogue.one("fin-dropped")
    scenario = repro.scenario(finding("fin-dropped", port=None))
    assert [*map(writer.line, scenario.steps)] == [*map(writer.line, template.steps)]
    assert scenario.story.endswith(template.story)


def test_what_is_found_over_ipv6_is_played_over_ipv6() -> None:
    text = writer.scenario(repro.scenario(finding("fin-dropped", address="fd00::1")))
    assert "# Play it with --ipv6.\n" in text
    assert "\nfamily: ipv6\n" in text


def test_what_only_ipv4_has_is_not_said_to_be_played_over_ipv6() -> None:
    found = finding("unreachable-in-the-middle", address="fd00::1")
    text = writer.scenario(repro.scenario(found))
    assert "--ipv6" not in text
    assert "# It is made over IPv4, which alone has what shows it.\n" in text
    assert "\nfamily: ipv4\n" in text


def test_comments_of_the_template_are_kept() -> None:
    text = writer.scenario(repro.scenario(finding("fin-dropped")))
    assert "# FIN_WAIT1, without an owner: it gives up after tcp_orphan_retries\n" in text
    assert "  dropped: at least 3 # the FIN, a tail loss probe, and what the timer sends\n" in text


DOUBTFUL = replace(
    finding("syn-dropped"),
    cause="syn-lost",
    also=("syn-ack-lost",),
    alternatives=(
        Alternative("syn-ack-lost", "the SYN-ACK does not arrive", "synack-dropped"),
        Alternative("own-firewall", "it drops", "syn-dropped-by-clients-firewall"),
    ),
)


def test_a_scenario_says_what_else_may_show_the_same() -> None:
    story = repro.scenario(DOUBTFUL).story
    assert "this cause suffices" in story
    assert "same picture: syn-ack-lost, own-firewall." in story
    assert "suffices" not in repro.scenario(finding("syn-dropped")).story


def test_another_cause_of_the_finding_can_be_made() -> None:
    chosen = repro.of_cause(DOUBTFUL, "own-firewall", Path("web1.txt"))
    assert repro.scenario(chosen).story.startswith("own-firewall: it drops.\n")
    assert [each.cause for each in chosen.alternatives] == ["syn-lost", "syn-ack-lost"]
    assert repro.of_cause(DOUBTFUL, "syn-lost", Path("web1.txt")).scenario == "syn-dropped"


def test_a_cause_that_the_finding_does_not_name_is_refused_with_those_it_does() -> None:
    with pytest.raises(ScenarioError, match="syn-lost, syn-ack-lost, own-firewall; found 'fin'"):
        repro.of_cause(DOUBTFUL, "fin", Path("web1.txt"))


def test_a_scenario_that_stands_in_says_so() -> None:
    story = repro.scenario(replace(finding("data-dropped"), cause="next-hop-silent")).story
    assert "Another fault stands in" in story
