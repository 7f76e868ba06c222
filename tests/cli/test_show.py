# SPDX-License-Identifier: GPL-2.0-or-later
"""netlab show: every scenario explained, with rules and commands that nft takes as they are."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from netlab import cli
from netlab.model.vocabulary import Family
from netlab.scenario import catalogue
from netlab.scenario.model import DropStep, Scenario

from .shell import PATIENCE, netlab

EXAMPLES = Path(__file__).parents[2] / "examples" / "scenarios"
EVERYTHING = catalogue.everything()
DROPPING = [each for each in EVERYTHING if each.drops and not each.slow]
#: A network namespace of its own: nothing is done to the host.
ALONE = ["unshare", *([] if os.geteuid() == 0 else ["--map-root-user"]), "--net"]
NEEDS_NFT = pytest.mark.needs("nft", "unshare")
FAMILIES = pytest.mark.parametrize("family", Family, ids=str)


@pytest.fixture(autouse=True)
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is printed here is not for a terminal, whatever this process has been told."""
    monkeypatch.delenv("FORCE_COLOR", raising=False)


def shown(scenario: Scenario, family: Family, capsys: pytest.CaptureFixture[str]) -> str:
    """What is printed. In this process: a hundred interpreters would take half a minute."""
    arguments = ["show", scenario.name, *(["--ipv6"] if family is Family.IPV6 else [])]
    assert cli.main(arguments) == 0
    written = capsys.readouterr()
    assert written.err == ""
    return written.out


def judged(*command: str, text: str = "") -> str:
    """What another program complains of, run in a namespace of its own."""
    done = subprocess.run(
        [*ALONE, *command], input=text, capture_output=True, text=True, timeout=PATIENCE,
        check=False,
    )  # fmt: skip
    return done.stderr or f"exit code {done.returncode}" * bool(done.returncode)


@FAMILIES
@pytest.mark.parametrize("scenario", EVERYTHING, ids=lambda scenario: scenario.name)
def test_every_scenario_is_explained(
    scenario: Scenario, family: Family, capsys: pytest.CaptureFixture[str]
) -> None:
    out = shown(scenario, family, capsys)
    told = " ".join(out.split())
    assert out.startswith(f"{scenario.name}\n")
    assert " ".join(scenario.story.split()) in told
    assert " ".join(scenario.source.split()) in told
    assert str(scenario.expect.claim) in told
    assert "\x1b" not in out
    assert out.count("\n  client ss -tano") >= 1


@NEEDS_NFT
@FAMILIES
@pytest.mark.parametrize("scenario", DROPPING, ids=lambda scenario: scenario.name)
def test_nft_takes_the_rules_as_they_are_shown(
    scenario: Scenario, family: Family, capsys: pytest.CaptureFixture[str]
) -> None:
    out = shown(scenario, family, capsys)
    rules = out.partition("rules, as nft takes them\n")[2].partition("\n\n")[0]
    assert rules.count("counter") >= len(scenario.drops)
    assert judged("nft", "-f", "-", text=rules) == ""


@NEEDS_NFT
@FAMILIES
@pytest.mark.parametrize("scenario", DROPPING, ids=lambda scenario: scenario.name)
def test_a_shell_takes_the_nft_commands_as_they_are_shown(
    scenario: Scenario, family: Family, capsys: pytest.CaptureFixture[str]
) -> None:
    out = shown(scenario, family, capsys)
    commands = re.findall(r"^  (?:client|server) (nft .*)$", out, re.MULTILINE)
    assert len(commands) >= 3 * len(scenario.drops)  # a table, a chain, a rule
    assert judged("sh", "-e", text="\n".join(commands)) == ""


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("slow-wire", "; the program's end: exit code 0 (between 1.2s and 8s after its start). "),
        ("server-restarted", "; the end of the client's program: exit code 0. Cause: "),
        ("end-is-lost", ", then CLOSED/TIME_WAIT once the cause is gone; the program's end: exit"),
    ],
)
def test_how_a_program_ends_is_shown(
    name: str, says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["show", str(EXAMPLES / f"{name}.yaml")]) == 0
    assert says in " ".join(capsys.readouterr().out.split())


def test_commands_are_for_the_side_that_drops(capsys: pytest.CaptureFixture[str]) -> None:
    scenario = catalogue.one("syn-dropped-by-clients-firewall")
    assert [isinstance(step, DropStep) and str(step.side) for step in scenario.drops] == ["client"]
    out = shown(scenario, Family.IPV4, capsys)
    assert "  client nft add table " in out
    assert "  server nft " not in out


def test_a_scenario_of_one_family_is_shown_in_that_family() -> None:
    done = netlab("show", "syn-rejected-with-policy-fail")
    assert (done.code, done.err) == (0, "")
    assert "fd00::1" in done.out


STORIES = [each for each in catalogue.choose([]) if each.code]


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.name)
def test_a_story_is_explained_with_its_code(
    story: Scenario, capsys: pytest.CaptureFixture[str]
) -> None:
    out = shown(story, Family.IPV4, capsys)
    told = " ".join(out.split())
    assert out.startswith(f"{story.name}\n")
    assert " ".join(story.story.split()) in told
    assert f"{story.expect.claim} for {story.expect.hold:g} s" in told
    (proof,) = (line for line in out.splitlines() if "hold=" in line)
    assert proof.split()[0] == str(story.expect.line)
    assert '"""' not in out
    assert max(map(len, out.splitlines())) <= 100
