# SPDX-License-Identifier: GPL-2.0-or-later
"""What a guest told, and the sentence that is made of it. Consoles say what kernels write."""

from __future__ import annotations

import pytest

from netlab.kernels.vm.transcript import LAST_LINES, Cutoff, Transcript
from netlab.model.kernel_run import line

DONE = line("done", {"wall_s": 1.0})
SCENARIO = line("scenario", {"scenario": "fin-dropped"})
PANIC = """\
[    1.436085] Run /netlab/init as init process\r
/netlab/bin/python3: error while loading shared libraries: libz.so.1: cannot open\r
[    1.5] Kernel panic - not syncing: Attempted to kill init! exitcode=0x00007f00\r
[    1.5] CPU: 0 UID: 0 PID: 1 Comm: python3 Not tainted 6.12.117 #1\r
"""


OOPS = """\
[    1.900000] NET: Registered PF_ALG protocol family\r
[    2.000000] Oops: general protection fault, maybe for address 0x0: 0000 [#1] PREEMPT SMP NOPTI\r
[    2.000000] CPU: 0 UID: 0 PID: 1 Comm: swapper Not tainted 6.12.118 #1\r
[    2.000000] RIP: 0010:kmem_cache_alloc_noprof+0xe0/0x300\r
[    2.000000] Code: 0f 1f 44 00 00\r
[    2.000000] RSP: 0018:ffffc900000eb930 EFLAGS: 0457eb6a\r
"""
OOPS += "".join(f"[    2.0] R{n}: 0000000000000000 R{n}: 0000000000000000\r\n" for n in range(20))
OOPS += """\
[    2.000000] FS:  0000000000000000(0000) GS:ffff88801c400000(0000) knlGS:0000000000000000\r
[    2.000000] CS:  0010 DS: 0000 ES: 0000 CR0: 0000000080050033\r
[    2.000000] CR2: ffff888003c01000 CR3: 0000000002c22000 CR4: 0000000000750ef0\r
[    2.000000] Call Trace:\r
[    2.000000]  <TASK>\r
[    2.000000]  sock_alloc_inode+0x20/0x90\r
[    2.000000] Kernel panic - not syncing: Fatal exception in interrupt\r
[    2.000000] Kernel Offset: disabled\r
"""


def told(*records: str, console: str = "", complaints: str = "") -> Transcript:
    every = Transcript(512)
    every.take("records", "".join(f"{record}\n" for record in records).encode())
    every.take("console", console.encode())
    every.take("complaints", complaints.encode())
    return every


def test_records_are_whole_however_they_come() -> None:
    every = Transcript(512)
    data = f"{SCENARIO}\n{DONE}\n".encode()
    came = [record for n in range(len(data)) for record in every.take("records", data[n : n + 1])]
    assert came == every.records == [SCENARIO, DONE]
    assert every.over
    assert every.error() == ""


def test_a_half_record_is_none() -> None:
    every = told(SCENARIO)
    every.take("records", DONE.encode())
    assert not every.over
    assert every.error() == (
        "the guest ended before its last record (the last it sent: scenario fin-dropped)"
    )


def test_an_error_of_the_guests_is_told_in_its_words() -> None:
    every = told(line("error", {"error": "the kernel refused veth", "console": []}))
    assert every.over
    assert every.error() == "the kernel refused veth"


@pytest.mark.parametrize(
    ("console", "said"),
    [
        (
            "[    2.1] Kernel panic - not syncing: VFS: Unable to mount root fs\r\n",
            "the kernel panicked: VFS: Unable to mount root fs",
        ),
        (
            "[    9.1][   T77] Kernel panic - not syncing: Fatal exception in interrupt\n",
            "the kernel panicked: Fatal exception in interrupt",
        ),
        (
            PANIC,
            "the kernel panicked: Attempted to kill init! exitcode=0x00007f00 /netlab/bin/python3: "
            "error while loading shared libraries: libz.so.1: cannot open",
        ),
        ("[ 1.0] Initramfs unpacking failed: write error\n[ 1.1] Kernel panic - not syncing: VFS",
         "the guest ran out of memory: 512 MiB is too little"),
        ("[ 1.0] Kernel panic - not syncing: System is deadlocked on memory\n",
         "the guest ran out of memory: 512 MiB is too little"),
        ("netlab: the port for the records is not there\n[ 2.0] reboot: machine restart\n",
         "the port for the records is not there"),
        ("", "the guest ended before its last record"),
    ],
)  # fmt: skip
def test_what_a_console_says_of_the_end(console: str, said: str) -> None:
    assert told(console=console).error() == said


def test_a_killed_player_is_out_of_memory_if_the_kernel_says_so() -> None:
    killed = line("error", {"error": "netlab was killed in the guest by SIGKILL", "console": []})
    console = "[   30.1] Out of memory: Killed process 80 (python3) total-vm:400kB\n"
    assert told(SCENARIO, killed, console=console).error() == (
        "the guest ran out of memory: 512 MiB is too little"
        " (the last it sent: scenario fin-dropped)"
    )
    assert told(SCENARIO, killed).error() == "netlab was killed in the guest by SIGKILL"


def test_a_hang_says_where_it_was_and_what_the_kernel_said() -> None:
    every = told(SCENARIO, console="[ 60.2] watchdog: BUG: soft lockup - CPU#0 stuck for 26s!\n")
    every.cut = Cutoff.SILENCE, 180.0
    assert every.over
    assert every.error() == (
        "the guest hangs: nothing came for 180 s (the last it sent: scenario fin-dropped); "
        "the kernel said: watchdog: BUG: soft lockup - CPU#0 stuck for 26s!"
    )


def test_time_that_is_over_a_kernel_that_says_nothing_and_a_stop_are_told_apart() -> None:
    every = told()
    every.cut = Cutoff.LIMIT, 600.0
    assert every.error() == "the guest was not done after 600 s"
    every.cut = Cutoff.SILENCE, 180.0
    assert every.error().startswith("the kernel wrote nothing in 180 s: ")
    every.cut = Cutoff.STOPPED, 2.0
    assert every.error() == "it was stopped after 2 s"


def test_qemu_has_its_say() -> None:
    complaint = "qemu-system-x86_64: cannot set up guest memory 'pc.ram': Cannot allocate memory\n"
    assert told(complaints=complaint).error() == (
        "QEMU could not run it: cannot set up guest memory 'pc.ram': Cannot allocate memory"
    )


def test_kvm_that_cannot_go_on_is_over_though_qemu_stays() -> None:
    assert told(complaints="KVM internal error. Suberror: 1\nemulation failure\n").over


def test_the_last_lines_are_those_around_a_panic() -> None:
    lines = [f"[    1.{n:06}] line {n}\r\n" for n in range(40)]
    every = told(console="".join(lines))
    assert every.last_lines() == tuple(f"line {n}" for n in range(40 - LAST_LINES, 40))
    lines[20] = "[    1.4] \x1b[31mKernel panic - not syncing: no\x1b[0m\r\n"
    shown = told(console="".join(lines)).last_lines()
    assert shown[:4] == ("line 18", "line 19", "Kernel panic - not syncing: no", "line 21")
    assert len(shown) == LAST_LINES


def test_what_a_kernel_complains_of_is_kept_though_all_passed() -> None:
    every = told(DONE, console="[ 3.1] WARNING: CPU: 0 PID: 9 at net/ipv4/tcp.c:1 f\n[ 3.2] fine\n")
    assert every.error() == ""
    assert every.trouble() == ["WARNING: CPU: 0 PID: 9 at net/ipv4/tcp.c:1 f"]


MACHINE = line("machine", {"release": "6.12"})


def cut(every: Transcript, why: Cutoff) -> Transcript:
    every.cut = why, 180.0
    return every


@pytest.mark.parametrize(
    ("every", "died"),
    [
        (told(MACHINE, SCENARIO, console="Kernel panic - not syncing: Fatal exception"), True),
        (told(MACHINE, SCENARIO), True),  # it has restarted without a word
        (cut(told(MACHINE, SCENARIO), Cutoff.SILENCE), True),
        (cut(told(MACHINE, SCENARIO), Cutoff.LIMIT), False),
        (cut(told(MACHINE, SCENARIO), Cutoff.STOPPED), False),
        (cut(told(), Cutoff.SILENCE), False),  # it has never booted
        (told(console="Kernel panic - not syncing: VFS: Unable to mount root fs"), False),
        (told(MACHINE, SCENARIO, console="Out of memory: Killed process 4"), False),
        (told(MACHINE, SCENARIO, line("error", {"error": "no veth", "console": []})), False),
        (told(MACHINE, SCENARIO, complaints="qemu: KVM internal error"), False),
        (told(MACHINE, SCENARIO, DONE), False),
    ],
)
def test_a_kernel_dies_by_itself_and_of_what_it_plays(every: Transcript, died: bool) -> None:
    assert every.died is died


def test_who_gave_up_and_whether_anything_was_played() -> None:
    refused = told(MACHINE, line("error", {"error": "no veth", "console": []}))
    assert (refused.begun, refused.gave_up, refused.played) == (True, True, False)
    unbooted = told(console="netlab: the port for the records is not there\n")
    assert (unbooted.begun, unbooted.gave_up, unbooted.played) == (False, True, False)
    playing = told(MACHINE, SCENARIO)
    assert (playing.begun, playing.gave_up, playing.played) == (True, False, True)


def test_of_an_oops_the_fault_and_the_place_are_shown_and_no_registers() -> None:
    every = told(console="[    1.8] before\r\n" * LAST_LINES + OOPS)
    assert every.error() == "the kernel panicked: Fatal exception in interrupt"
    shown = every.last_lines()
    assert any(line.startswith("Oops: general protection fault") for line in shown)
    assert "RIP: 0010:kmem_cache_alloc_noprof+0xe0/0x300" in shown
    assert " sock_alloc_inode+0x20/0x90" in shown
    assert not [line for line in shown if line.startswith(("R1", "RSP", "CS", "CR2", "FS", "Code"))]
