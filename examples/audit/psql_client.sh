#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# One query by psql (Debian: postgresql-client): PostgreSQL.
#
# By default it waits for ever. `--recommended`: the environment's variables and the parameters of
# https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS
limits=
[ "$1" != --recommended ] || limits='connect_timeout=10 keepalives_idle=5 keepalives_interval=2
    keepalives_count=2 tcp_user_timeout=10000'
exec psql -XAt -c "SELECT 'hello'" \
    "host=$NETLAB_SERVER port=$NETLAB_PORT user=postgres $limits"
