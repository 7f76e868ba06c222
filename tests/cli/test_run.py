# SPDX-License-Identifier: GPL-2.0-or-later
"""netlab run: the table, JSON, options, and an exit code for each way that it can end."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from netlab.model.evidence import Evidence

from ..build import states
from .shell import netlab, scenario

NEVER = "ESTABLISHED/ESTABLISHED"  # nobody connects
CONNECT = "client: connect"
REFUSED = "reject: {segment: SYN, at: server postrouting, with: tcp-reset}"  # the kernel has none
UNKNOWN = "drop: {nft: tcp banana 5555, to: server}"
NEEDS_NFT = pytest.mark.needs("nft")


def test_in_a_pipe_a_run_is_plain_text() -> None:
    done = netlab("run", "--hold", "100ms", "synack-dropped", "hello-both-ways")
    assert (done.code, done.err) == (0, "")
    assert "\x1b" not in done.out
    assert re.search(r"^PASS +synack-dropped +SYN_SENT +SYN_RECV .* ESTABLISHED/ESTABLISHED$",
                     done.out, re.MULTILINE)  # fmt: skip
    assert re.search(r"^2 passed in \d+\.\d s \(IPv4, kernel \S+\)$", done.out, re.MULTILINE)


def test_colour_can_be_forced() -> None:
    done = netlab("run", "--hold", "10ms", "hello-both-ways", FORCE_COLOR="1")
    assert "\x1b[32mPASS\x1b[0m" in done.out


def test_a_run_as_json_has_the_promised_keys() -> None:
    done = netlab("run", "--json", "--hold", "100ms", "synack-dropped")
    assert (done.code, done.err) == (0, "")
    (line,) = done.out.splitlines()
    record = json.loads(line)
    pair = {"client": "SYN_SENT", "server": "SYN_RECV"}
    assert (record["scenario"], record["outcome"]) == ("synack-dropped", "pass")
    assert record["expected"] == record["observed"] == pair
    assert record["elapsed_s"] > record["held_s"] >= 0.1
    assert record["dropped"] >= 2
    assert re.match(r"\d+\.\d+", record["kernel"])


def test_json_is_evidence_that_can_be_read_again() -> None:
    done = netlab("run", "--json", "--hold", "50ms", "fin-dropped", "half-close")
    runs = {run.scenario: run for run in map(Evidence.from_json, done.out.splitlines())}
    assert runs.keys() == {"fin-dropped", "half-close"}
    fault = runs["fin-dropped"].faults[0]
    assert (fault.where, fault.packets >= 3, fault.removed is not None) == (
        "server input", True, True,
    )  # fmt: skip
    assert runs["half-close"].healed == states("TIME_WAIT/LISTEN")
    assert [step.text for step in runs["half-close"].steps][:2] == [
        "server: listen", "client: connect",
    ]  # fmt: skip


def test_a_pair_that_is_not_reached_exits_with_1_and_shows_both_ends(tmp_path: Path) -> None:
    path = scenario(tmp_path, CONNECT, pair="FIN_WAIT1/CLOSE_WAIT", within="300ms")
    done = netlab("run", path)
    assert (done.code, done.err) == (1, "")
    shown = done.out[done.out.index(f"{path}:6: ") :].splitlines()
    assert re.fullmatch(r".*: pair not reached \(kernel \S+\)", shown[0])
    assert shown[1].split() == ["expected", "sampled", "retransmits"]
    assert re.fullmatch(r"  client  FIN_WAIT1 +ESTABLISHED +from \+\d\.\d\d s +0", shown[2])
    assert re.fullmatch(r"  server  CLOSE_WAIT +ESTABLISHED +from \+\d\.\d\d s +0", shown[3])
    assert shown[4] == "  last step done: line 4, client: connect"
    assert "1 failed" in done.out.splitlines()[-1]


def test_a_rule_that_never_matched_is_pointed_at(tmp_path: Path) -> None:
    drop = "drop: {segment: RST, to: client}"
    path = scenario(tmp_path, drop, CONNECT, pair="LAST_ACK/CLOSED", within="300ms")
    done = netlab("run", path)
    assert done.code == 1
    note = "  fault drop-1 at client input: 0 packets  <- the rule never matched"
    assert note in done.out.splitlines()


def test_a_call_that_ends_otherwise_exits_with_1(tmp_path: Path) -> None:
    path = scenario(tmp_path, f"{CONNECT}\n    fails: ECONNREFUSED")
    done = netlab("run", path)
    assert done.code == 1
    problem = "client: connect, fails: ECONNREFUSED: expected ECONNREFUSED; found no error"
    assert f"{path}:4: {problem}" in done.out


@pytest.mark.parametrize(
    ("step", "says"),
    [
        (REFUSED, "the kernel refused the rule .* at postrouting: Operation not supported"),
        pytest.param(UNKNOWN, "nft refused 'tcp banana 5555': ", marks=NEEDS_NFT),
        ("client: {sysctl: {tcp_banana: 1}}", "this kernel has no sysctl net.ipv4.tcp_banana"),
        ("client: {run: no-such-program}", "cannot run 'no-such-program': No such file"),
    ],
)
def test_what_cannot_be_built_exits_with_3_and_is_no_failure(
    step: str, says: str, tmp_path: Path
) -> None:
    path = scenario(tmp_path, step)
    done = netlab("run", path, "--allow-programs")
    assert done.code == 3
    assert re.search(rf"^mine: {re.escape(str(path))}:4: {says}", done.out, re.MULTILINE)
    assert "1 not built in " in done.out
    assert "FAIL" not in done.out


@pytest.mark.parametrize(
    ("broken", "code"),
    [((), 0), ((NEVER,), 1), ((REFUSED,), 3), ((NEVER, REFUSED), 3)],
    ids=["all pass", "one fails", "one is not built", "one of each"],
)
def test_the_worst_outcome_is_the_exit_code(
    broken: tuple[str, ...], code: int, tmp_path: Path
) -> None:
    scenario(tmp_path, name="good")
    for number, what in enumerate(broken):
        if what == NEVER:
            scenario(tmp_path, pair=NEVER, within="300ms", name=f"bad-{number}")
        else:
            scenario(tmp_path, what, name=f"bad-{number}")
    done = netlab("run", f"{tmp_path}/")
    assert done.code == code
    assert re.search(r"^PASS +good ", done.out, re.MULTILINE)
    assert len(re.findall(r"^(?:FAIL|ERROR) ", done.out, re.MULTILINE)) == len(broken)


def test_over_ipv6_what_only_ipv4_has_is_skipped_with_the_reason() -> None:
    done = netlab("run", "--ipv6", "--hold", "10ms", "hello-both-ways", "syn-rejected-with-net-*")
    assert done.code == 0
    assert re.search(r"^SKIP +\S+-net-prohibited +only IPv4 has this$", done.out, re.MULTILINE)
    assert "1 passed, 1 skipped" in done.out
    assert "(IPv6, kernel " in done.out


def test_one_job_at_a_time_plays_all_of_them(tmp_path: Path) -> None:
    names = [f"number-{number}" for number in range(5)]
    for name in names:
        scenario(tmp_path, name=name)
    done = netlab("run", "--json", "--jobs", "1", f"{tmp_path}/")
    runs = [Evidence.from_json(line) for line in done.out.splitlines()]
    assert [(run.scenario, run.outcome) for run in runs] == [(name, "pass") for name in names]


def test_a_hold_of_ones_own_replaces_those_of_the_files(tmp_path: Path) -> None:
    done = netlab("run", "--json", "--hold", "400ms", scenario(tmp_path))
    assert json.loads(done.out)["held_s"] >= 0.4


def test_a_sysctl_makes_every_lab_of_a_run_behave_otherwise() -> None:
    patient = netlab("run", "--hold", "10ms", "client-gives-up")
    assert patient.code == 0
    done = netlab("run", "--hold", "10ms", "--sysctl", "net.ipv4.tcp_rfc1337=banana", "syn-dropped")
    assert done.code == 3
    assert "sysctl net.ipv4.tcp_rfc1337=banana: Invalid argument" in done.out
    quick = ("--sysctl", "tcp_syn_retries=1")
    done = netlab("run", *quick, "syn-dropped-to-the-end")
    assert done.code == 1
    assert re.search(r"the pair ended after [23]\.\d s; expected between", done.out)


def test_a_sysctl_that_is_none_is_bad_usage() -> None:
    done = netlab("run", "--sysctl", "tcp_syn_retries", "syn-dropped")
    assert done.code == 2
    assert "expected NAME=VALUE such as tcp_syn_retries=2; found 'tcp_syn_retries'" in done.err


# --- what comes without a fault

#: The lost SYN is another connection's.
NEEDLESS = ("drop: {segment: SYN, to: server, port: 9}", "client: {connect: {port: 9}}", CONNECT,
            "server: accept")  # fmt: skip


def test_what_passed_is_played_without_each_of_its_faults(tmp_path: Path) -> None:
    done = netlab("run", "--prove", "--report", tmp_path, "simultaneous-open-synacks-dropped",
                  "hello-both-ways")  # fmt: skip
    assert (done.code, done.err) == (0, "")
    shown = done.out.splitlines()
    row = next(number for number, line in enumerate(shown) if "synacks-dropped" in line)
    assert shown[row + 1 : row + 4] == [
        "  without to-client: SYN_RECV/SYN_RECV was not reached (ESTABLISHED/ESTABLISHED)",
        "  without to-server: SYN_RECV/SYN_RECV was not reached (ESTABLISHED/ESTABLISHED)",
        "  without plug-1: SYN_SENT/SYN_SENT was not reached (CLOSED/CLOSED)",
    ]
    assert "3 faults of 1 scenario left out in turn: 3 needed" in shown
    assert (
        "Without <b>plug-1</b>: SYN_SENT/SYN_SENT was not" in (tmp_path / "index.html").read_text()
    )
    record = Evidence.from_json((tmp_path / "simultaneous-open-synacks-dropped.json").read_text())
    assert [(each.fault, each.needed) for each in record.counterfactuals] == [
        ("to-client", True), ("to-server", True), ("plug-1", True),
    ]  # fmt: skip


def test_a_fault_that_is_not_needed_passes_until_it_is_to_be_proven(tmp_path: Path) -> None:
    path = scenario(tmp_path, *NEEDLESS, pair="ESTABLISHED/ESTABLISHED")
    assert netlab("run", path).code == 0
    done = netlab("run", "--prove", path)
    assert (done.code, done.err) == (1, "")
    same = "ESTABLISHED/ESTABLISHED was reached and held all the same"
    assert f"\n  without drop-1: {same}\n" in done.out
    assert f"{path}:4: drop-1 is no cause of the pair: without it, ESTABLISHED/" in done.out
    assert done.out.splitlines()[-1] == "1 fault of 1 scenario left out in turn: 1 not needed"


def test_the_records_have_what_came_without_a_fault(tmp_path: Path) -> None:
    path = scenario(tmp_path, *NEEDLESS, pair="ESTABLISHED/ESTABLISHED")
    done = netlab("run", "--prove", "--json", "--ipv6", path)
    assert (done.code, done.err) == (1, "")
    [record] = [json.loads(line) for line in done.out.splitlines()]
    pair = {"client": "ESTABLISHED", "server": "ESTABLISHED"}
    assert record["counterfactuals"] == [
        {
            "fault": "drop-1",
            "needed": False,
            "found": "ESTABLISHED/ESTABLISHED was reached and held all the same",
            "observed": pair,
        }
    ]


def test_the_help_has_an_example_of_it() -> None:
    assert re.search(r"netlab run --prove my-own\.yaml +and that the pair", netlab("run", "-h").out)


def test_what_a_story_asserts_is_played_whatever_python_leaves_out() -> None:
    """Its server reads within an assert."""
    done = netlab("run", "--hold", "10ms", "socket-is-connected-with-itself", PYTHONOPTIMIZE="2")
    assert done.code == 0, done
    assert "1 passed" in done.out
