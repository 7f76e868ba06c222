# SPDX-License-Identifier: GPL-2.0-or-later
"""A wire that misbehaves, as ping and TCP meet it. Others keep the machine busy meanwhile, so what
is asked is that nothing comes too early, and that nothing is lost without being counted.
"""

from __future__ import annotations

import contextlib
import dataclasses
import inspect
import itertools
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from netlab.model.errors import LabError, ScenarioError
from netlab.model.vocabulary import Family, Side
from netlab.programs.effects import EFFECTS, WireEffect
from netlab.scenario import writer
from netlab.scenario.explain import by_hand
from netlab.scenario.loader import parse
from netlab.scenario.runner import play
from netlab.testbed.carrier import LINK, WHICH, Carrier
from netlab.testbed.hops.base import Hop
from netlab.testbed.lab import Lab
from netlab.testbed.net import Net
from netlab.testbed.profiles import PROFILES

from . import tools

ROUND = re.compile(r"time=([\d.]+) ms")
BOUNDS = re.compile(r"= ([\d.]+)/")


def ping(lab: Lab, *options: str) -> str:
    """What ping says of the way from the client to the server."""
    program = lab.client.run([tools.program("ping"), "-n", *options, lab.server.address])
    program.wait(tools.PATIENCE)
    return program.output


def fastest(said: str) -> float:
    """The shortest round trip, in milliseconds."""
    found = BOUNDS.search(said)
    assert found, said
    return float(found[1])


# --- what it does


def test_a_delay_is_never_shorter_and_may_be_of_one_direction(lab: Lab) -> None:
    with lab.wire.delay("20ms") as both:
        assert 40 <= fastest(ping(lab, "-c", "5", "-i", "0.01")) < 60
    with lab.wire.delay(0.03, to=Side.SERVER) as one:
        assert 30 <= fastest(ping(lab, "-c", "5", "-i", "0.01")) < 45
    assert fastest(ping(lab, "-c", "5", "-i", "0.01")) < 20
    assert (both.met, one.met) == (10, 5)


def test_delays_add_up(lab: Lab) -> None:
    with lab.wire.delay("10ms"), lab.wire.delay("10ms", to=Side.CLIENT):
        assert 30 <= fastest(ping(lab, "-c", "5", "-i", "0.01")) < 45


def test_jitter_varies_within_its_bounds_and_keeps_the_order(lab: Lab) -> None:
    with lab.wire.delay("30ms", jitter="20ms", to=Side.SERVER):
        said = ping(lab, "-c", "30", "-i", "0.1")
    times = [float(each) for each in ROUND.findall(said)]
    assert len(times) == 30
    assert min(times) >= 10
    assert max(times) - min(times) > 10
    numbers = [int(each) for each in re.findall(r"icmp_seq=(\d+)", said)]
    assert numbers == sorted(numbers)


@pytest.mark.parametrize("share", ["30%", 0.3])
def test_what_is_lost_is_counted_and_nothing_else_is_lost(lab: Lab, share: str | float) -> None:
    with lab.wire.loss(share, to=Side.SERVER, seed=1) as fault:
        said = ping(lab, "-c", "100", "-i", "0.002", "-W", "1")
    received = int(re.findall(r"(\d+) received", said)[0])
    assert received == 100 - fault.packets
    assert 10 <= fault.packets <= 55
    assert lab.dropped() == fault.packets


def test_the_same_seed_loses_the_same_packets_and_another_others(netlab_family: object) -> None:
    def answered(seed: int) -> list[int]:
        with Lab() as lab:
            lab.wire.loss("30%", seed=seed)
            said = ping(lab, "-c", "45", "-i", "0.002", "-W", "1")
        numbers = map(int, re.findall(r"icmp_seq=(\d+)", said))
        return [
            number for number in numbers if number <= 40
        ]  # ping does not wait long for the last

    assert answered(5) == answered(5) != answered(6)


def test_duplicates_are_counted_exactly(lab: Lab) -> None:
    with lab.wire.duplicate("30%", to=Side.CLIENT) as fault:
        said = ping(lab, "-c", "50", "-i", "0.01", "-W", "1")
    assert fault.met - 1 <= said.count("DUP!") <= fault.met  # ping ends with the last first copy
    assert fault.met > 3
    assert fault.packets == 0  # nothing is lost


def test_what_is_held_back_is_overtaken(lab: Lab) -> None:
    with lab.wire.reorder("30%", by="50ms", to=Side.CLIENT) as fault:
        said = ping(lab, "-c", "50", "-i", "0.01", "-W", "1")
    numbers = [int(each) for each in re.findall(r"icmp_seq=(\d+)", said)]
    assert sorted(numbers) == [*range(1, 51)]
    early = sum(later < earlier for earlier, later in itertools.pairwise(numbers))
    assert 0 < early <= fault.met
    late = [float(each) for each in ROUND.findall(said)]
    assert sum(each >= 50 for each in late) == fault.met


def test_what_is_corrupt_is_thrown_away_by_checksums(lab: Lab) -> None:
    with lab.wire.corrupt("100%", to=Side.SERVER) as fault:
        said = ping(lab, "-c", "5", "-i", "0.01", "-W", "1", "-s", "1000")
    assert fault.met == 5
    assert "0 received" in said


def test_a_rate_is_kept(lab: Lab) -> None:
    """TCP's data take their time, with the headers of each packet."""
    lab.server.listen()
    client = lab.client.connect()
    server = lab.server.accept()
    with lab.wire.rate("8mbit", to=Side.SERVER):  # a megabyte a second
        began = time.monotonic()
        lab.client.send(b"x" * 300_000, on=client)
        assert len(lab.server.read(300_000, on=server)) == 300_000
        assert time.monotonic() - began >= 0.3


def test_what_a_full_queue_has_no_room_for_is_lost(lab: Lab) -> None:
    with lab.wire.rate("80kbit", queue="3kB", to=Side.SERVER) as fault:
        said = ping(lab, "-c", "20", "-i", "0.002", "-s", "1000", "-W", "1")
    received = int(re.findall(r"(\d+) received", said)[0])
    assert 0 <= 20 - fault.packets - received <= 3  # which are still on their way
    assert fault.packets >= 10


def test_a_profile_is_one_name_for_all_that_such_a_network_does(lab: Lab) -> None:
    with lab.wire.profile("3g") as fault:
        assert 300 <= fastest(ping(lab, "-c", "3", "-i", "0.01")) < 340
        assert (fault.name, fault.met, fault.packets) == ("profile-1", 6, 0)
        assert [each.does for each in lab.faults] == ["is like a mobile network, 3G (3g)"]
    assert fastest(ping(lab, "-c", "3", "-i", "0.01")) < 20


def test_a_full_buffer_at_home_delays_whatever_comes_behind(lab: Lab) -> None:
    """The client sends as much as it can, and its pings wait in the same queue."""
    with Net(lab) as net, lab.wire.profile("bufferbloat"):
        idle = fastest(ping(lab, "-c", "3", "-i", "0.01"))
        with lab.client:
            upload = socket.create_connection(net.silent)
        upload.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, b"reno")  # BBR keeps it short
        upload.setblocking(False)

        def waits() -> bool:
            with contextlib.suppress(BlockingIOError):
                while upload.send(b"x" * 100_000):
                    pass
            return fastest(ping(lab, "-c", "1")) > idle + 200

        with upload:
            assert lab.wait(waits, tools.PATIENCE)


@pytest.mark.parametrize("which", PROFILES)
def test_every_profile_can_be_had_and_has_its_source(lab: Lab, which: str) -> None:
    profile = PROFILES[which]
    assert profile.source
    parts = lab.wire.profile(which).parts
    assert [part.effect for part in parts] == [*profile.down, *profile.up]


@pytest.mark.parametrize("effect", EFFECTS.values(), ids=[*EFFECTS])
def test_every_effect_is_a_method_with_the_same_quantities(effect: type[WireEffect]) -> None:
    taken = inspect.signature(getattr(Carrier, effect.word)).parameters
    own = {quantity.name: quantity.default for quantity in effect.quantities()}
    missing: dict[object, object] = {dataclasses.MISSING: inspect.Parameter.empty}
    assert {name: taken[name].default for name in own} == {
        name: missing.get(default, default) for name, default in own.items()
    }
    assert taken.keys() - own.keys() == {"self", "to", "name"}


# --- what it does not


def test_data_arrive_whole_through_everything_at_once(lab: Lab) -> None:
    lab.server.listen()
    with (
        lab.wire.loss("1%"),
        lab.wire.duplicate("1%"),
        lab.wire.reorder("1%", by="1ms"),
        lab.wire.corrupt("1%"),
        lab.wire.delay("2ms", jitter="1ms"),
    ):
        client = lab.client.connect()
        server = lab.server.accept()
        whole = bytes(range(256)) * 400
        lab.client.send(whole, on=client)
        assert lab.server.read(len(whole), on=server) == whole


def test_packets_are_whole_ones_with_their_checksums(lab: Lab) -> None:
    """No segment is larger than a packet: what is lost is one of them. (tcpdump is the judge.)"""
    lab.server.listen()
    with lab.wire.delay(0):
        client = lab.client.connect()
        server = lab.server.accept()
        command = [tools.program("tcpdump"), "-i", LINK, "-c", "40", "-nvv", "--immediate-mode"]
        with lab.server.namespace:
            judge = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert judge.stderr
        assert judge.stdout
        judge.stderr.readline()  # it listens
        lab.client.send(b"x" * 100_000, on=client)
        lab.server.read(100_000, on=server)
        said = judge.stdout.read().decode()
        judge.wait(tools.PATIENCE)
    assert "incorrect" not in said
    lengths = [int(each) for each in re.findall(r"length (\d+)$", said, re.MULTILINE)]
    assert 0 < max(lengths) <= 1500


def test_a_recorded_lab_sees_both_ends_of_it() -> None:
    with Lab(record=True) as lab:
        lab.server.listen()
        with lab.wire.delay("10ms", to=Side.SERVER):
            lab.client.connect()
        assert lab.recorder
        frames = lab.recorder.recording(lab.flow()).frames
        syns = [each for each in frames if each.side is Side.SERVER and each.seen == "in"]
        sent = [each for each in frames if each.side is Side.CLIENT and each.seen == "out"]
        assert syns[0].data == sent[0].data
        assert syns[0].at - sent[0].at >= 0.01


def test_it_is_recorded_as_a_fault_and_removed_as_one(lab: Lab) -> None:
    lab.wire.delay("20ms", jitter="5ms", to=Side.CLIENT)
    lab.wire.loss("2%")
    said = [(each.name, each.kind, each.does) for each in lab.faults]
    assert said == [
        ("delay-1", "delay", "delays packets by 20ms, give or take 5ms to the client"),
        ("loss-1", "loss", "loses 2% of all packets"),
    ]
    assert {each.by for each in lab.faults} == {WHICH}
    lab.remove("loss-1")
    assert [each.in_force for each in lab.imposed] == [True, False]
    lab.remove()
    lab.remove()  # harmless
    assert not any(each.in_force for each in lab.imposed)


@pytest.mark.parametrize(
    ("word", "given", "why"),
    [
        ("delay", ["-1"], "delay: expected 0 to 60 seconds, such as 40ms; found '-1'"),
        ("delay", ["1h"], "delay: expected 0 to 60 seconds, such as 40ms; found '1h'"),
        ("delay", [61], "delay: expected 0 to 60 seconds, such as 40ms; found 61"),
        ("delay", ["10ms", "20ms"], "jitter: at most the delay (10ms); found 20ms"),
        ("loss", ["2"], "loss: expected a share of all packets, such as 2%; found '2'"),
        ("loss", [2], "loss: expected a share of all packets, such as 2%; found 2"),
        ("rate", ["fast"], "rate: expected a number of bits a second, such as 2mbit; found 'fast'"),
        ("rate", ["0mbit"], "rate: expected a number of bits a second, such as 2mbit"),
        ("rate", ["1mbit", "64"], "queue: expected a number of bytes, such as 64kB; found '64'"),
        ("loss", ["2%", None, -1], "seed: expected a whole number, 0 to 2147483648; found -1"),
        ("profile", ["lte4"], "3g, wifi, satellite, bufferbloat; found 'lte4'. Did you mean lte?"),
        ("reorder", ["1%", "soon"], "by: expected 0 to 60 seconds, such as 40ms; found 'soon'"),
    ],
)
def test_what_cannot_be_is_refused(lab: Lab, word: str, given: list[object], why: str) -> None:
    with pytest.raises(LabError) as refused:
        getattr(lab.wire, word)(*given)
    assert why in str(refused.value)
    assert lab.imposed == ()


def test_a_path_and_a_slow_wire_are_not_in_one_lab(lab: Lab) -> None:
    lab.path(Hop())
    with pytest.raises(LabError, match="go over eth1 already"):
        lab.wire.delay("1ms")
    assert [fault.kind for fault in lab.imposed] == ["router"]


def test_a_slow_wire_cannot_be_plugged(lab: Lab) -> None:
    lab.wire.delay("1ms")
    with pytest.raises(LabError, match="a plug holds what goes over eth0: here it goes over eth2"):
        lab.plug()
    with pytest.raises(LabError, match="go over eth2 already"):
        lab.path(Hop())


# --- what is left


def test_nothing_is_left_when_netlab_is_killed(mark: str) -> None:
    code = (
        "import time; from netlab import Lab; lab = Lab(); lab.wire.delay('1s'); "
        "print('ready', flush=True); time.sleep(1000)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stdout.readline() == b"ready\n"
        assert len(tools.marked(mark)) == 2
        process.kill()
    assert tools.left_over(mark) == []


def test_nothing_is_left_of_a_lab_that_ends(mark: str) -> None:
    descriptors = len([*Path("/proc/self/fd").iterdir()])
    with Lab() as lab:
        lab.wire.delay("1s")
    assert tools.left_over(mark) == []
    assert len([*Path("/proc/self/fd").iterdir()]) == descriptors


def test_many_wires_are_carried_by_as_many_processes_as_there_are_cores(mark: str) -> None:
    cores = len(os.sched_getaffinity(0))
    with contextlib.ExitStack() as closing:
        labs = [closing.enter_context(Lab()) for _ in range(cores + 3)]
        for number, each in enumerate(labs):
            each.wire.delay(f"{10 * (number + 1)}ms")
        assert len(tools.marked(mark)) == cores
        labs.pop().close()
        for number, each in enumerate(labs):  # each in its own way, also when another one has ended
            lowest = 20 * (number + 1)
            assert lowest <= fastest(ping(each, "-c", "2", "-i", "0.01")) < lowest + 20
    assert tools.left_over(mark) == []


def test_a_wire_is_carried_where_descriptors_have_four_digits(lab: Lab) -> None:
    """Of 40 labs at once, the last have such; select(2) takes none above 1023."""
    with contextlib.ExitStack() as closing:
        for _ in range(1100):
            closing.enter_context(Path("/dev/null").open())
        lab.wire.delay("10ms")
        assert fastest(ping(lab, "-c", "2", "-i", "0.01")) >= 20


def test_a_wire_of_another_lab_goes_on_when_a_process_is_killed(mark: str) -> None:
    with contextlib.ExitStack() as closing:
        for _ in range(2 * len(os.sched_getaffinity(0))):
            closing.enter_context(Lab()).wire.delay("1ms")
        for carrier in tools.marked(mark):
            os.kill(carrier, signal.SIGKILL)
            os.waitid(os.P_PID, carrier, os.WEXITED | os.WNOWAIT)
        late = closing.enter_context(Lab())
        late.wire.delay("10ms")  # another process is begun
        assert fastest(ping(late, "-c", "2", "-i", "0.01")) >= 20
    assert tools.left_over(mark) == []


def test_a_process_that_is_gone_is_an_error(lab: Lab, mark: str) -> None:
    lab.wire.delay("1ms")
    (carrier,) = tools.marked(mark)
    subprocess.run(["kill", "-9", str(carrier)], check=True)
    with pytest.raises(LabError, match="the process that carries packets has ended"):
        lab.wire.loss("1%")


def test_a_wire_that_nobody_uses_is_a_cable(lab: Lab) -> None:
    assert lab.link == "eth0"
    assert lab.wire
    assert lab.link == "eth0"
    names = [each.name for each in lab.faults]
    with lab.client:
        assert [name for _, name in socket.if_nameindex()] == ["lo", "eth0"]
    assert names == []


# --- in a file


FILE = """\
# A slow wire: the handshake takes its time.
source: a test
steps:
  - {wire}
  - server: listen
  - client: {{connect: {{timeout: 20s}}}}
  - server: accept
expect:
  pair: {{client: ESTABLISHED, server: ESTABLISHED}}
  hold: 50ms
  cause: nothing is wrong
"""


@pytest.mark.parametrize(
    "wire",
    [
        "delay: 50ms",
        "delay: {time: 50ms, jitter: 5ms, to: client, as: far}",
        "loss: 0%",
        "loss: {share: 10%, seed: 4, to: server}",
        "rate: {speed: 2mbit, queue: 64kB}",
        "reorder: {share: 5%, by: 1ms}",
        "duplicate: 5%",
        "corrupt: {share: 1%, seed: 2}",
        "profile: satellite",
        "profile: {which: wifi, as: home}",
    ],
)
def test_a_file_may_ask_for_it(wire: str) -> None:
    text = FILE.format(wire=wire)
    if wire.startswith("loss"):  # in a handshake, a tenth of all packets may be none
        text += "  dropped: {loss-1: at least 0}\n"
    scenario = parse(text, Path("slow.yaml"))
    run = play(scenario)
    assert (run.outcome, run.reason, run.failure) == ("pass", "", None)
    assert run.faults[0].kind == wire.partition(":")[0]
    if wire.startswith("delay"):
        assert run.client.intervals[-1].since >= 0.05
    again = parse(writer.scenario(scenario), Path("slow.yaml"))
    assert writer.scenario(again) == writer.scenario(scenario)
    told = [command.text for _, commands in by_hand(scenario, Family.IPV4) for command in commands]
    assert any("netem" in each for each in told)


@pytest.mark.parametrize(
    ("wire", "why"),
    [
        ("delay: 2h", "delay: expected 0 to 60 seconds, such as 40ms; found '2h'"),
        ("delay: {jitter: 1ms}", "delay lacks 'time': 0 to 60 seconds, such as 40ms"),
        ("loss: 2", "loss: expected a share of all packets, such as 2%; found '2'"),
        ("profile: lte4", "profile: expected a profile: lte, 3g, wifi, satellite or bufferbloat"),
        ("rate: 2", "rate: expected a number of bits a second, such as 2mbit; found '2'"),
        ("reorder: {share: 1%, buy: 1ms}", "reorder has no 'buy'. Did you mean by?"),
    ],
)
def test_a_file_that_asks_wrongly_is_told(wire: str, why: str) -> None:
    with pytest.raises(ScenarioError, match=r"^slow\.yaml:4: ") as refused:
        parse(FILE.format(wire=wire), Path("slow.yaml"))
    assert why in str(refused.value)
