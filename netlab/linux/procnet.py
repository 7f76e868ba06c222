# SPDX-License-Identifier: GPL-2.0-or-later
"""``/proc/net/tcp`` and ``tcp6`` of one namespace, through descriptors that stay open.

Columns and timer codes: ``Documentation/networking/proc_net_tcp.rst`` and ``get_tcp4_sock``,
``get_timewait4_sock``, ``get_openreq4`` in ``net/ipv4/tcp_ipv4.c``. Request sockets show as
SYN_RECV with inode 0; TIME_WAIT rows have fewer columns; CLOSED is never listed. Reading one row
costs 2 us, an empty table 17.
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
import sys
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from netlab.model.errors import LabError
from netlab.model.tcp import State, Timer

CLOCK_TICKS = os.sysconf("SC_CLK_TCK")
DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
READ_SIZE = 1 << 14
PAGE, LONGEST_ROW = 4096, 512
#: Seconds after which a table is read that was empty, and that nobody here writes to.
UNUSUAL = 0.25
PROC_SHOWS_REQUESTS_AS = State.SYN_RECV


class Row(NamedTuple):
    """One socket as the kernel lists it."""

    local: str  # endpoint, as /proc/net/tcp writes it: 0100000A:15B3
    remote: str
    state: State
    tx_queue: int  # bytes not acknowledged; a SYN or FIN counts 1
    rx_queue: int  # bytes not read; of a listener: connections not accepted
    timer: Timer
    remaining: float  # seconds until the timer fires
    retransmits: int  # since the last acknowledgment; a tail loss probe does not count
    probes: int  # zero-window probes, or attempts that the local firewall refused
    inode: int  # 0: no file descriptor holds it
    pointer: str = ""  # the kernel's name for the socket, as its tracepoints write it


def endpoint(address: str, port: int) -> str:
    """An address and port as these files write them: 32-bit words in the machine's byte order."""
    return f"{_words(address)}:{port:04X}"


@lru_cache(maxsize=1024)
def _words(address: str) -> str:
    packed = ipaddress.ip_address(address).packed
    order = 1 if sys.byteorder == "big" else -1
    words = (packed[start : start + 4][::order] for start in range(0, len(packed), 4))
    return "".join(word.hex().upper() for word in words)


def ends(text: str) -> tuple[str, int]:
    """The address and port of `endpoint`. An IPv4 address in an IPv6 socket is one of IPv4."""
    words, _, port = text.rpartition(":")
    order = 1 if sys.byteorder == "big" else -1
    parts = (words[start : start + 8] for start in range(0, len(words), 8))
    found = ipaddress.ip_address(b"".join(bytes.fromhex(part)[::order] for part in parts))
    mapped = found.ipv4_mapped if found.version == 6 else None
    return str(mapped or found), int(port, 16)


def address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """The address in words of hexadecimal digits, as a little-endian machine writes them.

    Nothing in the text shows the byte order; other machines are rare.
    """
    words = (text[start : start + 8] for start in range(0, len(text), 8))
    return ipaddress.ip_address(b"".join(bytes.fromhex(word)[::-1] for word in words))


#: By the code of a state in these files; some kernels have one more, for a request.
STATES = {f"{state.value:02X}": state for state in State} | {"0C": PROC_SHOWS_REQUESTS_AS}
_TIMERS = {f"{timer.value:02X}": timer for timer in Timer}


def timer_of(code: str) -> Timer:
    """The timer of a row; an unknown code counts as a retransmission timer."""
    return _TIMERS.get(code, Timer.RETRANSMIT)


class TcpTable:
    """The connection table of one namespace. Open it inside; read it from anywhere.

    `usual`: the file of the family that those who open sockets here use, ``tcp`` or ``tcp6``. Half
    of the cost of a sample is the other one, and most of the time nothing is in it. `strangers`:
    programs may open sockets here, of any family; set it before they can.
    """

    def __init__(self, usual: str = "") -> None:
        self.strangers = not usual
        self._files: list[_Reopened] = []
        self._directory = os.open("/proc/thread-self/net", DIRECTORY)
        try:
            self._files.append(_Reopened(self._directory, "tcp"))
            with contextlib.suppress(FileNotFoundError):  # IPv6 is switched off
                self._files.append(_Reopened(self._directory, "tcp6"))
        except OSError:
            self.close()
            raise
        self._usual = [file for file in self._files if file.name == usual]
        self._unusual = [file for file in self._files if file.name != usual]
        self._again = 0.0  # when to read the others

    def read(self) -> list[Row]:
        """Every TCP socket of the namespace, now."""
        return [row for file in self._files for row in file.rows()]

    def sample(self, at: float) -> list[Row]:
        """The same for less; `at`: now, in seconds on any clock that goes on.

        The table of the other family is left out while it is empty and nobody opens sockets of that
        family. Strangers may, and a visitor from another process: the table is read all the same
        every `UNUSUAL` seconds, and in each sample from the first socket on until none is left.
        """
        rows = [row for file in self._usual for row in file.rows()]
        if self.strangers or at >= self._again:
            others = [row for file in self._unusual for row in file.rows()]
            self._again = at if others else at + UNUSUAL
            rows += others
        return rows

    def close(self) -> None:
        """Close the descriptors."""
        for file in self._files:
            file.close()
        os.close(self._directory)


class _Reopened:
    """A file of /proc/net that can be read again and again.

    Some kernels (6.6.102-104, 6.12.42-45) fail a second read from the start, and there the file is
    opened anew in the same namespace each time.
    """

    def __init__(self, directory: int, name: str) -> None:
        self.name = name
        self._directory = directory
        self._fd = self._open()
        self._parsed: dict[str, Row] = {}  # by line, of the last read

    def rows(self) -> Iterable[Row]:
        """One for each line but the heading; the same object as before if it has not changed."""
        before = self._parsed
        self._parsed = {
            line: before.get(line) or _row(line) for line in self.read().splitlines()[1:]
        }
        return self._parsed.values()

    def _open(self) -> int:
        try:
            return os.open(self.name, os.O_RDONLY | os.O_CLOEXEC, dir_fd=self._directory)
        except OSError as error:
            error.filename = f"/proc/net/{self.name}"
            raise

    def read(self) -> str:
        """The whole file. Raises `LabError` if it reads as empty even when opened anew."""
        text = self._whole()
        if not text:
            self._open_anew()
            text = self._whole()
            if not text:
                raise LabError(f"/proc/net/{self.name} reads as empty")
        return text

    def _open_anew(self) -> None:
        """Open the same file of the same namespace. By its name it would be that of the namespace
        in which this thread is by now, whatever folder was opened before.
        """
        again = os.open(f"/proc/self/fd/{self._fd}", os.O_RDONLY | os.O_CLOEXEC)
        os.close(self._fd)
        self._fd = again

    def _whole(self) -> str:
        chunks, offset = [], 0
        try:
            while chunk := os.pread(self._fd, READ_SIZE, offset):
                chunks.append(chunk)
                offset += len(chunk)
                if len(chunk) < PAGE - LONGEST_ROW:  # seq_file fills a page while rows remain
                    break
        except OSError:
            return ""
        return b"".join(chunks).decode("ascii")

    def close(self) -> None:
        os.close(self._fd)


def _row(line: str) -> Row:
    column = line.split(None, 12)
    tx_queue, rx_queue = column[4].split(":")
    timer, when = column[5].split(":")
    return Row(
        local=column[1],
        remote=column[2],
        state=STATES[column[3]],
        tx_queue=int(tx_queue, 16),
        rx_queue=int(rx_queue, 16),
        timer=timer_of(timer),
        remaining=int(when, 16) / CLOCK_TICKS,
        retransmits=int(column[6], 16),
        probes=int(column[8]),
        inode=int(column[9]),
        pointer=column[11],
    )
