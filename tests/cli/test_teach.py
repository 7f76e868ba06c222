# SPDX-License-Identifier: GPL-2.0-or-later
"""netlab teach: every lesson can be walked through, on the kernel, with any answers."""

from __future__ import annotations

import io
import os
import pty
import re
import select
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from netlab.cli import main
from netlab.cli.commands import teach
from netlab.model.tcp import State
from netlab.model.vocabulary import Family, Side
from netlab.render.style import Style
from netlab.scenario import catalogue, loader, runner
from netlab.scenario.model import AnyStep, Do, Scenario
from netlab.teaching import lesson
from netlab.teaching.person import WIDTH, Conversation
from netlab.teaching.play import LessonSession, PairEnded
from netlab.testbed.lab import Lab

from .shell import NETLAB, PATIENCE, Done, environment, netlab, scenario
from .terminal import Terminal

LESSONS = [each for each in catalogue.everything() if not each.slow]
#: So many lessons at a time: all write in one process, and a step must not wait for that.
JOBS = 20
FAMILIES = pytest.mark.parametrize("family", Family, ids=str)


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where it is remembered what was done: never in the home of whoever plays the tests."""
    monkeypatch.delenv("SUDO_UID", raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state" / "netlab" / "lessons"


def taught(*arguments: str | Path, answers: str, **more: str) -> Done:
    """A lesson whose answers come through a pipe."""
    done = subprocess.run(
        [*NETLAB, "teach", *map(str, arguments)], input=answers, capture_output=True, text=True,
        env=environment(**more), timeout=PATIENCE, check=False,
    )  # fmt: skip
    assert "Traceback" not in done.stderr, done.stderr
    return Done(done.returncode, done.stdout, done.stderr)


# --- the list


def test_the_lessons_are_listed_in_their_order() -> None:
    done = netlab("teach", "--list")
    assert (done.code, done.err) == (0, "")
    first, second, *rest = [entry.name for entry in lesson.entries()]
    assert re.findall(r"^([ >✓]) (\S+)  +\S", done.out, re.MULTILINE) == [
        (">", first), *((" ", name) for name in (second, *rest))
    ]  # fmt: skip
    assert done.out.startswith("A lesson is one thing that can happen to a TCP connection")
    assert done.out.index("\n\n") < 4 * WIDTH
    assert f"Begin with\n  netlab teach\n      {first}: " in done.out
    assert max(map(len, done.out.splitlines())) <= WIDTH
    assert done.out.count('"Experiential Learning') == 2
    assert done.out.count("J. F. Kurose") == 1


def test_what_was_done_is_ticked_and_the_next_is_pointed_at(state: Path) -> None:
    names = [entry.name for entry in lesson.entries()]
    state.parent.mkdir(parents=True)
    state.write_text(f"# mine\n2026-01-02 {names[0]}\n2026-01-03 {names[4]}\n2026-01-03 gone\n")
    done = netlab("teach", "--list")
    marks = dict(re.findall(r"^([ >✓]) (\S+)  +\S", done.out, re.MULTILINE)[::-1])
    assert marks["✓"] == names[0]
    assert f"✓ {names[4]} " in done.out
    assert f"> {names[0 + 1]} " in done.out  # after one that is gone: the first that is not done
    assert f"2 of {len(names)} lessons done (✓). Go on with" in done.out
    plain = netlab("teach", "--list", PYTHONIOENCODING="ascii")
    assert f"* {names[0]} " in plain.out
    assert "lessons done (*)" in plain.out


def test_all_is_done_and_can_be_forgotten(state: Path) -> None:
    state.parent.mkdir(parents=True)
    state.write_text("".join(f"2026-01-02 {entry.name}\n" for entry in lesson.entries()))
    for arguments in ((), ("--next",), ("--list",)):
        done = netlab("teach", *arguments)
        assert (done.code, done.err) == (0, "")
        assert f"All {len(lesson.entries())} lessons are done." in done.out
    assert netlab("teach", "--forget").out == "Every lesson counts as new again.\n"
    assert not state.exists()
    assert netlab("teach", "--forget").out == "There was nothing to forget.\n"
    assert "none is done yet" in netlab("teach", "--list").out


@pytest.mark.parametrize(
    "arguments",
    [
        ("--next", "--forget"),
        ("syn-dropped", "--next"),
        ("--list", "--again"),
        ("a", "--from", "b"),
    ],
)
def test_only_one_thing_at_a_time(arguments: tuple[str, ...]) -> None:
    done = netlab("teach", *arguments)
    assert done.code == 2
    assert "a name, --list, --next, --from, --again or --forget: one of them" in done.err


def test_lessons_begin_where_the_last_one_was_left(state: Path) -> None:
    names = [entry.name for entry in lesson.entries()]
    left = taught(answers="\n\nq\n")
    assert left.out.startswith("A lesson is one thing that can happen to a TCP connection")
    assert f"You have left {names[0]}." in left.out
    assert re.fullmatch(rf"#.*\n\d{{4}}-\d\d-\d\d {names[0]} left\n", state.read_text())
    done = taught(answers="\n" * 20)
    assert (done.code, done.err) == (0, "")
    assert not done.out.startswith("A lesson is")
    assert f"Done: 1 of {len(names)} lessons.\nNext: netlab teach {names[1]}\n" in done.out
    assert re.fullmatch(rf"#.*\n\d{{4}}-\d\d-\d\d {names[0]}\n", state.read_text())
    assert [path.name for path in state.parent.iterdir()] == ["lessons"]
    assert f"> {names[1]} " in netlab("teach", "--list").out


def test_a_lesson_that_was_left_is_begun_again_or_passed_over(state: Path) -> None:
    names = [entry.name for entry in lesson.entries()]
    taught(names[4], answers="q\n")
    assert f"> {names[4]} " in netlab("teach", "--list").out
    assert f"You have left {names[4]}." in taught(answers="q\n").out
    assert f"You have left {names[4]}." in taught("--again", answers="q\n").out
    assert f"You have left {names[0]}." in taught("--next", answers="q\n").out
    assert f"You have left {names[2]}." in taught("--from", names[2], answers="q\n").out
    assert f"> {names[2]} " in netlab("teach", "--list").out


def test_nothing_can_be_played_again_before_the_first_lesson() -> None:
    done = netlab("teach", "--again")
    assert done.code == 2
    assert "no lesson was played so far; 'netlab teach' plays the first" in done.err


def test_from_a_lesson_that_there_is_not() -> None:
    done = netlab("teach", "--from", "syn-droped")
    assert done.code == 2
    assert "'syn-droped' is no lesson: did you mean syn-dropped?" in done.err


def test_a_lesson_that_nobody_walked_is_shown_whole_and_is_not_done(state: Path) -> None:
    done = netlab("teach", "fin-dropped")
    assert (done.code, done.err) == (0, "")
    assert done.out.count("Nobody is there to answer") == 1
    assert "It healed into" in done.out
    assert "\nNext: netlab teach " in done.out
    assert not state.exists()


def test_what_cannot_be_played_here_is_passed_over(
    state: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    played: list[str] = []

    def teach_(options: object, scenario: Scenario, progress: object) -> int:
        played.append(scenario.name)
        if len(played) < 3:
            raise teach.NotHere(f"{scenario.name} cannot be played here: no such thing")
        return 0

    monkeypatch.setattr(teach, "_teach", teach_)
    assert main(["teach", "--next"]) == 0
    assert played == [entry.name for entry in lesson.entries()][:3]
    assert capsys.readouterr().out.count("cannot be played here: no such thing. The next") == 2
    assert not state.exists()


def test_only_ipv6_has_a_lesson_and_ipv4_says_so() -> None:
    done = netlab("teach", "--ipv6", "syn-rejected-with-net-prohibited")
    assert done.code == 2
    assert "cannot be played here: only IPv4 has this" in done.err


# --- answers


RIGHT = "\n\nSYN_SENT\nSYN_RECV\n\nestab\n1\n"


@pytest.fixture(scope="module")
def rightly(tmp_path_factory: pytest.TempPathFactory) -> Done:
    """A lesson with right answers, taken once."""
    state = tmp_path_factory.mktemp("state")
    return taught("synack-dropped", answers=RIGHT, XDG_STATE_HOME=str(state), SUDO_UID="0")


def test_a_lesson_with_right_answers(rightly: Done) -> None:
    done = rightly
    assert (done.code, done.err) == (0, "")
    assert "Right, both." in done.out
    assert "The pair is SYN_SENT/SYN_RECV, as you said." in done.out
    assert re.search(r"^ client  SYN-SENT +0 +1 +10\.\S+ 10\.\S+:5555 +on,", done.out, re.MULTILINE)
    assert re.search(r"^ +SYN-RECV +0 +0 +10\.\S+:5555", done.out, re.MULTILINE)
    assert re.search(r"rule drop-1 at client input has stopped [2-9] packets", done.out)
    assert "It healed into ESTABLISHED/ESTABLISHED, as you said." in done.out
    assert "Source: Part 1, Figures 7-8\n  Part 1: R. P. Rustagi and V. Kumar, " in done.out
    assert done.out.count("R. P. Rustagi") == 1
    assert done.out.endswith("Next: netlab teach client-gives-up\n"
                             "      The client goes, the server waits\n")  # fmt: skip


def test_the_pair_is_not_shown_before_it_is_asked_for(rightly: Done) -> None:
    before, _, after = rightly.out.partition("  client? ")
    assert not re.search("SYN.SENT|SYN.RECV", before)
    assert "SYN-RECV" in after


def test_times_count_from_what_the_person_has_just_done(rightly: Done) -> None:
    heading = r" packets since (?:step 3|the cure), in seconds from its beginning:\n"
    _, steps, cure = re.split(heading, rightly.out)
    assert re.match(r"   0\.\d{3} s  client --> server  SYN\n", steps)
    assert re.match(r"   [01]\.\d{3} s  client (-->|<--) server  SYN", cure)
    assert "Now the pair must heal" in steps
    assert "client --> server  ACK\n" in cure  # what heals is there to its end


def test_half_right_is_praised_and_the_other_half_explained_and_asked_again() -> None:
    done = taught("synack-dropped", answers="\n\nSYN_SENT\nLISTEN\nsyn-recv\n")
    assert done.code == 0
    assert "Half right: the client is in SYN_SENT." in done.out
    assert "The server is not in LISTEN: the SYN did arrive" in done.out
    assert (done.out.count("  client? "), done.out.count("  server? ")) == (1, 2)
    assert "The pair is SYN_SENT/SYN_RECV, as you said." in done.out


def test_wrong_twice_is_explained_twice_and_the_lesson_goes_on() -> None:
    done = taught("synack-dropped", answers="\n\nFIN_WAIT2\nESTAB\nESTAB\nESTAB\n\n\n\n")
    assert done.code == 0
    plain = " ".join(done.out.split())
    assert "And FIN_WAIT2/ESTABLISHED cannot exist at all: FIN_WAIT2 needs a peer" in plain
    assert "The client is not in ESTABLISHED: the client would be ESTABLISHED only if" in plain
    assert "Let us see what the kernel does." in plain
    assert "The pair is SYN_SENT/SYN_RECV; you said ESTABLISHED/ESTABLISHED." in plain
    assert "It healed into ESTABLISHED/ESTABLISHED." in plain


def test_who_does_not_know_is_shown_without_a_second_try() -> None:
    done = taught("fin-dropped", answers="\n" * 20)
    assert done.code == 0
    assert "Then watch what the kernel does." in done.out
    assert "The pair is FIN_WAIT1/ESTABLISHED.\n" in done.out
    assert done.out.count("  server? ") == 2


def test_the_states_can_be_asked_for_and_nonsense_costs_no_try() -> None:
    done = taught("synack-dropped", answers="\n\n?\nbanana\nsyn\nSYN_SENT\n3\n")
    assert "   3 SYN_RECV     has the other end's SYN" in done.out
    assert "banana is not a state that I know" in done.out
    assert "syn could be SYN_SENT or SYN_RECV." in done.out
    assert "Right, both." in done.out


def test_over_ipv6_it_is_the_same() -> None:
    done = taught("--ipv6", "synack-dropped", answers=RIGHT)
    assert (done.code, done.err) == (0, "")
    assert "SYN_SENT/SYN_RECV, as you said." in done.out
    assert re.search(r"\[fd00\S*\]:5555", done.out)


# --- leaving, and what goes wrong


@pytest.mark.parametrize(
    ("answers", "ahead"),
    [
        ("q\n", "steps 1 to 3, the proof and the cure"),
        ("\n", "steps 2 to 3, the proof and the cure"),
        ("\n\nSYN_SENT", "step 3, the proof and the cure"),
        ("\n\nSYN_SENT\nSYN_RECV\nquit\n", "the proof and the cure"),
        ("\n\nSYN_SENT\nSYN_RECV\n\nq\n", "the cure"),
    ],
)
def test_a_lesson_can_be_left_anywhere(answers: str, ahead: str, state: Path) -> None:
    done = taught("synack-dropped", answers=answers)
    assert (done.code, done.err) == (0, "")
    last = " ".join(done.out.splitlines()[-3:])
    assert last.endswith(
        f"You have left synack-dropped. Still to come: {ahead}. The lab is gone, and nothing is "
        "left behind. To begin it again:   netlab teach synack-dropped"
    )
    assert re.search(r"^\S+ synack-dropped left$", state.read_text(), re.MULTILINE)


def test_a_pair_that_is_not_reached_ends_the_lesson(tmp_path: Path) -> None:
    path = scenario(tmp_path, pair="ESTABLISHED/ESTABLISHED", within="300ms")
    done = taught(path, answers="\n" * 10)
    assert done.code == 1
    assert f"{path}:5: pair not reached" in done.out


def test_a_scenario_of_ones_own_is_a_lesson_too(tmp_path: Path, state: Path) -> None:
    program = """client: {run: "sh -c 'echo {client} [x]; sleep 60'"}"""
    path = scenario(tmp_path, program, "client: {signal: TERM}",
                    "client: connect", "client: {send: 'a{b} 100% %s [bold]x'}",
                    pair="ESTABLISHED/ESTABLISHED")  # fmt: skip
    done = taught(path, "--allow-programs", answers="\n\n\n\nestab\nestab\n\n")
    assert done.code == 0
    assert "runs, confined, on the client: sh -c" in done.err
    assert re.search(
        r"client\$ sh -c 'echo 10\.[\d.]+ \[x\]; sleep 60'\n", done.out
    )  # to be copied
    assert "The client sends its program the signal SIGTERM (kill -15)." in done.out
    assert "The client sends 'a{b} 100% %s [bold]x'." in done.out
    assert "The pair is ESTABLISHED/ESTABLISHED, as you said." in done.out
    assert "Done:" not in done.out  # it is none of the lessons
    assert not state.exists()


def test_a_story_is_told_and_asked_about_before_it_is_played() -> None:
    right = "ESTABLISHED\nCLOSED\n\nTIME_WAIT\nCLOSED\n"
    done = taught("socket-is-connected-with-itself", answers=right)
    assert (done.code, done.err) == (0, "")
    before, _, after = done.out.partition("  client? ")
    assert "lab.client.connect(PORT, source_port=PORT, to=lab.client)" in before
    assert not re.search("ESTABLISHED|TIME.WAIT", before)
    assert "The pair is ESTABLISHED/CLOSED, as you said." in after
    cure, _, healed = after.partition("The cure ---")[2].partition("  client? ")
    assert "lab.client.close()" in cure
    assert "It healed into TIME_WAIT/CLOSED, as you said." in healed


def test_what_only_waits_has_no_lesson() -> None:
    done = netlab("teach", "syn-dropped-to-the-end")
    assert done.code == 2
    assert "its lesson is 'netlab teach syn-dropped'" in done.err


def test_what_only_waits_and_is_ones_own_is_not_called_a_lesson(tmp_path: Path) -> None:
    path = scenario(tmp_path, pair="CLOSED/LISTEN")
    path.write_text(path.read_text() + "  ends: {client: CLOSED, server: LISTEN, after: 1s}\n"
                    "slow: true\n")  # fmt: skip
    done = netlab("teach", path)
    assert done.code == 2
    assert "mine-to-the-end only waits, and is no lesson" in done.err


def test_ctrl_c_leaves_and_says_so() -> None:
    terminal, end = pty.openpty()
    process = subprocess.Popen(
        [*NETLAB, "teach", "synack-dropped"], stdin=end, stdout=end, stderr=subprocess.PIPE,
        text=True, env=environment(NO_COLOR="1"), start_new_session=True,
    )  # fmt: skip
    os.close(end)
    try:
        shown = ""
        while "[Enter]" not in shown:
            assert select.select([terminal], [], [], PATIENCE)[0], f"only {shown!r} was shown"
            shown += os.read(terminal, 4096).decode()
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=PATIENCE)
        shown = os.read(terminal, 4096).decode()
    finally:
        process.kill()
        os.close(terminal)
    assert process.returncode == 130
    assert "You have left synack-dropped. Still to come: steps 1 to 3" in shown
    assert shown.endswith("\r\n  netlab teach synack-dropped\r\n")
    assert err == "netlab: stopped; nothing is left behind\n"


def test_a_student_at_a_terminal_finds_the_beginning_and_the_way_out(tmp_path: Path) -> None:
    with Terminal(tmp_path) as terminal:
        terminal.netlab("teach", "--list")
        first = lesson.entries()[0]
        terminal.see(
            "A lesson is one thing", "Begin with", f"{first.name}: {first.title}", "code=0"
        )
        terminal.netlab("teach")
        terminal.see("[Enter] does it")
        terminal.write("x")
        terminal.keys("Enter")
        terminal.see("'x' does nothing here. Enter does it, ? lists the keys, q leaves.")
        terminal.write("?")
        terminal.keys("Enter")
        terminal.see("q, Ctrl-D and Ctrl-C leave, at every question.")
        terminal.keys("C-d")
        terminal.see(f"You have left {first.name}.", f"  netlab teach {first.name}", "code=0")
        assert terminal.is_as_before()


# --- every lesson, in this process: all of them side by side


class Answers:
    """Lines that are there already."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines

    def next(self) -> str:
        """The next of them."""
        return next(self._lines, "")


class Pupil:
    """Somebody who answers by what was asked last, here always rightly, and sees everything."""

    def __init__(self, scenario: Scenario) -> None:
        self.shown = io.StringIO()
        healed = scenario.expect.healed
        asked = lesson.questions(scenario, lesson.of(scenario)).values()
        claims = [*asked, *([healed.claim] if healed else [])]
        self._answers = {side: iter([claim.states(side)[0] for claim in claims]) for side in Side}

    def next(self) -> str:
        """The answer to the question that was written last, or only Enter."""
        for side in Side:
            if self.shown.getvalue().endswith(f"  {side}? "):
                return f"{next(self._answers[side])}\n"
        return "\n"


def families(number: int, scenario: Scenario) -> tuple[Family, ...]:
    """Over what a lesson is walked: both where its words differ, and else one or the other.

    What a walk says depends on the family in its addresses, which every lesson has, and in the
    errors that calls meet. That each pair is reached over both is for tests/kernel to show.
    """
    if scenario.family is not None:
        return (scenario.family,)
    errors = [step.fails for step in scenario.steps if isinstance(step, Do) and step.fails]
    differs = any(said.get(Family.IPV4) != said.get(Family.IPV6) for said in errors)
    return tuple(Family) if differs else (tuple(Family)[number % 2],)


def test_each_family_has_its_share_of_lessons() -> None:
    walked = [families(*each) for each in enumerate(LESSONS)]
    assert all(walked)
    assert tuple(Family) in walked  # a lesson with other words for each
    for family in Family:
        assert sum(family in each for each in walked) > len(LESSONS) / 3


def walks(family: Family) -> Iterator[tuple[Scenario, Pupil, LessonSession]]:
    for number, each in enumerate(LESSONS):
        if family in families(number, each):
            pupil = Pupil(each)
            person = Conversation(pupil, pupil.shown, Style(False))
            yield each, pupil, LessonSession(person, lesson.of(each), each, family)


@FAMILIES
def test_every_lesson_can_be_walked_through(family: Family) -> None:
    everything = [*walks(family)]
    by_name = {each.name: walk for each, _, walk in everything}

    def step(lab: Lab, scenario: Scenario, step: AnyStep | None) -> None:
        by_name[scenario.name].step(lab, scenario, step)

    def frozen(lab: Lab, scenario: Scenario) -> None:
        by_name[scenario.name].frozen(lab, scenario)

    options = runner.Options(family, jobs=JOBS, record=True, step=step, frozen=frozen)
    for number, evidence in runner.play_all([each for each, _, _ in everything], options):
        each, pupil, walk = everything[number]
        assert evidence.outcome == "pass", (each.name, evidence.reason, evidence.failure)
        walk.end(evidence)
        shown = pupil.shown.getvalue()
        assert "not in" not in shown.partition("Look ---")[0], (each.name, "a right answer is not")
        assert f"The pair is {each.expect.claim}, as you said." in shown
        if each.expect.healed:
            assert f"{each.expect.healed.claim}, as you said." in shown
        assert [line for line in shown.splitlines() if len(line) > WIDTH] == []


def test_who_was_slow_may_play_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(teach, "LONG", 0.0)
    path = scenario(tmp_path, pair="ESTABLISHED/ESTABLISHED", within="300ms")
    answers = iter(["\n", "\n", "y\n", "\n", "\n", "n\n"])
    shown = io.StringIO()
    person = Conversation(Answers(answers), shown, Style(False))
    assert teach.taught(person, loader.load(path), Family.IPV4) == 1
    assert shown.getvalue().count("Step 1 of 1") == 2
    assert shown.getvalue().endswith("Play it again? [y/N] n\n")
    assert next(answers, "") == ""


def test_who_reads_too_long_is_told_so_kindly() -> None:
    waits = next(each for each in LESSONS if each.name == "deferred-accept")
    pupil = Pupil(waits)
    walk = LessonSession(
        Conversation(pupil, pupil.shown, Style(False)), lesson.of(waits), waits, Family.IPV4
    )

    def frozen(lab: Lab, scenario: Scenario) -> None:
        lab.client.send(b"hello")  # what a quarter of a minute would have done as well
        lab.wait(lambda: lab.flow().state(Side.SERVER) is State.ESTABLISHED or None, PATIENCE)
        walk.frozen(lab, scenario)

    with pytest.raises(PairEnded, match="ESTABLISHED/ESTABLISHED"):
        [*runner.play_all([waits], runner.Options(step=walk.step, frozen=frozen))]
    assert "Proof" not in pupil.shown.getvalue()
