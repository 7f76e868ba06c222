# SPDX-License-Identifier: GPL-2.0-or-later
"""The kernel's tracepoints: what it reports about connections, to the microsecond.

They are read as text from an instance of tracefs that belongs to this process. (perf_event_open(2)
would need no instance, but it lost what the timers of an idle processor did: 40 of 40
retransmissions, Linux 6.18.) A guardian process waits for this one to end, however it ends, and
then removes the instance. What both leave, because both were killed, the next netlab removes.

A tracepoint sees every namespace. Subscriptions are by address, and no two labs share one
(`netlab.testbed.subnets`).
"""

from __future__ import annotations

import atexit
import contextlib
import itertools
import os
import re
import subprocess
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import NamedTuple

from netlab import scheduler
from netlab.linux import tracefs
from netlab.model.errors import OUT_OF_SOMETHING, Absent, LabError

#: Each tracepoint, and what the kernel filters before it writes a record.
TRACEPOINTS = {
    "sock/inet_sock_set_state": "protocol == 6",
    "tcp/tcp_retransmit_skb": "",
    "tcp/tcp_retransmit_synack": "",
    "tcp/tcp_send_reset": "",
    "tcp/tcp_receive_reset": "",
    "skb/kfree_skb": "rx_sk != 0",  # Linux 6.11; older ones do not tell whose packet it was
}
NEEDED = "sock/inet_sock_set_state"  # Linux 4.16
INTERVAL = 0.001  # seconds; many labs ask for the same records
CHUNK = 1 << 16
SAMPLED = ": states are sampled, and the kernel does not say why it drops a packet"

Endpoint = tuple[str, int]


class Traced(NamedTuple):
    """One record of a tracepoint, about one socket."""

    at: float  # on the clock of scheduler.now
    tracepoint: str
    socket: str  # stands for the kernel's address of it
    local: Endpoint
    remote: Endpoint
    before: str  # of inet_sock_set_state: TCP_SYN_SENT
    after: str
    reason: str  # of a reset, or of a discarded packet


Heard = Callable[[Traced], None]


class Tracer:
    """The tracepoints of the machine, for subscribers. Raises `LabError` if they cannot be read."""

    def __init__(self) -> None:
        self._heard: dict[str, Heard] = {}
        self._sockets: dict[str, Heard] = {}  # for discarded packets, which have no address
        self._rest = ""
        self._drained = 0.0
        self.lost = 0  # records that did not fit into the kernel's buffers
        with contextlib.ExitStack() as opened:
            instance, self._pipe = _instance(opened)
            opened.callback(os.close, self._pipe)
            try:
                (instance / "trace_clock").write_text("mono")
            except OSError as error:
                raise _untraced("no clock for tracepoints", error) from None
            #: Tracepoints that this kernel lacks, or has without what tells whose they are.
            self.absent = tuple(
                name for name, wanted in TRACEPOINTS.items() if not _enable(instance, name, wanted)
            )
            self._opened = opened.pop_all()

    def let_go(self) -> None:
        """Stop reading, so that the guardian can remove the instance at its first try.

        Python is ending: whatever close(2) says, the descriptor is gone, and nobody could be told.
        """
        with contextlib.suppress(OSError):
            os.close(self._pipe)

    def close(self) -> None:
        """Let go of the tracepoints, and of the instance."""
        self._opened.close()

    def subscribe(self, addresses: Iterable[str], heard: Heard) -> None:
        """Call `heard` with each record about a socket bound to one of these addresses."""
        for address in addresses:
            self._heard[address] = heard

    def introduce(self, socket: str, heard: Heard) -> None:
        """Say whose a socket is, by the number that ``/proc/net/tcp`` shows for it."""
        self._sockets[socket] = heard

    def unsubscribe(self, heard: Heard) -> None:
        """Stop calling `heard`."""
        for table in (self._heard, self._sockets):
            for key in [key for key, whose in table.items() if whose == heard]:
                del table[key]

    def drain(self, at_once: bool = True) -> None:
        """Pass the subscribers what has happened since the last call, in order.

        Without `at_once`, do so only if the last call was at least `INTERVAL` seconds ago. What
        happens meanwhile is for the next call: it may never cease.
        """
        now = scheduler.now()
        if not at_once and now - self._drained < INTERVAL:
            return
        self._drained = now
        while text := self._read():
            *lines, self._rest = (self._rest + text).split("\n")
            if max(map(self._tell, lines), default=0.0) > now:
                return

    def _read(self) -> str:
        try:
            return os.read(self._pipe, CHUNK).decode("ascii", "replace")
        except BlockingIOError:
            return ""

    def _tell(self, line: str) -> float:
        """Pass on one record, and say when it was."""
        found = _LINE.search(line)
        if found is None:
            lost = _LOST.search(line)
            self.lost += int(lost[1]) if lost else 0
            return 0.0
        if _FAILED.search(line):
            return float(found[1])
        traced = _traced(found)
        # Whose memory it was hears as well that it has become another's.
        for heard in {self._heard.get(traced.local[0]), self._sockets.get(traced.socket)}:
            if heard is not None:
                heard(traced)
        return traced.at


def tracer() -> Tracer | None:
    """The one that all labs of this process share; None where this machine has none for it.

    Raises `LabError` where the machine has some, and is out of something else.
    """
    found = _tracer()
    return found if isinstance(found, Tracer) else None


def untraced() -> str:
    """Why this machine has none for it, and what is missing then; otherwise ""."""
    try:
        found = _tracer()
    except LabError:  # it is out of something, and each of its labs says so
        return ""
    return "" if isinstance(found, Tracer) else str(found)


@cache
def _tracer() -> Tracer | Absent:
    try:
        found = Tracer()
    except Absent as absent:
        return absent
    atexit.register(found.let_go)
    return found


os.register_at_fork(after_in_child=_tracer.cache_clear)


# --- the text

_LINE = re.compile(r" (\d+\.\d{6}): (\w+): (.*)")
_LOST = re.compile(r"\[LOST (\d+) EVENTS\]")
#: A retransmission that did not take place (Linux 6.18 reports those too): what was sent before
#: still waits on this host (EBUSY), or the local firewall refuses it (EPERM).
_FAILED = re.compile(r" err=-\d+$")
_FIELD = re.compile(r"(\w+)[=:] ?(\S+)")
_SOCKADDR = re.compile(r"\[?(.*?)\]?:(\d+)$")
NO_SOCKET = "0" * 16
NOWHERE = ("", 0)


def _traced(found: re.Match[str]) -> Traced:
    """``family=AF_INET protocol=IPPROTO_TCP sport=5555 ... newstate=TCP_LISTEN`` and the like."""
    fields = dict(_FIELD.findall(found[3]))
    return Traced(
        float(found[1]),
        found[2],
        fields.get("skaddr") or fields.get("rx_sk", NO_SOCKET),
        _end(fields, "s"),
        _end(fields, "d"),
        fields.get("oldstate", ""),
        fields.get("newstate", ""),
        fields.get("reason", ""),
    )


def _end(fields: dict[str, str], which: str) -> Endpoint:
    """Address and port of one end: from a socket's fields, or from a struct sockaddr."""
    whole = fields.get("src" if which == "s" else "dest")
    if whole is not None:
        place = _SOCKADDR.match(whole)
        return (place[1], int(place[2])) if place else NOWHERE
    if f"{which}port" not in fields:
        return NOWHERE
    version6 = fields.get(f"{which}addrv6", "")
    mapped = version6.startswith("::ffff:") or not version6
    address = fields[f"{which}addr"] if mapped else version6
    return address, int(fields[f"{which}port"])


# --- tracefs

#: Seconds that an instance usually takes to go, and many times more.
PARTING_S = 2.0
#: Waits until the other end of its input is closed, and then until the instance can be removed.
#: The only argument is the instance. Where no process can begin any more, it becomes the last one.
GUARDIAN = """
trap '' INT TERM HUP QUIT
trap 'exec rmdir "$0" 2>/dev/null' EXIT
read -r _
while [ -d "$0" ] && ! rmdir "$0" 2>/dev/null; do sleep 0.02; done
"""


def _instance(opened: contextlib.ExitStack) -> tuple[Path, int]:
    """A trace buffer of this process alone, removed when it ends, and a descriptor to read it."""
    try:
        mount = tracefs.root()
        opened.callback(os.close, mount)
        with tracefs.alone(mount):
            tracefs.remove_orphans(mount)
            instance = tracefs.instances(mount) / f"{tracefs.name_of(os.getpid())}-{next(_number)}"
            _guarded(instance, mount, opened)
            # From here on it is read, and nobody takes it for an orphan.
            return instance, os.open(instance / "trace_pipe", os.O_RDONLY | os.O_NONBLOCK)
    except OSError as error:
        raise _untraced("no instance of tracefs", error) from None


def _untraced(what: str, error: OSError) -> LabError:
    scarce = error.errno in OUT_OF_SOMETHING
    kind, sampled = (LabError, "") if scarce else (Absent, SAMPLED)
    return kind(f"{what} ({error.strerror}){sampled}")


def _guarded(instance: Path, mount: int, opened: contextlib.ExitStack) -> None:
    """Make the instance, and have it removed when this process ends."""
    opened.callback(_remove, instance)  # where the guardian could not
    guardian = subprocess.Popen(
        ["/bin/sh", "-c", GUARDIAN, str(instance)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        pass_fds=[mount],
        start_new_session=True,  # a kill of netlab's process group spares it
    )
    opened.callback(_await, guardian)
    assert guardian.stdin is not None
    opened.callback(guardian.stdin.close)
    instance.mkdir()
    opened.callback(_silence, instance)


def _await(guardian: subprocess.Popen[bytes]) -> None:
    """Wait for its end, but not for somebody else who reads the instance: it goes on without."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        guardian.wait(PARTING_S)


_number = itertools.count()


def _silence(instance: Path) -> None:
    with contextlib.suppress(OSError):
        (instance / "events/enable").write_text("0")


def _remove(instance: Path) -> None:
    with contextlib.suppress(OSError):
        instance.rmdir()


def _enable(instance: Path, name: str, wanted: str) -> bool:
    """Enable a tracepoint; False if this kernel lacks it.

    Raises `Absent` if it is `NEEDED`, `LabError` where this machine is out of something.
    """
    event = instance / "events" / name
    try:
        if wanted:
            (event / "filter").write_text(wanted)
        (event / "enable").write_text("1")
    except OSError as error:
        if name == NEEDED or error.errno in OUT_OF_SOMETHING:
            raise _untraced(f"no tracepoint {name}", error) from None
        return False
    return True
