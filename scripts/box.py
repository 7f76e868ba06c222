# SPDX-License-Identifier: GPL-2.0-or-later
r"""What `vagrant up` does, where no box and no provider of Vagrant's can be had.

    ./scripts/box [--machine NAME] [--output DIR] [--keep DIR]

A whole Debian is made with debootstrap (its own kernel, systemd, sshd, a user `vagrant` who may
become root, the checkout in /vagrant) and booted in QEMU. Then everything happens over SSH, in
the order and by the words of the Vagrantfile, which is run as the Ruby program that it is
(vagrantfile.rb). The last line says how many seconds each part took.

Exit codes: as the last provisioner's (0 all scenarios pass), 2 bad usage, 3 no machine could be
made or booted, or a provisioner before the last one failed.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from netlab.kernels.vm import accelerator, qemu
from netlab.linux import syscalls
from netlab.model.errors import LabError

HOME = Path(__file__).resolve().parents[1]
USER = "vagrant"
#: Beside what every Debian has: what each box comes with.
INCLUDED = ("linux-image-amd64", "sudo", "openssh-server", "ca-certificates")
DISK = "6G"  # of which only what is written takes space
BOOT_S = 900.0  # emulated, on busy cores, it took 103
LOOK_S = 1.0  # between two knocks at the machine's door
#: How this machine reaches its mirrors, where that needs more than their names.
REACHED = ("/etc/hosts", "/etc/ssl/certs/ca-certificates.crt")
VARIABLES = ("http_proxy", "https_proxy", "no_proxy", "PIP_INDEX_URL", "PIP_CERT")
NETWORK = "[Match]\nType=ether\n[Network]\nDHCP=yes\n"


class Provision(NamedTuple):
    """One `provision` of type shell, by Vagrant's words."""

    name: str
    privileged: bool
    inline: str
    args: list[str]


class Stopped(Exception):
    """No machine, or one that its first provisioners failed in: why, in words."""


@dataclass
class Seconds:
    """How long each part took."""

    parts: dict[str, float] = field(default_factory=dict)

    @contextlib.contextmanager
    def of(self, part: str) -> Iterator[None]:
        """Measure, and say what is going on."""
        print(f"box: {part}", file=sys.stderr, flush=True)
        began = time.monotonic()
        try:
            yield
        finally:
            self.parts[part] = time.monotonic() - began

    def __str__(self) -> str:
        return ", ".join(f"{part} {seconds:.0f} s" for part, seconds in self.parts.items())


def main(words: Sequence[str] | None = None) -> int:
    """Make a machine, boot it, provision it."""
    options = _options(words)
    took = Seconds()
    try:
        machine = described(HOME / "Vagrantfile", options.machine)
        with _folder(options.keep) as folder:
            system = made(folder, took)
            with took.of("settle in"):
                settle(system, folder)
            with booted(system, folder, machine, took) as ssh:
                code = provision(ssh, machine["provisions"], took)
                if options.output:
                    fetch(ssh, options.output)
    except (Stopped, LabError) as error:
        print(f"box: {error}", file=sys.stderr)
        return 3
    print(f"box: {took}", file=sys.stderr)
    return code


def _options(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/box", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--machine", default="debian", help="of the Vagrantfile (default: debian)")
    parser.add_argument("--output", type=Path, help="fetch /vagrant/results into this folder")
    parser.add_argument("--keep", type=Path, help="work here, and use what is there already")
    return parser.parse_args(words)


@contextlib.contextmanager
def _folder(kept: Path | None) -> Iterator[Path]:
    if kept:
        kept.mkdir(parents=True, exist_ok=True)
        yield kept.resolve()
        return
    with tempfile.TemporaryDirectory(prefix="netlab-box-", dir="/var/tmp") as folder:
        yield Path(folder)


def described(path: Path, name: str) -> dict[str, Any]:
    """What a Vagrantfile says of a machine: `box`, `cpus`, `memory` (MB), `provisions`.

    Raises Stopped where it has no machine of that name.
    """
    asked = ["ruby", str(HOME / "scripts" / "vagrantfile.rb"), str(path), name]
    said = subprocess.run(asked, capture_output=True, text=True, check=False)
    if said.returncode:
        raise Stopped(said.stderr.strip())
    machine: dict[str, Any] = json.loads(said.stdout)
    machine["provisions"] = [Provision(**each) for each in machine["provisions"]]
    return machine


def made(folder: Path, took: Seconds) -> Path:
    """The files of a whole Debian of the release that runs here, as debootstrap makes them."""
    if os.geteuid():
        raise Stopped("debootstrap must be root: run this as root, or with sudo")
    system, half = folder / "system", folder / "system.half"
    if not system.exists():
        with took.of("debootstrap"):
            shutil.rmtree(half, ignore_errors=True)
            done(["debootstrap", f"--include={','.join(INCLUDED)}", release(), half, mirror()])
            half.rename(system)
    return system


def release() -> str:
    """The code name of the Debian that runs here."""
    facts = dict(line.split("=", 1) for line in Path("/etc/os-release").read_text().splitlines())
    if facts.get("ID") != "debian":
        raise Stopped("a Debian is made with the mirror and the keys of one, and this is none")
    return facts["VERSION_CODENAME"]


def mirror() -> str:
    """Where the apt of this machine gets its release from."""
    asked = ["apt-get", "indextargets", "--format", "$(REPO_URI)"]
    asked += ["Identifier: Packages", f"Codename: {release()}"]
    told = subprocess.run(asked, capture_output=True, text=True, check=False).stdout.split()
    return told[0] if told else "http://deb.debian.org/debian"


def settle(system: Path, folder: Path) -> None:
    """Make it what a box is: a user, sudo, sshd, a network, the checkout in /vagrant."""
    if not (system / "home" / USER).exists():
        done(["chroot", system, "useradd", "--create-home", "--shell", "/bin/bash", USER])
    write(system / "etc/sudoers.d" / USER, f"{USER} ALL=(ALL) NOPASSWD: ALL\n", 0o440)
    write(system / "etc/hostname", "box\n")
    write(system / "etc/fstab", "/dev/vda / ext4 defaults 0 1\n")
    write(system / "etc/systemd/network/wired.network", NETWORK)
    done(["systemctl", "--root", system, "--quiet", "enable", "systemd-networkd"])
    write(system / "etc/resolv.conf", "nameserver 10.0.2.3\n")  # where QEMU answers
    for path in REACHED:
        shutil.copy(path, system / path[1:])
    with (system / "etc/hosts").open("a") as hosts:
        hosts.write("127.0.1.1 box\n")
    known = {name: os.environ[name] for name in VARIABLES if name in os.environ}
    write(system / "etc/environment", "".join(f"{k}={v}\n" for k, v in known.items()))
    key = folder / "key"
    key.unlink(missing_ok=True)
    done(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key])
    write(system / "home" / USER / ".ssh/authorized_keys", key.with_suffix(".pub").read_text())
    share(system / "vagrant")
    done(["chroot", system, "chown", "-R", f"{USER}:{USER}", "/vagrant", f"/home/{USER}"])


def write(path: Path, text: str, mode: int = 0o644) -> None:
    """Write a file of the system, and make its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.write_text(text)
    path.chmod(mode)


def share(target: Path) -> None:
    """Copy the checkout, as a shared folder with rsync does: what git knows, as it is now."""
    shutil.rmtree(target, ignore_errors=True)
    listed = ["git", "-C", str(HOME), "ls-files", "-z"]
    names = subprocess.run(listed, check=True, capture_output=True, text=True).stdout
    for name in filter(None, names.split("\0")):
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(HOME / name, target / name)


class Ssh(NamedTuple):
    """The way into the machine, as the user."""

    key: Path
    port: int

    def command(self, *words: str) -> list[str]:
        """What runs `words` there."""
        options = ("StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "LogLevel=ERROR",
                   "BatchMode=yes", "ConnectTimeout=20", "ServerAliveInterval=30",
                   "ServerAliveCountMax=20")  # fmt: skip
        said = [word for option in options for word in ("-o", option)]
        where = ("-i", str(self.key), "-p", str(self.port), f"{USER}@127.0.0.1")
        return ["ssh", *said, *where, *words]

    def answers(self) -> bool:
        """Whether one can log in by now."""
        return not subprocess.run(self.command("true"), capture_output=True, check=False).returncode


@contextlib.contextmanager
def booted(system: Path, folder: Path, machine: dict[str, Any], took: Seconds) -> Iterator[Ssh]:
    """The machine, from the moment that one can log in; it is switched off in the end."""
    disk, console = folder / "disk", folder / "console.txt"
    with took.of("write the disk"):
        disk.unlink(missing_ok=True)
        done(["mke2fs", "-q", "-t", "ext4", "-d", system, disk, DISK])
    ssh = Ssh(folder / "key", free_port())
    command = emulator(system / "boot", disk, console, ssh.port, machine)
    process = subprocess.Popen(syscalls.bound(command), stdin=subprocess.DEVNULL)
    try:
        with took.of("boot"):
            until_it_answers(ssh, process, console)
        yield ssh
        with took.of("power off"):
            subprocess.run(ssh.command("sudo", "poweroff"), check=False)
            process.wait(BOOT_S)
    finally:
        process.kill()
        process.wait()


def free_port() -> int:
    """A port of 127.0.0.1 that nobody has."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def emulator(
    boot: Path, disk: Path, console: Path, port: int, machine: dict[str, Any]
) -> list[str]:
    """QEMU's command line: KVM where a kernel really boots under it, one disk, one network."""
    (kernel,), (initial,) = boot.glob("vmlinuz-*"), boot.glob("initrd.img-*")
    kvm = accelerator.best(kernel) == "kvm"
    return [
        qemu.program(),
        *("-nodefaults", "-no-user-config", "-display", "none", "-M", "q35"),
        *(("-accel", "kvm", "-cpu", "host") if kvm else ("-accel", "tcg", "-cpu", "max")),
        *("-smp", str(machine["cpus"]), "-m", str(machine["memory"])),
        *("-kernel", str(kernel), "-initrd", str(initial)),
        *("-append", "root=/dev/vda console=ttyS0 random.trust_cpu=on"),
        *("-drive", f"file={disk},format=raw,if=virtio,cache=unsafe"),
        *("-nic", f"user,model=virtio-net-pci,hostfwd=tcp:127.0.0.1:{port}-:22"),
        *("-serial", f"file:{console}"),
    ]


def until_it_answers(ssh: Ssh, process: subprocess.Popen[bytes], console: Path) -> None:
    """Knock until one can log in. Raises Stopped after `BOOT_S`, or when QEMU ends."""
    end = time.monotonic() + BOOT_S
    while not ssh.answers():
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(LOOK_S)
        if process.returncode is not None or time.monotonic() > end:
            last = (
                console.read_text(errors="replace").splitlines()[-15:] if console.exists() else []
            )
            raise Stopped("the machine does not answer; its console ends with\n" + "\n".join(last))


def provision(ssh: Ssh, provisions: Sequence[Provision], took: Seconds) -> int:
    """Play each as Vagrant does; the exit code of the last one."""
    code = 0
    for each in provisions:
        if code:
            raise Stopped(f"its provisioner before {each.name!r} ended with exit code {code}")
        with took.of(f"provision {each.name!r}"):
            code = played(ssh, each)
    return code


def played(ssh: Ssh, provision: Provision) -> int:
    """One script: uploaded, then started by a login shell, as Vagrant does by default."""
    script = "/tmp/vagrant-shell"
    subprocess.run(
        ssh.command(f"rm -f {script}; cat >{script}"), input=provision.inline, text=True, check=True
    )
    shell = ("sudo", "-E", "-H", "bash", "-l") if provision.privileged else ("bash", "-l")
    order = f"chmod +x {script} && {shlex.join([script, *provision.args])}"
    return subprocess.run(ssh.command(*shell), input=order, text=True, check=False).returncode


def fetch(ssh: Ssh, output: Path) -> None:
    """Copy the stored runs out of the machine."""
    output.mkdir(parents=True, exist_ok=True)
    packed = subprocess.run(
        ssh.command("tar -C /vagrant/results -c ."), stdout=subprocess.PIPE, check=True
    )
    subprocess.run(["tar", "-C", output, "-x", "--no-same-owner"], input=packed.stdout, check=True)


def done(command: Sequence[str | Path]) -> None:
    """Run a command of the host's. Raises Stopped with what it said, where it fails."""
    ran = subprocess.run(
        list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        check=False,
    )  # fmt: skip
    if ran.returncode:
        raise Stopped(f"{shlex.join(map(str, command))}: {ran.stdout.strip()[-2000:]}")


if __name__ == "__main__":
    sys.exit(main())
