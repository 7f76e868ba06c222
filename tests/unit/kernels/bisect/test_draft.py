# SPDX-License-Identifier: GPL-2.0-or-later
"""The draft is an entry that changes.py takes, and that explains what was found."""

from __future__ import annotations

import yaml

from netlab.kernels.bisect.draft import draft
from netlab.kernels.bisect.history import Commit
from netlab.kernels.compare import changes
from netlab.kernels.compare.behaviour import KernelProfile
from netlab.kernels.compare.differences import Comparison, Difference
from netlab.model.kernel_run import Machine

COMMIT = Commit("f" * 40, "fffffff", "tcp: Don't drop SYN+ACK for simultaneous connect().", "", "")
FOUND = (
    Difference("scenario", "fin-dropped", "outcome", "pass", "fail", ("", "pair not held")),
    Difference("scenario", "fin-dropped", "step 3, client: {send: [hello]}", "5 bytes", "EPIPE"),
    Difference("scenario", "fin-dropped", "server's counter TWRecycled", "moves", ""),
    Difference("timer", "syn", "sends", "7 packets [*]", "6 packets"),
)


def profile(release: str) -> KernelProfile:
    return KernelProfile(Machine("tree", release, "#1", "x86_64", 250))


def test_the_draft_explains_what_was_found() -> None:
    others = FOUND[:-1]
    (entry,) = yaml.safe_load(draft(COMMIT, "6.11", others))
    (change,) = changes.parse([entry])
    assert change.id == "don-t-drop-syn-ack-for-simultaneous"
    assert (change.since, change.source) == ("6.11", f'"{COMMIT.subject}"')
    assert change.what.startswith(
        "fin-dropped: fails on the kernel with it (pair not held); passes"
    )
    comparison = Comparison(profile("6.10"), profile("6.11"), others, ())
    assert [change.fits(comparison, each) for each in others] == [(False,)] * 3


def test_a_timer_needs_a_person_to_say_how_it_is_recognized() -> None:
    text = draft(COMMIT, "", FOUND[-1:])
    (entry,) = yaml.safe_load(text)
    assert entry["since"] == "?"
    assert entry["explains"] == [{"timer": "syn", "aspect": "sends"}]
    assert "timer syn: 6 packets on the kernel with it" in entry["what"]
    assert max(map(len, text.splitlines())) <= 118
