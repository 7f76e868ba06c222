# SPDX-License-Identifier: GPL-2.0-or-later
"""Evidence survives JSON unchanged, has the promised keys, and is made from nothing else."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from netlab.model.evidence import End, Evidence, Failure, FailureRow, Fault, Interval, Step
from netlab.model.tcp import State, Timer
from netlab.model.vocabulary import Pair

#: Not made smaller where one fails: of records of records that takes minutes.
EXAMPLES = settings(deadline=None, database=None, phases=[Phase.generate])
TEXT = st.text(max_size=8)
NUMBER = st.integers(0, 1 << 40)
SECONDS = st.floats(0, 1e6)
PAIRS = st.fixed_dictionaries({"client": TEXT, "server": TEXT})


def some(record: type[Any], **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Records of a kind: each field by its declared type, unless said otherwise."""
    by_type = {"str": TEXT, "int": NUMBER, "float": SECONDS, "bool": st.booleans()}
    for field in dataclasses.fields(record):
        kind = str(field.type)
        if field.name not in fields and kind in by_type:
            fields[field.name] = by_type[kind]
    return st.builds(record, **fields)


def several(records: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, ...]]:
    """None, one, or two of them."""
    return st.lists(records, max_size=2).map(tuple)


INTERVALS = some(Interval, state=st.sampled_from(State), timer=st.sampled_from(Timer))
ENDS = some(
    End,
    intervals=several(INTERVALS),
    counters=st.dictionaries(TEXT, st.integers(), max_size=2),
    sysctls=st.dictionaries(TEXT, TEXT, max_size=2),
)
FAILURES = some(
    Failure,
    line=st.none() | NUMBER,
    rows=several(some(FailureRow)),
    notes=several(TEXT),
)
RUNS: st.SearchStrategy[Evidence] = some(
    Evidence,
    outcome=st.sampled_from(["pass", "fail", "error", "skip"]),
    expected=PAIRS,
    observed=PAIRS | st.just({}),
    healed=st.none() | PAIRS,
    failure=st.none() | FAILURES,
    steps=several(some(Step)),
    faults=several(some(Fault, removed=st.none() | SECONDS)),
    client=ENDS,
    server=ENDS,
)
RUN = Evidence(
    scenario="synack-dropped",
    outcome="pass",
    source="Part 1, Figures 7-8",
    path="scenarios/handshake/synack-dropped.yaml",
    family="IPv4",
    kernel="6.18.44",
    expected={"client": "SYN_SENT", "server": "SYN_RECV"},
    observed={"client": "SYN_SENT", "server": "SYN_RECV"},
)


@settings(EXAMPLES, max_examples=150)
@given(RUNS)
def test_evidence_comes_back_from_json_as_it_was(run: Evidence) -> None:
    assert Evidence.from_json(run.to_json()) == run


@settings(EXAMPLES, max_examples=50)
@given(RUNS)
def test_evidence_is_one_line_of_json(run: Evidence) -> None:
    assert "\n" not in run.to_json()


def test_the_promised_keys_are_there_with_their_types() -> None:
    record = json.loads(RUN.to_json())
    types = {key: type(record[key]) for key in (
        "scenario", "outcome", "expected", "observed", "held_s", "elapsed_s", "dropped", "kernel",
    )}  # fmt: skip
    assert types == {
        "scenario": str,
        "outcome": str,
        "expected": dict,
        "observed": dict,
        "held_s": float,
        "elapsed_s": float,
        "dropped": int,
        "kernel": str,
    }
    assert record["observed"] == {"client": "SYN_SENT", "server": "SYN_RECV"}


def test_states_and_timers_go_by_their_names() -> None:
    interval = Interval(State.SYN_RECV, 0.1, 0.2, 9, Timer.RETRANSMIT, 0.9, 1, 0, 0, 0, 0)
    run = dataclasses.replace(RUN, server=End(intervals=(interval,)))
    shown = json.loads(run.to_json())["server"]["intervals"][0]
    assert (shown["state"], shown["timer"]) == ("SYN_RECV", "RETRANSMIT")


WHOLE = RUN.to_json()
RUBBISH = {
    "nothing": "",
    "a word": "rubbish",
    "half an object": WHOLE[:-1],
    "null": "null",
    "a number": "3",
    "a text": '"text"',
    "a list": "[]",
    "no key": "{}",
    "brackets, 100000 deep": "[" * 100_000,
    "another outcome": WHOLE.replace('"pass"', '"perhaps"'),
    "words for seconds": WHOLE.replace('"held_s": 0.0', '"held_s": "long"'),
    "a number for a step": WHOLE.replace('"steps": []', '"steps": [1]'),
    "an unknown state": WHOLE.replace('"intervals": []', '"intervals": [{"state": "BORED"}]'),
}


@pytest.mark.parametrize("text", RUBBISH.values(), ids=RUBBISH)
def test_what_is_no_evidence_is_refused_with_value_error(text: str) -> None:
    assert text != WHOLE
    with pytest.raises(ValueError, match=r"."):
        Evidence.from_json(text)


def test_the_last_interval_of_an_end_is_the_last_thing_seen() -> None:
    first = Interval(State.SYN_SENT, 0.0, 0.1, 3, Timer.NONE, 0.0, 0, 0, 0, 0, 7)
    second = dataclasses.replace(first, state=State.ESTABLISHED)
    assert End().last is None
    assert End(intervals=(first, second)).last is second


def test_a_pair_is_written_client_first() -> None:
    assert str(Pair(State.SYN_SENT, State.SYN_RECV)) == "SYN_SENT/SYN_RECV"


@pytest.mark.parametrize(
    ("packets", "drops", "line"),
    [
        (3, True, "fault loss at client input: 3 packets"),
        (0, True, "fault loss at client input: 0 packets  <- the rule never matched"),
        (0, False, "packets held by loss at client input"),
    ],
)
def test_a_fault_says_what_it_did(packets: int, drops: bool, line: str) -> None:
    assert str(Fault("loss", "client input", "", packets, 0, 0.0, drops=drops)) == line
