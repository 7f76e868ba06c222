# SPDX-License-Identifier: GPL-2.0-or-later
"""Guests that play, and guests that go wrong in every way there is: each says so, and ends.

Real kernels boot here, so one has to be in netlab's cache (`netlab matrix` puts some there), or be
named: NETLAB_TEST_KERNEL=SPEC. Each guest is played by the first test that asks for it.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from netlab.kernels import suite
from netlab.kernels.compare.differences import timer_aspect
from netlab.kernels.sources.kernel import Kernel
from netlab.kernels.suite import Job
from netlab.kernels.vm import accelerator, bare, boot, image, modules, qemu
from netlab.kernels.vm.modules import WantedModules
from netlab.kernels.vm.qemu import Guest
from netlab.model.errors import LabError
from netlab.model.kernel_run import KernelRun
from netlab.scheduler import now, wait
from netlab.timers import measure

from . import guests as guests_of_tests
from . import tools

pytestmark = [
    pytest.mark.skipif(platform.machine() != "x86_64", reason="guests are for x86_64 alone"),
    pytest.mark.needs("qemu-system-x86_64"),
    pytest.mark.timeout(400),  # for a machine whose cores are all taken
]
#: Time-outs that end within seconds in real time too.
SHORT = ("delayed-ack", "orphan-retries", "user-timeout")
JOB = Job(names=("syn-dropped",), timers=SHORT)
HOURS = Job(plays=False, timers=("delayed-ack", "keepalive"))  # two of them in real time
PATIENT = 300.0  # seconds; nothing here takes so long


@pytest.fixture(scope="module")
def kernel() -> Kernel:
    return guests_of_tests.cached()


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


GUEST = Guest(limit=PATIENT, silence=PATIENT)


def without(name: str, kernel: Kernel, folder: Path) -> Kernel:
    """The kernel with one of its modules broken; the others are links."""
    assert kernel.modules is not None
    changed = folder / "modules"
    shutil.copytree(kernel.modules, changed, copy_function=os.symlink)
    for path in changed.rglob(f"{name}.ko*"):
        path.unlink()
    (changed / f"{name}.ko").write_bytes(b"\x7fELF: no module")
    return replace(kernel, modules=changed)


class Guests:
    """Guests that were started, by what they are made to do."""

    def __init__(self, kernel: Kernel, kept: Path, folder: Path) -> None:
        def play(
            kernel: Kernel, guest: Guest, heard: Callable[[str], None] = print, job: Job = JOB
        ) -> Callable[[], KernelRun]:
            return functools.cache(
                partial(tools.gently, partial(boot.play, kernel, job, guest, kept, heard))
            )

        self.heard: list[str] = []
        tcg = replace(GUEST, clock="real", accelerator="tcg")
        self.runs: Mapping[str, Callable[[], KernelRun]] = {
            "plays": play(kernel, GUEST, self.heard.append),
            "panics": play(kernel, replace(GUEST, options="rdinit=/not-there")),
            # Python at the console waits for somebody to type.
            "hangs": play(kernel, replace(tcg, silence=20, options=f"rdinit={bare.PYTHON}")),
            "waits": play(kernel, replace(tcg, silence=20), job=HOURS),
            "has no modules": play(replace(kernel, modules=None), GUEST),
            "needs more memory": play(kernel, replace(GUEST, memory=144)),
            "refuses a module": play(without("veth", kernel, folder), GUEST),
            "has no time": play(kernel, replace(GUEST, limit=1.5)),
        }

    def __getitem__(self, name: str) -> KernelRun:
        return self.runs[name]()


@pytest.fixture(scope="module")
def guests(kernel: Kernel, kept: Path, tmp_path_factory: pytest.TempPathFactory) -> Guests:
    return Guests(kernel, kept, tmp_path_factory.mktemp("changed"))


def test_a_guest_plays_and_every_record_comes_as_it_is_made(guests: Guests, kernel: Kernel) -> None:
    run = guests["plays"]
    assert (run.error, run.done) == ("", True)
    assert run.machine.release == kernel.release
    assert run.machine.clock == "virtual"
    assert [(each.scenario, each.outcome) for each in run.scenarios] == [("syn-dropped", "pass")]
    kinds = [json.loads(record)["record"] for record in guests.heard]
    assert kinds[0] == "machine"
    assert kinds[-1] == "done"
    assert {"scenario", "timing"} <= {*kinds}


def test_virtual_time_is_as_long_as_real_time(guests: Guests) -> None:
    real = {timing.name: timing for timing in measure.run(SHORT)}
    run = guests["plays"]
    assert (run.error, run.machine.clock, len(run.timings)) == ("", "virtual", len(SHORT))
    rates = suite.machine("host", "real", JOB).hz, run.machine.hz
    for virtual in run.timings:
        # The same schedule, but for the slots of two timer wheels and two round-trip times.
        assert timer_aspect(real[virtual.name], virtual, rates) in ("", "rounding"), virtual
        assert virtual.after == pytest.approx(real[virtual.name].after, rel=0.05, abs=0.02)


def test_a_panic_is_quoted(guests: Guests) -> None:
    run = guests["panics"]
    assert run.error.startswith("the kernel panicked: VFS: Unable to mount root fs")
    assert any("Call Trace" in line for line in run.console)
    assert not run.done


def test_a_guest_that_hangs_is_ended(guests: Guests) -> None:
    run = guests["hangs"]
    assert run.error == "the guest hangs: nothing came for 20 s"
    assert run.console[-1].startswith(">>>")


def test_a_guest_that_hangs_while_it_plays_has_died_of_what_it_was_at(guests: Guests) -> None:
    run = guests["waits"]
    assert run.error == (
        "the guest hangs: nothing came for 20 s (the last it sent: timing delayed-ack); "
        "it was at time-out keepalive"
    )
    assert run.died
    assert not any(guests[name].died for name in ("hangs", "panics", "needs more memory"))


def test_modules_are_spoken_of_where_they_are_what_is_missing(guests: Guests) -> None:
    said = "; no modules came with this kernel, so all that a lab needs must be built in"
    run = guests["has no modules"]
    if run.error:  # it has everything built in otherwise
        assert run.error.endswith(said)
        assert not run.died
    assert not guests["waits"].error.endswith(said)


def test_too_little_memory_is_said_to_be_that(guests: Guests) -> None:
    assert guests["needs more memory"].error == "the guest ran out of memory: 144 MiB is too little"


def test_a_module_that_the_kernel_refuses_is_named(guests: Guests) -> None:
    assert guests["refuses a module"].error == (
        "the kernel refused its module veth: Exec format error (ENOEXEC)"
    )


def test_time_that_is_over_ends_a_guest(guests: Guests) -> None:
    run = guests["has no time"]
    assert run.error == "the guest was not done after 2 s"
    assert run.machine.hz == 0  # nobody knows


def test_a_kernel_without_veth_is_not_even_booted(
    kernel: Kernel, kept: Path, tmp_path: Path
) -> None:
    (tmp_path / "modules.builtin").write_text("kernel/net/core/something.ko\n")
    with pytest.raises(LabError, match=r"this kernel has no .*veth.*: neither built in nor below"):
        boot.play(replace(kernel, modules=tmp_path), JOB, GUEST, kept)


#: Each puts interfaces of its own into every network namespace that is made.
TUNNELS = ("sit", "ipip", "ip_gre", "ip6_tunnel", "ip6_gre", "ip_vti", "ip6_vti")
FALLBACK = {"sit0", "tunl0", "gre0", "gretap0", "erspan0", "ip6tnl0", "ip6gre0", "ip_vti0"}
LOOKS = f"""\
source: here
steps:
  - server: listen
  - client: connect
  - client: {{run: ["{bare.PYTHON}", "-c", "print(open('/proc/net/dev').read())"]}}
expect:
  pair: {{client: ESTABLISHED, server: ESTABLISHED}}
  cause: nothing is wrong
  program: {{exits: 0, within: 60s, says: sit0}}
"""


def test_labs_are_built_where_every_namespace_is_born_with_tunnels(
    kernel: Kernel, kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = WantedModules(modules.REQUIRED, (*modules.OPTIONAL, *TUNNELS))
    monkeypatch.setattr(image, "kernel", partial(image.kernel, wanted=wanted))
    job = Job(names=("syn-dropped", "nat-that-remembers"), own=(("looks.yaml", LOOKS),))
    run = tools.gently(partial(boot.play, kernel, job, GUEST, kept))
    assert run.error == ""
    outcomes = {each.scenario: each.outcome for each in run.scenarios}
    assert outcomes == dict.fromkeys(("looks", "syn-dropped", "nat-that-remembers"), "pass")
    (looks,) = [each for each in run.scenarios if each.scenario == "looks"]
    listed = {line.partition(":")[0].strip() for line in looks.programs[0].output.splitlines()}
    assert listed >= FALLBACK, "the kernel made none: nothing is shown"


def test_a_guest_is_stopped_at_once(kernel: Kernel, kept: Path) -> None:
    stop = threading.Event()
    stop.set()
    run = boot.play(kernel, JOB, replace(GUEST, stop=stop), kept)
    assert run.error == "it was stopped after 0 s"


def test_qemu_that_cannot_start_has_its_say(kernel: Kernel, kept: Path) -> None:
    run = boot.play(kernel, JOB, replace(GUEST, memory=1 << 40), kept)
    assert run.error.startswith("QEMU could not run it: ")


def test_without_qemu_it_says_what_to_install(
    kernel: Kernel, kept: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image.userland(kept)  # which needs ldd
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(qemu, "PROGRAMS", qemu.PROGRAMS[:1])
    with pytest.raises(LabError, match=r"QEMU, which is not installed: install qemu-system-x86 "):
        boot.play(replace(kernel, modules=None), JOB, GUEST, kept)


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"text" * 200, r"is no image of a kernel"),
        (b"\x7fELF" + bytes(600), r"an ELF file: it wants arch/x86/boot/bzImage"),
        (bytes(514) + b"HdrS" + bytes(100), r"is a kernel for 32 bits"),
        (b"", r"is no image of a kernel"),
    ],
)
def test_what_is_no_kernel_is_not_booted(
    data: bytes, problem: str, kernel: Kernel, kept: Path, tmp_path: Path
) -> None:
    other = tmp_path / "vmlinuz"
    other.write_bytes(data)
    with pytest.raises(LabError, match=problem):
        boot.play(replace(kernel, image=other), JOB, GUEST, kept)


def test_the_accelerator_has_booted_a_guest_or_is_not_taken(kernel: Kernel) -> None:
    before = now()
    best = accelerator.best(kernel.image)
    assert now() - before < accelerator.LIMIT_S + 2
    assert accelerator.best(kernel.image) == best
    if not os.access(accelerator.DEVICE, os.R_OK | os.W_OK):
        assert best == "tcg"


def test_the_guest_that_proves_an_accelerator_runs_under_the_one_that_needs_no_proof(
    kernel: Kernel,
) -> None:
    assert accelerator.boots(kernel.image, "tcg", silence=PATIENT, limit=PATIENT)


KILLED = """
import sys
from pathlib import Path
from netlab.kernels.vm import boot, qemu
from netlab.kernels.sources.kernel import Kernel
from netlab.kernels.suite import Job
release, image, modules, folder = sys.argv[1:]
kernel = Kernel("x", release, Path(image), Path(modules))
boot.play(kernel, Job(), qemu.Guest(), Path(folder))
"""


def test_qemu_dies_with_a_netlab_that_is_killed(kernel: Kernel, kept: Path) -> None:
    image.userland(kept)
    words = (kernel.release, str(kernel.image), str(kernel.modules), str(kept))
    with subprocess.Popen([sys.executable, "-c", KILLED, *words]) as netlab:
        guest = wait(partial(qemu_of, netlab.pid), now() + PATIENT)
        assert guest is not None
        os.kill(netlab.pid, signal.SIGKILL)
    assert wait(lambda: None if is_qemu(guest) else True, now() + 10) is True


def qemu_of(process: int) -> int | None:
    with contextlib.suppress(OSError):
        children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
        return next((int(child) for child in children if is_qemu(int(child))), None)
    return None


def is_qemu(process: int) -> bool:
    """A process that has ended has no program any more, though it may not be reaped."""
    with contextlib.suppress(OSError):
        return "qemu" in os.readlink(f"/proc/{process}/exe")
    return False
