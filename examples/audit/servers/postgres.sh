#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# PostgreSQL (Debian: postgresql), which lets everybody in: postgres.sh PORT FOLDER
#
# It refuses to run as root, who has it run as postgres.
set -eu
for each in /usr/lib/postgresql/*/bin; do PATH=$PATH:$each; done
export PATH
if [ "$(id -u)" -eq 0 ]; then
    chown postgres "$2"
    exec setpriv --reuid postgres --regid postgres --init-groups sh "$0" "$@"
fi
initdb --pgdata "$2/data" --auth trust --username postgres --no-locale \
    --encoding UTF8 --no-sync >&2
echo 'host all all all trust' >"$2/hba.conf"
exec postgres -D "$2/data" -p "$1" -k '' -c listen_addresses='*' \
    -c "hba_file=$2/hba.conf" -c fsync=off
