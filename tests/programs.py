# SPDX-License-Identifier: GPL-2.0-or-later
"""Programs that tests ask and that netlab does not come with: the one place that may miss one.

Where ``NETLAB_TOOLS=required`` is set, a test without its program fails: ``./scripts/test`` sets it
for root, and installs them all. Elsewhere the test is skipped, with what to install.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import NoReturn

import pytest

#: What a person has to install where a program is missing (Debian; Fedora where it differs).
PACKAGES = {
    "ab": "apache2-utils (Fedora: httpd-tools)",
    "ansible-playbook": "ansible-core",
    "apt-get": "apt",
    "bash": "bash",
    "busybox": "busybox-static (Fedora: busybox)",
    "capinfos": "wireshark-common (Fedora: wireshark-cli)",
    "chromium": "chromium",
    "conntrack": "conntrack (Fedora: conntrack-tools)",
    "containerd": "containerd",
    "ctr": "containerd",
    "curl": "curl",
    "dash": "dash",
    "go": "golang-go (Fedora: golang)",
    "fish": "fish",
    "gcc": "gcc",
    "gpg": "gnupg (Fedora: gnupg2)",
    "haproxy": "haproxy",
    "initdb": "postgresql (Fedora: postgresql-server)",
    "ip": "iproute2 (Fedora: iproute)",
    "java": "default-jdk-headless (Fedora: java-latest-openjdk-devel)",
    "make": "make",
    "man": "man-db",
    "mergecap": "wireshark-common (Fedora: wireshark-cli)",
    "netstat": "net-tools",
    "nft": "nftables",
    "nginx": "nginx",
    "node": "nodejs",
    "nsenter": "util-linux",
    "nstat": "iproute2 (Fedora: iproute)",
    "pgbench": "postgresql (Fedora: postgresql-contrib)",
    "ping": "iputils-ping (Fedora: iputils)",
    "podman": "podman, crun and runc",
    "postgres": "postgresql (Fedora: postgresql-server)",
    "prlimit": "util-linux",
    "prometheus": "prometheus (Fedora: golang-github-prometheus)",
    "promtool": "prometheus (Fedora: golang-github-prometheus)",
    "psql": "postgresql-client (Fedora: postgresql)",
    "qemu-system-x86_64": "qemu-system-x86 (Fedora: qemu-system-x86-core)",
    "redis-benchmark": "redis-tools (Fedora: redis)",
    "redis-cli": "redis-tools (Fedora: redis)",
    "redis-server": "redis-server (Fedora: redis)",
    "rpmbuild": "rpm (Fedora: rpm-build)",
    "rpmlint": "rpmlint",
    "ruby": "ruby",
    "rustc": "rustc (Fedora: rust)",
    "setpriv": "util-linux",
    "shellcheck": "shellcheck (Fedora: ShellCheck)",
    "ss": "iproute2 (Fedora: iproute)",
    "ssh": "openssh-client (Fedora: openssh-clients)",
    "ssh-keygen": "openssh-client (Fedora: openssh)",
    "sshd": "openssh-server",
    "strace": "strace",
    "tcpdump": "tcpdump",
    "tmt": "tmt, with pipx",
    "tmux": "tmux",
    "tshark": "tshark (Fedora: wireshark-cli)",
    "unshare": "util-linux",
    "zsh": "zsh",
}
LANGUAGE = "an example in its language is played where it is installed anyway"
#: Programs that a test may lack all the same, and why.
NOT_REQUIRED = {
    "containerd": "many machines of CI are containers, in which it runs no others",
    "ctr": "comes with containerd",
    "gcc": "one of the kernel's own tests is built where there is a compiler",
    "go": LANGUAGE,
    "java": LANGUAGE,
    "podman": "many machines of CI are containers, in which it runs no others",
    "ruby": "the Vagrantfile is read by hand and every week (scripts/box), which installs it",
    "rustc": LANGUAGE,
    "tmt": "neither Debian nor Ubuntu has it; whoever changes a plan runs `tmt lint`",
}
#: Asked by nothing but ``./scripts/score --busy``, which installs them.
OF_SERVICES = (
    *("ab", "pgbench", "postgres", "psql"),
    *("redis-benchmark", "redis-cli", "ssh"),
)
NOT_REQUIRED |= dict.fromkeys(OF_SERVICES, "real services are asked about by hand")
#: Other names of one program.
NAMES = {"chromium": ("chromium", "chromium-browser")}


def found(name: str) -> str | None:
    """The path of a program, if it is there."""
    folders = ("/usr/sbin", "/sbin", *map(str, Path("/usr/lib/postgresql").glob("*/bin")))
    path = os.pathsep.join([os.environ.get("PATH", ""), *folders])
    paths = (shutil.which(each, path=path) for each in NAMES.get(name, (name,)))
    return next((each for each in paths if each), None)


def need(name: str) -> str:
    """The path of a program. Fails the test where it is missing and required, else skips it."""
    if path := found(name):
        return path
    missing = f"{name} is missing: install {PACKAGES[name]}"
    if name in NOT_REQUIRED:
        pytest.skip(missing)
    lacking(missing)


def lacking(what: str) -> NoReturn:
    """Fail the test where everything must be there, else skip it; `what` is missing, in words."""
    if os.environ.get("NETLAB_TOOLS") == "required":
        pytest.fail(what, pytrace=False)
    pytest.skip(what)
