# SPDX-License-Identifier: GPL-2.0-or-later
"""What a type checker sees of netlab from outside is what pages and docstrings say."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import netlab

from .. import transcripts

HOME = Path(__file__).parents[2]

PROGRAM = """
from typing import assert_type

from netlab import (
    ACK, SYN, Connection, Drop, Evidence, Flow, Held, Host, Lab, NotHeld, Options, Pair, Plug,
    Scenario, State, choose, play, write_report,
)


def test(lab: Lab) -> None:
    assert_type(lab.client, Host)
    assert_type(lab.hosts, tuple[Host, Host])
    with lab.drop("SYN|ACK", to="client") as fault:
        assert_type(fault, Drop)
        assert_type(fault.packets, int)
        assert_type(lab.client.connect(wait=False), Connection)
        held = lab.expect("SYN_SENT", server=[State.SYN_RECV, "LISTEN"], hold=1.2)
    assert_type(held, Held)
    assert_type(held.pair, Pair)
    assert_type(held.seconds, float)
    assert_type(lab.drop(SYN | ACK, at=("server", "output"), first=1), Drop)
    assert_type(lab.reject("SYN", with_="tcp-reset", to=lab.server), Drop)
    assert_type(lab.plug("client", "server"), Plug)
    assert_type(lab.flow(), Flow)
    assert_type(lab.elapsed(), float)
    assert_type(lab.wait(lambda: lab.flow().rows, 1.0) is None, bool)
    assert_type(lab.client.read(5), bytes)


def run() -> None:
    scenarios = choose(["fin-*"])
    assert_type(scenarios, list[Scenario])
    runs = [play(scenario, Options(record=True)) for scenario in scenarios]
    assert_type(runs, list[Evidence])
    assert_type(runs[0].observed, Pair | None)
    assert_type(runs[0].steps[0].kind, str)
    write_report("out", scenarios, runs)
    try:
        run()
    except NotHeld as error:
        assert_type(error.failure.rows[0].sampled, State)
"""
#: One mistake a line: each is seen.
WRONG = """
from netlab import Lab


def test(lab: Lab) -> None:
    lab.drop(3)
    lab.expect(1, "LISTEN")
    lab.reject("SYN", with_=7, to="server")
    lab.plug(to="client")
    text: str = lab.client.read(3)
"""


def checked(folder: Path, program: str) -> str:
    """What mypy says of a program of somebody else's."""
    path = folder / "program.py"
    path.write_text(program)
    command = [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", "--config-file=",
               f"--cache-dir={HOME / '.mypy_cache' / 'outside'}", path.name]  # fmt: skip
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def test_types_are_exact_from_outside(tmp_path: Path) -> None:
    assert checked(tmp_path, PROGRAM) == ""


def test_mistakes_are_seen_from_outside(tmp_path: Path) -> None:
    said = checked(tmp_path, WRONG)
    lines = {int(number) for number in re.findall(r"program\.py:(\d+): error", said)}
    assert lines == {*range(6, 11)}, said


def test_what_pages_have_in_python_is_typed(tmp_path: Path) -> None:
    blocks = [block for page in transcripts.PAGES for block in transcripts.blocks(page)]
    programs = [each for each in blocks if each.language == "python" and "netlab" in each.text]
    whole = [each for each in programs if not each.value("of")]  # the house's types are strict
    assert len(whole) >= 4
    for each in whole:
        assert checked(tmp_path, each.text) == "", each


def test_whatever_the_public_api_returns_is_public() -> None:
    assert (Path(netlab.__file__).parent / "py.typed").is_file()
    private = []
    for kind in (netlab.Lab, netlab.Host, netlab.Hop):
        for name, member in vars(kind).items():
            target = member.fget if isinstance(member, property) else member
            said = getattr(target, "__annotations__", {}).get("return", "")
            classes = re.findall(r"\b([A-Z][A-Za-z]+)\b", str(said)) if name[0] != "_" else []
            known = {*netlab.__all__, *OTHERS, *(classes if name in NOTEBOOK else ())}
            private += [f"{kind.__name__}.{name}: {one}" for one in classes if one not in known]
    assert private == []


#: What the runner keeps of a lab, and no user of one needs.
NOTEBOOK = {"recorder", "tape", "end", "transitions", "box", "memory"}
#: Names of annotations that are none of netlab's, type variables, and what only netlab calls.
OTHERS = {
    "None",
    "Any",
    "Callable",
    "Iterator",
    "Iterable",
    "T",
    "F",
    "Self",
    "Path",
    "Sequence",
    "Mapping",
    "AbstractContextManager",
}
