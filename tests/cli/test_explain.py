# SPDX-License-Identifier: GPL-2.0-or-later
"""netlab explain: every word has its lines, from the texts that netlab works by."""

from __future__ import annotations

import json
import re

import pytest

from netlab import cli
from netlab.atlas import store
from netlab.cli.commands import explain
from netlab.conformance import rows
from netlab.diagnosis.rules import rules
from netlab.glossary import causes, language, lookup, values
from netlab.linux import inet_diag, sysctl
from netlab.linux.nstat import Counters
from netlab.model.errors import ScenarioError
from netlab.model.tcp import SPELLINGS, SS_TIMERS, State
from netlab.render.style import Style
from netlab.scenario import catalogue
from netlab.snapshot.collect import SYSCTLS as COLLECTED
from netlab.teaching.words import COUNTERS, SYSCTLS
from netlab.testbed.notebook import TIMING_SYSCTLS

from .shell import netlab

WORDS = [*lookup.known(), *map(str, store.pairs())]
MOST = 12  # lines


def explained(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert cli.main(["explain", *words]) == 0
    return capsys.readouterr().out


def test_every_word_is_explained_in_a_few_lines_that_fit() -> None:
    assert len(WORDS) > 300
    for word in WORDS:
        for found in lookup.explain(word):
            lines = [*explain._lines(found, 80, Style(False))]
            assert len(lines) <= MOST, word
            copied = [said for name, said in found.facts if name in ("play", "look", "example")]
            assert all(len(line) <= 80 or line.strip() in copied for line in lines), word
            assert found.kind == "word" or not re.search(r"\{(own|peer|port|side)", str(found))


def test_a_cause_is_told_as_the_diagnosis_tells_it(capsys: pytest.CaptureFixture[str]) -> None:
    said = " ".join(explained(capsys, "accept-queue-full").split())
    cause = rules().causes["accept-queue-full"]
    assert said.startswith(f"accept-queue-full (cause): {cause.title}")
    assert cause.next in said
    assert f"netlab run --ladder {cause.scenario}" in said
    assert "'sport = :PORT'" in said


def test_what_plays_a_cause_can_be_typed_and_says_where_another_fault_stands_in() -> None:
    for cause in rules().causes.values():
        (play,) = [said for name, said in causes.of(cause.id).facts if name == "play"]
        command, _, remark = play.partition("  # ")
        assert catalogue.one(command.split()[-1]).name == cause.scenario
        assert ("stands in" in remark) == cause.stand_in, cause.id


def test_what_breaks_on_the_way_is_played_with_something_on_the_way() -> None:
    for name in ("path-mtu", "idle-timeout", "nat-broken", "middlebox-reset"):
        assert catalogue.one(rules().causes[name].scenario).way, name


@pytest.mark.parametrize("word", ["FIN_WAIT2", "fin-wait-2", "FW2", "finwait2"])
def test_a_state_is_found_as_anybody_writes_it(
    word: str, capsys: pytest.CaptureFixture[str]
) -> None:
    said = explained(capsys, word)
    assert said.startswith("FIN_WAIT2 (state): has closed, its FIN is acknowledged")
    assert re.search(r"^from +FIN_WAIT1 by rcv ACK of FIN$", said, re.MULTILINE)
    assert "60 s once its program is gone" in said
    assert re.search("^causes +not-closed, ", said, re.MULTILINE)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("TCP_CLOSE_WAIT", "CLOSE_WAIT"),  # as the kernel's tracepoints print it
        ("NEW_SYN_RECV", "SYN_RECV"),
        ("0A", "LISTEN"),  # as /proc/net/tcp does
        ("0c", "SYN_RECV"),
        ("CLOSE_WAIT, FIN_WAIT2", "CLOSE_WAIT/FIN_WAIT2"),
        ("fin-wait-2 and close-wait", "FIN_WAIT2/CLOSE_WAIT"),
        ("FW1 - CW", "FIN_WAIT1/CLOSE_WAIT"),
        ("accept queue full", "accept-queue-full"),
        ("SYN_LOST", "syn-lost"),
        ("RetransSegs", "TcpRetransSegs"),
        ("Tcp: InErrs", "TcpInErrs"),
        ("TcpExt:ListenOverflows", "ListenOverflows"),
        ("node_netstat_TcpExt_ListenDrops", "ListenDrops"),  # as Prometheus has it
        ("12 SYNs to LISTEN sockets dropped", "ListenDrops"),  # and netstat -s
        ("resets sent", "TcpOutRsts"),
        ("somaxconn", "net.core.somaxconn"),
        ("/proc/sys/net/ipv4/tcp_retries2", "tcp_retries2"),
        ("net.ipv4.tcp_retries2 = 15", "tcp_retries2"),
        ("Connection refused", "ECONNREFUSED"),  # as a program prints it
        ("econnrefused", "ECONNREFUSED"),
        ("SYN-ACK", "SYN|ACK"),
        ("FIN,ACK", "FIN|ACK"),
        ("recv-q", "Recv-Q"),
        ("persist", "persist"),
        ("cwnd", "cwnd"),
    ],
)
def test_a_word_is_found_as_other_tools_print_it(text: str, name: str) -> None:
    assert [each.name for each in lookup.explain(text)] == [name]


def test_several_words_are_explained_one_after_the_other() -> None:
    found = lookup.explain("tcp_retries1 TCPTimeouts syn-lost")
    assert [each.name for each in found] == ["tcp_retries1", "TCPTimeouts", "syn-lost"]
    with pytest.raises(ScenarioError, match="no word of netlab's"):
        lookup.explain("tcp_retries1 xyzzy")


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("diagnose", "is a command: 'netlab help diagnose' explains it"),
        ("fin-dropped", "is a scenario: 'netlab show fin-dropped' explains it"),
        ("established-and-listen", "is a scenario of the atlas: 'netlab show established"),
        ("syn/CLOSED", "is a row of the conformance table: 'netlab conformance syn/CLOSED'"),
        ("silent-server", "is a fault of an audit: 'netlab audit --list' explains it"),
    ],
)
def test_what_another_command_explains_says_which(
    word: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["explain", word]) == 2
    assert f"{word!r} {said}" in capsys.readouterr().err
    [command] = re.findall(r"'netlab ([^']+)", said)
    asked = [word if word.startswith(part) else part for part in command.split()]
    assert netlab(*asked).code == 0


def test_every_spelling_of_every_state_is_found() -> None:
    for state, spellings in SPELLINGS.items():
        for spelling in spellings:
            assert [e.name for e in lookup.explain(spelling) if e.kind == "state"] == [str(state)]


@pytest.mark.parametrize(
    "words", [["FW1/CW"], ["FIN_WAIT1", "CLOSE_WAIT"], ["fin-wait-1/close-wait"]]
)
def test_a_pair(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    said = " ".join(explained(capsys, *words).split())
    assert said.startswith("FIN_WAIT1/CLOSE_WAIT (pair): every ACK to the client is lost.")
    assert "rules ACK lost to client heals into FIN_WAIT2/CLOSE_WAIT" in said
    assert "causes fin-ack-lost" in said


def test_a_pair_that_cannot_be_says_why(capsys: pytest.CaptureFixture[str]) -> None:
    said = explained(capsys, "FIN_WAIT2/ESTABLISHED")
    assert "cannot be: FIN_WAIT2 needs a peer that took the" in said


@pytest.mark.parametrize("word", ["TCPTimeouts", "tcptimeouts", "TcpExtTCPTimeouts"])
def test_a_counter(word: str, capsys: pytest.CaptureFixture[str]) -> None:
    said = explained(capsys, word)
    assert said.startswith(f"TCPTimeouts (counter): {COUNTERS['TCPTimeouts']}")
    assert "nstat -az TcpExtTCPTimeouts" in said
    assert "own-firewall" in said


def test_a_sysctl_has_its_value_here(capsys: pytest.CaptureFixture[str]) -> None:
    for word in ("tcp_retries2", "net.ipv4.tcp_retries2", "net/ipv4/tcp_retries2"):
        said = explained(capsys, word)
        assert f"here      {sysctl.read('tcp_retries2')}\n" in said
        assert "data-lost" in said


def test_a_word_of_the_language_has_an_example_and_what_it_does(
    capsys: pytest.CaptureFixture[str],
) -> None:
    said = " ".join(explained(capsys, "drop").split())
    assert "example drop: {segment: ACK, to: server}" in said
    assert "dropped at the server's input, as if the wire had lost it" in said


def test_no_word_is_explained_by_itself_and_each_step_has_an_example() -> None:
    for word, uses in language.words().items():
        for found, use in zip(language.of(word), uses, strict=True):
            assert found.says.removeprefix("a ").removeprefix("an ") != word
            assert not use.step or {"example", "which"} <= dict(found.facts).keys(), word


@pytest.mark.parametrize("word", ["covers", "rx_queue", "exits", "mtu", "jitter", "tracked"])
def test_a_key_inside_a_step_is_a_word_too(word: str) -> None:
    for found in lookup.explain(word):
        assert "argument of " in dict(found.facts)["where"] or "key" in dict(found.facts)["where"]


def test_a_segment_an_error_and_an_option_are_words() -> None:
    assert dict(lookup.explain("RST")[0].facts)["example"] == "drop: {segment: RST, to: server}"
    assert "data-lost" in dict(lookup.explain("TCP_USER_TIMEOUT")[0].facts)["causes"]
    for word in set(re.findall(r"\b(?:SO|TCP)_[A-Z_]+|\bE[A-Z]{4,}", repr(rules().causes))):
        assert lookup.explain(word), word
    for names in (catalogue.one("port-closed").steps, catalogue.one("user-timeout").steps):
        for step in names:
            for name in [*getattr(step, "fails", {}).values()]:
                assert lookup.explain(name)


def test_all_that_ss_prints_of_a_socket_is_explained() -> None:
    assert {*inet_diag.NAMES} == {*values.FIGURES}
    assert {*SS_TIMERS.values()} <= {*values.LISTED}
    for name in (*values.FIGURES, *values.LISTED):
        assert [
            each for each in lookup.explain(name) if "ss" in dict(each.facts).get("where", "")
        ], name


def test_a_word_with_several_meanings_has_all_of_them() -> None:
    assert [each.kind for each in lookup.explain("listen")] == ["state", "word"]
    assert len(lookup.explain("path")) == 2


def test_a_pair_says_how_long_each_end_lasts_that_is_there() -> None:
    closed = dict(lookup.explain("CLOSED/LISTEN")[0].facts)
    assert closed["lasts"].startswith("server for ever")
    assert "lasts" not in dict(lookup.explain("CLOSED/CLOSED")[0].facts)
    request = dict(lookup.explain("SYN_SENT/SYN_RECV")[0].facts)["lasts"]
    assert "server about 63 s after the client's last SYN" in request
    crossed = dict(lookup.explain("SYN_RECV/SYN_RECV")[0].facts)["lasts"]
    assert crossed.count("about 127 s after its own SYN") == 2


def test_a_state_that_shows_no_cause_alone_says_what_would() -> None:
    assert "netlab diagnose" in dict(lookup.explain("ESTABLISHED")[0].facts)["causes"]
    assert "causes" not in dict(lookup.explain("TIME_WAIT")[0].facts)


def test_what_is_named_elsewhere_has_a_text() -> None:
    """Counters of the conformance table, and sysctls that are stored with every look and run."""
    counted = {name for row in rows.rows() for name in row.counts}
    assert counted - COUNTERS.keys() == set()
    assert {*COLLECTED, *TIMING_SYSCTLS} - SYSCTLS.keys() == set()
    assert {name for row in rows.rows() for name in row.sysctls} - SYSCTLS.keys() == set()


def test_this_kernel_has_what_is_explained() -> None:
    """A name that no kernel has would be a slip: this one, at most, lacks a module or is old."""
    counters = Counters()
    there = counters.read()
    counters.close()
    assert len(COUNTERS.keys() - there.keys()) <= 3
    own = [name for name in SYSCTLS if not name.startswith("net.netfilter")]
    assert len([name for name in own if not sysctl.exists(name)]) <= 6


def test_an_unknown_word_brings_those_that_are_near(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["explain", "listenoverflow"]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert "'listenoverflow' is no word of netlab's: did you mean ListenOverflows or " in said.err
    assert cli.main(["explain", "xyzzy"]) == 2
    assert "'netlab explain' says what may be explained" in capsys.readouterr().err


def test_json_has_one_object_a_meaning(capsys: pytest.CaptureFixture[str]) -> None:
    first, second = map(json.loads, explained(capsys, "--json", "listen").splitlines())
    assert (first["kind"], first["name"]) == ("state", "LISTEN")
    assert (second["kind"], second["example"]) == ("word", "server: listen")


def test_alone_it_has_an_example_of_each_kind_that_works(
    capsys: pytest.CaptureFixture[str],
) -> None:
    said = explained(capsys)
    examples = re.findall(r"netlab explain (\S+) +(\w+): ", said)
    assert [kind for _, kind in examples] == [*lookup.EXAMPLES]
    for word, kind in examples:
        assert kind in [each.kind for each in lookup.explain(word)]


def test_a_shell_completes_its_words() -> None:
    assert {"syn-lost", *map(str, State), "TCPTimeouts", "tcp_retries2", "drop"} <= {
        *explain._words()
    }
    assert netlab("explain", "SYN_SENT").code == 0
