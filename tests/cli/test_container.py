# SPDX-License-Identifier: GPL-2.0-or-later
"""In a container of podman's, whose files are this machine's, read-only: no image is needed."""

from __future__ import annotations

import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import netlab
from netlab.linux.privileges import CAPABILITIES
from tests.programs import need

from .shell import Done

HOME = Path(netlab.__file__).parents[1]
PATIENCE = 120.0
#: What the container finds where it is here.
SHOWN = {"/usr", "/etc", str(HOME), sys.prefix, str(Path(sys.base_prefix).resolve())}
RIGHTS = [word for name in CAPABILITIES for word in ("--cap-add", name)]
#: Podman's own limits may be more than root has here.
LIMITS = [
    word
    for name, limit in (("nofile", resource.RLIMIT_NOFILE), ("nproc", resource.RLIMIT_NPROC))
    for word in ("--ulimit", "{0}={1}:{1}".format(name, resource.getrlimit(limit)[1]))
]
SOME = ("run", "--hold", "10ms", "port-open", "synack-dropped", "tcp-client-keeps-sending")

Contained = Callable[..., Done]


@pytest.fixture(scope="module")
def contained(tmp_path_factory: pytest.TempPathFactory) -> Contained:
    """Runs a Python in a container: its options for podman, its arguments."""
    podman = need("podman")
    root = tmp_path_factory.mktemp("root")
    for link in ("bin", "sbin", "lib", "lib64"):
        if Path("/", link).is_symlink():
            (root / link).symlink_to(f"usr/{link}")
    volumes = [word for path in SHOWN for word in ("--volume", f"{path}:{path}:ro")]

    def run(options: list[str], *arguments: str) -> Done:
        done = subprocess.run(
            [podman, "run", "--rm", "--network", "none", "--cgroups", "disabled",
             *LIMITS, *volumes,
             *options, "--workdir", str(HOME), "--rootfs", str(root), sys.executable, *arguments],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE, check=False,
        )  # fmt: skip
        assert "Traceback" not in done.stderr, done.stderr
        return Done(done.returncode, done.stdout, done.stderr)

    tried = run([], "-c", "")
    if tried.code:
        pytest.skip(f"podman cannot run a container here: {tried.err.strip()}")
    return run


def test_with_its_three_rights_everything_passes(contained: Contained) -> None:
    done = contained(RIGHTS, "-m", "netlab", *SOME)
    assert done.code == 0, done
    assert "3 passed" in done.out
    done = contained(RIGHTS, "-m", "netlab", "doctor")
    assert done.code == 0, done
    assert "ok       confine a scenario's programs" in done.out


@pytest.mark.parametrize("name", CAPABILITIES)
def test_without_one_it_passes_or_says_which_it_needs(contained: Contained, name: str) -> None:
    rights = [word for each in CAPABILITIES if each != name for word in ("--cap-add", each)]
    passes_or_names_the_rights(contained, rights)


def test_without_any_it_passes_or_says_which_it_needs(contained: Contained) -> None:
    passes_or_names_the_rights(contained, [])


def passes_or_names_the_rights(contained: Contained, options: list[str]) -> None:
    played = contained(options, "-m", "netlab", *SOME)
    examined = contained(options, "-m", "netlab", "doctor")
    if played.code == 0:
        assert "3 passed" in played.out
        assert examined.code == 0
        return
    assert played.code == 3, played
    sentence = f"give the container its rights: {' '.join(RIGHTS)}"
    assert sentence in played.out + played.err
    assert sentence in examined.out
