# SPDX-License-Identifier: GPL-2.0-or-later
"""What a process needs to build labs: root, or a user namespace in which it is root."""

from __future__ import annotations

import contextlib
import errno
import getpass
import os
import resource
import threading
from functools import cache
from pathlib import Path

from netlab.linux import sysctl
from netlab.linux.syscalls import (
    CLONE_NEWNET,
    CLONE_NEWUSER,
    MS_NODEV,
    MS_NOEXEC,
    MS_NOSUID,
    NoMount,
    NoNamespace,
    own_mounts,
    own_network,
    remount,
    setns,
    unshare,
)
from netlab.model.errors import NO_MEMORY, NO_PROCESS, Forbidden, LabError

#: Packet sockets take CAP_NET_RAW, which is not among the rights of podman's containers.
CAPABILITIES = {"NET_ADMIN": 12, "NET_RAW": 13, "SYS_ADMIN": 21}


@cache
def prepare() -> None:
    """Make this process able to build labs: capabilities, and descriptors for many of them.

    Without root it enters a user namespace of its own. Raises `Forbidden` where it may not, and
    `LabError` where something else is missing.
    """
    _has_memory()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    _most_networks()  # inside a user namespace of its own it reads otherwise
    _write_sysctls()
    if not privileged():
        enter_user_namespace()
        return
    try:
        if not _can_come_home():
            unshare(CLONE_NEWNET)  # root of a user namespace, in a network from outside it
    except OSError as error:
        raise refused(error) from None


#: Bytes for one lab, measured. Python itself is aborted by the kernel's refusals when it has less.
MEMORY = {"v": (resource.RLIMIT_AS, 96 << 20), "d": (resource.RLIMIT_DATA, 48 << 20)}


def _has_memory() -> None:
    for option, (limit, enough) in MEMORY.items():
        soft, _ = resource.getrlimit(limit)
        if soft != resource.RLIM_INFINITY and soft < enough:
            raise LabError(
                f"there is not enough memory here: raise ulimit -{option} from {soft >> 10} to "
                f"{enough >> 10} or more"
            )


def _write_sysctls() -> None:
    """Where a container has ``/proc/sys`` read-only, have it writable in a mount namespace of this
    process's own, if its rights are enough: what a lab sets there is the lab's own.
    """
    with contextlib.suppress(OSError):
        if os.statvfs(sysctl.ROOT).f_flag & os.ST_RDONLY:
            own_mounts()
            remount(str(sysctl.ROOT), MS_NOSUID | MS_NODEV | MS_NOEXEC)


def _can_come_home() -> bool:
    """True if this process may enter the network namespace that it is in."""
    home = own_network()
    try:
        setns(home)
    except PermissionError:
        return False
    finally:
        os.close(home)
    return True


def privileged() -> bool:
    """True if this process may create namespaces and rules as it is.

    Raises `LabError` where nothing can be known, because there is no ``/proc``.
    """
    try:
        status = Path("/proc/self/status").read_text()
    except FileNotFoundError:
        raise LabError(
            "/proc is not mounted here, and it shows the states of connections: "
            "mount -t proc proc /proc"
        ) from None
    effective = next(line for line in status.splitlines() if line.startswith("CapEff"))
    held = int(effective.split()[1], 16)
    return all(held >> capability & 1 for capability in CAPABILITIES.values())


def in_user_namespace() -> bool:
    """True if this process is root only within a user namespace."""
    return Path("/proc/self/uid_map").read_text().split() != ["0", "0", "4294967295"]


def enter_user_namespace() -> None:
    """Become root of a new user namespace; nothing outside it is within reach.

    That includes the host's network: a process that may not enter it could not return to it from a
    lab, so this one moves to an empty one for good. Only a process with one thread may do this
    (user_namespaces(7)). Raises `Forbidden` for any other, and where the kernel refuses.
    """
    if threading.active_count() > 1 or len(os.listdir("/proc/self/task")) > 1:
        raise Forbidden(
            "without root, netlab must enter a user namespace before other threads start. "
            "Call netlab.prepare() first; for pytest, set 'netlab_userns = true' in its settings"
        )
    uid, gid = os.getuid(), os.getgid()
    with contextlib.suppress(KeyError, OSError):
        # Inside, the user ID is root's; a lookup of the name still gets the true one. (pytest does
        # one, and would share a temporary folder with the real root.)
        os.environ.setdefault("LOGNAME", getpass.getuser())
    try:
        unshare(CLONE_NEWUSER | CLONE_NEWNET)
        Path("/proc/self/setgroups").write_text("deny")
        _map_user(uid)
        Path("/proc/self/gid_map").write_text(f"0 {gid} 1")
    except OSError as error:
        error.filename = None  # whoever may not write these may not have the namespace
        raise refused(error) from None


def _map_user(uid: int) -> None:
    """Make that user the root of the user namespace that this process has just entered."""
    try:
        Path("/proc/self/uid_map").write_text(f"0 {uid} 1")
    except PermissionError:
        if uid != 0 or forbidding_settings():
            raise
        raise Forbidden(
            "root without CAP_SETFCAP may not be root of a user namespace. Run as another user "
            f"(in a container: --user 1000), or give the container its rights: {RIGHTS}"
        ) from None


#: Descriptors that a process has besides its labs, and those that one lab may need at most: a
#: recorded one has 25, and its applications have connections and programs.
OTHER_DESCRIPTORS, A_LAB, A_HOP = 40, 30, 6
#: Network namespaces besides those of labs, and of one lab with one hop or a slow wire.
OTHER_NETWORKS, NETWORKS_OF_A_LAB = 2, 3


def labs_at_once(hops: int = 1) -> int:
    """The number of labs, with at most so many hops on the way of each, for which this process may
    have enough descriptors and namespaces; 1 at least.
    """
    further = max(0, hops - 1)
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    labs = [(limit - OTHER_DESCRIPTORS) // (A_LAB + further * A_HOP)]
    networks = _most_networks()
    if networks is not None:
        labs.append((networks - OTHER_NETWORKS) // (NETWORKS_OF_A_LAB + further))
    return max(1, min(labs))


@cache
def _most_networks() -> int | None:
    """The limit of network namespaces where this process began, if it can be read there."""
    with contextlib.suppress(OSError, ValueError):
        return int(sysctl.read("user.max_net_namespaces"))
    return None


#: Settings that forbid namespaces to ordinary users, and the value that does.
FORBIDDING = {
    "kernel.unprivileged_userns_clone": "0",  # Debian
    "kernel.apparmor_restrict_unprivileged_userns": "1",  # Ubuntu 23.10 and later
    "user.max_user_namespaces": "0",
    "user.max_net_namespaces": "0",
}


def forbidding_settings() -> list[str]:
    """The sysctls of this machine that keep an ordinary user from building labs."""
    found = []
    for name, value in FORBIDDING.items():
        with contextlib.suppress(OSError):
            if sysctl.read(name) == value:
                found.append(f"{name}={value}")
    return found


#: As podman and docker take them.
RIGHTS = " ".join(f"--cap-add {name}" for name in CAPABILITIES)
#: Where the rights are there, and a profile refuses all the same.
NO_PROFILE = (
    "no such profile: --security-opt seccomp=unconfined, and --security-opt apparmor=unconfined "
    "where there is AppArmor"
)
#: What there is not enough of, by the error that tells.
SCARCE = {
    errno.EMFILE: "too many open files: raise the limit ({most}; ulimit -n), or run with --jobs "
    "{labs}",
    errno.ENFILE: "this machine has too many open files: raise fs.file-max",
    errno.EAGAIN: NO_PROCESS,
    errno.ENOMEM: f"{NO_MEMORY}, or run fewer at once (--jobs)",
}


def refused(error: OSError) -> LabError:
    """The error for what was refused for want of rights or of something that is limited here, as
    one sentence with the name of the limit and the remedy.
    """
    if error.errno in SCARCE:
        most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        return LabError(SCARCE[error.errno].format(most=most, labs=labs_at_once()))
    if error.filename is not None:
        return LabError(f"building a lab failed: {error.filename}: {error.strerror}")
    settings = forbidding_settings()
    if settings:
        return Forbidden(
            f"this kernel forbids namespaces to ordinary users: {' and '.join(settings)}. "
            f"Run as root (sudo; in a container with {RIGHTS}), or have an administrator change "
            "that sysctl"
        )
    if error.errno == errno.ENOSPC and isinstance(error, NoNamespace):
        return LabError(_no_more(error.kinds))
    if error.errno in (errno.EPERM, errno.EACCES, errno.ENOSYS):  # as a profile answers
        what = "mounting" if isinstance(error, NoMount) else "creating a namespace"
        remedy = f"its rights: {RIGHTS}" if not privileged() else NO_PROFILE
        return Forbidden(
            f"{what} was refused although no sysctl forbids it: a container or a security module "
            f"does. Run on the machine itself, or give the container {remedy}"
        )
    return LabError(f"building a lab failed: {error.strerror}")


def _no_more(kinds: tuple[str, ...]) -> str:
    """The sentence for namespaces of which there may be no more."""
    limits = []
    for kind in kinds:
        name = f"user.max_{kind}_namespaces"
        try:
            limits.append(f"{name} ({sysctl.read(name)} here)")
        except OSError:
            limits.append(name)
    fewer = f", or run fewer at once (--jobs {labs_at_once()})" if "net" in kinds else ""
    return f"the limit of namespaces is reached: raise {' or '.join(limits)}{fewer}"
