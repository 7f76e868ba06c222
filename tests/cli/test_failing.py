# SPDX-License-Identifier: GPL-2.0-or-later
"""A share of what ``./scripts/failing`` does: one system call fails, and a sentence says so. No
traceback, no wrong exit code, nothing lost and nothing left.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from netlab import cli
from netlab.linux.privileges import in_user_namespace
from tests.failing import judge
from tests.failing.__main__ import CRASHED, Tally, table
from tests.failing.calls import Call, Failure, calls, failures, spread
from tests.failing.commands import COMMANDS, Command
from tests.kernel.tools import is_root
from tests.programs import need

pytestmark = [
    pytest.mark.skipif(not is_root() or in_user_namespace(), reason="looks at tracefs, as root"),
    pytest.mark.timeout(600),
]
#: Of each command, some kinds; of each kind, calls that are not alike.
SHARE = {
    "run": ("unshare", "fork", "answer", "socket"),
    "pcap": ("mount", "folder", "write"),
    "record": ("open", "write", "folder"),
    "matrix-missing": ("open", "close"),
    "schema": ("write", "close"),
}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[judge.Place]:
    need("strace")
    with judge.places(judge.given(tmp_path_factory.mktemp("given")), 1) as (one,):
        yield one


@pytest.mark.parametrize(
    ("name", "kind"), [(name, kind) for name, kinds in SHARE.items() for kind in kinds]
)
def test_a_call_that_fails_is_a_sentence(place: judge.Place, name: str, kind: str) -> None:
    command, made = place.watch(COMMANDS[name])
    found = [*failures(made, [kind], imports=0, alike=1)]
    assert found, f"{name} makes no such call: it is no test of {kind}"
    some = found[:: max(1, len(found) // 4)]
    verdicts = {failure: place.fail(command, failure) for failure in some}
    assert any(verdict.befell for verdict in verdicts.values())
    wrong = {failure: verdict for failure, verdict in verdicts.items() if verdict.wrong}
    assert wrong == {}


AGAIN = "played again: "  # what is said of a lab that was disturbed
#: On a busy machine another call may have the number that this one had, as when samples are fewer.
TRIES = 10


@pytest.mark.parametrize(
    ("name", "call", "error", "seen", "said"),
    [
        ("json", "read", "EIO", "/ipv4/tcp_fin_timeout>", "sysctl net.ipv4.tcp_fin_timeout: Inp"),
        ("story", "accept4", "ENOMEM", "", "there is not enough memory here: "),
        ("ladder", "openat", "EMFILE", "/trace_pipe", "no instance of tracefs (Too many open"),
        ("run", "openat", "EACCES", '"tcp6"', "failed: /proc/net/tcp"),
        ("freeze", "openat", "EACCES", "/netstat", "/proc/thread-self/net/netstat: Permission"),
        ("snapshot", "read", "EIO", "/tcp_fin_timeout>", "Input/output error"),
        ("repro", "openat", "EACCES", '/scenarios", O_RDONLY|O_NONBL', "has no syn-dropped.yaml "),
        ("list", "openat", "EACCES", '/scenarios", O_RDONLY|O_NONBLOCK', "of netlab's own, /"),
        ("list", "read", "EIO", "/self_connect.py>", "connect.py: cannot be read: Inp"),
        ("list", "openat", "EMFILE", "/self_connect.py", "connect.py: cannot be read: Too m"),
        ("teach", "read", "EIO", "/lessons/port-closed.yaml>", "closed.yaml: cannot be read: Inp"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(
    place: judge.Place, name: str, call: str, error: str, seen: str, said: str
) -> None:
    for _ in range(TRIES):
        command, made = place.watch(COMMANDS[name])
        found = next(each for each in made if each.name == call and seen in each.seen)
        verdict = place.fail(command, Failure("open", call, error, found.number, found.seen))
        if AGAIN in verdict.said:  # on a busy machine it fails, and in the next lab it does not
            continue
        assert (verdict.befell, verdict.code, verdict.wrong) == (True, 3, ()), verdict.said
        if said in verdict.said:
            return
    pytest.fail(f"in {TRIES} tries, another call was the one of this number: {verdict.said}")


def test_what_a_ladder_lacks_without_tracepoints_is_said(place: judge.Place) -> None:
    """It is drawn all the same."""
    command, made = place.watch(COMMANDS["ladder"])
    found = next(each for each in made if each.name == "mkdir" and "/instances/" in each.seen)
    verdict = place.fail(command, Failure("folder", "mkdir", "EROFS", found.number, found.seen))
    assert (verdict.befell, verdict.code, verdict.wrong) == (True, 0, ()), verdict.said
    assert "no instance of tracefs (Read-only file system): states are sampled" in verdict.said


def test_no_command_is_left_out() -> None:
    """But help, which prints what the others declare."""
    played = {command.line.split()[0] for command in COMMANDS.values()}
    assert played == cli.parser().parts.keys() - {"help"}


def test_what_is_played_begins_with_the_first_and_ends_with_the_last() -> None:
    assert spread(range(10), 4) == [0, 3, 6, 9]
    assert spread(range(3), 4) == spread(range(3), 0) == [0, 1, 2]
    made = [Call("write", number, f'1</tmp/a>, "{number}", 1) = 1') for number in range(1, 10)]
    made += [Call("write", 10, '1</tmp/a.py>, "", 1) = 1')]  # of an import
    played = [*failures(made, ["write"], imports=0, alike=3)]
    errors = ("ENOSPC", "EDQUOT", "EIO")
    assert [(each.number, each.error) for each in played] == [
        (number, error) for number in (1, 2, 9) for error in errors
    ]
    some = failures(made, ["write"], imports=1, alike=3, most=2)
    assert [(each.number, each.error) for each in some] == [(1, "ENOSPC"), (10, "ENOSPC")]


def test_the_table_tells_of_each_kind_what_befell_and_what_was_wrong() -> None:
    tallies = {
        ("run", "open"): Tally(played=5, befell=4, wrong=1),
        ("list", "open"): Tally(played=2, befell=2),
        ("list", CRASHED): Tally(played=1, befell=1),
    }
    rows = [[cell.strip() for cell in row.split("|")[1:-1]] for row in table(tallies).splitlines()]
    assert [rows[0], *rows[2:]] == [
        ["", "open", "crashed", "all"],
        ["run", "4/5 1!", "", "4/5 1!"],
        ["list", "2/2", "1/1", "3/3"],
        ["all", "6/7 1!", "1/1", "7/8 1!"],
    ]


def test_a_judge_that_sees_a_traceback_says_so(place: judge.Place, tmp_path: Path) -> None:
    """The harness can fail: a command that is not netlab's, and one that leaves what it wrote."""
    (tmp_path / "broken.py").write_text("open('/proc/self/status').read()")

    class Broken(judge.Place):
        def words(self, command: Command) -> list[str]:
            return [super().words(command)[0], "-c", command.line]

    broken = Broken(tmp_path, tmp_path, tmp_path / "bytecode")
    line = "open('half.part','w').write('x'); open('/proc/self/maps')"
    seen = f'"{Path("/proc/self/maps")}"'
    call = next(
        call for call in _all(broken, Command(line)) if seen in call.seen and call.name == "openat"
    )
    verdict = broken.fail(Command(line), Failure("open", "openat", "EIO", call.number, call.seen))
    assert verdict.befell
    assert verdict.code == 1
    assert {"a traceback", "exit code 1, not one of [0, 3]"} <= {*verdict.wrong}
    assert any(each.startswith("left cwd/half.part") for each in verdict.wrong)


def _all(place: judge.Place, command: Command) -> list[Call]:
    place.run(command, "", ["--trace=openat"])
    return calls(place.trace, begins="")
