#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# One request by curl (Debian: curl): HTTP.
#
# By default connecting may take 5 minutes, and the rest for ever. `--recommended`: the two time-outs
# of https://everything.curl.dev/usingcurl/timeouts.html
limits=
[ "$1" != --recommended ] || limits='--connect-timeout 5 --max-time 10'
# shellcheck disable=SC2086  # several words are meant
exec curl -sS $limits "http://$NETLAB_SERVER:$NETLAB_PORT/"
