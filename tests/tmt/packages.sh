#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# What netlab wants of a distribution.
#
# packages.sh        installs it by the distribution's own package manager, where it is missing: a
#                    Python of 3.11 or newer that can make virtual environments, and nft, ss and
#                    tcpdump to look with. Nothing is upgraded. Always ends well: a preparation that
#                    fails would take the plan's other guests with it.
# packages.sh check  ends with 3 where there is no such Python, and says why and what to do. The
#                    suite begins with it, so that this is the result of this one distribution.
set -u

say() { printf 'netlab: %s\n' "$*" >&2; }
has() { command -v "$1" >/dev/null; }
root() { [ "$(id -u)" -eq 0 ]; }

good_python() {
    for python in ${PYTHON:-python3 python3.14 python3.13 python3.12 python3.11}; do
        "$python" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' \
            2>/dev/null && return
    done
    return 1
}

check() {
    good_python && return
    system=$(. /etc/os-release 2>/dev/null && printf '%s' "${PRETTY_NAME:-}")
    say "${system:-This system} has no Python 3.11 or newer that can make virtual environments."
    if [ -e /run/ostree-booted ]; then
        say "Its packages come with its image: build one with Python, or layer it" \
            "(rpm-ostree install python3, then reboot)."
    elif ! root; then
        say "Only root can install it: log in as root, or let tmt use sudo (provision --become)."
    elif [ ! -w /usr ]; then
        say "Its /usr is read-only. Put an interpreter elsewhere and name it:" \
            "tmt run --environment PYTHON=/path/to/python3"
    else
        say "None was found to install; the log.txt of tmt's run says what was tried. Install one" \
            "and name it: tmt run --environment PYTHON=/path/to/python3"
    fi
    return 3
}

[ "${1:-}" != check ] || { check; exit; }

# For each package manager: how it installs, and what it calls the interpreter of a version.
interpreter() { echo "python$1"; }
iproute=iproute2
if has apt-get; then
    export DEBIAN_FRONTEND=noninteractive
    # A fresh machine may be updating itself: wait for the lock.
    get() { apt-get -o DPkg::Lock::Timeout=300 "$@"; }
    install() { get install -qy "$@"; }
    # ensurepip is in a package of its own.
    interpreter() { echo "python$1 python$1-venv"; }
elif has dnf; then
    install() { dnf install -qy "$@"; }
    iproute=iproute
elif has zypper; then
    install() { zypper --non-interactive install "$@"; }
    interpreter() { echo "python$1" | tr -d .; }
elif has apk; then
    install() { apk add "$@"; }
elif has pacman; then
    install() { pacman -S --noconfirm --needed "$@"; }
    interpreter() { echo python; }
else
    say "no apt-get, dnf, zypper, apk or pacman here: nothing is installed"
    exit 0
fi

missing=
has nft || missing="$missing nftables"
has ss || missing="$missing $iproute"
has tcpdump || missing="$missing tcpdump"
if good_python && [ -z "$missing" ]; then
    exit 0
elif ! root; then
    say "not root: nothing is installed (with tmt: provision --become)"
    exit 0
fi
! has apt-get || get update -q
# The distribution's own Python first; then those beside it, the newest first.
for version in 3 3.14 3.13 3.12 3.11; do
    good_python && break
    # shellcheck disable=SC2046  # several names are meant
    install $(interpreter "$version")
done
# One by one: a name that a distribution does not know keeps none of the others away.
for package in $missing; do
    install "$package" || say "$package was not installed; the scenarios do without"
done
check || :
