# SPDX-License-Identifier: GPL-2.0-or-later
"""Stored runs are checked at the door: whatever a file says, it is read or refused in one line."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from netlab.kernels.compare import baseline, overview
from netlab.kernels.compare.behaviour import behaviour
from netlab.model.errors import ScenarioError
from netlab.model.evidence import Cell, Evidence, Failure
from netlab.model.kernel_run import KernelRun, Machine, Timing, read
from netlab.model.text import UNPRINTABLE
from tests.build import evidence, fault, step

WRONG: tuple[Any, ...] = (
    None,
    True,
    5,
    -1,
    1.5,
    10**400,
    float("nan"),
    "x",
    "\x1b[2J",
    "\ud800",
    [],
    [1],
    {},
    {"a": {}},
)
RUN = KernelRun(
    Machine("host", "6.18.44", "#1", "x86_64", 250, changed={"tcp_sack": "0"}),
    scenarios=(
        evidence(steps=(step(0.0, "client: {send: hello}"),), faults=(fault(),)),
        evidence(outcome="fail", failure=Failure("it ended", 3)),
    ),
    cells=(Cell("CLOSED", "LISTEN", True, "", frozen=True, outcome="pass"),),
    timings=(Timing("syn", "a SYN", 127.0, (0.0, 1.0), "ETIMEDOUT"),),
    sysctls={"net.ipv4.tcp_sack": "1"},
    counters=("TCPTimeouts",),
    done=True,
)


def places(data: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to every value of a record, the record itself included."""
    yield path
    inner: Any = ()
    if isinstance(data, (dict, list)):
        inner = data.items() if isinstance(data, dict) else enumerate(data)
    for key, value in inner:
        yield from places(value, (*path, key))


def with_value(data: Any, path: tuple[Any, ...], value: Any) -> Any:
    """The same record with another value at one place."""
    if not path:
        return value
    changed = copy.deepcopy(data)
    inner = changed
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return changed


def spoilt() -> Iterator[str]:
    """The run with each of its values replaced by each of `WRONG`."""
    records = [json.loads(line) for line in RUN.lines()]
    for number, record in enumerate(records):
        for path in places(record):
            for value in WRONG:
                changed = [*records]
                changed[number] = with_value(record, path, value)
                yield "\n".join(map(json.dumps, changed))


def test_every_value_that_is_spoilt_is_read_or_refused(tmp_path: Path) -> None:
    file, refused, taken, lines = tmp_path / "run.jsonl", 0, 0, 0
    for text in spoilt():
        file.write_text(text)
        try:
            run = read(file)
        except ScenarioError as error:
            lines += str(error).count("\n")
            refused += 1
            continue
        taken += 1
        seen = overview.overview([run, RUN])
        said = [one.sentence for each in seen.compared for one in each.told]
        assert not UNPRINTABLE.search("".join(said))
        baseline.check(behaviour(RUN), behaviour(run))
        assert baseline.text(behaviour(run))
    assert lines == 0
    assert refused > 1000
    assert taken > 100


def test_a_number_that_no_kernel_has_is_refused_where_it_is_read(tmp_path: Path) -> None:
    file = tmp_path / "run.jsonl"
    timing = next(n for n, text in enumerate(RUN.lines()) if '"timing"' in text)
    for number, path, value in (
        (0, ("value", "hz"), 0), (0, ("value", "hz"), 10**400), (0, ("value", "hz"), 2000),
        (timing, ("value", "sends"), [0.0, -1.0]), (timing, ("value", "after"), -1.0),
    ):  # fmt: skip
        records = [json.loads(line) for line in RUN.lines()]
        records[number] = with_value(records[number], path, value)
        file.write_text("\n".join(map(json.dumps, records)))
        with pytest.raises(ScenarioError, match=f"line {number + 1} is no record"):
            read(file)


def test_the_first_of_many_mistakes_is_enough() -> None:
    """To list all of them would take seconds: work is counted, not time."""
    record = json.loads(evidence().to_json())
    record["counterfactuals"] = ["x"] * 50_000
    with pytest.raises(ValueError, match="not a record") as raised:
        Evidence.from_json(json.dumps(record))
    assert len(str(raised.value)) < 500


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, "5", '{"record": "machine"}', "\x00"])
def test_what_is_no_run_is_refused(text: str, tmp_path: Path) -> None:
    file = tmp_path / "run.jsonl"
    file.write_text(text)
    with pytest.raises(ScenarioError, match="expected what netlab matrix or "):
        read(file)


def test_a_run_of_a_few_keeps_what_an_earlier_one_of_the_same_build_has() -> None:
    few = replace(RUN, scenarios=(evidence(outcome="skip"),), cells=(), timings=())
    both = few.onto(RUN)
    assert [(run.scenario, run.outcome) for run in both.scenarios] == [("port-open", "skip")]
    other = replace(few, scenarios=(evidence("other"),)).onto(RUN)
    assert [(run.scenario, run.outcome) for run in other.scenarios] == [
        ("port-open", "fail"), ("other", "pass"),
    ]  # fmt: skip
    assert (both.cells, both.timings, both.machine) == (RUN.cells, RUN.timings, RUN.machine)
    cut = replace(RUN, done=False)
    assert few.onto(cut) == few
    changes: dict[str, Any] = {
        "version": "#2", "changed": {}, "appended": "quiet", "clock": "virtual", "label": "mine",
        "release": "6.18.45",
    }  # fmt: skip
    for name, value in changes.items():
        elsewhere = replace(few, machine=replace(few.machine, **{name: value}))
        assert elsewhere.onto(RUN) == elsewhere
    again = replace(few, machine=replace(few.machine, spec="./vmlinuz"))
    assert again.onto(RUN).cells == RUN.cells  # the same kernel, asked for by another name
