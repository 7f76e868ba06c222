# SPDX-License-Identifier: GPL-2.0-or-later
"""The blind score judges itself: its truths, told by hand here, and its counting."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from netlab.atlas import cells
from netlab.atlas.exchange import Call
from netlab.atlas.search import Recipe
from netlab.diagnosis import rank
from netlab.model.tcp import DATA, FIN, SYN, State
from netlab.model.vocabulary import Family, Hook, Pair, Side
from netlab.scenario import catalogue
from netlab.scenario.loader import parse as parse_scenario
from netlab.scenario.model import Do, DropStep
from netlab.snapshot import parse

from ..field.score import sureness
from ..score import corpus, injections, page, states
from ..score.__main__ import main
from ..score.corpus import Case, Truth, Views
from ..score.judge import Tally, judge
from ..score.truth import truth

KNOWN = {
    each.name: each for each in (*catalogue.everything(), *cells.scenarios(), *injections.stories())
}

#: What is lost in each scenario, as its comment tells it: with both ends, and with one.
TRUE = {
    "syn-dropped": ("syn-lost", {"client": "syn-lost"}),
    "syn-dropped-by-clients-firewall": ("own-firewall", {"client": "own-firewall"}),
    "synack-dropped": ("syn-ack-lost", {"client": "syn-ack-lost", "server": "syn-ack-lost"}),
    "third-ack-dropped": ("handshake-ack-lost", {"server": "handshake-ack-lost"}),
    "deferred-accept": ("deferred-accept", {"server": "deferred-accept"}),
    "cookie-forgets-lost-ack": ("handshake-ack-lost syn-cookies syn-flood", {}),
    "accept-queue-full": (
        "accept-queue-full not-accepted",
        {"server": "accept-queue-full not-accepted"},
    ),
    "fin-dropped": ("fin-lost", {"client": "fin-lost"}),
    "fin-dropped-by-clients-firewall": ("own-firewall", {"client": "own-firewall"}),
    "ack-of-fin-dropped": (
        "fin-ack-lost",
        {"client": "fin-ack-lost", "server": "not-closed not-read"},
    ),
    "servers-fin-dropped": (
        "fin-lost",
        {"server": "fin-lost"},  # the client's orphan ends by itself, whatever is lost
    ),
    "last-ack-dropped": ("last-ack-lost", {"server": "last-ack-lost"}),
    "rst-blocked": ("rst-lost", {"server": "rst-lost"}),
    "hello-both-ways": ("", {}),
    "client-closes-first": ("", {}),
    "data-lost": ("data-lost", {"client": "data-lost"}),
    "data-ack-lost": ("data-ack-lost", {"client": "data-ack-lost"}),
    "server-does-not-read": ("not-read", {"client": "not-read", "server": "not-read"}),
    "not-accepted": ("not-accepted", {"server": "not-accepted"}),
    "leaked-close-wait-blocks-port": (
        "rst-lost",
        {"client": "rst-lost", "server": "not-closed not-read"},
    ),
    "syn-sent-and-established": ("challenge-ack-lost", {"client": "challenge-ack-lost"}),
    "closing-and-closing": ("fin-ack-lost", {"client": "fin-ack-lost", "server": "fin-ack-lost"}),
    "server-restarted-unnoticed": ("peer-gone", {}),
    "resets-do-not-come-back": ("rst-lost", {"client": "rst-lost"}),
    "closed-with-window-closed": (
        "not-read orphans-wait",
        {"client": "not-read orphans-wait", "server": "not-read"},
    ),
    "never-accepted": (
        "not-accepted",
        {"server": "not-accepted"},
    ),
    "port-is-reused": ("not-accepted", {"server": "not-accepted"}),  # its second connection
}


@pytest.mark.parametrize("name", TRUE)
def test_the_truth_is_what_the_story_tells(name: str) -> None:
    scenario = KNOWN[name]
    claim = scenario.expect.claim
    found = truth(scenario, {side: claim.states(side)[0] for side in Side})
    both, ends = TRUE[name]
    assert " ".join(sorted(found.both)) == both
    assert {str(side): " ".join(sorted(c)) for side, c in found.ends.items()} == ends


def test_every_pair_that_waits_has_a_truth() -> None:
    """An end that repeats something is never called healthy."""
    waiting = {State.SYN_SENT, State.SYN_RECV, State.FIN_WAIT1, State.CLOSING, State.LAST_ACK}
    for scenario in (*cells.scenarios(), *injections.stories()):
        claim = scenario.expect.claim
        pair = {side: claim.states(side)[0] for side in Side}
        found = truth(scenario, pair)
        if waiting & set(pair.values()):
            assert found.both, scenario.name
        for side in Side:
            if pair[side] in waiting:
                assert side in found.ends, scenario.name


def test_setups_are_the_same_for_a_seed_and_others_for_another() -> None:
    assert injections.setups(7, quick=True) == injections.setups(7, quick=True)
    assert injections.setups(7, quick=True) != injections.setups(8, quick=True)


def test_what_is_composed_is_another_for_each_seed() -> None:
    one, same, other = (injections.composed(random.Random(seed), 8) for seed in ("3", "3", "4"))
    names = [scenario.name for scenario in one]
    assert one == same
    assert len({*names, *(scenario.name for scenario in other)}) >= 12
    known = {each.name for each in KNOWN.values()}
    assert not known & {*names}


def test_no_loss_is_composed_that_loses_nothing() -> None:
    """The scenario would fail: each of its rules must have matched."""
    side = Side.SERVER
    calls = (Call(side, "listen"), Call(side.peer, "connect"), Call(side.peer, "close"))
    pair = Pair(State.FIN_WAIT1, State.ESTABLISHED)
    losses = ((side, FIN), (side, DATA), (side.peer, SYN))
    needed = injections._needed(Recipe(pair, losses, calls))
    assert needed == Recipe(pair, ((side, FIN),), calls)


ESTABLISHED = {Side.CLIENT: State.ESTABLISHED, Side.SERVER: State.ESTABLISHED}


def _told(*steps: str, pair: dict[Side, State] = ESTABLISHED) -> frozenset[str]:
    """What is true with both ends of a connection, after these steps in netlab's language."""
    opened = "{server: listen}", "{client: connect}", "{server: accept}"
    text = "\n".join(f"  - {step}" for step in (*opened, *steps))
    ends = f"{{client: {pair[Side.CLIENT]}, server: {pair[Side.SERVER]}}}"
    scenario = parse_scenario(
        f"source: a test\nsteps:\n{text}\nexpect: {{pair: {ends}, cause: it is asked about}}\n",
        Path("told.yaml"),
    )
    return truth(scenario, pair).both


def test_what_the_other_end_sends_later_acknowledges_as_an_ack_does() -> None:
    lost, sent = "{drop: {segment: ACK, to: client, as: x}}", "{client: {send: hello}}"
    assert _told(lost, sent) == {"data-ack-lost"}
    assert _told(lost, sent, "{server: {send: hello}}") == set()
    assert _told(lost, "{server: {send: hello}}", sent) == {"data-ack-lost"}
    dropped = "{drop: {segment: [ACK, DATA], to: client, as: x}}"
    assert "data-ack-lost" in _told(dropped, sent, "{server: {send: hello}}")
    half = {Side.CLIENT: State.CLOSE_WAIT, Side.SERVER: State.FIN_WAIT2}
    assert "data-ack-lost" not in _told(lost, sent, "{server: shutdown}", pair=half)


def test_what_was_acknowledged_before_the_end_went_is_not_waited_for() -> None:
    gone = {Side.CLIENT: State.CLOSED, Side.SERVER: State.ESTABLISHED}
    lost, sent = "{drop: {segment: RST, to: server, as: x}}", "{server: {send: hello}}"
    assert _told(lost, "{client: abort}", sent, pair=gone) == {"rst-lost"}
    assert _told(sent, lost, "{client: abort}", pair=gone) == {"rst-lost", "peer-gone"}


def test_everything_is_injected_over_both_families() -> None:
    played = injections.setups(1, quick=False)
    for family in Family:
        names = {each.scenario.name for s in played if s.family is family for each in s.injections}
        fitting = [
            each.name
            for each in KNOWN.values()
            if injections.of_two_ends(each) and each.family in (None, family)
        ]
        assert not set(fitting) - names
    assert sum(setup.healthy for setup in played) >= 1000


def test_a_moved_scenario_touches_its_own_connection_only() -> None:
    moved = injections.moved(KNOWN["simultaneous-open"], "", iter(range(20000, 20050))).scenario
    ports = {
        step.arguments[key]
        for step in moved.steps
        if isinstance(step, Do)
        for key in ("port", "source_port")
    }
    assert ports == {20000, 20001}
    for scenario in KNOWN.values():
        one = injections.moved(scenario, "", injections._ports(random.Random(1)))
        assert all(
            step.port is not None and step.port in injections.PORTS
            for step in one.scenario.steps
            if isinstance(step, DropStep)
        )


def test_data_in_flight_is_lost_with_the_fin() -> None:
    changed = injections.in_flight(KNOWN["fin-dropped"])
    assert changed is not None
    (drop,) = changed.drops
    assert set(drop.segments) == {FIN, DATA}
    deeds = [step.action for step in changed.steps if isinstance(step, Do)]
    assert deeds[-2:] == ["send", "close"]
    assert injections.in_flight(KNOWN["syn-dropped"]) is None
    pair = {Side.CLIENT: State.FIN_WAIT1, Side.SERVER: State.ESTABLISHED}
    assert truth(changed, pair).both == {"data-lost", "fin-lost"}


def test_the_senders_hook_is_another_truth() -> None:
    sender = cells.at_the_sender(KNOWN["fin-dropped"])
    assert sender is not None
    assert sender.drops[0].hook is Hook.OUTPUT
    pair = {Side.CLIENT: State.FIN_WAIT1, Side.SERVER: State.ESTABLISHED}
    assert truth(sender, pair).both == {"own-firewall"}


def test_a_corpus_comes_back_as_it_was_kept(tmp_path: Path) -> None:
    case = _case([_truth("a story", both=("fin-lost",), ends={"client": ("fin-lost",)})])
    corpus.keep([case, case], tmp_path)
    assert corpus.load(tmp_path) == [case, case]


CLIENT, SERVER = ("10.0.0.1", 40000), ("10.0.0.2", 5555)


def _truth(
    what: str, both: tuple[str, ...] = (), ends: dict[str, tuple[str, ...]] | None = None
) -> Truth:
    return Truth(what, CLIENT, SERVER, ("FIN_WAIT1", "ESTABLISHED"), not both, both, ends or {})


def _case(truths: list[Truth]) -> Case:
    views = Views(("one", "two"), ("", ""), ("{}", "{}"))
    return Case("a case", "IPv4", tuple(truths), {"client": views, "server": views})


# --- judging


def _judged(
    monkeypatch: pytest.MonkeyPatch, truths: list[Truth], *findings: tuple[str, ...]
) -> Tally:
    """The score of a case, if netlab found that; each finding is a cause and its alternatives."""

    def diagnose(snapshots: object) -> SimpleNamespace:
        return SimpleNamespace(
            findings=[
                SimpleNamespace(
                    cause=cause,
                    also=tuple(also),
                    confidence=0.9,
                    connections=[SimpleNamespace(local=SERVER, remote=CLIENT)],
                )
                for cause, *also in findings
            ]
        )

    monkeypatch.setattr(rank, "diagnose", diagnose)
    monkeypatch.setattr(parse, "read", lambda text, name: [name])
    return judge([_case(truths)], ["ss -tanoei"])["ss -tanoei"]


LOST = _truth("a story", both=("fin-lost",), ends={"client": ("fin-lost",)})


def test_with_both_ends_only_the_first_finding_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    tally = _judged(monkeypatch, [LOST], ("data-lost",), ("fin-lost",))
    assert (tally.asked["both"], tally.right["both"]) == (1, 0)
    assert (tally.asked["one"], tally.right["one"]) == (1, 1)  # the server's end sees nothing
    assert tally.confusion["fin-lost", "data-lost"] == 1


def test_two_alternatives_are_a_class_and_three_are_hedging(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tally = _judged(monkeypatch, [LOST], ("rst-lost", "data-lost", "fin-lost"))
    assert (tally.right["both"], tally.exactly["both"]) == (1, 0)
    assert tally.confusion["fin-lost", "fin-lost"] == 1
    tally = _judged(monkeypatch, [LOST], ("rst-lost", "data-lost", "syn-lost", "fin-lost"))
    assert tally.right["both"] == 0


def test_any_finding_about_a_healthy_connection_accuses_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tally = _judged(monkeypatch, [_truth("idle")], ("half-closed",))
    assert (tally.healthy, tally.accused) == (3, 3)  # asked with both ends, and with each alone
    assert not page.good_enough(tally)
    assert not _judged(monkeypatch, [_truth("idle")]).accused


def test_an_end_that_sees_nothing_and_is_told_something_untrue_is_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tally = _judged(monkeypatch, [LOST], ("data-lost",))
    assert (tally.blind, tally.invented) == (1, 1)
    assert [miss.true for miss in tally.misses if miss.ends == "server"] == [("(nothing)",)]
    assert (tally.asked["one"], tally.healthy) == (1, 0), "it is a count of its own"
    for found in (((),), (("fin-lost",),)):
        tally = _judged(monkeypatch, [LOST], *filter(None, found))
        assert (tally.blind, tally.invented) == (1, 0), found


def test_other_connections_findings_are_not_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    other = replace(LOST, client=("10.0.0.1", 40001))
    tally = _judged(monkeypatch, [other], ("fin-lost",))
    assert (tally.asked["both"], tally.right["both"]) == (1, 0)
    assert tally.misses[0].answers == ()


def test_the_page_says_what_was_confused(monkeypatch: pytest.MonkeyPatch) -> None:
    tally = _judged(monkeypatch, [LOST, LOST], ("data-lost",))
    text = page.page({"ss -tanoei": tally}, Tally(), tally.sure, "./scripts/score", 1, 0, 3.0)
    assert "| ss -tanoei | 0.0% of 2 (0.0%) |" in text
    assert f"| {page.STATES} | - | - | 0 of 0 | 0 of 0 | - |" in text
    assert "| fin-lost | 2 | data-lost 2 |" in text
    assert "true fin-lost; answered data-lost" in "\n".join(page.misses(tally.misses))


def test_what_is_named_is_true_or_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """With both ends and with each: three times. What one end cannot know may be true."""
    for truths, found, named, truly in (
        ([LOST], (), 0, 0),
        ([LOST], (("fin-lost",),), 3, 3),
        ([LOST], (("fin-lost",), ("data-lost",)), 6, 3),
        ([_truth("idle")], (("fin-lost",),), 3, 0),
    ):
        tally = _judged(monkeypatch, truths, *found)
        assert (tally.named, tally.named_truly) == (named, truly)


def _frozen(state: str, cause: str) -> Case:
    """A client in some state whose server has gone; the cause is true for both and for it."""
    views = {
        side: Views((f"State Recv-Q Send-Q Local Address:Port Peer Address:Port\n{row}",), (), ())
        for side, row in (("client", f"{state} 0 0 10.0.0.1:40000 10.0.0.2:80\n"), ("server", ""))
    }
    true = (cause,) if cause else ()
    about = Truth("x", ("10.0.0.1", 40000), ("10.0.0.2", 80), ("", ""), not cause, true,
                  {"client": true})  # fmt: skip
    return Case("x", "ipv4", (about,), views)


def test_a_table_of_states_answers_with_what_was_most_often_true_elsewhere() -> None:
    known = [_frozen("FIN-WAIT-1", "fin-lost")] * 4 + [_frozen("ESTAB", "")] * 4
    tally = states.judge(known)
    assert (tally.asked, tally.right) == ({"both": 4, "one": 4}, {"both": 4, "one": 4})
    assert (tally.healthy, tally.accused) == (12, 0)
    assert (tally.blind, tally.invented) == (4, 0)
    assert (tally.named, tally.named_truly) == (8, 8)


def test_such_a_table_does_not_know_its_own_half() -> None:
    """The labs take turns: what is in one half alone was never seen by the other."""
    turns = [_frozen("FIN-WAIT-1", "fin-lost"), _frozen("LAST-ACK", "last-ack-lost")] * 3
    tally = states.judge(turns)
    assert (tally.asked["both"], tally.right["both"], tally.named) == (6, 0, 0)


def test_how_sure_is_compared_with_how_often_right(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each case is asked about with both ends and with each alone; only one of them sees it."""
    sure = _judged(monkeypatch, [LOST], ("fin-lost",)).sure
    sure += _judged(monkeypatch, [LOST], ("data-lost", "fin-lost")).sure
    sure += _judged(monkeypatch, [_truth("idle")], ("half-closed",)).sure
    assert sure == {(0.9, True, True): 3, (0.9, True, False): 3, (0.9, False, False): 3}
    sure[0.91, True, True] = 1
    assert page.calibration(sure)[2:] == [
        "| 80% to 90% | 9 | 90.0% | 66.7% | 33.3% |",
        "| 90% to 95% | 1 | 91.0% | 100.0% | 100.0% |",
    ]


def test_of_the_pastes_the_sure_answers_are_right() -> None:
    """No answer above 95 %, or as sure as that with one end, is wrong."""
    told = [*sureness()]
    assert len(told) > 50
    assert not [each for each in told if each[0] >= 0.9 and not each[1]]


def test_the_command_needs_a_corpus(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--replay", str(tmp_path)]) == 2
    assert "what --keep wrote" in capsys.readouterr().err
