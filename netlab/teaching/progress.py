# SPDX-License-Identifier: GPL-2.0-or-later
"""Which lessons somebody has walked to their end: one small file, a line a lesson.

It is a help and never a hindrance: what cannot be read counts as nothing done, what cannot be
written is not remembered, and `trouble` has a sentence about it. As root, the file is that of the
person who called sudo, in their home, and is looked for and written with their rights: so nothing
of root's is left there, and nothing that they could not write themselves is written.
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
LINE = re.compile(r"(\d{4}-\d\d-\d\d) ([\w-]+)")
LARGEST = 1 << 20  # bytes; a line is at most 60


class Owner(NamedTuple):
    """Whose file it is, where root acts for somebody."""

    user: int
    group: int


class Progress:
    """The file. Make it before a lab: without root, netlab looks like root from then on."""

    def __init__(self) -> None:
        self.trouble = ""  # why something is not remembered
        self._owner: Owner | None = None
        self.path: Path | None = None
        home = os.environ.get("HOME", "")
        if os.geteuid() == 0:
            self._owner, home = _acting_for(home)
        # A relative XDG_STATE_HOME counts as none (XDG Base Directory Specification).
        state = os.environ.get("XDG_STATE_HOME", "")
        if state.startswith("/"):
            self.path = Path(state) / FILE
        elif home.startswith("/"):
            self.path = Path(home, ".local", "state") / FILE
        else:
            self.trouble = "there is no home to remember it in: HOME is not set"

    def done(self) -> dict[str, str]:
        """The lessons that are done, and on which day (ISO 8601). Never raises."""
        if self.path is None:
            return {}
        try:
            with self._rights():
                text = _text(self.path)
        except FileNotFoundError:
            return {}
        except OSError as error:
            self._cannot("read", error)
            return {}
        lines = [line for line in text.splitlines() if line and not line.startswith("#")]
        found = [match.groups() for line in lines if (match := LINE.fullmatch(line))]
        if len(found) < len(lines):
            count = len(lines) - len(found)
            what = "a line that is" if count == 1 else f"{count} lines that are"
            self.trouble = f"{self.path} has {what} none of netlab's"
        return {name: day for day, name in found}

    def add(self, name: str) -> None:
        """Remember that a lesson was walked to its end, today. Never raises."""
        if self.path is None:
            return
        day = datetime.datetime.now().astimezone().date().isoformat()
        done = self.done()
        done.pop(name, None)  # the last line is the last lesson
        done[name] = day
        try:
            with self._rights():
                self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                _replace(self.path, HEAD + "".join(f"{day} {name}\n" for name, day in done.items()))
        except OSError as error:
            self._cannot("write", error)

    def forget(self) -> bool:
        """Begin anew; whether there was anything. `trouble` says why it could not be."""
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
        """As the person whose file it is. The kernel judges what they may do."""
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
    """For whom root acts, and their home: the caller of sudo, or whose home it was given."""
    caller = os.environ.get("SUDO_UID", "")
    with contextlib.suppress(KeyError, OverflowError):  # nobody whom this machine knows
        if caller.isdecimal() and int(caller):
            person = pwd.getpwuid(int(caller))
            return Owner(person.pw_uid, person.pw_gid), person.pw_dir
    with contextlib.suppress(OSError):
        there = os.stat(home)
        if there.st_uid:
            return Owner(there.st_uid, there.st_gid), home
    return None, home


def _text(path: Path) -> str:
    """What is in a file, whatever it is; a pipe with this name is not waited for."""
    file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(file, "rb") as stream:
        if not stat.S_ISREG(os.fstat(file).st_mode):
            raise OSError(errno.EINVAL, "it is not a file")
        return stream.read(LARGEST).decode(errors="replace")


def _replace(path: Path, text: str) -> None:
    """Write a file whole or not at all. One that may not be written is not exchanged either."""
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
