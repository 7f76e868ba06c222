#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# One command by ssh (Debian: openssh-client), with the key in NETLAB_KEY: SSH.
#
# By default it waits for ever. `--recommended`: ConnectTimeout and ServerAliveInterval of
# https://man.openbsd.org/ssh_config
limits=
[ "$1" != --recommended ] || limits='-o ConnectTimeout=10 -o ServerAliveInterval=5'
# shellcheck disable=SC2086  # several words are meant
exec ssh -F none -i "$NETLAB_KEY" -p "$NETLAB_PORT" -o BatchMode=yes \
    -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR $limits \
    "${NETLAB_USER:-root}@$NETLAB_SERVER" echo hello
