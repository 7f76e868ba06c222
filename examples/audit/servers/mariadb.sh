#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# MariaDB (Debian: mariadb-server), whose user netlab has no password: mariadb.sh PORT FOLDER
set -eu
user=$(id -un)
if [ "$user" = root ]; then
    user=mysql
    chown mysql "$2"
fi
mariadb-install-db --no-defaults --user="$user" --datadir="$2/data" \
    --auth-root-authentication-method=normal >&2
echo "CREATE USER netlab@'%';" >"$2/init.sql"
chmod 644 "$2/init.sql"
PATH=$PATH:/usr/sbin exec mariadbd --no-defaults --user="$user" --datadir="$2/data" --port="$1" \
    --bind-address='*' --skip-name-resolve --socket="$2/socket" --init-file="$2/init.sql"
