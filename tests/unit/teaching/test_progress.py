# SPDX-License-Identifier: GPL-2.0-or-later
"""Which lessons are done is remembered, and never stands in anybody's way."""

from __future__ import annotations

import datetime
import os
import pwd
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from netlab.teaching.progress import Progress

#: In a user namespace everybody is root, of one user.
ALL_USERS = "4294967295"
IS_ROOT = os.geteuid() == 0 and Path("/proc/self/uid_map").read_text().split()[2] == ALL_USERS
ROOT = pytest.mark.skipif(not IS_ROOT, reason="needs root: acts for another user")


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where it is, in a home of its own."""
    monkeypatch.delenv("SUDO_UID", raising=False)
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path / ".local" / "state" / "netlab" / "lessons"


def written(file: Path, text: str | bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(text if isinstance(text, bytes) else text.encode())


def test_it_is_remembered_in_lines_that_a_person_can_read(file: Path) -> None:
    assert Progress().done() == {}
    Progress().add("fin-dropped")
    Progress().add("syn-dropped")
    Progress().add("fin-dropped")
    day = datetime.datetime.now().astimezone().date().isoformat()
    head, *lines = file.read_text().splitlines()
    assert head.startswith("# Lessons walked to their end")
    assert lines == [f"{day} syn-dropped", f"{day} fin-dropped"]  # the last one last
    assert [*Progress().done()] == ["syn-dropped", "fin-dropped"]
    assert [path.name for path in file.parent.iterdir()] == ["lessons"]


def test_the_lesson_that_was_left_is_remembered_until_another_one_ends(file: Path) -> None:
    Progress().add("fin-dropped")
    Progress().leave("syn-dropped")
    assert (Progress().left(), [*Progress().done()]) == ("syn-dropped", ["fin-dropped"])
    Progress().leave("fin-dropped")  # and stays among those that are done
    assert (Progress().left(), [*Progress().done()]) == ("fin-dropped", ["fin-dropped"])
    Progress().add("port-open")
    assert (Progress().left(), [*Progress().done()]) == ("", ["fin-dropped", "port-open"])


def test_it_is_where_the_desktop_says(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "relative")  # counts as none
    assert Progress().path == file
    monkeypatch.setenv("XDG_STATE_HOME", "/elsewhere")
    assert Progress().path == Path("/elsewhere/netlab/lessons")


def test_a_broken_file_counts_as_far_as_it_can_be_read(file: Path) -> None:
    written(file, b"2026-01-02 fin-dropped\n\xff\xfe\0garbage\n2026-01-03 syn-dropped extra\n")
    progress = Progress()
    assert progress.done() == {"fin-dropped": "2026-01-02"}
    assert progress.trouble == f"{file} has 2 lines that are not netlab's"
    progress.add("syn-dropped")
    assert [*Progress().done()] == ["fin-dropped", "syn-dropped"]


def test_a_lesson_that_netlab_does_not_have_is_kept(file: Path) -> None:
    written(file, "2026-01-02 of-another-version\n")
    Progress().add("syn-dropped")
    assert "of-another-version" in file.read_text()


@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo], ids=["folder", "pipe"])
def test_what_is_no_file_is_left_alone(file: Path, make: object) -> None:
    file.parent.mkdir(parents=True)
    make(file)  # type: ignore[operator]
    progress = Progress()
    assert progress.done() == {}
    assert progress.trouble.startswith(f"cannot read {file}: ")
    if file.is_dir():
        progress.add("syn-dropped")
        assert progress.trouble.startswith(f"cannot write {file}: ")
        assert [*file.parent.iterdir()] == [file]
        assert not progress.forget()
        assert progress.trouble.startswith(f"cannot remove {file}: ")


def test_where_a_folder_should_be_is_a_file(file: Path) -> None:
    file.parent.parent.mkdir(parents=True)
    file.parent.write_text("mine")
    progress = Progress()
    progress.add("syn-dropped")
    assert progress.trouble.startswith(f"cannot write {file}: ")
    assert file.parent.read_text() == "mine"


def test_without_a_home_nothing_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HOME", "XDG_STATE_HOME", "SUDO_UID"):
        monkeypatch.delenv(name, raising=False)
    progress = Progress()
    progress.add("syn-dropped")
    assert (progress.done(), progress.forget()) == ({}, False)
    assert "HOME is not set" in progress.trouble


def test_a_write_that_fails_leaves_the_old_file(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(file, "2026-01-02 fin-dropped\n")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    progress = Progress()
    progress.add("syn-dropped")
    assert progress.trouble == f"cannot write {file}: No space left on device"
    assert file.read_text() == "2026-01-02 fin-dropped\n"
    assert [*file.parent.iterdir()] == [file]


# --- root, for somebody else


@pytest.fixture
def nobody() -> Iterator[tuple[int, Path]]:
    """Somebody who is not root, and a folder that is theirs."""
    user = pwd.getpwnam("nobody")
    with tempfile.TemporaryDirectory(prefix="netlab-home-", dir="/tmp") as folder:
        os.chown(folder, user.pw_uid, user.pw_gid)
        yield user.pw_uid, Path(folder)


def owners(folder: Path) -> set[int]:
    return {path.lstat().st_uid for path in folder.rglob("*")}


@ROOT
def test_under_sudo_it_is_the_callers(
    file: Path, nobody: tuple[int, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    user, home = nobody
    monkeypatch.setenv("SUDO_UID", str(user))
    monkeypatch.setenv("XDG_STATE_HOME", str(home / "state"))
    before = (os.geteuid(), os.getegid(), os.getgroups())
    Progress().add("syn-dropped")
    assert [*Progress().done()] == ["syn-dropped"]
    assert owners(home) == {user}
    assert (os.geteuid(), os.getegid(), os.getgroups()) == before
    assert Progress().forget()


@ROOT
def test_root_in_somebodys_home_leaves_nothing_of_roots_there(
    file: Path, nobody: tuple[int, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    user, home = nobody
    monkeypatch.setenv("HOME", str(home))  # as doas and 'su -m' leave it
    Progress().add("syn-dropped")
    assert [*Progress().done()] == ["syn-dropped"]
    assert owners(home) == {user}


@ROOT
def test_sudo_writes_nothing_that_its_caller_could_not(
    file: Path, nobody: tuple[int, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    user, home = nobody
    (home / "state").symlink_to(file.parent)  # a folder of root's
    written(file, "2026-01-02 fin-dropped\n")
    monkeypatch.setenv("SUDO_UID", str(user))
    monkeypatch.setenv("XDG_STATE_HOME", str(home / "state"))
    progress = Progress()
    progress.add("syn-dropped")
    assert progress.trouble.endswith("Permission denied")
    assert file.read_text() == "2026-01-02 fin-dropped\n"
    assert [*file.parent.iterdir()] == [file]
    assert os.geteuid() == 0


@ROOT
def test_a_file_that_may_not_be_written_is_not_exchanged(
    file: Path, nobody: tuple[int, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    user, home = nobody
    monkeypatch.setenv("SUDO_UID", str(user))
    monkeypatch.setenv("XDG_STATE_HOME", str(home))
    own = home / "netlab" / "lessons"
    Progress().add("fin-dropped")
    for foreign in (False, True):
        own.chmod(0o444)
        if foreign:
            os.chown(own, 0, 0)
        before = own.stat()
        progress = Progress()
        progress.add("syn-dropped")
        assert [*progress.done()] == ["fin-dropped"]
        assert "it is read-only" in progress.trouble
        assert own.stat() == before


@ROOT
def test_a_caller_whom_nobody_knows_is_root(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for caller in ("0", "4242424242424242424242", "3999999999", "me"):
        monkeypatch.setenv("SUDO_UID", caller)
        assert Progress().path == file
