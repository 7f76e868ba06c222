# SPDX-License-Identifier: GPL-2.0-or-later
"""Stories in Python, as they are played: what ends them, and what is noted."""

from __future__ import annotations

from pathlib import Path

import pytest

from netlab.linux import conntrack, nftables
from netlab.model.evidence import Evidence
from netlab.model.tcp import State
from netlab.model.vocabulary import Side
from netlab.scenario import runner, stories
from netlab.scenario.model import Scenario
from netlab.testbed import hops
from netlab.testbed.lab import Lab

from ..build import states

STORY = '''\
from netlab import ACK, SYN, Lab, Nat, State, story


@story(source="here", cause="this is a test"{more})
def it_is_told(lab: Lab) -> None:
    """A test."""
    lab.server.listen()
    lab.client.connect()
    {before}
    lab.expect(State.{client}, State.ESTABLISHED, hold=0.05, within=1{dropped})
    {after}
'''


def told(
    folder: Path,
    before: str = "pass",
    after: str = "pass",
    client: str = "ESTABLISHED",
    more: str = "",
    dropped: str = "",
    name: str = "mine",
) -> Scenario:
    path = folder / f"{name}.py"
    path.write_text(
        STORY.format(before=before, after=after, client=client, more=more, dropped=dropped)
    )
    (scenario,) = stories.read(path)
    return scenario


def play(scenario: Scenario, **options: object) -> Evidence:
    ((_, run),) = runner.play_all([scenario], runner.Options(**options))  # type: ignore[arg-type]
    return run


# --- how it ends


@pytest.mark.parametrize(
    ("before", "dropped", "says"),
    [
        ("lab.drop(SYN, to=lab.client)", "", "expected at least 1 by drop-1; found 0"),
        ("lab.drop(SYN, to=lab.client)", ", dropped=lambda: True", ""),
        ("lab.drop(ACK, to=lab.client); lab.client.send('a')", "", ""),
    ],
)
def test_its_faults_must_have_acted_unless_it_says_how_much(
    tmp_path: Path, before: str, dropped: str, says: str
) -> None:
    run = play(told(tmp_path, before, dropped=dropped))
    assert run.outcome == ("fail" if says else "pass"), run.failure
    if run.failure is not None:
        assert run.failure.summary.endswith(says)
        assert run.failure.line == 10
    else:
        assert [fault.while_held is None for fault in run.faults] == [False]


def test_a_pair_that_holds_is_a_pass_with_its_steps(tmp_path: Path) -> None:
    scenario = told(
        tmp_path,
        'with lab.drop(SYN, to=lab.client): lab.client.send("a(b)")',
        "lab.client.close(); lab.expect(State.FIN_WAIT2, State.CLOSE_WAIT)",
        dropped=", dropped=lambda: True",
    )
    run = play(scenario)
    assert run.outcome == "pass", run
    assert run.observed == states("ESTABLISHED/ESTABLISHED")
    assert run.healed == states("FIN_WAIT2/CLOSE_WAIT")
    assert run.held_s >= 0.05
    assert [(step.line, step.text) for step in run.steps] == [
        (7, "server: listen()"),
        (8, "client: connect()"),
        (9, "drop(SYN, to=lab.client)"),
        (9, 'client: send("a(b)")'),
        (10, "reach: ESTABLISHED/ESTABLISHED"),
        (11, "client: close()"),
        (11, "reach: FIN_WAIT2/CLOSE_WAIT"),
    ]
    assert [(step.kind, step.side, step.value) for step in run.steps][:4] == [
        ("listen", Side.SERVER, None),
        ("connect", Side.CLIENT, None),
        ("drop", None, "SYN, to=lab.client"),
        ("send", Side.CLIENT, '"a(b)"'),
    ]
    (fault,) = run.faults
    assert fault.removed is not None


@pytest.mark.parametrize(
    ("before", "outcome", "said"),
    [
        ('assert lab.client.address == "x", "as it is"', "fail",
         'this is not so: lab.client.address == "x": as it is'),
        ("lab.client.connect(7777)", "fail",
         "lab.client.connect(7777): expected no error; found ECONNREFUSED"),
        ("lab.expect(State.CLOSED, State.CLOSED, within=0.05)", "fail", "pair not reached"),
        ("lab.server.unlisten(), lab.server.unlisten()", "fail", "server does not listen"),
        ("lab.banana", "error",
         "the story broke, lab.banana: AttributeError: 'StoryLab' object has no attribute"),
        ('lab.server.sysctl("tcp_banana", 1)', "error", "tcp_banana"),
        ("open('/no/such')", "fail",
         "open('/no/such'): expected no error; found ENOENT"),
    ],
)  # fmt: skip
def test_what_ends_it_is_said_with_its_line(
    tmp_path: Path, before: str, outcome: str, said: str
) -> None:
    run = play(told(tmp_path, before))
    assert run.outcome == outcome, run
    if outcome == "fail":
        assert run.failure is not None
        assert run.failure.line == 9
        assert run.failure.summary.startswith(said)
    else:
        assert run.reason.startswith(f"{tmp_path / 'mine.py'}:9: ")
        assert said in run.reason


def test_a_pair_that_is_not_held_shows_both_ends(tmp_path: Path) -> None:
    run = play(told(tmp_path, client="CLOSED"))
    assert run.outcome == "fail"
    assert run.failure is not None
    assert run.failure.line == 10
    rows = [(row.side, row.expected, row.sampled) for row in run.failure.rows]
    assert rows[0] == (Side.CLIENT, (State.CLOSED,), State.ESTABLISHED)


def test_a_file_that_cannot_be_imported_is_an_error_at_its_line(tmp_path: Path) -> None:
    scenario = told(tmp_path)
    path = tmp_path / "mine.py"
    path.write_text(f"import banana\n{path.read_text()}")
    (scenario,) = stories.read(path)
    run = play(scenario)
    assert (run.outcome, run.failure) == ("error", None)
    assert run.reason.startswith(f"{path}:1: cannot be imported, ModuleNotFoundError: No module")


def test_a_broken_one_ends_no_other(tmp_path: Path) -> None:
    all_of_them = [
        told(tmp_path, "lab.wait(lambda: None, 0.2)", name="good"),
        told(tmp_path, "raise ZeroDivisionError", name="bad"),
    ]
    runs = dict(runner.play_all(all_of_them))
    assert [runs[number].outcome for number in (0, 1)] == ["pass", "error"]


def test_what_it_needs_and_is_not_there_skips_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = play(told(tmp_path, more=', needs=("tcp_banana",)'))
    assert (run.outcome, run.reason) == ("skip", "this kernel has no sysctl net.ipv4.tcp_banana")
    hops.lacking.cache_clear()
    monkeypatch.setattr(nftables, "PATH", "/nowhere")
    run = play(told(tmp_path, "lab.path(Nat())"))
    assert (run.outcome, run.reason) == (
        "skip", "a rule of a hop needs the nft program: install nftables"
    )  # fmt: skip
    monkeypatch.undo()
    hops.lacking.cache_clear()
    monkeypatch.setattr(conntrack, "is_there", lambda: False)
    run = play(told(tmp_path, "lab.path(Nat())"))
    assert (run.outcome, run.reason) == ("skip", "this kernel tracks no connections (nf_conntrack)")
    hops.lacking.cache_clear()


# --- while it is frozen


class Enough(Exception):
    """As the live view raises where a person has made something else of the pair."""


def test_who_looks_at_the_frozen_pair_may_end_it_whatever_the_story_catches(tmp_path: Path) -> None:
    seen = []

    def frozen(lab: Lab, scenario: Scenario) -> None:
        seen.append((str(lab.flow().pair), scenario.name))
        raise Enough

    told(tmp_path, before="lab.sample()")
    path = tmp_path / "mine.py"
    text = path.read_text().replace("    lab.expect(", "    try:\n        lab.expect(")
    path.write_text(text.replace("\n    pass\n", "\n    except Exception:\n        pass\n"))
    (scenario,) = stories.read(path)
    with pytest.raises(Enough):
        play(scenario, frozen=frozen)
    assert seen == [("ESTABLISHED/ESTABLISHED", "it-is-told")]


def test_it_is_held_as_long_as_is_asked_for_and_sysctls_are_set(tmp_path: Path) -> None:
    scenario = told(tmp_path, 'assert lab.client.sysctl("tcp_sack") == "0"')
    run = play(scenario, hold=0.3, sysctls={"tcp_sack": "0"})
    assert run.outcome == "pass", run
    assert run.held_s >= 0.3
    assert play(scenario).outcome == "fail", "Linux has it on"
