# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Sourced by scripts/deb and scripts/rpm, after scripts/setup.sh: makes both sources of a package, of the
# commit that is checked out. Needs $venv; sets
#
#   version   as Debian and Fedora sort it: 1.2.0~rc1 comes before 1.2.0
#   work      a folder that is removed in the end: netlab-tcp/ is netlab's source, and vendor/ what comes
#             with it, of requirements.lock, checked by its hashes

version=$("$venv/bin/python" -c 'from netlab import __version__; print(__version__)' |
    sed 's/[.]dev/~dev/; s/\([0-9]\)\(a\|b\|rc\)\([0-9]\)/\1~\2\3/')
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
export SOURCE_DATE_EPOCH LC_ALL=C.UTF-8
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The same bytes whenever, wherever and by whomever it is made.
pack() { # folder, file, as what it stands in the archive
    tar -C "$1" --sort=name --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner \
        --mode=u=rwX,go=rX --transform="s,^[.],$3," -cJf "$2" .
}

download() {
    "$venv/bin/python" -m pip --disable-pip-version-check download --quiet --no-deps --require-hashes \
        --only-binary :all: --dest "$work/vendor" "$@"
}

git archive --prefix=netlab-tcp/ HEAD | tar -C "$work" -x
mkdir "$work/vendor"
"$venv/bin/python" scripts/vendored.py "$work/vendor"
# What has code in C comes as source.
download --no-binary greenlet,zstandard --requirement "$work/vendor/requirements.txt"
download --requirement "$work/vendor/builders.txt"
