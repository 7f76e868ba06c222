# SPDX-License-Identifier: GPL-2.0-or-later
"""The counters of one namespace, as ``nstat -az`` names them."""

from __future__ import annotations

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
        values: dict[str, int] = {}
        for fd in self._fds:
            lines = os.pread(fd, 1 << 16, 0).decode("ascii").splitlines()
            for names, numbers in zip(lines[::2], lines[1::2], strict=True):
                group, _, listed = names.partition(":")
                prefix = named(group, "")
                for name, number in zip(listed.split(), numbers.split()[1:], strict=True):
                    values[prefix + name] = int(number)
        return values

    def close(self) -> None:
        """Close the descriptors."""
        for fd in self._fds:
            os.close(fd)


def difference(before: dict[str, int], after: dict[str, int]) -> dict[str, int]:
    """The change of each counter that changed; the others are left out."""
    return {
        name: value - before.get(name, 0)
        for name, value in after.items()
        if value != before.get(name, 0)
    }
