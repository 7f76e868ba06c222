#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# redis (Debian: redis-server), which keeps nothing: redis.sh PORT FOLDER
exec redis-server --port "$1" --bind '*' '-::*' --protected-mode no --save '' --dir "$2"
