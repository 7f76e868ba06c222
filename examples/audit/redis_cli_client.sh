#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# One command by redis-cli (Debian: redis-tools): redis.
#
# By default it waits for ever. Version 7.0 has no time-out of its own: `--recommended` is timeout(1).
limits=
[ "$1" != --recommended ] || limits='timeout 10'
# shellcheck disable=SC2086  # several words are meant
exec $limits redis-cli -h "$NETLAB_SERVER" -p "$NETLAB_PORT" -e PING
