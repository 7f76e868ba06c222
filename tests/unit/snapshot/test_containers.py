# SPDX-License-Identifier: GPL-2.0-or-later
"""What is asked of the command lines of runtimes, and what is made of their answers.

The runtimes are small shell scripts here, with the answers of the real ones; podman, crun and runc
themselves are asked in `tests/cli/test_containers.py`.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from netlab.model.errors import ScenarioError
from netlab.snapshot import containers

ASK = "inspect --format {{.State.Pid}}"


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PATH with nothing on it but the shell, and what a test puts there."""
    (tmp_path / "sh").symlink_to("/bin/sh")
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def answers(folder: Path, program: str, **lines: str) -> None:
    """A runtime that knows these command lines; of all others it says that it knows no such one."""
    cases = "".join(f"'{asked}') {reply} ;;\n" for asked, reply in lines.items())
    script = f'#!/bin/sh\ncase "$*" in\n{cases}*) echo "no such one: $*" >&2; exit 1 ;;\nesac\n'
    (folder / program).write_text(script)
    (folder / program).chmod(0o755)


@pytest.mark.parametrize("program", ["docker", "podman", "nerdctl"])
def test_docker_and_what_is_like_it_inspect_a_name(installed: Path, program: str) -> None:
    answers(installed, program, **{f"{ASK} web": "echo 4711"})
    assert containers.first_process("web") == 4711


def test_crictl_finds_a_name_and_inspects_its_id(installed: Path) -> None:
    shape = "--output go-template --template {{.info.pid}}"
    answers(
        installed,
        "crictl",
        **{
            r"ps --quiet --name ^web\.1$": "echo 0a1b2c",
            f"inspect {shape} 0a1b2c": "echo 12",
            f"inspect {shape} 0a1b": "echo 12",
            "ps --quiet --name ^0a1b$": ":",
            "ps --quiet --name ^two$": "echo 0a1b2c; echo 3d4e5f",
        },
    )
    assert containers.first_process("web.1") == 12
    assert containers.first_process("0a1b") == 12
    with pytest.raises(ScenarioError, match="2 are called so: give one's ID, 0a1b2c, 3d4e5f"):
        containers.first_process("two")


def test_containerd_lists_what_runs_in_each_of_its_namespaces(installed: Path) -> None:
    ask = "--connect-timeout 2s"
    heading = "echo 'TASK PID STATUS'"
    answers(
        installed,
        "ctr",
        **{
            f"{ask} namespaces ls --quiet": "echo default; echo k8s.io",
            f"{ask} --namespace default tasks ls": f"{heading}; echo 'web 12 RUNNING'; "
            "echo 'ended 13 STOPPED'",
            f"{ask} --namespace k8s.io tasks ls": f"{heading}; echo '{'a1' * 32} 14 RUNNING'; "
            f"echo '{'a1' * 31}b2 15 RUNNING'",
        },
    )
    assert containers.first_process("web") == 12
    assert containers.first_process("a1" * 32) == 14
    for name, why in (
        ("ended", "it is there, and does not run"),
        ("a1a1a1a1", "2 are called so"),
        ("we", "it has no such task"),  # two letters are no ID
    ):
        with pytest.raises(ScenarioError, match=why):
            containers.first_process(name)


@pytest.mark.parametrize("program", ["runc", "crun"])
def test_oci_runtimes_have_a_state(installed: Path, program: str) -> None:
    answers(
        installed,
        program,
        **{
            "state web": """echo '{"id": "web", "pid": 812, "status": "running"}'""",
            "state ended": """echo '{"id": "ended", "pid": 0, "status": "stopped"}'""",
            "state odd": "echo '[]'",
        },
    )
    assert containers.first_process("web") == 812
    with pytest.raises(ScenarioError, match=rf"{program}: it is there, and does not run"):
        containers.first_process("ended")
    with pytest.raises(ScenarioError, match=r"its answer is no state of a container"):
        containers.first_process("odd")


def test_one_that_does_not_run_is_not_taken_for_the_kernel(installed: Path) -> None:
    """Runtimes print 0 for it, and /proc/0 is not there, but a process 0 is."""
    answers(installed, "docker", **{f"{ASK} web": "echo 0"})
    with pytest.raises(ScenarioError, match="docker: it is there, and does not run"):
        containers.first_process("web")


def test_two_runtimes_may_have_one_of_the_same_name(installed: Path) -> None:
    answers(installed, "docker", **{f"{ASK} web": "echo 11"})
    answers(installed, "podman", **{f"{ASK} web": "echo 22"})
    with pytest.raises(ScenarioError, match=r"say --pid 11 \(docker\) or --pid 22 \(podman\)"):
        containers.first_process("web")
    answers(installed, "podman", **{f"{ASK} web": "echo 11"})  # it is the same one
    assert containers.first_process("web") == 11


def test_whoever_finds_none_is_told_who_was_asked(installed: Path) -> None:
    answers(installed, "docker", **{f"{ASK} web": "echo Is the daemon running? >&2; exit 1"})
    answers(installed, "runc", **{"state web": """echo 'level=error msg="it is \\"not\\"" x' >&2;
        exit 1"""})  # fmt: skip
    with pytest.raises(ScenarioError) as raised:
        containers.first_process("web")
    text = str(raised.value)
    assert "docker: Is the daemon running?" in text
    assert r"runc: it is \"not\"" in text
    assert "/proc/*/cgroup: no ID begins so" in text
    assert "not installed here: podman, nerdctl, crictl, ctr, crun" in text
    assert "--pid" in text


def test_a_runtime_that_hangs_costs_a_while_and_no_more(
    installed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(containers, "PATIENCE", 0.2)
    answers(installed, "docker", **{f"{ASK} web": "while :; do read x </dev/zero; done"})
    answers(installed, "podman", **{f"{ASK} web": "echo 33"})
    assert containers.first_process("web") == 33
    (installed / "podman").unlink()
    with pytest.raises(ScenarioError, match=r"docker: no answer within 0\.2 s"):
        containers.first_process("web")


@pytest.mark.parametrize("name", ["", "--all", "a b", "a/b", "$(id)", "-x", "a\x1b[2J"])
def test_what_is_no_name_is_not_handed_to_anybody(installed: Path, name: str) -> None:
    answers(installed, "docker", **{f"{ASK} {name}": "echo 5"} if "\x1b" not in name else {})
    with pytest.raises(ScenarioError, match="cannot be the name or the ID") as raised:
        containers.first_process(name)
    assert str(raised.value).isprintable()


def test_containers_that_run_are_listed_with_their_names(installed: Path) -> None:
    answers(
        installed,
        "docker",
        **{
            "ps --quiet": "echo aa; echo bb",
            "inspect --format {{.State.Pid}} {{.Name}} aa bb": "echo 11 /web; echo 12 /db",
        },
    )
    answers(installed, "podman", **{"ps --quiet": ":"})
    answers(installed, "nerdctl", **{"ps --quiet": "exit 1"})
    assert containers.names() == {11: "web", 12: "db"}


def test_who_is_in_no_container_has_no_id_of_one() -> None:
    assert containers.short_id(999_999_999) == ""
    own = Path(f"/proc/{os.getpid()}/cgroup").read_text()
    if containers.ID.search(own) is None:
        assert containers.short_id(os.getpid()) == ""


@pytest.mark.parametrize(
    "group",
    [
        f"0::/system.slice/docker-{'a1' * 32}.scope",
        f"9:cpu:/docker/{'a1' * 32}",
        f"0::/user.slice/user-1000.slice/libpod-{'a1' * 32}.scope/container",
        f"0::/kubepods.slice/kubepods-pod7.slice/cri-containerd-{'a1' * 32}.scope",
        f"1:name=systemd:/kubepods/besteffort/pod7/{'a1' * 32}",
    ],
)
def test_control_groups_of_every_runtime_have_the_id(group: str) -> None:
    assert containers.ID.findall(group) == ["a1" * 32]
