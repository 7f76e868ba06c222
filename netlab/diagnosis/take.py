# SPDX-License-Identifier: GPL-2.0-or-later
"""Takes snapshots: of this host, or of any network namespace that it has."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from netlab.diagnosis import columns
from netlab.diagnosis.store import Taken
from netlab.errors import Forbidden, LabError, ScenarioError
from netlab.observe import diag
from netlab.observe.counters import Counters
from netlab.observe.diag import Block, Column, Table

if TYPE_CHECKING:
    from netlab.diagnosis.records import Socket

#: Sysctls that decide what is possible and how long it lasts (Linux's ip-sysctl.rst).
SYSCTLS = (
    "core/somaxconn",
    "ipv4/ip_local_port_range",
    "ipv4/tcp_abort_on_overflow",
    "ipv4/tcp_fin_timeout",
    "ipv4/tcp_keepalive_intvl",
    "ipv4/tcp_keepalive_probes",
    "ipv4/tcp_keepalive_time",
    "ipv4/tcp_max_orphans",
    "ipv4/tcp_max_syn_backlog",
    "ipv4/tcp_max_tw_buckets",
    "ipv4/tcp_mtu_probing",
    "ipv4/tcp_orphan_retries",
    "ipv4/tcp_retries2",
    "ipv4/tcp_rto_max_ms",
    "ipv4/tcp_syn_linear_timeouts",
    "ipv4/tcp_syn_retries",
    "ipv4/tcp_synack_retries",
    "ipv4/tcp_syncookies",
    "ipv4/tcp_timestamps",
    "ipv4/tcp_tw_reuse",
)
#: On a host with more sockets, owners are looked up only when asked for: that reads every link in
#: /proc/*/fd, 3 us each.
FEW = 5000
CLONE_NEWNET = 0x40000000


class Choice(NamedTuple):
    """Which sockets are kept: all, or those with this port or address at either end."""

    port: int | None = None
    address: str | None = None


def take(
    namespace: str | None = None,
    choice: Choice = Choice(),  # noqa: B008  (a NamedTuple cannot be changed)
    twice: float | None = None,
    owners: bool = False,
) -> list[Taken]:
    """One look at a namespace (a file, a process's number, a name; None: where this process is),
    or two, so many seconds apart.

    Raises `ScenarioError` where there is no such namespace, `Forbidden` where it may not be
    entered, `LabError` where the kernel does not list its sockets.
    """
    with entered(namespace):
        looks = [_look(choice, owners)]
        if twice is not None:
            from netlab.observe import sampling

            sampling.wait(lambda: None, sampling.now() + twice)
            looks.append(_look(choice, owners))
    return looks


@contextlib.contextmanager
def entered(namespace: str | None) -> Iterator[None]:
    """Be in a namespace for a while. Nothing is done for None."""
    if namespace is None:
        yield
        return
    target, home = _open(namespace), os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    try:
        _enter(target, namespace)
        try:
            yield
        finally:
            _enter(home, "/proc/thread-self/ns/net")
    finally:
        os.close(target)
        os.close(home)


def _open(namespace: str) -> int:
    if namespace.isdecimal():
        path, what = f"/proc/{namespace}/ns/net", f"no process {namespace} is here"
    elif "/" in namespace:
        path, what = namespace, f"there is no {namespace}"
    else:
        path, what = f"/run/netns/{namespace}", f"'ip netns' has no namespace {namespace!r}"
    try:
        return os.open(path, os.O_RDONLY)
    except PermissionError:
        raise Forbidden(f"{path} may be read by root only: run this with sudo") from None
    except OSError:
        raise ScenarioError(
            f"{what}. --netns takes a file (/run/netns/NAME, /proc/PID/ns/net), the name of a "
            "namespace that 'ip netns' made, or the number of a process"
        ) from None


def _enter(descriptor: int, name: str) -> None:
    import ctypes  # 5 ms, and this host is looked at without

    if ctypes.CDLL(None, use_errno=True).setns(descriptor, CLONE_NEWNET) == 0:
        return
    code = ctypes.get_errno()
    if isinstance(OSError(code, ""), PermissionError):
        raise Forbidden(f"only root may look into {name}: run this with sudo")
    raise ScenarioError(f"{name} is no network namespace")


# --- one look


def _look(choice: Choice, owners: bool) -> Taken:
    at = round(time.time(), 3)
    counters = Counters()
    try:
        counted = counters.read()  # first: a packet that comes meanwhile shows in a socket only
    finally:
        counters.close()
    table = chosen(_table(), choice)
    if owners or sum(block.size for block in table.blocks) <= FEW:
        table = owned(table)
    return Taken(table, counted, dict(_sysctls()), at)


def _table() -> Table:
    try:
        return diag.table()
    except (LabError, OSError):  # no module, or it is kept from containers
        return columns.table(_from_proc())


def _from_proc() -> list[Socket]:
    from netlab.diagnosis.parse import proc

    found = []
    for name in ("tcp", "tcp6"):
        reader = proc.Reader()
        with contextlib.suppress(FileNotFoundError):  # IPv6 is switched off
            for line in Path("/proc/thread-self/net", name).read_text("ascii").splitlines():
                reader.row(line, 0)
        found += reader.finish()
    return found


def _sysctls() -> Iterator[tuple[str, str]]:
    for name in SYSCTLS:
        with contextlib.suppress(OSError):
            text = Path("/proc/sys/net", name).read_text(encoding="ascii")
            yield name.rpartition("/")[2], " ".join(text.split())


def chosen(table: Table, choice: Choice) -> Table:
    """Those sockets of a table that have the port and the address."""
    if choice == Choice():
        return table
    place = None
    if choice.address is not None:
        if choice.address not in table.addresses:
            return Table([], [])
        place = table.addresses.index(choice.address)
    blocks = []
    for block in table.blocks:
        keep = [
            number
            for number, (local, local_port, remote, remote_port) in enumerate(_ends(block))
            if (choice.port is None or choice.port in {local_port, remote_port})
            and (place is None or place in {local, remote})
        ]
        if keep:
            blocks.append(_picked(block, keep))
    return Table(table.addresses, blocks)


def _ends(block: Block) -> Iterator[tuple[object, ...]]:
    names = ("local", "local_port", "remote", "remote_port")
    return zip(*(_list(block, name) for name in names), strict=True)


def _list(block: Block, name: str) -> list[object]:
    values = block.columns[name]
    return values if isinstance(values, list) else [values] * block.size


def _picked(block: Block, keep: Sequence[int]) -> Block:
    def pick(values: Column) -> Column:
        return [values[number] for number in keep] if isinstance(values, list) else values

    return Block(
        block.state,
        len(keep),
        {name: pick(values) for name, values in block.columns.items()},
        {name: pick(values) for name, values in block.info.items()},
    )


# --- owners


def owned(table: Table) -> Table:
    """A table whose sockets say which processes hold them, as ``ss -p`` writes it."""
    if not any(block.columns["inode"] for block in table.blocks):
        return table
    holders = _holders()
    blocks = []
    for block in table.blocks:
        texts = [_users(holders.get(inode, ())) for inode in _list(block, "inode")]
        column = {"owner": columns.column(texts)} if any(texts) else {}
        blocks.append(block._replace(columns={**block.columns, **column}))
    return Table(table.addresses, blocks)


def _users(holders: Sequence[str]) -> str:
    return f"users:({','.join(holders)})" if holders else ""


def _holders() -> dict[object, list[str]]:
    """Every socket's inode, and who has it open; of processes that this user may look into."""
    found: dict[object, list[str]] = {}
    for process in filter(str.isdecimal, os.listdir("/proc")):
        name = ""
        with contextlib.suppress(OSError):  # somebody else's, or it has just ended
            for descriptor in os.listdir(f"/proc/{process}/fd"):
                link = os.readlink(f"/proc/{process}/fd/{descriptor}")
                if link.startswith("socket:["):
                    name = name or Path(f"/proc/{process}/comm").read_text().rstrip("\n")
                    holder = f'("{name}",pid={process},fd={descriptor})'
                    found.setdefault(int(link[8:-1]), []).append(holder)
    return found
