# SPDX-License-Identifier: GPL-2.0-or-later
"""Capture files: what tshark, capinfos and scapy read is what both ends and the rules saw."""

from __future__ import annotations

import struct
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netlab.model.evidence import Evidence, Frame
from netlab.model.vocabulary import Hook, Side
from netlab.render.pcapng import pcapng
from tests.build import evidence
from tests.frames import ACK, CLIENT, KEPT, SERVER, SYN, handshake, passing, recording, refused, tcp
from tests.programs import need

RUN = evidence(
    "synack-dropped",
    "SYN_SENT/SYN_RECV",
    path="/home/somebody/synack-dropped.yaml",
    kernel="6.18.44",
)
SYN_SEGMENT = tcp(CLIENT, SERVER, SYN, 1000)
SYNACK = tcp(SERVER, CLIENT, SYN | ACK, 5000, 1001)
LOST = replace(
    RUN,
    recording=recording(
        passing(0.0041, Side.CLIENT, SYN_SEGMENT),
        passing(0.0042, Side.SERVER, SYNACK, "drop-1"),
        refused(1.05, Side.SERVER, SYNACK, "drop-2"),
    ),
)
#: What is in it, in order: when it was seen (nanoseconds), at which interface, and which way.
SEEN = [
    (4_100_000, "client eth0", 2, ""),
    (4_105_000, "server eth0", 1, ""),
    (4_200_000, "server eth0", 2, ""),
    (4_205_000, "client eth0", 1, ""),
    (4_205_000, "client dropped", 1, "dropped by drop-1 at client input"),
    (1_050_000_000, "server dropped", 2, "dropped by drop-2 at server output"),
]


def asked(name: str, *arguments: str | Path) -> str:
    """What a judge prints, who must have no complaint."""
    done = subprocess.run(
        [need(name), *map(str, arguments)], capture_output=True, text=True, check=False
    )
    complaints = [line for line in done.stderr.splitlines() if "Running as user" not in line]
    assert (done.returncode, complaints) == (0, [])
    return done.stdout


def written(folder: Path, run: Evidence) -> Path:
    path = folder / "mine.pcapng"
    path.write_bytes(pcapng(run, "netlab 1.2.3"))
    return path


def rows(path: Path, *fields: str) -> list[list[str]]:
    """One row a packet, of these fields of tshark's."""
    chosen = [word for field in fields for word in ("-e", field)]
    text = asked("tshark", "-r", path, "-T", "fields", "-E", "separator=/t", *chosen)
    return [line.split("\t") for line in text.splitlines()]


# --- Wireshark


def test_wireshark_shows_who_saw_what_and_what_was_dropped(tmp_path: Path) -> None:
    found = rows(
        written(tmp_path, LOST), "frame.time_epoch", "frame.interface_name",
        "frame.packet_flags_direction", "frame.comment",
    )  # fmt: skip
    shown = []
    for at, place, way, comment in found:
        seconds, fraction = at.split(".")
        nanoseconds = int(seconds) * 10**9 + int(fraction.ljust(9, "0"))
        shown.append((nanoseconds - 1_700_000_000_000_000_000, place, int(way, 16), comment))
    assert shown == SEEN


def test_wireshark_reads_the_segments(tmp_path: Path) -> None:
    found = rows(written(tmp_path, LOST), "ip.src", "tcp.srcport", "tcp.flags", "tcp.seq_raw")
    assert found[0] == ["10.0.0.1", "40000", "0x0002", "1000"]
    assert found[4] == ["10.0.0.2", str(SERVER[1]), "0x0012", "5000"]


def test_the_filter_that_the_header_advises_shows_one_end(tmp_path: Path) -> None:
    path = written(tmp_path, LOST)
    text = asked("capinfos", "-k", path)
    advised = text[text.index("frame.interface_name") :].strip()
    shown = asked("tshark", "-r", path, "-Y", advised, "-T", "fields", "-e", "frame.number")
    assert shown.split() == ["1", "4"]


def test_tcpdump_reads_it_too(tmp_path: Path) -> None:
    client, server = ("fd00::1", 40000), ("fd00::2", 5555)
    frames = passing(0.1, Side.CLIENT, tcp(client, server, SYN, 7))
    later = replace(RUN, recording=recording(frames, client=client, server=server))
    empty = replace(RUN, recording=recording())
    for run, number in ((LOST, len(SEEN)), (later, 2), (empty, 0)):
        done = subprocess.run(
            [need("tcpdump"), "-nr", str(written(tmp_path, run))],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert len([line for line in done.stdout.splitlines() if "Flags [S" in line]) == number


def test_both_versions_of_ip_in_one_file(tmp_path: Path) -> None:
    later = passing(0.1, Side.CLIENT, tcp(("fd00::1", 40000), ("fd00::2", 5555), SYN, 7))
    run = replace(RUN, recording=recording(passing(0.0041, Side.CLIENT, SYN_SEGMENT), later))
    assert [row[0] for row in rows(written(tmp_path, run), "ip.version")] == ["4", "4", "6", "6"]


def test_wireshark_reads_ipv6_and_calls_both_ends_by_their_names(tmp_path: Path) -> None:
    client, server = ("fd00::1", 40000), ("fd00::2", 5555)
    frames = passing(0.1, Side.CLIENT, tcp(client, server, SYN, 7))
    run = replace(RUN, recording=recording(frames, client=client, server=server))
    path = written(tmp_path, run)
    text = asked("tshark", "-N", "n", "-r", path, "-T", "fields", "-e", "ipv6.src_host",
                 "-e", "ipv6.dst_host", "-e", "ipv6.src")  # fmt: skip
    assert text.splitlines() == ["client\tserver\tfd00::1"] * 2


def test_a_packet_that_was_cut_off_keeps_its_true_length(tmp_path: Path) -> None:
    large = tcp(CLIENT, SERVER, ACK, 1001, 5001, payload=1400)
    run = replace(RUN, recording=recording(handshake(0.0), passing(0.1, Side.CLIENT, large)))
    lengths = rows(written(tmp_path, run), "frame.len", "frame.cap_len")
    assert lengths[:6] == [["52", "52"]] * 6
    assert lengths[6:] == [["1452", str(KEPT)]] * 2


def test_capinfos_finds_the_header_and_the_interfaces(tmp_path: Path) -> None:
    text = asked("capinfos", written(tmp_path, LOST))
    said = [line.strip() for line in text.splitlines()]
    facts = dict(line.split(":", 1) for line in said if ":" in line)
    assert facts["File encapsulation"].strip() == "Raw IPv4"
    assert facts["File timestamp precision"].strip() == "nanoseconds (9)"
    assert facts["Capture oper-sys"].strip() == "Linux 6.18.44"
    assert facts["Capture application"].strip() == "netlab 1.2.3"
    comment = facts["Capture comment"].strip()
    assert comment.startswith("synack-dropped: pass, SYN_SENT/SYN_RECV. For one end's view, filter")
    assert facts["Strict time order"].strip() == "True"
    assert facts["Number of packets"].strip() == str(len(SEEN))
    names = [line.removeprefix("Name = ") for line in said if line.startswith("Name = ")]
    assert names == ["client eth0", "server eth0", "client dropped", "server dropped"]


# --- scapy


def by_scapy(data: bytes, path: Path) -> list[tuple[bytes, Any]]:
    from scapy.utils import RawPcapNgReader

    path.write_bytes(data)
    with RawPcapNgReader(str(path)) as reader:
        return list(reader)


def test_scapy_reads_the_same(tmp_path: Path) -> None:
    found = by_scapy(pcapng(LOST), tmp_path / "a.pcapng")
    assert LOST.recording
    assert [data for data, _ in found] == [frame.data for frame in LOST.recording.frames]
    began = LOST.recording.began
    shown = [
        (
            ((about.tshigh << 32) + about.tslow) - began,
            about.ifname.decode(),
            about.direction,
            (about.comments or [b""])[0].decode(),
        )
        for _, about in found
    ]
    assert shown == SEEN


FRAMES = st.builds(
    Frame,
    at=st.floats(0, 300),
    side=st.sampled_from(Side),
    seen=st.sampled_from(["in", "out", "dropped"]),
    length=st.integers(200, 65535),
    data=st.binary(min_size=1, max_size=130),
    fault=st.text("abcé-", max_size=9),
    hook=st.sampled_from([None, Hook.INPUT, Hook.OUTPUT]),
)


@given(frames=st.lists(FRAMES, max_size=6), began=st.integers(0, 2**62))
def test_any_frames_come_back_in_order_and_to_the_nanosecond(
    frames: list[Frame], began: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    run = replace(RUN, recording=replace(recording(frames), began=began))
    found = by_scapy(pcapng(run), tmp_path_factory.getbasetemp() / "any.pcapng")
    ordered = sorted(frames, key=lambda frame: frame.at)
    assert [data for data, _ in found] == [frame.data for frame in ordered]
    assert [about.wirelen for _, about in found] == [frame.length for frame in ordered]
    times = [(about.tshigh << 32) + about.tslow - began for _, about in found]
    assert times == [round(frame.at * 1e9) for frame in ordered]


# --- the file itself


def blocks(data: bytes) -> list[tuple[int, bytes]]:
    """Every block's type and body; each says its length at both ends."""
    found = []
    while data:
        kind, length = struct.unpack("<II", data[:8])
        assert length % 4 == 0
        assert struct.unpack("<I", data[length - 4 : length]) == (length,)
        found.append((kind, data[8 : length - 4]))
        data = data[length:]
    return found


def test_the_file_is_made_of_whole_blocks_in_the_order_that_readers_need() -> None:
    kinds = [kind for kind, _ in blocks(pcapng(LOST))]
    assert kinds == [0x0A0D0D0A, 1, 1, 1, 1, 4, *[6] * len(SEEN)]


def test_places_where_nothing_was_dropped_are_no_interfaces() -> None:
    run = replace(RUN, recording=recording(handshake(0.0)))
    assert [kind for kind, _ in blocks(pcapng(run))].count(1) == 2


def test_a_limit_is_named_only_where_packets_were_cut_off() -> None:
    whole = replace(RUN, recording=recording(handshake(0.0)))
    large = passing(0.0, Side.CLIENT, tcp(CLIENT, SERVER, ACK, 1, 1, payload=900))
    cut = replace(RUN, recording=recording(large))
    for run, limit in ((whole, 0), (cut, KEPT)):
        interfaces = [body for kind, body in blocks(pcapng(run)) if kind == 1]
        assert {struct.unpack("<HHI", body[:8]) for body in interfaces} == {(228, 0, limit)}


def test_no_path_of_the_machine_is_in_it() -> None:
    assert b"somebody" not in pcapng(LOST)


def test_packets_that_were_missed_are_told() -> None:
    run = replace(RUN, recording=recording(handshake(0.0), missed=3))
    assert b"; 3 more packets came faster than they could be recorded" in pcapng(run)


def test_a_recording_without_packets_is_a_file_without_packets(tmp_path: Path) -> None:
    run = replace(RUN, recording=recording())
    assert rows(written(tmp_path, run), "frame.number") == []


def test_what_was_not_recorded_is_refused() -> None:
    with pytest.raises(ValueError, match="synack-dropped: its packets were not recorded"):
        pcapng(RUN)


def test_ten_thousand_packets_are_a_matter_of_a_moment(tmp_path: Path) -> None:
    many = [frame for number in range(5000) for frame in passing(number / 1e4, Side.CLIENT, SYNACK)]
    path = written(tmp_path, replace(RUN, recording=recording(many)))
    assert "10000" in asked("capinfos", "-c", "-M", path)
