# SPDX-License-Identifier: GPL-2.0-or-later
"""What every command has in common, and those that play nothing: list, show, doctor, completion."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from netlab import __version__, cli
from netlab.conformance import rows
from netlab.scenario import catalogue
from netlab.scenario.schema import schema

from .shell import NETLAB, PATIENCE, environment, netlab, scenario
from .test_help import parsers

COMMANDS = [*cli.parser().parts]
EVERYTHING = catalogue.choose([], slow=True)


# --- help


def examples() -> list[str]:
    """The commands that the help of all commands shows."""
    lines = [line for each in parsers() for line in str(each.epilog).splitlines()]
    found = [re.match(r"  (?:sudo )?netlab (.*?)(?:  |$| \| | > )", line) for line in lines]
    return [match[1] for match in found if match]


@pytest.mark.parametrize("example", examples())
def test_an_example_is_something_that_can_be_typed(example: str) -> None:
    options = cli.parser().parse_args(shlex.split(example))
    names = getattr(options, "names", None) or []
    for name in [names] if isinstance(names, str) else names:
        is_row = any(fnmatchcase(row.name, name) for row in rows.rows())
        assert name == "my-own.yaml" or is_row or catalogue.choose([name])
    for name in getattr(options, "rows", []):
        assert rows.choose([name])


def test_there_is_an_example_of_every_command() -> None:
    assert {*COMMANDS} - {"completion"} <= {example.split()[0] for example in examples()}


def test_the_version_is_netlabs() -> None:
    assert netlab("--version").out == f"netlab {__version__}\n"


# --- what cannot be understood


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["freez"], "netlab: no command is called 'freez'. Did you mean freeze?"),
        (["run", "--banana"], "netlab run: no option is called '--banana'."),
        (["run", "--jobs", "0"], "--jobs: expected a number from 1 on; found '0'"),
        (
            ["run", "--hold", "long"],
            "expected a duration such as 1.2s, 300ms, 2min or 1h; found 'long'",
        ),
        (["freeze", "synack-dropped", "--for", "-1"], "--for: expected "),
        (["completion", "tcsh"], "shell: expected bash, zsh or fish; found 'tcsh'."),
    ],
    ids=str,
)
def test_bad_usage_exits_with_2_and_says_what_is_expected(arguments: list[str], says: str) -> None:
    done = netlab(*arguments)
    assert (done.code, done.out) == (2, "")
    assert says in done.err
    assert done.err.count("\n") == 2


@pytest.mark.parametrize("command", ["run", "list", "show", "freeze"])
@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("synack-droped", "no scenario is called 'synack-droped'. Did you mean synack-dropped"),
        ("qqqq*", "no scenario is called 'qqqq*'. 'netlab list' shows them all."),
        ("no/such.yaml", "no/such.yaml: no such file: there is no folder no. "),
    ],
)
def test_what_is_not_there_exits_with_2_and_a_suggestion(
    command: str, name: str, says: str
) -> None:
    done = netlab(command, name)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(f"netlab: {says}")


@pytest.mark.parametrize("command", ["run", "list", "show", "freeze"])
def test_a_bad_file_exits_with_2_and_names_its_line(command: str, tmp_path: Path) -> None:
    path = scenario(tmp_path, "client: conect")
    done = netlab(command, path)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(f"netlab: {path}:4: client cannot 'conect'. Did you mean connect?")
    assert done.err.count("\n") == 1


def test_a_folder_without_scenarios_is_no_success(tmp_path: Path) -> None:
    done = netlab("run", f"{tmp_path}/")
    assert (done.code, done.out) == (2, "")
    assert "has no scenario: expected files ending in .yaml" in done.err


@pytest.mark.parametrize("command", ["show", "freeze"])
def test_one_scenario_is_one(command: str) -> None:
    done = netlab(command, "syn*")
    assert done.code == 2
    assert re.match(r"netlab: 'syn\*' names \d+ scenarios \(syn.*\): name one\n", done.err)


# --- readers that go away


@pytest.mark.parametrize("arguments", [["list", "--json"], ["schema"], ["show", "fins-cross"],
                                       [], ["--help"], ["run", "--help"]])  # fmt: skip
@pytest.mark.parametrize("reader", ["head -1", "true"])
def test_a_reader_that_leaves_early_is_no_error(arguments: list[str], reader: str) -> None:
    command = f"{shlex.join([*NETLAB, *arguments])} | {reader}"
    done = subprocess.run(
        ["sh", "-c", command], capture_output=True, text=True, env=environment(), timeout=PATIENCE,
        check=False,
    )  # fmt: skip
    assert done.stderr == ""


@pytest.mark.parametrize("arguments", ["list", "doctor", "show fins-cross"])
def test_nothing_to_write_to_is_no_error(arguments: str) -> None:
    done = subprocess.run(
        ["sh", "-c", f"{shlex.join(NETLAB)} {arguments} >&-"], stderr=subprocess.PIPE, text=True,
        env=environment(), timeout=PATIENCE, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")


# --- list


def test_the_list_has_every_quick_scenario_and_its_pair() -> None:
    done = netlab("list")
    assert (done.code, done.err) == (0, "")
    quick = [each for each in EVERYTHING if not each.slow]
    listed = [re.split(r"  +", line)[:3] for line in done.out.splitlines()[2:-2]]
    pairs = [[each.name, *str(each.expect.claim).split("/")] for each in quick]
    assert listed == pairs
    assert done.out.splitlines()[-1].startswith(f"{len(quick)} scenarios. ")


def test_the_list_as_json_has_one_object_a_line() -> None:
    done = netlab("list", "--json", "--slow")
    rows = [json.loads(line) for line in done.out.splitlines()]
    assert [row["scenario"] for row in rows] == [each.name for each in EVERYTHING]
    assert [row["slow"] for row in rows] == [each.slow for each in EVERYTHING]
    for row in rows:
        assert row.keys() == {"scenario", "pair", "source", "differs", "slow", "path"}
        assert row["pair"].keys() == {"client", "server"}


@pytest.mark.parametrize(
    ("names", "listed"),
    [
        (["fin-dropped"], ["fin-dropped"]),
        (["probes"], ["port-closed", "port-filtered", "port-open", "udp-port-closed"]),
        (["port-[co]*"], ["port-closed", "port-open"]),
        (["fin-dropped", "fin-dropped"], ["fin-dropped"]),
        (["--slow", "fin-dropped"], ["fin-dropped", "fin-dropped-to-the-end"]),
        (["fin-dropped-to-the-end"], ["fin-dropped-to-the-end"]),
    ],
    ids=str,
)
def test_scenarios_are_chosen_by_name_folder_or_pattern(
    names: list[str], listed: list[str]
) -> None:
    done = netlab("list", "--json", *names)
    assert [json.loads(line)["scenario"] for line in done.out.splitlines()] == listed


# --- doctor, schema, completion


def test_the_doctor_finds_what_labs_need() -> None:
    done = netlab("doctor")
    assert (done.code, done.err) == (0, "")
    assert re.search(r"^ok +namespaces and veth ", done.out, re.MULTILINE)
    assert "MISSING" not in done.out


def test_the_doctor_names_another_program_called_netlab(tmp_path: Path) -> None:
    other = tmp_path / "netlab"
    other.write_text("#!/usr/bin/python3\nimport sys\nfrom netsim.cli import lab_commands\n")
    lines = netlab("doctor", PATH=f"{tmp_path}:{os.environ['PATH']}").out
    assert f"{other} is another program" not in lines  # a file that cannot be run
    other.chmod(0o755)
    lines = netlab("doctor", PATH=f"{tmp_path}:{os.environ['PATH']}").out
    assert f"{other} is another program, of the package netsim, and first in PATH" in lines
    assert f"call this one by {sys.executable} -m netlab" in lines
    lines = netlab("doctor", PATH=f"{os.environ['PATH']}:{tmp_path}").out
    assert "of the package netsim" in lines


def test_the_doctor_knows_the_command_that_pip_installs() -> None:
    installed = Path(sys.executable).parent
    if not (installed / "netlab").exists():
        pytest.skip("netlab is not installed here")
    lines = netlab("doctor", PATH=f"{installed}:/usr/bin:/bin").out
    assert "only command called netlab" in lines
    assert "another program" not in lines


def test_the_doctor_as_json_has_one_object_a_line() -> None:
    done = netlab("doctor", "--json")
    findings = [json.loads(line) for line in done.out.splitlines()]
    assert done.code == 0
    for finding in findings:
        assert finding.keys() == {"what", "good", "detail", "fix", "needed"}
        assert finding["good"] or finding["fix"]
    assert all(finding["good"] for finding in findings if finding["needed"])


def test_the_schema_is_printed_as_json() -> None:
    assert json.loads(netlab("schema").out) == schema()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_code_for_the_shell(shell: str) -> None:
    done = netlab("completion", shell)
    assert (done.code, done.err) == (0, "")
    assert "netlab" in done.out
    assert "_ARGCOMPLETE" in done.out


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("netlab fre", "freeze"),
        ("netlab help fre", "freeze"),
        ("netlab run --js", "--json"),
        ("netlab run --banana --js", "--json"),
        ("netlab coll", "collector"),
        ("netlab diagnose --all", "--all-namespaces"),
        ("netlab show fins-c", "fins-cross"),
        ("netlab baseline ch", "check"),
        ("netlab completion ba", "bash"),
    ],
)
def test_a_shell_completes_commands_options_and_names(line: str, word: str, tmp_path: Path) -> None:
    answer = tmp_path / "answer"  # argcomplete writes to descriptor 8, or to this file
    done = netlab(
        _ARGCOMPLETE="1",
        _ARGCOMPLETE_STDOUT_FILENAME=str(answer),
        COMP_LINE=line,
        COMP_POINT=str(len(line)),
    )
    assert done.code == 0
    assert word in answer.read_text().split()
