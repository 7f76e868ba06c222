# SPDX-License-Identifier: GPL-2.0-or-later
"""Whatever surrounds the rows of a text, the same sockets are read in it."""

from __future__ import annotations

from functools import cache
from random import Random
from typing import Any

import pytest

from netlab.model.errors import ScenarioError
from netlab.snapshot.parse import read
from netlab.snapshot.records import Sample, Socket

from . import answers, variants
from .score import corpus

PAIRS = 400
#: Not for a text that is in this form already.
NOT_OF = {("without heading", "min/one-line.txt")}


@cache
def texts() -> dict[str, str]:
    """Those of the corpus in which there is something to be read."""
    found = {}
    for entry in corpus():
        text = answers.text_of(entry)
        if told(text) is not None:
            found[entry["file"]] = text
    return found


def told(text: str) -> Any:
    """All that is read in a text; None if it is refused."""
    try:
        samples = [sample for one in read(text, "pasted") for sample in one.samples]
    except ScenarioError:
        return None
    sockets = {_plain(socket) for sample in samples for socket in sample.sockets}
    counters = {name: count for sample in samples for name, count in sample.counters.items()}
    counts = {state: count for sample in samples for state, count in sample.counts.items()}
    return sockets, counters, counts


def _plain(socket: Socket) -> object:
    return (
        socket.state, socket.local, socket.remote, socket.rx_queue, socket.tx_queue, socket.timer,
        socket.remaining, socket.retransmits, socket.probes, socket.inode,
        tuple(sorted(socket.info.items())),
    )  # fmt: skip


def looks(text: str) -> list[Sample]:
    return [sample for one in read(text, "pasted") for sample in one.samples]


@pytest.mark.parametrize("name", variants.SINGLE)
def test_the_same_sockets_are_read_in_every_variant(name: str) -> None:
    for file, text in texts().items():
        if (name, file) not in NOT_OF:
            varied = variants.SINGLE[name](text, Random(f"{file} {name}"))
            assert told(varied) == told(text), f"{file}\n{varied}"


def test_and_in_two_variants_at_once_but_for_a_few() -> None:
    """Not each of them: what stands before a row may hide what stood before it."""
    random, lost = Random(14), []
    for _ in range(PAIRS):
        file = random.choice([*texts()])
        one = random.choice([name for name in variants.SINGLE if name not in answers.LAST])
        other = random.choice([*variants.SINGLE])
        varied = variants.SINGLE[other](variants.SINGLE[one](texts()[file], random), random)
        if told(varied) != told(texts()[file]):
            lost.append((one, other, file))
    assert len(lost) * 100 <= PAIRS, lost


def test_the_answers_stay_good_but_for_a_few() -> None:
    """``python -m tests.field.answers`` asks about more of them."""
    found = [one for entry in corpus() for one in answers.turned(entry, each=10, seed=1)]
    worse = [one for one in found if one is not None]
    assert len(found) > 1000
    assert 100 * len(worse) <= len(found), worse
    assert not [one for one in worse if one.verdict == "wrong"]


def test_a_good_answer_that_is_turned_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    (entry,) = [entry for entry in corpus() if entry["file"] == "min/noise-box.txt"]
    for text, verdict in (("hello", "refused-badly"), ("LISTEN 0 128 *:80 *:*\n", "silent")):
        monkeypatch.setattr(answers, "varied", lambda *_, text=text: (("other",), text))
        (one,) = answers.turned(entry, each=1, seed=1)
        assert one is not None
        assert (one.file, one.verdict) == (entry["file"], verdict)


@pytest.mark.parametrize("seed", range(5))
def test_masked_addresses_are_the_same_keys(seed: int) -> None:
    for file, text in texts().items():
        varied, masks = variants.masked(text, Random(seed))
        plain, other = looks(text), looks(varied)
        assert [len(one.sockets) for one in other] == [len(one.sockets) for one in plain], varied
        for one, two in zip(plain, other, strict=True):
            for mine, theirs in zip(one.sockets, two.sockets, strict=True):
                for ends in ((mine.local, theirs.local), (mine.remote, theirs.remote)):
                    (address, port), (mask, same) = ends
                    wanted = masks.get(address, address).replace(" ", "_")
                    assert (mask, same) == (wanted, port), f"{file}\n{varied}"


@pytest.mark.parametrize("wrap", [variants.hard_wrapped, variants.soft_wrapped])
@pytest.mark.parametrize("seed", range(3))
def test_broken_rows_are_whole_again(wrap: variants.Variant, seed: int) -> None:
    for file, text in texts().items():
        if file == "min/one-line.txt":
            continue
        varied = wrap(text, Random(seed))
        assert told(varied) == told(text), f"{file}\n{varied}"


@pytest.mark.parametrize("wrap", [variants.hard_wrapped, variants.soft_wrapped])
@pytest.mark.parametrize(
    "name", ["after journald", "after pdsh", "after a stream", "after klog", "boxed", "JSON"]
)
def test_and_where_each_piece_then_has_something_before_it(
    name: str, wrap: variants.Variant
) -> None:
    for file in ("17/input.txt", "41/input.txt", "64/input.txt", "min/noise-pod-prefix.txt"):
        text, random = texts()[file], Random(5)
        varied = variants.SINGLE[name](wrap(text, random), random)
        assert told(varied) == told(text), f"{file}\n{varied}"


@pytest.mark.parametrize("width", range(60, 161, 10))
def test_what_less_cuts_off_makes_no_row_another(width: int) -> None:
    for file, text in texts().items():
        varied = variants.cut_to(text, width, ">")
        if (part := told(varied)) is not None:
            assert part[0] <= told(text)[0], f"{file}\n{varied}"


def test_a_text_that_ends_anywhere_loses_no_row_but_its_last() -> None:
    for file, text in texts().items():
        whole, _, _ = told(text)
        for cut in range(len(text) - 40, len(text), 3):
            found = told(text[:cut])
            if whole and found is not None:
                keys = {row[1:3] for row in found[0]}
                assert len({row[1:3] for row in whole} - keys) <= 1, f"{file}\n{text[:cut]}"


def test_two_hosts_in_one_text_are_two_hosts() -> None:
    leak = texts()["min/noise-label-colon.txt"].partition("\n")[2]
    for label in ("{}:", "=== {} ===", "* {}", "## {}", "[{}]", "--- {} ---", "**{}**", ">> {} <<",
                  "{} | CHANGED | rc=0 >>", "# {}", "Host: {}", "==> {} <=="):  # fmt: skip
        text = "\n".join(f"{label.format(name)}\n{leak}" for name in ("web01", "web02"))
        assert [one.name for one in read(text, "pasted")] == ["web01", "web02"], label
    for call in ("$ ssh {} ss -tanp", "$ kubectl exec -it {} -- ss -tanp", "root@{}:~# ss -tanp"):
        rows = leak.partition("\n")[2]
        text = "\n".join(f"{call.format(name)}\n{rows}" for name in ("web01", "web02"))
        assert [one.name for one in read(text, "pasted")] == ["web01", "web02"], call
