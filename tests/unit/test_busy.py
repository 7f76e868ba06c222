# SPDX-License-Identifier: GPL-2.0-or-later
"""The score of real busy services judges itself: who is accused, who is gray, and when it fails."""

from __future__ import annotations

import os
import random
import socket
import struct
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from .. import programs
from ..score import busy, network, onlookers, page, services, traffic
from ..score.__main__ import main
from ..score.onlookers import Round, Verdicts

SS = "ss -tanoei"
HEAD = "State Recv-Q Send-Q Local Address:Port Peer Address:Port\n"
FIGURES = "\tts sack wscale:7,7 rto:284 segs_in:4 segs_out:4 lastsnd:{0} lastrcv:{0} lastack:{0}\n"
CLIENT, SERVER = "10.66.0.1", "10.66.0.2"


def line(state: str, local: str, remote: str, age: int, inode: int = 7) -> str:
    """A connection in a listing of ss, which has heard nothing for so many milliseconds."""
    return f"{state} 0 0 {local} {remote} ino:{inode} sk:1\n" + FIGURES.format(age)


def ends(port: int, at_client: str, at_server: str, age: int) -> dict[str, str]:
    """What ss lists of one connection to a service and of an idle one to sshd, by side.

    Where the state is empty, the first has no line.
    """
    one, other = f"{CLIENT}:40000", f"{SERVER}:{port}"
    near, far = f"{CLIENT}:40009", f"{SERVER}:{services.SSH}"
    listings = (
        ("client", at_client, one, other, line("ESTAB", near, far, 9000)),
        ("server", at_server, other, one, line("ESTAB", far, near, 9000)),
    )
    return {
        side: HEAD + idle + (line(state, local, remote, age) if state else "")
        for side, state, local, remote, idle in listings
    }


def seen(*looks: dict[str, str], resets: Sequence[tuple[float, int, int]] = ()) -> Round:
    """A round in which both hosts looked like that, look after look."""
    views = {side: [{SS: look[side], "ss -tan": look[side]} for look in looks] for side in looks[0]}
    return Round(busy.LINE, views, resets)


def judged(found: Round, form: str = SS) -> Verdicts:
    """What was asked and accused with this form of evidence."""
    return busy.judge(found, [form])


IDLE = ends(services.WEB, "ESTAB", "ESTAB", age=9000)


def leaked(port: int) -> dict[str, str]:
    """A connection whose server has closed, and whose client has not for ten seconds."""
    return ends(port, "CLOSE-WAIT", "FIN-WAIT-2", age=10_000)


def among_many(verdicts: Verdicts) -> Verdicts:
    """The same accusations among five thousand times as many questions."""
    asked = Counter({key: 5000 * count for key, count in verdicts.asked.items()})
    return Verdicts(asked, verdicts.accusations)


def test_each_connection_is_asked_about_with_both_ends_and_with_each() -> None:
    verdicts = judged(seen(IDLE, IDLE))
    of_nginx = verdicts.of([SS], kind="nginx")
    assert of_nginx.questions == verdicts.of([SS], kind="sshd").questions == 2 * 3
    assert not verdicts.accusations
    assert page.spares_busy(verdicts)


def test_whoever_is_accused_is_counted_and_with_both_ends_fails_the_score() -> None:
    verdicts = among_many(judged(seen(leaked(services.WEB))))
    both = [each for each in verdicts.accusations if busy.ends(each) == "both"]
    assert {each.kind for each in both} == {"nginx"}
    assert verdicts.per_mille < page.MOST_ACCUSED
    assert not page.spares_busy(verdicts), "with both ends, one is too many"
    count = len(verdicts.accusations)
    assert f"| nginx | {count} of 15000, 0." in page.of_busy(verdicts, "./scripts/score")


def test_one_end_alone_may_err_once_in_a_thousand() -> None:
    accused = judged(seen(leaked(services.WEB)))
    alone = [each for each in accused.accusations if busy.ends(each) != "both"]
    assert alone
    assert not page.spares_busy(Verdicts(accused.asked, alone))
    assert page.spares_busy(among_many(Verdicts(accused.asked, alone)))


@pytest.mark.parametrize("port", [services.STALE, services.FULL])
def test_what_is_meant_to_be_so_is_gray_and_counted_apart(port: int) -> None:
    verdicts = judged(seen(leaked(port)))
    accused, gray = busy.apart(verdicts)
    assert len(gray) == len(verdicts.accusations) > 0
    assert not accused.accusations
    assert page.spares_busy(verdicts)
    assert f"gray: {services.NAMES[port]}: " in page.of_busy(verdicts, "")


def test_a_gray_service_is_accused_of_anything_else() -> None:
    verdicts = judged(seen(leaked(services.SUBSCRIBERS)))
    assert verdicts.accusations
    assert not busy.apart(verdicts)[1]
    assert not page.spares_busy(verdicts)


def test_the_counters_of_the_full_one_are_gray_and_other_counters_are_not() -> None:
    """They are their host's, and name no connection."""
    one = judged(seen(leaked(services.WEB))).accusations[0]
    full = replace(one, kind="the host", cause="accept-queue-full|syn-queue-full")
    assert busy.is_gray(full)
    assert not busy.is_gray(replace(full, cause="middlebox-reset"))


def test_half_open_is_only_what_lost_its_reset() -> None:
    look = ends(services.WEB, "", "ESTAB", age=30_000)
    assert {each.kind for each in judged(seen(look)).accusations} == {"nginx"}
    lost = seen(look, resets=[(-20.0, 40000, services.WEB)])
    assert {each.kind for each in judged(lost).accusations} == {services.HALF_OPEN}
    assert not busy.apart(judged(lost))[0].accusations
    for other in ((-20.0, 40001, services.WEB), (-90.0, 40000, services.WEB), (9.0, 40000, 8000)):
        assert busy.apart(judged(seen(look, resets=[other])))[0].accusations, other


def test_of_healthy_ones_nobody_is_asked_about_what_lost_its_reset() -> None:
    looks = [ends(traffic.FIRST, "", "ESTAB", age=30_000)] * len(onlookers.MOMENTS)
    accused = onlookers.judge([seen(*looks)], [SS])
    assert accused.accusations
    lost = onlookers.judge([seen(*looks, resets=[(-20.0, 40000, traffic.FIRST)])], [SS])
    assert not lost.accusations
    assert 0 < lost.questions < accused.questions
    for other in ((-20.0, 40001, traffic.FIRST), (-90.0, 40000, traffic.FIRST)):
        assert onlookers.judge([seen(*looks, resets=[other])], [SS]) == accused, other


def test_listings_without_ages_are_told_and_do_not_count() -> None:
    verdicts = judged(seen(leaked(services.WEB)), "ss -tan")
    assert verdicts.accusations
    assert page.spares_busy(verdicts)
    rows = page.of_busy(verdicts, "").splitlines()
    assert any(each.startswith("| nginx | 3 of 3, 0.") for each in rows)


def test_a_service_that_nobody_uses_is_named() -> None:
    used = HEAD + "".join(
        line("ESTAB", f"{SERVER}:{port}", f"{CLIENT}:40000", 10) for port in services.NAMES
    )
    both = {"client": HEAD, "server": used}
    assert busy.unused(seen(both, both)) == []
    without = {"client": HEAD, "server": used.replace(f"{SERVER}:{services.REDIS} ", "gone:1 ")}
    assert busy.unused(seen(both, without)) == []
    assert busy.unused(seen(both, without, without)) == ["redis"]


def test_a_round_comes_back_with_its_lost_resets(tmp_path: Path) -> None:
    found = seen(IDLE, resets=[(1.5, 40000, 8000)])
    onlookers.keep([found], tmp_path)
    assert onlookers.load(tmp_path) == [found]


def test_a_program_that_is_missing_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(programs, "found", lambda name: None if name == "haproxy" else name)
    assert main(["--busy"]) == 2
    assert "haproxy is missing: install haproxy" in capsys.readouterr().err


def test_what_is_needed_can_be_installed() -> None:
    assert {*services.NEEDED} <= programs.PACKAGES.keys()


# --- the line


def packet(flags: int, protocol: int = socket.IPPROTO_TCP) -> bytes:
    """An IPv4 packet with options, and in it a TCP segment from port 40000 to port 8000."""
    header = bytes([0x46]) + bytes(8) + bytes([protocol]) + bytes(14)
    return header + struct.pack("!HHIIBBHHH", 40000, 8000, 1, 1, 0x50, flags, 0, 0, 0)


def noted(loss: float, *packets: bytes) -> list[tuple[float, int, int]]:
    """The RSTs that a line with this loss notes as lost."""
    reads, writes = os.pipe()
    one, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with one, other, os.fdopen(reads, "rb") as said:
        path = network.Path(0.0, loss)
        way = network._Direction(one.fileno(), one.fileno(), path, random.Random(1), writes)
        one.setblocking(False)
        for each in packets:
            other.send(each)
        way.take(5.0)
        os.close(writes)
        return [*network.RESET.iter_unpack(said.read())]


def test_the_line_notes_the_resets_that_it_loses() -> None:
    reset, data, datagram = packet(0x14), packet(0x18), packet(0x14, socket.IPPROTO_UDP)
    assert noted(1.0, reset, data, datagram, b"\x60" + bytes(60)) == [(5.0, 40000, 8000)]
    assert noted(0.0, reset) == []
