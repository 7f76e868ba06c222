# SPDX-License-Identifier: GPL-2.0-or-later
"""netlab diagnose and netlab repro, as a person or a script uses them."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from .shell import NETLAB, PATIENCE, environment, netlab

LEAK = "\n".join(
    [
        "State      Recv-Q Send-Q Local Address:Port Peer Address:Port Process",
        "LISTEN     0      128    0.0.0.0:8080       0.0.0.0:*     ino:55 sk:1 cgroup:/ <->",
        *(
            f"CLOSE-WAIT 1      0      10.0.0.2:8080      10.0.0.1:{port} ino:{port} sk:{port} -->"
            for port in range(40000, 40300)
        ),
        "",
    ]
)
HEALTHY = """\
State  Recv-Q Send-Q Local Address:Port Peer Address:Port Process
LISTEN 0      128    0.0.0.0:8080       0.0.0.0:*     ino:55 sk:1 cgroup:/ <->
ESTAB  0      0      10.0.0.2:8080      10.0.0.1:40000 ino:56 sk:2 cgroup:/ <->
"""
FIN = """\
State      Recv-Q Send-Q Local Address:Port Peer Address:Port Process
FIN-WAIT-1 0      1      10.0.0.1:40000     10.0.0.2:8080 timer:(on,192ms,2) ino:0 sk:3 ---
"""
FIN_6 = FIN.replace("10.0.0.1:40000 ", "[fd00::1]:40000").replace("10.0.0.2:8080", "[fd00::2]:8080")


@pytest.fixture
def leak(tmp_path: Path) -> Path:
    return written(tmp_path, "leak.txt", LEAK)


def written(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_the_answer_is_on_the_first_screen(leak: Path) -> None:
    done = netlab("diagnose", leak, COLUMNS="80")
    assert (done.code, done.err) == (1, "")
    screen = done.out.splitlines()[:24]
    assert "not-closed: the application has not closed its end" in screen[2]
    assert "300 x CLOSE_WAIT, port 8080" in screen[3]
    assert any(line.startswith("   fix ") for line in screen)
    assert max(map(len, screen)) <= 80
    assert "\x1b" not in done.out


def test_what_is_piped_is_read() -> None:
    done = subprocess.run(
        [*NETLAB, "diagnose", "-"], input=LEAK, capture_output=True, text=True, check=False,
        env=environment(), timeout=PATIENCE,
    )  # fmt: skip
    assert done.returncode == 1
    assert "300 x CLOSE_WAIT" in done.stdout


def test_healthy_is_an_answer(tmp_path: Path) -> None:
    done = netlab("diagnose", written(tmp_path, "well.txt", HEALTHY))
    assert (done.code, done.out, done.err) == (0, "Nothing is stuck in 2 sockets.\n", "")


def test_json_has_the_promised_keys(leak: Path) -> None:
    done = netlab("diagnose", "--json", leak)
    assert done.code == 1
    record = json.loads(done.out)
    (finding,) = record["findings"]
    assert (finding["cause"], finding["also"]) == ("not-closed", ["not-read"])
    assert 0 < finding["confidence"] <= 1
    assert len(finding["connections"]) == 300
    assert finding["connections"][0] == {
        "local": ["10.0.0.2", 8080], "remote": ["10.0.0.1", 40000], "states": ["CLOSE_WAIT"],
        "translated": False,
    }  # fmt: skip
    assert finding["next"].startswith("it stays for ever")
    assert (record["healthy"], record["sockets"], record["notes"]) == (1, 301, [])


def test_what_was_left_out_is_said_before_the_findings(tmp_path: Path) -> None:
    path = written(tmp_path, "cut.txt", LEAK[: LEAK.rindex("10.0.0.1:") + 4])
    done = netlab("diagnose", path, COLUMNS="80")
    assert done.code == 1
    assert "cut.txt: line 302 was cut short and is left out" in " ".join(done.out.split()[:40])
    record = json.loads(netlab("diagnose", "--json", path).out)
    (note,) = record["notes"]
    assert note.endswith("cut.txt: line 302 was cut short and is left out")


def test_explain_tells_what_speaks_against(tmp_path: Path) -> None:
    done = netlab("diagnose", "--explain", written(tmp_path, "fin.txt", FIN))
    assert done.code == 1
    assert "but    fin-ack-lost fits" in done.out
    assert "lab    netlab show fin-dropped" in done.out


@pytest.mark.parametrize("text", ["", "hello\nworld\n", "{}", "\x00\xff"])
def test_what_cannot_be_read_exits_with_2(tmp_path: Path, text: str) -> None:
    for command in ("diagnose", "repro"):
        done = netlab(command, written(tmp_path, "text.txt", text))
        assert (done.code, done.out) == (2, "")
        assert done.err.startswith("netlab: ")
        assert "text.txt" in done.err


def test_what_a_nat_tracks_belongs_to_sockets(tmp_path: Path) -> None:
    """Alone it is no listing of sockets; beside one it is read without a remark."""
    entry = (
        "tcp 6 9 FIN_WAIT src=10.0.0.1 dst=10.0.0.9 sport=40000 dport=80 "
        "src=10.0.0.2 dst=10.0.0.1 sport=8080 dport=40000 mark=0 use=1\n"
    )
    nat = written(tmp_path, "nat.txt", f"# conntrack -L\n{entry}")
    code, out, err = netlab("diagnose", str(nat))
    assert (code, out) == (2, "")
    assert "entries of connection tracking" in err
    assert "ss -tanoei of both ends" in err
    code, out, _ = netlab("diagnose", str(nat), str(written(tmp_path, "fin.txt", FIN)))
    assert code == 1
    assert "nat.txt" not in out


def test_a_file_that_is_not_there_exits_with_2(tmp_path: Path) -> None:
    done = netlab("diagnose", tmp_path / "nothing.txt")
    assert done.code == 2
    assert "nothing.txt: cannot be read: No such file or directory" in done.err


def test_a_finding_becomes_a_scenario_that_passes(tmp_path: Path) -> None:
    path = tmp_path / "hang.yaml"
    done = netlab("repro", written(tmp_path, "fin.txt", FIN), "--output", path)
    assert (done.code, done.err) == (0, "")
    assert "netlab run " in done.out
    text = path.read_text()
    assert text.startswith("# fin-lost: the FIN does not arrive.\n# Found in a connection in FIN_")
    assert "server: {listen: 8080}" in text
    done = netlab("run", path)
    assert done.code == 0, done.out
    assert "1 passed" in done.out


def test_a_finding_over_ipv6_is_played_over_ipv6(tmp_path: Path) -> None:
    path = tmp_path / "hang.yaml"
    done = netlab("repro", written(tmp_path, "fin.txt", FIN_6), "--output", path)
    assert "netlab run --ipv6" in done.out
    done = netlab("run", "--ipv6", path)
    assert "1 passed" in done.out
    assert "IPv6" in done.out


def test_a_finding_that_is_not_there_is_refused(leak: Path, tmp_path: Path) -> None:
    done = netlab("repro", leak, "2")
    assert (done.code, done.out) == (2, "")
    assert "has 1 finding; there is no finding 2" in done.err
    done = netlab("repro", written(tmp_path, "well.txt", HEALTHY))
    assert done.code == 2
    assert "nothing is stuck in it" in done.err
    done = netlab("repro", leak, "--output", tmp_path / "hang.txt")
    assert "expected a name that ends in .yaml" in done.err
