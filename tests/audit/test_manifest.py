# SPDX-License-Identifier: GPL-2.0-or-later
"""The list of planted flaws is whole: every program is in it, and what it says are words that there
are. Whether an audit names them is another test's matter.
"""

from __future__ import annotations

import shlex
from typing import Any

import pytest

from .planted import HERE, KINDS, LIST, entries

INNOCENT = {"fine", "error"}
VERDICTS = {*INNOCENT, "late", "hangs", "sent twice", "short", "leaks", "spins", "dies"}
OF_CLIENTS = {
    *("syn-lost", "syn-ack-lost", "third-ack-lost", "refused", "unreachable", "never-accepted"),
    *("queue-full", "silent-server", "request-lost", "request-ack-lost", "reply-lost"),
    *("half-then-silence", "half-then-fin", "half-then-rst", "rst-without-reply", "rst-once"),
    *("closed-without-reply", "window-closed", "one-byte-a-second", "fin-lost", "idle-then-cut"),
    *("idle-then-closed", "nat-forgot", "server-restarted", "server-moved", "mtu-black-hole"),
    *("delay-300ms", "loss-5", "loss-20", "connection-storm"),
}
OF_SERVERS = {
    *("client-vanishes", "client-dribbles", "client-never-reads", "client-half-closes"),
    *("client-says-nothing", "client-resets", "clients-flood", "clients-behind-nat"),
}
FAULTS = {"clients": OF_CLIENTS, "servers": OF_SERVERS}
FOLDERS = {
    ("clients", "flawed"): ("flawed", 24),
    ("clients", "sound"): ("sound", 12),
    ("servers", "flawed"): ("flawed_servers", 8),
    ("servers", "sound"): ("sound_servers", 4),
}


def every(*groups: str) -> list[tuple[str, dict[str, Any]]]:
    return [(kind, entry) for kind in KINDS for entry in entries(kind, *groups)]


@pytest.mark.parametrize(("kind", "group"), FOLDERS)
def test_every_program_is_in_the_list_and_the_reverse(kind: str, group: str) -> None:
    folder, count = FOLDERS[kind, group]
    there = {f"{folder}/{path.name}" for path in (HERE / folder).iterdir() if path.is_file()}
    listed = [entry["file"] for entry in LIST[kind][group]]
    assert sorted(listed) == sorted(there)
    assert len(listed) == count


def test_a_command_names_its_program_and_where_to_go() -> None:
    for kind, entry in every("flawed", "sound"):
        words = shlex.split(entry["command"])
        wanted = {"{server}", "{port}"} if kind == "clients" else {"{port}"}
        assert wanted <= {*words}, entry["file"]
        assert ("port" in entry) == (kind == "servers"), entry["file"]
        made = shlex.split(entry.get("build", ""))
        assert entry["file"] in [*words, *made], entry["file"]
        assert bool(made) == any("{built}" in word for word in words), entry["file"]
        assert entry["talks"] in {"http", "line", "redis"}, entry["file"]


def test_what_is_said_are_words_that_there_are() -> None:
    assert {*LIST["unsure"]} < OF_CLIENTS
    for kind, entry in every("flawed"):
        named, also = entry["expected"], entry.get("also", [])
        assert named, entry["file"]
        assert {*named, *also} <= FAULTS[kind], entry["file"]
        assert not {*named} & {*also}, entry["file"]
        for verdicts in named.values():
            assert verdicts, entry["file"]
            assert {*verdicts} <= VERDICTS, entry["file"]


def test_a_flaw_is_named_by_no_verdict_that_a_sound_client_may_have() -> None:
    for kind, entry in every("flawed"):
        if kind == "clients":
            for fault, verdicts in entry["expected"].items():
                assert not {*verdicts} & INNOCENT, (entry["file"], fault)


def test_a_flaw_is_told_in_one_sentence_and_a_sound_program_has_none() -> None:
    for _, entry in every("flawed"):
        assert 10 <= len(entry["flaw"]) <= 100, entry["file"]
    for _, entry in every("sound"):
        assert not {"flaw", "expected", "also"} & {*entry}, entry["file"]


def test_every_verdict_against_a_program_is_planted() -> None:
    planted = [v for _, entry in every("flawed") for vs in entry["expected"].values() for v in vs]
    assert {*planted} >= VERDICTS - INNOCENT


def test_what_is_unsure_decides_nothing_but_where_the_flaw_is_about_it() -> None:
    for kind, entry in every("flawed"):
        unsure = {*entry["expected"]} & {*LIST["unsure"]}
        assert not unsure or len(entry["expected"]) == 1, (kind, entry["file"])
