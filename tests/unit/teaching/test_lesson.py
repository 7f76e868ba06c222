# SPDX-License-Identifier: GPL-2.0-or-later
"""Lessons: every scenario has one, complete and in order; wrong answers get the right reasons."""

from __future__ import annotations

import io
import os
import re
from dataclasses import replace
from pathlib import Path

import pytest

from netlab.linux.procnet import Row, endpoint
from netlab.model.errors import ScenarioError
from netlab.model.tcp import State, Timer, why_unreachable
from netlab.model.vocabulary import Side
from netlab.render.style import Style
from netlab.scenario import catalogue, language, loader, steps
from netlab.scenario.model import AnyStep, Do, Reach, Scenario
from netlab.teaching import answers as answered
from netlab.teaching import contents, lesson, look, proof, words
from netlab.teaching.explanations import KNOWS, RulesInForce, reason
from netlab.teaching.person import WIDTH, Conversation, Quit, Typed, wrapped
from netlab.teaching.predict import Prediction

#: Stories from production, and of what is on the way, are played and diagnosed; the lessons are
#: those of the articles.
SCENARIOS = [
    each
    for each in catalogue.everything()
    if not each.slow and each.path.parent.name not in ("production", "path", "forged", "stream")
]
BY_NAME = {each.name: each for each in SCENARIOS}
EVERY_SCENARIO = pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda each: each.name)
CLIENT, SERVER = Side.CLIENT, Side.SERVER


# --- the texts


def test_every_scenario_has_a_lesson_and_every_lesson_a_scenario() -> None:
    names = {each.name for each in SCENARIOS}
    assert {path.stem for path in lesson.LESSONS.glob("*.yaml")} == names
    assert {entry.name for entry in lesson.entries()} == names


def test_the_order_lists_each_lesson_once() -> None:
    names = [entry.name for entry in lesson.entries()]
    assert len(names) == len(set(names))
    assert all(part.entries for part in lesson.parts())
    followed = [after.name if (after := lesson.following(name)) else None for name in names]
    assert followed == [*names[1:], names[0]]


def test_the_next_lesson_is_the_first_after_the_last_that_is_not_done() -> None:
    first, second, third, *rest = [entry.name for entry in lesson.entries()]

    def after(*done: str) -> str | None:
        entry = contents.following(dict.fromkeys(done, "2026-01-01"))
        return entry.name if entry else None

    assert after() == first
    assert after(first) == second
    assert after(second) == third
    assert after(third, first) == second  # the last one that was done is what one goes on from
    assert after(rest[-1]) == first
    assert after("gone-from-netlab") == first
    assert after(first, second, third, *rest) is None


@pytest.mark.parametrize("width", [45, 60, WIDTH])
def test_the_overview_fits_any_terminal(width: int) -> None:
    done = {"hello-both-ways": "2026-01-01"}
    lines = [*contents.lessons(done, width, Style(False)),
             *contents.ending(done, width, Style(False))]  # fmt: skip
    assert max(map(len, lines)) <= width
    told = " ".join(" ".join(lines).split())
    assert [e for e in lesson.entries() if e.name not in told or e.title not in told] == []
    assert told.count("✓ hello-both-ways") == told.count("> client-closes-first") == 1


def test_what_a_lesson_is_takes_three_lines() -> None:
    assert len(wrapped(contents.WHAT, WIDTH)) == 3


def test_a_file_with_a_lessons_name_is_not_that_lesson(tmp_path: Path) -> None:
    scenario = BY_NAME["syn-dropped"]
    own = replace(scenario, path=tmp_path / "syn-dropped.yaml", story="My own story.")
    assert lesson.is_lesson(scenario)
    assert not lesson.is_lesson(own)
    assert lesson.of(own).situation == "My own story."


def test_a_line_of_the_list_is_no_longer_than_a_terminal() -> None:
    longest = max(len(entry.name) for entry in lesson.entries())
    assert all(2 + longest + 2 + len(entry.title) <= WIDTH for entry in lesson.entries())


@EVERY_SCENARIO
def test_every_text_says_something_of_its_own(scenario: Scenario) -> None:
    text = lesson.of(scenario)
    for name in lesson.TEXTS:
        said = getattr(text, name)
        assert len(said.split()) >= 9, f"{name} is hardly a text: {said!r}"
        assert said.endswith((".", "?", '."')), f"{name} breaks off: {said[-20:]!r}"


def test_no_two_lessons_have_the_same_why() -> None:
    whys = [lesson.of(each).why for each in SCENARIOS]
    assert len({*whys}) == len(whys)


@EVERY_SCENARIO
def test_the_why_names_the_states_of_the_pair(scenario: Scenario) -> None:
    claim = scenario.expect.claim
    missing = {str(s) for side in Side for s in claim.states(side)} - {
        *re.findall(r"[A-Z][A-Z_0-9]+", lesson.of(scenario).why)
    }
    assert not missing


@EVERY_SCENARIO
def test_before_the_question_no_text_gives_the_answer_away(scenario: Scenario) -> None:
    text = lesson.of(scenario)
    for number, claim in lesson.questions(scenario, text).items():
        asked = scenario.steps[number - 1]
        assert not isinstance(asked, Reach), "there is nothing to do in this step"
        told = text.steps.get(number) or words.telling(asked)
        assert not [state for side in Side for state in claim.states(side) if str(state) in told]


@EVERY_SCENARIO
def test_no_right_answer_has_a_reason_for_being_wrong(scenario: Scenario) -> None:
    text = lesson.of(scenario)
    for side, reasons in text.wrong.items():
        assert not {*reasons} & {str(state) for state in scenario.expect.claim.states(side)}


#: Every action and every other step of the language, as a file says it, and how it is told.
TOLD = [
    ("server: listen", "The server listens on port 5555: any client may connect."),
    ("server: {listen: {port: 80, backlog: 0, defer: 9, reuse: true}}",
     "The server listens on port 80, with a backlog of 0, and waits for data (TCP_DEFER_ACCEPT), "
     "with SO_REUSEADDR: any client may connect."),
    ("server: unlisten", "The server closes its listener: no new client can connect."),
    ("client: connect", "The client calls connect() to port 5555."),
    ("client: {connect: {port: 80, from: 6666, reuse: true, timeout: 1.5s, as: it}}",
     "The client calls connect() to port 80 from its own port 6666, with SO_REUSEADDR, and gives "
     "up after 1.5 s, a connection called 'it'."),
    ("client: {connect: {address: added}}",
     "The client calls connect() to port 5555 from its second address."),
    ("server: accept",
     "The server takes a connection out of its listener's queue: accept()."),
    ("server: {accept: it}",
     "The server takes a connection out of its listener's queue, a connection called 'it': "
     "accept()."),
    ("client: {send: 'a{b} 100% %s [bold]x[/] {side}'}",
     "The client sends 'a{b} 100% %s [bold]x[/] {side}'."),
    ("client: {send: {bytes: 7}}", "The client sends 7 bytes."),
    ("client: {send: hello}\n    of: it", "The client, on its connection 'it', sends 'hello'."),
    ("server: {read: '{}'}", "The server reads what has come: '{}'."),
    ("server: drain", "The server reads everything that comes, up to the other end's FIN."),
    ("client: shutdown",
     "The client shuts its sending half: its FIN goes out, but it can still receive."),
    ("client: close", "The client calls close(): its application is done with the connection."),
    ("client: abort",
     "The client aborts, as when its application dies: it sends a RST, and no FIN."),
    ("client: vanish", "The client loses its power: it is gone without a packet."),
    ("client: {option: {TCP_NODELAY: 1, SO_SNDBUF: 9}}",
     "The client sets options of its socket: SO_SNDBUF = 9, TCP_NODELAY = 1."),
    ("client: {sysctl: {tcp_syn_retries: 2}}",
     "The client has this sysctl set: tcp_syn_retries = 2."),
    ("client: {sysctl-if-there: {tcp_syn_retries: 2}}",
     "The client has this sysctl set, where the kernel knows it: tcp_syn_retries = 2."),
    ("client: {run: 'sh -c \"echo ${x} {client} %d [red]\"'}",
     "The client starts a program: sh -c 'echo ${x} {client} %d [red]'"),
    ("server: {start: 'nginx -c x', ready: 80}",
     "The server starts a program, and waits until it listens on port 80: nginx -c x"),
    ("server: {start: {command: redis-server, ready: '{Ready}'}}",
     "The server starts a program, and waits until it writes '{Ready}': redis-server"),
    ("client: {signal: INT}", "The client sends its program the signal SIGINT (kill -2)."),
    ("client: add_address", "The client gets a second internet address."),
    ("client: {udp: 53}",
     "The client sends a datagram by UDP to port 53, and waits for an answer."),
    ("client: {udp: {port: 53, text: '{?}'}}",
     "The client sends a datagram with the text '{?}' by UDP to port 53, and waits for an answer."),
    ("client: {probe: {port: 80, gets: RST}}",
     "The client forges one SYN to port 80, as nmap does: no socket sent it."),
    ("server: {listen: {at: a}}",
     "The server listens on port 5555 of a: any client may connect."),
    ("client: {connect: {to: web}}", "The client calls connect() to port 5555 of web."),
    ("server: {known-as: [redis, api.example.com]}",
     "The server is known as redis and as api.example.com, too."),
    ("server: {leave: a}",
     "The server gives up its address a: what is sent there reaches nobody."),
    ("server: {forge: RST}", "The server forges RST: its TCP did not send it."),
    ("client: {forge: PSH|ACK, seq: next+9, ack: next-1, data: 5, gets: nothing}",
     "The client forges PSH|ACK, its number next+9, acknowledging next-1, with 5 bytes: "
     "its TCP did not send it."),
    ("client: {forge: ACK, window: 0, timestamp: last-1, checksum: wrong}",
     "The client forges ACK, a window of 0, its timestamp last-1, a wrong checksum: "
     "its TCP did not send it."),
    ("forget: nat", "nat forgets every connection that it knew: its table is empty."),
    ("update: {hop: web, to: [a, b]}",
     "From now on web sends new connections to a and b; those that it knows go where they went."),
    ("reach: {client: SYN_SENT, server: LISTEN, tracked: {nat: nothing}}",
     "netlab waits until both ends are there: SYN_SENT/LISTEN, and nat has nothing in its table."),
    ("client: {flood: 9}",
     "The client forges 9 SYNs to port 5555, from addresses where nobody is."),
    ("drop: {segment: SYN, to: server}",
     "From now on every SYN is dropped at the server's input, as if the wire had lost it. Neither "
     "end is told."),
    ("drop: {segment: [ACK, FIN], at: client output, port: 80, first: 2}",
     "From now on every ACK without data and every FIN from or to port 80 is dropped at the "
     "client's output, before it leaves the machine. The sender's own stack is told. Only the "
     "first 2, though: the others pass."),
    ("drop: {segment: DATA, to: server, after: 3}",
     "From now on every segment with data after the first 3 is dropped at the server's input, as "
     "if the wire had lost it. Neither end is told."),
    ("drop: {nft: 'tcp flags { syn, fin } [x] %d', to: server}",
     "From now on every packet that matches 'tcp flags { syn, fin } [x] %d' is dropped at the "
     "server's input, as if the wire had lost it. Neither end is told."),
    ("reject: {segment: SYN, to: server, with: tcp-reset, first: 1}",
     "A firewall rule at the server's input refuses every SYN and answers with tcp-reset. "
     "Unlike a drop, it is not silent. Only the first, though: the next passes."),
    ("plug: client",
     "What the client sends from now on waits on its side of the wire. It is not lost."),
    ("plug: [client, server]",
     "What the client and the server send from now on waits on its side of the wire. It is not "
     "lost."),
    ("delay: 40ms", "From now on every packet arrives 40ms later."),
    ("delay: {time: 40ms, jitter: 5ms, to: server}",
     "From now on every packet to the server arrives 40ms later, give or take 5ms."),
    ("loss: {share: 2%, to: client}",
     "From now on 2% of all packets to the client are lost on the wire."),
    ("duplicate: 2%", "From now on 2% of all packets arrive twice."),
    ("reorder: 2%",
     "From now on 2% of all packets are held back for 5ms, and others overtake them."),
    ("corrupt: 2%", "From now on 2% of all packets arrive with one wrong bit."),
    ("rate: 2mbit", "From now on the wire carries 2mbit."),
    ("rate: {speed: 2mbit, queue: 64kB, to: client}",
     "From now on the wire carries 2mbit to the client; what finds 64kB waiting is lost."),
    ("profile: lte",
     "From now on the wire is like a mobile network, LTE: the wire carries 12mbit to the client; "
     "every packet to the client arrives 35ms later; the wire carries 12mbit to the server; every "
     "packet to the server arrives 35ms later."),
    ("drop: {packet: 7, to: client}",
     "Packet 7 on its way to the client is lost on the wire, and no other."),
    ("drop: {packet: SYN, to: server, connection: 2, again: 1}",
     "Packet SYN of connection 2, again 1 on its way to the server is lost on the wire, and no "
     "other."),
    ("cut: {packet: seq=1, to: server}",
     "The wire is cut: packet seq=1 on its way to the server is lost, and all that either end "
     "sends then."),
    ("double: {packet: ack=146, to: server}",
     "Packet ack=146 on its way to the server arrives twice."),
    ("overtake: {packet: FIN, to: server}",
     "Packet FIN on its way to the server is overtaken by the next one that goes there."),
    ("remove: all", "Everything that is done to packets ends."),
    ("remove: mine", "The rule mine is taken away: what it dropped may pass from now on."),
    ("remove: kept", "What has waited on the wire is let go, all at once."),
    ("reach: {client: ESTABLISHED, server: SYN_RECV}",
     "netlab waits until both ends are there: ESTABLISHED/SYN_RECV."),
    ("reach: {client: ESTABLISHED, server: SYN_RECV, hold: 2s}",
     "netlab waits until both ends are there, and stay there for 2 s: ESTABLISHED/SYN_RECV."),
]  # fmt: skip
#: What some of them need to have been said before.
BEFORE = (
    "client: add_address", "client: {connect: {as: it}}", "plug: {sides: client, as: kept}",
    "drop: {segment: SYN, to: client, as: mine}",
)  # fmt: skip


def parsed(text: str) -> tuple[AnyStep, ...]:
    """A step as a scenario file says it, after those before it."""
    steps = "".join(f"  - {step}\n" for step in (*BEFORE, text))
    end = "expect: {pair: {client: CLOSED, server: CLOSED}, cause: none}\n"
    way = "path: [nat, service: {to: [a, b], as: web}]\n"
    return loader.parse(f"source: here\n{way}steps:\n{steps}{end}", Path("mine.yaml")).steps


@pytest.mark.parametrize(("text", "told"), TOLD, ids=[text for text, _ in TOLD])
def test_every_step_is_told_in_words(text: str, told: str) -> None:
    *before, step = parsed(text)
    assert words.telling(step, before) == told


@pytest.mark.parametrize("action", steps.ACTIONS)
def test_every_action_of_the_language_is_told_here(action: str) -> None:
    acts = [step for text, _ in TOLD if isinstance(step := parsed(text)[-1], Do)]
    assert action in {step.action for step in acts}, f"TOLD does not say how {action!r} is told"


@pytest.mark.parametrize("step", [*steps.FAULTS, *language.STEPS])
def test_every_other_step_of_the_language_is_told_here(step: str) -> None:
    told = [text for text, _ in TOLD if text.startswith(f"{step}:")]
    assert told, f"TOLD does not say how {step!r} is told"


def test_no_two_steps_are_told_alike() -> None:
    assert len({told for _, told in TOLD}) == len(TOLD)


@EVERY_SCENARIO
def test_every_counter_that_is_shown_is_explained(scenario: Scenario) -> None:
    asked = {name for of_side in scenario.expect.counters.values() for name in of_side}
    assert asked <= words.COUNTERS.keys()


def test_a_scenario_of_ones_own_is_told_by_its_story() -> None:
    own = replace(BY_NAME["syn-dropped"], name="mine", story="Something\nhappens.")
    text = lesson.of(own)
    assert (text.situation, text.why, text.predict) == ("Something happens.", "", (3,))


@pytest.mark.parametrize(
    ("said", "complaint"),
    [
        ("situation: x", "lacks: why, proof, cure, wild"),
        ("{situation: x, why: ' ', proof: x, cure: x, wild: x}", "lacks: why"),
        ("{situation: x, why: x, proof: x, cure: x, wild: x, whim: x}", "a lesson has no whim"),
        ("{situation: x, why: x, proof: x, cure: x, wild: x, predict: 4}", "has no step 4"),
        ("{situation: x, why: x, proof: x, cure: x, wild: x, steps: {9: x}}", "has no step 9"),
        ("{situation: x, why: x, proof: x, cure: x, wild: x, wrong: {client: {EST: x}}}", "EST"),
        ("{situation: x", "cannot be read"),
    ],
)
def test_a_lesson_that_does_not_fit_is_refused(
    said: str, complaint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lesson, "LESSONS", tmp_path)
    (tmp_path / "syn-dropped.yaml").write_text(said)
    with pytest.raises(ScenarioError, match=f"syn-dropped.yaml.*{complaint}"):
        lesson.of(BY_NAME["syn-dropped"])


# --- answers


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("SYN_SENT", State.SYN_SENT),
        ("syn-sent", State.SYN_SENT),
        ("SynRcvd", State.SYN_RECV),
        ("syn-received", State.SYN_RECV),
        ("estab", State.ESTABLISHED),
        ("FIN_WAIT_1", State.FIN_WAIT1),
        ("FIN-WAIT-2", State.FIN_WAIT2),
        ("close wait", State.CLOSE_WAIT),
        ("time", State.TIME_WAIT),
        ("closed", State.CLOSED),
        ("closi", State.CLOSING),
        ("la", State.LAST_ACK),
        ("none", State.CLOSED),
        ("2", State.SYN_SENT),
        ("11", State.CLOSING),
    ],
)
def test_states_as_people_type_them(typed: str, meant: State) -> None:
    assert answered.state(typed) is meant


@pytest.mark.parametrize(
    ("typed", "complaint"),
    [
        ("syn", "could be SYN_SENT or SYN_RECV"),
        ("fin wait", "could be FIN_WAIT1 or FIN_WAIT2"),
        ("banana", "is not a state that I know"),
        ("12", "numbers them 1 to 11"),
        ("0", "numbers them 1 to 11"),
        ("!", "is not a state that I know"),
    ],
)
def test_what_is_no_state_is_said(typed: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        answered.state(typed)


def test_every_state_has_a_meaning() -> None:
    assert {*answered.MEANINGS} == {*State}
    assert all(len(f"  11 FIN_WAIT1    {text}") <= WIDTH for text in answered.MEANINGS.values())


# --- reasons


def scene(name: str) -> RulesInForce:
    return RulesInForce(BY_NAME[name].steps)


@pytest.mark.parametrize(
    ("name", "side", "said", "why"),
    [
        ("synack-dropped", CLIENT, State.ESTABLISHED, "the rule at the client's input drops it"),
        ("synack-dropped", CLIENT, State.LISTEN, "the client has called connect()"),
        ("synack-dropped", CLIENT, State.CLOSED, "no RST came"),
        ("synack-dropped", SERVER, State.LISTEN, "a row of its own"),
        ("synack-dropped", SERVER, State.SYN_SENT, "has not heard the other end's SYN yet"),
        ("third-ack-dropped", SERVER, State.ESTABLISHED, "the ACK of its own SYN, and the rule"),
        ("third-ack-dropped", CLIENT, State.SYN_SENT, "this end has"),
        ("fin-dropped", SERVER, State.CLOSE_WAIT, "the rule at the server's input drops it"),
        ("fin-dropped", CLIENT, State.FIN_WAIT2, "the ACK of its own FIN, and that has not come"),
        ("fin-dropped", SERVER, State.FIN_WAIT1, "the server's application has not closed"),
        ("peer-does-not-close", CLIENT, State.TIME_WAIT, "the server's application has not closed"),
        ("fins-cross", CLIENT, State.LAST_ACK, "had sent its own FIN already"),
        ("syn-dropped", SERVER, State.SYN_RECV, "only its listener is there"),
        ("syn-dropped", SERVER, State.CLOSED, "there is still a listener"),
        ("client-gives-up", CLIENT, State.LISTEN, "the client has no listener"),
    ],
)
def test_reasons_are_derived_from_what_an_end_knows(
    name: str, side: Side, said: State, why: str
) -> None:
    truth = BY_NAME[name].expect.claim.states(side)[0]
    assert why in reason(side, said, truth, scene(name))


@EVERY_SCENARIO
def test_every_wrong_answer_has_a_reason(scenario: Scenario) -> None:
    for side in Side:
        right = scenario.expect.claim.states(side)
        for said in {*State} - {*right}:
            assert reason(side, said, right[0], RulesInForce(scenario.steps))


def test_what_an_end_knows_tells_states_apart() -> None:
    alike = {(a, b) for a in KNOWS for b in KNOWS if a < b and KNOWS[a] == KNOWS[b]}
    assert alike == {(State.LAST_ACK, State.CLOSING)}


def test_a_rule_that_was_lifted_is_no_reason() -> None:
    walked = BY_NAME["every-state-in-order"]
    assert not RulesInForce(walked.steps).drops
    assert RulesInForce(walked.steps[:5]).drops


# --- the question


class Lines:
    """Answers that are there already."""

    def __init__(self, *lines: str) -> None:
        self._lines = iter(lines)

    def next(self) -> str:
        """The next of them."""
        return next(self._lines, "")


def asked(*typed: str, tries: int = 2, name: str = "synack-dropped") -> tuple[str, object]:
    pupil, out = person(*typed)
    scenario = BY_NAME[name]
    question = Prediction(pupil, scenario.expect.claim, scene(name), lesson.of(scenario))
    said = question.ask(tries)
    return " ".join(out.getvalue().split()), said


def test_a_right_pair_is_praised() -> None:
    shown, said = asked("SYN_SENT", "SYN_RECV")
    assert shown.endswith("Right, both.")
    assert said == {CLIENT: State.SYN_SENT, SERVER: State.SYN_RECV}


def test_only_the_wrong_half_is_asked_again() -> None:
    shown, said = asked("CLOSED", "SYN_RECV", "SYN_SENT")
    assert "Half right: the server is in SYN_RECV. The client is not in CLOSED" in shown
    assert shown.endswith("Right.")
    assert said == {CLIENT: State.SYN_SENT, SERVER: State.SYN_RECV}


def test_what_is_not_known_is_not_asked_again() -> None:
    shown, said = asked("", "LISTEN", "SYN_RECV")
    assert "The server is not in LISTEN" in shown
    assert shown.count("client?") == 1
    assert said == {CLIENT: None, SERVER: State.SYN_RECV}


def test_a_pair_that_cannot_exist_is_called_so() -> None:
    shown, _ = asked("FIN_WAIT2", "ESTABLISHED", tries=1)
    told = why_unreachable(State.FIN_WAIT2, State.ESTABLISHED)
    assert f"FIN_WAIT2/ESTABLISHED cannot exist at all: {told}." in shown
    assert shown.endswith("Let us see what the kernel does.")


def test_a_flicker_is_right_either_way() -> None:
    name = "synack-dropped-by-servers-firewall"
    for state in ("LISTEN", "SYN_RECV"):
        assert asked("SYN_SENT", state, name=name)[0].endswith("Right, both.")


def test_who_leaves_is_not_asked_on() -> None:
    with pytest.raises(Quit):
        asked("SYN_SENT")


@pytest.mark.parametrize("leaving", ["q", "Q", "quit", "exit"])
def test_q_is_no_state_but_leaves(leaving: str) -> None:
    with pytest.raises(Quit):
        asked("SYN_SENT", leaving, "SYN_RECV")


def test_the_question_tells_its_states_and_keys() -> None:
    shown, _ = asked("?", "SYN_SENT", "help", "SYN_RECV")
    assert shown.count("3 SYN_RECV has the other end's SYN") == 2
    assert shown.count("Just Enter: you do not know. q, Ctrl-D and Ctrl-C leave") == 2
    assert shown.endswith("Right, both.")


def person(*typed: str, width: int = WIDTH) -> tuple[Conversation, io.StringIO]:
    out = io.StringIO()
    return Conversation(
        Lines(*(f"{line}\n" for line in typed)), out, Style(False), width=width
    ), out


def test_enter_goes_on_and_nothing_else_does() -> None:
    pupil, out = person("", "x", "?", "", "q", "")
    pupil.enter("does it")
    assert out.getvalue() == "[Enter] does it \n"
    pupil.enter("does it")
    assert "'x' does nothing here. Enter does it, ? lists the keys, q leaves." in out.getvalue()
    assert "Enter does it. q, Ctrl-D and Ctrl-C leave" in out.getvalue()
    assert out.getvalue().count("[Enter]") == 4
    with pytest.raises(Quit):
        pupil.enter("does it")


def test_yes_or_no_takes_nothing_else() -> None:
    pupil, out = person("maybe", "?", "Y", "no", "", "q")
    assert pupil.agrees("Again?")
    assert "'maybe' is not an answer here: y or n" in out.getvalue()
    assert not pupil.agrees("Again?")
    assert not pupil.agrees("Again?")
    with pytest.raises(Quit):
        pupil.agrees("Again?")


def test_where_nobody_is_there_the_lesson_goes_on_by_itself() -> None:
    pupil, out = person()
    pupil.enter("does it")
    assert pupil.ask("? ", lambda: None) == ""
    assert pupil.alone
    assert out.getvalue().count("Nobody is there to answer") == 1


def test_who_leaves_a_terminal_with_the_first_key_is_not_nobody() -> None:
    pupil = Conversation(Lines(), io.StringIO(), Style(False), echo=False)
    with pytest.raises(Quit):
        pupil.enter("does it")
    assert not pupil.alone


# --- looking


def row(state: State, **more: object) -> Row:
    local, remote = endpoint("10.0.0.1", 40000), endpoint("10.0.0.2", 5555)
    plain = Row(local, remote, state, 0, 0, Timer.NONE, 0.0, 0, 0, 1)
    return plain._replace(**more)  # type: ignore[arg-type]


def test_rows_look_as_ss_shows_them() -> None:
    waiting = row(State.FIN_WAIT1, tx_queue=1, timer=Timer.RETRANSMIT, remaining=0.4, retransmits=2)
    lines = [*look.table({CLIENT: [waiting], SERVER: []}, WIDTH, Style(False))]
    assert lines[0].split() == ["State", "Recv-Q", "Send-Q", "Local", "Peer", "Timer"]
    assert lines[1].split() == ["client", "FIN-WAIT-1", "0", "1", "10.0.0.1:40000",
                                "10.0.0.2:5555", "on,400ms,2"]  # fmt: skip
    assert lines[2] == " server  (no TCP socket at all)"


def test_addresses_of_both_families_are_written_as_usual() -> None:
    six = row(State.TIME_WAIT, local=endpoint("fd00::1", 40000), remote=endpoint("fd00::2", 5555))
    mapped = row(State.ESTABLISHED, local=endpoint("::ffff:10.0.0.1", 80))
    anybody = row(State.LISTEN, local=endpoint("::", 5555))
    text = "\n".join(look.table({CLIENT: [six, mapped], SERVER: [anybody]}, WIDTH, Style(False)))
    assert "[fd00::1]:40000 [fd00::2]:5555" in text
    assert "10.0.0.1:80" in text
    assert "*:5555" in text


def test_a_long_row_still_fits_a_terminal() -> None:
    far = "fd00:0:0:ffff::2"
    long = row(State.CLOSE_WAIT, local=endpoint(far, 40000), remote=endpoint(far, 50000),
               timer=Timer.RETRANSMIT, remaining=0.8)  # fmt: skip
    lines = [*look.table({CLIENT: [long], SERVER: []}, WIDTH, Style(False))]
    assert max(map(len, lines)) <= WIDTH
    assert " :40000 " in lines[1]
    assert ":50000" in lines[1]


def test_a_row_fits_a_narrow_terminal_without_addresses() -> None:
    waiting = row(State.FIN_WAIT1, timer=Timer.RETRANSMIT, remaining=0.4, retransmits=2)
    listening = row(State.LISTEN)
    lines = [*look.table({CLIENT: [waiting], SERVER: [listening]}, 60, Style(False))]
    assert max(map(len, lines)) <= 60
    assert lines[1].split() == ["client", "FIN-WAIT-1", "0", "0", ":40000", ":5555", "on,400ms,2"]
    assert lines[2].split() == ["server", "LISTEN", "0", "0", ":40000", "*"]


def test_many_rows_are_summed_up() -> None:
    flood = [row(State.SYN_RECV)] * (look.LONGEST + 3)
    lines = [*look.table({CLIENT: [], SERVER: flood}, WIDTH, Style(False))]
    assert lines[-1].strip() == "and 3 more in SYN-RECV"
    assert len(lines) == 2 + look.LONGEST + 1


def test_a_pair_of_the_atlas_is_none_of_ones_own() -> None:
    assert lesson.of(catalogue.one("established-and-listen")).title == "a pair of the atlas"


def test_a_socket_whose_syn_crossed_lives_as_long_as_its_syn_is_repeated() -> None:
    """No listener's request, which the kernel forgets sooner."""
    crossed = proof.lives(catalogue.one("simultaneous-open-synacks-dropped"), tuned=False)
    assert [*crossed] == [f"Left alone, SYN_RECV lasts {words.CROSSED}."]
    request = proof.lives(catalogue.one("syn-sent-and-syn-recv"), tuned=False)
    assert f"Left alone, SYN_RECV lasts {words.LIVES[State.SYN_RECV]}." in [*request]


@pytest.mark.parametrize(
    ("seen", "sentence"),
    [
        (row(State.SYN_SENT, timer=Timer.RETRANSMIT, retransmits=2), "fired 2 times"),
        (row(State.FIN_WAIT1, timer=Timer.PROBE, probes=3), "no room, or this machine refused"),
        (row(State.TIME_WAIT, timer=Timer.TIME_WAIT, inode=0), "a small note"),
        (row(State.SYN_RECV, timer=Timer.RETRANSMIT, inode=0), "a request only"),
        (row(State.LAST_ACK, timer=Timer.RETRANSMIT, inode=0), "finishes alone"),
        (row(State.CLOSE_WAIT, rx_queue=1), "a FIN counts as one"),
        (row(State.LISTEN, rx_queue=1), "no program has accepted yet"),
        (row(State.ESTABLISHED), "for ever"),
        (None, "no connection at this end"),
    ],
)
def test_columns_are_explained(seen: Row | None, sentence: str) -> None:
    assert sentence in " ".join(words.explained(seen))


# --- typing


def test_lines_come_when_they_are_whole() -> None:
    reading, writing = os.pipe()
    with os.fdopen(reading) as stream:
        typed = Typed(stream)
        assert typed.next() is None
        os.write(writing, b"SYN_")
        assert typed.next() is None
        os.write(writing, b"SENT\nLIS")
        assert (typed.next(), typed.next()) == ("SYN_SENT\n", None)
        os.close(writing)
        assert [typed.next() for _ in range(3)] == ["LIS", "", ""]


def test_a_closed_input_ends_at_once() -> None:
    assert Typed(None).next() == ""


def test_a_person_is_waited_for() -> None:
    class Slow(Lines):
        def next(self) -> str | None:  # type: ignore[override]
            return next(answers, "")

    answers = iter([None, None, " LISTEN \n"])
    out = io.StringIO()
    person = Conversation(Slow(), out, Style(False))
    assert person.ask("? ", lambda: None) == "LISTEN"
    assert person.waited > 0
    assert out.getvalue() == "? LISTEN\n"


def test_a_command_wrapped_is_never_broken_in_a_word() -> None:
    out = io.StringIO()
    Conversation(Lines(), out, Style(False)).say("a SYN-ACK " * 30)
    assert not [line for line in out.getvalue().splitlines() if line.endswith("SYN-")]
    assert max(map(len, out.getvalue().splitlines())) <= WIDTH
