#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# sshd (Debian: openssh-server), for the user who starts it: sshd.sh PORT FOLDER
#
# The key that opens it is FOLDER/key, once it listens.
set -eu
[ "$(id -u)" -ne 0 ] || mkdir -p /run/sshd
for each in host key; do
    [ -f "$2/$each" ] || ssh-keygen -q -t ed25519 -N '' -f "$2/$each"
done
exec /usr/sbin/sshd -D -e -f /dev/null -h "$2/host" -p "$1" -o AuthorizedKeysFile="$2/key.pub" \
    -o StrictModes=no -o PermitRootLogin=yes -o UsePAM=no -o PidFile=none
