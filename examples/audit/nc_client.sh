#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# One line by nc (Debian: netcat-openbsd): a line for a line.
#
# By default it waits until the server closes. `--recommended`: the option -w of
# https://man.openbsd.org/nc.1
limits=
[ "$1" != --recommended ] || limits='-w 10'
# shellcheck disable=SC2086  # several words are meant
echo STATUS | nc -N $limits "$NETLAB_SERVER" "$NETLAB_PORT"
