# SPDX-License-Identifier: GPL-2.0-or-later
"""Remembers the lessons that were finished, and the one that was left: one small file, one line
per lesson.

It never gets in the way: a file that cannot be read counts as nothing done, what cannot be written
is not remembered, and `trouble` has a sentence about it. As root, the file is that of the person
who called sudo, in their home, and is read and written with their rights: so no file of root's is
left there, and nothing is written that they could not write themselves.
"""

from __future__ import annotations

import contextlib
import datetime
import errno
import os
import pwd
import re
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

FILE = Path("netlab", "lessons")
HEAD = "# Lessons walked to their end with 'netlab teach'. 'netlab teach --forget' removes this.\n"
LINE = re.compile(r"(\d{4}-\d\d-\d\d) ([\w-]+)( left)?")
LARGEST = 1 << 20  # bytes; a line is at most 60


class Owner(NamedTuple):
    """The owner of the file, if root acts for another user."""

    user: int
    group: int


class Progress:
    """The file. Create it before a lab, in which netlab without root appears to be root."""

    def __init__(self) -> None:
        self.trouble = ""  # the reason that something is not remembered
        self._owner: Owner | None = None
        self.path: Path | None = None
        home = os.environ.get("HOME", "")
        if os.geteuid() == 0:
            self._owner, home = _acting_for(home)
        # A relative XDG_STATE_HOME is ignored (XDG Base Directory Specification).
        state = os.environ.get("XDG_STATE_HOME", "")
        if state.startswith("/"):
            self.path = Path(state) / FILE
        elif home.startswith("/"):
            self.path = Path(home, ".local", "state") / FILE
        else:
            self.trouble = "there is no home directory to remember it in: HOME is not set"

    def done(self) -> dict[str, str]:
        """The finished lessons, each with its day (ISO 8601). Never raises."""
        return {name: day for day, name, left in self._read() if not left}

    def left(self) -> str:
        """The lesson that was left before its end, if it was the last one, or ''. Never raises."""
        return next((name for _, name, left in self._read() if left), "")

    def _read(self) -> list[tuple[str, str, bool]]:
        """Each line: the day, the lesson, and whether it was left before its end."""
        if self.path is None:
            return []
        try:
            with self._rights():
                text = _text(self.path)
        except FileNotFoundError:
            return []
        except OSError as error:
            self._cannot("read", error)
            return []
        lines = [line for line in text.splitlines() if line and not line.startswith("#")]
        found = [match.groups() for line in lines if (match := LINE.fullmatch(line))]
        if len(found) < len(lines):
            count = len(lines) - len(found)
            what = "a line that is" if count == 1 else f"{count} lines that are"
            self.trouble = f"{self.path} has {what} not netlab's"
        return [(day, name, bool(left)) for day, name, left in found]

    def add(self, name: str) -> None:
        """Remember that a lesson was finished today. Never raises."""
        self._write(name, "")

    def leave(self, name: str) -> None:
        """Remember that a lesson was left today, before its end. Never raises."""
        self._write(name, " left")

    def _write(self, name: str, how: str) -> None:
        """Write the file with a lesson as the last one. It stays among those that were finished
        where it is only left now.
        """
        if self.path is None:
            return
        done = self.done()
        if not how:
            done.pop(name, None)  # the last line is the last lesson
        lines = [f"{day} {each}\n" for each, day in done.items()]
        today = datetime.datetime.now().astimezone().date().isoformat()
        try:
            with self._rights():
                self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                _replace(self.path, "".join([HEAD, *lines, f"{today} {name}{how}\n"]))
        except OSError as error:
            self._cannot("write", error)

    def forget(self) -> bool:
        """Remove the file. Returns True if there was one; `trouble` explains a failure."""
        if self.path is None:
            return False
        try:
            with self._rights():
                self.path.unlink()
        except FileNotFoundError:
            return False
        except OSError as error:
            self._cannot("remove", error)
            return False
        return True

    def _cannot(self, do: str, error: OSError) -> None:
        self.trouble = f"cannot {do} {self.path}: {error.strerror or error}"

    @contextlib.contextmanager
    def _rights(self) -> Iterator[None]:
        """Act as the owner of the file, so that the kernel decides what is allowed."""
        if self._owner is None:
            yield
            return
        groups, group = os.getgroups(), os.getegid()
        with contextlib.ExitStack() as back:
            os.setgroups([self._owner.group])
            back.callback(os.setgroups, groups)
            os.setegid(self._owner.group)
            back.callback(os.setegid, group)
            os.seteuid(self._owner.user)
            back.callback(os.seteuid, 0)
            yield


def _acting_for(home: str) -> tuple[Owner | None, str]:
    """The user for whom root acts, and their home: the caller of sudo, or the owner of HOME."""
    caller = os.environ.get("SUDO_UID", "")
    with contextlib.suppress(KeyError, OverflowError):  # not a user of this machine
        if caller.isdecimal() and int(caller):
            person = pwd.getpwuid(int(caller))
            return Owner(person.pw_uid, person.pw_gid), person.pw_dir
    with contextlib.suppress(OSError):
        there = os.stat(home)
        if there.st_uid:
            return Owner(there.st_uid, there.st_gid), home
    return None, home


def _text(path: Path) -> str:
    """The content of a file, decoded in any case; does not wait for a pipe of this name."""
    file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(file, "rb") as stream:
        if not stat.S_ISREG(os.fstat(file).st_mode):
            raise OSError(errno.EINVAL, "it is not a file")
        return stream.read(LARGEST).decode(errors="replace")


def _replace(path: Path, text: str) -> None:
    """Write a file whole or not at all. A read-only one is not replaced either."""
    if path.exists() and not os.access(path, os.W_OK, effective_ids=True):
        raise PermissionError(errno.EACCES, "it is read-only")
    file, new = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    try:
        with os.fdopen(file, "w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(file)
        os.replace(new, path)
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(new)
        raise
