# SPDX-License-Identifier: GPL-2.0-or-later
"""Every scenario passes on three other kernels: an old one, a new one, and one between."""

from __future__ import annotations

import platform
import re
import subprocess
import sys
from functools import partial

import pytest

from netlab.linux.privileges import in_user_namespace

from .. import programs
from . import tools

NO_NETWORK = (
    "without root, tests in several processes live in a network namespace without a way out"
)

#: Seconds that three guests may take, one after the other, and what is fetched before.
PATIENT = 1800.0

pytestmark = [
    pytest.mark.skipif(platform.machine() != "x86_64", reason="guests are for x86_64 alone"),
    pytest.mark.needs("qemu-system-x86_64"),
    pytest.mark.timeout(PATIENT),
]


def test_every_scenario_passes_on_three_other_kernels() -> None:
    """One guest at a time: the other cores are for tests that look at milliseconds."""
    if in_user_namespace():
        pytest.skip(NO_NETWORK)
    matrix = partial(
        subprocess.run,
        [sys.executable, "-m", "netlab", "matrix", "--small", "--jobs", "1"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENT,
        check=False,
    )
    done = tools.gently(matrix)
    if done.returncode == 3 and "is configured for no mirror" in done.stderr:
        programs.lacking(done.stderr.strip())
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert len(re.findall(r": \d+ passed, ", done.stdout)) == 3, done.stdout
