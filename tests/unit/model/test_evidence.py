# SPDX-License-Identifier: GPL-2.0-or-later
"""Evidence survives JSON unchanged, has the promised keys, and is made from nothing else."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from netlab.model import kernel_run
from netlab.model.errors import ScenarioError
from netlab.model.evidence import (
    LARGEST,
    Counterfactual,
    End,
    Event,
    Evidence,
    Failure,
    FailureRow,
    FaultRecord,
    Frame,
    Interval,
    PlayedStep,
    ProgramRecord,
    Recording,
    TrackedState,
    Transition,
    Translation,
)
from netlab.model.kernel_run import KernelRun, Machine
from netlab.model.tcp import Segment, State, Timer
from netlab.model.text import printable
from netlab.model.vocabulary import ExpectedPair, Family, Hook, Pair, Side
from tests.build import evidence, fault, step

#: Not made smaller where one fails: of records of records that takes minutes.
EXAMPLES = settings(deadline=None, database=None, phases=[Phase.generate])
TEXT = st.text(max_size=8).map(printable)  # as it is read: nothing that a terminal would obey
NUMBER = st.integers(0, 1 << 40)
SECONDS = st.floats(0, 1e6)
WHOLE_NUMBER = st.integers(-LARGEST, LARGEST)
STATES = st.sampled_from(State)
PAIRS = st.builds(Pair, STATES, STATES)
ADDRESSES = st.tuples(TEXT, NUMBER)
#: What a file may say of a step, once YAML has been read.
SAID: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | WHOLE_NUMBER | st.floats(-1e18, 1e18) | TEXT,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXT, inner, max_size=2),
    max_leaves=4,
)
BY_TYPE: dict[str, st.SearchStrategy[Any]] = {
    "str": TEXT,
    "int": NUMBER,
    "float": SECONDS,
    "bool": st.booleans(),
    "bytes": st.binary(max_size=8),
    "State": STATES,
    "Timer": st.sampled_from(Timer),
    "Side": st.sampled_from(Side),
    "Family": st.sampled_from(Family),
    "Any": SAID,
    "Outcome": st.sampled_from(["pass", "fail", "error", "skip"]),
    "Sighting": st.sampled_from(["out", "in", "dropped"]),
    "FaultKind": st.sampled_from(["drop", "reject", "hold"]),
    "EventKind": st.sampled_from(["retransmitted", "reset sent", "reset received", "discarded"]),
}
BY_TYPE |= {
    f"{kind} | None": st.none() | BY_TYPE[kind] for kind in ("int", "float", "bool", "Side")
} | {"Hook | None": st.none() | st.sampled_from(Hook)}


def some(record: type[Any], **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Records of a kind: each field by its declared type, unless said otherwise."""
    for field in dataclasses.fields(record):
        if field.name not in fields:
            fields[field.name] = BY_TYPE[str(field.type)]
    return st.builds(record, **fields)


def several(records: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, ...]]:
    """None, one, or two of them."""
    return st.lists(records, max_size=2).map(tuple)


EXPECTED = st.builds(
    ExpectedPair, *(st.lists(STATES, min_size=1, max_size=2).map(tuple) for _ in Side)
)
#: Bits as a file writes them: none of the combinations that it has no word for.
SEGMENTS = st.sampled_from(
    [Segment.ANY, Segment.SYN, Segment.SYN | Segment.ACK, Segment.DATA, Segment.FIN | Segment.ACK]
)
ENDS = some(
    End,
    intervals=several(some(Interval)),
    transitions=several(some(Transition)),
    counters=st.dictionaries(TEXT, WHOLE_NUMBER, max_size=2),
    sysctls=st.dictionaries(TEXT, TEXT, max_size=2),
    info=st.dictionaries(TEXT, NUMBER, max_size=2),
    reads=several(TEXT),
)
FAILURES = some(
    Failure,
    rows=several(some(FailureRow, expected=several(STATES))),
    notes=several(TEXT),
)
RECORDINGS = some(
    Recording,
    client=ADDRESSES,
    server=ADDRESSES,
    hops=several(TEXT),
    answering=several(NUMBER),
    translations=several(
        some(
            Translation,
            client=ADDRESSES,
            server=ADDRESSES,
            client_behind=ADDRESSES,
            server_behind=ADDRESSES,
        )
    ),
    frames=several(some(Frame)),
    events=several(some(Event)),
)
RUNS: st.SearchStrategy[Evidence] = some(
    Evidence,
    expected=EXPECTED,
    observed=st.none() | PAIRS,
    healed=st.none() | PAIRS,
    failure=st.none() | FAILURES,
    steps=several(some(PlayedStep)),
    disturbed=several(TEXT),
    faults=several(
        some(FaultRecord, sides=several(st.sampled_from(Side)), segments=several(SEGMENTS))
    ),
    programs=several(some(ProgramRecord)),
    tracked=st.dictionaries(TEXT, several(some(TrackedState)), max_size=2),
    client=ENDS,
    server=ENDS,
    recording=st.none() | RECORDINGS,
    counterfactuals=several(some(Counterfactual, observed=st.none() | PAIRS)),
)
RUN = evidence("synack-dropped", "SYN_SENT/SYN_RECV")


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
        "scenario", "outcome", "expected", "observed", "held_s", "samples", "gap_s", "elapsed_s",
        "lost_s", "disturbed",
        "dropped", "kernel",
    )}  # fmt: skip
    assert types == {
        "scenario": str,
        "outcome": str,
        "expected": dict,
        "observed": dict,
        "held_s": float,
        "samples": int,
        "gap_s": float,
        "elapsed_s": float,
        "lost_s": float,
        "disturbed": list,
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
    "more seconds than there are": WHOLE.replace('"held_s": 0.0', f'"held_s": 1{"0" * 400}'),
    "a larger number than the kernel's": WHOLE.replace('"held_s": 0.0', '"held_s": 1e30'),
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
    ("made", "line"),
    [
        (fault("loss", packets=3), "fault loss at server input: 3 packets"),
        (
            fault("loss", packets=3, while_held=2),
            "fault loss at server input: 3 packets, 2 while the pair was held",
        ),
        (
            fault("loss", packets=1, while_held=0),
            "fault loss at server input: 1 packet, none while the pair was held",
        ),
        (
            fault("loss", Side.CLIENT, packets=0, hook=Hook.OUTPUT),
            "fault loss at client output: 0 packets  <- the rule never matched",
        ),
        (
            fault("kept", kind="plug", does="keeps packets", counts=False, packets=0),
            "fault kept keeps packets",
        ),
    ],
)
def test_a_fault_says_what_it_did(made: FaultRecord, line: str) -> None:
    assert str(made) == line


def test_a_record_of_before_holds_were_counted_is_read() -> None:
    run = evidence(
        faults=(fault(packets=3, while_held=2),), failure=Failure("it left", reached=True)
    )
    data = json.loads(run.to_json())
    del data["faults"][0]["while_held"], data["failure"]["reached"], data["counterfactuals"]
    read = Evidence.from_json(json.dumps(data))
    assert read.faults == (fault(packets=3, while_held=None),)
    assert read.failure == Failure("it left")


def test_a_record_of_before_steps_had_kinds_is_refused_with_what_to_do(tmp_path: Path) -> None:
    run = evidence(steps=(step(0.1, "server: listen"),))
    data = json.loads(run.to_json())
    del data["steps"][0]["kind"]
    with pytest.raises(ValueError, match=r"older netlab, .*: record it anew"):
        Evidence.from_json(json.dumps(data))
    whole = KernelRun(Machine("host", "6.18", "", "x86_64", 250), (run,), done=True)
    path = tmp_path / "run.jsonl"
    whole.write(path)
    assert kernel_run.read(path).scenarios == (run,)
    path.write_text(path.read_text().replace('"kind": "listen", ', ""))
    with pytest.raises(ScenarioError, match=r"run\.jsonl: was recorded by an older netlab"):
        kernel_run.read(path)
