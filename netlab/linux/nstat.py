# SPDX-License-Identifier: GPL-2.0-or-later
"""The counters of one namespace, as ``nstat -az`` names them."""

from __future__ import annotations

import functools
import os

FILES = ("/proc/thread-self/net/netstat", "/proc/thread-self/net/snmp")


def named(group: str, name: str) -> str:
    """The name nstat has for a counter of a group: those of TcpExt lack their prefix."""
    return name if group == "TcpExt" else group + name


class Counters:
    """``/proc/net/netstat`` and ``snmp``. Open it inside the namespace; read it from anywhere."""

    def __init__(self) -> None:
        self._fds: list[int] = []
        try:
            for path in FILES:
                self._fds.append(os.open(path, os.O_RDONLY | os.O_CLOEXEC))
        except OSError:
            self.close()
            raise

    def read(self) -> dict[str, int]:
        """Every counter: those of TcpExt without their prefix (``TCPTimeouts``), those of
        ``snmp`` with theirs (``TcpOutRsts``, ``IcmpInDestUnreachs``).
        """
        return {
            name: int(number)
            for names, numbers in self.lines()
            for name, number in zip(_names(names), _numbers(numbers), strict=True)
        }

    def lines(self) -> list[tuple[str, str]]:
        """The same as it is written: the names of each group, and their numbers."""
        texts = [os.pread(fd, 1 << 16, 0).decode("ascii").splitlines() for fd in self._fds]
        return [pair for text in texts for pair in zip(text[::2], text[1::2], strict=True)]

    def close(self) -> None:
        """Close the descriptors."""
        for fd in self._fds:
            os.close(fd)


@functools.lru_cache(64)
def _names(line: str) -> tuple[str, ...]:
    """The names of a group's counters, of the line that has them."""
    group, _, listed = line.partition(":")
    prefix = named(group, "")
    return tuple(prefix + name for name in listed.split())


def _numbers(line: str) -> list[str]:
    return line.split()[1:]


def moved(before: list[tuple[str, str]], after: list[tuple[str, str]]) -> dict[str, int]:
    """The change of each counter that changed between two of `Counters.lines`. A group in which
    none did is not taken apart.
    """
    were = dict(before)
    changed: dict[str, int] = {}
    for names, numbers in after:
        was = were.get(names)
        if was == numbers:
            continue
        old = _numbers(was) if was is not None else ["0"] * len(_names(names))
        both = zip(_names(names), old, _numbers(numbers), strict=True)
        changed |= {name: int(new) - int(one) for name, one, new in both if one != new}
    return changed


def difference(before: dict[str, int], after: dict[str, int]) -> dict[str, int]:
    """The change of each counter that changed; the others are left out."""
    return {
        name: value - before.get(name, 0)
        for name, value in after.items()
        if value != before.get(name, 0)
    }
