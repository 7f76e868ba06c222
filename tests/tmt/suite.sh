#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# One distribution: plays everything on its kernel and leaves the run in a folder of this guest's
# name in the plan's data, which tmt fetches. Ends as netlab does: 0 is tmt's pass, 1 its fail,
# anything else its error. NETLAB_MATRIX holds more options of `netlab matrix`.
#
# bash, which tmt itself needs on a guest, because the table in which tmt names the guest is bash's.
set -euf
cd "$TMT_TREE"
tests/tmt/packages.sh check
# shellcheck disable=SC1090  # tmt writes it for this very guest
. "$TMT_TOPOLOGY_BASH"

# An environment for this run alone: one that the guest keeps would go on to play the netlab that
# it was made for. Not in /tmp, which may be memory, or forbid to execute what lies there.
if [ -z "${NETLAB_VENV:-}" ]; then
    scratch=$(mktemp -d /var/tmp/netlab.XXXXXX)
    trap 'rm -rf "$scratch"' EXIT
    export NETLAB_VENV=$scratch/venv NETLAB_CACHE=$scratch/cache
fi
# shellcheck disable=SC2086  # several options in one word are meant; a pattern in it is netlab's
./scripts/record --output "$TMT_PLAN_DATA/${TMT_GUEST[name]}" ${NETLAB_MATRIX:-}
