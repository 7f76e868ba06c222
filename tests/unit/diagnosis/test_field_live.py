# SPDX-License-Identifier: GPL-2.0-or-later
"""Real programs in namespaces: who is well is not accused, and what is broken has its cause first.

Where the inputs come from is in ``tests/field/README.md``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from netlab.diagnosis.rank import diagnose
from netlab.model.findings import Diagnosis
from netlab.snapshot.parse import read

FIELD = Path(__file__).parents[2] / "field"
LIVE, SMALL = FIELD / "live", FIELD / "small"
HEALTHY = "nothing (healthy)"


@dataclass(frozen=True)
class Case:
    """One input: its files, and the causes that are right; none if all is well."""

    files: tuple[str, ...]
    right: tuple[str, ...]

    @property
    def name(self) -> str:
        """The folder of its files."""
        return self.files[0].partition("/")[0]


def _case(files: Sequence[str], answer: str) -> Case:
    if answer == HEALTHY:
        return Case(tuple(files), ())
    right = answer.partition(";")[0].removeprefix("right: ")
    return Case(tuple(files), tuple(right.split(", ")))


CASES = [
    _case(each["files"], each["answer"])
    for each in yaml.safe_load((LIVE / "cases.yaml").read_text())
]
#: Broken ones whose text does not have what would tell the cause: the answer, and why no better.
UNTOLD = {
    "13": ((), "the server's listing is empty: of which host it is, or when, nothing says"),
    "21": (("data-lost", "path-mtu"), "no counters: the ICMP errors are not in the text"),
    "27": ((), "the server's listing is empty, and the client's connection is idle"),
    "28": (
        ("syn-ack-lost", "rst-lost"),
        "one request of those that fill the queue, and no counter of SYNs that were dropped",
    ),
    "29": (
        ("data-lost", "data-ack-lost", "rst-lost"),
        "the server's listing is empty: a server that has rebooted and one that was not asked "
        "look the same",
    ),
    "30": (
        ("data-lost", "data-ack-lost", "rst-lost"),
        "no counters, and the server's listing is empty",
    ),
    "31": ((), "the client's listing is empty, and no counter tells of its resets"),
}


def answer(folder: Path, files: Sequence[str]) -> Diagnosis:
    snapshots = [each for file in files for each in read((folder / file).read_text(), file)]
    return diagnose(snapshots)


def named(diagnosis: Diagnosis) -> tuple[str, ...]:
    """The first finding's cause, and what it cannot be told from."""
    if not diagnosis.findings:
        return ()
    first = diagnosis.findings[0]
    return (first.cause, *first.also)


def by_name(case: Case) -> str:
    return case.name


@pytest.mark.parametrize("case", [each for each in CASES if not each.right], ids=by_name)
def test_who_is_well_is_not_accused(case: Case) -> None:
    assert named(answer(LIVE, case.files)) == ()


@pytest.mark.parametrize("case", [each for each in CASES if each.right], ids=by_name)
def test_what_is_broken_has_its_cause_first(case: Case) -> None:
    found = named(answer(LIVE, case.files))
    if case.name in UNTOLD:
        assert found == UNTOLD[case.name][0], UNTOLD[case.name][1]
        assert not {*found[:1]} & {*case.right}, "it is right now: take it out of UNTOLD"
    else:
        assert found
        assert found[0] in case.right


def test_every_input_is_played() -> None:
    played = {file for case in CASES for file in case.files}
    assert played == {str(path.relative_to(LIVE)) for path in LIVE.glob("*/*.txt")}
    assert {case.name for case in CASES if case.right} > UNTOLD.keys()
    assert (len(CASES), len(UNTOLD)) == (33, 7)


@pytest.mark.parametrize(
    "files", [["ka.txt"], ["fw2.txt"], ["cw.txt"], ["s.txt"], ["c.txt", "s.txt"]]
)
def test_none_of_the_smallest_is_accused(files: list[str]) -> None:
    assert named(answer(SMALL, files)) == ()


def test_a_client_alone_cannot_know_that_its_second_syn_has_arrived() -> None:
    """It is right that the first was lost; that the second is answered, the server knows."""
    assert named(answer(SMALL, ["c.txt"]))[0] == "syn-lost"
