# SPDX-License-Identifier: GPL-2.0-or-later
"""In a container of podman's, with users of its own as rootless podman has them.

Its files are this machine's, read-only, so that no image is needed.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import netlab
from netlab.linux.privileges import CAPABILITIES, in_user_namespace
from tests.programs import need

from .shell import PATIENCE, Done

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or in_user_namespace(), reason="only root may give a container any users"
)
HOME = Path(netlab.__file__).parents[1]
#: What the container finds where it is here.
SHOWN = {Path("/usr"), Path("/etc"), HOME, Path(sys.prefix), Path(sys.base_prefix).resolve()}
#: Of podman's own: limits that are no higher than root's here, and none of its networks.
ALWAYS = "--rm --network none --cgroups disabled --ulimit nofile=4096:4096 --ulimit nproc=4096:4096"
USERS = "--uidmap 0:100000:65536 --gidmap 0:100000:65536"
#: Podman wants control groups of version 2 alone: in a mount namespace it finds those.
BEGIN = """
if ! [ -e /sys/fs/cgroup/cgroup.controllers ]; then
    umount -R /sys/fs/cgroup; mount -t cgroup2 none /sys/fs/cgroup
fi
mount --make-rshared /; exec "$@"
"""
RIGHTS = " ".join(f"--cap-add {name}" for name in CAPABILITIES)
#: A plain one, one whose program is confined, and one that sets a sysctl.
SOME = ("port-open", "tcp-client-keeps-sending", "first-data-after-server-gave-up")

Contained = Callable[..., Done]


@pytest.fixture(scope="module")
def contained() -> Iterator[Contained]:
    """Runs netlab in a container: further options for podman in one string, netlab's arguments."""
    podman, unshare = need("podman"), need("unshare")
    with tempfile.TemporaryDirectory() as folder:  # pytest's own are closed to its users
        Path(folder).chmod(0o755)
        root = _root(Path(folder, "root"))
        begin = [unshare, "-m", "--propagation", "private", "sh", "-c", BEGIN, "begin"]
        store = [f"--root={folder}/store", f"--runroot={folder}/run", "--cgroup-manager=cgroupfs"]
        volumes = [f"--volume={path}:{path}:ro" for path in _outermost()]
        python = ["--workdir", str(HOME), "--rootfs", str(root), sys.executable]

        def run(options: str, *arguments: str) -> Done:
            words = [*ALWAYS.split(), *USERS.split(), *volumes, *shlex.split(options), *python]
            done = subprocess.run(
                [*begin, podman, *store, "run", *words, *arguments],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=2 * PATIENCE,
                check=False,
            )
            assert "Traceback" not in done.stderr, done.stderr
            return Done(done.returncode, done.stdout, done.stderr)

        tried = run("", "-c", "")
        if tried.code:
            pytest.skip(f"podman cannot run a container here: {tried.err.strip()}")
        yield lambda options, *arguments: run(options, "-m", "netlab", *arguments)


def _outermost() -> list[Path]:
    return [path for path in SHOWN if not SHOWN & {*path.parents}]


def _root(root: Path) -> Path:
    """An empty root for the container's own: places where the files of this machine are shown."""
    for path in (*_outermost(), *map(Path, ("/proc", "/sys", "/dev", "/run", "/tmp", "/var"))):
        root.joinpath(path.relative_to("/")).mkdir(parents=True, exist_ok=True)
    for link in ("bin", "sbin", "lib", "lib64"):
        if Path("/", link).is_symlink():
            root.joinpath(link).symlink_to(f"usr/{link}")
    for path in (root, *root.rglob("*")):
        os.chown(path, 100000, 100000, follow_symlinks=False)
    return root


@pytest.mark.parametrize(
    "options",
    [RIGHTS, f"{RIGHTS} --user 1000", f"{RIGHTS} --read-only", "--cap-add SYS_ADMIN",
     "--security-opt unmask=ALL"],
)  # fmt: skip
def test_with_what_readme_names_everything_passes(contained: Contained, options: str) -> None:
    done = contained(options, "run", "--hold", "10ms", *SOME)
    assert done.code == 0, done
    assert "3 passed" in done.out
    done = contained(options, "doctor")
    assert done.code == 0, done
    for what in ("confine a scenario's programs", "set a lab's sysctls", "small connection tables"):
        assert f"ok       {what}" in done.out


@pytest.mark.parametrize("options", ["", "--user 1000", "--cap-add NET_ADMIN --cap-add NET_RAW"])
def test_without_sys_admin_only_sysctls_are_refused(contained: Contained, options: str) -> None:
    """And the doctor says the same, with what opens them."""
    fix = "Read-only file system (of a container: give it --cap-add SYS_ADMIN, or podman's"
    done = contained(options, "run", "--hold", "10ms", *SOME)
    assert done.code == 3, done
    assert "2 passed, 1 not built" in done.out
    assert f"sysctl net.ipv4.tcp_synack_retries=0: {fix}" in done.out
    done = contained(options, "run", "--hold", "10ms", "stray-segment-is-dropped")
    assert done.code == 3, done
    assert fix in done.out
    done = contained(options, "doctor")
    assert done.code == 0, done
    (line,) = (line for line in done.out.splitlines() if "set a lab's sysctls" in line)
    assert fix in line
    assert "ok       confine a scenario's programs" in done.out


def test_root_without_any_capability_is_told_which_it_needs(contained: Contained) -> None:
    for command in (("run", *SOME), ("doctor",)):
        done = contained("--cap-drop ALL", *command)
        assert done.code == 3, done
        assert "root without CAP_SETFCAP may not be root" in done.out + done.err
        assert RIGHTS in done.out + done.err
