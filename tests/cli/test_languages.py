# SPDX-License-Identifier: GPL-2.0-or-later
"""The examples in other languages, each in a lab: whichever of them this machine can run."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.programs import need

from .shell import netlab

EXAMPLES = Path(__file__).parents[2] / "examples" / "languages"
#: The file of each, and the program that runs it.
RUN = {"time_out.sh": "sh", "time_out.mjs": "node", "cut.mjs": "node", "TimeOut.java": "java"}
TEN = 13  # lines, and the first says how it is run


@pytest.mark.parametrize("file", RUN)
def test_a_program_in_another_language_times_out(file: str) -> None:
    if RUN[file] == "sh":
        need("curl")
    done = netlab("exec", "--", need(RUN[file]), EXAMPLES / file)
    assert (done.code, done.out, done.err) == (0, "timed out\n", "")


def test_a_compiled_program_does_too(tmp_path: Path) -> None:
    built = tmp_path / "time_out"
    subprocess.run([need("rustc"), EXAMPLES / "time_out.rs", "-o", built], check=True)
    done = netlab("exec", "--", built)
    assert (done.code, done.out) == (0, "timed out\n")


def test_a_test_of_go_does_too(tmp_path: Path) -> None:
    done = netlab(
        "exec", "--", need("go"), "test", EXAMPLES / "time_out_test.go", HOME=str(tmp_path)
    )
    assert done.code == 0, done


def test_they_are_short() -> None:
    for file in EXAMPLES.iterdir():
        assert len(file.read_text().splitlines()) <= TEN, file
