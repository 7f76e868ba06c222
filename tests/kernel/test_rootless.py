# SPDX-License-Identifier: GPL-2.0-or-later
"""Without root, netlab enters a user namespace of its own and works the same."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess

import pytest

from netlab.linux.privileges import CAPABILITIES
from netlab.model.evidence import Evidence
from netlab.model.tcp import State
from netlab.model.vocabulary import Family
from netlab.packets.sightings import packets

from . import tools
from .runs import not_passed
from .somebody import Somebody
from .test_search import BUGS


def assert_all_pass(done: subprocess.CompletedProcess[str], family: Family) -> None:
    assert not_passed(done.stdout, family) == {}
    assert (done.returncode, done.stderr) == (0, "")


def test_every_scenario_passes_without_root(somebody: Somebody, netlab_family: Family) -> None:
    options = ["--ipv6"] if netlab_family is Family.IPV6 else []
    done = somebody.run(*somebody.python, "-m", "netlab", "run", "--json", *options)
    assert_all_pass(done, netlab_family)


def test_every_scenario_passes_in_somebody_elses_user_namespace(somebody: Somebody) -> None:
    # As in a container: root of a user namespace, but not of the network one lives in.
    enter = [tools.program("unshare"), "--user", "--map-root-user"]
    done = somebody.run(*enter, *somebody.python, "-m", "netlab", "run", "--json")
    assert_all_pass(done, Family.IPV4)


@pytest.mark.skipif(not tools.is_root(), reason="only root has rights to give")
def test_a_user_with_the_rights_of_a_container_confines_programs_too(somebody: Somebody) -> None:
    """But can give a program no user besides its own (podman's ``--user 1000`` beside rights)."""
    played = ["run", "--json", "--hold", "10ms", "tcp-client-keeps-sending"]
    done = somebody.run(*somebody.python, "-m", "netlab", *played, rights=[*CAPABILITIES])
    assert Evidence.from_json(done.stdout).outcome == "pass", done
    assert (done.returncode, done.stderr) == (0, "")


def test_a_lab_takes_orders_without_root(somebody: Somebody) -> None:
    asks = "import os, socket; s = socket.socket(socket.AF_UNIX); "
    asks += "s.connect(os.environ['NETLAB_CONTROL_FILE']); "
    asks += r"s.sendall(b'POST /cut HTTP/1.0\r\n\r\n'); print(s.recv(12).decode())"
    done = somebody.run(
        *somebody.python, "-m", "netlab", "exec", "--", *somebody.python, "-c", asks
    )
    assert (done.stdout, done.stderr) == ("HTTP/1.0 200\n", "")


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "with workers"])
def test_pytest_plays_scenarios_without_root(somebody: Somebody, workers: tuple[str, ...]) -> None:
    done = somebody.run(*somebody.pytest, somebody.probes, *workers)
    assert re.search(r"^\d+ passed in", done.stdout, re.MULTILINE), done.stdout + done.stderr
    assert done.returncode == 0


def test_the_commands_that_freeze_prints_work_for_the_same_user(somebody: Somebody) -> None:
    if os.geteuid() == 0 and not tools.is_root():
        pytest.skip("this pytest is in the user namespace already that the commands enter")
    for name in ("nsenter", "ss", "nft"):
        tools.program(name)
    freeze = somebody.start(*somebody.python, "-m", "netlab", "freeze", "synack-dropped")
    try:
        assert freeze.stdout is not None
        shown = {}
        for line in freeze.stdout:
            if found := re.match(r"  (client|server) +(nsenter .* (ss|nft) .*)", line):
                side, command, tool = found.groups()
                shown[side, tool] = somebody.run("sh", "-c", command)
            if len(shown) == 3:  # ss at both ends, nft at the one with the rule
                break
    finally:
        freeze.send_signal(signal.SIGINT)
        _, complaint = freeze.communicate()
    assert {place: done.stderr for place, done in shown.items() if done.returncode} == {}
    assert "SYN-SENT" in shown["client", "ss"].stdout
    assert "SYN-RECV" in shown["server", "ss"].stdout
    assert "drop" in shown["client", "nft"].stdout
    assert complaint == "netlab: stopped; nothing is left behind\n"
    assert freeze.returncode == 130


def test_packets_are_recorded_without_root_and_states_are_sampled(
    somebody: Somebody, netlab_family: Family
) -> None:
    command = [*somebody.python, "-m", "netlab", "run", "--json", "synack-dropped"]
    options = ["--ipv6"] if netlab_family is Family.IPV6 else []
    done = somebody.run(*command, "--pcap", str(somebody.home / "captures"), *options)
    assert done.returncode == 0, done.stderr
    run = Evidence.from_json(done.stdout)
    assert run.recording is not None
    assert not run.recording.traced
    assert run.recording.events == ()
    assert run.recording.missed == 0
    assert run.client.transitions[-1].after is State.ESTABLISHED
    assert not any(each.traced for each in (*run.client.transitions, *run.server.transitions))
    dropped = [frame for frame in run.recording.frames if frame.seen == "dropped"]
    assert len(dropped) == sum(fault.packets for fault in run.faults) >= 2
    story = packets(run.recording)
    assert sum(packet.dropped is not None for packet in story) == len(dropped)
    assert all(packet.sent is not None and packet.arrived is not None for packet in story)
    assert (somebody.home / "captures" / "synack-dropped.pcapng").stat().st_size > 0


# --- where it is forbidden: in a user namespace of the test's own, never on the host

SETTING = "user.max_user_namespaces"
FORBID = "echo 0 >/proc/sys/user/max_user_namespaces; exec setpriv --bounding-set=-all $0 $@"


@pytest.fixture
def forbidden(somebody: Somebody) -> list[str]:
    """What runs a command for somebody who may not have user namespaces."""
    tools.program("setpriv")
    command = [tools.program("unshare"), "--user", "--map-root-user", "sh", "-c", FORBID]
    asked = somebody.run(*command, "cat", "/proc/sys/user/max_user_namespaces")
    assert asked.stdout == "0\n", asked.stderr
    return command


def test_netlab_says_in_a_sentence_which_setting_forbids_it(
    somebody: Somebody, forbidden: list[str]
) -> None:
    done = somebody.run(*forbidden, *somebody.python, "-m", "netlab", "run")
    assert done.returncode == 3
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert f"{SETTING}=0" in done.stderr


def test_the_doctor_names_the_setting(somebody: Somebody, forbidden: list[str]) -> None:
    done = somebody.run(*forbidden, *somebody.python, "-m", "netlab", "doctor", "--json")
    needed = [each for each in map(json.loads, done.stdout.splitlines()) if each["needed"]]
    (missing,) = [each for each in needed if not each["good"]]
    assert f"{SETTING}=0" in missing["fix"]
    assert done.returncode == 3


def test_the_doctor_passes_over_what_this_user_may_not_look_at(somebody: Somebody) -> None:
    """A PATH can have folders of root's, as after ``sudo -u``, and commands that nobody reads."""
    closed, opened = somebody.home / "closed", somebody.home / "opened"
    closed.mkdir(mode=0)
    opened.mkdir()
    (opened / "netlab").touch(mode=0o111)
    path = f"PATH={closed}:{opened}:/usr/sbin:/usr/bin:/sbin:/bin"
    done = somebody.run("env", path, *somebody.python, "-m", "netlab", "doctor")
    assert (done.returncode, done.stderr) == (0, "")
    assert f"{opened}/netlab is another program" in done.stdout


SLOW = """
import time
from netlab import Lab
with Lab() as lab:
    lab.wire.profile("lte")
    lab.server.listen()
    began = time.monotonic()
    lab.client.connect()
    print(time.monotonic() - began)
"""


def test_a_wire_misbehaves_without_root(somebody: Somebody) -> None:
    done = somebody.run(*somebody.python, "-c", SLOW)
    assert (done.returncode, done.stderr) == (0, "")
    assert float(done.stdout) >= 0.07


def test_too_few_processes_for_a_program_are_named(somebody: Somebody) -> None:
    """By the scenario that starts it; the other passes. (Root has no such limit.)"""
    limited = [tools.program("prlimit"), "--nproc=1", *somebody.python, "-m", "netlab", "run"]
    done = somebody.run(*limited, "--hold", "10ms", "port-open", "tcp-client-keeps-sending")
    assert done.returncode == 3
    assert "1 passed, 1 not built" in done.stdout
    assert "cannot run 'tcp_client': no more processes are allowed here: raise" in done.stdout


#: Opens and resets 200 connections while nobody looks, and writes 1 GB.
PROGRAMS = r'''
import subprocess
from netlab import Lab

SERVER = "import socket; s = socket.create_server(('', 8000))\nwhile 1: s.accept()[0].close()"
CLIENT = """
import socket
for _ in range(200):
    connection = socket.create_connection(("server", 8000))
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, bytes([1, 0, 0, 0, 0, 0, 0, 0]))
    connection.close()
"""
with Lab() as lab:
    lab.server.start(["python3", "-c", SERVER], ready=8000)
    with lab.client:
        subprocess.run(["python3", "-c", CLIENT], check=True)
    writes = lab.client.run("head -c 1000000000 /dev/zero")
    while writes.exit_code is None:
        pass
    print(len(lab.flows(port=8000)), len(writes.output) >> 20)
'''


def test_programs_are_seen_and_limited_without_root_too(somebody: Somebody) -> None:
    done = somebody.run(*somebody.python, "-c", PROGRAMS)
    assert (done.stdout, done.stderr) == ("200 64\n", "")


def test_pytest_says_which_setting_forbids_it_and_nothing_of_netlabs_inside(
    somebody: Somebody, forbidden: list[str]
) -> None:
    done = somebody.run(*forbidden, *somebody.pytest, somebody.probes)
    assert f"{SETTING}=0" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    assert ".py:" not in done.stdout
    assert done.returncode == 1


def test_the_conformance_table_is_the_same_without_root(somebody: Somebody) -> None:
    done = somebody.run(*somebody.python, "-m", "netlab", "conformance", "--json")
    otherwise = {
        record["name"]: record["problem"]
        for record in map(json.loads, done.stdout.splitlines())
        if record["outcome"] != "pass"
    }
    assert otherwise == {}
    assert (done.returncode, done.stderr) == (0, "")


def test_a_search_needs_no_root_and_writes_what_plays(somebody: Somebody) -> None:
    bug = somebody.home / "bug.py"
    shutil.copy(BUGS / "server_resets_too_early.py", bug)
    bug.chmod(0o644)
    line = f"{somebody.python[0]} -S -E {bug}"
    given = ["--server", f"{line} server 8000", "--ready", "8000", "--only", "drop", "--cap", "3s"]
    asked = [*given, "--output", "found", "--", *line.split(), "client", "8000"]
    done = somebody.run(*somebody.python, "-m", "netlab", "search", *asked)
    assert done.returncode == 1, done.stderr
    assert "drop seq=1 to client: error" in done.stdout
    assert "written: found/drop-seq-1-to-client.yaml, drop-seq-1-to-client.txt\n" in done.stdout
