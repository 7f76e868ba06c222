#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Waits for redis, then stores that this host is up: up.sh SERVER PORT
server=$1 port=$2

ask() {
    timeout 2 redis-cli -h "$server" -p "$port" "$@" 2>&1
}

until [ "$(ask PING)" = PONG ]; do
    :
done
[ "$(ask SET "up:web-1" yes)" = OK ] && echo "stored" || exit 1
